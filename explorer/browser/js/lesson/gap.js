// Step: one image under the VAE and under a linear model: exact posterior, the encoder's q and the best one, and the gap
// in its two parts.

import { element, theme } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { bestNear, elboAt } from "../model/normals.js";
import { Sight } from "../model/posterior_modes.js";
import { LatticeHeat } from "../plane/lattice_heat.js";
import { drawEllipses } from "../plane/marks.js";
import { CodesMap, imageRow, sayLines } from "./pieces.js";

const LINEAR_GAP = 0.05; // nats: below it a gap is nothing, as well as the browser can tell

class UnderModel {
  constructor(root, { lesson, name, title }) {
    Object.assign(this, { lesson, name, model: lesson.models[name] });
    const side = element("div", "latent-lesson-side", root);
    element("div", "latent-heading", side, { textContent: title });
    this.map = new CodesMap(`lesson_${name}`, element("div", "latent-plane", side), this.model.bank, {
      about: ", with the exact posterior of the image and two q",
      paint: (context, { view }) => this.paint(context, view),
      pick: () => null,
    });
    this.said = element("div", "latent-said", side);
    this.answer = element("div", "latent-said latent-answer", side);
  }

  // The image is another one.
  show() {
    const { image } = this.lesson;
    this.q = this.model.encode(image.x).q;
    this.sight = new Sight(this.model.bank, 0, this.model.likelihood, image.x, null);
    Object.assign(this, { best: null, heat: null, parts: null });
    this.said.textContent = this.answer.textContent = "…";
    this.map.request();
  }

  heard = {
    heat: (answer) => {
      this.heat = new LatticeHeat(answer);
      this.map.requestOver();
    },
    guess: ({ logPx, q, narrow, serial }) => {
      this.known = { narrow, serial };
      const best = bestNear(this.sight, q);
      const encoder = elboAt(this.sight, this.q);
      this.best = best.q;
      this.parts = { gap: logPx - encoder, approximation: logPx - best.elbo, amortization: best.elbo - encoder };
      this.said.textContent = `log p(x) ${shortNumber(logPx, 2)} nats`;
      const elbo = `ELBO ${shortNumber(encoder, 2)} nats`;
      const gap = `gap ${shortNumber(this.parts.gap, 2)} = approximation ${shortNumber(this.parts.approximation, 2)} + amortization ${shortNumber(this.parts.amortization, 2)}`;
      sayLines(this.answer, [elbo, gap]);
      this.map.requestOver();
    },
  };

  paint(context, view) {
    const colours = theme();
    this.heat?.paint(context, view, this.lesson.ink, this.known);
    if (this.best) drawEllipses(context, view, this.best, colours, { dash: [4, 3], bare: true });
    drawEllipses(context, view, this.q, colours);
  }
}

export class TheGap {
  constructor(root, lesson) {
    this.lesson = lesson;
    this.mark = imageRow(root, lesson);
    const both = element("div", "latent-lesson-pair", root);
    this.sides = {
      vae: new UnderModel(both, { lesson, name: "vae", title: "VAE" }),
      ppca: new UnderModel(both, { lesson, name: "ppca", title: "Linear model" }),
    };
    sayLines(element("div", "latent-said", root), [
      "Line: the encoder's q. Dashed: the best q.",
      "The two have pixels of different σ, so their gaps can be compared, but not their log p(x).",
    ]);
    this.show();
  }

  show() {
    this.mark();
    for (const [name, side] of Object.entries(this.sides)) {
      side.show();
      this.lesson.ask(name, side.heard);
    }
  }

  measured() {
    const { parts } = this.sides.ppca;
    if (!parts) return { right: null, said: "The posteriors are still being computed …", value: null };
    const other = this.sides.vae.parts?.gap ?? Infinity;
    const right = parts.gap < LINEAR_GAP ? 0 : parts.gap < other ? 1 : 2;
    return { right, said: `For this image ${shortNumber(parts.gap, 2)} nats.`, value: parts.gap };
  }

  stop() {
    for (const { map } of Object.values(this.sides)) map.detach();
  }
}
