// Classes: a style in every class, and samples of one class.

import { element } from "../base/dom.js";
import { drawPixels, imageCanvas } from "../base/images.js";
import { normalPair, seededRandom } from "../base/random.js";
import { bankOf } from "../model/banks.js";
import { choicesOf, dropDown, numberField, pointFields } from "./controls.js";
import { plotOn } from "./planes.js";

const COUNTS = [10, 20, 50, 100];
const MOST_SEEDS = 2 ** 31;

export class ClassesPage {
  constructor(file, root) {
    Object.assign(this, { file, root, names: file.names(({ conditional }) => conditional) });
    const line = element("div", "alone-line", root);
    element("div", "latent-help", line, {
      textContent: "Move over the map: one style in every class. Click to keep it.",
    });
    this.model = dropDown(line, "Model", file.choices(this.names), (style) => file.set({ style }));
    this.body = element("div", "alone-classes", root);
  }

  build(model) {
    const { file, body } = this;
    body.replaceChildren();
    const left = element("section", "", body);
    const right = element("section", "", body);
    plotOn(left, "style_map", model);
    this.fields = pointFields(left, "style", ([z1, z2]) => file.set({ z1_style: z1, z2_style: z2 }));
    this.mount = element("div", "", right);
    const choice = element("div", "alone-line", right);
    const counts = COUNTS.map((value) => ({ value, text: String(value) }));
    this.samples = dropDown(choice, "Samples", counts, (value) => file.set({ samples: Number(value) }));
    element("span", "", choice, { textContent: "samples of" });
    const sampled = (value) => file.set({ sampled: Number(value) });
    this.sampled = dropDown(choice, "Class to sample", choicesOf(model.classes), sampled);
    element("span", "", choice, { textContent: "seed" });
    this.seed = numberField(choice, "Seed", { min: 0, max: MOST_SEEDS - 1, step: 1 }, (seed) => file.set({ seed }));
    const again = element("button", "latent-button", choice, { type: "button", textContent: "Reshuffle" });
    again.onclick = () => file.set({ seed: (file.values.seed + 1) % MOST_SEEDS });
    this.grid = element("div", "alone-grid", right, { role: "img" });
  }

  update() {
    const { file } = this;
    const model = file.model("style", this.names);
    if (this.shown !== model.name) this.build(model);
    this.shown = model.name;
    this.model.show(model.name);
    const within = (label) => Math.min(label, model.classes.length - 1);
    const { label, morph, samples, sampled, seed } = file.values;
    const z = file.state.point(["z1_style", "z2_style"], [0, 0]);
    this.fields.show(z);
    const tell = (picked) => {
      if (picked.z) file.set({ z1_style: picked.z[0], z2_style: picked.z[1] });
      else file.set({ label: picked.label, morph: picked.morph });
    };
    const data = { bank: model.id, z, radius: model.radius, label: within(label), morph: within(morph) };
    file.tie("classes", data, this.mount, tell);
    this.samples.show(samples);
    this.sampled.show(within(sampled));
    this.seed.show(seed);
    this.draw(model, within(sampled));
  }

  // Samples of a class, of which a seed decides.
  async draw({ id, name, classes }, label) {
    const { samples, seed } = this.file.values;
    const wanted = [name, label, samples, seed].join();
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    const bank = await bankOf(id);
    if (this.drawn !== wanted) return;
    const uniform = seededRandom(seed);
    this.grid.setAttribute("aria-label", `${samples} samples of ${classes[label]}`);
    this.grid.replaceChildren();
    for (let i = 0; i < samples; i++) drawPixels(imageCanvas(this.grid), bank.decode(normalPair(uniform), label));
  }
}
