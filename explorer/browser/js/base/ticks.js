// Round numbers for axes, and how they are written.

import { withMinus } from "./format.js";

// The multiples of a step within a range.
function multiples([low, high], step) {
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => (first + i) * step);
}

// The least of 1, 2 and 5 times a power of ten that is not below a length.
export function niceStep(length) {
  const power = 10 ** Math.floor(Math.log10(length));
  return [1, 2, 5, 10].find((factor) => factor * power >= length * (1 - 1e-9)) * power;
}

// The multiples of a step as ticks; without a grid an axis has one line, at 0.
export const stepTicks = (range, { step, grid }) =>
  multiples(range, step).map((value) => ({ value, text: tickText(value, step), line: grid || value === 0 }));

// Round numbers within a range, about `count` of them, at steps of 1, 2 or 5 times a power of ten.
export function roundTicks([low, high], count) {
  return stepTicks([low, high], { step: niceStep((high - low) / count), grid: true });
}

// With the digits that tell it from the next: a number far from 1 as a power of ten.
function tickText(value, step) {
  const nearest = Math.round(value / step) * step;
  const power = Math.floor(Math.log10(step) + 1e-9);
  const size = nearest ? Math.floor(Math.log10(Math.abs(nearest)) + 1e-9) : 0;
  const plain = (Math.abs(power) <= 3 || Math.abs(size) <= 3) && size <= 6;
  const text = plain
    ? nearest.toFixed(Math.min(Math.max(0, -power), 20))
    : nearest.toExponential(Math.min(Math.max(0, size - power), 20));
  return nearest ? withMinus(text) : "0";
}
