// Step: how the blob should move, by two estimators from the same draws: both clouds around the exact arrow.

import { button, clearedInType, describe, element, theme } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { normalPair, seededRandom } from "../base/random.js";
import { LOG_2PI } from "../model/likelihood.js";
import { Sight } from "../model/posterior_modes.js";
import { imageRow, Picture, sayLines } from "./pieces.js";

const SHOWN = 100; // draws
const JUDGED = 500; // draws
const ROOM = 26; // pixels under a panel, for its scale
const NODES_OF_NORMAL = Array.from({ length: 17 }, (_, i) => (i - 8) / 2); // of the grid along each axis
const WITHIN = 0.95; // of the cloud that a panel is made for

export class Gradients {
  constructor(root, lesson) {
    Object.assign(this, { lesson, model: lesson.models.vae, uniform: seededRandom(1) });
    this.mark = imageRow(root, lesson);
    const side = element("div", "latent-lesson-side", root);
    this.original = new Picture(element("div", "strip", side), "the image");
    button(side, `${SHOWN} others`, () => this.draw());
    this.said = element("div", "latent-said", side);
    this.answer = element("div", "latent-said latent-answer", side);
    this.canvas = element("canvas", "latent-lesson-plot", root);
    this.resized = new ResizeObserver(() => this.repaint());
    this.resized.observe(this.canvas);
    this.show();
  }

  // The image is another one.
  show() {
    this.mark();
    const { image } = this.lesson;
    this.original.show(image.x);
    this.q = this.model.encode(image.x).q;
    this.sight = new Sight(this.model.bank, 0, this.model.likelihood, image.x, null);
    this.exact = this.average();
    this.draw();
  }

  draw() {
    this.clouds = this.drawn(SHOWN, this.uniform);
    const scatter = (cloud) => Math.round(Math.sqrt(variance(cloud))).toLocaleString("en");
    this.said.textContent = `exact (${this.exact.map((value) => shortNumber(value, 1)).join(", ")}) nats`;
    sayLines(this.answer, [
      "standard deviations:",
      `score function ${scatter(this.clouds.score)}`,
      `the same with a baseline ${scatter(withBaseline(this.clouds))}`,
      `reparameterization ${scatter(this.clouds.path)}`,
    ]);
    this.repaint();
  }

  // The gradient of log p(x | z) at z, and log p(x | z), from the image's point of view.
  at(z) {
    const { value, gradient } = this.sight.expand(z);
    const prior = -(z[0] ** 2 + z[1] ** 2) / 2 - LOG_2PI;
    return { value: value - prior, gradient: gradient.map((part, axis) => part + z[axis]) };
  }

  // Both estimates of each of some draws, { score: [[g1, g2], ...], path: the same }, and what the first is the product of.
  drawn(many, uniform) {
    const { mean, std } = this.q;
    const [score, path, values, scores] = [[], [], [], []];
    for (let i = 0; i < many; i++) {
      const noise = normalPair(uniform);
      const { value, gradient } = this.at(mean.map((middle, axis) => middle + std[axis] * noise[axis]));
      values.push(value);
      scores.push(noise.map((part, axis) => part / std[axis]));
      score.push(scores[i].map((part) => value * part));
      path.push(gradient);
    }
    return { score, path, values, scores };
  }

  // The exact gradient: its average over an even grid, which errs by next to nothing under a normal.
  average() {
    const { mean, std } = this.q;
    const sum = [0, 0];
    let total = 0;
    for (const u of NODES_OF_NORMAL) {
      for (const v of NODES_OF_NORMAL) {
        const weight = Math.exp(-(u * u + v * v) / 2);
        const { gradient } = this.at([mean[0] + u * std[0], mean[1] + v * std[1]]);
        total += weight;
        for (const axis of [0, 1]) sum[axis] += weight * gradient[axis];
      }
    }
    return sum.map((part) => part / total);
  }

  repaint() {
    if (!this.clouds || !this.canvas.clientWidth) return;
    const { context, width, height } = clearedInType(this.canvas);
    const side = Math.min(width / 2 - 8, height - ROOM);
    this.paintPanel(context, 0, side, this.clouds.score);
    this.paintPanel(context, width / 2 + 8, side, this.clouds.path);
    describe(this.canvas, `Both clouds around the exact arrow. ${this.said.innerText} ${this.answer.innerText}`);
  }

  // Both clouds on a scale that holds one of them.
  paintPanel(context, left, side, held) {
    const { ink, paper } = theme();
    const lengths = [...held, this.exact].map(([a, b]) => Math.max(Math.abs(a), Math.abs(b))).sort((a, b) => a - b);
    const reach = 1.1 * Math.max(lengths[Math.floor(WITHIN * (lengths.length - 1))], ...this.exact.map(Math.abs));
    const place = ([a, b]) => [left + (0.5 + a / reach / 2) * side, (0.5 - b / reach / 2) * side];
    context.save();
    context.beginPath();
    context.rect(left, 0, side, side);
    context.strokeStyle = ink;
    context.globalAlpha = 0.4;
    context.stroke();
    context.clip();
    const [x0, y0] = place([0, 0]);
    context.beginPath();
    context.moveTo(left, y0);
    context.lineTo(left + side, y0);
    context.moveTo(x0, 0);
    context.lineTo(x0, side);
    context.globalAlpha = 0.25;
    context.stroke();
    context.globalAlpha = 1;
    const dots = (cloud, filled) => {
      for (const gradient of cloud) {
        context.beginPath();
        context.arc(...place(gradient), 3, 0, 2 * Math.PI);
        context.fillStyle = filled ? ink : paper;
        context.fill();
        context.stroke();
      }
    };
    dots(this.clouds.score, false);
    dots(this.clouds.path, true);
    const tip = place(this.exact);
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(...tip);
    context.lineWidth = 3;
    context.strokeStyle = context.fillStyle = this.lesson.ink;
    context.stroke();
    context.beginPath();
    context.arc(...tip, 5, 0, 2 * Math.PI);
    context.fill();
    context.restore();
    context.fillStyle = ink;
    context.font = "12px sans-serif";
    const mark = held === this.clouds.score ? "○ score function" : "● reparameterization";
    context.fillText(`${mark}, ± ${Math.round(reach).toLocaleString("en")} nats`, left, side + 17);
  }

  measured() {
    const drawn = this.drawn(JUDGED, seededRandom(2));
    const [ratio, better] = [drawn.score, withBaseline(drawn)].map((cloud) => variance(cloud) / variance(drawn.path));
    const right = ratio < 3 ? 0 : ratio < 100 ? 1 : 2;
    const said = `${Math.round(ratio).toLocaleString("en")} times from ${JUDGED} draws; with a baseline ${shortNumber(better, 1)} times.`;
    return { right, said, value: ratio };
  }

  stop() {
    this.resized.disconnect();
  }
}

// The score function's estimates, where each draw counts by how much better it did than the others on average.
function withBaseline({ values, scores }) {
  const total = values.reduce((sum, value) => sum + value, 0);
  const others = (value) => (total - value) / (values.length - 1);
  return scores.map((pair, i) => pair.map((part) => (values[i] - others(values[i])) * part));
}

// Of pairs, both axes together.
function variance(pairs) {
  return [0, 1].reduce((total, axis) => {
    const mean = pairs.reduce((sum, pair) => sum + pair[axis], 0) / pairs.length;
    return total + pairs.reduce((sum, pair) => sum + (pair[axis] - mean) ** 2, 0) / (pairs.length - 1);
  }, 0);
}
