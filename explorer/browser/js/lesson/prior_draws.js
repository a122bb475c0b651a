// Step: draws from the prior, what each is worth for one image, and how few of them carry the average.

import { button, element, theme } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { normalPair, seededRandom } from "../base/random.js";
import { logSum } from "../model/decoded_lattice.js";
import { logLikelihood } from "../model/likelihood.js";
import { drawDot, SMALL_DOT } from "../plane/marks.js";
import { CodesMap, imageRow, Picture, sayLines } from "./pieces.js";

const AT_ONCE = [100, 1000];
const DRAWS_MEASURED = 1000;
const CARRIED = 0.99; // of the sum

export class PriorDraws {
  constructor(root, lesson) {
    Object.assign(this, { lesson, model: lesson.models.vae, uniform: seededRandom(1) });
    this.mark = imageRow(root, lesson);
    const side = element("div", "latent-lesson-side", root);
    this.original = new Picture(element("div", "strip", side), "the image");
    this.said = element("div", "latent-said", side);
    for (const many of AT_ONCE) button(side, `Draw ${many.toLocaleString("en")}`, () => this.add(many));
    this.map = new CodesMap("lesson_map", element("div", "latent-plane", root), this.model.bank, {
      about: ", with the draws that carry the sum",
      under: (context, view) => this.paintDraws(context, view),
      paint: (context, { view }) => {
        for (const { z } of this.carrying) drawDot(context, view, z, SMALL_DOT);
      },
      pick: () => null,
    });
    this.show();
  }

  // The image is another one.
  show() {
    this.mark();
    this.original.show(this.lesson.image.x);
    Object.assign(this, { draws: [], carrying: [], exact: null });
    const guess = ({ logPx }) => {
      this.exact = logPx;
      this.say();
    };
    this.lesson.ask("vae", { guess });
    this.add(AT_ONCE[0]);
  }

  worth(z) {
    const { bank, likelihood } = this.model;
    return logLikelihood(this.lesson.image.x, bank.logits(z, 0), likelihood);
  }

  add(many) {
    this.draws.push(...this.drawn(many, this.uniform));
    this.carrying = carryingOf(this.draws);
    this.say();
    this.map.requestOver();
  }

  drawn(many, uniform) {
    return Array.from({ length: many }, () => {
      const z = normalPair(uniform);
      return { z, value: this.worth(z) };
    });
  }

  // log of the average of p(x | z)
  get estimate() {
    return logSum(this.draws.map(({ value }) => value)) - Math.log(this.draws.length);
  }

  say() {
    const { carrying, draws, estimate, exact } = this;
    const lines = [
      `${draws.length.toLocaleString("en")} draws`,
      `${carrying.length} carry 99 % of the sum`,
      `estimate of log p(x) ${shortNumber(estimate, 2)}`,
      exact === null ? "exact …" : `exact ${shortNumber(exact, 2)} nats`,
    ];
    sayLines(this.said, lines);
  }

  paintDraws(context, view) {
    context.fillStyle = theme().ink;
    context.globalAlpha = 0.55;
    for (const { z } of this.draws) {
      const [x, y] = view.toPixel(z);
      context.fillRect(x - 1, y - 1, 2, 2);
    }
    context.globalAlpha = 1;
  }

  measured() {
    const count = carryingOf(this.drawn(DRAWS_MEASURED, seededRandom(2))).length;
    const share = count / DRAWS_MEASURED;
    const right = share > 0.75 ? 0 : share > 0.2 ? 1 : 2;
    return { right, said: `For this image ${count} of ${DRAWS_MEASURED.toLocaleString("en")} draws.`, value: count };
  }

  stop() {
    this.map.detach();
  }
}

// The fewest draws that have a share of the sum of p(x | z).
function carryingOf(draws) {
  const sorted = draws.toSorted((a, b) => b.value - a.value);
  const weights = sorted.map(({ value }) => Math.exp(value - sorted[0].value));
  const wanted = CARRIED * weights.reduce((sum, weight) => sum + weight, 0);
  let [sum, count] = [0, 0];
  while (sum < wanted) sum += weights[count++];
  return sorted.slice(0, count);
}
