// The decoded manifold behind a map whose decoder and view move: tiles that keep their place on the screen, each the
// digit at its middle. In each frame as many are decoded as time allows, the others follow in turn. What moves is
// seen in large tiles, which keep up with it; at rest small ones take their place, once all are there.

import { drawPixels, SIDE } from "../base/images.js";
import { mixed } from "./cloud.js";

const MOSAIC_MS = { moving: 2, resting: 9 }; // a frame, for one map
const TILE_SIDES = { coarse: 2 * SIDE, fine: SIDE };

class MosaicLayer {
  constructor(side) {
    Object.assign(this, { side, canvas: new OffscreenCanvas(1, 1), made: [], next: 0 });
  }

  fit({ width, height }) {
    const [columns, rows] = [Math.ceil(width / this.side), Math.ceil(height / this.side)];
    if (this.columns === columns && this.rows === rows) return;
    Object.assign(this, { columns, rows, order: [...mixed(columns * rows)] }); // scatters the tiles of one frame over the plane
    this.clear();
  }

  clear() {
    Object.assign(this.canvas, { width: this.columns * SIDE, height: this.rows * SIDE });
    Object.assign(this, { made: new Array(this.columns * this.rows).fill(null), next: 0 });
  }

  // Decode what is not of this instant, until the deadline; true when all is.
  make(view, decode, instant, deadline) {
    const { left, top } = view.frame();
    const context = this.canvas.getContext("2d");
    const count = this.made.length;
    for (let seen = 0; seen < count; seen++) {
      if (performance.now() > deadline) return false;
      const at = this.order[this.next];
      if (this.made[at] !== instant) {
        const [column, row] = [at % this.columns, Math.floor(at / this.columns)];
        const z = view.toPlane([left + (column + 0.5) * this.side, top + (row + 0.5) * this.side]);
        drawPixels(context, decode(z), column * SIDE, row * SIDE);
        this.made[at] = instant;
      }
      this.next = (this.next + 1) % count;
    }
    return true;
  }

  draw(context, { left, top }) {
    context.drawImage(this.canvas, left, top, this.columns * this.side, this.rows * this.side);
  }
}

export class Mosaic {
  constructor() {
    this.coarse = new MosaicLayer(TILE_SIDES.coarse);
    this.fine = new MosaicLayer(TILE_SIDES.fine);
  }

  // `instant` tells a decoder and view from all others. True when every tile is of this instant.
  paint(context, view, decode, instant, moving) {
    const frame = view.frame();
    const deadline = performance.now() + MOSAIC_MS[moving ? "moving" : "resting"];
    for (const layer of [this.coarse, this.fine]) layer.fit(frame);
    if (moving || this.instant !== instant) this.fine.clear();
    this.instant = instant;
    const covered = this.coarse.make(view, decode, instant, deadline);
    const refined = covered && !moving && this.fine.make(view, decode, instant, deadline);
    context.imageSmoothingEnabled = false;
    context.fillStyle = "#000";
    context.fillRect(frame.left, frame.top, frame.width, frame.height);
    (refined ? this.fine : this.coarse).draw(context, frame);
    return moving ? covered : refined;
  }
}
