// Maps: two planes or three side by side, and under each the pinned point.

import { readInWords } from "../base/classes.js";
import { element } from "../base/dom.js";
import { plural } from "../base/format.js";
import { drawPixels, imageCanvas } from "../base/images.js";
import { PLACES } from "../base/sides.js";
import { bankOf } from "../model/banks.js";
import { extrapolated, term, termsIn } from "../widgets/terms.js";
import { dropDown, pointFields, toggle } from "./controls.js";
import { Planes } from "./planes.js";

const NEAREST = 5;
const BY_CLASS = "class"; // the colour that needs no measure
const SWITCHES = { manifold: "Manifold", prior: "Prior", regions: "Regions", sampling: "Samples", shapes: "Shapes" };

export class MapsPage {
  constructor(file, root) {
    this.file = file;
    this.pins = {};
    const line = element("div", "alone-line", root);
    const help = "Move over a map to see the image at that point. Click to keep it.";
    element("div", "latent-help", line, { textContent: help });
    const switches = Object.entries(SWITCHES).filter(([field]) => field !== "regions" || file.spec.classifier);
    this.toggles = switches.map(([field, title]) => {
      return { field, made: toggle(line, field, title, (on) => file.set({ [field]: on })) };
    });
    this.colour = dropDown(line, "Colour", [], (colour) => file.set({ colour }));
    this.planes = new Planes(file, root, {
      charts: "map",
      sides: PLACES.filter((side) => file.values[side]),
      names: file.names(),
      build: (section, side, model) => this.build(section, side, model),
    });
    this.panel = element("div", "", root);
  }

  build(section, side, { facts, character }) {
    const words = element("div", "latent-figures alone-facts", section);
    termsIn(words, facts, ...this.file.spec.explained);
    element("div", "latent-figures", section, { innerHTML: character });
    const samples = element("div", `alone-samples_${side}`, section);
    const regions = element("div", "", section, { hidden: true });
    const pin = element("div", "alone-pin", section);
    const picture = element("div", "latent-picture", element("div", `st-key-decoded_${side}`, pin));
    const context = imageCanvas(picture, "alone-decoded");
    const said = element("div", "alone-usual", pin);
    const fields = pointFields(said, side, (z) => this.keep(side, z));
    const usual = element("div", "latent-said", said);
    const near = element("div", "strip alone-near", pin);
    this.pins[side] = {
      context,
      fields,
      usual,
      near,
      samples,
      regions,
      mount: element("div", "", pin, { hidden: true }),
    };
  }

  keep(side, [z1, z2]) {
    this.file.set({ [`z1_${side}`]: z1, [`z2_${side}`]: z2 });
  }

  update() {
    this.planes.update();
    for (const { field, made } of this.toggles) made.show(this.file.values[field]);
    this.offerColours();
    for (const side of this.planes.sides) this.updateSide(side);
    this.file.tie("maps", { part: "panel" }, this.panel);
  }

  // What colours the codes: what was measured of the images of at least one model on the screen, beside the classes.
  offerColours() {
    const { file, planes } = this;
    const { colour } = file.values;
    const known = planes.sides.flatMap((side) => Object.entries(planes.model(side).colours));
    const measured = new Set(known.filter(([, { address }]) => address).map(([name]) => name));
    const offered = Object.entries(file.spec.colours).filter(
      ([name]) => [BY_CLASS, colour].includes(name) || measured.has(name),
    );
    this.colour.select.hidden = offered.length < 2;
    this.colour.offer(offered.map(([value, text]) => ({ value, text })));
    this.colour.show(offered.some(([name]) => name === colour) ? colour : BY_CLASS);
  }

  async updateSide(side) {
    const { file, pins } = this;
    const model = this.planes.model(side);
    const { manifold, prior, colour } = file.values;
    const z = file.state.point([`z1_${side}`, `z2_${side}`], model.z);
    const label = file.label(side, model);
    const data = {
      side,
      bank: model.id,
      label,
      z,
      radius: model.radius,
      manifold,
      prior,
      colour: model.colours[colour] ?? null,
      said: "",
      hole: null,
      sheet: file.spec.sheet,
    };
    const pin = pins[side];
    pin.fields.show(z);
    file.tie("maps", data, pin.mount, (picked) => this.keep(side, picked.z));
    this.sample(side, model, label);
    this.lay(side, model, label);
    const read = file.values.regions && file.classifier();
    const [bank, sheet, classifier] = await Promise.all([bankOf(model.id), file.sheet(), read]);
    if (pins[side] === pin && this.planes.shown[side].name === model.name)
      this.say(pin, bank, sheet, { z, label, model, classifier });
  }

  // What the classifier reads behind the codes, while that is asked for; anew where it is of another class.
  lay(side, { id, conditional, regions }, label) {
    const mount = this.pins[side].regions;
    const region = this.file.values.regions && regions[conditional ? label : 0];
    if (!region) return mount.replaceChildren();
    if (mount.firstChild && mount.dataset.label === String(label)) return;
    mount.dataset.label = label;
    const data = { part: "regions", side, bank: id, ...region };
    this.file.tie("maps", data, mount.firstChild ?? element("div", "", mount));
  }

  // Samples, while they are asked for.
  sample(side, { id, likelihood }, label) {
    const { sampling, sample_from: source, sample_pixels: pixels, seed } = this.file.values;
    const { samples } = this.pins[side];
    if (!sampling || !likelihood) return samples.replaceChildren();
    const mount = samples.firstChild ?? element("div", "", samples);
    const data = { part: "samples", side, bank: id, label, likelihood, source, pixels, seed };
    this.file.tie("maps", data, mount, (chosen) =>
      this.file.state.set({ sample_from: chosen.source, sample_pixels: chosen.pixels, seed: chosen.seed }),
    );
  }

  say({ context, usual, near }, bank, sheet, { z, label, model, classifier }) {
    const pixels = bank.decode(z, label);
    drawPixels(context, pixels);
    context.canvas.title = `decoded at ${z.join(", ")}`;
    const { near: count, nearest } = bank.around(z, model.radius, NEAREST);
    usual.replaceChildren();
    element("strong", "", usual, { textContent: count });
    usual.append(" ");
    term("codes near", usual, plural(count, "code near", "codes near"));
    usual.append(` (typically ${model.near})`);
    if (bank.prior) {
      const away = Math.hypot(...z);
      element("br", "", usual);
      element("strong", "", usual, { textContent: away.toFixed(2) });
      usual.append(" ");
      term("σ of the prior", usual, "σ");
      usual.append(` out, ${Math.round(100 * Math.exp((-away * away) / 2))}% of the prior beyond`);
    }
    if (count === 0) {
      element("br", "", usual);
      extrapolated(element("strong", "latent-warning", usual));
    }
    if (classifier) {
      const read = classifier.read(pixels);
      element("br", "", usual);
      usual.append(`The classifier ${readInWords(bank.classes[read.label], read.probability)}.`);
    }
    near.replaceChildren(...nearest.map((index) => neighbour(bank, sheet, index)));
  }
}

// A test image over its reconstruction.
function neighbour(bank, sheet, index) {
  const figure = element("figure", "column");
  const label = bank.labels[index];
  if (sheet) {
    const original = imageCanvas(figure);
    sheet.draw(original, index);
    original.canvas.title = `test image ${index}`;
  }
  const decoded = imageCanvas(figure);
  drawPixels(decoded, bank.decode(bank.code(index), label));
  decoded.canvas.title = `test image ${index}, reconstructed`;
  element("figcaption", "", figure, { textContent: bank.classes[label] });
  return figure;
}
