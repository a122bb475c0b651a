// The modes of a posterior found by exact decodes, and what they say: log p(x) where a lattice is too coarse for the
// posterior, and the normal about the best mode. Each function is a generator that yields between decodes, so that it can
// be given up for a newer image.

import { logSum } from "./decoded_lattice.js";
import { LOG_2PI, logLikelihood, pixelMean } from "./likelihood.js";
import { PIXELS } from "./network.js";

const STEP = 1e-3; // of the finite differences
// How modes are looked for: how many of the starts are followed, for how many rounds of Fisher scoring at most, and at how
// many nodes p(x, z) is then decoded for log p(x). While a pen moves, and once there is time.
export const QUICK = { kept: 4, rounds: 2, nodes: 64 };
export const THOROUGH = { kept: 8, rounds: 16, nodes: 192 };
const ARRIVED = 0.01; // nats: what gains less has come to the top
const LEAST_STEP = 1e-5;
const WIDER = 1.35; // than the normal about a mode is the one that the nodes are of
const EVEN = 0.1; // the share of the nodes' weight that all modes have alike
// Gauss and Hermite's nodes for a standard normal, with their weights.
const HERMITE = [
  [-2.8569700138728, 0.0112574113277],
  [-1.3556261799743, 0.2220759220056],
  [0, 0.5333333333333],
  [1.3556261799743, 0.2220759220056],
  [2.8569700138728, 0.0112574113277],
];

// An image, and the decoder and likelihood under which it is looked at.
export class Sight {
  // x: 784 pixels in [0, 1]; seen: which of them are seen, or null for all
  constructor(decoder, label, likelihood, x, seen) {
    Object.assign(this, { decoder, label, likelihood, x, seen });
  }

  // log p(x, z) at any number of points, four after each step of the generator.
  *logJoints(points) {
    const values = [];
    for (let k = 0; k < points.length; k += 4) {
      const four = points.slice(k, k + 4);
      const logits = this.decoder.logitsOfFour(four, this.label);
      values.push(...four.map((z, i) => this.logJointOf(z, logits[i])));
      yield;
    }
    return values;
  }

  logJointOf([z1, z2], logits) {
    return logLikelihood(this.x, logits, this.likelihood, this.seen) - (z1 ** 2 + z2 ** 2) / 2 - LOG_2PI;
  }

  // log p(x, z) at z with its gradient and its expected curvature J^T diag(1 / variance) J + I, the Fisher matrix as
  // [11, 12, 22]; from three decodes.
  expand(z) {
    const { bernoulli, sigma, linear } = this.likelihood;
    const places = [z, [z[0] + STEP, z[1]], [z[0], z[1] + STEP]];
    const [logits, right, up] = this.decoder.logitsOfFour(places, this.label);
    const gradient = [-z[0], -z[1]];
    const fisher = [1, 0, 1];
    for (let i = 0; i < PIXELS; i++) {
      if (this.seen && !this.seen[i]) continue;
      const mean = pixelMean(logits[i], this.likelihood);
      const slope = linear ? 1 : mean * (1 - mean);
      const [pull, weight] = bernoulli ? [1, slope] : [slope / sigma ** 2, (slope / sigma) ** 2];
      const [j1, j2] = [(right[i] - logits[i]) / STEP, (up[i] - logits[i]) / STEP];
      const off = (this.x[i] - mean) * pull;
      gradient[0] += j1 * off;
      gradient[1] += j2 * off;
      fisher[0] += j1 * j1 * weight;
      fisher[1] += j1 * j2 * weight;
      fisher[2] += j2 * j2 * weight;
    }
    return { z, value: this.logJointOf(z, logits), fisher, step: solve(fisher, gradient), gradient };
  }
}

const determinant = ([a, b, c]) => a * c - b * b;
const solve = ([a, b, c], [g, h]) => [c * g - b * h, a * h - b * g].map((part) => part / (a * c - b * b));
const quadratic = ([a, b, c], [x, y]) => a * x * x + 2 * b * x * y + c * y * y;

// What the integral over a mode would be were it a normal.
const evidence = ({ value, fisher }) => value + LOG_2PI - Math.log(determinant(fisher)) / 2;

// The best modes near some points, the one with the most mass first: { z, value, fisher, evidence } of each.
export function* findModes(sight, starts, { kept, rounds } = QUICK) {
  const all = [];
  for (const z of starts) {
    const here = sight.expand(z);
    const gain = (here.gradient[0] * here.step[0] + here.gradient[1] * here.step[1]) / 2;
    all.push({ here, promise: evidence(here) + gain });
    yield;
  }
  all.sort((a, b) => b.promise - a.promise);
  const modes = [];
  for (const { here } of all.slice(0, kept)) {
    let best = here;
    for (let round = 0; round < rounds; round++) {
      const tried = sight.expand(best.z.map((value, axis) => value + best.step[axis]));
      yield;
      const gain = tried.value - best.value;
      if (gain > 0) best = tried;
      else best.step = best.step.map((part) => part / 2);
      if ((gain > 0 && gain < ARRIVED) || Math.hypot(...best.step) < LEAST_STEP) break;
    }
    modes.push({ z: best.z, value: best.value, fisher: best.fisher, evidence: evidence(best) });
  }
  modes.sort((a, b) => b.evidence - a.evidence);
  return modes.filter((mode, rank) => !modes.slice(0, rank).some((better) => near(mode, better)));
}

const near = (mode, better) =>
  quadratic(
    better.fisher,
    mode.z.map((value, axis) => value - better.z[axis]),
  ) < 1;

// log p(x) with a mixture of normals about the modes as proposal, at points that cover each of them evenly.
export function* mixtureEvidence(sight, modes, { nodes: count } = QUICK) {
  const total = logSum(modes.map((mode) => mode.evidence));
  const parts = modes.map(({ z, fisher, evidence }) => ({
    z,
    precision: fisher.map((part) => part / WIDER ** 2),
    logShare: Math.log((1 - EVEN) * Math.exp(evidence - total) + EVEN / modes.length),
  }));
  const each = Math.floor(count / parts.length);
  const logDensity = (z) =>
    logSum(
      parts.map(({ z: mean, precision, logShare }) => {
        const away = z.map((value, axis) => value - mean[axis]);
        return logShare + Math.log(determinant(precision)) / 2 - quadratic(precision, away) / 2 - LOG_2PI;
      }),
    );
  const nodes = parts.flatMap(({ z: mean, precision, logShare }) =>
    Array.from({ length: each }, (_, k) => {
      const away = spread(precision, normalNode(k, each));
      return { z: mean.map((value, axis) => value + away[axis]), logWeight: logShare - Math.log(each) };
    }),
  );
  const values = yield* sight.logJoints(nodes.map(({ z }) => z));
  return logSum(nodes.map(({ z, logWeight }, i) => logWeight + values[i] - logDensity(z)));
}

// A standard normal's pair as a deviation of the normal that has a precision [11, 12, 22].
function spread([a, b, c], [u, v]) {
  const low = Math.sqrt(c - (b * b) / a);
  const second = v / low;
  return [u / Math.sqrt(a) - (b / a) * second, second];
}

// Point k of `count` that cover the standard normal of the plane evenly: equal masses outwards, on a sunflower's spiral.
function normalNode(k, count) {
  const radius = Math.sqrt(-2 * Math.log(1 - (k + 0.5) / count));
  const angle = k * Math.PI * (3 - Math.sqrt(5));
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

// The normal with a sigma for each axis that is nearest to the one about a mode.
export function diagonalNormal({ z, fisher }) {
  return { mean: z, std: [1 / Math.sqrt(fisher[0]), 1 / Math.sqrt(fisher[2])] };
}

// The ELBO of a diagonal normal q: E_q[log p(x, z)] and its entropy.
export function* elboOf(sight, { mean, std }) {
  const nodes = HERMITE.flatMap(([u, weight]) =>
    HERMITE.map(([v, other]) => ({ z: [mean[0] + u * std[0], mean[1] + v * std[1]], weight: weight * other })),
  );
  const values = yield* sight.logJoints(nodes.map(({ z }) => z));
  const expected = nodes.reduce((sum, { weight }, i) => sum + weight * values[i], 0);
  return expected + LOG_2PI + 1 + Math.log(std[0] * std[1]);
}
