// Replay: two trainings from before the first step to the last.

import { element } from "../base/dom.js";
import { SIDES } from "../base/sides.js";
import { dropDown, toggle } from "./controls.js";

export class ReplayPage {
  constructor(file, root) {
    Object.assign(this, { file, names: Object.keys(file.spec.replays.sides) });
    const line = element("div", "alone-line", root);
    const help = "Press play, or drag through time. Click a map to keep a point and watch its image take shape.";
    element("div", "latent-help", line, { textContent: help });
    this.toggles = { manifold: "Manifold", prior: "Prior", fit: "Fit to codes", shapes: "Shapes" };
    for (const [field, title] of Object.entries(this.toggles)) {
      this.toggles[field] = toggle(line, field, title, (on) => file.set({ [field]: on }));
    }
    const row = element("div", "alone-maps", root);
    const choices = this.names.map((value) => ({ value, text: value }));
    this.models = SIDES.map((side) =>
      dropDown(row, `Training, ${side}`, choices, (name) => file.set({ [`replay_${side}`]: name })),
    );
    this.mount = element("div", "", root);
  }

  update() {
    const { file } = this;
    const { values } = file;
    for (const [field, made] of Object.entries(this.toggles)) made.show(values[field]);
    const sides = {};
    SIDES.forEach((side, rank) => {
      const name = this.names.includes(values[`replay_${side}`]) ? values[`replay_${side}`] : this.names[0];
      this.models[rank].show(name);
      const shown = file.spec.replays.sides[name];
      const z = file.state.point([`z1_replay_${side}`, `z2_replay_${side}`], shown.z);
      sides[side] = { ...shown, z, label: values[`label_replay_${side}`] };
    });
    const { epoch, prior, manifold, fit } = values;
    const tell = (picked) => {
      if ("epoch" in picked) file.state.set({ epoch: picked.epoch });
      else file.set({ [`z1_replay_${picked.side}`]: picked.z[0], [`z2_replay_${picked.side}`]: picked.z[1] });
    };
    file.tie("replay", { sides, curves: this.curves(sides), epoch, visit: 1, prior, manifold, fit }, this.mount, tell);
  }

  // The figures over time that either training has; losses under different likelihoods get a curve each.
  curves(sides) {
    const rows = [];
    for (const { title, falls, key } of this.file.spec.replays.curves) {
      const lines = Object.entries(sides).filter(([, { metrics }]) => metrics[key]);
      const apart = key === "loss_nats" && new Set(lines.map(([, { comparable }]) => comparable)).size > 1;
      const groups = apart ? lines.map((line) => [line]) : [lines];
      for (const group of groups.filter(({ length }) => length)) {
        rows.push({
          title,
          falls,
          lines: Object.fromEntries(group.map(([side, { metrics }]) => [side, metrics[key]])),
        });
      }
    }
    return rows;
  }
}
