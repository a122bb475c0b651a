// The codes of a map, ten thousand of them 60 times a second: round points with soft edges, set into an image pixel by
// pixel. A canvas's own circles take several times as long, and so does WebGL where there is no graphics processor.

import { element, growth } from "../base/dom.js";

export const POINT = { size: 3.5, opacity: 0.8 }; // the diameter in CSS pixels
const PHASES = 8; // places of a point within a pixel along each axis, so that slow points move smoothly

// The numbers 0 to count - 1 in an order that mixes what is sorted: in steps of about 0.618 of the count, without a factor
// in common with it. Points drawn in this order hide no class more than another.
export function* mixed(count) {
  const common = (a, b) => (b ? common(b, a % b) : a);
  let stride = Math.max(1, Math.round(0.618 * count));
  while (common(stride, count) > 1) stride += 1;
  for (let i = 0, at = 0; i < count; i++, at = (at + stride) % count) yield at;
}

export class Cloud {
  constructor() {
    this.canvas = element("canvas", "latent-canvas latent-cloud");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true }); // an image is put on it: keep it at hand
    this.order = new Uint32Array();
  }

  // For each phase the pixels that a point covers: where in the image, counted from the first, and how much, of 256.
  stamps({ size, opacity }, ratio, width) {
    const radius = (size * ratio) / 2;
    const side = 2 * this.reach + 1;
    return Array.from({ length: PHASES ** 2 }, (_, phase) => {
      const middle = [phase % PHASES, Math.floor(phase / PHASES)].map((part) => this.reach + (part + 0.5) / PHASES);
      const [places, alphas] = [[], []];
      for (let row = 0; row < side; row++) {
        for (let column = 0; column < side; column++) {
          const distance = Math.hypot(column + 0.5 - middle[0], row + 0.5 - middle[1]);
          const alpha = Math.round(256 * opacity * Math.min(Math.max(radius - distance + 0.5, 0), 1));
          if (!alpha) continue;
          places.push(row * width + column);
          alphas.push(alpha);
        }
      }
      return { places: Int32Array.from(places), alphas: Int32Array.from(alphas) };
    });
  }

  fit({ left, top, width, height }, point, ratio) {
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    const form = [point.size, point.opacity, ratio, across, down].join();
    if (this.form !== form) {
      this.form = form;
      this.reach = Math.ceil((point.size * ratio) / 2) + 1;
      Object.assign(this.canvas, { width: across, height: down });
      this.image = new ImageData(across + 4 * this.reach, down + 4 * this.reach); // with a rim, so that no point is cut
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.stamped = this.stamps(point, ratio, this.image.width);
    }
    Object.assign(this.canvas.style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
  }

  // codes: (2 N) coordinates; only those of the classes that are shown. What moves is drawn at one pixel a CSS pixel.
  paint(view, { codes, labels }, palette, shown, { point = POINT, moving = false } = {}) {
    const grown = { ...point, size: point.size * growth() };
    const frame = view.frame();
    const { x, y } = frame;
    this.fit(frame, grown, moving ? 1 : window.devicePixelRatio);
    if (this.order.length !== labels.length) this.order = Uint32Array.from(mixed(labels.length));
    const { image, pixels, reach, canvas } = this;
    const [across, down] = [canvas.width / (x[1] - x[0]), canvas.height / (y[1] - y[0])];
    const [right, bottom] = [canvas.width + 2 * reach, canvas.height + 2 * reach];
    const inks = palette.map((colour) =>
      [5, 3, 1].reduce((ink, at) => 256 * ink + parseInt(colour.slice(at, at + 2), 16), 0),
    );
    pixels.fill(0);
    for (const i of this.order) {
      if (!shown[labels[i]]) continue;
      const px = (codes[2 * i] - x[0]) * across + reach;
      const py = (y[1] - codes[2 * i + 1]) * down + reach;
      if (px >= 0 && py >= 0 && px < right && py < bottom) this.stamp(px, py, inks[labels[i]]);
    }
    this.context.putImageData(image, -2 * reach, -2 * reach);
  }

  // Paint over the points beneath as if their pixels were opaque: their soft edges are too narrow to tell.
  stamp(px, py, ink) {
    const { pixels, image } = this;
    const [column, row] = [Math.floor(px), Math.floor(py)];
    const { places, alphas } =
      this.stamped[Math.floor((px - column) * PHASES) + PHASES * Math.floor((py - row) * PHASES)];
    const first = row * image.width + column;
    const [oddInk, evenInk] = [ink & 0xff00ff, ink & 0x00ff00];
    for (let i = 0; i < places.length; i++) {
      const [at, alpha] = [first + places[i], alphas[i]];
      const below = pixels[at];
      const rest = 256 - alpha;
      const all = alpha + (((below >>> 24) * rest) >> 8);
      const odd = below ? ((oddInk * alpha + (below & 0xff00ff) * rest) >>> 8) & 0xff00ff : oddInk;
      const even = below ? ((evenInk * alpha + (below & 0x00ff00) * rest) >>> 8) & 0x00ff00 : evenInk;
      pixels[at] = ((all > 255 ? 255 : all) << 24) | odd | even;
    }
  }
}

// Codes as faint squares on another context, beneath what is drawn there next.
export function drawCodes(context, view, codes, labels, palette, shown, size) {
  const { left, top, width, height, x, y } = view.frame();
  const [across, down] = [width / (x[1] - x[0]), height / (y[1] - y[0])];
  const side = size * growth();
  context.globalAlpha = 0.32;
  for (const i of mixed(labels.length)) {
    if (!shown[labels[i]]) continue;
    const [px, py] = [(codes[2 * i] - x[0]) * across, (y[1] - codes[2 * i + 1]) * down];
    if (px < 0 || py < 0 || px > width || py > height) continue;
    context.fillStyle = palette[labels[i]];
    context.fillRect(left + px - side / 2, top + py - side / 2, side, side);
  }
  context.globalAlpha = 1;
}
