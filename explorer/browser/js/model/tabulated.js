// A decoder that is not ours, as `packing.pack_table` wrote it: its images at the crossings of lines across the plane. A
// point is decoded as the mean of the four crossings around it, each weighted by how near it is; what lies beyond the
// last line, as the nearest point of that line.

import { Bank } from "./bank.js";
import { PIXELS } from "./network.js";

const WHITE = 255;

// The line before a place, and which part of the way to the next line lies between them, from 0 to 1.
function lineBefore(lines, place) {
  const last = lines.length - 2;
  let line = 0;
  while (line < last && place >= lines[line + 1]) line++;
  const part = (place - lines[line]) / (lines[line + 1] - lines[line]);
  return [line, Math.min(Math.max(part, 0), 1)];
}

export class Tabulated extends Bank {
  constructor(blob) {
    super(blob);
    const { buffer, arrays } = blob;
    const [across, up, levels] = arrays.slice(2);
    this.across = new Float32Array(buffer, across, this.lines);
    this.up = new Float32Array(buffer, up, this.lines);
    this.levels = new Uint8Array(buffer, levels, PIXELS * this.lines ** 2);
    this.means = new Float32Array(PIXELS);
  }

  get inWords() {
    return `${this.name}: ${this.count.toLocaleString("en")} codes in ${this.classes.length} classes`;
  }

  decode([x, y]) {
    const { lines, levels, means } = this;
    const [column, right] = lineBefore(this.across, x);
    const [row, above] = lineBefore(this.up, y);
    const weights = [(1 - above) * (1 - right), (1 - above) * right, above * (1 - right), above * right];
    const [a, b, c, d] = weights.map((weight) => weight / WHITE);
    let at = row * lines + column;
    for (let pixel = 0; pixel < PIXELS; pixel++, at += lines * lines) {
      means[pixel] = a * levels[at] + b * levels[at + 1] + c * levels[at + lines] + d * levels[at + lines + 1];
    }
    return means;
  }
}
