// A drawing brought to the form of MNIST's images while the pen moves: the steps crop, fit and place of
// `vae/images/mnist_form.py`, which says why. Only Python deals with paper, ruled lines and specks: a pad has only ink.

import { SIDE } from "../base/images.js";

export const BOX = 20;
const CENTRE = 14;
const WEIGHS = 0.15; // share of the peak; weaker ink does not count when the digit's edges are found

// The smallest box that holds all ink of weight: [top, bottom, left, right], the ends not included; null without ink.
export function inkBox(ink, width, height) {
  let peak = 0;
  for (const value of ink) if (value > peak) peak = value;
  const least = WEIGHS * peak;
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      if (!(ink[at] > 0 && ink[at] >= least)) continue;
      if (row < top) top = row;
      if (column < left) left = column;
      if (column >= right) right = column + 1;
      bottom = row + 1;
    }
  }
  return bottom ? [top, bottom, left, right] : null;
}

// For each new pixel, `step` old ones wide: the first old pixel that it covers, and its share of that and the next ones.
function overlaps(length, step) {
  const count = Math.ceil(length / step - 1e-9);
  return Array.from({ length: count }, (_, i) => {
    const [low, high] = [i, i + 1].map((edge) => (edge - count / 2) * step + length / 2);
    const first = Math.max(Math.floor(low), 0);
    const end = Math.min(Math.ceil(high), length);
    const share = (old) => Math.max(Math.min(high, old + 1) - Math.max(low, old), 0) / step;
    return { first, shares: Array.from({ length: end - first }, (_, k) => share(first + k)) };
  });
}

// ink: numbers from 0 on, row by row. Returns the 784 grey levels in MNIST's form, or null where there is no ink.
export function mnistForm(ink, width, height) {
  const box = inkBox(ink, width, height);
  if (!box) return null;
  const [top, bottom, left, right] = box;
  const step = Math.max(bottom - top, right - left) / BOX;
  const [rows, columns] = [overlaps(bottom - top, step), overlaps(right - left, step)];
  const narrow = new Float64Array((bottom - top) * columns.length);
  for (let row = top, at = 0; row < bottom; row++) {
    for (const { first, shares } of columns) {
      const from = row * width + left + first;
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * ink[from + k];
      narrow[at++] = sum;
    }
  }
  const fitted = new Float64Array(rows.length * columns.length);
  rows.forEach(({ first, shares }, row) => {
    for (let column = 0; column < columns.length; column++) {
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * narrow[(first + k) * columns.length + column];
      fitted[row * columns.length + column] = sum;
    }
  });
  return place(fitted, rows.length, columns.length);
}

function place(values, height, width) {
  let [total, down, across, peak] = [0, 0, 0, 0];
  values.forEach((value, at) => {
    total += value;
    down += value * (Math.floor(at / width) + 0.5);
    across += value * ((at % width) + 0.5);
    peak = Math.max(peak, value);
  });
  const corner = (sum, length) => Math.min(Math.max(CENTRE - Math.floor(sum / total + 1e-9), 0), SIDE - length);
  const [top, left] = [corner(down, height), corner(across, width)];
  const form = new Uint8Array(SIDE * SIDE);
  values.forEach((value, at) => {
    form[(top + Math.floor(at / width)) * SIDE + left + (at % width)] = Math.floor((255 * value) / peak + 0.5);
  });
  return form;
}
