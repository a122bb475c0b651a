// The exact posterior of an image on a lattice, as shades of one hue: the part of the plane where there is any to see.

import { rgbOf } from "../base/dom.js";

const SIDE_PIXELS = 80; // of the picture at most
const FADED = 3.5; // standard deviations, beyond which a normal has no shade
const SEEN_NATS = 6; // below the peak: further down the shade is none

export class LatticeHeat {
  // An answer of `Lattices`: log p(x, z) at the points of a lattice, z1 running first, its axis, the number of the image.
  constructor({ logJoint: values, axis: { coordinates, along }, serial }) {
    const size = coordinates.length;
    let top = 0;
    for (let i = 0; i < values.length; i++) if (values[i] > values[top]) top = i;
    Object.assign(this, { serial, values, size, top, highest: values[top] });
    this.peak = [coordinates[top % size], coordinates[Math.floor(top / size)]];
    const box = this.box();
    this.window = box.map(([low, high]) => [coordinates[low], coordinates[high]]);
    this.columns = places(this.window[0], box[0], along);
    this.rows = places(this.window[1], box[1], along).reverse(); // the first row of a picture is at the top
  }

  // The first and the last index along each axis of what is seen, with a point more all around.
  box() {
    const { values, size } = this;
    const box = [
      [size, 0],
      [size, 0],
    ];
    for (let i = 0; i < values.length; i++) {
      if (values[i] < this.highest - SEEN_NATS) continue;
      [i % size, Math.floor(i / size)].forEach((at, axis) => {
        box[axis][0] = Math.min(box[axis][0], at);
        box[axis][1] = Math.max(box[axis][1], at);
      });
    }
    return box.map(([low, high]) => [Math.max(low - 1, 0), Math.min(high + 1, size - 1)]);
  }

  tint(colour) {
    if (colour === this.colour) return;
    const [red, green, blue] = rgbOf(colour);
    const { columns, rows, values, size, highest } = this;
    const picture = new ImageData(columns.length, rows.length);
    let at = 0;
    for (const [row, up] of rows) {
      const first = row * size;
      for (const [column, right] of columns) {
        const from = first + column;
        const low = values[from] + right * (values[from + 1] - values[from]);
        const high = values[from + size] + right * (values[from + size + 1] - values[from + size]);
        const nats = highest - low - up * (high - low);
        picture.data[at] = red;
        picture.data[at + 1] = green;
        picture.data[at + 2] = blue;
        if (nats < SEEN_NATS) picture.data[at + 3] = 255 * opacityOf(nats);
        at += 4;
      }
    }
    this.canvas ??= new OffscreenCanvas(columns.length, rows.length);
    this.canvas.getContext("2d", { willReadFrequently: true }).putImageData(picture, 0, 0);
    this.colour = colour;
  }

  // A posterior that is too narrow for the lattice is its modes, once what is known of this image says so.
  paint(context, view, colour, known) {
    if (known?.narrow && known.serial === this.serial) return paintModes(context, view, known.narrow, colour);
    this.tint(colour);
    const [[x0, x1], [y0, y1]] = this.window;
    const [left, top] = view.toPixel([x0, y1]);
    const [right, bottom] = view.toPixel([x1, y0]);
    context.imageSmoothingEnabled = true;
    context.drawImage(this.canvas, left, top, right - left, bottom - top);
  }
}

// Of a place some nats below the peak: the square root of the density, less a little, as on Bound.
const opacityOf = (nats) => Math.max(0.98 * (Math.exp(-nats / 2) - 0.05), 0);

// The same posterior as normals about its modes, { z, value, fisher } of each, where it is too narrow for a lattice.
function paintModes(context, view, modes, colour) {
  const highest = Math.max(...modes.map(({ value }) => value));
  const [red, green, blue] = rgbOf(colour);
  for (const { z, value, fisher } of modes) {
    const shade = context.createRadialGradient(0, 0, 0, 0, 0, FADED);
    for (let step = 0; step <= 10; step++) {
      const alpha = opacityOf(highest - value + (FADED * step * 0.1) ** 2 / 2);
      shade.addColorStop(step / 10, `rgb(${red} ${green} ${blue} / ${alpha})`);
    }
    const [x, y] = view.toPixel(z);
    const [right, up] = [view.toPixel([z[0] + 1, z[1]])[0] - x, view.toPixel([z[0], z[1] + 1])[1] - y];
    const [a, b, c] = fisher; // u / sqrt(a) and v / low are the sides of the normal, sheared
    const low = Math.sqrt(c - (b * b) / a);
    context.save();
    context.transform(right / Math.sqrt(a), 0, (-right * b) / (a * low), up / low, x, y);
    context.fillStyle = shade;
    context.fillRect(-FADED, -FADED, 2 * FADED, 2 * FADED);
    context.restore();
  }
}

// For each pixel along an axis of the picture: the point of the lattice before it, and its share of the way to the next.
function places([low, high], [first, last], along) {
  const count = Math.min(SIDE_PIXELS, 8 * (last - first));
  return Array.from({ length: count }, (_, i) => {
    const at = Math.min(Math.max(along(low + ((i + 0.5) / count) * (high - low)), first), last - 1e-6);
    return [Math.floor(at), at - Math.floor(at)];
  });
}
