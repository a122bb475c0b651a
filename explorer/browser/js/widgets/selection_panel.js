// What is selected on the maps: how many images, of which classes, their mean and spread, the images themselves in pages, and
// a table of their codes.

import { classMark } from "../base/classes.js";
import { button, describe, element } from "../base/dom.js";
import { drawPixels, fromGreys, imageCanvas } from "../base/images.js";
import { inSlices } from "../base/steps.js";
import { sheetAt } from "../model/sheet.js";
import { meanAndSpread } from "../model/spread.js";
import { TestImage } from "./test_image.js";

const A_PAGE = 24; // images
const MOST_SPREAD = 0.5; // of pixels in [0, 1]

const counted = (count) => count.toLocaleString("en");

// A table of codes as CSV: index, label and each model's coordinates, with all digits that their floats have.
function codesTable({ banks }, indices) {
  const names = banks.flatMap(({ name }) => [`z1_${name}`, `z2_${name}`]);
  const lines = indices.map((index) => {
    const ends = banks.flatMap((bank) => bank.code(index)).map((end) => Number(end.toPrecision(9)));
    return [index, banks[0].labels[index], ...ends].join();
  });
  return [["index", "label", ...names].join(), ...lines, ""].join("\n");
}

export class SelectionPanel {
  // point, pin: as TestImage has them; clear(): away with the selection; save(name, text): as a file
  constructor(parent, handlers) {
    Object.assign(this, { handlers, indices: [], images: [], start: 0, marked: null });
    this.root = element("section", "latent-selection", parent, { hidden: true, ariaLabel: "Selection" });
    const line = element("div", "latent-line", this.root);
    this.said = element("div", "latent-said", line, { role: "status" });
    this.saved = button(line, "CSV", () => this.save());
    this.saved.title = "Index, label and codes of the selected images";
    button(line, "Clear", () => handlers.clear()).title = "Select nothing";
    this.content = element("div", "latent-selection-content", this.root);
    this.classes = element("ul", "latent-tally", this.content);
    const figures = element("div", "strip", this.content);
    this.figures = ["mean", "spread"].map((name) => {
      const figure = element("figure", "column", figures);
      const context = imageCanvas(figure, "latent-screen");
      return { name, context, caption: element("figcaption", "", figure) };
    });
    this.buildGallery();
  }

  buildGallery() {
    const gallery = element("div", "latent-gallery", this.content);
    const line = element("div", "latent-line", gallery);
    const turn = (sign, name, way) => {
      const turned = button(line, sign, () => this.turn(this.start + way * A_PAGE));
      turned.ariaLabel = turned.title = name;
      return turned;
    };
    this.back = turn("‹", "Previous images", -1);
    this.next = turn("›", "Next images", 1);
    this.place = element("span", "", line);
    this.rows = element("span", "latent-gallery-rows", line);
    this.page = element("div", "latent-gallery-page", gallery);
  }

  // of: TestSet; name: of the model on whose map they were selected; indices: of the selected, or null
  show(of, name, indices) {
    this.root.hidden = !indices;
    Object.assign(this, { of, name, indices: indices ?? [] });
    this.version = {}; // what is still computed for another selection ends
    if (!indices) return;
    const [bank] = of.banks;
    const many = indices.length;
    this.said.textContent = `${counted(many)} of ${counted(bank.count)} images selected on the map of ${name}`;
    this.saved.disabled = !many;
    this.content.hidden = !many;
    if (!many) return;
    this.showClasses(bank);
    this.showSpread();
    this.rows.textContent = `top to bottom: ${[...(of.sheet ? ["original"] : []), ...of.banks.map((each) => each.name)].join(" · ")}`;
    this.turn(0);
  }

  showClasses({ classes, labels }) {
    const counts = classes.map(() => 0);
    for (const index of this.indices) counts[labels[index]] += 1;
    const most = Math.max(...counts);
    const rows = counts.flatMap((count, label) => {
      if (!count) return [];
      const row = element("li", "");
      const name = element("span", "", row);
      classMark(name, label);
      name.append(classes[label]);
      const bar = element("i", "", row);
      bar.style.width = `${(100 * count) / most}%`;
      bar.style.background = `var(--class-${label})`;
      element("span", "", row, { textContent: counted(count) });
      return [row];
    });
    this.classes.replaceChildren(...rows);
  }

  // Of the originals, or of the reconstructions where there are none.
  async showSpread() {
    const { version, of, indices } = this;
    const [bank] = of.banks;
    const sheet = of.sheet && sheetAt(of.sheet, () => version === this.version && this.showSpread());
    this.sayFigures(of.sheet && !sheet ? " …" : "");
    if (of.sheet && !sheet) return;
    const decoded = (index) => bank.decode(bank.code(index), bank.labels[index]);
    const steps = meanAndSpread(indices, sheet ? (index) => fromGreys(sheet.levels(index)) : decoded);
    const found = await inSlices(this.told(steps), () => version === this.version);
    if (!found || version !== this.version) return;
    drawPixels(this.figures[0].context, found.mean);
    drawPixels(
      this.figures[1].context,
      found.spread.map((value) => value / MOST_SPREAD),
    );
    this.sayFigures("");
  }

  // The same steps; each percent that is done is said.
  *told(steps) {
    for (let said = -1; ; ) {
      const { done, value } = steps.next();
      if (done) return value;
      const percent = Math.floor(100 * value);
      if (percent > said) this.sayFigures(` … ${percent}%`);
      said = percent;
      yield;
    }
  }

  sayFigures(state) {
    const kind = this.of.sheet ? "" : " of the reconstructions";
    this.figures.forEach(({ name, caption, context }) => {
      const words = name === "mean" ? "mean" : `standard deviation, white is ${MOST_SPREAD}`;
      caption.textContent = words + state;
      describe(context.canvas, `${words}${kind} of each pixel`);
      context.canvas.title = `${words}${kind}`;
    });
  }

  // A page of the gallery.
  turn(start) {
    const { of, indices } = this;
    this.start = Math.max(0, Math.min(start, indices.length - 1));
    const end = Math.min(this.start + A_PAGE, indices.length);
    this.back.disabled = this.start === 0;
    this.next.disabled = end === indices.length;
    this.place.textContent = `${counted(this.start + 1)} – ${counted(end)} of ${counted(indices.length)}`;
    this.page.replaceChildren();
    this.images = indices.slice(this.start, end).map((index) => new TestImage(this.page, of, index, this.handlers));
    const { images } = this;
    inSlices(decodedOneByOne(images), () => images === this.images);
    this.mark(this.marked);
  }

  // Mark the image that is ringed on the maps, if it is on this page.
  mark(index) {
    this.marked = index;
    for (const image of this.images) image.root.classList.toggle("latent-ringed", image.index === index);
  }

  save() {
    this.handlers.save(`${this.name}-selection.csv`, codesTable(this.of, this.indices));
  }
}

function* decodedOneByOne(images) {
  for (const image of images) {
    image.decode();
    yield;
  }
}
