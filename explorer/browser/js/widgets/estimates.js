// The estimates of log p(x) as they come: IW-K rising to the exact value, and the scatter of simple Monte Carlo below it.

import { drawLevels } from "../base/axes.js";
import { clearedInType, describe, element } from "../base/dom.js";
import { longNumber, withMinus } from "../base/format.js";
import { wantsStill } from "../base/motion.js";
import { strokeEach } from "../base/strokes.js";
import { Ladder } from "../model/ladder.js";
import { lineKeys } from "./legend.js";
import { term } from "./terms.js";

const FRAME_MS = 8;
const GROWTH = 0.04; // of what is drawn already, in a frame: on a logarithmic axis the curve then grows evenly
const LINEAR = 0.1; // of the unit: nearer to the exact value than this the axis is linear, farther out logarithmic
const ESTIMATES_MARGIN = { left: 70, right: 14, top: 8, bottom: 32 };

export class Estimates {
  constructor(parent) {
    this.root = element("div", "latent-estimates", parent);
    this.said = element("div", "latent-legend", this.root);
    const [exact, q, prior] = lineKeys(this.said, ["line exact", "line q", "dots prior"]);
    q.append("from q: ");
    term("IW", q);
    term("simple Monte Carlo", prior);
    this.items = { exact, q: element("span", "", q), prior: element("span", "", prior) };
    this.items.count = element("span", "latent-count", this.said);
    this.canvas = element("canvas", "", this.root);
    this.resized = new ResizeObserver(() => this.paint());
    this.resized.observe(this.root);
  }

  // view: BoundClose of `payloads.py`, and the colours of the theme
  show(view, sampler) {
    this.view = view;
    if (sampler !== this.sampler) this.start(sampler);
    this.paint();
  }

  start(sampler) {
    this.sampler = sampler;
    this.total = 0;
    this.range = [-1, 0.3];
    this.q = new Ladder(this.view.draws);
    this.prior = new Ladder(this.view.draws);
    this.still = wantsStill();
    this.go();
  }

  stop() {
    this.sampler = null;
    this.resized.disconnect();
  }

  // A hidden page gets no animation frames, so that it draws nothing.
  go() {
    const { sampler } = this;
    requestAnimationFrame(() => {
      if (sampler !== this.sampler) return;
      this.draw(this.still ? Infinity : Math.ceil(GROWTH * this.total + 1));
      const finished = this.total >= this.view.draws;
      if (finished || !this.still) this.paint();
      if (!finished) this.go();
    });
  }

  draw(many) {
    const deadline = performance.now() + (this.still ? 5 : 1) * FRAME_MS;
    for (let i = 0; i < many && this.total < this.view.draws && performance.now() < deadline; i++) {
      const [fromPosterior, fromPrior] = this.sampler.weigh(this.total++);
      this.q.add(fromPosterior);
      this.prior.add(fromPrior);
    }
    this.root.dataset.draws = this.total;
  }

  // How far a value in nats lies from the exact one, in the unit.
  off(nats) {
    return (nats - this.view.log_px) / this.view.unit.nats;
  }

  paint() {
    if (!this.view || !this.canvas.clientWidth) return;
    const { context, width, height } = clearedInType(this.canvas);
    this.context = context;
    this.fit();
    const { left, right, top, bottom } = ESTIMATES_MARGIN;
    const bend = (value) => Math.asinh(value / LINEAR);
    const [low, high] = this.range.map(bend);
    const rungs = this.q.rungs.length - 1;
    this.x = (rung) => left + ((rung + 0.5) / (rungs + 1)) * (width - left - right);
    this.y = (value) => top + ((high - bend(value)) / (high - low)) * (height - top - bottom);
    this.step = (width - left - right) / (rungs + 1);
    this.size = { width, height };
    this.drawAxes();
    this.drawPrior();
    this.drawExact();
    this.drawBound();
    this.say();
  }

  // The axis holds all that was drawn, and never shrinks.
  fit() {
    const values = this.prior.rungs.flatMap(({ recent }) => recent).map((value) => this.off(value));
    const bounds = this.q.rungs.filter(({ count }) => count).map(({ mean }) => this.off(mean));
    const round = (least) => {
      const power = 10 ** Math.floor(Math.log10(least));
      return [1, 2, 4, 10].map((each) => each * power).find((each) => each >= least);
    };
    const all = [...values, ...bounds];
    this.range[0] = Math.min(this.range[0], -round(Math.max(1, ...all.map((value) => -value))));
    this.range[1] = Math.max(this.range[1], round(Math.max(0.3, ...all)));
  }

  drawAxes() {
    const { context, size } = this;
    const { left, right } = ESTIMATES_MARGIN;
    context.font = "11px sans-serif";
    context.fillStyle = this.view.colours.ink;
    const [low, high] = this.range;
    const marks = [0, ...[1, 10, 100, 1000, 1e4, 1e5].flatMap((mark) => [-mark, mark])];
    const levels = marks
      .filter((mark) => low <= mark && mark <= high)
      .map((mark) => ({ y: this.y(mark), text: withMinus(`${mark > 0 ? "+" : ""}${mark.toLocaleString("en")}`) }));
    drawLevels(context, levels, { left, width: size.width - left - right, gap: 8 });
    context.textAlign = "center";
    for (let rung = 0; rung < this.q.rungs.length; rung += 2) {
      context.fillText((2 ** rung).toLocaleString("en"), this.x(rung), size.height - 24);
    }
    context.fillText("K draws", (left + size.width) / 2, size.height - 8);
    context.save();
    context.translate(9, (size.height - 32) / 2 + 4);
    context.rotate(-Math.PI / 2);
    context.fillText(`${this.view.unit.name} off log p(x)`, 0, 0);
    context.restore();
    context.globalAlpha = 1;
  }

  drawPrior() {
    const { context } = this;
    context.fillStyle = this.view.colours.ink;
    context.globalAlpha = 0.4;
    this.prior.rungs.forEach(({ recent }, rung) => {
      recent.forEach((value, i) => {
        const x = this.x(rung) + this.step * 0.36 * (2 * ((i * 0.618) % 1) - 1);
        context.fillRect(x - 1, this.y(this.off(value)) - 1, 2, 2);
      });
    });
    context.globalAlpha = 1;
  }

  drawExact() {
    const { context, size } = this;
    const { left, right } = ESTIMATES_MARGIN;
    const error = this.view.error / this.view.unit.nats;
    context.fillStyle = this.view.colours.exact;
    context.globalAlpha = 0.3;
    const y = this.y(error);
    context.fillRect(left, y, size.width - left - right, Math.max(this.y(-error) - y, 1));
    context.globalAlpha = 1;
    context.fillRect(left, this.y(0) - 0.75, size.width - left - right, 1.5);
  }

  drawBound() {
    const { context } = this;
    const { ink, paper } = this.view.colours;
    const points = this.q.rungs
      .map((rung, i) => ({ ...rung, x: this.x(i), error: this.q.error(rung) }))
      .filter(({ count }) => count);
    if (!points.length) return;
    const known = points.filter(({ error }) => error >= 0);
    context.beginPath();
    known.forEach(({ x, mean, error }) => context.lineTo(x, this.y(this.off(mean + error))));
    known.toReversed().forEach(({ x, mean, error }) => context.lineTo(x, this.y(this.off(mean - error))));
    context.fillStyle = ink;
    context.globalAlpha = 0.18;
    context.fill();
    context.globalAlpha = 1;
    context.beginPath();
    points.forEach(({ x, mean }) => context.lineTo(x, this.y(this.off(mean))));
    strokeEach(context, [
      [paper, 4],
      [ink, 2],
    ]);
    for (const { x, mean } of points) {
      context.beginPath();
      context.arc(x, this.y(this.off(mean)), 3, 0, 2 * Math.PI);
      context.fill();
    }
  }

  say() {
    const { log_px, error, settled, unit, draws } = this.view;
    const number = (nats) => longNumber(nats / unit.nats);
    const top = this.q.top;
    const k = (2 ** top).toLocaleString("en");
    this.items.exact.textContent = `${settled ? "exact" : "not settled:"} ${number(log_px)} ± ${(error / unit.nats).toFixed(3)}`;
    this.items.q.textContent = top < 0 ? "" : ` of ${k} draws ${number(this.q.rungs[top].mean)}`;
    const prior = top < 0 ? "" : ` of ${k} draws ${number(this.prior.rungs[top].mean)}`;
    this.items.prior.textContent = ` from the prior${prior}`;
    this.items.count.textContent = `${this.total.toLocaleString("en")} of ${draws.toLocaleString("en")} draws of each`;
    describe(this.canvas, this.said.innerText);
  }
}
