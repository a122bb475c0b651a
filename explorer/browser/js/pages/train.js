// Train: the curves of a training as it goes on, its map with the codes moving from epoch to epoch, what it decodes.

import { fromBase64 } from "../base/bytes.js";
import { element, theme } from "../base/dom.js";
import { between, Glide, wantsStill } from "../base/motion.js";
import { CloseUp } from "../plane/close_up.js";
import { drawCodes } from "../plane/cloud.js";
import { drawPrior } from "../plane/marks.js";
import { Curve } from "../widgets/curve.js";
import { classMarks } from "../widgets/legend.js";

const MOVE_MS = 700;
export class Train {
  constructor() {
    this.parents = new Map(); // of each part that is mounted
  }

  // data: TrainCurves, TrainPicture or TrainMap of `payloads.py`
  async update(data, { parentElement, mounted }) {
    if (data.part === "curves" && !this.parents.has(parentElement)) this.build(parentElement);
    this.parents.set(parentElement, data.part);
    if (data.part === "curves") this.figures = data;
    else this.take(data);
    await this.styled();
    if (mounted()) this.refresh();
  }

  // Before the style sheet has arrived, nothing has its size or its place.
  async styled() {
    while (this.root && getComputedStyle(this.root).display !== "grid") await new Promise(requestAnimationFrame);
  }

  build(parent) {
    this.root = element("div", "latent-train", parent);
    this.plots = element("div", "latent-plots", this.root);
    this.curves = [];
    this.plane = element("div", "latent-plane", this.root);
    this.heading = element("div", "latent-line", this.plane);
    const handlers = {
      about: () => `Map of the codes of ${this.heading.textContent}`,
      paint: (context, { view }) => this.now?.prior && drawPrior(context, view),
      paintUnder: (chart) => this.paintUnder(chart),
      pick: () => {},
    };
    this.map = new CloseUp("train_map", this.plane, handlers);
    this.legend = element("div", "latent-legend", this.plane);
    const decoded = element("div", "latent-decoded", this.root);
    this.caption = element("div", "latent-line", decoded);
    this.picture = element("img", "decoded", decoded);
  }

  // The codes of one more epoch: those on the screen move there.
  take(data) {
    const same = this.now?.job === data.job;
    const before = same && this.now.codes ? { codes: this.codes(), window: this.window() } : null;
    this.now = { ...data, codes: null };
    if (data.codes) {
      const [across, up] = data.scale;
      const whole = new Int16Array(fromBase64(data.codes).buffer);
      this.now.codes = Float32Array.from(whole, (value, i) => value * (i % 2 ? up : across));
      this.now.labels = new Uint8Array(fromBase64(data.labels).buffer);
    }
    if (same && before && data.epoch === this.epoch) return;
    this.epoch = data.epoch;
    this.from = before && !wantsStill() ? { ...before, glide: new Glide(MOVE_MS) } : null;
  }

  // How far from the codes of the epoch before to those of this one, from 0 to 1.
  get moved() {
    const share = this.from?.glide.share ?? 1;
    if (share === 1) this.from = null;
    return share;
  }

  codes() {
    const { moved, from, now } = this;
    return from ? now.codes.map((value, i) => between(from.codes[i], value, moved)) : now.codes;
  }

  window() {
    const { moved, from, now } = this;
    if (!from) return now.window;
    return now.window.map((range, axis) => range.map((value, end) => between(from.window[axis][end], value, moved)));
  }

  unmount(parent) {
    const part = this.parents.get(parent);
    this.parents.delete(parent);
    if (part !== "curves") return;
    this.map.detach();
    for (const curve of this.curves) curve.stop();
    this.root = null;
  }

  refresh() {
    if (!this.root || !this.figures) return;
    this.colours = theme();
    const { curves, epochs, job } = this.figures;
    if (this.curves.length !== curves.length) {
      for (const curve of this.curves) curve.stop();
      this.plots.replaceChildren();
      this.curves = curves.map(() => new Curve(this.plots));
    }
    curves.forEach((curve, i) => this.curves[i].show(curve, epochs, this.colours));
    const seen = this.now?.job === job ? this.now : null;
    this.plane.style.display = seen?.codes ? "" : "none";
    this.picture.parentElement.style.display = seen ? "" : "none";
    this.root.dataset.epoch = seen?.epoch ?? "";
    if (seen) this.showSeen(seen);
  }

  showSeen({ codes, epoch, picture, caption, classes }) {
    const when = epoch ? `after epoch ${epoch}` : "before the first epoch";
    this.caption.textContent = caption;
    this.picture.src = picture;
    this.picture.alt = `${caption}, ${when}`;
    if (!codes) return;
    this.heading.textContent = `${(codes.length / 2).toLocaleString("en")} test images, ${when}`;
    this.legend.replaceChildren(...classMarks(classes));
    this.map.request();
  }

  paintUnder(chart) {
    if (!this.now?.codes) return;
    const { view } = chart;
    view.follow(this.window());
    const context = chart.clear(chart.under);
    chart.drawAxes(context, this.colours.ink);
    drawCodes(context, view, this.codes(), this.now.labels, new Array(10).fill(true), 2.5);
    if (this.from) chart.request();
  }
}
