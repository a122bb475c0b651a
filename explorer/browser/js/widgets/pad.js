// A pad to draw on with mouse, finger or pen: strokes with undo and clear, and what they show in MNIST's form.

import { cleared, describe, element } from "../base/dom.js";
import { imageCanvas, SIDE } from "../base/images.js";
import { BOX, inkBox, mnistForm } from "../model/mnist_form.js";
import { Stroke } from "./stroke.js";

const PAD = 280;
const SHOWN_PEN = 22; // pixels of the pad
const PEN = 2.4; // pixels of the form, the median of MNIST; in the form a small drawing has a pen as wide as a large one
const PEN_LIMITS = [3, 44];

function traceStroke(context, points) {
  context.beginPath();
  context.moveTo(...points[0]);
  for (let i = 1; i + 1 < points.length; i++) {
    const middle = [0, 1].map((axis) => (points[i][axis] + points[i + 1][axis]) / 2);
    context.quadraticCurveTo(...points[i], ...middle);
  }
  const [x, y] = points[points.length - 1];
  context.lineTo(x + (points.length === 1 ? 0.01 : 0), y); // a tap is a dot, and a line without length is nothing
  context.stroke();
}

export class Pad {
  // changed(): the drawing has changed; lifted(): and the pen has been lifted
  constructor(parent, { changed, lifted }) {
    Object.assign(this, { changed, lifted, items: [], past: [], pending: false });
    this.root = element("div", "latent-pad", parent);
    this.canvas = element("canvas", "", this.root, { tabIndex: 0 });
    describe(this.canvas, "Drawing pad. Draw with the pointer; Control Z takes a stroke back.");
    this.hint = element("span", "latent-pad-hint", this.root, { textContent: "draw here" });
    this.ink = element("canvas", "latent-ink", this.root, { width: PAD, height: PAD, hidden: true });
    this.inkContext = this.ink.getContext("2d", { willReadFrequently: true });
    this.ghost = imageCanvas(this.root, "latent-ghost latent-exact-ink"); // lies over the drawing
    this.stroke = new Stroke(this.canvas, PAD, {
      began: (point) => {
        this.become([...this.items, { points: [point] }]);
        return true;
      },
      passed: (point) => {
        this.items.at(-1).points.push(point);
        this.request();
      },
      ended: () => this.finish(),
    });
    this.canvas.addEventListener("keydown", (event) => {
      if (event.key !== "z" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.undo();
    });
    this.paint();
  }

  become(items) {
    this.past.push(this.items);
    this.items = items;
    this.request();
  }

  undo() {
    if (!this.past.length || this.stroke.drawing) return;
    this.items = this.past.pop();
    this.finish();
  }

  clear() {
    if (!this.items.length || this.stroke.drawing) return;
    this.become([]);
    this.finish();
  }

  // An image in MNIST's form to begin with, or null for an empty pad.
  load(form) {
    this.stroke.drop();
    this.become(form ? [{ form, picture: alphaPicture(form) }] : []);
    this.show();
  }

  finish() {
    this.show();
    this.lifted();
  }

  // The latest move wins: only the last one before a frame is shown.
  request() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => this.pending && this.show());
  }

  show() {
    this.pending = false;
    this.paint();
    this.changed();
  }

  paint() {
    this.draw(cleared(this.canvas, PAD, PAD), SHOWN_PEN);
    this.hint.hidden = this.items.length > 0;
  }

  draw(context, pen) {
    context.clearRect(0, 0, PAD, PAD);
    context.strokeStyle = "#fff";
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = pen;
    context.imageSmoothingEnabled = false;
    for (const { points, picture } of this.items) {
      if (points) traceStroke(context, points);
      else context.drawImage(picture, 0, 0, PAD, PAD);
    }
  }

  // The drawing in MNIST's form, 784 grey levels, or null of an empty pad.
  form() {
    if (!this.items.length) return null;
    return this.loaded() ?? mnistForm(this.inkOf(this.pen()), PAD, PAD);
  }

  // The drawing as it lies on the pad, 784 grey levels: no drawing is nothing but paper.
  frame() {
    if (this.loaded()) return this.loaded();
    const sums = new Float64Array(SIDE * SIDE);
    const step = PAD / SIDE;
    this.inkOf(SHOWN_PEN).forEach((level, i) => {
      sums[Math.floor(i / PAD / step) * SIDE + Math.floor((i % PAD) / step)] += level;
    });
    return Uint8Array.from(sums, (sum) => Math.round(sum / step ** 2));
  }

  // The image that was loaded, which is in MNIST's form already, if there is nothing else on the pad.
  loaded() {
    return this.items.length === 1 ? this.items[0].form : undefined;
  }

  // The drawing with a pen of some width, 0 to 255 at each pixel of the pad.
  inkOf(pen) {
    this.draw(this.inkContext, pen);
    const { data } = this.inkContext.getImageData(0, 0, PAD, PAD);
    const ink = new Uint8Array(PAD * PAD);
    for (let i = 0; i < ink.length; i++) ink[i] = data[4 * i + 3];
    return ink;
  }

  // The pen that is PEN wide once the drawing is fitted in its box.
  pen() {
    const [low, high] = [
      [PAD, PAD],
      [0, 0],
    ];
    const reach = (point) =>
      point.forEach((value, axis) => {
        const inside = Math.min(Math.max(value, 0), PAD);
        low[axis] = Math.min(low[axis], inside);
        high[axis] = Math.max(high[axis], inside);
      });
    for (const { points, form } of this.items) {
      if (points) {
        points.forEach(reach);
      } else {
        const [top, bottom, left, right] = inkBox(form, SIDE, SIDE);
        reach([(left * PAD) / SIDE, (top * PAD) / SIDE]);
        reach([(right * PAD) / SIDE, (bottom * PAD) / SIDE]);
      }
    }
    const longer = Math.max(high[0] - low[0], high[1] - low[1]);
    return Math.min(Math.max((longer * PEN) / (BOX - PEN), PEN_LIMITS[0]), PEN_LIMITS[1]);
  }
}

// Grey levels as white of that opacity.
function alphaPicture(form) {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const data = new ImageData(SIDE, SIDE);
  form.forEach((grey, i) => data.data.set([255, 255, 255, grey], 4 * i));
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}
