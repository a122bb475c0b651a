// A test image as a button: the original, where it is, above what the models of some maps make of its codes.

import { classMark } from "../base/classes.js";
import { element } from "../base/dom.js";
import { drawPixels, imageCanvas } from "../base/images.js";
import { sheetAt } from "../model/sheet.js";

/**
 * @typedef {object} TestSet  The maps that show the codes of the same test images.
 * @property {Bank[]} banks  of their models, each once
 * @property {string | null} sheet  the address of the images, where they are
 */

// of: TestSet; point(index or null): it is pointed at, or no longer; pin(index): it is clicked
export class TestImage {
  constructor(parent, { banks, sheet }, index, { point, pin }) {
    Object.assign(this, { index, banks, sheet });
    const [bank] = banks;
    const label = bank.labels[index];
    this.root = element("button", "latent-test-image", parent, { type: "button" });
    const words = `Test image ${index}: ${bank.classes[label]}`;
    this.root.setAttribute("aria-label", words);
    this.root.title = `${words}; ${[...(sheet ? ["original"] : []), ...banks.map(({ name }) => name)].join(", ")}`;
    if (sheet) this.original = imageCanvas(this.root);
    this.decoded = banks.map(() => imageCanvas(this.root));
    const caption = element("span", "", this.root);
    classMark(caption, label);
    caption.append(`${index}`);
    this.root.onclick = () => pin(index);
    this.root.onpointerenter = this.root.onfocus = () => point(index);
    this.root.onpointerleave = this.root.onblur = () => point(null);
    this.drawOriginal();
  }

  // Now, or once the images have come.
  drawOriginal() {
    if (this.sheet) sheetAt(this.sheet, () => this.drawOriginal())?.draw(this.original, this.index);
  }

  decode() {
    this.banks.forEach((bank, row) => {
      drawPixels(this.decoded[row], bank.decode(bank.code(this.index), bank.labels[this.index]));
    });
  }
}
