// Bound with a part of the image erased: its posterior given the rest narrows and widens under the eraser, and shown is
// what the erased part may be.

import { announce } from "../base/announce.js";
import { fromBase64, toBase64 } from "../base/bytes.js";
import { clipped, exactInk } from "../base/dom.js";
import { greyLevels } from "../base/images.js";
import { probe } from "../base/probe.js";
import { Told } from "../base/told.js";
import { bankOf } from "../model/banks.js";
import { Lattices } from "../model/lattices.js";
import { Chart } from "../plane/chart.js";
import { drawCodes } from "../plane/cloud.js";
import { LatticeHeat } from "../plane/lattice_heat.js";
import { Lens } from "../plane/lens.js";
import { drawDot, drawPrior, drawRing, SMALL_DOT } from "../plane/marks.js";
import { CompletionPanel } from "../widgets/completion_panel.js";
import { Eraser } from "../widgets/eraser.js";

export class Completion {
  constructor() {
    this.parents = new Map();
    this.lens = new Lens();
    this.lattices = new Lattices((answer) => this.hear(answer));
    this.told = new Told(); // what was erased
    this.map = new Chart("complete_map", {
      about: () => `Map of ${this.bank.inWords}, posterior of what is seen of the image`,
      paintUnder: (chart) => this.paintUnder(chart),
      paint: (context, chart) => this.paint(context, chart),
      hover: (z, chart) => this.hover(z, chart),
      leave: () => this.leave(),
      pick: (z) => this.pick(z),
    });
  }

  // data: CompletionEraser or CompletionPanel of `payloads.py`
  async update(data, { tell, parentElement, mounted }) {
    if (!this.parents.has(parentElement)) this.build(data.part, parentElement);
    this.parents.set(parentElement, data.part);
    this.exact = await exactInk();
    if (!mounted()) return;
    if (data.part === "eraser") {
      this.tell = tell;
      const [bank, image] = await Promise.all([bankOf(data.bank), greyLevels(data.image)]);
      if (!mounted()) return;
      this.take(data, bank, Uint8Array.from(image.values));
    }
    this.show();
  }

  build(part, parent) {
    if (part === "panel") this.panel = new CompletionPanel(parent, { point: (rank) => this.point(rank) });
    else this.eraser = new Eraser(parent, { changed: () => this.changed(), lifted: () => this.send() });
  }

  take(data, bank, levels) {
    const { label, likelihood, erased } = data;
    const key = `${data.bank} ${label}`;
    const another = key !== this.key || data.image !== this.data.image;
    const news = this.told.isNews(erased);
    Object.assign(this, { key, data, bank, levels });
    this.lattices.show([{ key, bank, label, likelihood }]);
    this.eraser.load(levels, news ? fromBase64(erased) : this.eraser.erased);
    const serial = this.ask();
    if (another) Object.assign(this, { first: serial, heat: null, found: null });
  }

  ask() {
    const { seen } = this.eraser;
    const levels = this.levels.map((level, i) => level * seen[i]);
    return this.lattices.see(this.key, levels, { seen });
  }

  // What is said of the same image with another part erased is better than nothing while that changes.
  hear({ kind, ...answer }) {
    if (answer.serial < this.first) return;
    if (kind === "heat") this.heat = new LatticeHeat(answer);
    else this.found = answer;
    this.show();
  }

  changed() {
    this.ask();
    probe.frames += 1;
  }

  send() {
    const erased = toBase64(this.eraser.erased);
    this.told.add(erased);
    this.tell({ erased });
  }

  show() {
    if (!this.data) return;
    this.attach();
    if (this.found) this.panel?.show(this.found, this.levels, this.data.log_px, this.data.unit);
    this.map.request();
  }

  attach() {
    if (this.data) this.map.attach();
  }

  unmount(parent) {
    this.parents.delete(parent);
    if (this.parents.size) return;
    this.lattices.stop();
    this.map.detach();
  }

  point(rank) {
    this.pointed = rank;
    this.map.requestOver();
  }

  hover(z, chart) {
    this.near = this.bank.nearest(z, chart.view.shown());
    this.lens.show(chart, z, this.bank.decode(z, this.data.label), chart.pointInWords(z));
  }

  leave() {
    this.near = -1;
    this.lens.hide();
  }

  pick(z) {
    const image = this.bank.nearest(z, this.map.view.shown());
    if (image < 0) return null;
    this.tell({ image });
    announce(`Test image ${image}: ${this.bank.classes[this.bank.labels[image]]}.`);
    return () => this.tell({ undo: true });
  }

  paintUnder(chart) {
    const context = chart.clear(chart.under);
    const { view } = chart;
    clipped(context, view.frame(), () =>
      drawCodes(context, view, this.bank.codes, this.bank.labels, view.shown(), 2 * this.data.dot),
    );
  }

  paint(context, { view }) {
    if (this.data.prior) drawPrior(context, view);
    this.heat?.paint(context, view, this.exact, this.found);
    for (const z of this.found?.places ?? []) drawDot(context, view, z, SMALL_DOT);
    if (this.pointed != null && this.found) drawRing(context, view, this.found.places[this.pointed]);
    if (this.near >= 0) drawRing(context, view, this.bank.code(this.near));
  }
}
