// Interpolate: paths on two maps. Line and arc are there at once; a geodesic is looked for between the frames of the page.

import { element } from "../base/dom.js";
import { SIDES } from "../base/sides.js";
import { inSlices } from "../base/steps.js";
import { bankOf, banksOf } from "../model/banks.js";
import { geodesic, PlaneGrid } from "../model/geodesic.js";
import { along } from "../model/path.js";
import { DecodedSurface } from "../model/surface.js";
import { term } from "../widgets/terms.js";
import { segments, toggle } from "./controls.js";
import { Planes } from "./planes.js";

const PATH_KINDS = ["line", "arc", "geodesic"];
const GRID_MARGIN = 0.05; // of the first view, around it

export class InterpolatePage {
  constructor(file, root) {
    Object.assign(this, { file, grids: new Map(), found: new Map(), read: new Map() });
    this.sides = SIDES.filter((side) => file.values[side]);
    const known = file.names().every((name) => file.models[name].surface);
    const line = element("div", "alone-line", root);
    const help = "Drag A and B, or click near one. Below each frame: ";
    this.explain(element("div", "latent-help", line, { textContent: help }));
    this.kinds = segments(line, "Path", known ? PATH_KINDS : PATH_KINDS.slice(0, 2), (path) => file.set({ path }));
    this.snap = toggle(line, "snap", "Test images", (snap) => file.set({ snap }));
    this.shapes = toggle(line, "shapes", "Shapes", (shapes) => file.set({ shapes }));
    this.planes = new Planes(file, root, { charts: "path", sides: this.sides, names: file.names() });
    this.note = element("div", "latent-said alone-note", root, { role: "status" });
    this.mount = element("div", "", root);
  }

  // What stands below a frame.
  explain(help) {
    if (this.file.spec.classifier) {
      help.append("what ");
      term("readings", help, "a classifier reads");
      help.append("; orange: ");
      term("codes near", help, "no code lies near");
    } else {
      help.append("how many ");
      term("codes near", help, "codes lie near");
      help.append(" it");
    }
    help.append(".");
  }

  async update() {
    const { file, planes } = this;
    planes.update();
    const { path: chosen, snap, shapes, prior } = file.values;
    const kind = PATH_KINDS.includes(chosen) ? chosen : PATH_KINDS[0];
    this.kinds.show(kind);
    this.snap.show(snap);
    this.shapes.show(shapes);
    const models = Object.fromEntries(this.sides.map((side) => [side, planes.model(side)]));
    const asked = Object.fromEntries(this.sides.map((side) => [side, { bank: models[side].id }]));
    const banks = await banksOf(asked);
    const sides = {};
    for (const side of this.sides) {
      const [a, b] = this.ends(side, banks[side], snap);
      const label = file.label(side, models[side]);
      const known = kind === "geodesic" ? this.found.get(key(models[side], label, a, b)) : along(kind, a, b);
      const path = known ?? along("line", a, b);
      const readings = file.spec.classifier && this.readings(models[side].id, label, path);
      sides[side] = { bank: models[side].id, label, a, b, path, radius: models[side].radius, readings, pale: !known };
    }
    if (!this.mount.isConnected) return;
    const show = () => file.tie("interpolate", { sides, kind, snap, prior }, this.mount, (picked) => this.take(picked));
    show();
    this.readAll(Object.values(sides), show);
    if (kind === "geodesic") this.look(sides, models);
  }

  // What the classifier reads along a path, which is empty until it has done so.
  readings(id, label, path) {
    return this.read.get(key({ id }, label, ...path)) ?? { labels: [], probabilities: [] };
  }

  // Let the classifier read along the paths that it has not read yet, as long as these are wanted.
  async readAll(sides, show) {
    const reading = (this.reading = {});
    const wanted = () => this.reading === reading && this.mount.isConnected;
    const classifier = await this.file.classifier();
    for (const { bank, label, path, readings, pale } of sides) {
      if (!readings || readings.labels.length || pale) continue;
      const read = await inSlices(readPath(classifier, await bankOf(bank), label, path), wanted);
      if (!read) return;
      readings.labels = read.map((each) => each.label);
      readings.probabilities = read.map((each) => each.probability);
      this.read.set(key({ id: bank }, label, ...path), readings);
      show();
    }
  }

  // A and B: the codes of the two chosen test images, unless free points are set.
  ends(side, bank, snap) {
    return ["a", "b"].map((end) => {
      const image = bank.code(this.file.values[`image_${end}`] % bank.count);
      return snap ? image : this.file.state.point([`${end}1_${side}`, `${end}2_${side}`], image);
    });
  }

  take({ end, image, side, z, undo }) {
    if (undo) this.file.undo();
    else if (image !== undefined) this.file.set({ [`image_${end}`]: image });
    else this.file.set({ [`${end}1_${side}`]: z[0], [`${end}2_${side}`]: z[1] });
  }

  // Look for the geodesics that are not known yet, one after the other, as long as they are wanted.
  async look(sides, models) {
    const search = (this.search = {});
    const wanted = () => this.search === search && this.mount.isConnected;
    for (const [side, { label, a, b, pale }] of Object.entries(sides)) {
      if (!pale) continue;
      this.note.textContent = `Looking for the geodesic of ${models[side].title} …`;
      const grid = await this.grid(models[side], label);
      const path = await inSlices(geodesic(grid, a, b), wanted);
      if (!path) return;
      this.found.set(key(models[side], label, a, b), path);
    }
    this.note.textContent = "";
    if (Object.values(sides).some(({ pale }) => pale)) this.update();
  }

  async grid(model, label) {
    const name = `${model.id} ${label}`;
    if (!this.grids.has(name)) {
      const box = [model.x, model.y].map(([low, high]) => {
        const margin = GRID_MARGIN * (high - low);
        return [low - margin, high + margin];
      });
      this.grids.set(name, new PlaneGrid(new DecodedSurface(await bankOf(model.id), label, model.surface), box));
    }
    return this.grids.get(name);
  }
}

function* readPath(classifier, bank, label, path) {
  const read = [];
  for (const z of path) {
    read.push(classifier.read(bank.decode(z, label)));
    yield;
  }
  return read;
}

const key = ({ id }, label, ...ends) => [id, label, ...ends.flat()].join();
