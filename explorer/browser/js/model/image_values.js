// A number, or a label, of each test image, as `packing.pack_values` wrote it.

import { floatsFromHalves, unpack } from "../base/bytes.js";
import { fileAt } from "../base/files.js";

const valueArrays = new Map(); // by address: promises

async function readValues(address) {
  const { buffer, facts, arrays: places } = unpack(await fileAt(address));
  const [size] = facts.sizes;
  return facts.half
    ? floatsFromHalves(new Uint16Array(buffer, places[0], size / 2))
    : new Uint8Array(buffer, places[0], size);
}

// The values at an address, which are found once; after a lost line they are asked for again.
export function valuesAt(address) {
  if (!valueArrays.has(address)) valueArrays.set(address, readValues(address));
  valueArrays.get(address).catch(() => valueArrays.delete(address));
  return valueArrays.get(address);
}
