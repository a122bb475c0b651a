// Estimates of log p(x) from a stream of draws: for K = 1, 2, 4, ... draws at once, all from the same stream.

// The log-weights in blocks of 1, 2, 4, ...: the logarithm of each block's mean, and the average and spread of those.
export class Ladder {
  constructor(most, kept = 96) {
    this.rungs = Array.from({ length: Math.round(Math.log2(most)) + 1 }, () => ({
      count: 0,
      mean: 0,
      squares: 0,
      waiting: null,
      recent: [],
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

  // The standard error of each average; NaN where there is only one block.
  error({ count, squares }) {
    return Math.sqrt(squares / (count - 1) / count);
  }

  // The highest rung that has a block.
  get top() {
    return this.rungs.findLastIndex(({ count }) => count);
  }
}
