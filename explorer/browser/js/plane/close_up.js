// A part of the plane close up, on a stage of our own: what `Chart` is over a Plotly chart, with axes drawn here.

import { drawUpLabels, fits, TICK_FONT } from "../base/axes.js";
import { element, theme } from "../base/dom.js";
import { roundTicks } from "../base/ticks.js";
import { Chart, fitted } from "./chart.js";

const WINDOW_MARGIN = { left: 40, right: 6, top: 6, bottom: 22 };
const TICK_ROOM = 70; // for each label under the plane

export class CloseUp extends Chart {
  constructor(parent, handlers) {
    super("", handlers);
    this.home = [[-1, 1], [-1, 1]]; // the view to start from, and to come back to
    this.stage = element("div", "latent-stage latent-window", parent, { tabIndex: 0 });
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", "Close up. Arrow keys move over it, Enter keeps the point.");
    this.stage.append(this.under, this.layers);
    this.plot = this.stage; // the events and traces of a Plotly chart, which it has none of
    this.plot.on = () => {};
    this.listen();
    const { signal } = this.listeners;
    this.stage.addEventListener("wheel", (event) => this.zoom(event), { signal, passive: false });
    this.stage.addEventListener("dblclick", () => this.reset(), { signal });
  }

  set home(box) {
    this.start = this.box = box;
    if (this.plot) this.request();
  }

  get home() {
    return this.start;
  }

  reset() {
    this.home = this.start;
  }

  // It keeps to the view that it is given until someone zooms or drags.
  look(view) {
    const free = this.box !== this.start;
    this.start = view;
    if (!free) this.box = view;
    this.request();
  }

  zoom(event) {
    const at = this.position(event);
    if (!at) return;
    event.preventDefault();
    const z = this.toPlane(at);
    const factor = Math.exp(event.deltaY / 500);
    const { x, y } = this.frame();
    this.box = [x, y].map(([low, high], axis) => [z[axis] + (low - z[axis]) * factor, z[axis] + (high - z[axis]) * factor]);
    this.handlers.moved?.();
    this.request();
  }

  attach() {}

  // The box and whatever of the plane around it the stage has room for, in one unit on both axes.
  frame() {
    const { left, right, top, bottom } = WINDOW_MARGIN;
    const size = [this.stage.clientWidth - left - right, this.stage.clientHeight - top - bottom];
    const [x, y] = fitted(this.box, size);
    return { left, top, width: size[0], height: size[1], x, y };
  }

  drawAxes(context, ink) {
    const frame = this.frame();
    const { left, top, width, height, x, y } = frame;
    context.font = TICK_FONT;
    context.fillStyle = context.strokeStyle = ink;
    context.lineWidth = 1;
    const line = (from, to) => {
      context.globalAlpha = 0.14;
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
      context.globalAlpha = 0.65;
    };
    context.textAlign = "center";
    for (const { value, text } of roundTicks(x, Math.min(6, Math.max(2, width / TICK_ROOM)))) {
      const px = this.toPixel([value, 0])[0];
      line([px, top], [px, top + height]);
      if (fits(text, px, frame)) context.fillText(text, px, top + height + 17);
    }
    this.upwards = roundTicks(y, 6).map(({ value, text }) => ({ text, py: this.toPixel([0, value])[1] }));
    for (const { py } of this.upwards) line([left, py], [left + width, py]);
    context.globalAlpha = 1;
  }

  paint() {
    super.paint();
    if (this.upwards) drawUpLabels(this.over.getContext("2d"), this.frame(), this.upwards, theme().paper);
  }
}
