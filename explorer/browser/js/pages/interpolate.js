// Interpolate: two ends to drag or to click near, the path between them on both maps, its film strips and a player. While
// an end moves, line and arc are computed here; geodesics come from the server, and until then a pale line stands for one.

import { keep, recalledNumbers } from "../base/address.js";
import { announce } from "../base/announce.js";
import { element, wait } from "../base/dom.js";
import { plural } from "../base/format.js";
import { drawPixels, SIDE } from "../base/images.js";
import { oncePerFrame } from "../base/motion.js";
import { probe } from "../base/probe.js";
import { SIDES } from "../base/sides.js";
import { banksOf } from "../model/banks.js";
import { along } from "../model/path.js";
import { Chart } from "../plane/chart.js";
import { drawChord, drawDot, drawEnd, drawPath, drawPrior } from "../plane/marks.js";
import { Player } from "../widgets/player.js";
import { showReading } from "../widgets/reading.js";

const GEODESICS = { geodesic: "geodesic", "near codes": "geodesic near codes" }; // in words
const GRAB_PIXELS = 14;
const FRAME_GAP = 4; // pixels, as in style.css
const SECONDS = 4; // from one end to the other at normal speed

export class Interpolate {
  constructor(parent) {
    this.charts = {};
    this.t = Math.min(Math.max(recalledNumbers("place", 1)?.[0] ?? 0.5, 0), 1);
    this.forward = true;
    this.sides = [];
    for (const side of SIDES) {
      this.charts[side] = new Chart(`path_${side}`, {
        about: (chart) => this.about(side, chart),
        codes: () => this.banks[side],
        paint: (context, chart) => this.paint(side, context, chart),
        pick: (z) => this.moveNearerEnd(side, z),
        grab: (at, view) => this.grab(side, at, view),
      });
    }
    this.build(parent);
  }

  build(parent) {
    this.root = element("div", "latent-player", parent);
    this.strips = {};
    this.screens = {};
    const strips = element("div", "latent-columns", this.root);
    const bar = element("div", "latent-bar", this.root);
    const controls = element("div", "latent-controls", bar);
    for (const side of SIDES) {
      this.strips[side] = element("div", "latent-strip", strips, { role: "group" });
      this.screens[side] = element("canvas", "latent-image latent-screen", bar, { width: SIDE, height: SIDE });
    }
    bar.insertBefore(this.screens.left, controls);
    this.player = new Player(controls, {
      began: () => this.began(),
      advance: (seconds) => this.advance(seconds),
      stopped: () => this.rest(),
    });
    this.scrubber = element("input", "latent-range", controls, { type: "range", min: 0, max: 1, step: 0.001 });
    this.scrubber.setAttribute("aria-label", "Place on the path, from A to B");
    this.scrubber.oninput = () => {
      this.player.pause();
      this.seek(Number(this.scrubber.value));
      this.rest();
    };
    controls.append(this.player.speed);
    const label = element("label", "latent-check", controls);
    this.loop = element("input", "", label, { type: "checkbox", checked: true });
    label.append("Loop");
    this.requestFilm = oncePerFrame(() => this.film());
    this.resized = new ResizeObserver(() => this.data && this.film());
    this.resized.observe(this.root);
    wait(this.root, true);
  }

  // data: Interpolate of `payloads.py`
  async update(data, { tell, mounted }) {
    this.tell = tell;
    const banks = await banksOf(data.sides);
    if (!mounted()) return;
    this.banks = banks;
    this.sides = Object.keys(data.sides);
    this.data = data;
    wait(this.root, false);
    this.attach();
    for (const side of this.sides) this.charts[side].request();
    this.film();
  }

  attach() {
    for (const side of this.sides) this.charts[side].attach();
  }

  unmount() {
    this.player.pause();
    this.resized.disconnect();
    for (const side of SIDES) this.charts[side].detach();
  }

  // The point of the path at t, between its two nearest samples.
  at(side, t) {
    const { path } = this.data.sides[side];
    const place = t * (path.length - 1);
    const i = Math.min(Math.floor(place), path.length - 2);
    return path[i].map((value, axis) => value + (place - i) * (path[i + 1][axis] - value));
  }

  seek(t) {
    this.t = t;
    this.scrubber.value = t;
    for (const side of this.sides) {
      drawPixels(
        this.screens[side].getContext("2d"),
        this.banks[side].decode(this.at(side, t), this.data.sides[side].label),
      );
      const frames = this.strips[side].querySelectorAll("figure");
      const current = Math.round(t * (frames.length - 1));
      frames.forEach((frame, i) => {
        frame.classList.toggle("latent-current", i === current);
        frame.tabIndex = i === current ? 0 : -1;
      });
      this.charts[side].requestOver();
    }
    probe.frames += 1;
  }

  // Keep the place where nothing plays.
  rest() {
    keep("place", this.t === 0.5 ? null : String(Number(this.t.toFixed(3))));
  }

  began() {
    if (this.t >= 1 && !this.loop.checked) this.t = 0;
  }

  advance(seconds) {
    const loop = this.loop.checked;
    const change = seconds / SECONDS;
    const t = this.t + (this.forward || !loop ? change : -change);
    if (loop && (t > 1 || t < 0)) this.forward = t < 0;
    this.seek(Math.min(Math.max(t, 0), 1));
    return loop || this.t < 1;
  }

  // Draw the film strips again, with the frame of this instant marked.
  film() {
    for (const side of this.sides) {
      const strip = this.strips[side];
      if (!strip.children.length) strip.append(this.frame(0));
      const wide = strip.firstChild.offsetWidth + FRAME_GAP;
      const count = Math.max(3, Math.floor((strip.clientWidth + FRAME_GAP) / wide));
      if (strip.children.length !== count)
        strip.replaceChildren(...Array.from({ length: count }, (_, i) => this.frame(i / (count - 1))));
      strip.ariaLabel = `Film of ${this.banks[side].name}, from A to B`;
      [...strip.children].forEach((frame, i) => this.fillFrame(frame, side, i / (count - 1)));
    }
    this.seek(this.t);
  }

  frame(t) {
    const frame = element("figure", "", null, { role: "button" });
    element("canvas", "latent-image", frame, { width: SIDE, height: SIDE });
    element("figcaption", "", frame);
    frame.onclick = () => {
      this.player.pause();
      this.seek(t);
      this.rest();
    };
    frame.onkeydown = (event) => this.frameKey(event, frame);
    return frame;
  }

  // The arrows go from frame to frame, and to the first and the last with Home and End.
  frameKey(event, { previousSibling, nextSibling, parentElement: strip }) {
    const keys = { ArrowLeft: previousSibling, ArrowRight: nextSibling, Home: strip.firstChild, End: strip.lastChild };
    const to = keys[event.key];
    if (!to) return;
    event.preventDefault();
    to.click();
    to.focus();
  }

  fillFrame(frame, side, t) {
    const { path, near: counts, readings, label, radius } = this.data.sides[side];
    const bank = this.banks[side];
    const index = Math.round(t * (path.length - 1));
    const count = counts?.[index] ?? bank.around(path[index], radius).near;
    drawPixels(frame.firstChild.getContext("2d"), bank.decode(path[index], label));
    frame.classList.toggle("latent-lonely", !count);
    const near = `${count} ${plural(count, "code near", "codes near")}`;
    const caption = frame.lastChild;
    caption.classList.toggle("latent-reading", Boolean(readings));
    if (!readings) caption.textContent = count;
    const read = readings && showReading(caption, bank.classes, readings.labels[index], readings.probabilities[index]);
    frame.title = read ? `${read}; ${near}` : near;
    frame.ariaLabel = `${Math.round(100 * t)} % of the way, ${frame.title}`;
  }

  // Ends that have moved, { side: { a or b: z } }, the paths between them, and the films of these in the next frame.
  reroute(moved) {
    for (const [side, ends] of Object.entries(moved)) {
      const shown = Object.assign(this.data.sides[side], ends, { near: null, pale: this.data.kind in GEODESICS });
      shown.readings &&= { labels: [], probabilities: [] }; // the server's are on their way
      shown.path = along(this.data.kind, shown.a, shown.b);
    }
    this.requestFilm();
  }

  about(side, chart) {
    const { a, b } = this.data.sides[side];
    return `Map of ${this.banks[side].inWords}, ${GEODESICS[this.data.kind] ?? this.data.kind} from A at ${chart.pointInWords(a)} to B at ${chart.pointInWords(b)}`;
  }

  className(side, image) {
    const { classes, labels } = this.banks[side];
    return classes[labels[image]];
  }

  announceEnd(side, end, image) {
    const place = this.charts[side].pointInWords(this.data.sides[side][end]);
    announce(`${end.toUpperCase()} is ${image ?? "a point"} at ${place} of ${this.banks[side].name}.`);
  }

  nearerEnd(side, pixel, view) {
    const distance = (z) => Math.hypot(...view.toPixel(z).map((value, axis) => value - pixel[axis]));
    const { a, b } = this.data.sides[side];
    return distance(a) <= distance(b) ? ["a", distance(a)] : ["b", distance(b)];
  }

  moveNearerEnd(side, z) {
    const { view } = this.charts[side];
    const [end] = this.nearerEnd(side, view.toPixel(z), view);
    return this.drop(side, end, z);
  }

  grab(side, at, view) {
    const [end, distance] = this.nearerEnd(side, at, view);
    if (distance > GRAB_PIXELS) return null;
    return {
      move: (z) => this.reroute({ ...this.snapped(side, end, z)?.moved, [side]: { [end]: z } }),
      drop: () => this.drop(side, end, view.rounded(this.data.sides[side][end])),
    };
  }

  // With "snap" an end is the test image whose code is nearest, on both maps.
  snapped(side, end, z) {
    const image = this.data.snap ? this.banks[side].nearest(z, this.charts[side].view.shown()) : -1;
    if (image < 0) return null;
    return {
      image,
      moved: Object.fromEntries(this.sides.map((each) => [each, { [end]: this.banks[each].code(image) }])),
    };
  }

  // Without it an end is a point of one map.
  drop(side, end, z) {
    const before = structuredClone(this.data.sides);
    const image = this.snapped(side, end, z);
    if (this.data.snap && !image) return null;
    this.reroute(image ? image.moved : { [side]: { [end]: z } });
    this.announceEnd(side, end, image ? `test image ${image.image}, ${this.className(side, image.image)}` : null);
    this.tell(image ? { end, image: image.image } : { side, end, z });
    return () => {
      this.data.sides = before;
      this.reroute({});
      this.tell({ undo: true });
    };
  }

  paint(side, context, { view }) {
    const { path, a, b, pale } = this.data.sides[side];
    if (this.data.prior && this.banks[side].prior) drawPrior(context, view);
    if (this.data.kind in GEODESICS) drawChord(context, view, a, b);
    context.globalAlpha = pale ? 0.35 : 1;
    drawPath(context, view, path);
    context.globalAlpha = 1;
    drawEnd(context, view, a, "A");
    drawEnd(context, view, b, "B");
    drawDot(context, view, this.at(side, this.t));
  }
}
