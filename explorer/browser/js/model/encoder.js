// Runs an encoder. The first layer's sums over the pixels are computed once for all classes.

import { SIDE } from "../base/images.js";
import { multiply, runLayer } from "./network.js";

export class Encoder {
  constructor({ layers, conditional }) {
    Object.assign(this, { layers, conditional });
  }

  see(x) {
    this.sums = multiply(this.layers[0], x);
    return this;
  }

  // q(z|x, y) of the image that was seen, or of an autoencoder its code alone.
  encode(label) {
    const [{ inputs, bias, weight, activation, result }, ...rest] = this.layers;
    for (let row = 0; row < result.length; row++) {
      const told = this.conditional ? weight[row * inputs + SIDE * SIDE + label] : 0;
      result[row] = activation(this.sums[row] + told + bias[row]);
    }
    const [z1, z2, ...logStd] = rest.reduce((input, layer) => runLayer(layer, input, layer.activation), result);
    return { code: [z1, z2], q: logStd.length ? { mean: [z1, z2], std: logStd.map(Math.exp) } : null };
  }
}
