// The decoded images of a plane as a curved surface, as `vae/geometry.py` has it: how far it is along a path, measured in
// decoded images.

import { pixelMean } from "./likelihood.js";
import { PIXELS } from "./network.js";

const SHORT = 1e-3; // step of a finite difference

export class DecodedSurface {
  // likelihood: { bernoulli, linear }
  constructor(decoder, label, likelihood) {
    Object.assign(this, { decoder, label, likelihood });
  }

  // The images at some points, each as a point of a space in which distances are Euclidean; after every four it yields.
  *embed(points) {
    const images = [];
    for (let k = 0; k < points.length; k += 4) {
      const logits = this.decoder.logitsOfFour(points.slice(k, k + 4), this.label);
      images.push(...logits.map((each) => Float32Array.from(each, (logit) => this.place(logit))));
      yield;
    }
    return images;
  }

  // 2 arcsin(sqrt(p)) less a constant, or the mean.
  place(logit) {
    if (this.likelihood.bernoulli) return 2 * Math.atan(Math.tanh(logit / 4));
    return pixelMean(logit, this.likelihood);
  }

  // Images at some points with how they change along both axes: { image, along: [d / dz1, d / dz2] } of each.
  *tangents(points) {
    const shifted = points.flatMap(([z1, z2]) => [
      [z1, z2],
      [z1 + SHORT, z2],
      [z1, z2 + SHORT],
    ]);
    const images = yield* this.embed(shifted);
    return points.map((_, i) => {
      const image = images[3 * i];
      const along = [1, 2].map((axis) => images[3 * i + axis].map((value, k) => (value - image[k]) / SHORT));
      return { image, along };
    });
  }

  // The distances between the images at successive points.
  *steps(points) {
    const images = yield* this.embed(points);
    return images.slice(1).map((image, i) => distance(images[i], image));
  }
}

export function inner(one, other) {
  let sum = 0;
  for (let i = 0; i < PIXELS; i++) sum += one[i] * other[i];
  return sum;
}

export function distance(one, other) {
  let sum = 0;
  for (let i = 0; i < PIXELS; i++) sum += (one[i] - other[i]) ** 2;
  return Math.sqrt(sum);
}
