// Many images in one picture, as `packing.pack_sheet` wrote it.

import { unpack } from "../base/bytes.js";
import { fileAt } from "../base/files.js";
import { SIDE } from "../base/images.js";

const sheets = new Map(); // by address: what can be drawn, and until then who waits for it

// The sheet at an address, or null: it is fetched when it is asked for the first time. Whoever has asked before it came is
// then called.
export function sheetAt(address, arrived) {
  if (!sheets.has(address)) {
    sheets.set(address, { sheet: null, waiting: new Set() });
    fetchSheet(address).catch(() => sheets.delete(address)); // a lost line: it is asked for again
  }
  const { sheet, waiting } = sheets.get(address);
  if (!sheet) waiting.add(arrived);
  return sheet;
}

async function fetchSheet(address) {
  const sheet = new Sheet(await fileAt(address));
  await sheet.opened;
  const entry = sheets.get(address);
  entry.sheet = sheet;
  for (const arrived of entry.waiting) arrived();
}

export class Sheet {
  constructor(bytes) {
    const { buffer, facts, arrays } = unpack(bytes);
    this.id = facts.id;
    this.columns = facts.sheet;
    this.rows = []; // grey levels, of those that were read
    this.opened = createImageBitmap(
      new Blob([new Uint8Array(buffer, arrays[0], facts.sizes[0])], { type: "image/webp" }),
    ).then((picture) => (this.picture = picture));
  }

  // Draw an image; false while the picture is not there yet.
  draw(context, index) {
    if (!this.picture) return false;
    const [x, y] = [SIDE * (index % this.columns), SIDE * Math.floor(index / this.columns)];
    context.drawImage(this.picture, x, y, SIDE, SIDE, 0, 0, SIDE, SIDE);
    return true;
  }

  // The 784 grey levels of an image, once the picture is there. A whole row of the picture is read at a time: to read each
  // image takes far longer.
  levels(index) {
    const [column, row] = [index % this.columns, Math.floor(index / this.columns)];
    this.rows[row] ??= this.read(row);
    const levels = new Uint8Array(SIDE * SIDE);
    for (let i = 0; i < levels.length; i++) {
      const [x, y] = [SIDE * column + (i % SIDE), Math.floor(i / SIDE)];
      levels[i] = this.rows[row][y * SIDE * this.columns + x];
    }
    return levels;
  }

  read(row) {
    const width = SIDE * this.columns;
    const context = new OffscreenCanvas(width, SIDE).getContext("2d", { willReadFrequently: true });
    context.drawImage(this.picture, 0, SIDE * row, width, SIDE, 0, 0, width, SIDE);
    const { data } = context.getImageData(0, 0, width, SIDE);
    return Uint8Array.from({ length: width * SIDE }, (_, i) => data[4 * i]);
  }
}
