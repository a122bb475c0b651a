// A lattice of a model's plane, decoded once: one weighted sum of pixels then gives log p(x, z) of any image at every
// point. The pixels are an exponential family, log p(x | z) = x . eta(z) - A(z) + h(x), as in `pairwise_log_prob` of
// `vae/distributions.py`: eta are the logits, or for a Gaussian the pixel means over sigma^2.

import { seededRandom } from "../base/random.js";
import { GREYS, LOG_2PI, pixelMean } from "./likelihood.js";
import { PIXELS } from "./network.js";

const REACH = 6; // of the lattice along each axis
const BEND = 3; // how much closer together its points lie in the middle, where posteriors are narrow
const NEGLIGIBLE = 12; // nats below the highest point, from where on a point adds nothing that could be seen
const SHARP = 2 / 3; // of the mass of three points in a row, at the middle one

// Of the points along each axis, the coordinates and the logarithms of their shares of the prior; and where a coordinate
// lies along it: 0 is the first point, size - 1 the last.
export function latticeAxis(size) {
  const stretch = REACH / Math.sinh(BEND);
  const places = Array.from({ length: size }, (_, i) => BEND * ((2 * (i + 0.5)) / size - 1));
  const coordinates = places.map((place) => stretch * Math.sinh(place));
  const shares = places.map((place, i) => {
    const width = stretch * Math.cosh(place) * ((2 * BEND) / size);
    return Math.log(width) - (coordinates[i] ** 2 + LOG_2PI) / 2;
  });
  const along = (coordinate) => ((Math.asinh((coordinate * Math.sinh(BEND)) / REACH) / BEND + 1) / 2) * size - 0.5;
  return { coordinates, shares, along };
}

// The largest of log masses with this noise is a draw from them: the Gumbel-max trick.
function gumbelNoise(count) {
  const uniform = seededRandom(1);
  return Float32Array.from({ length: count }, () => -Math.log(-Math.log(uniform())));
}

// log(1 + exp(x)) and its derivative, to 2e-6, from a table: both are asked for at millions of points.
const TABLE_REACH = 16;
const CELLS = 4096;
const TABLE = Float64Array.from({ length: CELLS + 2 }, (_, i) =>
  Math.log1p(Math.exp(TABLE_REACH * ((2 * i) / CELLS - 1))),
);
const SIGMOIDS = TABLE.map((value) => 1 - Math.exp(-value));
function interpolated(table, x) {
  const place = ((x / TABLE_REACH + 1) * CELLS) / 2;
  const cell = Math.floor(place);
  return table[cell] + (place - cell) * (table[cell + 1] - table[cell]);
}
const softplus = (x) => (x < -TABLE_REACH ? 0 : x > TABLE_REACH ? x : interpolated(TABLE, x));
const sigmoid = (x) => (x < -TABLE_REACH ? 0 : x > TABLE_REACH ? 1 : interpolated(SIGMOIDS, x));

export class DecodedLattice {
  // size: of each axis, a multiple of 4
  // bits: 16, or 8 for many lattices at once, which then hold each eta to a 254th of its point's range.
  constructor(decoder, label, likelihood, size, bits) {
    Object.assign(this, { decoder, label, likelihood, size, ...latticeAxis(size) });
    const count = size * size;
    // With 10,000 levels the sum over 784 pixels of 255 grey levels is still a whole number of 32 bits, and exact.
    [this.levels, this.eta] = bits === 8 ? [127, new Int8Array(PIXELS * count)] : [1e4, new Int16Array(PIXELS * count)];
    this.step = new Float64Array(count); // of each point, what one level of its eta is
    this.middle = new Float64Array(count); // and the eta at level 0
    this.prior = new Float64Array(count); // log of its share of the prior
    this.total = new Float64Array(count); // A of all pixels
    this.sums = new Int32Array(count);
    this.image = new Uint8Array(PIXELS); // that the sums are of
    this.seen = null; // which of its pixels are seen, or null for all
    this.decoded = 0; // points so far
  }

  get complete() {
    return this.decoded === this.step.length;
  }

  // A point by its number: the numbers run along z1 first.
  point(number) {
    return [this.coordinates[number % this.size], this.coordinates[Math.floor(number / this.size)]];
  }

  decodeNextFour() {
    const numbers = [0, 1, 2, 3].map((more) => this.decoded + more);
    const logits = this.decoder.logitsOfFour(
      numbers.map((number) => this.point(number)),
      this.label,
    );
    logits.forEach((each, more) => {
      this.keep(numbers[more], each);
    });
    this.decoded += 4;
  }

  keep(number, logits) {
    const count = this.step.length;
    const { eta, total } = this.natural(logits);
    let [low, high] = [Infinity, -Infinity];
    for (const value of eta) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const middle = (low + high) / 2;
    const step = (high - low) / 2 / this.levels || 1;
    for (let i = 0; i < PIXELS; i++) this.eta[i * count + number] = Math.round((eta[i] - middle) / step);
    this.step[number] = step;
    this.middle[number] = middle;
    this.prior[number] = this.shares[number % this.size] + this.shares[Math.floor(number / this.size)];
    this.total[number] = total;
  }

  // eta of each pixel and the sum A, from logits, in whose place eta then stands.
  natural(eta) {
    const { bernoulli, sigma } = this.likelihood;
    let total = 0;
    for (let i = 0; i < PIXELS; i++) {
      if (bernoulli) {
        total += Math.max(eta[i], 0) + Math.log1p(Math.exp(-Math.abs(eta[i])));
      } else {
        const mean = pixelMean(eta[i], this.likelihood);
        total += (mean / sigma) ** 2 / 2;
        eta[i] = mean / sigma ** 2;
      }
    }
    return { eta, total };
  }

  // Take an image of 784 grey levels: it costs what has changed since the last one. Of pixels that are not seen, if `seen`
  // says so, the levels must be 0.
  see(levels, seen = null) {
    this.lookAt(seen);
    const changed = [...levels.keys()].filter((i) => levels[i] !== this.image[i]);
    for (let k = 0; k < changed.length; k += 4) {
      const [a, b, c, d] = [0, 1, 2, 3].map((more) => changed[Math.min(k + more, changed.length - 1)]);
      const steps = [a, b, c, d].map((i, more) => (k + more < changed.length ? levels[i] - this.image[i] : 0));
      this.add([a, b, c, d], steps);
    }
    this.image.set(levels);
    return this;
  }

  // Keep A of the seen pixels at each point.
  lookAt(seen) {
    if (seen) {
      this.part ??= { total: new Float64Array(this.sums.length), seen: new Uint8Array(PIXELS) };
      for (let i = 0; i < PIXELS; i++) if (seen[i] !== this.part.seen[i]) this.addPartition(i, seen[i] ? 1 : -1);
      this.part.seen.set(seen);
    }
    this.seen = seen;
  }

  addPartition(pixel, sign) {
    const { eta, step, middle, likelihood } = this;
    const { total } = this.part;
    const count = total.length;
    const row = eta.subarray(pixel * count, (pixel + 1) * count);
    const { bernoulli, sigma } = likelihood;
    for (let k = 0; k < count; k++) {
      const value = middle[k] + row[k] * step[k];
      total[k] += sign * (bernoulli ? softplus(value) : (value * sigma) ** 2 / 2);
    }
  }

  // Four pixels at a time, for the sums are then read and written a quarter as often.
  add(pixels, [p, q, r, s]) {
    const { sums, eta } = this;
    const count = sums.length;
    const [a, b, c, d] = pixels.map((pixel) => eta.subarray(pixel * count, (pixel + 1) * count));
    for (let i = 0; i < count; i++) sums[i] += p * a[i] + q * b[i] + r * c[i] + s * d[i];
  }

  // log p(x, z) at each point, plus the logarithm of the area that it stands for: their exponentials add up to p(x).
  logMasses() {
    const { image, seen, sums, step, middle, prior, likelihood } = this;
    const { total } = seen ? this.part : this;
    const count = seen ? seen.reduce((sum, value) => sum + value, 0) : PIXELS;
    let [ink, squares] = [0, 0];
    for (const level of image) {
      ink += level / GREYS;
      squares += (level / GREYS) ** 2;
    }
    const { bernoulli, sigma } = likelihood;
    const ofImage = bernoulli ? 0 : -squares / (2 * sigma ** 2) - count * (Math.log(sigma) + LOG_2PI / 2);
    const masses = new Float64Array(sums.length);
    for (let i = 0; i < masses.length; i++) {
      masses[i] = (step[i] / GREYS) * sums[i] + middle[i] * ink + prior[i] - total[i] + ofImage;
    }
    return masses;
  }

  // The expected image under the posterior that the masses are of, a row of pixels after each step of the generator.
  *expected(masses) {
    const { eta, step, middle, likelihood } = this;
    const highest = masses[this.highest(masses)];
    const kept = [...masses.keys()].filter((k) => masses[k] > highest - NEGLIGIBLE);
    const weights = Float64Array.from(kept, (k) => Math.exp(masses[k] - highest));
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    const mean = likelihood.bernoulli ? sigmoid : (value) => value * likelihood.sigma ** 2;
    const image = new Float32Array(PIXELS);
    for (let i = 0; i < PIXELS; i++) {
      const first = i * masses.length;
      let sum = 0;
      for (let n = 0; n < kept.length; n++) {
        const k = kept[n];
        sum += weights[n] * mean(middle[k] + eta[first + k] * step[k]);
      }
      image[i] = sum / whole;
      if (i % 28 === 27) yield;
    }
    return image;
  }

  // Points drawn from that posterior. The noise is always the same: draws change only where the posterior does.
  draws(masses, count) {
    this.noise ??= gumbelNoise(masses.length * count);
    return Array.from({ length: count }, (_, n) => {
      let [best, most] = [0, -Infinity];
      for (let k = 0, at = n * masses.length; k < masses.length; k++, at++) {
        const value = masses[k] + this.noise[at];
        if (value > most) [best, most] = [k, value];
      }
      return this.point(best);
    });
  }

  // log p(x, z) from log masses, as what is drawn: the areas of the points taken out again.
  logJoint(masses) {
    const { size } = this;
    const areas = this.coordinates.map((coordinate, i) => this.shares[i] + (coordinate ** 2 + LOG_2PI) / 2);
    const joint = new Float32Array(masses.length);
    for (let row = 0, i = 0; row < size; row++) {
      for (let column = 0; column < size; column++, i++) joint[i] = masses[i] - areas[column] - areas[row];
    }
    return joint;
  }

  highest(values) {
    let best = 0;
    for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
    return best;
  }

  // Whether a posterior is so narrow along an axis that the sum over the points misses log p(x): a normal with a sigma of
  // 0.6 of a cell, for which the sum is right to 0.002 nats, has two thirds of three neighbouring points at the highest.
  tooCoarse(masses) {
    const { size } = this;
    const top = this.highest(masses);
    const axes = [
      [top % size, 1],
      [Math.floor(top / size), size],
    ];
    return axes.some(([at, stride]) => {
      const beside = [at ? top - stride : top, at < size - 1 ? top + stride : top];
      return 1 / (1 + Math.exp(masses[beside[0]] - masses[top]) + Math.exp(masses[beside[1]] - masses[top])) > SHARP;
    });
  }

  // The highest points.
  tops(values, most) {
    return [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, most);
  }

  // The points that lie higher than their neighbours, the highest first.
  peaks(values, most) {
    const { size } = this;
    const numbers = [];
    for (let i = 0; i < values.length; i++) {
      const [x, y, value] = [i % size, Math.floor(i / size), values[i]];
      const beside = (x && values[i - 1] > value) || (x < size - 1 && values[i + 1] > value); // most end here
      const above = (y && values[i - size] > value) || (y < size - 1 && values[i + size] > value);
      if (!beside && !above && this.neighbours(i).every((j) => values[j] <= value)) numbers.push(i);
    }
    return numbers.sort((a, b) => values[b] - values[a]).slice(0, most);
  }

  neighbours(number) {
    const { size } = this;
    const [column, row] = [number % size, Math.floor(number / size)];
    const near = [];
    for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, size - 1); y++) {
      for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, size - 1); x++) {
        if (x !== column || y !== row) near.push(y * size + x);
      }
    }
    return near;
  }
}

// The logarithm of the sum of exponentials.
export function logSum(values) {
  let highest = -Infinity;
  for (const value of values) if (value > highest) highest = value;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - highest);
  return highest + Math.log(sum);
}
