// Estimates of log p(x) from draws that keep coming: of all K = 1, 2, 4, ... together, from the same stream.

// The stream of log-weights in blocks of 1, 2, 4, ...: the log of each block's mean, their average and their spread.
class Ladder {
  constructor(most, kept = 96) {
    this.rungs = Array.from({ length: Math.round(Math.log2(most)) + 1 }, () => ({
      count: 0, mean: 0, squares: 0, waiting: null, recent: [],
    }));
    this.kept = kept;
  }

  add(value) {
    for (const rung of this.rungs) {
      rung.count += 1;
      const off = value - rung.mean;
      rung.mean += off / rung.count;
      rung.squares += off * (value - rung.mean);
      if (rung.recent.length < this.kept) rung.recent.push(value);
      if (rung.waiting === null) {
        rung.waiting = value;
        return;
      }
      const [low, high] = [Math.min(value, rung.waiting), Math.max(value, rung.waiting)];
      value = high + Math.log1p(Math.exp(low - high)) - Math.LN2;
      rung.waiting = null;
    }
  }

  // The standard error of each average; NaN of a single block.
  error({ count, squares }) {
    return Math.sqrt(squares / (count - 1) / count);
  }

  // The highest rung that has a block.
  get top() {
    return this.rungs.findLastIndex(({ count }) => count);
  }
}

function normal() {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  const angle = 2 * Math.PI * Math.random();
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

// log p(x|z) in nats, from pixels x and the logits of their means.
function logLikelihood(x, logits, { bernoulli, sigma }) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const logit = logits[i];
    if (bernoulli) {
      sum += x[i] * logit - Math.max(logit, 0) - Math.log1p(Math.exp(-Math.abs(logit)));
    } else {
      const off = x[i] - 1 / (1 + Math.exp(-logit));
      sum -= (off * off) / (2 * sigma * sigma);
    }
  }
  return bernoulli ? sum : sum - x.length * Math.log(sigma * Math.sqrt(2 * Math.PI));
}

// Draws for one image under one decoder, by the browser; or those that the server drew.
class Sampler {
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
    const noise = normal();
    const z = noise.map((value, axis) => this.q.mean[axis] + value * this.q.std[axis]);
    const ratios = z.map((value, axis) => (noise[axis] ** 2 - value ** 2) / 2 + Math.log(this.q.std[axis]));
    return { z, logRatio: ratios[0] + ratios[1] };
  }

  // The log-weights of the draw of this rank: log p(x|z) p(z) / q(z|x) with z ~ q(z|x), and log p(x|z) with z ~ p(z).
  weigh(rank) {
    if (this.drawn) return this.drawn.map((values) => values[rank]);
    const { z, logRatio } = this.encode();
    return [this.logLikelihood(z) + logRatio, this.logLikelihood(normal())];
  }
}
