// The explorer as one file: this page, its state, and the few things that the app leaves to its server. The maps, the
// marks, the tiles and the player are the app's own controllers; they are updated here as a rerun updates them there.

import { announce } from "../base/announce.js";
import { fromBase64 } from "../base/bytes.js";
import { element } from "../base/dom.js";
import { exact, FARTHEST, plural } from "../base/format.js";
import { drawPixels, imageCanvas } from "../base/images.js";
import { reveal } from "../base/probe.js";
import { SIDES } from "../base/sides.js";
import { addBank, bankOf } from "../model/banks.js";
import { along } from "../model/path.js";
import { Interpolate } from "../pages/interpolate.js";
import { Maps } from "../pages/maps.js";
import { Plot } from "../plane/plot.js";
import { findViewportsBy, viewportOf } from "../plane/viewport.js";
import { readNumbers } from "../widgets/number_fields.js";
import { explainTerms, extrapolated, term, termsIn } from "../widgets/terms.js";
import { serve, update } from "./controllers.js";

const viewports = new Map(); // by the keys of their charts
const spec = JSON.parse(document.getElementById("spec").textContent);
const NEIGHBOURS = 5;
const STEP = 0.1; // by which the arrow keys move a coordinate
const KINDS = ["line", "arc"];
const HELP = {
  maps: "Move over a map to see the image at that point. Click to keep it.",
  interpolate: "Drag A and B, or click near one. Below each frame: the codes near it.",
};

const sentenceCase = (name) => name[0].toUpperCase() + name.slice(1);

function toggle(parent, name, on, change) {
  const label = element("label", `latent-check st-key-${name.replace(" ", "_")}`, parent);
  const box = element("input", "", label, { type: "checkbox", checked: on });
  label.append(sentenceCase(name));
  box.onchange = () => change(box.checked);
}

async function unpacked(text) {
  const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// An image on a canvas of its own.
function imageElement(parent, pixels, title) {
  const context = imageCanvas(parent);
  drawPixels(context, pixels);
  context.canvas.title = title;
  return context.canvas;
}

class Standalone {
  constructor(banks) {
    const { planes, ...view } = spec.shown;
    if (!KINDS.includes(view.path)) [view.path] = KINDS;
    Object.assign(this, { banks, planes, view, tab: "maps", mounts: {}, selects: [] });
    this.sides = Object.keys(planes);
    const head = element("header", "alone-head", document.body);
    element("h1", "", head, { textContent: "Latent Space Explorer" });
    this.tabs = element("nav", "alone-tabs", head);
    this.pages = { maps: this.maps(), interpolate: this.interpolate() };
    for (const name of Object.keys(this.pages)) {
      const tab = element("button", "", this.tabs, {
        type: "button",
        textContent: sentenceCase(name),
      });
      tab.onclick = () => this.open(name);
    }
    this.open("maps");
    matchMedia("(prefers-color-scheme: dark)").onchange = () => this.update();
  }

  open(name) {
    this.tab = name;
    Object.entries(this.pages).forEach(([each, page], i) => {
      page.hidden = each !== name;
      this.tabs.children[i].setAttribute("aria-selected", each === name);
    });
    this.update();
  }

  update() {
    for (const show of this.selects) show();
    if (this.tab === "maps") for (const side of this.sides) this.updateMap(side);
    else this.updatePaths();
  }

  // Maps side by side, each `<charts>_<side>` under the name of its model.
  planesOf(charts, sides, page) {
    const maps = element("div", "alone-maps", page);
    return sides.map((side) => {
      const { id, title } = this.planes[side];
      const section = element("section", "", maps);
      const name = element("h2", "alone-name", section, { textContent: title });
      if (this.banks[id].conditional) this.classes(name, side);
      const key = `${charts}_${side}`;
      const stage = element("div", "", element("div", `st-key-${key}`, section));
      viewports.set(key, new Plot(stage, this.planes[side]).view);
      return section;
    });
  }

  classes(parent, side) {
    const select = element("select", "latent-select", parent);
    select.setAttribute("aria-label", `Class to decode, ${side}`);
    this.planes[side].classes.forEach((name, label) =>
      element("option", "", select, { value: label, textContent: name }),
    );
    this.selects.push(() => (select.value = this.planes[side].label));
    select.onchange = () => {
      this.planes[side].label = Number(select.value);
      this.update();
    };
  }

  maps() {
    const page = element("main", "", document.body);
    const line = element("div", "alone-line", page);
    element("div", "latent-help", line, { textContent: HELP.maps });
    for (const name of ["manifold", "prior", "shapes"]) {
      toggle(line, name, this.view[name], (on) => {
        this.view[name] = on;
        this.update();
      });
    }
    this.pins = {};
    this.planesOf("map", this.sides, page).forEach((section, i) => {
      const side = this.sides[i];
      termsIn(element("div", "latent-figures", section), this.planes[side].facts, ...spec.explained);
      const pin = element("div", "alone-pin", section);
      const decoded = element("div", `st-key-decoded_${side}`, pin);
      const picture = element("div", "latent-picture", decoded);
      const image = element("img", "decoded", picture, { width: 112, height: 112 });
      const said = element("div", "alone-usual", pin);
      const fields = this.coordinates(element("div", "alone-z", said), side);
      const usual = element("div", "latent-said", said);
      this.pins[side] = { image, fields, usual, near: element("div", "strip alone-near", pin) };
      this.mounts[side] = element("div", "", pin, { hidden: true });
    });
    return page;
  }

  coordinates(parent, side) {
    return ["z₁", "z₂"].map((name, axis) => {
      const label = element("label", "", parent, { textContent: name });
      const limits = { type: "number", min: -FARTHEST, max: FARTHEST, step: STEP };
      const field = element("input", "latent-number", label, limits);
      field.setAttribute("aria-label", `${side} z${axis + 1}`);
      field.onchange = () => {
        const z = this.planes[side].z.slice();
        z[axis] = Number(field.value);
        this.planes[side].z = exact(z);
        this.updateMap(side);
      };
      return field;
    });
  }

  updateMap(side) {
    const { id, label, z, radius } = this.planes[side];
    const { manifold, prior, shapes } = this.view;
    const data = { page: "maps", side, bank: id, label, z, radius, manifold, prior, shapes };
    const tell = (picked) => {
      this.planes[side].z = picked.z;
      this.updateMap(side);
    };
    update({ data, parentElement: this.mounts[side], tell });
    this.showPin(side);
  }

  showPin(side) {
    const { id, label, z, radius } = this.planes[side];
    const { image, fields, usual, near } = this.pins[side];
    const bank = this.banks[id];
    image.src = imageElement(null, bank.decode(z, label), "").toDataURL();
    image.alt = image.title = `decoded at ${z.join(", ")}`;
    fields.forEach((field, axis) => (field.value = z[axis]));
    const { near: count, nearest } = bank.around(z, radius, NEIGHBOURS);
    usual.replaceChildren();
    element("strong", "", usual, { textContent: count });
    usual.append(" ");
    term("codes near", usual, plural(count, "code near", "codes near"));
    usual.append(` (typically ${this.planes[side].near})`);
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
    near.replaceChildren();
    for (const index of nearest) {
      const figure = element("figure", "column", near);
      const label = bank.labels[index];
      imageElement(figure, bank.decode(bank.code(index), label), `test image ${index}, reconstructed`);
      element("figcaption", "", figure, { textContent: this.planes[side].classes[label] });
    }
  }

  interpolate() {
    const page = element("main", "", document.body);
    const line = element("div", "alone-line", page);
    element("div", "latent-help", line, { textContent: HELP.interpolate });
    const kinds = element("div", "alone-kinds", line);
    for (const kind of KINDS) {
      const button = element("button", "", kinds, { type: "button", textContent: kind });
      button.onclick = () => {
        this.view.path = kind;
        this.updatePaths();
      };
    }
    this.kinds = [...kinds.children];
    toggle(line, "test images", this.view.snap, (on) => {
      this.view.snap = on;
      this.updatePaths();
    });
    this.planesOf(
      "path",
      this.sides.filter((side) => SIDES.includes(side)),
      page,
    );
    this.mounts.paths = element("div", "", page);
    return page;
  }

  // A and B of one side: the codes of the two chosen test images, unless free points were set.
  endsOf(side) {
    const bank = this.banks[this.planes[side].id];
    const images = ["a", "b"].map((end) => bank.code(this.view[`image_${end}`] % bank.count));
    return this.view.snap ? images : images.map((z, i) => this.view.ends[side]["ab"[i]] ?? z);
  }

  updatePaths() {
    for (const button of this.kinds) button.setAttribute("aria-pressed", button.textContent === this.view.path);
    const sides = {};
    for (const side of this.sides.filter((each) => SIDES.includes(each))) {
      const { id, label, radius } = this.planes[side];
      const [a, b] = this.endsOf(side);
      const path = along(this.view.path, a, b);
      sides[side] = { bank: id, label, a, b, path, radius };
    }
    const tell = ({ end, image, side, z, undo }) => {
      const before = structuredClone(this.view);
      if (undo) this.view = this.before;
      else if (image === undefined) this.view.ends[side][end] = z;
      else this.view[`image_${end}`] = image;
      this.before = before;
      this.updatePaths();
    };
    const { path: kind, snap, prior, shapes } = this.view;
    const data = { page: "interpolate", sides, kind, snap, prior, shapes };
    update({ data, parentElement: this.mounts.paths, tell });
  }
}

announce("");
explainTerms(spec.terms);
readNumbers();
serve({ interpolate: Interpolate, maps: Maps });
findViewportsBy((key) => viewports.get(key));
reveal({ bankOf, viewportOf });
const packed = JSON.parse(document.getElementById("banks").textContent);
for (const text of Object.values(packed)) unpacked(text).then(addBank);
const opened = await Promise.all(Object.keys(packed).map(bankOf));
new Standalone(Object.fromEntries(opened.map((bank) => [bank.id, bank])));
