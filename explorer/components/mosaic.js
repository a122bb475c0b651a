// The decoded manifold behind a map whose decoder and view move: tiles that keep their place on the screen, each the
// digit at its middle. In each frame as many are decoded anew as time allows, the others follow in turn.

const MOSAIC_MS = 4; // a frame, for one map

class Mosaic {
  constructor() {
    Object.assign(this, { canvas: new OffscreenCanvas(1, 1), made: [], next: 0 });
  }

  // `instant` tells a decoder and view from all others. True when every tile is of this instant.
  paint(context, chart, decode, instant) {
    const { left, top, width, height } = chart.frame();
    const [columns, rows] = [Math.ceil(width / SIDE), Math.ceil(height / SIDE)];
    const count = columns * rows;
    if (this.made.length !== count || this.columns !== columns) {
      Object.assign(this.canvas, { width: columns * SIDE, height: rows * SIDE });
      Object.assign(this, { columns, made: new Array(count).fill(null), next: 0 });
    }
    const tiles = this.canvas.getContext("2d");
    const deadline = performance.now() + MOSAIC_MS;
    const stride = this.stride(count); // scatters the tiles of one frame over the plane
    let current = 0;
    while (current < count && performance.now() < deadline) {
      const at = (this.next * stride) % count;
      if (this.made[at] !== instant) {
        const [column, row] = [at % columns, Math.floor(at / columns)];
        const z = chart.toPlane([left + (column + 0.5) * SIDE, top + (row + 0.5) * SIDE]);
        drawDigit(tiles, decode(z), column * SIDE, row * SIDE);
        this.made[at] = instant;
      }
      this.next = (this.next + 1) % count;
      current += 1;
    }
    context.imageSmoothingEnabled = false;
    context.fillStyle = "#000";
    context.fillRect(left, top, width, height);
    context.drawImage(this.canvas, left, top);
    return current === count;
  }

  // About 0.618 of the count, without a factor in common with it: so that every tile has its turn.
  stride(count) {
    const common = (a, b) => (b ? common(b, a % b) : a);
    let stride = Math.max(1, Math.round(0.618 * count));
    while (common(stride, count) > 1) stride += 1;
    return stride;
  }
}
