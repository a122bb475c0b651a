// One figure of the objective: its means within the epochs as a line, those of whole epochs as dots in their middle.

import { drawLevels } from "../base/axes.js";
import { clearedInType, clipped, describe, element } from "../base/dom.js";
import { longNumber } from "../base/format.js";
import { roundTicks } from "../base/ticks.js";
import { CURVE_TERMS, termsIn } from "./terms.js";

const CURVE_MARGIN = { left: 52, right: 10, top: 6, bottom: 20 };

export class Curve {
  constructor(parent) {
    this.root = element("div", "latent-curve", parent);
    this.said = element("div", "latent-line", this.root);
    this.canvas = element("canvas", "", this.root);
    this.resized = new ResizeObserver(() => this.paint());
    this.resized.observe(this.canvas);
  }

  // curve: { title, unit, within: [[epoch, value]], rows: [[epoch, value]] }
  show(curve, epochs, colours) {
    Object.assign(this, { curve, epochs, colours });
    const last = [...curve.rows.slice(-1), ...curve.within.slice(-1)].sort((a, b) => b[0] - a[0])[0];
    const value = last ? `${longNumber(last[1])} ${curve.unit}` : "";
    if (!this.value || this.value.dataset.of !== curve.title) {
      this.said.replaceChildren();
      termsIn(element("span", "", this.said), curve.title, ...CURVE_TERMS);
      this.value = element("strong", "", this.said);
      this.value.dataset.of = curve.title;
    }
    this.value.textContent = value;
    describe(this.canvas, `${curve.title} ${value}`);
    this.paint();
  }

  paint() {
    const { canvas } = this;
    if (!this.curve || !canvas.clientWidth) return;
    const { context, width, height } = clearedInType(canvas);
    const { left, right, top, bottom } = CURVE_MARGIN;
    const [low, high] = this.range();
    const x = (epoch) => left + (epoch / this.epochs) * (width - left - right);
    const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
    this.drawAxes(context, { x, y, width, height, low, high });
    const frame = { left: left - 4, top: 0, width: width - left - right + 8, height: height - bottom + 1 };
    clipped(context, frame, () => this.drawPoints(context, { x, y, low, high }));
  }

  // All values but those of the first steps, which are far out; what leaves the range is cut off.
  range() {
    const all = [...this.curve.within, ...this.curve.rows];
    const values = all.filter(([epoch]) => epoch > this.settled).map(([, value]) => value);
    if (!values.length) return [0, 1];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = 0.06 * (high - low) || 0.5;
    return [low - margin, high + margin];
  }

  // The epoch after which values count: the first is passed over, or half of what there is of it.
  get settled() {
    return Math.min(1, Math.max(0, ...[...this.curve.within, ...this.curve.rows].map(([epoch]) => epoch)) / 2);
  }

  drawAxes(context, { x, y, width, height, low, high }) {
    const { left, right, bottom } = CURVE_MARGIN;
    context.font = "11px sans-serif";
    context.fillStyle = this.colours.ink;
    const levels = roundTicks([low, high], 4).map(({ value, text }) => ({ y: y(value), text }));
    drawLevels(context, levels, { left, width: width - left - right, gap: 6, room: left - 8 });
    context.textAlign = "center";
    const whole = roundTicks([0, this.epochs], 6).filter(({ value }) => Number.isInteger(value));
    for (const { value } of whole) context.fillText(String(value), x(value), height - bottom + 11);
    context.globalAlpha = 1;
  }

  // The line begins where it comes into the range for good.
  drawPoints(context, { x, y, low, high }) {
    const { within, rows } = this.curve;
    const out = ([epoch, value]) => epoch <= this.settled && (value < low || value > high);
    const inside = within.slice(Math.max(0, within.findLastIndex(out)));
    context.strokeStyle = context.fillStyle = this.colours.ink;
    context.lineJoin = "round";
    context.lineWidth = 1.25;
    context.globalAlpha = 0.5;
    context.beginPath();
    for (const [epoch, value] of inside) context.lineTo(x(epoch), y(value));
    context.stroke();
    context.globalAlpha = 1;
    for (const [epoch, value] of rows) {
      context.beginPath();
      context.arc(x(epoch - 0.5), y(value), rows.length > 60 ? 1.5 : 2.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  stop() {
    this.resized.disconnect();
  }
}
