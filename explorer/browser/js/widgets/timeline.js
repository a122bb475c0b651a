// Time from before the first step to the last, and over it the curves; pointer and keys move through it.
// The snapshots of the longer training stand at equal distances: the axis is the logarithm of time.

import { FAINT, PALE } from "../base/axes.js";
import { clearedInType, element, growth } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { between } from "../base/motion.js";
import { SIDES } from "../base/sides.js";
import { CURVE_TERMS, termsIn } from "./terms.js";

const AXIS_HEIGHT = 22;
const TIMELINE_INSET = 8;
const PLAY_SECONDS = 14; // from the first step to the last at normal speed
const FLOOR = 0.02; // share of the whole fall, below which the scale is linear and not logarithmic

export const shortEpoch = (epoch) => epoch.toFixed(epoch && epoch < 0.1 ? 3 : epoch < 10 ? 2 : 1);

function titled(title) {
  const made = element("div", "");
  termsIn(element("span", "", made), title, ...CURVE_TERMS);
  return made;
}

export class Timeline {
  // handlers: seek(epoch), dropped(), toggle()
  constructor(parent, handlers) {
    Object.assign(this, { handlers, rows: [], held: false });
    this.root = element("div", "latent-timeline", parent);
    this.titles = element("div", "latent-titles", this.root);
    this.canvas = element("canvas", "latent-curves", this.root, { tabIndex: 0 });
    this.canvas.setAttribute("role", "slider");
    this.canvas.setAttribute("aria-label", "Time of training, in epochs");
    this.canvas.setAttribute("aria-valuemin", 0);
    this.values = element("div", "latent-values", this.root);
    this.canvas.onpointerdown = (event) => {
      if (event.button) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.held = true;
      this.pointed(event);
    };
    this.canvas.onpointermove = (event) => this.held && this.pointed(event);
    this.canvas.onpointerup = this.canvas.onpointercancel = () => {
      if (!this.held) return;
      this.held = false;
      this.handlers.dropped();
    };
    this.canvas.onkeydown = (event) => this.keyPressed(event);
    this.resized = new ResizeObserver(() => this.paint());
    this.resized.observe(this.canvas);
  }

  // curves: [{ title, falls, lines: { side: values } }], films: { side: Film }, names: { side: of the model }
  show(curves, films, names) {
    Object.assign(this, { curves, films, names });
    this.leader = Object.values(films).reduce((a, b) => (b.epochs[b.last] > a.epochs[a.last] ? b : a));
    this.canvas.setAttribute("aria-valuemax", this.leader.epochs[this.leader.last]);
    this.canvas.style.height = `calc(${curves.length} * var(--row) + ${AXIS_HEIGHT / 16}rem)`;
    this.titles.replaceChildren(...curves.map(({ title }) => titled(title)));
    this.rows = curves.map(() => this.cells((side) => element("span", side)));
    const keys = this.cells((side) => {
      const key = element("span", "", null, { textContent: names[side] ?? "" });
      if (names[side]) key.prepend(element("i", `latent-key ${side}`));
      return key;
    });
    this.values.replaceChildren(...this.rows, keys);
  }

  cells(make) {
    const row = element("div", "");
    row.append(...SIDES.map(make));
    return row;
  }

  pointed(event) {
    const box = this.canvas.getBoundingClientRect();
    const inset = TIMELINE_INSET * growth();
    const share = (event.clientX - box.left - inset) / (box.width - 2 * inset);
    this.go(Math.min(Math.max(share, 0), 1) * this.leader.last);
  }

  // To a snapshot of the leader, or a place between two.
  go(position) {
    this.handlers.seek(this.leader.epoch(Math.min(Math.max(position, 0), this.leader.last)));
  }

  // The epoch some seconds later, where the whole is played in PLAY_SECONDS.
  later(epoch, seconds) {
    const { leader } = this;
    return leader.epoch(Math.min(this.position(epoch) + (seconds / PLAY_SECONDS) * leader.last, leader.last));
  }

  ended(epoch) {
    return this.position(epoch) >= this.leader.last;
  }

  position(epoch) {
    const [k, share] = this.leader.place(epoch);
    return k + share;
  }

  keyPressed(event) {
    const at = this.position(this.now);
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const nextSnapshot = step > 0 ? Math.floor(at + 1 + 1e-6) : Math.ceil(at - 1 - 1e-6);
    if (step) this.go(event.shiftKey ? at + 0.1 * step : nextSnapshot);
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(this.leader.last);
    else if (![" ", "Enter"].includes(event.key)) return;
    event.preventDefault();
    if ([" ", "Enter"].includes(event.key)) this.handlers.toggle();
    else this.handlers.dropped();
  }

  across(position) {
    return TIMELINE_INSET + (position / this.leader.last) * (this.width - 2 * TIMELINE_INSET);
  }

  // A figure of one side at an epoch, on the straight line between two snapshots.
  figure(values, side, epoch) {
    const [k, share] = this.films[side].place(epoch);
    return between(values[k], values[Math.min(k + 1, values.length - 1)], share);
  }

  paint(epoch = this.now) {
    this.now = epoch;
    const { canvas } = this;
    if (!this.leader || !canvas.clientWidth) return;
    const { context, width, height } = clearedInType(canvas);
    this.width = width; // asked once: after each figure that is written the page would be laid out for it
    this.rowHeight = (height - AXIS_HEIGHT) / this.curves.length;
    context.strokeStyle = context.fillStyle = getComputedStyle(canvas).color;
    this.paintAxis(context, height);
    this.curves.forEach((curve, row) => this.paintRow(context, curve, row));
    this.paintCursor(context, height);
    canvas.setAttribute("aria-valuenow", epoch);
    canvas.setAttribute("aria-valuetext", `epoch ${shortEpoch(epoch)}`);
  }

  paintAxis(context, height) {
    const end = this.leader.epochs[this.leader.last];
    context.font = "11px sans-serif";
    context.lineWidth = 1;
    const last = `${Math.round(end)} epochs`;
    const free = this.across(this.leader.last) - 1.2 * context.measureText(last).width; // of the last label
    const at = (epoch) => this.across(this.position(epoch));
    const ticks = [0, 0.1, 1, 10, 100, 1000].filter((each) => each < end && at(each) < free);
    for (const epoch of [...ticks, end]) {
      const x = at(epoch);
      context.globalAlpha = FAINT;
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, height - AXIS_HEIGHT);
      context.stroke();
      context.globalAlpha = PALE;
      context.textAlign = epoch === 0 ? "left" : epoch === end ? "right" : "center";
      const text = epoch === end ? last : String(epoch);
      context.fillText(text, epoch === 0 ? x - 3 : epoch === end ? x + 3 : x, height - 6);
    }
  }

  // One figure: a line for each side, the left one's whole, the right one's dashed, and a dot at this moment.
  // What only falls does so a hundred times faster at first: the logarithm of how far it still is from where it ends.
  paintRow(context, { lines, falls }, row) {
    const all = Object.values(lines).flat();
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const share = (value) => (value - low) / (high - low || 1);
    const up = (value) => (falls ? Math.log1p(share(value) / FLOOR) / Math.log1p(1 / FLOOR) : share(value));
    const down = (value) => (row + 1) * this.rowHeight - 7 - up(value) * (this.rowHeight - 14);
    for (const [side, values] of Object.entries(lines)) {
      const film = this.films[side];
      const points = values.map((value, k) => [this.across(this.position(film.epochs[k])), down(value)]);
      context.globalAlpha = 0.9;
      context.lineWidth = 1.5;
      context.setLineDash(side === "left" ? [] : [5, 3]);
      context.beginPath();
      points.forEach((at, k) => context[k ? "lineTo" : "moveTo"](...at));
      context.stroke();
      context.setLineDash([]);
      const value = this.figure(values, side, this.now);
      context.beginPath();
      context.arc(this.across(this.position(this.now)), down(value), 3.5, 0, 2 * Math.PI);
      context.globalAlpha = 1;
      context.fill();
      const shown = this.rows[row].querySelector(`.${side}`);
      shown.textContent = shortNumber(value, value < 100 ? 2 : 1);
    }
  }

  paintCursor(context, height) {
    const x = this.across(this.position(this.now));
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height - AXIS_HEIGHT);
    context.stroke();
    context.beginPath();
    context.arc(x, height - AXIS_HEIGHT, 6, 0, 2 * Math.PI);
    context.fill();
  }
}
