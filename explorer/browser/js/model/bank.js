// A checkpoint as `packing.pack` wrote it: codes, labels and the decoder's layers; or those of the encoder, for which
// `logits` takes pixels and gives what the encoder gives.

import { floatsFromHalves } from "../base/bytes.js";
import { Decoder } from "./decoder.js";

export class Bank extends Decoder {
  // A blob that was unpacked
  constructor({ buffer, facts, arrays }) {
    const layers = facts.layers.map((layer, i) => {
      const weights = [buffer, arrays[2 + 2 * i], layer.inputs * layer.outputs];
      const weight = layer.half ? floatsFromHalves(new Uint16Array(...weights)) : new Float32Array(...weights);
      return { ...layer, weight, bias: new Float32Array(buffer, arrays[3 + 2 * i], layer.outputs) };
    });
    super({ ...facts, layers });
    this.codes = new Float32Array(buffer, arrays[0], 2 * this.count);
    this.labels = new Uint8Array(buffer, arrays[1], this.count);
  }

  // What a map of the codes shows, in words.
  get inWords() {
    return `${this.name}: codes of ${this.count.toLocaleString("en")} test images in ${this.classes.length} classes`;
  }

  code(index) {
    return [this.codes[2 * index], this.codes[2 * index + 1]];
  }

  // The index of the code nearest to z among the classes that `shown` lets through, or -1.
  nearest(z, shown) {
    const away = this.distances(z);
    let best = -1;
    for (let i = 0; i < this.count; i++) {
      if (shown[this.labels[i]] && (best < 0 || away[i] < away[best])) best = i;
    }
    return best;
  }

  // How many codes lie within a distance of z, and the indices of the `count` nearest, the nearest first.
  around(z, distance, count = 0) {
    const away = this.distances(z);
    const nearest = [];
    let near = 0;
    for (let i = 0; i < away.length; i++) {
      if (away[i] <= distance * distance) near += 1;
      if (nearest.length === count && (!count || away[i] >= away[nearest[count - 1]])) continue;
      nearest.push(i);
      nearest.sort((a, b) => away[a] - away[b]);
      nearest.length = Math.min(nearest.length, count);
    }
    return { near, nearest };
  }

  // Whether no code lies within a distance of z, so that what is decoded there is extrapolated.
  lonely([x, y], distance) {
    const { codes } = this;
    const square = distance * distance;
    for (let i = 0; i < codes.length; i += 2) if ((codes[i] - x) ** 2 + (codes[i + 1] - y) ** 2 <= square) return false;
    return true;
  }

  // The squares of the codes' distances from z.
  distances([x, y]) {
    const squares = new Float64Array(this.count);
    for (let i = 0; i < this.count; i++) squares[i] = (this.codes[2 * i] - x) ** 2 + (this.codes[2 * i + 1] - y) ** 2;
    return squares;
  }
}
