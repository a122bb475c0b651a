// Test images in black and white: each pixel is drawn as white with its grey level as the probability, by the same numbers
// as in `quantities/bound.py`, which has them from PyTorch's generator.
//
// Matsumoto and Nishimura, Mersenne twister: a 623-dimensionally equidistributed uniform pseudorandom number generator,
// 1998.

import { GREYS } from "./likelihood.js";
import { PIXELS } from "./network.js";

const BINARY_SEED = 1; // as in `quantities/bound.py`
const WORDS = 624;
const AHEAD = 397;

class MersenneTwister {
  constructor(seed) {
    this.state = new Uint32Array(WORDS);
    this.state[0] = seed;
    for (let i = 1; i < WORDS; i++) {
      const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, before) + i;
    }
    this.at = WORDS;
  }

  turn() {
    const { state } = this;
    for (let i = 0; i < WORDS; i++) {
      const joined = (state[i] & 0x80000000) | (state[(i + 1) % WORDS] & 0x7fffffff);
      state[i] = state[(i + AHEAD) % WORDS] ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }

  // A number in [0, 1) of 24 bits, as a float32 has them.
  uniform() {
    if (this.at === WORDS) this.turn();
    let word = this.state[this.at++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return (word & 0xffffff) / 2 ** 24;
  }
}

// The 784 levels, 0 or 255, of the test image with an index.
export function blackOrWhite(levels, index) {
  const numbers = new MersenneTwister(BINARY_SEED);
  for (let skipped = 0; skipped < index * PIXELS; skipped++) numbers.uniform();
  return levels.map((level) => (numbers.uniform() < Math.fround(level / GREYS) ? GREYS : 0));
}
