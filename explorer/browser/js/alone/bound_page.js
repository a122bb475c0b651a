// Bound: an image's exact posterior, the encoder's q and the best Gaussian, log p(x) and both parts of the gap. The lattice
// of the model says where the posterior is; there it is decoded cell by cell.

import { element } from "../base/dom.js";
import { drawPixels, fromGreys, imageCanvas } from "../base/images.js";
import { inSlices } from "../base/steps.js";
import { bankOf } from "../model/banks.js";
import { blackOrWhite } from "../model/binary_images.js";
import { Encoder } from "../model/encoder.js";
import { Lattices } from "../model/lattices.js";
import { climb, elboAt, klToPrior } from "../model/normals.js";
import { fromAfar, posteriorOn, windowsOf } from "../model/posterior_grid.js";
import { elboOf, Sight } from "../model/posterior_modes.js";
import { dropDown, numberField, segments, toggle } from "./controls.js";
import { plotOn } from "./planes.js";
import { showTerms } from "./terms_line.js";

const SHOWN_REACH = 3.8; // of the plane that is shown, which holds 3 sigma of the prior with a margin
const UNITS = { nats: 1, bits: Math.log(2) };
const SHADES_A_NAT = 16;
const SIGMAS_IN_VIEW = 2.4; // of the ellipses that a view holds
const CLIMBS = 4; // normals that are made better
const HOPELESS_NATS = 12; // below the best of them: not worth it
const DRAWS_OF_EACH = 4096;
const MISSED_NATS = 0.02; // by which a lattice must say more than was found
const LEAST_ERROR = 1e-3; // nats, of what has so many digits

export class BoundPage {
  constructor(file, root) {
    Object.assign(this, { file, names: file.names(({ likelihood }) => likelihood) });
    this.lattices = new Lattices((answer) => this.hear(answer));
    const line = element("div", "alone-line", root);
    const help =
      "Shaded: where this image's code must be. Ellipse: where the encoder puts it. Click a map for another image.";
    element("div", "latent-help", line, { textContent: help });
    this.complete = toggle(line, "complete", "Complete", (complete) => file.set({ complete }));
    this.unit = segments(line, "Unit", Object.keys(UNITS), (unit) => file.set({ unit }));
    this.shapes = toggle(line, "shapes", "Shapes", (shapes) => file.set({ shapes }));
    const controls = element("div", "alone-line", root);
    this.model = dropDown(controls, "Model", file.choices(this.names), (name) => file.set({ bound_model: name }));
    element("span", "", controls, { textContent: "test image" });
    this.image = numberField(controls, "Test image", { min: 0, step: 1 }, (image) => this.go(image));
    for (const [sign, title, next] of [
      ["‹", "The previous test image", () => this.index - 1 + this.count],
      ["›", "The next test image", () => this.index + 1],
      ["⤨", "Any test image", () => Math.floor(Math.random() * this.count)],
    ]) {
      const made = element("button", "latent-button", controls, { type: "button", textContent: sign, title });
      made.setAttribute("aria-label", title);
      made.onclick = () => this.go(next());
    }
    this.name = element("span", "latent-said", controls);
    this.body = element("div", "", root);
  }

  go(image) {
    this.file.set({ image_bound: image % this.count });
  }

  get count() {
    return this.file.model("bound_model", this.names).count;
  }

  get index() {
    return this.file.values.image_bound % this.count;
  }

  // Whether the page is still on the screen.
  get there() {
    return this.body.isConnected;
  }

  async update() {
    const { file } = this;
    const { complete, unit, shapes } = file.values;
    const model = file.model("bound_model", this.names);
    this.complete.show(complete);
    this.unit.show(unit);
    this.shapes.show(shapes);
    this.model.show(model.name);
    this.image.show(this.index);
    this.image.field.max = this.count - 1;
    const [bank, sheet] = await Promise.all([bankOf(model.id), file.sheet()]);
    const encoder = model.encoder && (await bankOf(model.encoder));
    if (!this.there || model.name !== file.model("bound_model", this.names).name) return;
    const label = model.conditional ? bank.labels[this.index] : 0;
    const grey = sheet.levels(this.index);
    const levels = model.likelihood.bernoulli ? blackOrWhite(grey, this.index) : grey;
    const subject = `${model.name} ${this.index}`;
    this.name.textContent = bank.classes[bank.labels[this.index]];
    const news = this.subject?.key !== subject;
    if (news) {
      const sight = new Sight(bank, label, model.likelihood, fromGreys(levels), null);
      const q = encoder ? new Encoder(encoder).see(sight.x).encode(label).q : null;
      this.subject = { key: subject, model, bank, label, levels, sight, q };
    }
    const shown = `${complete} ${model.classes.length}`;
    if (this.shown !== shown) this.build(complete, model);
    this.shown = shown;
    if (news) {
      this.lattices.show([{ key: subject, bank, label, likelihood: model.likelihood }]);
      this.lattices.see(subject, levels);
    }
    this.show();
  }

  build(complete, model) {
    this.body.replaceChildren();
    const row = element("div", complete ? "alone-complete" : "alone-bound", this.body);
    const seen = element("section", "alone-seen", row);
    const middle = element("section", "", row);
    const right = element("section", "", row);
    const box = [-SHOWN_REACH, SHOWN_REACH];
    plotOn(middle, complete ? "complete_map" : "bound_map", { classes: model.classes, x: box, y: box, dot: model.dot });
    const pair = complete ? null : element("div", "alone-pair", seen);
    this.pictures = pair && ["the image", "decoded at q's mean"].map((text) => imageOver(pair, text));
    this.mounts = Object.fromEntries(
      (complete ? ["eraser", "panel"] : ["again", "close"]).map((part, rank) => [
        part,
        element("div", "", rank ? right : seen),
      ]),
    );
    this.terms = element("div", "alone-terms", this.body);
    if (!complete) this.mounts.live = element("div", "", this.body);
  }

  hear({ key, kind, ...answer }) {
    const { subject } = this;
    if (!this.there) return this.lattices.stop();
    if (key !== subject?.key) return;
    if (kind === "heat") subject.heat = answer;
    if (kind === "guess") this.analyse(subject, { ...answer, heat: subject.heat });
  }

  // Find all that is shown of the image; again if a finer lattice knows of a part of the posterior that was missed.
  async analyse(subject, guess) {
    subject.latest = guess;
    if (subject.busy) return;
    const known = subject.analysis?.terms.logPx ?? -Infinity;
    if (known > guess.logPx - MISSED_NATS) return;
    subject.busy = true;
    const { sight } = subject;
    const wanted = () => this.there && this.subject === subject;
    const { narrow, q: mode, heat } = guess;
    const found = await inSlices(posteriorOn(windowsOf(narrow, heat.logJoint, heat.size), sight), wanted);
    if (found) this.take(subject, found, { q: mode, elbo: elboAt(sight, mode) });
    const starts = found && [mode, ...found.grids.flatMap((grid) => grid.normals())];
    const best = found && (await inSlices(bestOf(sight, starts), wanted));
    subject.busy = false;
    if (!best) return;
    this.take(subject, found, best);
    if (subject.latest !== guess) this.analyse(subject, subject.latest);
  }

  // found: the posterior; best: the best normal so far with its ELBO, { q, elbo }
  take(subject, found, best) {
    const q = subject.q ?? best.q;
    const elbo = subject.q ? (subject.elbo ??= elboAt(subject.sight, q)) : best.elbo;
    const logPx = Math.max(found.logPx, best.elbo, elbo);
    const top = best.elbo > elbo ? best : { q, elbo };
    const terms = {
      logPx,
      error: Math.max(found.error, LEAST_ERROR),
      elbo,
      kl: klToPrior(q),
      approximation: logPx - top.elbo,
      amortization: top.elbo - elbo,
      perfect: perfect(subject.model.likelihood),
    };
    subject.analysis = { ...found, q, best: top.q, terms };
    this.show();
  }

  show() {
    const { subject, file, mounts } = this;
    const { analysis } = subject;
    const { complete, unit: name } = file.values;
    const unit = { name, nats: UNITS[name] };
    if (complete) return this.showCompletion(subject, unit);
    for (const part of ["again", "live"]) file.tie("bound", { part }, mounts[part]);
    drawPixels(this.pictures[0], subject.sight.x);
    if (subject.q) drawPixels(this.pictures[1], subject.bank.decode(subject.q.mean, subject.label));
    if (!analysis) return void (this.terms.textContent = "Integrating over the plane …");
    const { q, best, grids, terms } = analysis;
    drawPixels(this.pictures[1], subject.bank.decode(q.mean, subject.label));
    const near = grids[0].shades();
    const posterior = [grids.length > 1 ? fromAfar(grids).shades() : near, near];
    const data = {
      part: "close",
      bank: subject.model.id,
      subject: subject.key,
      label: subject.label,
      image: greyPicture(subject.levels, 28),
      likelihood: subject.model.likelihood,
      q,
      best,
      posterior: posterior.map(({ window, side, below, levels }) => {
        const shades = below.map((nats) => Math.min(Math.round(SHADES_A_NAT * nats), 255));
        return { window, levels, shades: greyPicture(shades, side) };
      }),
      shades_a_nat: SHADES_A_NAT,
      view: [q, best].reduce(withEllipse, near.window),
      log_px: terms.logPx,
      error: terms.error,
      settled: true,
      draws: DRAWS_OF_EACH,
      unit,
      dot: 1,
      pick: "image",
    };
    file.tie("bound", data, mounts.close, (picked) => this.picked(picked));
    showTerms(this.terms, terms, unit, subject.model.conditional);
  }

  showCompletion({ model, label, levels, analysis }, unit) {
    const { file, mounts } = this;
    this.terms.replaceChildren();
    file.tie("completion", { part: "panel" }, mounts.panel);
    if (!analysis) return;
    const { erased, prior } = file.values;
    const { likelihood, id } = model;
    const image = greyPicture(levels, 28);
    const data = {
      part: "eraser",
      bank: id,
      label,
      likelihood,
      image,
      erased,
      log_px: analysis.terms.logPx,
      unit,
      dot: 1,
      prior,
    };
    file.tie("completion", data, mounts.eraser, (picked) => this.picked(picked));
  }

  picked({ undo, image, erased }) {
    if (undo) this.file.undo();
    else if (image !== undefined) this.go(image);
    else this.file.set({ erased });
  }
}

// The best normal that is found from the best of some.
function* bestOf(sight, starts) {
  const worth = [];
  for (const start of starts) worth.push({ start, elbo: yield* elboOf(sight, start) });
  worth.sort((one, other) => other.elbo - one.elbo);
  let best = null;
  for (const { start } of worth.slice(0, CLIMBS).filter(({ elbo }) => elbo > worth[0].elbo - HOPELESS_NATS)) {
    const found = yield* climb(sight, start);
    if (!best || found.elbo > best.elbo) best = found;
  }
  return best;
}

function imageOver(parent, caption) {
  const figure = element("figure", "column", parent);
  const context = imageCanvas(figure, "latent-screen");
  element("figcaption", "", figure, { textContent: caption });
  return context;
}

// Grey levels as the address of a picture.
function greyPicture(levels, side) {
  const canvas = element("canvas", "", null, { width: side, height: side });
  const context = canvas.getContext("2d");
  const pixels = new ImageData(side, side);
  levels.forEach((level, i) => pixels.data.set([level, level, level, 255], 4 * i));
  context.putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}

function withEllipse(view, { mean, std }) {
  return view.map(([low, high], axis) => [
    Math.min(low, mean[axis] - SIGMAS_IN_VIEW * std[axis]),
    Math.max(high, mean[axis] + SIGMAS_IN_VIEW * std[axis]),
  ]);
}

// The highest value that log p(x | z) can have.
function perfect({ bernoulli, sigma }) {
  return bernoulli ? 0 : -784 * Math.log(sigma * Math.sqrt(2 * Math.PI));
}
