// The exact posterior of an image on windows of the plane, decoded cell by cell: about each of its modes if a lattice is too
// coarse for them, else about what the lattice says. Their sum is log p(x).

import { latticeAxis, logSum } from "./decoded_lattice.js";

const WINDOW_CELLS = 48; // along a side of a window
const WINDOW_SIGMAS = 4.5; // from the middle of a mode to the edge of its window
const NEGLIGIBLE_NATS = 10; // below the peak, from where on nothing is left to see or to add
const MASSES = [1 - Math.exp(-0.5), 1 - Math.exp(-2)]; // within the two lines, as of a normal's 1 and 2 sigma

// The windows that hold the posterior.
// modes: those that are too narrow for the lattice, or null; values: log p(x, z) at the points of the lattice of this size
export function windowsOf(modes, values, size) {
  return modes ? apart(modes.map(aboutMode)) : [aboutLattice(values, size)];
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

export class PosteriorGrid {
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

  // log of the mass in the window, and how far that of every second row and column is from it.
  logMass() {
    const whole = logSum(this.values) + Math.log(this.area);
    const half = this.values.filter(
      (_, number) => (number % WINDOW_CELLS) % 2 && Math.floor(number / WINDOW_CELLS) % 2,
    );
    return { whole, error: Math.abs(logSum(half) + Math.log(4 * this.area) - whole) };
  }

  // Nats below the highest cell, and the levels of the two lines.
  shades() {
    const highest = this.values.reduce((one, other) => Math.max(one, other), -Infinity);
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

// log p(x) in nats with its error, and the grids, that of the most mass first.
export function* posteriorOn(windows, sight) {
  const grids = windows.map((window) => new PosteriorGrid(window));
  for (const grid of grids) yield* grid.measure(sight);
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
