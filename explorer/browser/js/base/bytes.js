// Bytes as they come: base64, half floats, and blobs as `packing.py` writes them.

export const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
export const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const LETTERS_OF_NINE = 11; // so many hold nine bytes
const LIMB_BITS = 24;
const LIMB_MASK = 2 ** LIMB_BITS - 1;

// Bytes that `export.in_letters` wrote as digits in base 94: nine of them are a number of three limbs. The first letter
// says how many bytes of the last nine count for nothing.
export function fromLetters(text) {
  const digit = (at) => text.charCodeAt(at) - (text.charCodeAt(at) > 60 ? 33 : 32);
  const groups = (text.length - 1) / LETTERS_OF_NINE;
  const bytes = new Uint8Array(9 * groups);
  for (let group = 0; group < groups; group++) {
    let [high, middle, low] = [0, 0, 0];
    for (let i = 1 + LETTERS_OF_NINE * group; i < 1 + LETTERS_OF_NINE * (group + 1); i++) {
      low = 94 * low + digit(i);
      middle = 94 * middle + (low >>> LIMB_BITS);
      high = 94 * high + (middle >>> LIMB_BITS);
      low &= LIMB_MASK;
      middle &= LIMB_MASK;
    }
    for (let i = 0; i < 3; i++) {
      const shift = 16 - 8 * i;
      bytes[9 * group + i] = high >> shift;
      bytes[9 * group + 3 + i] = middle >> shift;
      bytes[9 * group + 6 + i] = low >> shift;
    }
  }
  return bytes.subarray(0, bytes.length - digit(0));
}

// What `export.packed` took apart: the first bytes of all pairs, then the second ones.
export function inPairs(apart) {
  const half = apart.length / 2;
  const bytes = new Uint8Array(apart.length);
  for (let i = 0; i < half; i++) {
    bytes[2 * i] = apart[i];
    bytes[2 * i + 1] = apart[half + i];
  }
  return bytes;
}

function floatFromHalf(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  return exponent === 31 ? NaN : sign * 2 ** (exponent - 25) * (1024 + fraction);
}

const HALVES = Float32Array.from({ length: 65536 }, (_, half) => floatFromHalf(half));

export function floatsFromHalves(halves) {
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = HALVES[halves[i]];
  return floats;
}

// What a blob holds: the facts of its header, and where in the buffer each array begins.
export function unpack(bytes) {
  const buffer = bytes.slice().buffer;
  const headerLength = new DataView(buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headerLength)));
  const start = Math.ceil((4 + headerLength) / 16) * 16;
  return { buffer, facts, arrays: facts.offsets.map((offset) => start + offset) };
}
