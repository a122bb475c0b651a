// Step: the message of a black-and-white image in two parts, to scale: the code, and the pixels given the code; beside it
// the pixels sent alone, and what the exact posterior would save.

import { element } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { seededRandom } from "../base/random.js";
import { klToPrior } from "../model/normals.js";
import { imageRow, Picture } from "./pieces.js";

const LN2 = Math.log(2);
const LEARNED_FROM = 500; // images, from which the share of white is known at each pixel

export class Bits {
  constructor(root, lesson) {
    Object.assign(this, { root, lesson });
    this.waiting = element("div", "latent-said", root, { textContent: "Opening the model …" });
    lesson.trainings.then((found) => !this.stopped && this.open(found));
  }

  // best: { open, likelihood } of the best VAE, or null
  async open({ best }) {
    if (!best) {
      this.waiting.textContent = "The best VAE is not here.";
      return;
    }
    this.likelihood = best.likelihood;
    this.bank = await best.open();
    if (this.stopped) return;
    this.waiting.remove();
    this.mark = imageRow(this.root, this.lesson);
    const side = element("div", "latent-lesson-side", this.root);
    this.original = new Picture(element("div", "strip", side), "one draw in black and white");
    const table = element("table", "latent-lengths", this.root);
    this.rows = ["each pixel as it is", "each pixel by its share of white", "code, then pixels", "without the gap"].map(
      (name) => {
        const row = element("tr", "", table);
        element("th", "", row, { scope: "row", textContent: name });
        const value = element("td", "", row);
        const bar = element("div", "latent-message", element("td", "", row));
        return { value, bar };
      },
    );
    this.white = this.shares();
    this.show();
  }

  // A test image with each pixel drawn as black or white, the same each time.
  binary(index) {
    const uniform = seededRandom(index + 1);
    return this.lesson.imageAt(index).x.map((grey) => (uniform() < grey ? 1 : 0));
  }

  // How often each pixel is white, with one image of each kind more, so that nothing is impossible.
  shares() {
    const sums = new Float64Array(784).fill(1);
    for (const index of this.lesson.spread(LEARNED_FROM)) {
      this.binary(index).forEach((value, at) => (sums[at] += value));
    }
    return sums.map((sum) => sum / (LEARNED_FROM + 2));
  }

  show() {
    if (!this.bank) return;
    this.mark();
    const x = this.binary(this.lesson.image.index);
    this.original.show(x);
    const alone = x.reduce((sum, value, i) => sum - Math.log2(value ? this.white[i] : 1 - this.white[i]), 0);
    this.found = null;
    this.draw([[x.length], [alone], [], []]);
    const guess = ({ logPx, elbo, q }) => {
      const code = klToPrior(q) / LN2;
      this.found = { code, pixels: -elbo / LN2 - code, exact: -logPx / LN2, alone };
      this.draw([[x.length], [alone], [code, this.found.pixels], [this.found.exact]]);
    };
    const levels = Uint8Array.from(x, (value) => 255 * value);
    this.lesson.ask("best", { guess }, { bank: this.bank, likelihood: this.likelihood, levels });
  }

  // lengths: in bits, of the parts of each message; none where it is not known yet
  draw(lengths) {
    const [[longest]] = lengths;
    lengths.forEach((parts, row) => {
      const { value, bar } = this.rows[row];
      const total = parts.reduce((sum, part) => sum + part, 0);
      value.textContent = parts.length ? `${parts.map((part) => shortNumber(part, 0)).join(" + ")} bits` : "…";
      bar.replaceChildren(...parts.map(() => element("i", "")));
      [...bar.children].forEach((part, i) => {
        part.style.width = `${(100 * parts[i]) / longest}%`;
      });
      bar.title = parts.length ? `${shortNumber(total, 1)} bits` : "";
    });
  }

  measured() {
    if (!this.found) return { right: null, said: "The code is not found yet …", value: null };
    const { code, pixels } = this.found;
    const share = (code + pixels) / 784;
    const right = share > 0.75 ? 0 : share > 0.35 ? 1 : 2;
    const said = `${shortNumber(code, 0)} bits for the code and ${shortNumber(pixels, 0)} for the pixels: ${Math.round(100 * share)} % of 784.`;
    return { right, said, value: share };
  }

  stop() {
    this.stopped = true;
  }
}
