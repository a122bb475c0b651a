// Maps side by side, each under its model, which is chosen there if the file has several; the class that a conditional
// model decodes is chosen beside it.

import { element } from "../base/dom.js";
import { Plot } from "../plane/plot.js";
import { choicesOf, dropDown } from "./controls.js";

const plots = new Map(); // by the keys of their charts

export const plotAt = (key) => plots.get(key)?.view ?? null;

// A chart of our own, under the key by which its controller finds it.
export function plotOn(parent, key, { classes, x, y, dot }) {
  plots.get(key)?.view.stop();
  const stage = element("div", "", element("div", `st-key-${key}`, parent));
  plots.set(key, new Plot(stage, { classes, x, y, dot }));
}

export class Planes {
  // file: the whole file; charts: the keys of the maps are `<charts>_<side>`; fields: of the state, the one that names the
  // model of a side; build(section, side): makes what stands under a map
  constructor(file, root, { charts, sides, names, build }) {
    Object.assign(this, { file, charts, names, build, shown: {} });
    const row = element("div", "alone-maps", root);
    this.sections = Object.fromEntries(sides.map((side) => [side, element("section", "", row)]));
  }

  get sides() {
    return Object.keys(this.sections);
  }

  model(side) {
    return this.file.model(side, this.names);
  }

  // Show the model of each side; a map is made anew where it is another one.
  update() {
    for (const [side, section] of Object.entries(this.sections)) {
      const model = this.model(side);
      if (this.shown[side] !== model) {
        this.shown[side] = model;
        section.replaceChildren();
        this.head(section, side, model);
        plotOn(section, `${this.charts}_${side}`, model);
        this.build?.(section, side, model);
      }
      this.label?.[side]?.show(this.file.label(side, model));
    }
  }

  head(section, side, model) {
    const line = element("div", "alone-name", section);
    const { file, names } = this;
    const chosen = (name) => file.set({ [side]: name });
    if (names.length > 1) dropDown(line, `Model, ${side}`, file.choices(names), chosen).show(model.name);
    else element("h2", "", line, { textContent: model.title });
    if (!model.conditional) return;
    this.label ??= {};
    const field = `label_${side}`;
    this.label[side] = dropDown(line, `Class to decode, ${side}`, choicesOf(model.classes), (label) =>
      file.set({ [field]: Number(label) }),
    );
  }
}
