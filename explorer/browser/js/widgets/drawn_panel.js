// Below a map: the drawing decoded from its code, where the code lies, and the nearest test images over their own decoded
// images; or, of a drawing that is to be completed, what is expected of it, and what else it may become.

import { element, setText } from "../base/dom.js";
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
    setText(this.hint, "");
    this.shown = [];
    this.followed = null;
    drawPixels(this.context, expected);
    setText(this.seenEvidence, ` of what is seen: ${shortNumber(logPx, 1)} nats`);
    this.columns.forEach(({ image, decoded, caption }, rank) => {
      image.canvas.hidden = false;
      [image, decoded].forEach((context, row) => drawPixels(context, samples[rank + row * NEIGHBOURS]));
      setText(caption, "\u00a0");
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

  // The image at the drawing's code.
  follow(bank, code, label) {
    const asked = [bank.id, ...code, label].join();
    if (asked === this.followed) return;
    this.followed = asked;
    this.decoded = bank.decode(code, label).slice();
    drawPixels(this.context, this.decoded);
  }

  // And what is to be read of it.
  show(bank, { code, q }, x, { decimals, label, radius, sheet, evidence, hint }) {
    this.root.classList.remove("latent-vacant");
    this.follow(bank, code, label);
    const { decoded } = this;
    const error = decoded.reduce((sum, value, i) => sum + (value - x[i]) ** 2, 0);
    const { near, nearest } = bank.around(code, radius, NEIGHBOURS);
    const spread = q?.std.map((std) => shortNumber(std, Math.max(2, decimals)));
    setText(this.hint, hint);
    this.facts.hidden = false;
    this.completed.hidden = true;
    setText(this.at, shortPoint(code, decimals));
    this.spread.parentElement.hidden = !spread;
    setText(this.spread, spread ? ` (${spread.join(", ")})` : "");
    setText(this.error, ` ${error.toFixed(1)}`);
    this.showEvidence(evidence);
    this.near.hidden = !near;
    this.lonely.hidden = Boolean(near);
    setText(this.count, `${near} `);
    setText(this.nearTerm, plural(near, "code near", "codes near"));
    this.showNearest(bank, sheet, nearest);
  }

  // The nearest test images, where they are others than before.
  showNearest(bank, sheet, nearest) {
    const all = this.of !== bank || this.sheet !== sheet?.picture;
    const fresh = [...nearest.keys()].filter((rank) => all || this.shown[rank] !== nearest[rank]);
    if (!fresh.length) return;
    Object.assign(this, { of: bank, sheet: sheet?.picture, shown: nearest });
    const labels = fresh.map((rank) => bank.labels[nearest[rank]]);
    const codes = fresh.map((rank) => bank.code(nearest[rank]));
    bank.decodeFour(codes, labels).forEach((pixels, i) => {
      const { image, decoded, caption } = this.columns[fresh[i]];
      const index = nearest[fresh[i]];
      const name = bank.classes[labels[i]];
      image.canvas.hidden = !sheet;
      sheet?.draw(image, index);
      drawPixels(decoded, pixels);
      image.canvas.title = `test image ${index}, ${name}`;
      decoded.canvas.title = `test image ${index}, reconstructed`;
      setText(caption, name);
    });
  }

  // log p(x), the ELBO and the gap in nats; null where there are none.
  showEvidence(evidence) {
    for (const { parentElement } of this.evidence) parentElement.hidden = !evidence;
    if (!evidence) return;
    const { logPx, elbo } = evidence;
    const values = [logPx, elbo, logPx - elbo];
    this.evidence.forEach((span, i) => {
      setText(span, logPx === null ? " …" : ` ${shortNumber(values[i], 1)}${i === 2 ? " nats" : ""}`);
    });
  }

  empty(words) {
    this.root.classList.add("latent-vacant");
    this.shown = [];
    this.followed = null;
    blank(this.context);
    this.facts.hidden = this.completed.hidden = true;
    setText(this.hint, words || "");
    for (const { image, decoded, caption } of this.columns) {
      blank(image);
      blank(decoded);
      setText(caption, "\u00a0");
    }
  }
}
