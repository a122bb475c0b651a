// Step: an image, its code on the autoencoder's plane, and what is decoded where the code is dragged to.

import { button, element } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { drawDot, drawPin, SMALL_DOT } from "../plane/marks.js";
import { CodesMap, imageRow, Picture, squaredError } from "./pieces.js";

const COMPARED = 300; // images
const CROSS_GRAB = 22; // pixels from the cross

export class Squeeze {
  constructor(root, lesson) {
    this.lesson = lesson;
    this.model = lesson.models.ae;
    this.mark = imageRow(root, lesson);
    const side = element("div", "latent-lesson-side", root);
    const strip = element("div", "strip", side);
    this.original = new Picture(strip, "the image");
    this.decoded = new Picture(strip, "");
    this.said = element("div", "latent-said", side);
    this.back = button(side, "Back to its code", () => this.move(this.code));
    this.map = new CodesMap("lesson_map", element("div", "latent-plane", root), this.model.bank, {
      about: ", with the code of the image",
      paint: (context, { view }) => {
        drawDot(context, view, this.code, SMALL_DOT);
        drawPin(context, view, this.z);
      },
      grab: (at, view) => {
        const [x, y] = view.toPixel(this.z);
        return Math.hypot(at[0] - x, at[1] - y) < CROSS_GRAB ? { move: (z) => this.move(z), drop: () => {} } : null;
      },
      pick: (z) => {
        const before = this.z;
        this.move(z);
        return () => this.move(before);
      },
    });
    this.show();
  }

  // The image is another one.
  show() {
    this.mark();
    const { image } = this.lesson;
    this.code = this.model.encode(image.x).code;
    this.original.show(image.x);
    this.move(this.code);
  }

  move(z) {
    this.z = z;
    const pixels = this.model.bank.decode(z, 0);
    this.decoded.show(pixels, "decoded at the cross");
    this.back.disabled = z === this.code;
    this.said.textContent = `squared error ${shortNumber(squaredError(this.lesson.image.x, pixels), 1)}`;
    this.map.requestOver();
  }

  // Of the squared differences between images and their mean, the share that the reconstruction has too.
  measured() {
    const { lesson, model } = this;
    const images = lesson.spread(COMPARED).map((index) => lesson.imageAt(index).x);
    const mean = images[0].map((_, i) => images.reduce((sum, x) => sum + x[i], 0) / COMPARED);
    const spread = images.reduce((sum, x) => sum + squaredError(x, mean), 0);
    const errors = images.map((x) => squaredError(x, model.bank.decode(model.encode(x).code, 0)));
    const share = 1 - errors.reduce((sum, error) => sum + error, 0) / spread;
    const right = share < 0.25 ? 0 : share < 0.75 ? 1 : 2;
    const said = `${Math.round(100 * share)} % of the squared differences between ${COMPARED} test images and their mean.`;
    return { right, said, value: share };
  }

  stop() {
    this.map.detach();
  }
}
