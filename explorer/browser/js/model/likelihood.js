// The likelihood of an image, and draws for one: log p(x|z), z ~ q(z|x), and their log-weights.

import { normalPair } from "../base/random.js";

export const LOG_2PI = Math.log(2 * Math.PI);
export const GREYS = 255; // an image has whole grey levels from 0 to this

// The mean of a Gaussian pixel from its logit, which in a linear decoder is the mean itself.
export const pixelMean = (logit, { linear }) => (linear ? logit : 1 / (1 + Math.exp(-logit)));

// log p(x|z) in nats, from pixels x and the logits of their means; of the pixels that are `seen`, if not all are.
export function logLikelihood(x, logits, likelihood, seen = null) {
  const { bernoulli, sigma } = likelihood;
  let [sum, count] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    if (seen && !seen[i]) continue;
    count++;
    const logit = logits[i];
    if (bernoulli) {
      sum += x[i] * logit - Math.max(logit, 0) - Math.log1p(Math.exp(-Math.abs(logit)));
    } else {
      const off = x[i] - pixelMean(logit, likelihood);
      sum -= (off * off) / (2 * sigma * sigma);
    }
  }
  return bernoulli ? sum : sum - count * Math.log(sigma * Math.sqrt(2 * Math.PI));
}

// An image drawn from p(x|z), given the means of its pixels.
export const drawnAround = (means, { bernoulli, sigma }, uniform) =>
  means.map((mean) => (bernoulli ? Number(uniform() < mean) : mean + sigma * normalPair(uniform)[0]));

// Draws for one image under one decoder, made by the browser or by the server.
export class Sampler {
  // subject: { x, label, likelihood, q: { mean, std }, drawn }
  constructor(bank, subject) {
    Object.assign(this, { bank, ...subject });
  }

  // In nats, or null where the browser does not know the sigma of each pixel.
  logLikelihood(z) {
    if (this.drawn) return null;
    return logLikelihood(this.x, this.bank.logits(z, this.label), this.likelihood);
  }

  // z ~ q(z|x), and log p(z) - log q(z|x) there.
  encode() {
    const noise = normalPair(Math.random);
    const z = noise.map((value, axis) => this.q.mean[axis] + value * this.q.std[axis]);
    const ratios = z.map((value, axis) => (noise[axis] ** 2 - value ** 2) / 2 + Math.log(this.q.std[axis]));
    return { z, logRatio: ratios[0] + ratios[1] };
  }

  // The log-weights of draw number `rank`: log p(x|z) p(z) / q(z|x) with z ~ q(z|x), and log p(x|z) with z ~ p(z).
  weigh(rank) {
    if (this.drawn) return this.drawn.map((values) => values[rank]);
    const { z, logRatio } = this.encode();
    return [this.logLikelihood(z) + logRatio, this.logLikelihood(normalPair(Math.random))];
  }
}
