// A chart of our own where Plotly is not: axes and a legend, around a canvas's viewport.

import { chartStyle, drawAxes } from "../base/axes.js";
import { classMark } from "../base/classes.js";
import { cleared, element, theme } from "../base/dom.js";
import { oncePerFrame } from "../base/motion.js";
import { niceStep, stepTicks } from "../base/ticks.js";
import { CanvasViewport } from "./canvas_viewport.js";

const PLOT_MARGIN = { left: 4, right: 4, top: 30, bottom: 24 };
const TICK_PIXELS = { x: 90, y: 50 }; // between two ticks, at least

export class Plot {
  // classes: their names; x and y: the ranges that must be in view at first; dot: the size of a code's mark
  constructor(parent, { classes, x, y, dot }) {
    this.root = element("div", "latent-plot", parent);
    this.back = element("canvas", "latent-axes", this.root);
    this.request = oncePerFrame(() => this.root.clientWidth && this.draw());
    this.view = new CanvasViewport(parent, {
      home: [x, y],
      margin: PLOT_MARGIN,
      pans: true,
      classes: classes.map((name) => ({ name, size: dot, shown: true })),
      legend: this.legend(classes),
    });
    this.view.listen(() => this.request());
    new ResizeObserver(() => this.request()).observe(this.root);
  }

  legend(classes) {
    const legend = element("div", "legend", this.root);
    return classes.map((name, label) => {
      const entry = element("button", "traces", legend, { type: "button" });
      const mark = classMark(entry, label, "legendpoints");
      return { entry, mark, text: element("span", "legendtext", entry, { textContent: name }) };
    });
  }

  draw() {
    const frame = this.view.frame();
    const unit = this.view.unit();
    const ticks = {
      x: stepTicks(frame.x, { step: niceStep(TICK_PIXELS.x * unit), grid: false }),
      y: stepTicks(frame.y, { step: niceStep(TICK_PIXELS.y * unit), grid: true }),
    };
    const context = cleared(this.back, this.root.clientWidth, this.root.clientHeight);
    drawAxes(context, frame, ticks, chartStyle(theme().ink))(context);
  }
}
