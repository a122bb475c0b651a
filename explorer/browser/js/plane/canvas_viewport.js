// The viewport of a chart on a canvas of our own: a mouse drags to pan, and turns its wheel to zoom.

import { growth } from "../base/dom.js";
import { fitted, Viewport } from "./viewport.js";

const WHEEL_PIXELS = 500; // that zoom by a factor of e
const LINE_PIXELS = 20; // of a wheel that counts in lines
const MOST_PIXELS = 200; // of one turn

export class CanvasViewport extends Viewport {
  // home: the box to begin with, which is in view at any size of the stage; margin: the room around the plane;
  // pans: whether a drag pans
  constructor(stage, { home, margin, pans = false, classes = [], legend = [] }) {
    super(stage);
    Object.assign(this, { home, box: home, margin, pans, last: null });
    this.keys = { classes, legend };
    this.abort = new AbortController();
    const on = (target, name, run) => target.addEventListener(name, run, { passive: false, signal: this.abort.signal });
    on(stage, "wheel", (event) => this.wheelTurned(event));
    on(stage, "dblclick", (event) => this.onLegend(event) || this.reset());
    if (!pans) return;
    on(stage, "pointerdown", (event) => this.pointerDown(event));
    on(window, "pointermove", (event) => this.pointerMoved(event));
    for (const end of ["pointerup", "pointercancel"]) on(window, end, () => (this.last = null));
  }

  stop() {
    super.stop();
    this.abort.abort();
  }

  classes() {
    return this.keys.classes;
  }

  legend() {
    return this.keys.legend;
  }

  show(shown) {
    shown.forEach((on, i) => (this.keys.classes[i].shown = on));
    this.changed();
  }

  // The box and as much of the plane around it as the stage has room for, in one unit on both axes.
  frame() {
    const grown = growth();
    const [left, right, top, bottom] = ["left", "right", "top", "bottom"].map((side) => this.margin[side] * grown);
    const [across, down] = this.stageSize();
    const [width, height] = [across - left - right, down - top - bottom];
    const [x, y] = fitted(this.box, [width, height]);
    return { left, top, width, height, x, y };
  }

  look(box) {
    this.box = box;
    this.changed();
  }

  reset() {
    this.look(this.home);
  }

  // Take another home; it is shown, unless someone has panned or zoomed.
  follow(home) {
    if (String(home) === String(this.home)) return;
    const still = this.box === this.home;
    this.home = home;
    if (still) this.look(home);
  }

  wheelTurned(event) {
    const at = this.position(event);
    if (!at) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode ? LINE_PIXELS : 1);
    this.zoom(at, Math.exp(Math.max(-MOST_PIXELS, Math.min(MOST_PIXELS, pixels)) / WHEEL_PIXELS));
  }

  onLegend(event) {
    return this.legend().some(({ entry }) => entry.contains(event.target));
  }

  // So that a drag neither marks text nor takes the focus from where it is.
  pointerDown(event) {
    if (event.button !== 0 || event.pointerType === "touch" || !this.position(event)) return;
    event.preventDefault();
    this.last = this.at(event);
  }

  pointerMoved(event) {
    if (!this.last) return;
    const now = this.at(event);
    this.pan(now[0] - this.last[0], now[1] - this.last[1]);
    this.last = now;
  }
}
