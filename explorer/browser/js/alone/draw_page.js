// Draw: a pad, the drawing's code and posterior on two maps, and its style in every class.

import { toBase64 } from "../base/bytes.js";
import { element } from "../base/dom.js";
import { SIDES } from "../base/sides.js";
import { dropDown, toggle } from "./controls.js";
import { Planes } from "./planes.js";

export class DrawPage {
  constructor(file, root) {
    Object.assign(this, { file, loaded: 1, drawing: file.values.drawing });
    const line = element("div", "alone-line", root);
    element("div", "latent-help", line, {
      textContent: "Draw: the code of your drawing moves on both maps as the pen moves.",
    });
    this.complete = toggle(line, "complete", "Complete", (complete) => file.set({ complete }));
    this.shapes = toggle(line, "shapes", "Shapes", (shapes) => file.set({ shapes }));
    const top = element("div", "alone-draw", root);
    const pen = element("section", "alone-pen", top);
    this.pad = element("div", "", pen);
    if (file.spec.sheet) {
      const example = element("button", "latent-button", pen, { type: "button", textContent: "Example" });
      example.title = "A test image as the drawing";
      example.onclick = () => this.example();
    }
    const right = element("div", "alone-draw-maps", top);
    this.parts = {};
    const build = (section, side) => (this.parts[side] = element("div", `st-key-evidence_${side}`, section));
    this.planes = new Planes(file, right, { charts: "draw", sides: SIDES, names: file.names(), build });
    this.names = file.names(({ conditional }) => conditional);
    if (this.names.length) this.buildTen(root);
  }

  buildTen(root) {
    const { file, names } = this;
    const row = element("div", "alone-ten", root);
    const left = element("div", "alone-pen", row);
    element("h2", "latent-heading", left, { textContent: "Your style in every class" });
    this.style = dropDown(left, "Model of styles", file.choices(names), (style) => file.set({ style }));
    this.parts.note = element("div", "", left);
    this.parts.ten = element("div", "", row);
  }

  async example() {
    const sheet = await this.file.sheet();
    const { count } = this.file.models[this.file.names()[0]];
    const levels = sheet.levels(Math.floor(Math.random() * count));
    this.loaded += 1;
    this.file.set({ drawing: toBase64(levels), label_drawing: null });
  }

  update() {
    const { file, parts, planes } = this;
    planes.update();
    const { complete, shapes, prior, drawing, label_drawing: asked } = file.values;
    this.complete.show(complete);
    this.shapes.show(shapes);
    if (drawing !== this.told && this.told !== undefined) this.loaded += 1; // by a link, or by going back
    this.told = drawing;
    const sides = {};
    for (const side of SIDES) {
      const model = planes.model(side);
      sides[side] = { ...of(model), label: file.label(side, model), radius: model.radius, sheet: file.spec.sheet };
    }
    const style = this.names.length ? file.model("style", this.names) : null;
    if (style) this.style.show(style.name);
    for (const [part, mount] of Object.entries(parts)) file.tie("draw", { part }, mount);
    const data = {
      part: "pad",
      loaded: this.loaded,
      form: drawing,
      asked,
      complete,
      prior,
      sides,
      style: style && of(style),
      classes: null,
    };
    const tell = ({ form, label }) => {
      this.told = form;
      file.set({ drawing: form, label_drawing: label });
    };
    file.tie("draw", data, this.pad, tell);
  }
}

const of = ({ id, encoder, likelihood }) => ({ bank: id, encoder, likelihood });
