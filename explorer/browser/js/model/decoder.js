// A decoder: from a point of the plane, and a class for a conditional model, to 784 logits and pixel means.

import { ACTIVATIONS, runLayer } from "./network.js";

export class Decoder {
  // layers: { inputs, outputs, act, weight, bias } of each
  constructor(parts) {
    Object.assign(this, parts);
    this.layers = parts.layers.map((layer) => ({
      ...layer,
      activation: ACTIVATIONS[layer.act],
      sums: new Float64Array(layer.outputs),
      result: new Float32Array(layer.outputs),
    }));
  }

  // Pixel means in [0, 1] at z; `label` is a class or a list of weights, one a class, and counts only for a conditional model.
  decode(z, label) {
    return this.run(z, label, ACTIVATIONS.sigmoid);
  }

  // The same before the sigmoid.
  logits(z, label) {
    return this.run(z, label, ACTIVATIONS.identity);
  }

  run(z, label, last) {
    let values = z;
    if (this.conditional) {
      const weights = Array.isArray(label) ? label : this.classes.map((_, i) => Number(i === label));
      values = [...z, ...weights];
    }
    const act = (rank) => (rank === this.layers.length - 1 ? last : this.layers[rank].activation);
    return this.layers.reduce((input, layer, rank) => runLayer(layer, input, act(rank)), values);
  }

  // Plain values of which a worker makes the same decoder.
  parts() {
    const layers = this.layers.map(({ inputs, outputs, act, weight, bias }) => ({
      ...{ inputs, outputs, act },
      weight: weight.slice(), // or the whole blob went with each view of it
      bias: bias.slice(),
    }));
    return { layers, conditional: this.conditional, classes: this.classes };
  }
}
