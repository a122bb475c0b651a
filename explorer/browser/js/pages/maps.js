// Maps: two planes or three side by side. The digit under the cursor, the nearest test image ringed on all, pins, tiles; codes
// within a lasso, an image that is found, and images in place of dots.

import { announce } from "../base/announce.js";
import { button, element } from "../base/dom.js";
import { exact } from "../base/format.js";
import { drawPixels, greyLevels } from "../base/images.js";
import { probe } from "../base/probe.js";
import { saveAs } from "../base/save.js";
import { PLACES } from "../base/sides.js";
import { bankOf } from "../model/banks.js";
import { valuesAt } from "../model/image_values.js";
import { sheetAt } from "../model/sheet.js";
import { Chart } from "../plane/chart.js";
import { Colouring } from "../plane/colouring.js";
import { Heat } from "../plane/heat.js";
import { ImagesForDots } from "../plane/images_for_dots.js";
import { Lasso } from "../plane/lasso.js";
import { Lens } from "../plane/lens.js";
import { drawHole, drawPin, drawPlaces, drawPrior, drawRing, drawTowards } from "../plane/marks.js";
import { Regions } from "../plane/regions.js";
import { Ring } from "../plane/ring.js";
import { Selection } from "../plane/selection.js";
import { Tiles } from "../plane/tiles.js";
import { lassoButton } from "../plane/zoom_buttons.js";
import { Find } from "../widgets/find.js";
import { SampleGrid } from "../widgets/sample_grid.js";
import { SelectionPanel } from "../widgets/selection_panel.js";

export class Maps {
  constructor() {
    this.charts = {};
    this.lenses = {};
    this.rings = {};
    this.tiles = {};
    this.sides = {};
    this.backdrops = {};
    this.colourings = {};
    this.samples = {}; // of each side { grid, bank, tell, parentElement }
    this.told = {}; // of each side, where its pin was said to be
    this.hovered = null; // { side, z, image }
    this.images = {}; // of each side, in place of dots
    this.lasso = new Lasso(() => this.lassoed());
    this.ropes = {}; // of each side, the button that begins a lasso
    this.selected = new Selection();
    this.toPin = []; // what is still to be pinned, once the map before it is there: { side, z }
    this.found = this.pointed = null; // an image that is ringed, because it was found or is pointed at: { index, test_set }
    for (const side of PLACES) {
      this.lenses[side] = new Lens();
      this.rings[side] = new Ring();
      this.charts[side] = new Chart(`map_${side}`, {
        paint: (context, chart) => this.paint(side, context, chart),
        about: (chart) => this.about(side, chart),
        codes: () => this.sides[side].bank,
        colouring: () => this.colourings[side],
        paintUnder: (chart) => this.paintUnder(side, chart),
        hover: (z, chart) => this.hover(side, z, chart),
        follow: (chart) => this.follow(side, chart),
        leave: () => this.leave(),
        pick: (z) => this.pick(side, z),
        lit: () => this.lit(side),
        grab: (at, view) => this.lasso.grab(at, view, this.sides[side].bank.name),
        keyed: (event, at, { view }) => this.lasso.keyed(event, at, view, this.sides[side].bank.name),
        tools: (buttons, chart) => this.offerLasso(side, buttons, chart),
      });
    }
  }

  // data: Map, Heat, Regions, MapSamples or MapsPanel of `payloads.py`, each in a mount of its own; the side of a broken
  // checkpoint has none
  async update(data, { tell, parentElement, mounted }) {
    if (["heat", "regions"].includes(data.part)) return this.lay(data, parentElement, mounted);
    if (data.part === "panel") return this.openPanel(parentElement);
    const bank = await bankOf(data.bank);
    if (!mounted()) return;
    if (data.part === "samples") return this.sample(data, bank, { tell, parentElement });
    const { side, label } = data;
    this.tellPin(data, bank);
    if (this.tiles[side]?.bank !== bank || this.tiles[side]?.label !== label) this.tiles[side] = new Tiles(bank, label);
    if (this.images[side]?.bank !== bank || this.sides[side]?.sheet !== data.sheet) {
      this.images[side] = this.imagesOf(bank, data.sheet, this.charts[side]);
    }
    this.sides[side] = { ...data, bank, tell, parentElement };
    this.colour(side, data.colour, bank);
    this.pinNext();
    this.attach();
    this.offerImages();
    for (const each of PLACES) this.charts[each].request();
  }

  about(side, chart) {
    const { bank, z } = this.sides[side];
    const place = z && `pinned at ${chart.pointInWords(z)}`;
    const said = [`Map of ${bank.inWords}`, this.colourings[side]?.inWords, place].filter(Boolean).join(", ");
    const { indices, lit } = this.selected;
    return `${said}. ${lit[side] ? `${indices.length} codes are selected. ` : ""}S begins to draw around codes`;
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

  // The codes have the colours of their classes until the values are there, and where there are none.
  colour(side, colour, bank) {
    const asked = JSON.stringify([bank.id, colour]);
    if (this.colourings[side]?.asked === asked) return;
    this.uncolour(side);
    if (!colour) return;
    const colouring = Object.assign(new Colouring(colour, bank), { asked });
    this.colourings[side] = colouring;
    if (!colour.address) return;
    valuesAt(colour.address).then(
      (values) => {
        colouring.take(values);
        this.charts[side].request();
      },
      () => this.colourings[side] === colouring && this.uncolour(side), // a lost line: asked for again with the next update
    );
  }

  uncolour(side) {
    this.colourings[side]?.remove();
    delete this.colourings[side];
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
      this.uncolour(side);
      delete this.sides[side];
      this.hovered = null;
      if (this.lasso.armed) this.lasso.arm(false);
    }
    if (this.panel?.parentElement === parentElement) this.panel = null;
  }

  // Below the maps: what finds an image, and what is selected.
  openPanel(parentElement) {
    if (this.panel?.parentElement === parentElement) return;
    const line = element("div", "latent-finding", parentElement);
    const around = button(line, "Draw around points", ({ detail }) => this.begin(detail === 0));
    around.title = "Select the images whose codes lie within (key S on a map)";
    const find = new Find(line, {
      ...this.imageHandlers(() => this.firstBank),
      found: (index) => this.ringFound(index),
    });
    const selection = new SelectionPanel(parentElement, {
      ...this.imageHandlers(() => this.selected.bank),
      clear: () => this.lasso.clear(),
      save: (name, text) => saveAs(name, new Blob([text], { type: "text/csv" })),
    });
    this.panel = { parentElement, around, find, selection };
    this.offerImages();
    this.showSelected();
  }

  // byKey: whether a key has pressed the button, so that keys go on
  begin(byKey) {
    this.lasso.arm();
    const first = PLACES.find((side) => this.charts[side].view);
    if (byKey && this.lasso.armed && first) this.charts[first].view.stage.focus();
  }

  offerLasso(side, buttons, chart) {
    this.ropes[side] = lassoButton(buttons, () => {
      this.lasso.arm();
      chart.view.stage.focus({ preventScroll: true });
    });
  }

  lassoed() {
    const { armed } = this.lasso;
    for (const rope of [...Object.values(this.ropes), this.panel?.around]) rope?.setAttribute("aria-pressed", armed);
    for (const side of PLACES) this.charts[side].request();
  }

  // The sides with the test images of a bank.
  sidesOf({ test_set }) {
    return PLACES.filter((side) => this.sides[side]?.bank.test_set === test_set);
  }

  // See TestSet.
  setOf(bank) {
    const same = this.sidesOf(bank).map((side) => this.sides[side]);
    return {
      banks: [...new Set(same.map((each) => each.bank))],
      sheet: same.find(({ sheet }) => sheet)?.sheet ?? null,
    };
  }

  get firstBank() {
    return this.sides[PLACES.find((side) => this.sides[side])]?.bank;
  }

  // The images that can be found, unless they are those that were offered.
  offerImages() {
    if (!this.panel || !this.firstBank) return;
    const of = this.setOf(this.firstBank);
    const key = [of.sheet, ...of.banks.map(({ id }) => id)].join();
    if (this.panel.offered === key) return;
    this.panel.offered = key;
    this.panel.find.offer(of);
  }

  // What an image does that stands below the maps: it is ringed while it is pointed at, and pinned when it is clicked.
  // bankNow(): a bank of its test set
  imageHandlers(bankNow) {
    return {
      point: (index) => {
        this.pointed = index === null ? null : { index, test_set: bankNow().test_set };
        for (const side of PLACES) this.charts[side].requestHovered();
      },
      pin: (index) => {
        const all = this.sidesOf(bankNow()).map((side) => ({ side, z: exact(this.sides[side].bank.code(index)) }));
        this.toPin = all.filter(({ side, z }) => String(z) !== String(this.sides[side].z));
        this.pinNext();
      },
    };
  }

  // One map after the other: of two that are told at once, Streamlit draws what is pinned on one alone.
  pinNext() {
    const next = this.toPin.shift();
    if (next) this.pin(next.side, next.z, next);
  }

  ringFound(index) {
    this.found = index === null ? null : { index, test_set: this.firstBank.test_set };
    for (const side of PLACES) this.charts[side].requestOver();
  }

  // The codes that stand out on a side; all is drawn anew if they are others.
  lit(side) {
    const there = PLACES.filter((each) => this.sides[each] && this.charts[each].view);
    const maps = there.map((each) => [each, { ...this.sides[each], view: this.charts[each].view }]);
    if (this.selected.follow(this.lasso, Object.fromEntries(maps))) {
      for (const each of PLACES) this.charts[each].request();
      clearTimeout(this.showing);
      this.showing = setTimeout(() => this.showSelected()); // not in this frame
    }
    return this.selected.lit[side] ?? null;
  }

  showSelected() {
    const { bank, indices } = this.selected;
    this.panel?.selection.show(bank && this.setOf(bank), bank?.name, indices);
  }

  // Originals where they are, else reconstructions.
  imagesOf(bank, sheet, chart) {
    const arrived = () => chart.requestOver();
    const decoded = (context, index) => {
      drawPixels(context, bank.decode(bank.code(index), bank.labels[index]));
      return true;
    };
    const original = (context, index) => Boolean(sheetAt(sheet, arrived)?.draw(context, index));
    return new ImagesForDots(bank, sheet ? original : decoded);
  }

  hover(side, z, chart) {
    const image = this.sides[side].bank.nearest(z, chart.view.shown());
    const fresh = this.hovered?.side !== side || this.hovered?.image !== image;
    this.hovered = { side, z, image };
    for (const other of PLACES.filter((each) => each !== side)) {
      this.charts[other].cursor = null; // one cursor for all maps, be it the pointer's or the keys'
      if (fresh) this.charts[other].requestHovered();
    }
    if (fresh) this.panel?.selection.mark(this.selected.lit[side] ? image : null);
  }

  leave() {
    this.hovered = null;
    this.panel?.selection.mark(null);
    for (const side of PLACES) this.hide(side);
  }

  hide(side) {
    this.lenses[side].hide();
    this.rings[side].hide();
  }

  pick(side, z) {
    this.toPin = [];
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
    this.paintImages(side, context, chart);
    if (prior && bank.prior) drawPrior(context, view);
    const grid = this.samples[side]?.grid;
    if (grid) drawPlaces(context, view, grid.places, grid.pointed);
    if (hole && context.canvas) drawHole(context, view, hole); // not in a file
    if (pinned) drawPin(context, view, pinned);
    this.lasso.paint(context, view, bank.name);
    if (!this.found || this.found.test_set !== bank.test_set) return;
    const code = bank.code(this.found.index);
    drawRing(context, view, code);
    drawTowards(context, view, code);
  }

  paintImages(side, context, chart) {
    const { manifold } = this.sides[side];
    if (manifold) return;
    const lit = this.selected.lit[side] ? this.selected.mask : null;
    const finished = this.images[side].paint(context, chart.view, chart.view.shown(), lit);
    if (!finished) chart.requestOver();
  }

  // What hovers: the ring around the nearest test image on all maps, and the images beside it and at the pointer.
  follow(side, chart) {
    const { bank, label, radius } = this.sides[side];
    if (!this.hovered) {
      this.hide(side);
      if (this.pointed?.test_set === bank.test_set) this.rings[side].show(chart, bank.code(this.pointed.index));
      return;
    }
    const { side: touched, z, image } = this.hovered;
    const known = image >= 0 && bank.test_set === this.sides[touched].bank.test_set; // else the maps show different images
    if (known) this.rings[side].show(chart, bank.code(image));
    else this.rings[side].hide();
    if (side === touched) {
      const lonely = radius !== null && bank.lonely(z, radius);
      const read = this.backdrops[side]?.backdrop.inWords?.(z);
      const more = this.colourings[side]?.of(image);
      this.lenses[side].show(chart, z, bank.decode(z, label), chart.pointInWords(z), { lonely, read, more });
      probe.frames += 1;
    } else if (known) {
      const code = bank.code(image);
      const { sheet } = this.sides[side];
      const more = this.colourings[side]?.of(image);
      const original = (context) => Boolean(sheet && sheetAt(sheet, chart.requestHovered)?.draw(context, image));
      this.lenses[side].show(chart, code, bank.decode(code, bank.labels[image]), "same image", { original, more });
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
    this.colourings[side]?.show(chart);
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
