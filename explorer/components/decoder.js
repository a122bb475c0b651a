// The decoder, run by the browser: 0.2 ms for the 2-512-784 network, so that a digit follows the cursor.

function floatFromHalf(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  return exponent === 31 ? NaN : sign * 2 ** (exponent - 25) * (1024 + fraction);
}

const HALVES = Float32Array.from({ length: 65536 }, (_, half) => floatFromHalf(half));

function floatsFromHalves(halves) {
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = HALVES[halves[i]];
  return floats;
}

// Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, formula 7.1.26: within 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - tail * Math.exp(-x * x));
}

const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  sine: Math.sin,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  identity: (x) => x,
};

// What the values add up to in each row of a layer's weights. Those that are 0, after a ReLU most, cost nothing, and four
// rows at a time wait less for each other than one.
function multiply({ inputs, outputs, weight, sums }, values) {
  const used = new Int32Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i]) used[count++] = i;
  let row = 0;
  for (; row + 3 < outputs; row += 4) {
    let [a, b, c, d] = [0, 0, 0, 0];
    const first = row * inputs;
    for (let k = 0; k < count; k++) {
      const value = values[used[k]];
      const at = first + used[k];
      a += weight[at] * value;
      b += weight[at + inputs] * value;
      c += weight[at + 2 * inputs] * value;
      d += weight[at + 3 * inputs] * value;
    }
    sums[row] = a;
    sums[row + 1] = b;
    sums[row + 2] = c;
    sums[row + 3] = d;
  }
  for (; row < outputs; row++) {
    sums[row] = 0;
    for (let k = 0; k < count; k++) sums[row] += weight[row * inputs + used[k]] * values[used[k]];
  }
  return sums;
}

function runLayer(layer, values, activation) {
  const { bias, result } = layer;
  const sums = multiply(layer, values);
  for (let row = 0; row < result.length; row++) result[row] = activation(sums[row] + bias[row]);
  return result;
}

// What `compute` packed: the header's facts, and where in the buffer each array begins.
function unpack(bytes) {
  const buffer = bytes.slice().buffer;
  const headerLength = new DataView(buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headerLength)));
  const start = Math.ceil((4 + headerLength) / 16) * 16;
  return { buffer, facts, arrays: facts.offsets.map((offset) => start + offset) };
}

// A checkpoint as `packing.pack` wrote it: codes, labels and the decoder's layers; or those of the encoder, for which
// `logits` takes pixels and gives what the encoder gives.
class Bank {
  constructor(bytes) {
    const { buffer, facts, arrays } = unpack(bytes);
    Object.assign(this, facts);
    this.codes = new Float32Array(buffer, arrays[0], 2 * this.count);
    this.labels = new Uint8Array(buffer, arrays[1], this.count);
    this.layers.forEach((layer, i) => {
      const weights = [buffer, arrays[2 + 2 * i], layer.inputs * layer.outputs];
      const halves = () => floatsFromHalves(new Uint16Array(...weights));
      layer.weight = layer.half ? halves() : new Float32Array(...weights);
      layer.bias = new Float32Array(buffer, arrays[3 + 2 * i], layer.outputs);
      layer.activation = ACTIVATIONS[layer.act];
      layer.sums = new Float64Array(layer.outputs);
      layer.result = new Float32Array(layer.outputs);
    });
  }

  code(index) {
    return [this.codes[2 * index], this.codes[2 * index + 1]];
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

  // The squares of the codes' distances from z.
  distances([x, y]) {
    const squares = new Float64Array(this.count);
    for (let i = 0; i < this.count; i++) squares[i] = (this.codes[2 * i] - x) ** 2 + (this.codes[2 * i + 1] - y) ** 2;
    return squares;
  }
}

const SIDE = 28;
const picture = new ImageData(SIDE, SIDE);

// Pixel means as white on black, rounded to the nearest grey as the server rounds them.
function drawDigit(context, pixels, left = 0, top = 0) {
  for (let i = 0; i < pixels.length; i++) {
    const grey = Math.round(255 * pixels[i]);
    picture.data[4 * i] = picture.data[4 * i + 1] = picture.data[4 * i + 2] = grey;
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, left, top);
}
