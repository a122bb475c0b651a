// Classes: one point of the plane of style, every class at it, and the way from one class to another.

import { keep, recalledNumbers } from "../base/address.js";
import { announce } from "../base/announce.js";
import { element, wait } from "../base/dom.js";
import { drawPixels, SIDE } from "../base/images.js";
import { probe } from "../base/probe.js";
import { bankOf } from "../model/banks.js";
import { Chart } from "../plane/chart.js";
import { drawPin, drawPrior } from "../plane/marks.js";
import { extrapolated } from "../widgets/terms.js";

export class Classes {
  constructor(parent) {
    this.chart = new Chart("style_map", {
      about: (chart) => `Map of ${this.bank.inWords}, style pinned at ${chart.pointInWords(this.data.z)}`,
      codes: () => this.bank,
      paint: (context, chart) => this.paint(context, chart),
      hover: (z) => this.show(z),
      leave: () => this.show(this.data.z),
      pick: (z) => this.pick(z),
    });
    this.build(parent);
  }

  build(parent) {
    this.root = element("div", "latent-styles", parent);
    this.every = element("div", "latent-ten", this.root);
    this.warning = element("div", "latent-warning", this.root);
    extrapolated(this.warning);
    const morph = element("div", "latent-morph", this.root);
    element("span", "", morph, { textContent: "Morph" });
    this.from = this.choice(morph, "From class");
    this.slider = element("input", "latent-range", morph, { type: "range", min: 0, max: 1, step: 0.001, value: 0.5 });
    this.slider.setAttribute("aria-label", "Label, from the first class to the second");
    this.slider.value = recalledNumbers("morphed", 1)?.[0] ?? 0.5;
    this.slider.oninput = () => {
      this.show(this.z);
      keep("morphed", this.slider.value === "0.5" ? null : this.slider.value);
    };
    this.to = this.choice(morph, "Into class");
    this.morphed = element("canvas", "latent-image latent-screen", morph, { width: SIDE, height: SIDE });
    wait(this.root, true);
  }

  // A screen and an option for each class of the model.
  name(classes) {
    const figures = classes.map((name) => {
      const figure = element("figure", "", null, { title: name });
      element("canvas", "latent-image", figure, { width: SIDE, height: SIDE });
      element("figcaption", "", figure, { textContent: name });
      return figure;
    });
    this.every.replaceChildren(...figures);
    this.screens = figures.map((figure) => figure.firstChild.getContext("2d"));
    for (const select of [this.from, this.to]) {
      select.replaceChildren(...classes.map((name, i) => new Option(name, i)));
    }
  }

  choice(parent, name) {
    const select = element("select", "latent-select", parent);
    select.setAttribute("aria-label", name);
    select.onchange = () => {
      Object.assign(this.data, { label: Number(this.from.value), morph: Number(this.to.value) });
      this.show(this.z);
      this.tell({ label: this.data.label, morph: this.data.morph });
    };
    return select;
  }

  // data: Classes of `payloads.py`
  async update(data, { tell, mounted }) {
    this.tell = tell;
    this.bank = await bankOf(data.bank);
    if (!mounted()) return;
    if (this.data?.bank !== data.bank) this.name(this.bank.classes);
    this.data = data;
    this.from.value = data.label;
    this.to.value = data.morph;
    wait(this.root, false);
    this.attach();
    this.show(data.z);
    this.chart.request();
  }

  attach() {
    if (this.data) this.chart.attach();
  }

  unmount() {
    this.chart.detach();
  }

  show(z) {
    this.z = z;
    this.screens.forEach((screen, label) => drawPixels(screen, this.bank.decode(z, label)));
    const { label, morph, radius } = this.data;
    this.warning.style.visibility = this.bank.lonely(z, radius) ? "visible" : "hidden";
    const weights = new Array(this.screens.length).fill(0);
    weights[label] += 1 - this.slider.value;
    weights[morph] += Number(this.slider.value);
    drawPixels(this.morphed.getContext("2d"), this.bank.decode(z, weights));
    probe.frames += 1;
  }

  pick(z) {
    const before = this.data.z;
    this.pin(z, { z });
    return () => this.pin(before, { z: before, undo: true });
  }

  pin(z, picked) {
    this.data.z = z;
    this.show(z);
    this.chart.requestOver();
    announce(`Style pinned at ${this.chart.pointInWords(z)}.`);
    this.tell(picked);
  }

  paint(context, { view }) {
    drawPrior(context, view);
    drawPin(context, view, this.data.z);
  }
}
