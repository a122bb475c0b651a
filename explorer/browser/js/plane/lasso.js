// A lasso on a plane: a polygon drawn around codes by a mouse or a finger, or a rectangle that keys grow around a place.
// It belongs to the model on whose plane it lies, and is kept in the address.

import { keep, recalled } from "../base/address.js";
import { announce } from "../base/announce.js";
import { theme } from "../base/dom.js";
import { strokeEach } from "../base/strokes.js";

const MOST_CORNERS = 64;
const SLACK_PIXELS = 1; // that a corner may lie off the line that was drawn
const LEAST_PIXELS = 8; // from one end of a lasso to the other
const RECTANGLE_PIXELS = 24; // from the middle of the first rectangle to its sides
const GROWTH_PIXELS = { plain: 8, shift: 40 };
const GROWING = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const LASSO = "lasso"; // the name under which the address has it
const LASSO_HELP =
  "Drag around points. Or let the arrow keys grow a rectangle around the cursor, and press Enter. Escape ends it.";
// How far a point lies from the line through two others, or from the one where both are the same.
function offLine([x, y], [ax, ay], [bx, by]) {
  const length = Math.hypot(bx - ax, by - ay);
  if (!length) return Math.hypot(x - ax, y - ay);
  return Math.abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length;
}

// The points of a line without those that lie within some slack of what is left: Douglas and Peucker.
function simplified(points, slack) {
  const last = points[points.length - 1];
  let [far, at] = [slack, 0];
  for (let i = 1; i < points.length - 1; i++) {
    const off = offLine(points[i], points[0], last);
    if (off > far) [far, at] = [off, i];
  }
  if (!at) return [points[0], last];
  return [...simplified(points.slice(0, at + 1), slack).slice(0, -1), ...simplified(points.slice(at), slack)];
}

// How often a polygon winds around a point, counter-clockwise; xs, ys: its corners, the first once more at the end.
function windings(xs, ys, x, y) {
  let count = 0;
  for (let i = 1; i < xs.length; i++) {
    const up = ys[i] > y;
    if (up === ys[i - 1] > y) continue;
    const side = (xs[i] - xs[i - 1]) * (y - ys[i - 1]) - (x - xs[i - 1]) * (ys[i] - ys[i - 1]);
    if (up ? side > 0 : side < 0) count += up ? 1 : -1;
  }
  return count;
}

// The indices of the codes around which a polygon winds, of the classes that are shown.
export function codesWithin(polygon, { codes, labels }, shown) {
  const [xs, ys] = [0, 1].map((axis) => Float64Array.from([...polygon, polygon[0]], (corner) => corner[axis]));
  const [left, right, bottom, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const inside = [];
  for (let i = 0; i < labels.length; i++) {
    const [x, y] = [codes[2 * i], codes[2 * i + 1]];
    if (x < left || x > right || y < bottom || y > top || !shown[labels[i]]) continue;
    if (windings(xs, ys, x, y)) inside.push(i);
  }
  return inside;
}

export class Lasso {
  // changed(): it is another one, or begins or ends to be drawn
  constructor(changed) {
    Object.assign(this, { changed, armed: false, drawing: null, version: 0, of: null, polygon: null });
    const [of, ...ends] = (recalled(LASSO) ?? "").split(",");
    const numbers = ends.map(Number);
    const whole = numbers.length % 2 === 0 && numbers.length >= 6 && numbers.length <= 2 * MOST_CORNERS;
    if (!whole || !numbers.every(Number.isFinite) || ends.includes("")) return;
    const polygon = Array.from({ length: numbers.length / 2 }, (_, i) => numbers.slice(2 * i, 2 * i + 2));
    Object.assign(this, { of, polygon });
  }

  // Begin to wait for one, or end that.
  arm(armed = !this.armed) {
    Object.assign(this, { armed, drawing: null });
    removeEventListener("keydown", this.escape, true);
    if (armed) {
      addEventListener("keydown", this.escape, true);
      announce(LASSO_HELP);
    }
    this.changed();
  }

  escape = (event) => event.key === "Escape" && this.arm(false);

  // A drag that draws one on the plane of a model.
  grab(at, view, of) {
    if (!this.armed) return null;
    const drawing = { of, points: [view.toPlane(at)] };
    this.drawing = drawing;
    return {
      move: (z) => drawing.points.push(z),
      drop: () => this.drawing === drawing && this.close(view),
    };
  }

  // Do what a key asks for, about a place; false where it asks for nothing here.
  keyed({ key, shiftKey, ctrlKey, metaKey, altKey }, at, view, of) {
    if (ctrlKey || metaKey || altKey) return false;
    if (key.toLowerCase() === "s") this.arm();
    else if (!this.armed || !(key in GROWING || key === "Enter")) return false;
    else {
      this.drawing ??= { of, middle: view.toPlane(at), half: [RECTANGLE_PIXELS, RECTANGLE_PIXELS] };
      if (this.drawing.half) this.grow(GROWING[key] ?? [0, 0], GROWTH_PIXELS[shiftKey ? "shift" : "plain"], view);
      if (key === "Enter") this.close(view);
    }
    return true;
  }

  grow(way, pixels, view) {
    const { middle, half } = this.drawing;
    way.forEach((sign, axis) => (half[axis] = Math.max(half[axis] + sign * pixels, LEAST_PIXELS)));
    const [across, up] = half.map((length) => length * view.unit());
    const corners = [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ];
    this.drawing.points = corners.map(([right, top]) => [middle[0] + right * across, middle[1] + top * up]);
  }

  // Take what is drawn, in corners as the address has them; what is too small to have been meant is dropped.
  close(view) {
    const { of, points } = this.drawing;
    const ends = (axis) => points.map((z) => z[axis]);
    const length = Math.max(...[0, 1].map((axis) => Math.max(...ends(axis)) - Math.min(...ends(axis))));
    this.drawing = null;
    if (length < LEAST_PIXELS * view.unit()) return this.changed();
    let corners = points;
    for (let slack = SLACK_PIXELS * view.unit(); ; slack *= 2) {
      corners = simplified(points, slack);
      if (corners.length <= MOST_CORNERS) break;
    }
    const polygon = corners.map((z) => view.rounded(z));
    if (String(polygon[0]) === String(polygon[polygon.length - 1])) polygon.pop();
    this.hold(of, polygon);
    this.arm(false);
  }

  hold(of, polygon) {
    Object.assign(this, { of, polygon, version: this.version + 1 });
    keep(LASSO, polygon && [of, ...polygon.flat()].join());
  }

  clear() {
    this.hold(null, null);
    this.arm(false);
  }

  // On the plane of a model: what is being drawn, or else the polygon.
  paint(context, view, of) {
    const points = this.drawing ? this.drawing.of === of && this.drawing.points : this.of === of && this.polygon;
    if (!points) return;
    const { ink, paper } = theme();
    context.beginPath();
    points.forEach((z, i) => context[i ? "lineTo" : "moveTo"](...view.toPixel(z)));
    context.lineTo(...view.toPixel(points[0]));
    context.globalAlpha = 0.08;
    context.fillStyle = ink;
    context.fill();
    context.globalAlpha = 1;
    if (this.drawing) context.setLineDash([5, 4]);
    strokeEach(context, [
      [paper, 3.5],
      [ink, 1.5],
    ]);
    context.setLineDash([]);
  }
}
