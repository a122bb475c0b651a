// The exact posterior of an image on windows of the plane, decoded cell by cell: about each of its modes if a lattice is too
// coarse for them, else about what the lattice says. Their sum is log p(x).

import { latticeAxis, logSum } from "./decoded_lattice.js";

const WINDOW_CELLS = 40; // along a side of a window
const WINDOW_SIGMAS = 4.5; // from the middle of a mode to the edge of its window
const EDGE_NATS = 8; // below the peak: what is higher than that at the edge of a window makes it wider
const WIDER_BY = 0.4; // of its width, on a side
const MOST_ROUNDS = 5;
const PEAK_NATS = 5; // below the highest cell: a peak that is lower is the middle of no good normal
const MOST_PEAKS = 4;
const NEGLIGIBLE_NATS = 10; // below the peak, from where on nothing is left to see or to add
const MASSES = [1 - Math.exp(-0.5), 1 - Math.exp(-2)]; // within the two lines, as of a normal's 1 and 2 sigma

// The windows that hold the posterior.
// modes: those that are too narrow for the lattice, or null; values: log p(x, z) at the points of the lattice of this size
export function windowsOf(modes, values, size) {
  if (!modes) return [aboutLattice(values, size)];
  const most = Math.max(...modes.map(({ evidence }) => evidence));
  return apart(modes.filter(({ evidence }) => evidence > most - NEGLIGIBLE_NATS).map(aboutMode));
}

function aboutMode({ z, fisher: [a, b, c] }) {
  const size = a * c - b * b;
  return [c, a].map((part, axis) => {
    const reach = WINDOW_SIGMAS * Math.sqrt(part / size);
    return [z[axis] - reach, z[axis] + reach];
  });
}

function aboutLattice(values, size) {
  const { coordinates } = latticeAxis(size);
  const highest = values.reduce((one, other) => Math.max(one, other), -Infinity);
  const bounds = [
    [size - 1, 0],
    [size - 1, 0],
  ];
  values.forEach((value, number) => {
    if (value < highest - NEGLIGIBLE_NATS) return;
    [number % size, Math.floor(number / size)].forEach((at, axis) => {
      bounds[axis] = [Math.min(bounds[axis][0], at - 1), Math.max(bounds[axis][1], at + 1)];
    });
  });
  return bounds.map(([low, high]) => [coordinates[Math.max(low, 0)], coordinates[Math.min(high, size - 1)]]);
}

const overlap = (one, other) => one.every(([low, high], axis) => low < other[axis][1] && other[axis][0] < high);
const boxAround = (one, other) =>
  one.map(([low, high], axis) => [Math.min(low, other[axis][0]), Math.max(high, other[axis][1])]);

// Windows that overlap become one.
function apart(windows) {
  const kept = [];
  for (const window of windows) {
    let grown = window;
    for (let i = kept.length - 1; i >= 0; i--)
      if (overlap(kept[i], grown)) grown = boxAround(kept.splice(i, 1)[0], grown);
    kept.push(grown);
  }
  return kept;
}

class PosteriorGrid {
  constructor(window) {
    this.window = window;
  }

  get area() {
    return this.window.reduce((product, [low, high]) => (product * (high - low)) / WINDOW_CELLS, 1);
  }

  // The middle of a cell; the first row is at the top.
  middle(number) {
    return [number % WINDOW_CELLS, WINDOW_CELLS - 1 - Math.floor(number / WINDOW_CELLS)].map((at, axis) => {
      const [low, high] = this.window[axis];
      return low + ((at + 0.5) / WINDOW_CELLS) * (high - low);
    });
  }

  *measure(sight) {
    const middles = Array.from({ length: WINDOW_CELLS * WINDOW_CELLS }, (_, number) => this.middle(number));
    this.values = yield* sight.logJoints(middles);
  }

  get highest() {
    return this.values.reduce((one, other) => Math.max(one, other), -Infinity);
  }

  // The window, wider on each side on whose edge a cell is above a level.
  widened(level) {
    const edges = [0, 1].map(() => [-Infinity, -Infinity]);
    this.values.forEach((value, number) => {
      const at = [number % WINDOW_CELLS, WINDOW_CELLS - 1 - Math.floor(number / WINDOW_CELLS)];
      at.forEach((place, axis) => {
        const end = [0, WINDOW_CELLS - 1].indexOf(place);
        if (end >= 0) edges[axis][end] = Math.max(edges[axis][end], value);
      });
    });
    if (!edges.flat().some((edge) => edge > level)) return this.window;
    return this.window.map(([low, high], axis) => {
      const more = (high - low) * WIDER_BY;
      return [edges[axis][0] > level ? low - more : low, edges[axis][1] > level ? high + more : high];
    });
  }

  // log of the mass in the window, and how far that of every second cell, as on a draughts board, is from it.
  logMass() {
    const whole = logSum(this.values) + Math.log(this.area);
    const half = this.values.filter((_, number) => (number + Math.floor(number / WINDOW_CELLS)) % 2);
    return { whole, error: Math.abs(logSum(half) + Math.log(2 * this.area) - whole) };
  }

  // Normals about the cells that are higher than all around them, the highest first, as wide as the posterior is there.
  normals() {
    const { values } = this;
    const steps = this.window.map(([low, high]) => (high - low) / WINDOW_CELLS);
    const tops = [...values.keys()].filter((number) => {
      const column = number % WINDOW_CELLS;
      if (values[number] < this.highest - PEAK_NATS || column === 0 || column === WINDOW_CELLS - 1) return false;
      return [-1, 0, 1].every((down) =>
        [-1, 0, 1].every((right) => !(values[number + down * WINDOW_CELLS + right] > values[number])),
      );
    });
    tops.sort((one, other) => values[other] - values[one]);
    return tops.slice(0, MOST_PEAKS).map((number) => {
      const bend = [1, WINDOW_CELLS].map(
        (next) => 2 * values[number] - (values[number + next] ?? -Infinity) - (values[number - next] ?? -Infinity),
      );
      const std = bend.map((value, axis) => steps[axis] / Math.sqrt(Math.min(Math.max(value, 1e-3), 1)));
      return { mean: this.middle(number), std };
    });
  }

  // Nats below the highest cell, and the levels of the two lines.
  shades() {
    const { highest } = this;
    const below = this.values.map((value) => highest - value);
    const sorted = below.toSorted((one, other) => one - other);
    const total = sorted.reduce((sum, nats) => sum + Math.exp(-nats), 0);
    const levels = MASSES.map((enough) => {
      let held = 0;
      return sorted.find((nats) => (held += Math.exp(-nats)) >= enough * total) ?? sorted.at(-1);
    });
    return { window: this.window, side: WINDOW_CELLS, below, levels };
  }
}

// log p(x) in nats with its error, and the grids, that of the most mass first. A window at whose edge there is something
// left is made wider.
export function* posteriorOn(windows, sight) {
  let grids = [];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const measured = grids;
    grids = apart(windows).map(
      (window) => measured.find((grid) => grid.window === window) ?? new PosteriorGrid(window),
    );
    for (const grid of grids) if (!grid.values) yield* grid.measure(sight);
    const highest = Math.max(...grids.map((grid) => grid.highest));
    windows = grids.map((grid) => grid.widened(highest - EDGE_NATS));
    if (windows.every((window, i) => window === grids[i].window)) break;
  }
  const masses = new Map(grids.map((grid) => [grid, grid.logMass()]));
  grids.sort((one, other) => masses.get(other).whole - masses.get(one).whole);
  const logPx = logSum([...masses.values()].map(({ whole }) => whole));
  const error = logSum([...masses.values()].map(({ whole, error }) => whole + Math.log(error + 1e-9))) - logPx;
  return { logPx, error: Math.exp(error), grids };
}

// The grids as seen from afar: one window that holds all of them, each of whose cells has what lies in it.
export function fromAfar(grids) {
  const window = grids.map((grid) => grid.window).reduce(boxAround);
  const afar = new PosteriorGrid(window);
  const masses = new Float64Array(WINDOW_CELLS * WINDOW_CELLS);
  const top = Math.max(...grids.flatMap(({ values }) => values));
  for (const grid of grids) {
    grid.values.forEach((value, number) => {
      const [column, row] = grid.middle(number).map((at, axis) => {
        const [low, high] = window[axis];
        return Math.min(Math.floor(((at - low) / (high - low)) * WINDOW_CELLS), WINDOW_CELLS - 1);
      });
      masses[(WINDOW_CELLS - 1 - row) * WINDOW_CELLS + column] += Math.exp(value - top) * grid.area;
    });
  }
  afar.values = Array.from(masses, (mass) => Math.log(mass / afar.area + 1e-300) + top);
  return afar;
}
