// The layers of a network, run by the browser: 0.2 ms for the 2-512-784 decoder, so that a digit follows the cursor.

export const PIXELS = 784; // of an image

// Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, formula 7.1.26: within 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - tail * Math.exp(-x * x));
}

export const ACTIVATIONS = {
  relu: (x) => (x > 0 ? x : 0),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  sine: Math.sin,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  identity: (x) => x,
};

// Probabilities in proportion to the exponentials of some values.
export function softmax(values) {
  const highest = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - highest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

// The weighted sum of the values for each row of a layer. Values of 0, which are most after a ReLU, are skipped. Four rows
// are computed at a time, since the processor then waits less.
export function multiply({ inputs, outputs, weight, sums }, values) {
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

// The same for four inputs at once, which takes little more than half of the time of one by one: each weight is read once.
// Values are skipped where they are 0 in all four.
function multiplyFour({ inputs, outputs, weight, four }, values) {
  const [p, q, r, s] = values;
  const used = new Int32Array(inputs);
  const mixed = new Float64Array(4 * inputs); // the four values of an input side by side
  let count = 0;
  for (let i = 0; i < inputs; i++) {
    if (!(p[i] || q[i] || r[i] || s[i])) continue;
    mixed[4 * count] = p[i];
    mixed[4 * count + 1] = q[i];
    mixed[4 * count + 2] = r[i];
    mixed[4 * count + 3] = s[i];
    used[count++] = i;
  }
  const sums = four.map((each) => each.sums);
  for (let row = 0; row < outputs; row += 2) {
    const [first, second] = [row * inputs, Math.min(row + 1, outputs - 1) * inputs];
    let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let k = 0, at = 0; k < count; k++, at += 4) {
      const u = weight[first + used[k]];
      const v = weight[second + used[k]];
      a += u * mixed[at];
      b += u * mixed[at + 1];
      c += u * mixed[at + 2];
      d += u * mixed[at + 3];
      e += v * mixed[at];
      f += v * mixed[at + 1];
      g += v * mixed[at + 2];
      h += v * mixed[at + 3];
    }
    [sums[0][row], sums[1][row], sums[2][row], sums[3][row]] = [a, b, c, d];
    [sums[0][row + 1], sums[1][row + 1], sums[2][row + 1], sums[3][row + 1]] = [e, f, g, h];
  }
}

export function runLayerOnFour(layer, values, activation) {
  multiplyFour(layer, values);
  return layer.four.map(({ sums, result }) => {
    for (let row = 0; row < result.length; row++) result[row] = activation(sums[row] + layer.bias[row]);
    return result;
  });
}

export function runLayer(layer, values, activation) {
  const { bias, result } = layer;
  const sums = multiply(layer, values);
  for (let row = 0; row < result.length; row++) result[row] = activation(sums[row] + bias[row]);
  return result;
}
