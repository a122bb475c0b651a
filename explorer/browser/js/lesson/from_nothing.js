// Step: new images without an encoder: z from the prior or from where codes lie, and the mean of p(x | z) beside a draw.

import { button, element } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { drawPixels } from "../base/images.js";
import { normalPair, seededRandom } from "../base/random.js";
import { drawnAround } from "../model/likelihood.js";
import { CodesMap, classKey, DecodedPlaces, squaredError } from "./pieces.js";

const NEW_ONES = 16;
const NOISY_PIXELS = 50; // images, of which the noise is measured

export class FromNothing {
  constructor(root, lesson) {
    Object.assign(this, { lesson, model: lesson.models.vae, uniform: seededRandom(1) });
    const side = element("div", "latent-lesson-side", root);
    this.source = choice(side, "z from", ["the prior", "where codes lie"], () => this.show());
    this.pixels = choice(side, "shown is", ["the mean of p(x | z)", "a draw from p(x | z)"], () => this.paintTiles());
    button(side, "Sixteen others", () => this.show());
    this.decoded = new DecodedPlaces(side, "latent-lesson-new", NEW_ONES, () => this.map.requestOver());
    this.map = new CodesMap("lesson_map", element("div", "latent-plane", root), this.model.bank, {
      about: `, with ${NEW_ONES} new places`,
      paint: (context, { view }) => this.decoded.paint(context, view),
      pick: () => null,
    });
    classKey(side, this.model.bank.classes);
    this.show();
  }

  show() {
    const fromCodes = this.source.value === "1";
    this.decoded.places = Array.from({ length: NEW_ONES }, () =>
      fromCodes ? this.fromCodes() : normalPair(this.uniform),
    );
    this.paintTiles();
    this.map.requestOver();
  }

  // A draw from the blob of any test image: the aggregate posterior.
  fromCodes() {
    const { x } = this.lesson.imageAt(Math.floor(this.uniform() * this.lesson.count));
    const { mean, std } = this.model.encode(x).q;
    return normalPair(this.uniform).map((noise, axis) => mean[axis] + std[axis] * noise);
  }

  paintTiles() {
    const drawn = this.pixels.value === "1";
    const { places, tiles } = this.decoded;
    tiles.forEach((context, rank) => {
      const mean = this.model.bank.decode(places[rank], 0);
      drawPixels(context, drawn ? drawnAround(mean, this.model.likelihood, this.uniform) : mean);
    });
  }

  // How far a draw is from its mean, beside how far the mean of a reconstruction is from its image.
  measured() {
    const { lesson, model } = this;
    const uniform = seededRandom(2);
    let [noise, error] = [0, 0];
    for (let i = 0; i < NOISY_PIXELS; i++) {
      const { x } = lesson.imageAt(i);
      const mean = model.bank.decode(model.encode(x).code, 0).slice();
      noise += squaredError(drawnAround(mean, model.likelihood, uniform), mean) / NOISY_PIXELS;
      error += squaredError(x, mean) / NOISY_PIXELS;
    }
    const right = noise < error / 4 ? 0 : noise < 2 * error ? 1 : 2;
    const said = `A draw is off its mean by ${shortNumber(noise, 0)}, in squares; a reconstruction off its image by ${shortNumber(error, 0)}.`;
    return { right, said, value: noise };
  }

  stop() {
    this.map.detach();
  }
}

// A choice of one of some words.
function choice(parent, name, words, changed) {
  const line = element("label", "latent-line", parent, { textContent: name });
  const select = element("select", "latent-select", line);
  select.replaceChildren(...words.map((word, i) => new Option(word, i)));
  select.onchange = changed;
  return select;
}
