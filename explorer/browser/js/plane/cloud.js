// The codes of a map, ten thousand of them 60 times a second: small marks with soft edges, set into an image pixel by
// pixel. A canvas's own circles take several times as long, and so does WebGL where there is no graphics processor.

import { classInks, classLook, hasShapes, markPath, markSize } from "../base/classes.js";
import { element, growth } from "../base/dom.js";

const DOT_SIZE = 3.5; // the diameter in CSS pixels
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

  // For each phase the pixels that the mark of a class covers: where in the image, counted from the first, and how much,
  // of 256.
  stamps(label, size, ratio, width) {
    const side = 2 * this.reach + 1;
    const sheet = new OffscreenCanvas(side * PHASES, side * PHASES).getContext("2d", { willReadFrequently: true });
    const phases = Array.from({ length: PHASES ** 2 }, (_, phase) => [phase % PHASES, Math.floor(phase / PHASES)]);
    for (const phase of phases) {
      const middle = phase.map((part) => side * part + this.reach + (part + 0.5) / PHASES);
      sheet.fill(new Path2D(markPath(label, (size * ratio) / 2, middle)));
    }
    const { data } = sheet.getImageData(0, 0, side * PHASES, side * PHASES);
    return phases.map(([right, down]) => {
      const [places, alphas] = [[], []];
      for (let row = 0; row < side; row++) {
        for (let column = 0; column < side; column++) {
          const at = (down * side + row) * side * PHASES + right * side + column;
          const alpha = Math.round((256 * data[4 * at + 3]) / 255);
          if (!alpha) continue;
          places.push(row * width + column);
          alphas.push(alpha);
        }
      }
      return { places: Int32Array.from(places), alphas: Int32Array.from(alphas) };
    });
  }

  fit({ left, top, width, height }, size, ratio) {
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    const form = [size, ratio, across, down, hasShapes()].join();
    if (this.form !== form) {
      this.form = form;
      this.reach = Math.ceil((1.1 * size * ratio) / 2) + 1;
      Object.assign(this.canvas, { width: across, height: down });
      this.image = new ImageData(across + 4 * this.reach, down + 4 * this.reach); // with a rim, so that no point is cut
      this.pixels = new Uint32Array(this.image.data.buffer);
      const stamps = (label) => this.stamps(label, size, ratio, this.image.width);
      this.stamped = hasShapes() ? classInks().map((_, label) => stamps(label)) : [stamps(0)];
    }
    Object.assign(this.canvas.style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
  }

  // codes: (2 N) coordinates; only those of the classes that are shown. What moves is drawn at one pixel a CSS pixel.
  // look: of each code its kind and its shape, and of each kind its ink; without one all three are those of the classes
  paint(view, { codes, labels }, shown, { size = DOT_SIZE, moving = false, look = null } = {}) {
    const frame = view.frame();
    const { x, y } = frame;
    this.fit(frame, markSize(size) * growth(), moving ? 1 : window.devicePixelRatio);
    if (this.order.length !== labels.length) this.order = Uint32Array.from(mixed(labels.length));
    const { image, pixels, reach, canvas } = this;
    const [across, down] = [canvas.width / (x[1] - x[0]), canvas.height / (y[1] - y[0])];
    const [right, bottom] = [canvas.width + 2 * reach, canvas.height + 2 * reach];
    const { kinds, shapes } = look ?? { kinds: labels, shapes: labels };
    const inks = (look?.inks ?? classInks()).map((colour) =>
      [5, 3, 1].reduce((ink, at) => 256 * ink + parseInt(colour.slice(at, at + 2), 16), 0),
    );
    pixels.fill(0);
    for (const i of this.order) {
      if (!shown[labels[i]]) continue;
      const px = (codes[2 * i] - x[0]) * across + reach;
      const py = (y[1] - codes[2 * i + 1]) * down + reach;
      if (px >= 0 && py >= 0 && px < right && py < bottom) this.stamp(px, py, shapes[i], inks[kinds[i]]);
    }
    this.context.putImageData(image, -2 * reach, -2 * reach);
  }

  // Paint over the points beneath as if their pixels were opaque: their soft edges are too narrow to tell.
  stamp(px, py, shape, ink) {
    const { pixels, image } = this;
    const stamped = this.stamped[shape % this.stamped.length];
    const [column, row] = [Math.floor(px), Math.floor(py)];
    const { places, alphas } = stamped[Math.floor((px - column) * PHASES) + PHASES * Math.floor((py - row) * PHASES)];
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

// A picture of each class's mark, in its ink: small squares where all are dots.
function stencils(size) {
  const ratio = window.devicePixelRatio;
  const wide = Math.ceil(1.2 * size * ratio);
  const look = [classLook(), size, ratio].join();
  if (stencils.look !== look) {
    stencils.look = look;
    stencils.drawn = classInks().map((ink, label) => {
      const canvas = new OffscreenCanvas(wide, wide);
      const context = canvas.getContext("2d");
      context.fillStyle = ink;
      context.fill(new Path2D(markPath(label, (size * ratio) / 2, [wide / 2, wide / 2])));
      return canvas;
    });
  }
  return { drawn: stencils.drawn, side: wide / ratio };
}

// Codes faint on another context, beneath what is drawn there next: as small squares, or in the shapes of their classes.
export function drawCodes(context, view, codes, labels, shown, size) {
  const { left, top, width, height, x, y } = view.frame();
  const [across, down] = [width / (x[1] - x[0]), height / (y[1] - y[0])];
  const marks = hasShapes() && stencils(markSize(size) * growth());
  const side = marks ? marks.side : size * growth();
  const inks = classInks();
  context.globalAlpha = 0.32;
  for (const i of mixed(labels.length)) {
    if (!shown[labels[i]]) continue;
    const [px, py] = [(codes[2 * i] - x[0]) * across, (y[1] - codes[2 * i + 1]) * down];
    if (px < 0 || py < 0 || px > width || py > height) continue;
    const corner = [left + px - side / 2, top + py - side / 2];
    context.fillStyle = inks[labels[i]];
    if (marks) context.drawImage(marks.drawn[labels[i]], ...corner, side, side);
    else context.fillRect(...corner, side, side);
  }
  context.globalAlpha = 1;
}
