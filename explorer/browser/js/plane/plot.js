// A chart of our own where Plotly is not: axes and legend, drag to pan, wheel or pinch to zoom, double-click to reset. To
// whoever touches it, its root looks like Plotly's: `_fullLayout`, `data` and `_fullData`, `on` and `removeListener`.

import { drawAxes } from "../base/axes.js";
import { cleared, element } from "../base/dom.js";
import { niceStep } from "../base/ticks.js";
import { fitted } from "./chart.js";
import { POINT } from "./cloud.js";

const PLOT_MARGIN = { left: 4, right: 4, top: 30, bottom: 24 };
const TICK_PIXELS = { x: 90, y: 50 }; // between two ticks, at least
const WHEEL_PIXELS = 500; // that zoom by a factor of e

export class Plot {
  // classes: [[name, colour]]; x and y: the ranges that must be in view at first; dot: the size of a code's mark
  constructor(parent, { classes, x, y, dot }) {
    Object.assign(this, { home: [x, y], box: [x, y], pointers: new Map(), listeners: new Set(), pending: false });
    this.root = element("div", "js-plotly-plot", parent);
    this.back = element("canvas", "latent-axes", this.root);
    this.axes = { x: { showgrid: false }, y: { showgrid: true } };
    this.traces = classes.map(([name, color]) => ({ name, visible: true, marker: { ...POINT, size: dot, color } }));
    Object.assign(this.root, {
      _fullLayout: { xaxis: this.axes.x, yaxis: this.axes.y },
      data: this.traces,
      _fullData: this.traces,
      on: (_, run) => this.listeners.add(run),
      removeListener: (_, run) => this.listeners.delete(run),
    });
    this.legend();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.root);
    this.resize();
  }

  legend() {
    const legend = element("div", "legend", this.root);
    for (const { name, marker } of this.traces) {
      const entry = element("button", "traces", legend, { type: "button" });
      element("span", "legendpoints", entry).style.background = marker.color;
      element("span", "legendtext", entry, { textContent: name });
    }
  }

  listen() {
    const on = (target, name, run) => target.addEventListener(name, run, { passive: false });
    on(this.root, "pointerdown", (event) => {
      if (event.button === 0 && !event.target.closest(".legend")) this.pointers.set(event.pointerId, this.at(event));
    });
    on(window, "pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel"]) on(window, end, (event) => this.pointers.delete(event.pointerId));
    on(this.root, "wheel", (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode ? 20 : 1);
      this.zoom(this.at(event), Math.exp(Math.max(-200, Math.min(200, pixels)) / WHEEL_PIXELS));
    });
    on(this.root, "dblclick", (event) => event.target.closest(".legend") || this.look(this.home));
  }

  at({ clientX, clientY }) {
    const box = this.root.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  }

  // One pointer pans; two pan and zoom about what lies between them.
  moved(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const middle = () => [0, 1].map((axis) => [...this.pointers.values()].reduce((sum, at) => sum + at[axis], 0) / this.pointers.size);
    const spread = (about) => Math.hypot(...[...this.pointers.values()].flatMap((at) => [at[0] - about[0], at[1] - about[1]]));
    const old = middle();
    const wide = spread(old);
    this.pointers.set(event.pointerId, this.at(event));
    const now = middle();
    const unit = this.unit();
    const moves = [-(now[0] - old[0]) * unit, (now[1] - old[1]) * unit];
    this.look(this.ranges.map((range, axis) => range.map((end) => end + moves[axis])));
    if (this.pointers.size > 1 && spread(now) > 0) this.zoom(now, wide / spread(now));
  }

  unit() {
    return (this.axes.x.range[1] - this.axes.x.range[0]) / this.axes.x._length;
  }

  get ranges() {
    return [this.axes.x.range, this.axes.y.range];
  }

  // Show a box: what was asked for, whatever the chart's size.
  look(box) {
    this.box = box;
    const { x, y } = this.axes;
    [x.range, y.range] = fitted(box, [x._length, y._length]);
    this.changed();
  }

  zoom([px, py], factor) {
    const { x, y } = this.axes;
    const about = [x.range[0] + (px - x._offset) * this.unit(), y.range[1] - (py - y._offset) * this.unit()];
    this.look(this.ranges.map((range, axis) => range.map((end) => about[axis] + (end - about[axis]) * factor)));
  }

  resize() {
    const [width, height] = [this.root.clientWidth, this.root.clientHeight];
    const { left, right, top, bottom } = PLOT_MARGIN;
    if (width <= left + right) return;
    const { x, y } = this.axes;
    Object.assign(x, { _offset: left, _length: width - left - right });
    Object.assign(y, { _offset: top, _length: height - top - bottom });
    this.look(this.box);
  }

  changed() {
    for (const run of this.listeners) run();
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  draw() {
    const { x, y } = this.axes;
    const frame = { left: x._offset, top: y._offset, width: x._length, height: y._length, x: x.range, y: y.range };
    for (const [name, axis] of Object.entries(this.axes)) axis.dtick = niceStep(TICK_PIXELS[name] * this.unit());
    drawAxes(cleared(this.back, this.root.clientWidth, this.root.clientHeight), frame, x, y)();
  }
}
