// An image of which a part is erased: by the pointer, or a half at a time. A stroke that begins on what is erased gives
// back.

import { button, describe, element } from "../base/dom.js";
import { drawPixels, fromGreys, imageCanvas, SIDE } from "../base/images.js";
import { oncePerFrame } from "../base/motion.js";
import { Stroke } from "./stroke.js";

const BRUSH = 2.2; // pixels of the image, its radius
const HALF = SIDE / 2;
const PARTS = {
  Top: (row) => row < HALF,
  Bottom: (row) => row >= HALF,
  Left: (_, column) => column < HALF,
  Right: (_, column) => column >= HALF,
  All: () => true,
  None: () => false,
};

export class Eraser {
  // changed(): more is erased, or less; lifted(): and the pointer has been lifted
  constructor(parent, { changed, lifted }) {
    Object.assign(this, { changed, lifted });
    this.request = oncePerFrame(() => {
      this.show();
      this.changed();
    });
    this.context = imageCanvas(parent, "latent-eraser latent-partly");
    this.canvas = this.context.canvas;
    const line = element("div", "latent-line latent-halves", parent, { role: "group" });
    element("span", "", line, { textContent: "Erase" });
    line.setAttribute("aria-label", "Erase");
    this.buttons = Object.entries(PARTS).map(([name, inside]) => ({
      made: button(line, name, () => this.erase(inside)),
      part: partOf(inside),
    }));
    new Stroke(this.canvas, SIDE, {
      began: (point) => this.begin(point),
      passed: (point) => this.brush(point),
      ended: this.lifted,
    });
  }

  // levels: 784 grey levels; erased: 784 bytes, 0 where the image is seen, which are the eraser's to change
  load(levels, erased) {
    Object.assign(this, { levels, erased });
    this.show();
  }

  // Which of the 784 pixels are seen, 1 or 0.
  get seen() {
    return Uint8Array.from(this.erased, (each) => (each ? 0 : 1));
  }

  show() {
    const { levels, erased, seen } = this;
    drawPixels(this.context, fromGreys(levels), 0, 0, seen);
    const count = erased.reduce((sum, each) => sum + (each ? 1 : 0), 0);
    const share = `${Math.round((100 * count) / erased.length)} % erased`;
    describe(this.canvas, `The image, ${share}. Drag to erase or to give back.`);
    for (const { made, part } of this.buttons) {
      made.setAttribute(
        "aria-pressed",
        part.every((value, i) => value === erased[i]),
      );
    }
  }

  erase(inside) {
    this.erased = partOf(inside);
    this.show();
    this.changed();
    this.lifted();
  }

  // Whether a stroke begins at a point: what it does is what the pixel there calls for.
  begin(point) {
    if (!this.erased) return false;
    this.last = point;
    const [column, row] = this.last.map((value) => Math.min(Math.max(Math.floor(value), 0), SIDE - 1));
    this.value = this.erased[row * SIDE + column] ? 0 : 255;
    this.erased = this.erased.slice();
    this.brush(this.last);
    return true;
  }

  // Erase, or give back, along a line from where the pointer was.
  brush(to) {
    const along = to.map((value, axis) => value - this.last[axis]);
    const length = along[0] ** 2 + along[1] ** 2;
    for (let i = 0; i < this.erased.length; i++) {
      const off = [(i % SIDE) + 0.5 - this.last[0], Math.floor(i / SIDE) + 0.5 - this.last[1]];
      const share = length ? Math.min(Math.max((off[0] * along[0] + off[1] * along[1]) / length, 0), 1) : 0;
      if (Math.hypot(off[0] - share * along[0], off[1] - share * along[1]) <= BRUSH) this.erased[i] = this.value;
    }
    this.last = to;
    this.request();
  }
}

const partOf = (inside) =>
  Uint8Array.from({ length: SIDE * SIDE }, (_, i) => (inside(Math.floor(i / SIDE), i % SIDE) ? 255 : 0));
