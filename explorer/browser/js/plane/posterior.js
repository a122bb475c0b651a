// The exact posterior as shades of one hue and two lines.

import { rgbOf } from "../base/dom.js";
import { strokeEach } from "../base/strokes.js";

export class Posterior {
  // window: [[low1, high1], [low2, high2]]; grey levels: `levelsANat` for each nat below the peak, the first row at the top
  constructor({ window, levels }, { width, height, values }, levelsANat) {
    Object.assign(this, { window, width, height, levels, nats: values.map((value) => value / levelsANat) });
    this.lines = levels.map((level) => this.contour(level));
    const [[x0, x1], [y0, y1]] = window;
    const highest = this.nats.indexOf(Math.min(...this.nats));
    const [i, j] = [highest % width, Math.floor(highest / width)];
    this.peak = [x0 + ((i + 0.5) / width) * (x1 - x0), y1 - ((j + 0.5) / height) * (y1 - y0)];
    const inside = this.nats.filter((nats) => nats <= levels[1]).length;
    this.size = Math.sqrt((inside / this.nats.length) * (x1 - x0) * (y1 - y0)); // of what the outer line encloses
  }

  // Opacity is the square root of the density, less a little: the eye then follows it to about 3 sigma.
  tint(colour) {
    const [red, green, blue] = rgbOf(colour);
    const picture = new ImageData(this.width, this.height);
    this.nats.forEach((nats, i) => picture.data.set([red, green, blue, 250 * (Math.exp(-nats / 2) - 0.05)], 4 * i));
    this.canvas = new OffscreenCanvas(this.width, this.height);
    this.canvas.getContext("2d").putImageData(picture, 0, 0);
    this.colour = colour;
  }

  // Marching squares between the cells' middles: a list of short lines of the plane.
  contour(level) {
    const [[x0, x1], [y0, y1]] = this.window;
    const at = (i, j) => [x0 + ((i + 0.5) / this.width) * (x1 - x0), y1 - ((j + 0.5) / this.height) * (y1 - y0)];
    const lines = [];
    for (let j = 0; j + 1 < this.height; j++) {
      for (let i = 0; i + 1 < this.width; i++) {
        const corners = [
          [i, j],
          [i + 1, j],
          [i + 1, j + 1],
          [i, j + 1],
        ];
        const above = corners.map(([a, b]) => this.nats[b * this.width + a] - level);
        const crossings = [];
        for (let k = 0; k < 4; k++) {
          const [from, to] = [above[k], above[(k + 1) % 4]];
          if (from > 0 === to > 0) continue;
          const [a, b] = [corners[k], corners[(k + 1) % 4]];
          const t = from / (from - to);
          crossings.push(at(a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])));
        }
        for (let k = 0; k + 1 < crossings.length; k += 2) lines.push([crossings[k], crossings[k + 1]]);
      }
    }
    return lines;
  }

  // Left, top, width and height of the window on the stage.
  place(view) {
    const [[x0, x1], [y0, y1]] = this.window;
    const [left, top] = view.toPixel([x0, y1]);
    const [right, bottom] = view.toPixel([x1, y0]);
    return [left, top, right - left, bottom - top];
  }

  // All of it except the window of another posterior, which is painted there.
  paint(context, view, other = null) {
    context.save();
    if (other) {
      context.beginPath();
      context.rect(...this.place(view));
      context.rect(...other.place(view));
      context.clip("evenodd");
    }
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.canvas, ...this.place(view));
    context.restore();
  }

  // A ring about the peak of a posterior that is too small to be seen, or towards one that lies outside.
  paintBeacon(context, view, { paper, exact }) {
    const { left, top, width, height } = view.frame();
    const at = view.toPixel(this.peak);
    const [x, y] = [Math.min(Math.max(at[0], left), left + width), Math.min(Math.max(at[1], top), top + height)];
    const seen = this.size * (view.toPixel([1, 0])[0] - view.toPixel([0, 0])[0]) > 8;
    if (seen && x === at[0] && y === at[1]) return;
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    strokeEach(context, [
      [paper, 5],
      [exact, 2.5],
    ]);
  }

  paintLines(context, view) {
    context.strokeStyle = this.colour;
    context.lineWidth = 1.5;
    context.beginPath();
    for (const [from, to] of this.lines.flat()) {
      context.moveTo(...view.toPixel(from));
      context.lineTo(...view.toPixel(to));
    }
    context.stroke();
  }
}
