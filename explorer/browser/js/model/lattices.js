// The lattices of a page's models, decoded and asked in a worker; where there is none, here, while the page is idle.

import { pending } from "../base/pending.js";
import { latticeAxis } from "./decoded_lattice.js";
import { LatticeWork } from "./lattice_work.js";

const IDLE_MS = 8; // of work at a time
const PAUSE_MS = 24; // between an answer and the next question, so that a page with two maps still has its frames

const script = pending(); // of the worker

// Say what the worker runs: the text of `shell/lattice_worker.js` with all that it imports.
export const decodeLatticesBy = (text) => script.open(text);

export class Lattices {
  // answered(answer): takes what `LatticeWork` tells, a heat with the `axis` of its lattice
  constructor(answered) {
    Object.assign(this, { answered, planes: [], images: new Map(), serial: 0, stopped: false });
    this.known = new Set(); // keys of planes whose decoder has been handed over
    this.sent = new Map(); // by key, the number of the last image that was asked about
    this.flying = new Set(); // keys whose last image has no answer yet
    script.promise.then((text) => this.stopped || this.begin(text));
  }

  begin(text) {
    try {
      const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      this.worker = new Worker(address);
      URL.revokeObjectURL(address);
    } catch {
      return this.stayHere(); // the page's policy allows none
    }
    this.worker.onmessage = ({ data }) => this.hear(data);
    this.worker.onerror = () => this.stayHere();
    this.tellAll();
  }

  stayHere() {
    this.worker?.terminate();
    this.worker = null;
    this.work = new LatticeWork((answer) => this.hear(answer));
    this.tellAll();
  }

  // Tell whoever has just begun the work what is shown and asked.
  tellAll() {
    this.known.clear();
    this.show(this.planes);
    for (const [key, image] of this.images) this.ask(key, image);
  }

  // planes: { key, bank, label, likelihood } of each that is to be there; other planes are forgotten.
  show(planes) {
    this.planes = planes;
    const sent = planes.map(({ key, bank, label, likelihood }) =>
      this.known.has(key) ? { key } : { key, label, likelihood, decoder: bank.parts() },
    );
    this.known = new Set(planes.map(({ key }) => key));
    for (const key of this.images.keys()) {
      if (this.known.has(key)) continue;
      this.images.delete(key);
      this.flying.delete(key);
    }
    this.send({ planes: sent });
  }

  // Ask what the posterior of an image is, 784 grey levels or null for none, of which only the pixels that are `seen` count
  // if there is such a list. Of images that come faster than answers, the last one wins. Returns the number of the image;
  // answers with a lower one are about images before it.
  see(key, levels, { q = null, seen = null } = {}) {
    const last = this.images.get(key);
    if (last?.levels === levels) return last.serial;
    const image = { serial: ++this.serial, levels, q, seen };
    this.images.set(key, image);
    if (!levels || !this.flying.has(key)) this.ask(key, image);
    return image.serial;
  }

  ask(key, image) {
    if (image.levels) this.flying.add(key);
    else this.flying.delete(key);
    this.sent.set(key, image.serial);
    this.send({ key, ...image });
  }

  hear(answer) {
    const { key, serial } = answer;
    const image = this.images.get(key);
    if (!image) return;
    if (this.flying.has(key) && serial === this.sent.get(key)) setTimeout(() => this.landed(key), PAUSE_MS);
    if (image.levels) this.answered(answer.kind === "heat" ? { ...answer, axis: latticeAxis(answer.size) } : answer);
  }

  // Ask about the image that has come since the last question.
  landed(key) {
    this.flying.delete(key);
    const image = this.images.get(key);
    if (image?.levels && this.sent.get(key) !== image.serial) this.ask(key, image);
  }

  send(message) {
    this.worker?.postMessage(message);
    if (!this.work) return;
    this.work.take(message);
    this.turn();
  }

  // Work on while nothing else is to do.
  turn() {
    if (this.turning) return;
    this.turning = true;
    const wait =
      globalThis.requestIdleCallback ?? ((run) => setTimeout(() => run({ timeRemaining: () => IDLE_MS }), 4));
    wait((idle) => {
      this.turning = false;
      if (this.work?.work(Math.min(idle.timeRemaining(), IDLE_MS))) this.turn();
    });
  }

  stop() {
    this.stopped = true;
    this.worker?.terminate();
    this.worker = this.work = null;
  }
}
