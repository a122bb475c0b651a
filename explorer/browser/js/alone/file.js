// The explorer as one file: its models, its state, and its pages, of which one is on the screen. All that the app leaves to
// its server is done here; the pages' controllers are the app's own, and are told what to show as a rerun tells them.

import { withView } from "../base/address.js";
import { element } from "../base/dom.js";
import { bankOf } from "../model/banks.js";
import { classifierAt } from "../model/classifier.js";
import { BoundPage } from "./bound_page.js";
import { ClassesPage } from "./classes_page.js";
import { DrawPage } from "./draw_page.js";
import { InterpolatePage } from "./interpolate_page.js";
import { LearnPage } from "./learn_page.js";
import { MapsPage } from "./maps_page.js";
import { ReplayPage } from "./replay_page.js";
import { State } from "./state.js";

const PAGES = {
  maps: MapsPage,
  learn: LearnPage,
  interpolate: InterpolatePage,
  classes: ClassesPage,
  bound: BoundPage,
  draw: DrawPage,
  replay: ReplayPage,
};

const titleOf = (name) => name[0].toUpperCase() + name.slice(1);

export class SingleFile {
  // spec: what Python has written into the file, see `single_file.py`; tie: hands a controller its data, as the app does
  constructor(spec, tie) {
    Object.assign(this, { spec, models: spec.models });
    this.tie = (page, data, parentElement, tell = () => {}) =>
      tie({ data: { page, shapes: this.values.shapes, ...data }, parentElement, tell });
    this.state = new State(spec.state, spec.planes);
    const head = element("header", "alone-head", document.body);
    element("p", "alone-title", head, { textContent: "Latent Space Explorer" });
    const nav = element("nav", "alone-tabs", head);
    nav.setAttribute("aria-label", "Pages");
    this.tabs = spec.pages.map((name) => {
      const tab = element("button", "", nav, { type: "button", textContent: titleOf(name) });
      tab.onclick = () => this.go(name);
      return tab;
    });
    element("div", "alone-tools", head).dataset.testid = "stToolbarActions";
    addEventListener("popstate", () => {
      this.state.read();
      this.open();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.page.update());
    this.open();
  }

  get values() {
    return this.state.values;
  }

  // Go to a page, as a step in the history of the browser.
  go(page, changes = {}) {
    history.replaceState(history.state, "", withView(location.href)); // what is not written yet belongs to the page before
    this.state.set({ ...changes, page });
    history.pushState(null, "", withView(location.href));
    this.open();
  }

  async open() {
    const name = this.spec.pages.includes(this.values.page) ? this.values.page : this.spec.pages[0];
    this.main?.remove();
    await null; // until the controllers of the page before have heard of it
    this.main = element("main", `alone-page alone-page-${name}`, document.body);
    element("h1", "latent-unseen", this.main, { textContent: titleOf(name) });
    document.title = `${titleOf(name)} · ${this.spec.title}`;
    this.tabs.forEach((tab, rank) => {
      if (this.spec.pages[rank] === name) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    });
    this.page = new PAGES[name](this, this.main);
    this.page.update();
  }

  // Change the state, and show what follows from it.
  set(changes) {
    this.state.set(changes);
    this.page.update();
  }

  undo() {
    this.state.undo();
    this.page.update();
  }

  // The models of which something holds, by name.
  names(holds = () => true) {
    return Object.keys(this.models).filter((name) => holds(this.models[name]));
  }

  // The model that a field of the state names, or the first of those that it may name.
  model(field, names) {
    const name = names.includes(this.values[field]) ? this.values[field] : names[0];
    return { name, ...this.models[name] };
  }

  // The picture of all test images, opened; null where the file has none.
  async sheet() {
    const sheet = this.spec.sheet && (await bankOf(this.spec.sheet));
    await sheet?.opened;
    return sheet;
  }

  // What reads a class in an image; null where the file has none.
  async classifier() {
    return this.spec.classifier && (await classifierAt(this.spec.classifier));
  }

  choices(names) {
    return names.map((value) => ({ value, text: this.models[value].title }));
  }

  // The class that is asked of the model on a side.
  label(side, { classes }) {
    const label = this.values[`label_${side}`] ?? 0;
    return label < classes.length ? label : 0;
  }
}
