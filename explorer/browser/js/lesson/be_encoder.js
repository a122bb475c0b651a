// Step: q under the hand, over the exact posterior: its reconstruction, KL and ELBO under log p(x), beside the scores of
// the encoder and of the best such q.

import { button, element, theme } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { bestNear, elboAt, klToPrior } from "../model/normals.js";
import { Sight } from "../model/posterior_modes.js";
import { LatticeHeat } from "../plane/lattice_heat.js";
import { drawDot, drawEllipses } from "../plane/marks.js";
import { CodesMap, imageRow } from "./pieces.js";

const AROUND = 0.8; // of the plane, from the encoder's mean to the edge of the map
const HANDLE = 2; // standard deviations from the mean
const HOLD = 20; // pixels from a handle
const SIGMAS = [0.005, 2]; // that a q can have
const SLIDER = 1000; // steps of a slider, even in log sigma
const NAT = 9; // pixels
const MOST_NATS = 14; // that a bar shows

export class BeEncoder {
  constructor(root, lesson) {
    Object.assign(this, { lesson, model: lesson.models.vae });
    this.mark = imageRow(root, lesson);
    const side = element("div", "latent-lesson-side", root);
    this.sliders = [0, 1].map((axis) => {
      const line = element("label", "latent-line", side, { textContent: `σ${axis + 1}` });
      const slider = element("input", "latent-range", line, { type: "range", min: 0, max: SLIDER, step: 1 });
      slider.setAttribute("aria-label", `Standard deviation of q in direction ${axis + 1}`);
      slider.oninput = () => this.take({ ...this.q, std: this.q.std.with(axis, sigmaAt(slider.valueAsNumber)) });
      return slider;
    });
    const terms = element("table", "latent-sum", side);
    this.rows = ["reconstruction", "− KL", "= ELBO", "gap", "log p(x)"].map((name) => {
      const row = element("tr", "", terms);
      element("th", "", row, { scope: "row", textContent: name });
      const value = element("td", "", row);
      const bar = element("i", "latent-nats", element("td", "", row));
      return { value, bar };
    });
    const line = element("div", "latent-line", side);
    button(line, "The encoder's", () => this.take(this.encoded.q));
    this.toBest = button(line, "The best", () => this.take(this.best.q));
    this.score = element("div", "latent-said latent-answer", side);
    this.map = new CodesMap("lesson_map", element("div", "latent-plane", root), this.model.bank, {
      about: ", with the exact posterior of the image and your q",
      paint: (context, { view }) => this.paint(context, view),
      grab: (at, view) => this.grab(at, view),
      pick: (z) => {
        const before = this.q;
        this.take({ ...before, mean: z });
        return () => this.take(before);
      },
    });
    this.show();
  }

  // The image is another one.
  show() {
    this.mark();
    const { image } = this.lesson;
    const { q } = this.model.encode(image.x);
    this.sight = new Sight(this.model.bank, 0, this.model.likelihood, image.x, null);
    const encoded = { q, elbo: elboAt(this.sight, q) };
    Object.assign(this, { encoded, best: null, logPx: null, heat: null });
    this.toBest.disabled = true;
    this.map.view.follow(q.mean.map((value) => [value - AROUND, value + AROUND]));
    this.lesson.ask("vae", {
      heat: (answer) => {
        this.heat = new LatticeHeat(answer);
        this.map.requestOver();
      },
      guess: (found) => {
        this.logPx = found.logPx;
        this.best = bestNear(this.sight, found.q);
        this.toBest.disabled = false;
        this.say();
      },
    });
    this.take({ mean: q.mean, std: q.std.map((std) => 2 * std) });
    this.map.request();
  }

  // Look at another q.
  take({ mean, std }) {
    this.q = { mean, std: std.map((each) => Math.min(Math.max(each, SIGMAS[0]), SIGMAS[1])) };
    this.sliders.forEach((slider, axis) => {
      slider.value = stepOf(this.q.std[axis]);
    });
    this.say();
    this.map.requestOver();
  }

  grab(at, view) {
    const { mean, std } = this.q;
    const near = (z) => {
      const [x, y] = view.toPixel(z);
      return Math.hypot(at[0] - x, at[1] - y) < HOLD;
    };
    for (const axis of [0, 1]) {
      if (!near(handleOf(this.q, axis))) continue;
      const move = (z) => this.take({ mean, std: std.with(axis, Math.abs(z[axis] - mean[axis]) / HANDLE) });
      return { move, drop: () => {} };
    }
    return near(mean) ? { move: (z) => this.take({ ...this.q, mean: z }), drop: () => {} } : null;
  }

  say() {
    const { logPx, q } = this;
    this.elbo = elboAt(this.sight, q);
    const { elbo } = this;
    const kl = klToPrior(q);
    const gap = logPx === null ? null : logPx - elbo;
    [elbo + kl, kl, elbo, gap, logPx].forEach((value, row) => {
      this.rows[row].value.textContent = value === null ? "…" : shortNumber(value, 2);
      const nats = [1, 3].includes(row) ? Math.max(value ?? 0, 0) : 0;
      this.rows[row].bar.style.width = `${NAT * Math.min(nats, MOST_NATS)}px`;
    });
    if (logPx === null) return;
    const gaps = [elbo, this.encoded.elbo, this.best.elbo].map((each) => shortNumber(logPx - each, 2));
    this.score.textContent = `gap: yours ${gaps[0]}, the encoder's ${gaps[1]}, the best ${gaps[2]} nats`;
  }

  paint(context, view) {
    const colours = theme();
    this.heat?.paint(context, view, this.lesson.ink);
    drawEllipses(context, view, this.encoded.q, colours, { dash: [4, 3], bare: true });
    drawEllipses(context, view, this.q, colours);
    for (const z of [this.q.mean, handleOf(this.q, 0), handleOf(this.q, 1)]) drawDot(context, view, z, 4.5);
  }

  measured() {
    if (!this.best) return { right: null, said: "The lattice is still being decoded …", value: null };
    const gap = this.logPx - this.best.elbo;
    const right = gap < 0.25 ? 0 : gap < 1 ? 1 : 2;
    return { right, said: `The best q misses ${shortNumber(gap, 2)} nats.`, value: gap };
  }

  stop() {
    this.map.detach();
  }
}

const handleOf = ({ mean, std }, axis) => mean.with(axis, mean[axis] + HANDLE * std[axis]);
const FACTOR = SIGMAS[1] / SIGMAS[0];
const sigmaAt = (step) => SIGMAS[0] * FACTOR ** (step / SLIDER);
const stepOf = (sigma) => Math.round((SLIDER * Math.log(sigma / SIGMAS[0])) / Math.log(FACTOR));
