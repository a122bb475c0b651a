// What is seen of a drawing that goes on: ink, and the paper next to it.

import { SIDE } from "../base/images.js";

const INK = 128; // grey levels, from which on a pixel is ink
const NEAR = 2; // pixels from ink, which are about 3 from the middle of the pen's path
const around = [-2, -1, 0, 1, 2];
const OFFSETS = around
  .flatMap((down) => around.map((right) => [down, right]))
  .filter(([a, b]) => Math.hypot(a, b) <= NEAR);

// Which of the 784 pixels are seen, 1 or 0.
export function seenOf(levels) {
  const seen = new Uint8Array(levels.length);
  levels.forEach((level, at) => {
    if (level < INK) return;
    const [row, column] = [Math.floor(at / SIDE), at % SIDE];
    for (const [down, right] of OFFSETS) {
      const [y, x] = [row + down, column + right];
      if (y >= 0 && x >= 0 && y < SIDE && x < SIDE) seen[y * SIDE + x] = 1;
    }
  });
  return seen;
}
