// Replay: two trainings at the same moment. Play or drag, and codes, tiles, digits and curves move together; all of it
// happens here, and the server learns only of the moment at rest and of the pinned points.

import { announce } from "../base/announce.js";
import { clipped, element, wait } from "../base/dom.js";
import { fileAt } from "../base/files.js";
import { exact, FARTHEST } from "../base/format.js";
import { drawPixels, SIDE } from "../base/images.js";
import { probe } from "../base/probe.js";
import { SIDES } from "../base/sides.js";
import { Film } from "../model/film.js";
import { CloseUp } from "../plane/close_up.js";
import { Lens } from "../plane/lens.js";
import { drawPin, drawPrior, drawRing, drawTowards } from "../plane/marks.js";
import { Mosaic } from "../plane/mosaic.js";
import { classButtons } from "../widgets/legend.js";
import { meant } from "../widgets/number_fields.js";
import { Player } from "../widgets/player.js";
import { shortEpoch, Timeline } from "../widgets/timeline.js";

export class Replay {
  constructor(parent) {
    Object.assign(this, { films: {}, pins: {}, sides: [], epoch: null, shown: new Array(10).fill(true) });
    this.build(parent);
  }

  build(parent) {
    this.root = element("div", "latent-replay", parent);
    const maps = element("div", "latent-columns", this.root);
    this.panels = Object.fromEntries(SIDES.map((side) => [side, this.panel(side, maps)]));
    const bar = element("div", "latent-bar", this.root);
    this.player = new Player(bar, {
      began: () => this.began(),
      advance: (seconds) => this.advance(seconds),
      stopped: () => this.rest(),
    });
    bar.append(this.player.speed);
    this.clock = element("strong", "latent-clock", bar);
    this.note = element("span", "latent-warning", bar);
    this.legend = element("div", "latent-classes", bar);
    this.timeline = new Timeline(this.root, {
      seek: (epoch) => {
        this.player.pause();
        this.seek(epoch);
      },
      dropped: () => this.rest(),
      toggle: () => this.player.toggle(),
    });
    this.clock.textContent = "loading …";
    wait(this.root, true);
  }

  panel(side, parent) {
    const root = element("div", `latent-panel ${side}`, parent);
    const handlers = {
      about: (chart) => this.about(side, chart),
      paint: (context, chart) => this.paint(side, context, chart),
      paintUnder: (chart) => this.paintUnder(side, chart),
      hover: (z) => this.hover(side, z),
      leave: () => this.leave(),
      pick: (z) => this.pick(side, z),
    };
    const theatre = new CloseUp(`replay_${side}`, root, handlers, { className: "latent-theatre", pans: true });
    const aside = element("div", "latent-aside", root);
    const screen = element("canvas", "latent-image latent-screen", aside, { width: SIDE, height: SIDE });
    const inputs = ["z₁", "z₂"].map((name, axis) => {
      const label = element("label", "latent-coordinate", aside, { textContent: name });
      const input = element("input", "latent-number", label, {
        inputMode: "decimal",
        step: 0.1,
        min: -FARTHEST,
        max: FARTHEST,
      });
      input.setAttribute("aria-label", `${side} z${axis + 1}`);
      input.onchange = () => {
        const z = inputs.map((each) => meant(each.value));
        if (z.every(Number.isFinite)) this.pick(side, exact(z));
      };
      return input;
    });
    return { root, theatre, inputs, mosaic: new Mosaic(), lens: new Lens(), context: screen.getContext("2d") };
  }

  about(side, chart) {
    const shown = this.data?.sides[side];
    if (!shown) return "Map";
    return `Map of ${shown.name} at the moment that the time line shows, pinned at ${chart.pointInWords(this.pins[side].z)}`;
  }

  // data: Replay of `payloads.py`
  async update(data, { tell, mounted }) {
    this.tell = tell;
    this.latest = data;
    const sides = SIDES.filter((side) => data.sides[side]);
    try {
      const films = await Promise.all(sides.map((side) => this.film(data.sides[side])));
      if (!mounted() || this.latest !== data) return;
      this.films = Object.fromEntries(sides.map((side, i) => [side, films[i]]));
    } catch (error) {
      this.complain(error);
      return;
    }
    if (data.visit !== this.visit) Object.assign(this, { visit: data.visit, epoch: null, pins: {} });
    this.sides = sides;
    this.data = data;
    wait(this.root, false);
    for (const side of SIDES) this.panels[side].root.classList.toggle("latent-absent", !data.sides[side]);
    for (const side of sides) this.takePin(side);
    this.showLegend();
    const names = Object.fromEntries(sides.map((side) => [side, data.sides[side].name]));
    this.timeline.show(data.curves, this.films, names);
    this.seek(this.epoch ?? data.epoch);
  }

  // The film of a side; of two sides that show the same training, one.
  async film({ id, codes, decoders }) {
    this.opened ??= new Map();
    if (!this.opened.has(id)) {
      const arrived = (error) => (error ? this.complain(error) : this.redraw());
      this.opened.set(
        id,
        fileAt(codes).then((bytes) => new Film(bytes, decoders, arrived)),
      );
    }
    return this.opened.get(id);
  }

  complain(error) {
    this.opened = null;
    this.note.textContent = `A part of the replay did not arrive (${error.message}): reload the page.`;
  }

  unmount() {
    this.player.pause();
    this.data = null; // what arrives after this is not drawn
    this.timeline.resized.disconnect();
    for (const { theatre } of Object.values(this.panels)) theatre.detach();
  }

  // The server's point for a training or a visit that is new here; later on the browser knows better: what the server
  // says may be older than the last click, or than a number that is being typed. So it is with the moment.
  takePin(side) {
    const { id, z } = this.data.sides[side];
    if (this.pins[side]?.id !== id) this.pin(side, { id, z });
  }

  pin(side, pin) {
    this.pins[side] = pin;
    this.panels[side].inputs.forEach((input, axis) => (input.value = pin.z[axis]));
  }

  showLegend() {
    const named = Object.values(this.data.sides).map(({ classes }) => classes);
    const most = named.reduce((one, other) => (other.length > one.length ? other : one));
    const toggled = (label) => {
      this.shown[label] = !this.shown[label];
      this.redraw();
    };
    this.legend.replaceChildren(...classButtons(most, this.shown, toggled));
  }

  seek(epoch) {
    this.epoch = epoch;
    for (const side of this.sides) this.films[side].seek(epoch);
    this.clock.textContent = `epoch ${shortEpoch(epoch)}`;
    this.redraw();
  }

  redraw() {
    if (!this.data) return;
    for (const side of this.sides) {
      const { views, last_view } = this.data.sides[side];
      this.panels[side].theatre.view.follow(this.data.fit ? this.films[side].view(views) : last_view);
      this.panels[side].theatre.request();
    }
    this.timeline.paint(this.epoch);
  }

  moving() {
    return this.player.playing || this.timeline.held;
  }

  // Tell the server at which moment time stands, so that a link opens there.
  rest() {
    this.redraw();
    const epoch = Math.round(1e6 * this.epoch) / 1e6;
    this.tell?.({ epoch });
  }

  began() {
    if (this.timeline.ended(this.epoch)) this.seek(0);
  }

  advance(seconds) {
    this.seek(this.timeline.later(this.epoch, seconds));
    for (const film of Object.values(this.films)) film.want(film.k + 2); // before it is needed
    return !this.timeline.ended(this.epoch);
  }

  hover(side, z) {
    const image = this.films[side].nearest(z, this.shown);
    this.hovered = { side, z, image };
    for (const other of this.sides.filter((each) => each !== side)) {
      this.panels[other].theatre.cursor = null;
      this.panels[other].theatre.requestOver();
    }
  }

  leave() {
    this.hovered = null;
    for (const side of this.sides) {
      this.panels[side].lens.hide();
      this.panels[side].theatre.requestOver();
    }
  }

  pick(side, z) {
    const before = this.pins[side].z;
    this.keep(side, z, { side, z });
    return () => this.keep(side, before, { side, z: before, undo: true });
  }

  keep(side, z, picked) {
    this.pin(side, { ...this.pins[side], z });
    this.panels[side].theatre.requestOver();
    announce(`${this.data.sides[side].name}: pinned at ${this.panels[side].theatre.pointInWords(z)}.`);
    this.tell(picked);
  }

  paintUnder(side, chart) {
    const film = this.films[side];
    if (!film) return;
    const { view } = chart;
    const frame = view.frame();
    const context = chart.clear(chart.under);
    const decoder = film.decoder();
    view.stage.classList.toggle("latent-with-tiles", this.data.manifold);
    chart.drawAxes(context, getComputedStyle(view.stage).color);
    if (this.data.manifold && decoder) {
      const { label } = this.data.sides[side];
      const instant = [decoder.id, film.share, label, ...frame.x, ...frame.y].join();
      const decode = (z) => decoder.decode(z, label);
      const { mosaic } = this.panels[side];
      clipped(context, frame, () => {
        if (!mosaic.paint(context, view, decode, instant, this.moving())) chart.request();
      });
    }
    const now = { codes: film.codesNow(), labels: film.labels };
    chart.cloud.paint(view, now, this.shown, { moving: this.moving() });
  }

  paint(side, context, chart) {
    const { view } = chart;
    const film = this.films[side];
    if (!film) return;
    const { prior, label } = this.data.sides[side];
    const pinned = this.pins[side].z;
    const decoder = film.decoder();
    if (this.data.prior && prior) drawPrior(context, view);
    drawPin(context, view, pinned);
    drawTowards(context, view, pinned);
    if (decoder) drawPixels(this.panels[side].context, decoder.decode(pinned, label));
    if (side === this.sides[0]) probe.frames += 1;
    if (!this.hovered || !decoder) return;
    const { side: touched, z, image } = this.hovered;
    const known = image >= 0 && this.data.sides[side].test_set === this.data.sides[touched].test_set;
    const code = known && film.code(image);
    if (known) drawRing(context, view, code);
    const { lens } = this.panels[side];
    if (side === touched) lens.show(chart, z, decoder.decode(z, label), chart.pointInWords(z));
    else if (known) lens.show(chart, code, decoder.decode(code, film.labels[image]), "same image");
  }
}
