// Bound: one image's exact posterior and the encoder's q on the plane and close up, draws from q, and live estimates.

import { announce } from "../base/announce.js";
import { button, clipped, element, exactInk, theme, wait } from "../base/dom.js";
import { longNumber } from "../base/format.js";
import { drawPixels, greyLevels, SIDE } from "../base/images.js";
import { between, Glide, wantsStill } from "../base/motion.js";
import { probe } from "../base/probe.js";
import { bankOf } from "../model/banks.js";
import { Sampler } from "../model/likelihood.js";
import { Chart } from "../plane/chart.js";
import { CloseUp } from "../plane/close_up.js";
import { drawCodes } from "../plane/cloud.js";
import { Lens } from "../plane/lens.js";
import { drawDot, drawEllipses, drawFrame, drawPrior, drawRing } from "../plane/marks.js";
import { Posterior } from "../plane/posterior.js";
import { Estimates } from "../widgets/estimates.js";
import { lineKeys } from "../widgets/legend.js";
import { term } from "../widgets/terms.js";

const KEPT_DRAWS = 8;
const GLIDE_MS = 350;
const EDGE = 0.03; // of the view, between its edge and a draw
const LEGEND = {
  "area exact": ["posterior", "p(z | x)"],
  "line q": ["q", "q: 1σ, 2σ"],
  "line best": ["best Gaussian", "best Gaussian"],
};

export class Bound {
  constructor() {
    this.parents = new Map(); // of each part that is mounted
    this.lens = new Lens();
    this.draws = [];
    this.map = new Chart("bound_map", this.handlers());
  }

  handlers() {
    return {
      about: (chart) => this.about(chart),
      paint: (context, chart) => this.data && this.paint(context, chart),
      paintUnder: (chart) => this.data && this.paintUnder(chart),
      hover: (z, chart) => this.data && this.hover(z, chart),
      leave: () => this.leave(),
      pick: (z) => this.data && this.pick(z),
      filtered: () => this.close?.request(),
    };
  }

  about(chart) {
    if (!this.data) return "Map";
    const what = `posterior of the image, q at ${chart.pointInWords(this.data.q.mean)}`;
    return chart === this.close ? `Close up: ${what}` : `Map of ${this.bank.inWords}, ${what}`;
  }

  // data: BoundPart or BoundClose of `payloads.py`
  async update(data, { tell, parentElement, mounted }) {
    this.colours = { ...theme(), exact: await exactInk() };
    if (!mounted()) return;
    if (!this.parents.has(parentElement)) this.build(data.part, parentElement);
    this.parents.set(parentElement, data.part);
    if (data.part === "close") {
      this.tell = tell;
      const shades = data.posterior.map((each) => greyLevels(each.shades));
      const [bank, image, ...grey] = await Promise.all([bankOf(data.bank), greyLevels(data.image), ...shades]);
      if (!mounted()) return;
      const posteriors = data.posterior.map((each, i) => new Posterior(each, grey[i], data.shades_a_nat));
      this.take(
        data,
        bank,
        image.values.map((value) => value / 255),
        posteriors,
      );
    }
    this.refresh();
  }

  build(part, parent) {
    if (part === "again") this.buildAgain(parent);
    if (part === "close") this.buildClose(parent);
    if (part === "live") this.estimates = new Estimates(parent);
  }

  buildAgain(parent) {
    const root = (this.drawn = element("div", "latent-again", parent));
    wait(root, true);
    const line = element("div", "latent-line", root);
    button(line, "Encode again", () => this.again()).title = "Draw a z from q and decode it";
    element("span", "", line, { textContent: "z ~ q, with log p(x | z)" });
    this.tiles = element("div", "latent-drawn", root);
  }

  buildClose(parent) {
    const root = element("div", "latent-close", parent);
    this.close = new CloseUp("bound_close", root, this.handlers());
    this.close.view.listen(() => this.map.requestOver());
    const legend = element("div", "latent-legend", root);
    const keys = lineKeys(legend, [...Object.keys(LEGEND), "draw"]);
    for (const [name, text] of Object.values(LEGEND)) term(name, keys.shift(), text);
    keys[0].append("draws");
  }

  take(data, bank, x, [wide, close]) {
    const same = this.data?.bank === data.bank && this.data.subject === data.subject;
    if (this.bank && this.bank !== bank) this.glide(this.bank);
    Object.assign(this, { data, bank, wide, near: close });
    if (same) return;
    const { label, likelihood, q, drawn } = data;
    this.close?.view.reset(); // the last image may have been looked at closely
    this.sampler = new Sampler(bank, { x, label, likelihood, q, drawn });
    this.draws = [];
    for (let i = 0; i < KEPT_DRAWS; i++) this.draw();
  }

  // Codes of the same images move from one model's plane to the next one's.
  glide(from) {
    this.from = wantsStill() ? null : { bank: from, glide: new Glide(GLIDE_MS) };
  }

  codes() {
    const { bank, from } = this;
    const share = from?.glide.share ?? 1;
    if (share === 1 || from.bank.count !== bank.count) {
      this.from = null;
      return bank.codes;
    }
    this.redraw();
    return bank.codes.map((value, i) => between(from.bank.codes[i], value, share));
  }

  attach() {
    if (this.data) this.map.attach();
  }

  unmount(parent) {
    const part = this.parents.get(parent);
    this.parents.delete(parent);
    if (part === "close") {
      this.close.detach();
      this.close = null;
    }
    if (part === "live") this.estimates.stop();
    if (!this.parents.size) this.map.detach();
  }

  refresh() {
    if (!this.data) return;
    for (const each of [this.wide, this.near]) each.tint(this.colours.exact);
    this.attach();
    this.close?.view.follow(this.closeView());
    if (this.tiles) {
      wait(this.drawn, false);
      this.showTiles();
    }
    this.estimates?.show({ ...this.data, colours: this.colours }, this.sampler);
    this.redraw();
  }

  // The close-up holds all that it shows: what the server says, and the draws.
  closeView() {
    return this.data.view.map(([low, high], axis) => {
      const [places, edge] = [this.draws.map(({ z }) => z[axis]), EDGE * (high - low)];
      return [
        Math.min(low, ...places.map((place) => place - edge)),
        Math.max(high, ...places.map((place) => place + edge)),
      ];
    });
  }

  redraw() {
    this.map.request();
    this.close?.request();
  }

  draw() {
    const { z } = this.sampler.encode();
    this.draws.unshift({ z, logLikelihood: this.sampler.logLikelihood(z) });
    this.draws.length = Math.min(this.draws.length, KEPT_DRAWS);
  }

  again() {
    this.draw();
    this.showTiles();
    this.close?.view.follow(this.closeView());
    this.redraw();
    probe.frames += 1;
  }

  showTiles() {
    const { label } = this.data;
    const figures = this.draws.map((draw) => {
      const figure = element("figure", "");
      const canvas = element("canvas", "latent-image", figure, { width: SIDE, height: SIDE });
      drawPixels(canvas.getContext("2d"), this.bank.decode(draw.z, label));
      element("figcaption", "", figure, { textContent: this.inUnit(draw.logLikelihood) });
      figure.title = this.map.pointInWords(draw.z);
      figure.onpointerenter = () => this.point(draw);
      figure.onpointerleave = () => this.point(null);
      return figure;
    });
    this.tiles.replaceChildren(...figures);
  }

  inUnit(nats) {
    return nats === null ? "" : longNumber(nats / this.data.unit.nats);
  }

  point(draw) {
    this.pointed = draw;
    this.map.requestOver();
    this.close?.requestOver();
  }

  // Which classes the map's legend shows; all, until there is a map.
  shown() {
    return this.map.view?.shown() ?? this.bank.classes.map(() => true);
  }

  hover(z, chart) {
    const other = chart === this.map ? this.close : this.map;
    if (other) other.cursor = null;
    this.hovered = { z, chart, image: this.bank.nearest(z, this.shown()) };
    other?.requestOver();
  }

  leave() {
    this.hovered = null;
    this.lens.hide();
    this.redraw();
  }

  pick(z) {
    const image = this.bank.nearest(z, this.shown());
    if (this.data.pick === "z") this.tell({ z });
    else if (image >= 0) this.tell({ image });
    else return null;
    const { classes, labels } = this.bank;
    announce(
      this.data.pick === "z"
        ? `Image decoded at ${this.map.pointInWords(z)}.`
        : `Test image ${image}: ${classes[labels[image]]}.`,
    );
    return () => this.tell({ undo: true });
  }

  paintUnder(chart) {
    const context = chart.clear(chart.under);
    const { view } = chart;
    if (chart === this.close) chart.drawAxes(context, this.colours.ink);
    clipped(context, view.frame(), () => {
      const size = (chart === this.close ? 3 : 2) * this.data.dot;
      drawCodes(context, view, this.codes(), this.bank.labels, this.shown(), size);
      this.wide.paint(context, view, this.near);
      this.near.paint(context, view);
    });
  }

  paint(context, chart) {
    const { view } = chart;
    const { q, best, label } = this.data;
    drawPrior(context, view);
    if (chart === this.close) {
      this.near.paintLines(context, view);
      drawEllipses(context, view, best, this.colours, { dash: [4, 3], bare: true });
    } else if (this.close) {
      const { x, y } = this.close.view.frame();
      drawFrame(context, view, [x, y], this.colours);
    }
    drawEllipses(context, view, q, this.colours);
    for (const { z } of this.draws.toReversed()) drawDot(context, view, z, chart === this.close ? 3.5 : 2);
    this.near.paintBeacon(context, view, this.colours);
    if (this.pointed) drawRing(context, view, this.pointed.z);
    if (!this.hovered) return;
    const { z, image, chart: touched } = this.hovered;
    if (this.data.pick === "image" && image >= 0) drawRing(context, view, this.bank.code(image));
    if (chart !== touched) return;
    const text = this.data.drawn ? chart.pointInWords(z) : `log p ${this.inUnit(this.sampler.logLikelihood(z))}`;
    this.lens.show(chart, z, this.bank.decode(z, label), text);
    probe.frames += 1;
  }
}
