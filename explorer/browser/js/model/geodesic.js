// The shortest way between two points of a plane, measured in decoded images: a shortest path on a grid, whose corners are
// then moved until its energy is least. The server has finer means, see `vae/geodesics.py`; this is for a page without one.
//
// The energy is a sum of squares, |phi(z_(i + 1)) - phi(z_i)|^2, and each round takes the step that would be the best were
// phi linear about each corner: Gauss and Newton's.

import { along, PATH_POINTS } from "./path.js";
import { distance, inner } from "./surface.js";

const GRID = 64; // points along an axis
const STEPS = [
  [0, 1],
  [1, 0],
  [1, 1],
  [1, -1],
  [1, 2],
  [1, -2],
  [2, 1],
  [2, -1],
];
const PIECES = [30, 60, 120]; // of the broken line, one after the other
const DESCENTS = 8; // for each
const HALVINGS = 5; // of a step that does not lower the energy
const RIDGE = 1e-4; // of the mean stiffness, where the decoder does not move
const LEAST_SHARE = 1e-4; // of the energy

// A grid over a box of the plane, with the length of each link; it serves all paths of a surface.
export class PlaneGrid {
  constructor(surface, box) {
    Object.assign(this, { surface, box });
  }

  point(number) {
    return [number % GRID, Math.floor(number / GRID)].map((place, axis) => {
      const [low, high] = this.box[axis];
      return low + (place / (GRID - 1)) * (high - low);
    });
  }

  nearest(z) {
    const [column, row] = z.map((value, axis) => {
      const [low, high] = this.box[axis];
      return Math.min(Math.max(Math.round(((value - low) / (high - low)) * (GRID - 1)), 0), GRID - 1);
    });
    return row * GRID + column;
  }

  *measure() {
    if (this.links) return;
    const count = GRID * GRID;
    const images = yield* this.surface.embed(Array.from({ length: count }, (_, number) => this.point(number)));
    const links = Array.from({ length: count }, () => []);
    for (let from = 0; from < count; from++) {
      const [column, row] = [from % GRID, Math.floor(from / GRID)];
      for (const [right, up] of STEPS) {
        if (column + right >= GRID || row + up < 0 || row + up >= GRID) continue;
        const to = (row + up) * GRID + column + right;
        const length = distance(images[from], images[to]);
        links[from].push([to, length]);
        links[to].push([from, length]);
      }
      if (from % GRID === 0) yield;
    }
    this.links = links;
  }

  // The corners of the shortest path by way of the grid, after Dijkstra.
  shortest(a, b) {
    const [start, end] = [this.nearest(a), this.nearest(b)];
    const away = new Float64Array(this.links.length).fill(Infinity);
    const onward = new Int32Array(this.links.length).fill(-1);
    const waiting = new Heap();
    away[end] = 0;
    waiting.add(end, 0);
    for (let at = waiting.take(); at && at.item !== start; at = waiting.take()) {
      if (at.value > away[at.item]) continue;
      for (const [to, length] of this.links[at.item]) {
        const there = at.value + length;
        if (there >= away[to]) continue;
        away[to] = there;
        onward[to] = at.item;
        waiting.add(to, there);
      }
    }
    const path = [a];
    for (let at = onward[start]; at >= 0 && at !== end; at = onward[at]) path.push(this.point(at));
    return [...path, b];
  }
}

// Items of which the one with the smallest value is taken first.
class Heap {
  entries = [];

  add(item, value) {
    const { entries } = this;
    let at = entries.push({ item, value }) - 1;
    while (at && entries[(at - 1) >> 1].value > value) {
      entries[at] = entries[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    entries[at] = { item, value };
  }

  take() {
    const { entries } = this;
    const [first] = entries;
    const last = entries.pop();
    if (!entries.length) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && entries[child + 1].value < entries[child].value) child += 1;
      if (entries[child].value >= last.value) break;
      entries[at] = entries[child];
      at = child;
    }
    entries[at] = last;
    return first;
  }
}

// PATH_POINTS points from a to b, at equal distances along the decoded images.
export function* geodesic(grid, a, b) {
  yield* grid.measure();
  const { surface } = grid;
  const line = along("line", a, b);
  const straight = total(yield* surface.steps(line));
  let path = grid.shortest(a, b);
  for (const pieces of PIECES) {
    path = yield* relaxed(surface, evenly(path, yield* surface.steps(path), pieces));
  }
  const curve = evenly(path, yield* surface.steps(path), PATH_POINTS - 1);
  return total(yield* surface.steps(curve)) < straight ? curve : line;
}

const total = (values) => values.reduce((sum, value) => sum + value, 0);

// `pieces` + 1 points on a broken line, at equal distances, given the lengths of its pieces.
function evenly(points, lengths, pieces) {
  const whole = total(lengths);
  let [piece, passed] = [0, 0];
  return Array.from({ length: pieces + 1 }, (_, i) => {
    if (i === 0) return points[0];
    if (i === pieces) return points.at(-1);
    const at = (i / pieces) * whole;
    while (piece < lengths.length - 1 && passed + lengths[piece] < at) passed += lengths[piece++];
    const share = lengths[piece] ? Math.min((at - passed) / lengths[piece], 1) : 0;
    return points[piece].map((value, axis) => value + share * (points[piece + 1][axis] - value));
  });
}

function energyOf(images) {
  return total(images.slice(1).map((image, i) => distance(images[i], image) ** 2));
}

function* relaxed(surface, knots) {
  let energy = Infinity;
  for (let round = 0; round < DESCENTS; round++) {
    const here = yield* surface.tangents(knots);
    energy = energyOf(here.map(({ image }) => image));
    const step = bestStep(here);
    let [moved, lower] = [null, Infinity];
    for (let share = 1, tries = 0; tries < HALVINGS && !(lower < energy); share /= 2, tries++) {
      moved = knots.map((z, i) => z.map((value, axis) => value + share * (step[i]?.[axis] ?? 0)));
      lower = energyOf(yield* surface.embed(moved));
    }
    if (!(lower < energy)) break;
    knots = moved;
    if (lower > (1 - LEAST_SHARE) * energy) break;
  }
  return knots;
}

// Where each corner should go: blocks of 2 x 2 on three diagonals, solved from the first to the last and back. The ends stay.
function bestStep(here) {
  const between = (i, j) => here[i].along.map((one) => here[j].along.map((other) => inner(one, other)));
  const pulls = here.map(({ along: axes, image }, i) =>
    axes.map((axis) => {
      if (i === 0 || i === here.length - 1) return 0;
      const [before, after] = [here[i - 1].image, here[i + 1].image];
      return inner(axis, before) + inner(axis, after) - 2 * inner(axis, image);
    }),
  );
  const metrics = here.map((_, i) => between(i, i));
  const ridge = (RIDGE * total(metrics.map(([[a], [, d]]) => a + d))) / metrics.length + 1e-12;
  const steps = here.map(() => [0, 0]);
  const onwards = [];
  const parts = [];
  for (let i = 1; i < here.length - 1; i++) {
    let block = metrics[i].map((row, k) => row.map((value, l) => 2 * value + (k === l ? ridge : 0)));
    let right = pulls[i];
    const link = between(i, i - 1);
    if (i > 1) {
      block = block.map((row, k) => row.map((value, l) => value - times(link, onwards[i - 1])[k][l]));
      right = right.map((value, k) => value + apply(link, parts[i - 1])[k]);
    }
    const inverse = inverted(block);
    onwards[i] = times(inverse, between(i, i + 1));
    parts[i] = apply(inverse, right);
  }
  for (let i = here.length - 2; i > 0; i--) {
    const more = i < here.length - 2 ? apply(onwards[i], steps[i + 1]) : [0, 0];
    steps[i] = parts[i].map((value, axis) => value + more[axis]);
  }
  return steps;
}

const apply = (matrix, vector) => matrix.map(([a, b]) => a * vector[0] + b * vector[1]);
const times = (one, other) => one.map(([a, b]) => [0, 1].map((k) => a * other[0][k] + b * other[1][k]));
function inverted([[a, b], [c, d]]) {
  const size = a * d - b * c;
  return [
    [d / size, -b / size],
    [-c / size, a / size],
  ];
}
