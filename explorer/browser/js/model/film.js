// A training as the browser knows it: the codes of all its snapshots, and of each the decoder, once it is needed.
// Between two snapshots codes and weights are interpolated linearly, in the logarithm of time.

import { floatsFromHalves, unpack } from "../base/bytes.js";
import { fileAt } from "../base/files.js";
import { between } from "../base/motion.js";
import { Bank } from "./bank.js";
import { addBank } from "./banks.js";

export class Film {
  // `arrived` is called with each decoder that has come, and with the error if one has not
  constructor(bytes, decoders, arrived) {
    const { facts, buffer, arrays } = unpack(bytes);
    Object.assign(this, facts, { decoders, arrived, banks: [], asked: [] });
    this.size = 2 * this.count;
    this.last = this.epochs.length - 1;
    this.snapshots = floatsFromHalves(new Uint16Array(buffer, arrays[0], this.epochs.length * this.size));
    this.snapshots.forEach((value, i) => (this.snapshots[i] = value * this.unit));
    this.labels = new Uint8Array(buffer, arrays[1], this.count);
    this.seek(0);
  }

  // The snapshot at or before an epoch, and the share of the way to the next one; the first stretch has no logarithm.
  place(epoch) {
    const { epochs, last } = this;
    if (epoch >= epochs[last]) return [last, 0];
    const k = epochs.findIndex((_, i) => epoch < epochs[i + 1]);
    const [from, to] = [epochs[k], epochs[k + 1]];
    return [k, k === 0 ? epoch / to : Math.log(epoch / from) / Math.log(to / from)];
  }

  // The inverse: the epoch at k + share.
  epoch(position) {
    const k = Math.min(Math.floor(position), this.last);
    const share = position - k;
    if (!share) return this.epochs[k];
    const [from, to] = [this.epochs[k], this.epochs[k + 1]];
    return k === 0 ? share * to : from * (to / from) ** share;
  }

  seek(epoch) {
    [this.k, this.share] = this.place(epoch);
    this.want(this.k);
    if (this.share) this.want(this.k + 1);
    this.codes = null;
    this.mixed = null;
  }

  // Fetch the decoder of a snapshot, once.
  want(k) {
    if (this.asked[k] || k > this.last || !this.decoders[k]) return;
    this.asked[k] = fileAt(this.decoders[k]).then(
      (bytes) => {
        this.banks[k] = addBank(bytes);
        this.mixed = null;
        this.arrived();
      },
      (error) => {
        this.asked[k] = null;
        this.arrived(error);
      },
    );
  }

  code(index) {
    const at = 2 * index;
    const [from, to] = [this.k * this.size, Math.min(this.k + 1, this.last) * this.size];
    return [0, 1].map((axis) => between(this.snapshots[from + at + axis], this.snapshots[to + at + axis], this.share));
  }

  // The index of the code nearest to z among the classes that `shown` lets through, or -1.
  nearest(z, shown) {
    const now = { codes: this.codesNow(), labels: this.labels, count: this.count };
    return Object.assign(Object.create(Bank.prototype), now).nearest(z, shown);
  }

  codesNow() {
    if (this.codes) return this.codes;
    const { snapshots, size, k, share } = this;
    const [from, to] = [k * size, Math.min(k + 1, this.last) * size];
    this.codes = new Float32Array(size);
    for (let i = 0; i < size; i++) this.codes[i] = between(snapshots[from + i], snapshots[to + i], share);
    return this.codes;
  }

  // The decoder of this instant; while that is being fetched, the nearest one that is here, or null.
  decoder() {
    const { banks, k, share } = this;
    if (share && banks[k] && banks[k + 1]) return (this.mixed ??= this.mix(banks[k], banks[k + 1], share));
    const near = k + Math.round(share);
    const there = Object.keys(banks).map(Number);
    return banks[there.sort((a, b) => Math.abs(a - near) - Math.abs(b - near))[0]] ?? null;
  }

  mix(from, to, share) {
    this.mixture ??= Object.assign(Object.create(from), {
      layers: from.layers.map((layer) => ({ ...layer, weight: layer.weight.slice(), bias: layer.bias.slice() })),
    });
    this.mixture.id = `${from.id} ${to.id}`;
    this.mixture.layers.forEach((layer, rank) => {
      for (const part of ["weight", "bias"]) {
        const [result, a, b] = [layer[part], from.layers[rank][part], to.layers[rank][part]];
        for (let i = 0; i < result.length; i++) result[i] = a[i] + share * (b[i] - a[i]);
      }
    });
    return this.mixture;
  }

  // The part of the plane to look at: its middle moves evenly, its size by equal ratios.
  view(views) {
    const [from, to] = [views[this.k], views[Math.min(this.k + 1, this.last)]];
    return from.map(([low, high], axis) => {
      const [below, above] = to[axis];
      const middle = between((low + high) / 2, (below + above) / 2, this.share);
      const half = ((high - low) / 2) ** (1 - this.share) * ((above - below) / 2) ** this.share;
      return [middle - half, middle + half];
    });
  }
}
