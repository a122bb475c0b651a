// The classifier of `vae/classifier.py`, which reads a class in an image: convolutions, each normalised in groups of
// channels and cut off at 0, with a maximum over 2 x 2 pixels between them, and one layer over what comes out.

import { floatsFromHalves, unpack } from "../base/bytes.js";
import { fileAt } from "../base/files.js";
import { SIDE } from "../base/images.js";
import { multiply, softmax } from "./network.js";

const EPSILON = 1e-5; // added to each variance, as by PyTorch
const KERNEL = 9; // weights of a channel for a channel

const classifiers = new Map(); // by address: promises

// The classifier at an address, which is opened once.
export function classifierAt(address) {
  if (!classifiers.has(address))
    classifiers.set(
      address,
      fileAt(address).then((bytes) => new Classifier(bytes)),
    );
  return classifiers.get(address);
}

class Classifier {
  // bytes: as `packing.pack_classifier` wrote them
  constructor(bytes) {
    const { buffer, facts, arrays: places } = unpack(bytes);
    const arrays = places.map((place, rank) => [buffer, place, facts.sizes[rank]]);
    const floats = ([from, place, size]) => new Float32Array(from, place, size / 4);
    const weights = ([from, place, size], count) =>
      size === 4 * count ? floats([from, place, size]) : floatsFromHalves(new Uint16Array(from, place, count));
    this.layers = facts.convolutions.map(({ inputs, outputs }, depth) => {
      const [weight, bias, gain, shift] = arrays.slice(4 * depth);
      const perGroup = outputs / facts.groups;
      const count = outputs * inputs * KERNEL;
      return {
        ...{ inputs, outputs, perGroup, weight: weights(weight, count) },
        ...{ bias: floats(bias), gain: floats(gain), shift: floats(shift) },
      };
    });
    const [weight, bias] = arrays.slice(-2);
    this.bias = floats(bias);
    const { outputs } = this.layers.at(-1);
    const side = SIDE / 2 ** (this.layers.length - 1);
    const [inputs, classes] = [outputs * side * side, this.bias.length];
    const sums = new Float64Array(classes);
    this.last = { inputs, outputs: classes, weight: weights(weight, inputs * classes), sums };
  }

  // The probability of each class, given 784 pixel means, which are taken within black and white.
  probabilities(pixels) {
    let planes = Float32Array.from(pixels, (value) => Math.min(Math.max(value, 0), 1));
    let side = SIDE;
    this.layers.forEach((layer, depth) => {
      if (depth) planes = largestOfFour(planes, side);
      if (depth) side /= 2;
      planes = convolved(planes, side, layer);
      normalise(planes, side * side, layer);
    });
    return softmax(Array.from(multiply(this.last, planes), (sum, label) => sum + this.bias[label]));
  }

  // The class that is read, and its probability.
  read(pixels) {
    const probabilities = this.probabilities(pixels);
    const probability = Math.max(...probabilities);
    return { label: probabilities.indexOf(probability), probability };
  }
}

// Square planes, one after the other, seen through 3 x 3 weights each, with zeros around them.
function convolved(planes, side, { inputs, outputs, weight, bias }) {
  const wide = side + 2;
  const padded = new Float32Array(inputs * wide * wide);
  for (let row = 0; row < inputs * side; row++) {
    const [plane, y] = [Math.floor(row / side), row % side];
    padded.set(planes.subarray(row * side, (row + 1) * side), plane * wide * wide + (y + 1) * wide + 1);
  }
  const made = new Float32Array(outputs * side * side);
  for (let output = 0; output < outputs; output++) {
    const plane = made.subarray(output * side * side, (output + 1) * side * side).fill(bias[output]);
    for (let row = 0; row < 3 * inputs; row++) addRow(plane, side, padded, row, output * inputs, weight);
  }
  return made;
}

// Add what one row of weights sees of the plane that it is for; `first` is the place of the first weights of all planes.
function addRow(plane, side, padded, row, first, weight) {
  const [input, down] = [Math.floor(row / 3), row % 3];
  const wide = side + 2;
  const at = KERNEL * first + 3 * row;
  const [left, middle, right] = [weight[at], weight[at + 1], weight[at + 2]];
  for (let y = 0; y < side; y++) {
    let from = (input * wide + y + down) * wide;
    for (let to = y * side; to < (y + 1) * side; to++, from++)
      plane[to] += left * padded[from] + middle * padded[from + 1] + right * padded[from + 2];
  }
}

// Bring each group of planes to mean 0 and variance 1, then each plane to its own gain and shift, and cut off at 0.
function normalise(planes, size, { outputs, perGroup, gain, shift }) {
  for (let first = 0; first < outputs; first += perGroup) {
    const group = planes.subarray(first * size, (first + perGroup) * size);
    let [sum, squares] = [0, 0];
    for (const value of group) sum += value;
    const mean = sum / group.length;
    for (const value of group) squares += (value - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / group.length + EPSILON);
    for (let i = 0; i < group.length; i++) {
      const channel = first + Math.floor(i / size);
      group[i] = Math.max(gain[channel] * scale * (group[i] - mean) + shift[channel], 0);
    }
  }
}

// The largest of each 2 x 2 pixels; the planes have an even side, so that all of them are as one high plane.
function largestOfFour(planes, side) {
  const half = side / 2;
  const made = new Float32Array(planes.length / 4);
  for (let i = 0; i < made.length; i++) {
    const at = 2 * side * Math.floor(i / half) + 2 * (i % half);
    made[i] = Math.max(planes[at], planes[at + 1], planes[at + side], planes[at + side + 1]);
  }
  return made;
}
