// The live figures of the lesson, by the names by which steps call them.

import { BeEncoder } from "./be_encoder.js";
import { Bits } from "./bits.js";
import { EncodedBlob } from "./blob.js";
import { FromNothing } from "./from_nothing.js";
import { TheGap } from "./gap.js";
import { Gradients } from "./gradients.js";
import { Holes } from "./holes.js";
import { Knob } from "./knob.js";
import { Price } from "./price.js";
import { PriorDraws } from "./prior_draws.js";
import { Squeeze } from "./squeeze.js";
import { ToldClass } from "./told_class.js";
import { Training } from "./training.js";
import { TwoNumbers } from "./two_numbers.js";

/**
 * @typedef {object} Figure
 * @property {(root: Element, lesson: object) => void} constructor  builds the figure in `root`; `lesson` is a `Lesson`
 * @property {() => void} show  shows the lesson's image, which is another one
 * @property {() => { right: number, said: string, value: number }} measured  measures what the step asks: which of the
 *   answers is right (null as long as that is not known), in words, and the number
 * @property {() => void} [repaint]  paints what is no map again, in the colours of another theme
 * @property {() => void} stop  lets go of all that lies outside of `root`
 */
export const FIGURES = {
  squeeze: Squeeze,
  holes: Holes,
  prior_draws: PriorDraws,
  blob: EncodedBlob,
  gradients: Gradients,
  encoder: BeEncoder,
  price: Price,
  training: Training,
  from_nothing: FromNothing,
  gap: TheGap,
  bits: Bits,
  knob: Knob,
  told_class: ToldClass,
  two_numbers: TwoNumbers,
};
