// A decoder: from a point of the plane, and a class for a conditional model, to 784 pixel means and what they
// are made of: their logits, or in a linear decoder they themselves.

import { ACTIVATIONS, runLayer, runLayerOnFour } from "./network.js";

const room = ({ outputs }) => ({ sums: new Float64Array(outputs), result: new Float32Array(outputs) });

export class Decoder {
  // layers: { inputs, outputs, act, weight, bias } of each
  constructor(parts) {
    Object.assign(this, parts);
    this.layers = parts.layers.map((layer) => ({
      ...layer,
      activation: ACTIVATIONS[layer.act],
      ...room(layer),
      four: [0, 1, 2, 3].map(() => room(layer)),
    }));
  }

  // Pixel means at z, in [0, 1] unless the decoder is linear; `label` is a class or a list of weights, one a class, and
  // counts only for a conditional model.
  decode(z, label) {
    return this.run(z, label);
  }

  // The same before the sigmoid, where there is one.
  logits(z, label) {
    return this.run(z, label, ACTIVATIONS.identity);
  }

  // Pixel means at up to four points, in little more than half of the time; `labels` is a class, or one for each point.
  decodeFour(points, labels) {
    return this.runFour(points, labels);
  }

  // The same before the sigmoid, where there is one.
  logitsOfFour(points, labels) {
    return this.runFour(points, labels, ACTIVATIONS.identity);
  }

  runFour(points, labels, last) {
    const act = this.activations(last);
    const ranks = [0, 1, 2, 3].map((rank) => Math.min(rank, points.length - 1));
    const inputs = ranks.map((rank) => this.inputs(points[rank], labels?.[rank] ?? labels));
    const four = this.layers.reduce((values, layer, depth) => runLayerOnFour(layer, values, act[depth]), inputs);
    return four.slice(0, points.length);
  }

  run(z, label, last) {
    const act = this.activations(last);
    return this.layers.reduce((values, layer, rank) => runLayer(layer, values, act[rank]), this.inputs(z, label));
  }

  activations(last = this.layers[this.layers.length - 1].activation) {
    return [...this.layers.slice(0, -1).map(({ activation }) => activation), last];
  }

  inputs(z, label) {
    if (!this.conditional) return z;
    return [...z, ...(Array.isArray(label) ? label : this.classes.map((_, i) => Number(i === label)))];
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
