// The decoded manifold behind a map: the plane cut in tiles of 28 pixels, each the digit at its middle. The lattice is
// fixed to the plane, so that panning reuses tiles, and its step follows the zoom, so that zooming refines.

import { clipped } from "../base/dom.js";
import { drawPixels, SIDE } from "../base/images.js";

const SLICE_MS = 8;

export class Tiles {
  constructor(bank, label) {
    Object.assign(this, { bank, label, step: 0, tiles: new Map() });
  }

  paint(chart) {
    const { view } = chart;
    const context = chart.clear(chart.under);
    const frame = view.frame();
    const step = (SIDE * (frame.x[1] - frame.x[0])) / frame.width;
    if (Math.abs(step / this.step - 1) > 1e-6) {
      this.step = step;
      this.tiles.clear();
    }
    context.imageSmoothingEnabled = false;
    clipped(context, frame, () => {
      context.fillStyle = "#000";
      context.fillRect(frame.left, frame.top, frame.width, frame.height);
      if (!this.paintTiles(context, view, frame)) chart.request();
    });
  }

  // Decode as many as there is time for; true when all are there.
  paintTiles(context, view, { x, y }) {
    const deadline = performance.now() + SLICE_MS;
    let finished = true;
    for (const [i, j] of this.lattice(x, y)) {
      const name = `${i},${j}`;
      if (!this.tiles.has(name)) {
        if (performance.now() > deadline) {
          finished = false;
          continue;
        }
        this.tiles.set(name, this.tile([i * this.step, j * this.step]));
      }
      const [px, py] = view.toPixel([i * this.step, j * this.step]);
      context.drawImage(this.tiles.get(name), Math.round(px - SIDE / 2), Math.round(py - SIDE / 2), SIDE, SIDE);
    }
    return finished;
  }

  // The tiles in view, from the middle outwards.
  lattice(x, y) {
    const first = (low) => Math.round(low / this.step);
    const cells = [];
    for (let i = first(x[0]); i <= first(x[1]); i++) {
      for (let j = first(y[0]); j <= first(y[1]); j++) cells.push([i, j]);
    }
    const [ci, cj] = [(x[0] + x[1]) / 2 / this.step, (y[0] + y[1]) / 2 / this.step];
    return cells.sort((a, b) => Math.hypot(a[0] - ci, a[1] - cj) - Math.hypot(b[0] - ci, b[1] - cj));
  }

  tile(z) {
    const canvas = new OffscreenCanvas(SIDE, SIDE);
    drawPixels(canvas.getContext("2d"), this.bank.decode(z, this.label));
    return canvas;
  }
}
