// What a worker runs for `model/lattices.js`: the work on lattices, with a look at its messages between two pieces of it.

import { LatticeWork } from "../model/lattice_work.js";

const PIECE_MS = 4;

const latticeWork = new LatticeWork((answer) => postMessage(answer));
const turns = new MessageChannel(); // comes round sooner than a timer
let turning = false;

function takeTurn() {
  turning = true;
  turns.port2.postMessage(null);
}

turns.port1.onmessage = () => {
  turning = false;
  if (latticeWork.work(PIECE_MS)) takeTurn();
};

addEventListener("message", ({ data }) => {
  latticeWork.take(data);
  if (!turning) takeTurn();
});
