// Normals q with a sigma for each axis: what they are worth, and the best of them.

import { finish } from "../base/steps.js";
import { elboOf } from "./posterior_modes.js";

const FIRST_STEP = 0.3; // of the climb, in standard deviations and in log sigma
const LAST_STEP = 0.01;
const LEAST_GAIN = 1e-4; // nats, for which it is worth to go on with steps of one size

// KL to the prior in nats, by the formula: in one direction, and in all.
export const klOf = (mean, sigma) => (sigma ** 2 + mean ** 2 - 1) / 2 - Math.log(sigma);
export const klToPrior = ({ mean, std }) => std.reduce((sum, sigma, axis) => sum + klOf(mean[axis], sigma), 0);

// The ELBO of q for the image of a `Sight`, in nats.
export function elboAt(sight, q) {
  return finish(elboOf(sight, q));
}

// The best q near one and its ELBO, { q, elbo }.
export function bestNear(sight, from) {
  return finish(climb(sight, from));
}

// The same as a generator, by steps along one of the four numbers after the other.
export function* climb(sight, from) {
  let best = { q: from, elbo: yield* elboOf(sight, from) };
  for (let size = FIRST_STEP; size > LAST_STEP; ) {
    const before = best.elbo;
    for (const axis of [0, 1]) {
      for (const way of [-size, size]) {
        const { mean, std } = best.q;
        for (const q of [
          { mean: mean.with(axis, mean[axis] + way * std[axis]), std },
          { mean, std: std.with(axis, std[axis] * Math.exp(way)) },
        ]) {
          const elbo = yield* elboOf(sight, q);
          if (elbo > best.elbo) best = { q, elbo };
        }
      }
    }
    if (best.elbo - before < LEAST_GAIN) size /= 2;
  }
  return best;
}
