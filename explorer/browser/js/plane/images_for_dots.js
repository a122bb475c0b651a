// Images in place of dots, where a map is zoomed in so far that there is room for them. Which codes have one depends on the
// zoom and on the classes that are shown, not on the part of the plane that is in view: nothing flickers while it is moved.

import { classInks } from "../base/classes.js";
import { growth } from "../base/dom.js";
import { SIDE } from "../base/images.js";
import { mixed } from "./cloud.js";
import { fitted } from "./viewport.js";

const LEAST_ZOOM = 2; // times as near as the whole map
const CROWD = 4; // codes that an image may cover, its own among them
const FRAME_PIXELS = 2; // around an image
const GAP_PIXELS = 2; // between two frames, at least, but for rounding
const LARGE_SHARE = 0.5; // of the codes, that must have room for a large image
const TILES_MS = 8; // of a frame, to make images
const MOST_TILES = 2000; // that are kept
const UNSELECTED = 0.3; // the opacity beside those that are lit

// Points in the cells of a square lattice: linked lists, of which each cell has the head.
class Cells {
  constructor(size, codes) {
    Object.assign(this, { size, codes, heads: new Map(), next: new Int32Array(codes.length / 2) });
  }

  add(i) {
    const name = this.name(...this.cell(i));
    this.next[i] = this.heads.get(name) ?? -1;
    this.heads.set(name, i);
  }

  cell(i) {
    return [Math.floor(this.codes[2 * i] / this.size), Math.floor(this.codes[2 * i + 1] / this.size)];
  }

  // Two cells far from each other may share one.
  name(column, row) {
    return column * 67_108_859 + row;
  }

  // How many of the points lie within a distance of code i along both axes, at most a cell's size; no more than `most`.
  around(i, distance, most) {
    const { codes, heads, next } = this;
    const [x, y] = [codes[2 * i], codes[2 * i + 1]];
    const [column, row] = this.cell(i);
    let count = 0;
    for (let across = -1; across <= 1; across++) {
      for (let up = -1; up <= 1; up++) {
        for (let j = heads.get(this.name(column + across, row + up)) ?? -1; j >= 0; j = next[j]) {
          if (Math.abs(codes[2 * j] - x) < distance && Math.abs(codes[2 * j + 1] - y) < distance) count += 1;
          if (count >= most) return count;
        }
      }
    }
    return count;
  }
}

// The codes that have an image where one takes a square of this size on the plane: in a fixed order each for which there is
// room beside those before it, unless it would hide a crowd.
function spaced({ codes, labels }, order, shown, size) {
  const [all, placed] = [new Cells(size, codes), new Cells(size, codes)];
  const indices = [];
  for (let i = 0; i < labels.length; i++) if (shown[labels[i]]) all.add(i);
  for (const i of order) {
    if (!shown[labels[i]] || placed.around(i, size, 1)) continue;
    if (all.around(i, size / 2, CROWD + 1) > CROWD) continue;
    placed.add(i);
    indices.push(i);
  }
  return indices;
}

export class ImagesForDots {
  // draw(context, index): the image of a code, false while it is not there yet
  constructor(bank, draw) {
    Object.assign(this, { bank, draw, tiles: new Map(), unit: 0, indices: [] });
    this.order = Uint32Array.from(mixed(bank.count));
  }

  // Place them for a view; false where it shows too much.
  fit(view, shown) {
    const { width, height } = view.frame();
    const unit = view.unit();
    const [[low, high]] = fitted(view.home ?? [[0, 0]], [width, height]);
    if (!view.home || unit * LEAST_ZOOM > (high - low) / width) return false;
    const look = [growth(), ...shown].join();
    if (look === this.look && Math.abs(unit / this.unit - 1) < 1e-6) return true;
    const usual = SIDE * Math.max(1, Math.round(growth()));
    const most = LARGE_SHARE * this.bank.labels.reduce((sum, label) => sum + shown[label], 0);
    const place = (side) => spaced(this.bank, this.order, shown, (side + 2 * FRAME_PIXELS + GAP_PIXELS) * unit);
    const usually = place(usual);
    const large = usually.length < most ? [] : place(2 * usual);
    const [side, indices] = large.length < most ? [usual, usually] : [2 * usual, large];
    Object.assign(this, { look, unit, side, indices });
    return true;
  }

  // The codes whose images are in view, if only in part.
  inView(view) {
    const { x, y } = view.frame();
    const reach = (this.side / 2 + FRAME_PIXELS) * view.unit();
    const within = (value, [low, high]) => value > low - reach && value < high + reach;
    const { codes } = this.bank;
    return this.indices.filter((i) => within(codes[2 * i], x) && within(codes[2 * i + 1], y));
  }

  // lit: of each code, whether it stands out; null where all do. False where there was not time enough for all.
  paint(context, view, shown, lit) {
    this.count = 0;
    if (!this.fit(view, shown)) return true;
    const until = performance.now() + TILES_MS;
    const inks = classInks();
    let finished = true;
    context.imageSmoothingEnabled = false;
    context.lineWidth = FRAME_PIXELS;
    for (const index of this.inView(view)) {
      const tile = this.tiles.get(index) ?? (performance.now() < until && this.tile(index));
      finished &&= tile !== false;
      if (!tile) continue;
      const [x, y] = view.toPixel(this.bank.code(index)).map((middle) => Math.round(middle - this.side / 2));
      context.globalAlpha = lit && !lit[index] ? UNSELECTED : 1;
      context.drawImage(tile, x, y, this.side, this.side);
      context.strokeStyle = inks[this.bank.labels[index]];
      const rim = FRAME_PIXELS / 2;
      context.strokeRect(x - rim, y - rim, this.side + 2 * rim, this.side + 2 * rim);
      this.count += 1;
    }
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = true;
    return finished;
  }

  // A picture of an image, or null while what is drawn is not there yet.
  tile(index) {
    const tile = new OffscreenCanvas(SIDE, SIDE);
    if (!this.draw(tile.getContext("2d"), index)) return null;
    if (this.tiles.size >= MOST_TILES) this.tiles.clear();
    this.tiles.set(index, tile);
    return tile;
  }
}
