// Bytes as they come: base64, half floats, and blobs as `packing.py` writes them.

export const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
export const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const DIGITS_OF_85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
const VALUES_OF_85 = new Uint8Array(128);
for (let i = 0; i < 85; i++) VALUES_OF_85[DIGITS_OF_85.charCodeAt(i)] = i;

// Bytes in the base 85 of RFC 1924: five digits are four bytes, and the last group may be shorter.
export function fromBase85(text) {
  const groups = Math.ceil(text.length / 5);
  const bytes = new DataView(new ArrayBuffer(4 * groups));
  for (let group = 0; group < groups; group++) {
    let word = 0;
    for (let i = 5 * group; i < 5 * group + 5; i++)
      word = 85 * word + (i < text.length ? VALUES_OF_85[text.charCodeAt(i)] : 84);
    bytes.setUint32(4 * group, word);
  }
  return new Uint8Array(bytes.buffer, 0, 4 * groups - (5 * groups - text.length));
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
