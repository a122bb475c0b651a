// What the classifier reads behind a map: each place in the colour of its class, paler where it is unsure.

import { certainty, classInks, readInWords } from "../base/classes.js";
import { element } from "../base/dom.js";
import { Backdrop } from "./backdrop.js";

const REGION_INK = 0.38; // opacity, where the classifier is sure

export class Regions extends Backdrop {
  // window: [[low1, high1], [low2, high2]]; pictures { width, height, values } of labels, and of probabilities, 255 for 1,
  // the first row at the top
  constructor({ window }, classes, labels, probabilities) {
    super(window);
    Object.assign(this, { classes, labels, probabilities });
    element("span", "", this.legend, { textContent: "classifier: unsure" });
    element("i", "latent-certainty", this.legend);
    element("span", "", this.legend, { textContent: "sure" });
  }

  // In the colours of the theme, made again when the theme changes.
  tint(inks) {
    if (inks === this.inks) return;
    this.inks = inks;
    const { width, height, values } = this.labels;
    const levels = inks.map((ink) => [1, 3, 5].map((at) => parseInt(ink.slice(at, at + 2), 16)));
    const picture = new ImageData(width, height);
    values.forEach((label, i) => {
      const alpha = 255 * REGION_INK * certainty(this.probabilities.values[i] / 255, this.classes.length);
      picture.data.set([...levels[label], alpha], 4 * i);
    });
    this.canvas = new OffscreenCanvas(width, height);
    this.canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  paint(context, chart) {
    this.tint(classInks());
    this.lay(context, chart, this.canvas, 1);
  }

  // What is read at a point, in words; nothing outside of the window.
  inWords(z) {
    const { width, height, values } = this.labels;
    const [across, up] = z.map((value, axis) => {
      const [low, high] = this.window[axis];
      return (value - low) / (high - low);
    });
    if (!(across >= 0 && across < 1 && up > 0 && up <= 1)) return "";
    const i = Math.floor((1 - up) * height) * width + Math.floor(across * width);
    return readInWords(this.classes[values[i]], this.probabilities.values[i] / 255);
  }
}
