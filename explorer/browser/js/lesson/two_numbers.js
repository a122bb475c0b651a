// Step: the same images squeezed into two numbers by PCA, by the AE and by the VAE.

import { element } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { inSlices } from "../base/steps.js";
import { drawDot, SMALL_DOT } from "../plane/marks.js";
import { CodesMap, imageRow, inPercent, Picture, squaredError } from "./pieces.js";

const JUDGED_BY = 300; // images
const KINDS = { ppca: "PCA", ae: "AE", vae: "VAE" };

export class TwoNumbers {
  constructor(root, lesson) {
    this.lesson = lesson;
    this.mark = imageRow(root, lesson);
    const all = element("div", "latent-lesson-pair latent-lesson-three", root);
    this.sides = Object.entries(KINDS).map(([name, title]) => {
      const model = lesson.models[name];
      const side = element("div", "latent-lesson-side", all);
      element("div", "latent-heading", side, { textContent: title });
      const made = { model, title };
      made.map = new CodesMap(`lesson_${name}`, element("div", "latent-plane", side), model.bank, {
        about: ", with the code of the image",
        paint: (context, { view }) => drawDot(context, view, made.code, SMALL_DOT + 1),
        pick: () => null,
      });
      made.decoded = new Picture(element("div", "strip", side), "");
      made.said = element("div", "latent-said", side);
      return made;
    });
    this.show();
    inSlices(this.judge(), () => !this.stopped);
  }

  show() {
    this.mark();
    const { x } = this.lesson.image;
    for (const side of this.sides) {
      side.code = side.model.encode(x).code;
      const decoded = side.model.bank.decode(side.code, 0);
      side.decoded.show(decoded, `squared error ${shortNumber(squaredError(x, decoded), 1)}`);
      side.map.requestOver();
    }
  }

  // What each makes of many images.
  *judge() {
    for (const side of this.sides) {
      const { bank, encode } = side.model;
      let sum = 0;
      for (const index of this.lesson.spread(JUDGED_BY)) {
        const { x } = this.lesson.imageAt(index);
        sum += squaredError(x, bank.decode(encode(x).code, 0));
        yield;
      }
      side.error = sum / JUDGED_BY;
      side.said.textContent = `error ${shortNumber(side.error, 1)} on ${JUDGED_BY} images, 5-NN ${inPercent(side.model.knn5)}`;
    }
  }

  measured() {
    const errors = this.sides.map(({ error }) => error);
    if (errors.includes(undefined)) return { right: null, said: "Still measuring …", value: null };
    const right = errors.indexOf(Math.min(...errors));
    const said = this.sides.map(({ title, error }) => `${title} ${shortNumber(error, 1)}`).join(", ");
    return { right, said: `Squared error: ${said}.`, value: errors[right] };
  }

  stop() {
    this.stopped = true;
    for (const { map } of this.sides) map.detach();
  }
}
