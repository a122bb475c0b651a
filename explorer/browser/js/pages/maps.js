// Maps: two planes or three side by side. The digit under the cursor, the nearest test image ringed on all, pins, tiles.

import { announce } from "../base/announce.js";
import { greyLevels } from "../base/images.js";
import { probe } from "../base/probe.js";
import { PLACES } from "../base/sides.js";
import { bankOf } from "../model/banks.js";
import { sheetAt } from "../model/sheet.js";
import { Chart } from "../plane/chart.js";
import { Heat } from "../plane/heat.js";
import { Lens } from "../plane/lens.js";
import { drawHole, drawPin, drawPlaces, drawPrior } from "../plane/marks.js";
import { Regions } from "../plane/regions.js";
import { Ring } from "../plane/ring.js";
import { Tiles } from "../plane/tiles.js";
import { SampleGrid } from "../widgets/sample_grid.js";

export class Maps {
  constructor() {
    this.charts = {};
    this.lenses = {};
    this.rings = {};
    this.tiles = {};
    this.sides = {};
    this.backdrops = {};
    this.samples = {}; // of each side { grid, bank, tell, parentElement }
    this.told = {}; // of each side, where its pin was said to be
    this.hovered = null; // { side, z, image }
    for (const side of PLACES) {
      this.lenses[side] = new Lens();
      this.rings[side] = new Ring();
      this.charts[side] = new Chart(`map_${side}`, {
        paint: (context, chart) => this.paint(side, context, chart),
        about: (chart) => this.about(side, chart),
        codes: () => this.sides[side].bank,
        paintUnder: (chart) => this.paintUnder(side, chart),
        hover: (z, chart) => this.hover(side, z, chart),
        follow: (chart) => this.follow(side, chart),
        leave: () => this.leave(),
        pick: (z) => this.pick(side, z),
      });
    }
  }

  // data: Map, Heat, Regions or MapSamples of `payloads.py`, each in a mount of its own; the side of a broken checkpoint has
  // none
  async update(data, { tell, parentElement, mounted }) {
    if (["heat", "regions"].includes(data.part)) return this.lay(data, parentElement, mounted);
    const bank = await bankOf(data.bank);
    if (!mounted()) return;
    if (data.part === "samples") return this.sample(data, bank, { tell, parentElement });
    const { side, label } = data;
    this.tellPin(data, bank);
    if (this.tiles[side]?.bank !== bank || this.tiles[side]?.label !== label) this.tiles[side] = new Tiles(bank, label);
    this.sides[side] = { ...data, bank, tell, parentElement };
    this.attach();
    for (const each of PLACES) this.charts[each].request();
  }

  about(side, chart) {
    const { bank, z } = this.sides[side];
    return [`Map of ${bank.inWords}`, z && `pinned at ${chart.pointInWords(z)}`].filter(Boolean).join(", ");
  }

  // The pin that the server has described, if it is not where it was.
  tellPin({ side, z, said }, bank) {
    const before = this.told[side];
    this.told[side] = z && String(z);
    if (!before || String(z) === before) return;
    announce([`${bank.name}: pinned at ${this.charts[side].pointInWords(z)}.`, said].filter(Boolean).join(" "));
  }

  // What lies behind a map: one of the two.
  async lay(data, parentElement, mounted) {
    const backdrop = await (data.part === "heat" ? heatOf(data) : regionsOf(data));
    if (!mounted()) return;
    this.backdrops[data.side]?.backdrop.remove();
    this.backdrops[data.side] = { backdrop, part: data.part, parentElement };
    this.charts[data.side].request();
  }

  sample(data, bank, { tell, parentElement }) {
    const { side } = data;
    const grid = this.samples[side]?.grid ?? this.sampleGrid(side, parentElement);
    this.samples[side] = { grid, bank, tell, parentElement };
    grid.show(bank, data);
  }

  // All maps have the same choices.
  sampleGrid(side, parentElement) {
    return new SampleGrid(parentElement, {
      choose: (choices) => {
        for (const { grid, bank } of Object.values(this.samples)) grid.show(bank, { ...grid.asked, ...choices });
        this.samples[side].tell(choices);
      },
      keep: (exactly) => {
        const z = this.charts[side].view.rounded(exactly);
        this.pin(side, z, { side, z });
      },
      moved: () => this.charts[side].requestOver(),
    });
  }

  attach() {
    for (const side of Object.keys(this.sides)) this.charts[side].attach();
  }

  unmount(parentElement) {
    for (const side of Object.keys(this.backdrops)) {
      if (this.backdrops[side].parentElement !== parentElement) continue;
      this.backdrops[side].backdrop.remove();
      delete this.backdrops[side];
      this.charts[side].request();
    }
    for (const side of Object.keys(this.samples)) {
      if (this.samples[side].parentElement !== parentElement) continue;
      delete this.samples[side];
      this.charts[side].requestOver();
    }
    for (const side of Object.keys(this.sides)) {
      if (this.sides[side].parentElement !== parentElement) continue;
      this.charts[side].detach();
      delete this.sides[side];
      this.hovered = null;
    }
  }

  hover(side, z, chart) {
    const image = this.sides[side].bank.nearest(z, chart.view.shown());
    const fresh = this.hovered?.side !== side || this.hovered?.image !== image;
    this.hovered = { side, z, image };
    for (const other of PLACES.filter((each) => each !== side)) {
      this.charts[other].cursor = null; // one cursor for all maps, be it the pointer's or the keys'
      if (fresh) this.charts[other].requestHovered();
    }
  }

  leave() {
    this.hovered = null;
    for (const side of PLACES) this.hide(side);
  }

  hide(side) {
    this.lenses[side].hide();
    this.rings[side].hide();
  }

  pick(side, z) {
    const before = this.sides[side].z;
    this.pin(side, z, { side, z });
    return () => before && this.pin(side, before, { side, z: before, undo: true });
  }

  pin(side, z, picked) {
    this.sides[side].z = z;
    this.charts[side].requestOver();
    this.sides[side].tell(picked);
  }

  // Once the browser has nothing else to do: what the server then begins takes a core for seconds.
  announce(side) {
    this.sides[side].announce = false;
    const { tell } = this.sides[side];
    (globalThis.requestIdleCallback ?? setTimeout)(() => tell({ touchable: side }));
  }

  paint(side, context, chart) {
    const { view } = chart;
    const { bank, prior, z: pinned, hole, announce } = this.sides[side];
    if (announce) this.announce(side);
    if (prior && bank.prior) drawPrior(context, view);
    const grid = this.samples[side]?.grid;
    if (grid) drawPlaces(context, view, grid.places, grid.pointed);
    if (hole && context.canvas) drawHole(context, view, hole); // not in a file
    if (pinned) drawPin(context, view, pinned);
  }

  // What hovers: the ring around the nearest test image on all maps, and the images beside it and at the pointer.
  follow(side, chart) {
    if (!this.hovered) return this.hide(side);
    const { bank, label, radius } = this.sides[side];
    const { side: touched, z, image } = this.hovered;
    const known = image >= 0 && bank.test_set === this.sides[touched].bank.test_set; // else the maps show different images
    if (known) this.rings[side].show(chart, bank.code(image));
    else this.rings[side].hide();
    if (side === touched) {
      const lonely = radius !== null && bank.lonely(z, radius);
      const read = this.backdrops[side]?.backdrop.inWords?.(z);
      this.lenses[side].show(chart, z, bank.decode(z, label), chart.pointInWords(z), { lonely, read });
      probe.frames += 1;
    } else if (known) {
      const code = bank.code(image);
      const { sheet } = this.sides[side];
      const original = (context) => Boolean(sheet && sheetAt(sheet, chart.repaint)?.draw(context, image));
      this.lenses[side].show(chart, code, bank.decode(code, bank.labels[image]), "same image", { original });
    }
  }

  paintUnder(side, chart) {
    const { manifold } = this.sides[side];
    const { backdrop, part } = this.backdrops[side] ?? {};
    chart.view.stage.classList.toggle("latent-with-tiles", manifold);
    chart.view.stage.classList.toggle("latent-with-heat", part === "heat");
    chart.under.hidden = !manifold && !backdrop; // a canvas that is seen takes its time in each frame, be it empty
    if (manifold) this.tiles[side].paint(chart);
    else chart.clear(chart.under);
    backdrop?.paint(chart.under.getContext("2d"), chart, manifold);
  }
}

async function heatOf(data) {
  return new Heat(data, await greyLevels(data.shades));
}

async function regionsOf(data) {
  const pictures = await Promise.all([data.labels, data.probabilities].map(greyLevels));
  const { classes } = await bankOf(data.bank);
  return new Regions(data, classes, ...pictures);
}
