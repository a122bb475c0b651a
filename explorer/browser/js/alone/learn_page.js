// Learn: the lesson, whose steps compute all that moves.

import { element } from "../base/dom.js";

export class LearnPage {
  constructor(file, root) {
    this.file = file;
    this.mount = element("div", "", root);
    this.trainings = element("div", "", root, { hidden: true });
  }

  update() {
    const { file } = this;
    const { steps, models, trainings } = file.spec.lesson;
    const { sheet } = file.spec;
    const { step, image_learn: image } = file.values;
    const tell = (picked) => {
      file.state.set({ step: picked.step, image_learn: picked.image });
      if (picked.open) this.leave(steps[picked.step - 1], picked.image);
    };
    file.tie("learn", { step, image, steps, models, sheet }, this.mount, tell);
    if (!this.begun) file.tie("learn", trainings, this.trainings);
    this.begun = true;
  }

  // Open the page on which the same view is, where this file has it.
  leave({ page, choices }, image) {
    const name = page.toLowerCase();
    const wanted = Object.entries(choices).map(([field, value]) => [field, value === "" ? image : value]);
    this.file.go(this.file.spec.pages.includes(name) ? name : this.file.spec.pages[0], Object.fromEntries(wanted));
  }
}
