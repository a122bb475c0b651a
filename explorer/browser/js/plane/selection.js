// The images whose codes lie within a lasso, and their codes on all maps that show the same images.

import { codesWithin } from "./lasso.js";

// Some codes of a bank.
function codesOf(bank, indices, id) {
  const codes = new Float32Array(2 * indices.length);
  indices.forEach((index, i) => codes.set(bank.codes.subarray(2 * index, 2 * index + 2), 2 * i));
  return { id, indices, codes, labels: Uint8Array.from(indices, (index) => bank.labels[index]) };
}

export class Selection {
  constructor() {
    this.key = "";
    this.empty();
  }

  empty() {
    Object.assign(this, { bank: null, indices: null, mask: null, lit: {} });
  }

  // Select anew if lasso or maps are others, or the classes that the lasso's map shows; true if so.
  // maps: { bank, view, sheet } of each side that is there
  follow({ of, polygon, version }, maps) {
    const own = polygon && Object.values(maps).find(({ bank }) => bank.name === of);
    const shown = own ? own.view.shown() : [];
    const there = Object.entries(maps).map(([side, { bank, sheet }]) => [side, bank.id, sheet]);
    const key = [version, ...there.flat(), ...shown].join();
    if (key === this.key) return false;
    this.key = key;
    this.empty();
    if (!own) return true;
    this.bank = own.bank;
    this.indices = codesWithin(polygon, own.bank, shown);
    this.mask = new Uint8Array(own.bank.count);
    for (const index of this.indices) this.mask[index] = 1;
    for (const [side, { bank }] of Object.entries(maps)) {
      if (bank.test_set === own.bank.test_set) this.lit[side] = codesOf(bank, this.indices, key);
    }
    return true;
  }
}
