// What all steps of the lesson share: the models, the test images, and the one that is looked at.

import { fromGreys } from "../base/images.js";
import { Encoder } from "../model/encoder.js";
import { Lattices } from "../model/lattices.js";

export class Lesson {
  // trainings: a promise of other trainings, { sides, curves, family, best }, see `Training`, `Knob` and `Bits`
  // models: by name { bank, encoder, radius, likelihood, knn5 }, the banks opened; sheet: all test images
  // chosen(index): the person at the screen has chosen another image
  constructor({ models, sheet, trainings, chosen }) {
    Object.assign(this, { models: {}, sheet, trainings, chosen, waiting: new Map(), planes: new Map() });
    this.answered = false; // the question of the step
    for (const [name, model] of Object.entries(models)) {
      const encoder = model.encoder && new Encoder(model.encoder);
      this.models[name] = { ...model, encode: (x) => encoder.see(x).encode(0) };
    }
    this.lattices = new Lattices((answer) => this.hear(answer));
    const { labels, classes } = this.models.vae.bank;
    this.examples = classes.map((_, label) => labels.indexOf(label));
  }

  get count() {
    return this.models.vae.bank.count;
  }

  // The indices of some test images, evenly among all.
  spread(count) {
    const step = Math.floor(this.count / count);
    return Array.from({ length: count }, (_, i) => i * step);
  }

  // Look at a test image.
  look(index) {
    this.image = this.imageAt(index);
  }

  choose(index) {
    this.look(index);
    this.chosen(index);
  }

  // { index, label, name, levels, x }: the class and its name, 784 grey levels, and these as numbers in [0, 1]
  imageAt(index) {
    const { labels, classes } = this.models.vae.bank;
    const levels = this.sheet.levels(index);
    const label = labels[index];
    return { index, label, name: classes[label], levels, x: fromGreys(levels) };
  }

  // Have a lattice say what a model makes of the image: takers.guess({ logPx, elbo, q }) and takers.heat({ logJoint, size,
  // serial }), each of which may be called more than once. Where it is about another model or other pixels than those of
  // the lesson, they are given.
  ask(name, takers, { bank, likelihood, levels = this.image.levels } = this.models[name]) {
    this.planes.set(name, { key: name, bank, label: 0, likelihood });
    this.lattices.show([...this.planes.values()]);
    const serial = this.lattices.see(name, levels.slice()); // a list that is known already is not looked at again
    this.waiting.set(name, { takers, serial });
  }

  hear({ key, kind, ...answer }) {
    const asked = this.waiting.get(key);
    if (asked?.serial === answer.serial) asked.takers[kind]?.(answer);
  }

  // No longer tell anyone what the lattices say.
  forget() {
    this.waiting.clear();
    this.planes.clear();
  }

  stop() {
    this.lattices.stop();
  }
}
