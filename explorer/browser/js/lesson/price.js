// Step: the KL to the prior in one direction: by its formula, by draws, and another formula that tutorials have instead.

import { drawLevels } from "../base/axes.js";
import { button, clearedInType, describe, element, theme } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { normalPair, seededRandom } from "../base/random.js";
import { roundTicks } from "../base/ticks.js";
import { klOf } from "../model/normals.js";
import { imageRow, sayLines } from "./pieces.js";

const SIGMA_RANGE = [0.05, 2];
const FARTHEST_MEAN = 3;
const PER_PRESS = [1, 100]; // draws
const PLOT_ROOM = { left: 44, right: 10, top: 24, bottom: 26 };
const FINEST = 1e-3; // of sigma, at which the lowest points are looked for
const HIGHEST = 4; // nats, of the curves
const CURVES_TITLE = "nats, over σ";
const CURVES_LEGEND = "— KL   - - the other formula";

const aroundOf = (mean, sigma) => sigma ** 2 + mean ** 2 - Math.log(sigma) - 1 / 2;

export class Price {
  constructor(root, lesson) {
    Object.assign(this, { lesson, uniform: seededRandom(1), spare: [] });
    this.mark = imageRow(root, lesson);
    const side = element("div", "latent-lesson-side", root);
    const slider = (name, [min, max]) => {
      const line = element("label", "latent-line", side, { textContent: name });
      const made = element("input", "latent-range", line, { type: "range", min, max, step: 0.01 });
      made.setAttribute("aria-label", name);
      made.oninput = () => this.take(this.mean.valueAsNumber, this.sigma.valueAsNumber);
      return made;
    };
    this.mean = slider("μ", [-FARTHEST_MEAN, FARTHEST_MEAN]);
    this.sigma = slider("σ", SIGMA_RANGE);
    const line = element("div", "latent-line", side);
    for (const many of PER_PRESS) button(line, `Draw ${many}`, () => this.draw(many));
    this.said = element("div", "latent-said", side);
    const plots = element("div", "latent-lesson-plots", root);
    [this.curves, this.running] = [0, 1].map(() => element("canvas", "latent-lesson-plot", plots));
    this.resized = new ResizeObserver(() => this.repaint());
    this.resized.observe(plots);
    this.show();
  }

  // The image is another one: its q in the first direction is where we begin.
  show() {
    this.mark();
    const { mean, std } = this.lesson.models.vae.encode(this.lesson.image.x).q;
    this.take(mean[0], std[0]);
  }

  take(mean, sigma) {
    Object.assign(this, { at: [mean, sigma], averages: [], sum: 0 });
    this.mean.value = mean;
    this.sigma.value = sigma;
    this.draw(PER_PRESS[1]);
  }

  draw(many) {
    const [mean, sigma] = this.at;
    for (let i = 0; i < many; i++) {
      if (!this.spare.length) this.spare = normalPair(this.uniform);
      const noise = this.spare.pop();
      const z = mean + sigma * noise;
      this.sum += (z ** 2 - noise ** 2) / 2 - Math.log(sigma);
      this.averages.push(this.sum / (this.averages.length + 1));
    }
    this.say();
    this.repaint();
  }

  say() {
    const [mean, sigma] = this.at;
    const count = this.averages.length;
    const lines = [
      `μ ${shortNumber(mean)}, σ ${shortNumber(sigma)}`,
      `KL ${shortNumber(klOf(mean, sigma), 3)} nats`,
      `by ${count.toLocaleString("en")} draws ${shortNumber(this.averages.at(-1), 3)}`,
      `the other formula ${shortNumber(aroundOf(mean, sigma), 3)}`,
    ];
    sayLines(this.said, lines);
    describe(this.curves, `KL and the other formula, over σ. ${lines.join(", ")}`);
    describe(this.running, `The average over draws, coming to the KL. ${lines.join(", ")}`);
  }

  repaint() {
    if (!this.curves.clientWidth) return;
    this.paintCurves();
    this.paintRunning();
  }

  paintCurves() {
    const [mean, sigma] = this.at;
    const { answered } = this.lesson;
    const legend = answered ? `${CURVES_LEGEND}   ● lowest point` : CURVES_LEGEND;
    const { context, x, y, ink } = plot(this.curves, SIGMA_RANGE, [0, HIGHEST], CURVES_TITLE, legend);
    const curve = (of, colour, dash) => {
      context.beginPath();
      for (let s = SIGMA_RANGE[0]; s <= SIGMA_RANGE[1]; s += 0.01) context.lineTo(x(s), y(of(mean, s)));
      context.setLineDash(dash);
      context.lineWidth = 2;
      context.strokeStyle = colour;
      context.stroke();
      context.setLineDash([]);
      const lowest = lowestOf(of, mean);
      if (answered) dot(context, [x(lowest), y(of(mean, lowest))], colour);
    };
    curve(klOf, this.lesson.ink, []);
    curve(aroundOf, ink, [5, 4]);
    context.beginPath();
    context.moveTo(x(sigma), y(0));
    context.lineTo(x(sigma), y(HIGHEST));
    context.lineWidth = 1;
    context.globalAlpha = 0.5;
    context.stroke();
    context.globalAlpha = 1;
  }

  paintRunning() {
    const exact = klOf(...this.at);
    const count = this.averages.length;
    const off = Math.max(0.2, ...this.averages.slice(4).map((value) => Math.abs(value - exact)));
    const range = [exact - off, exact + off];
    const { context, x, y, ink } = plot(this.running, [1, Math.max(count, 2)], range, "average, over draws");
    const line = (points, colour, width) => {
      context.beginPath();
      for (const [at, value] of points) context.lineTo(x(at), y(value));
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke();
    };
    line(
      [
        [1, exact],
        [Math.max(count, 2), exact],
      ],
      this.lesson.ink,
      2,
    );
    line(
      this.averages.map((value, i) => [i + 1, value]),
      ink,
      1.5,
    );
  }

  measured() {
    const lowest = lowestOf(aroundOf, this.at[0]);
    const right = lowest > 0.9 ? 0 : lowest > 0.6 ? 1 : 2;
    const said = `Its lowest point is at σ = ${shortNumber(lowest)}; that of the KL at ${shortNumber(lowestOf(klOf, this.at[0]))}.`;
    return { right, said, value: lowest };
  }

  stop() {
    this.resized.disconnect();
  }
}

// The sigma at which a formula is smallest.
function lowestOf(of, mean) {
  let lowest = SIGMA_RANGE[0];
  for (let s = SIGMA_RANGE[0]; s <= SIGMA_RANGE[1]; s += FINEST) if (of(mean, s) < of(mean, lowest)) lowest = s;
  return lowest;
}

function dot(context, at, colour) {
  context.beginPath();
  context.arc(...at, 5, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.fillStyle = theme().ink;
}

// An empty plot with its axes, and where its values lie.
function plot(canvas, across, up, title, legend = "") {
  const { context, width, height } = clearedInType(canvas);
  const { left, right, top, bottom } = PLOT_ROOM;
  const { ink } = theme();
  const x = (value) => left + ((value - across[0]) / (across[1] - across[0])) * (width - left - right);
  const y = (value) => top + ((up[1] - value) / (up[1] - up[0])) * (height - top - bottom);
  context.font = "12px sans-serif";
  context.fillStyle = context.strokeStyle = ink;
  context.textAlign = "left";
  context.fillText(title, left, 14);
  const levels = roundTicks(up, 5).map(({ value, text }) => ({ y: y(value), text }));
  drawLevels(context, levels, { left, width: width - left - right, gap: 8 });
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const { value, text } of roundTicks(across, 6)) context.fillText(text, x(value), height - 8);
  context.globalAlpha = 1;
  context.textAlign = "right";
  context.fillText(legend, width - right, 14);
  context.beginPath();
  context.rect(left, top, width - left - right, height - top - bottom);
  context.clip();
  return { context, x, y, ink };
}
