// Many images in one picture, as `packing.pack_sheet` wrote it.

import { unpack } from "../base/bytes.js";
import { SIDE } from "../base/images.js";

export class Sheet {
  constructor(bytes) {
    const { buffer, facts, arrays } = unpack(bytes);
    this.id = facts.id;
    this.columns = facts.sheet;
    createImageBitmap(new Blob([new Uint8Array(buffer, arrays[0], facts.sizes[0])], { type: "image/png" })).then(
      (picture) => (this.picture = picture),
    );
  }

  draw(context, index) {
    if (!this.picture) return;
    const [x, y] = [SIDE * (index % this.columns), SIDE * Math.floor(index / this.columns)];
    context.drawImage(this.picture, x, y, SIDE, SIDE, 0, 0, SIDE, SIDE);
  }
}
