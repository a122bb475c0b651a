// Step: one style in all classes, under a VAE that is told the class.

import { element } from "../base/dom.js";
import { drawPixels, imageCanvas } from "../base/images.js";
import { drawPin } from "../plane/marks.js";
import { classMarks } from "../widgets/legend.js";
import { CodesMap, inPercent } from "./pieces.js";

const START = [0.5, -0.5];
const MIDDLE = 0.5; // of the way from one class to the next

export class ToldClass {
  constructor(root, lesson) {
    this.model = lesson.models.cvae;
    this.other = lesson.models.vae;
    const side = element("div", "latent-lesson-side", root);
    const tiles = element("div", "latent-lesson-tiles latent-lesson-classes", side);
    this.tiles = classMarks(this.model.bank.classes).map((mark) => {
      const figure = element("figure", "", tiles);
      const context = imageCanvas(figure);
      element("figcaption", "", figure).append(mark);
      return context;
    });
    const line = element("label", "latent-line", side, { textContent: "from 3 to 8" });
    this.slider = element("input", "latent-range", line, { type: "range", min: 0, max: 1, step: 0.01, value: MIDDLE });
    this.slider.oninput = () => this.morph();
    this.morphed = imageCanvas(side, "latent-screen");
    this.map = new CodesMap("lesson_map", element("div", "latent-plane", root), this.model.bank, {
      about: ", with a style",
      paint: (context, { view }) => drawPin(context, view, this.z),
      hover: (z) => this.look(z),
      leave: () => this.look(this.kept),
      grab: null,
      pick: (z) => {
        const before = this.kept;
        this.kept = z;
        this.look(z);
        return () => {
          this.kept = before;
          this.look(before);
        };
      },
    });
    this.kept = START;
    this.look(START);
  }

  show() {}

  look(z) {
    this.z = z;
    this.tiles.forEach((context, label) => drawPixels(context, this.model.bank.decode(z, label)));
    this.morph();
    this.map.requestOver();
  }

  morph() {
    const weights = this.tiles.map(() => 0);
    [weights[3], weights[8]] = [1 - this.slider.valueAsNumber, this.slider.valueAsNumber];
    drawPixels(this.morphed, this.model.bank.decode(this.z, weights));
  }

  measured() {
    const [told, not] = [this.model.knn5, this.other.knn5];
    const right = told === null ? null : told > 0.5 ? 0 : told > 0.2 ? 1 : 2;
    const said = `5-NN of all test images: CVAE ${inPercent(told)}, VAE ${inPercent(not)}.`;
    return { right, said, value: told };
  }

  stop() {
    this.map.detach();
  }
}
