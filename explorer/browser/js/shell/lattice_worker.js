// What a worker runs for `model/lattices.js`: the work on lattices, with a look at its messages between two pieces of it.

import { LatticeWork } from "../model/lattice_work.js";

const PIECE_MS = 2;
const REST_MS = 4; // between two pieces while a pen moves, so that the page has the cores
const MOVING_MS = 150; // after an image, as long as a pen counts as moving

const latticeWork = new LatticeWork((answer) => postMessage(answer));
const turns = new MessageChannel(); // comes round sooner than a timer
let turning = false;
let asked = -MOVING_MS; // when the last image came

function takeTurn() {
  turning = true;
  if (performance.now() - asked < MOVING_MS) setTimeout(() => turns.port2.postMessage(null), REST_MS);
  else turns.port2.postMessage(null);
}

turns.port1.onmessage = () => {
  turning = false;
  if (latticeWork.work(PIECE_MS)) takeTurn();
};

addEventListener("message", ({ data }) => {
  if (data.levels) asked = performance.now();
  latticeWork.take(data);
  if (!turning) takeTurn();
});
