// What the erased part of an image may be: what is expected beside the image itself, what its parts are worth in log p(x),
// and draws.

import { element } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { drawPixels, fromGreys, imageCanvas } from "../base/images.js";
import { term } from "./terms.js";

const DRAWS = 8;

export class CompletionPanel {
  // point(rank): the draw that is pointed at, or null
  constructor(parent, { point }) {
    this.root = element("div", "latent-completion", parent);
    const strip = element("div", "strip", this.root);
    const figure = (text) => {
      const made = element("figure", "column", strip);
      const context = imageCanvas(made, "latent-screen");
      element("figcaption", "", made, { textContent: text });
      return context;
    };
    this.expected = figure("expected");
    this.whole = figure("the image");
    const sum = element("table", "latent-sum", this.root);
    this.numbers = ["of what is seen", "of the rest, given that", "of the whole"].map((text, row) => {
      const line = element("tr", "", sum);
      const head = element("th", "", line, { scope: "row" });
      if (!row) term("log p(x)", head);
      head.append(`${row ? "" : " "}${text}`);
      return element("td", "", line);
    });
    element("div", "latent-heading", this.root, { textContent: "Eight draws" });
    const tiles = element("div", "latent-drawn", this.root);
    this.draws = Array.from({ length: DRAWS }, (_, rank) => {
      const context = imageCanvas(element("figure", "", tiles));
      context.canvas.onpointerenter = () => point(rank);
      context.canvas.onpointerleave = () => point(null);
      return context;
    });
  }

  // found: what `LatticeWork` says of an image of which not all is seen; levels: of the whole image, whose log p(x) is
  // `logPx`; unit: in which it is told
  show(found, levels, logPx, unit) {
    drawPixels(this.expected, found.expected);
    drawPixels(this.whole, fromGreys(levels));
    this.draws.forEach((context, rank) => drawPixels(context, found.samples[rank]));
    const values = [found.logPx, logPx - found.logPx, logPx];
    this.numbers.forEach((cell, row) => {
      cell.textContent = `${shortNumber(values[row] / unit.nats, 1)} ${unit.name}`;
    });
  }
}
