// A part of the plane close up, on a stage of our own, with axes drawn here.

import { closeUpStyle, drawAxes } from "../base/axes.js";
import { element, growth } from "../base/dom.js";
import { roundTicks } from "../base/ticks.js";
import { CanvasViewport } from "./canvas_viewport.js";
import { Chart } from "./chart.js";

const CLOSE_UP_MARGIN = { left: 40, right: 6, top: 6, bottom: 22 };
const TICK_ROOM = 70; // for each label under the plane
const MOST_TICKS = 6;
const HOME = [
  [-1, 1],
  [-1, 1],
]; // until the page says what to show

export class CloseUp extends Chart {
  constructor(key, parent, handlers, { className = "latent-window", pans = false } = {}) {
    super(key, handlers);
    const stage = element("div", className, parent);
    this.attachTo(new CanvasViewport(stage, { home: HOME, margin: CLOSE_UP_MARGIN, pans }));
  }

  drawAxes(context, ink) {
    const frame = this.view.frame();
    const across = Math.min(MOST_TICKS, Math.max(2, frame.width / (TICK_ROOM * growth())));
    const ticks = { x: roundTicks(frame.x, across), y: roundTicks(frame.y, MOST_TICKS) };
    this.drawLabels = drawAxes(context, frame, ticks, closeUpStyle(ink));
  }

  paint() {
    super.paint();
    this.drawLabels?.(this.over.getContext("2d"));
  }
}
