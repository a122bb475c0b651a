// Below a map: the drawing decoded from its code, where the code lies, and the nearest test images over their own decoded
// images; or, of a drawing that is to be completed, what is expected of it, and what else it may become.

import { element } from "../base/dom.js";
import { plural, shortNumber, shortPoint } from "../base/format.js";
import { blank, drawPixels, imageCanvas } from "../base/images.js";
import { extrapolated, term } from "./terms.js";

const NEIGHBOURS = 4;

export class DrawnPanel {
  constructor(parent) {
    this.root = element("div", "latent-panel", parent);
    this.context = imageCanvas(this.root, "latent-screen");
    this.said = element("div", "latent-said", this.root);
    this.buildLines();
    const strip = element("div", "strip", this.root);
    this.columns = Array.from({ length: NEIGHBOURS }, () => {
      const figure = element("figure", "column", strip);
      return { image: imageCanvas(figure), decoded: imageCanvas(figure), caption: element("figcaption", "", figure) };
    });
    this.empty("");
  }

  // completion: what `LatticeWork` says of a drawing of which not all is seen
  showCompletion({ logPx, expected, samples }) {
    this.root.classList.remove("latent-vacant");
    this.facts.hidden = true;
    this.completed.hidden = false;
    this.hint.textContent = "";
    this.shown = [];
    drawPixels(this.context, expected);
    this.seenEvidence.textContent = ` of what is seen: ${shortNumber(logPx, 1)} nats`;
    this.columns.forEach(({ image, decoded, caption }, rank) => {
      image.canvas.hidden = false;
      [image, decoded].forEach((context, row) => drawPixels(context, samples[rank + row * NEIGHBOURS]));
      caption.textContent = "\u00a0";
      image.canvas.title = decoded.canvas.title = "drawn from p(x | seen)";
    });
  }

  // What does not change stays, so that its explanation can be read while the pen moves.
  buildLines() {
    this.hint = element("div", "", this.said);
    this.facts = element("div", "", this.said);
    this.at = element("div", "", this.facts);
    const line = (name, text) => {
      const root = element("div", "", this.facts);
      term(name, root, text);
      return element("span", "", root);
    };
    this.spread = line("σ of the encoder", "σ");
    this.error = line("error");
    this.evidence = ["log p(x)", "ELBO", "gap"].map((name) => line(name));
    this.near = element("div", "", this.facts);
    this.count = element("span", "", this.near);
    this.nearTerm = term("codes near", this.near);
    this.completed = element("div", "", this.said);
    element("div", "", this.completed, { textContent: "What to expect, and eight draws" });
    const seen = element("div", "", this.completed);
    term("log p(x)", seen);
    this.seenEvidence = element("span", "", seen);
    this.lonely = element("div", "latent-warning", this.facts);
    extrapolated(this.lonely);
  }

  show(bank, { code, q }, x, { decimals, label, radius, sheet, evidence, hint }) {
    this.root.classList.remove("latent-vacant");
    const decoded = bank.decode(code, label).slice();
    drawPixels(this.context, decoded);
    const error = decoded.reduce((sum, value, i) => sum + (value - x[i]) ** 2, 0);
    const { near, nearest } = bank.around(code, radius, NEIGHBOURS);
    const spread = q?.std.map((std) => shortNumber(std, Math.max(2, decimals)));
    this.hint.textContent = hint;
    this.facts.hidden = false;
    this.completed.hidden = true;
    this.at.textContent = shortPoint(code, decimals);
    this.spread.parentElement.hidden = !spread;
    this.spread.textContent = spread ? ` (${spread.join(", ")})` : "";
    this.error.textContent = ` ${error.toFixed(1)}`;
    this.showEvidence(evidence);
    this.near.hidden = !near;
    this.lonely.hidden = Boolean(near);
    this.count.textContent = `${near} `;
    this.nearTerm.textContent = plural(near, "code near", "codes near");
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

  // log p(x), the ELBO and the gap in nats; null where there are none.
  showEvidence(evidence) {
    for (const { parentElement } of this.evidence) parentElement.hidden = !evidence;
    if (!evidence) return;
    const { logPx, elbo } = evidence;
    const values = [logPx, elbo, logPx - elbo];
    this.evidence.forEach((span, i) => {
      span.textContent = logPx === null ? " …" : ` ${shortNumber(values[i], 1)}${i === 2 ? " nats" : ""}`;
    });
  }

  empty(words) {
    this.root.classList.add("latent-vacant");
    this.shown = [];
    blank(this.context);
    this.facts.hidden = this.completed.hidden = true;
    this.hint.textContent = words || "";
    for (const { image, decoded, caption } of this.columns) {
      blank(image);
      blank(decoded);
      caption.textContent = "\u00a0";
    }
  }
}
