// Step: VAEs that differ in the sigma of a pixel alone: their maps, what they make of an image, their KL and error.

import { element } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { drawDot } from "../plane/marks.js";
import { boxOfCodes, CodesMap, imageRow, Picture, sayLines } from "./pieces.js";

export class Knob {
  constructor(root, lesson) {
    Object.assign(this, { root, lesson });
    this.waiting = element("div", "latent-said", root, { textContent: "Opening the models …" });
    lesson.trainings.then((found) => !this.stopped && this.open(found));
  }

  open({ family }) {
    if (!family.length) {
      this.waiting.textContent = "The models that differ in σ alone are not here.";
      return;
    }
    this.waiting.remove();
    this.family = family;
    this.mark = imageRow(this.root, this.lesson);
    const side = element("div", "latent-lesson-side", this.root);
    const line = element("label", "latent-line", side, { textContent: "σ" });
    const middle = Math.floor(family.length / 2);
    this.slider = element("input", "latent-range", line, {
      type: "range",
      min: 0,
      max: family.length - 1,
      step: 1,
      value: middle,
    });
    this.slider.oninput = () => this.turn();
    const strip = element("div", "strip", side);
    this.original = new Picture(strip, "the image");
    this.decoded = new Picture(strip, "decoded at its code");
    this.said = element("div", "latent-said", side);
    this.place = element("div", "latent-plane", this.root);
    this.turn();
  }

  // Another sigma.
  async turn() {
    const rank = this.slider.valueAsNumber;
    this.tell();
    const bank = await this.family[rank].open();
    if (this.stopped || rank !== this.slider.valueAsNumber) return;
    this.bank = bank;
    const home = boxOfCodes(bank);
    this.map ??= new CodesMap("lesson_map", this.place, bank, {
      home,
      about: ", with the code of the image",
      paint: (context, { view }) => drawDot(context, view, this.bank.code(this.lesson.image.index), 4),
      pick: () => null,
    });
    this.map.bank = bank;
    this.map.view.follow(home);
    this.map.request();
    this.show();
  }

  tell() {
    const { sigma, kl, error } = this.family[this.slider.valueAsNumber];
    this.slider.setAttribute("aria-valuetext", `sigma ${sigma}`);
    const lines = [
      `σ ${sigma.toPrecision(2)}, β = 2σ² = ${(2 * sigma * sigma).toPrecision(2)}`,
      "mean of the test images:",
      `KL ${shortNumber(kl, 1)} nats, squared error ${shortNumber(error, 1)}`,
    ];
    sayLines(this.said, lines);
  }

  show() {
    if (!this.bank) return;
    this.mark();
    const { index, x } = this.lesson.image;
    this.original.show(x);
    this.decoded.show(this.bank.decode(this.bank.code(index), 0));
    this.map.requestOver();
  }

  // How many times the KL grows from the largest sigma to the smallest.
  measured() {
    if (!this.family) return { right: null, said: "The models are not here yet …", value: null };
    const [first, last] = [this.family[0], this.family.at(-1)];
    const ratio = first.kl / last.kl;
    const right = ratio < 1.5 ? 0 : ratio < 3 ? 1 : 2;
    const said = `${shortNumber(first.kl, 1)} nats at σ ${first.sigma}, ${shortNumber(last.kl, 1)} at σ ${last.sigma}.`;
    return { right, said, value: ratio };
  }

  stop() {
    this.stopped = true;
    this.map?.detach();
  }
}
