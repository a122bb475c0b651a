// Step: the same image encoded again and again: the blob, the noise under two sliders, and what is decoded.

import { button, element, theme } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { normalPair, seededRandom } from "../base/random.js";
import { drawDot, drawEllipses, drawPin } from "../plane/marks.js";
import { CodesMap, imageRow, Picture, sayLines, squaredError } from "./pieces.js";

const BLOB_REACH = 8; // standard deviations of the wider axis, from the mean to the edge of the map
const MOST_NOISE = 3; // of the noise, under a slider
const DOTS_KEPT = 30; // draws
const ENCODINGS = 200; // draws

export class EncodedBlob {
  constructor(root, lesson) {
    Object.assign(this, { lesson, model: lesson.models.vae, uniform: seededRandom(1) });
    this.mark = imageRow(root, lesson);
    const side = element("div", "latent-lesson-side", root);
    const strip = element("div", "strip", side);
    this.original = new Picture(strip, "the image");
    this.decoded = new Picture(strip, "decoded at z");
    this.sliders = [1, 2].map((axis) => {
      const line = element("label", "latent-line", side, { textContent: `ε${axis}` });
      const slider = element("input", "latent-range", line, {
        type: "range",
        min: -MOST_NOISE,
        max: MOST_NOISE,
        step: 0.05,
        value: 0,
      });
      slider.setAttribute("aria-label", `Noise in direction ${axis}, in standard deviations`);
      slider.oninput = () => this.move(this.sliders.map(({ valueAsNumber }) => valueAsNumber));
      return slider;
    });
    button(side, "Encode again", () => this.again());
    this.said = element("div", "latent-said", side);
    this.map = new CodesMap("lesson_map", element("div", "latent-plane", root), this.model.bank, {
      home: [
        [-1, 1],
        [-1, 1],
      ],
      about: ", close to the image's code",
      paint: (context, { view }) => {
        drawEllipses(context, view, this.q, theme());
        for (const z of this.draws) drawDot(context, view, z, 2);
        drawPin(context, view, this.z);
      },
      pick: () => null,
    });
    this.show();
  }

  // The image is another one.
  show() {
    this.mark();
    const { image } = this.lesson;
    this.q = this.model.encode(image.x).q;
    this.draws = [];
    this.original.show(image.x);
    const reach = BLOB_REACH * Math.max(...this.q.std);
    this.map.view.follow(this.q.mean.map((value) => [value - reach, value + reach]));
    this.move([0, 0]);
    this.map.request();
  }

  again() {
    const noise = normalPair(this.uniform);
    this.draws = [...this.draws, this.at(noise)].slice(-DOTS_KEPT);
    this.move(noise);
  }

  at(noise) {
    return this.q.mean.map((mean, axis) => mean + this.q.std[axis] * noise[axis]);
  }

  move(noise) {
    this.z = this.at(noise);
    this.sliders.forEach((slider, axis) => {
      slider.value = noise[axis];
    });
    this.decoded.show(this.model.bank.decode(this.z, 0));
    const numbers = (pair) => `(${pair.map((value) => shortNumber(value)).join(", ")})`;
    const lines = [`z = ${numbers(this.q.mean)} + ${numbers(this.q.std)} · ${numbers(noise)}`, `= ${numbers(this.z)}`];
    sayLines(this.said, lines);
    this.map.requestOver();
  }

  // How far two encodings of the image lie apart once they are decoded, beside the error of the reconstruction.
  measured() {
    const { bank } = this.model;
    const uniform = seededRandom(2);
    const drawn = () => bank.decode(this.at(normalPair(uniform)), 0).slice();
    let [apart, error] = [0, 0];
    for (let i = 0; i < ENCODINGS; i++) {
      const one = drawn();
      apart += squaredError(one, drawn()) / ENCODINGS;
      error += squaredError(one, this.lesson.image.x) / ENCODINGS;
    }
    const share = apart / error;
    const right = share < 0.8 ? 0 : share < 1.5 ? 1 : 2;
    const said = `The squared error between two of them is ${shortNumber(apart, 1)}; between one and the image, ${shortNumber(error, 1)}.`;
    return { right, said, value: share };
  }

  stop() {
    this.map.detach();
  }
}
