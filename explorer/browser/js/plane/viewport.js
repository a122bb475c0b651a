// Where a point of the plane is on the screen, which classes are shown, and when either changes. All code that draws on a
// plane or listens to it takes a Viewport; Plotly's chart and our own canvas each make one.

import { decimalsOf, exact } from "../base/format.js";

/**
 * @typedef {object} Frame  The plane's rectangle on the stage, in CSS pixels, and the range that each axis shows.
 * @property {number} left
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @property {[number, number]} x
 * @property {[number, number]} y
 *
 * @typedef {object} PlaneClass  How the codes of a class are drawn, and whether they are.
 * @property {string} name
 * @property {number} size  the diameter of a point, in CSS pixels
 * @property {boolean} shown
 *
 * @typedef {object} LegendEntry  The element of a class in the legend, and in it the mark and the text.
 * @property {Element} entry
 * @property {Element} mark
 * @property {Element} text
 */

// The ranges of both axes that show a box, and more along the axis that has more room: one unit for both.
export function fitted(box, size) {
  const unit = Math.max(...box.map(([low, high], axis) => (high - low) / size[axis]));
  return box.map(([low, high], axis) => {
    const [middle, half] = [(low + high) / 2, (unit * size[axis]) / 2];
    return [middle - half, middle + half];
  });
}

const BUTTONS = ".latent-zoom";
const WIDEST = 4; // view, in widths of what there is to see
const NARROWEST = 1e-7;

// How many times as wide a box may become, so that it is neither too wide nor too narrow to see something.
function widening(box, home, factor) {
  const width = Math.max(...box.map(([low, high], axis) => (high - low) / (home[axis][1] - home[axis][0])));
  return Math.min(Math.max(factor, NARROWEST / width), WIDEST / width);
}

// The view that is nearest to a box, is of bearable width, and has its middle where there is something to see.
export function bounded(box, home) {
  const factor = widening(box, home, 1);
  return box.map(([low, high], axis) => {
    const half = (factor * (high - low)) / 2;
    const middle = Math.min(Math.max((low + high) / 2, home[axis][0]), home[axis][1]);
    return factor === 1 && (low + high) / 2 === middle ? [low, high] : [middle - half, middle + half];
  });
}

let origins = new WeakMap(); // of stages: where each lies in the window, until something may have moved it

// Say that the page may lie otherwise in the window. Where a stage is, is asked no more often than that: to ask makes the
// browser lay out the page if anything in it has changed.
export const pageMoved = () => (origins = new WeakMap());

for (const name of ["scroll", "resize", "pointerdown", "pointerover", "touchstart", "wheel"]) {
  addEventListener(name, pageMoved, { capture: true, passive: true });
}

/**
 * A maker has these of its own:
 *   frame() -> Frame, at this instant
 *   classes() -> PlaneClass[], by label
 *   legend() -> LegendEntry[], in the order of the classes; none where it has no legend
 *   show(shown), which draws these classes and no others
 *   home, the box that it began with, and that `reset` goes back to
 *   look(box), which shows a box, [[low, high], [low, high]] of the plane, and more where there is more room
 *   reset(), which goes back to the view that it began with
 *   stop(), which also does what it does here
 */
export class Viewport {
  // stage: the element that holds the plane, and what is drawn over and under it
  constructor(stage) {
    this.stage = stage;
    this.listeners = new Set();
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(stage);
  }

  // From now on it listens to nothing.
  stop() {
    this.listeners.clear();
    this.observer.disconnect();
  }

  resized() {
    this.room = null;
    pageMoved();
    this.changed();
  }

  // The size of the stage, asked once until it is another.
  stageSize() {
    this.room ??= [this.stage.clientWidth, this.stage.clientHeight];
    return this.room;
  }

  // Whether the plane is on the page.
  connected() {
    return this.stage.isConnected;
  }

  // Run something after each change of the frame or of the classes that are shown.
  listen(run) {
    this.listeners.add(run);
  }

  changed() {
    for (const run of this.listeners) run();
  }

  // Whether each class is shown.
  shown() {
    return this.classes().map(({ shown }) => shown);
  }

  toPixel([z1, z2]) {
    const { left, top, width, height, x, y } = this.frame();
    return [left + ((z1 - x[0]) / (x[1] - x[0])) * width, top + ((y[1] - z2) / (y[1] - y[0])) * height];
  }

  toPlane([px, py]) {
    const { left, top, width, height, x, y } = this.frame();
    return [x[0] + ((px - left) / width) * (x[1] - x[0]), y[1] - ((py - top) / height) * (y[1] - y[0])];
  }

  // Where an event lies on the stage.
  at({ clientX, clientY }) {
    if (!origins.has(this.stage)) origins.set(this.stage, this.stage.getBoundingClientRect());
    const { left, top } = origins.get(this.stage);
    return [clientX - left, clientY - top];
  }

  // The same, but null where that is not the plane: on the legend, the axes, and the buttons that lie over it.
  position(event) {
    if (event.target?.closest?.(BUTTONS)) return null;
    const at = this.at(event);
    const { left, top, width, height } = this.frame();
    const inside = at[0] >= left && at[0] <= left + width && at[1] >= top && at[1] <= top + height;
    return inside ? at : null;
  }

  // The length of a pixel on the plane.
  unit() {
    const { x, width } = this.frame();
    return (x[1] - x[0]) / width;
  }

  // Move the plane by so many pixels.
  pan(across, down) {
    const { x, y } = this.frame();
    const [right, up] = [across * this.unit(), down * this.unit()];
    this.lookWithin([x.map((end) => end - right), y.map((end) => end + up)]);
  }

  // Show a part that is so many times as wide, the plane staying where it is at a pixel of the stage.
  zoom(at, factor) {
    const { x, y } = this.frame();
    const z = this.toPlane(at);
    const allowed = this.home ? widening([x, y], this.home, factor) : factor;
    this.lookWithin([x, y].map((range, axis) => range.map((end) => z[axis] + (end - z[axis]) * allowed)));
  }

  lookWithin(box) {
    this.look(this.home ? bounded(box, this.home) : box);
  }

  // The decimals that tell pixels apart.
  decimals() {
    return decimalsOf(this.unit());
  }

  // A point of the plane, rounded to a tenth of a pixel, to three decimals or more.
  rounded(z) {
    const decimals = Math.max(3, decimalsOf(this.unit() / 10));
    return exact(z.map((value) => Number(value.toFixed(decimals))));
  }
}

let find = () => null;

// Say how the viewport of a chart is found: way(key of the chart, the viewport that was found last) -> viewport or null.
export function findViewportsBy(way) {
  find = way;
}

// The viewport of a chart that is on the page, or null; the known one, for as long as the chart is the same.
export const viewportOf = (key, known) => find(key, known);
