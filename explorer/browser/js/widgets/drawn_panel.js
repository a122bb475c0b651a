// Below a map: the drawing decoded from its code, where the code lies, and the nearest test images over their own decoded
// images.

import { element } from "../base/dom.js";
import { shortNumber, shortPoint } from "../base/format.js";
import { blank, drawPixels, imageCanvas } from "../base/images.js";

const NEIGHBOURS = 4;

export class DrawnPanel {
  constructor(parent) {
    this.root = element("div", "latent-panel", parent);
    this.context = imageCanvas(this.root, "latent-screen");
    this.said = element("div", "latent-said", this.root);
    const strip = element("div", "strip", this.root);
    this.columns = Array.from({ length: NEIGHBOURS }, () => {
      const figure = element("figure", "column", strip);
      return { image: imageCanvas(figure), decoded: imageCanvas(figure), caption: element("figcaption", "", figure) };
    });
    this.empty("");
  }

  show(bank, { code, q }, x, { decimals, label, radius, sheet }) {
    this.root.classList.remove("latent-vacant");
    const decoded = bank.decode(code, label).slice();
    drawPixels(this.context, decoded);
    const error = decoded.reduce((sum, value, i) => sum + (value - x[i]) ** 2, 0);
    const { near, nearest } = bank.around(code, radius, NEIGHBOURS);
    const spread = q?.std.map((std) => shortNumber(std, Math.max(2, decimals)));
    const lines = [shortPoint(code, decimals), q && `σ (${spread.join(", ")})`, `error ${error.toFixed(1)}`];
    this.said.replaceChildren(...lines.filter(Boolean).map((line) => element("div", "", null, { textContent: line })));
    const words = near ? `${near} codes near` : "extrapolated: no code near";
    element("div", near ? "" : "latent-warning", this.said, { textContent: words });
    this.columns.forEach(({ image, decoded, caption }, rank) => {
      const index = nearest[rank];
      if (this.shown[rank] === index && this.of === bank && this.sheet === sheet?.picture) return;
      this.shown[rank] = index;
      const label = bank.labels[index];
      image.canvas.hidden = !sheet;
      sheet?.draw(image, index);
      drawPixels(decoded, bank.decode(bank.code(index), label));
      image.canvas.title = `test image ${index}, ${bank.classes[label]}`;
      decoded.canvas.title = `test image ${index}, reconstructed`;
      caption.textContent = bank.classes[label];
    });
    Object.assign(this, { of: bank, sheet: sheet?.picture });
  }

  empty(words) {
    this.root.classList.add("latent-vacant");
    this.shown = [];
    blank(this.context);
    this.said.textContent = words || "";
    for (const { image, decoded, caption } of this.columns) {
      blank(image);
      blank(decoded);
      caption.textContent = "\u00a0";
    }
  }
}
