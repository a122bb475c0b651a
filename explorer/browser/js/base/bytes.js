// Bytes as they come: base64, half floats, and blobs as `packing.py` writes them.

export const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
export const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

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
