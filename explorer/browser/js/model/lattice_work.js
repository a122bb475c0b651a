// The work on the lattices of a page, in small pieces: a worker does it, or where there is none the page itself between
// its frames. Planes come and go with `take`, images come with it too, and answers are told as they are found.

import { DecodedLattice, logSum } from "./decoded_lattice.js";
import { Decoder } from "./decoder.js";
import { GREYS } from "./likelihood.js";
import { diagonalNormal, elboOf, findModes, mixtureEvidence, QUICK, Sight, THOROUGH } from "./posterior_modes.js";

const STARTS = 16; // highest points of a lattice at which modes are looked for
const FEW_STARTS = 4; // the same where the lattice is fine enough for the posterior
const TOPS = 12; // further starts of a thorough search: a mode between the points of a lattice need not be a peak of it
const COMPLETIONS = 8; // drawn of what is not seen
const HOPELESS = 20; // nats below the likeliest class, from where on a class is left as its lattice has it

// The sizes of a plane's lattices, and when each one's turn comes among those of all planes: all are usable early. Until
// there is an image only the first are decoded, and the last only where the one before is too coarse for the image.
const OF_MAP = [
  { turn: 0, size: 32 },
  { turn: 3, size: 64 },
  { turn: 4, size: 128 },
];
const OF_CLASSES = [
  { turn: 1, size: 16 },
  { turn: 2, size: 32 },
  { turn: 5, size: 64 },
];
const BITS = { map: 16, classes: 8 }; // so that a model's lattices take at most 58 MB

class Plane {
  // label: the class that a map shows, or null for all classes, whose probabilities are then asked for
  constructor({ key, decoder, label, likelihood }) {
    Object.assign(this, { key, label, likelihood, decoder: new Decoder(decoder) });
    this.ofClasses = label === null;
    this.labels = this.ofClasses ? this.decoder.classes.map((_, i) => i) : [label];
    const sizes = this.ofClasses ? OF_CLASSES : OF_MAP;
    this.waiting = sizes.flatMap((each, rank) =>
      this.labels.map((of) => ({ ...each, of, first: !rank, last: rank === sizes.length - 1 })),
    );
    this.lattices = new Map(); // the finest complete one of each label
    this.coarse = new Set(); // labels whose finest lattice is too coarse for the image
    this.asked = null; // the image and what belongs to it
    this.thinking = null; // a generator that finds what takes longer
    this.thorough = false; // whether it only looks again for what is known already
    this.due = false; // whether it is about an older image, and another one is to follow
  }

  // The lattice that is to be decoded next, if one is needed.
  get next() {
    return this.waiting.find(({ first, last, of }) => first || (this.asked && (!last || this.coarse.has(of))));
  }

  // Decode four points of it; whether that made it complete.
  decode() {
    this.begun ??= this.next;
    const { size, of } = this.begun;
    this.building ??= new DecodedLattice(
      this.decoder,
      of,
      this.likelihood,
      size,
      BITS[this.ofClasses ? "classes" : "map"],
    );
    this.building.decodeNextFour();
    if (!this.building.complete) return false;
    this.lattices.set(of, this.building);
    this.waiting.splice(this.waiting.indexOf(this.begun), 1);
    this.building = this.begun = null;
    return this.lattices.size === this.labels.length;
  }

  // What is known at once of the image that was asked about.
  heat() {
    const lattice = this.lattices.get(this.label).see(this.asked.levels, this.asked.seen);
    const masses = lattice.logMasses();
    this.heated = { lattice, masses };
    return { kind: "heat", serial: this.asked.serial, size: lattice.size, logJoint: lattice.logJoint(masses) };
  }

  // Think about the image that was asked about, once what is being thought of is found.
  think() {
    if (this.thorough) this.thinking = null;
    this.thorough = false;
    this.due = Boolean(this.thinking);
    this.thinking ??= this.find(this.asked);
  }

  find(asked) {
    if (this.ofClasses) return this.classify(asked);
    return asked.seen ? this.complete(asked, this.heated) : this.guess(asked, this.heated);
  }

  // Think on for a moment: an answer, or null.
  thinkOn() {
    const { done, value } = this.thinking.next();
    if (!done) return null;
    this.thinking = null;
    if (this.due) this.think();
    else if (value.kind === "guess" && !value.settled && !this.next) this.lookAgain();
    return value;
  }

  // Look thoroughly for the modes of a posterior that is too narrow for the finest lattice, while nothing else is asked.
  lookAgain() {
    this.thorough = true;
    this.thinking = this.guess(this.asked, this.heated, THOROUGH);
  }

  forget() {
    Object.assign(this, { asked: null, thinking: null, thorough: false, due: false });
  }

  // log p(x), and the ELBO of the encoder's q, or of the best mode's normal where there is no encoder.
  *guess({ serial, levels, q }, heated, search = QUICK) {
    const { logPx, modes, sight } = yield* this.integrate({ levels }, heated, !q, search);
    const normal = q ?? diagonalNormal(modes[0]);
    const elbo = yield* elboOf(sight, normal);
    const standing = this.standing(heated, modes);
    const settled = standing.settled && (!standing.narrow || search === THOROUGH);
    return { kind: "guess", serial, ...standing, settled, logPx: Math.max(logPx, elbo), elbo, q: normal };
  }

  // How fine the lattice is by which something was found, and the modes where these are too narrow for it.
  standing({ lattice, masses }, modes) {
    const settled = !this.next; // no finer lattice is to come
    return { size: lattice.size, settled, narrow: lattice.tooCoarse(masses) ? modes : null };
  }

  // What the pixels that are not seen may be: log p(seen), the expected image, and images drawn from it.
  *complete({ serial, levels, seen }, heated) {
    const { logPx, modes, sight } = yield* this.integrate({ levels, seen }, heated, true);
    const { lattice, masses } = heated;
    const expected = yield* lattice.expected(masses);
    const places = lattice.draws(masses, COMPLETIONS);
    const samples = [];
    for (let n = 0; n < COMPLETIONS; n += 4) {
      const four = this.decoder.decodeFour(places.slice(n, n + 4), lattice.label);
      samples.push(...four.map((image) => image.slice()));
      yield;
    }
    for (const image of [expected, ...samples]) sight.x.forEach((value, i) => seen[i] && (image[i] = value));
    const code = modes[0].z;
    return { kind: "completion", serial, ...this.standing(heated, modes), logPx, code, expected, samples, places };
  }

  // log p(x | y) of every class y, and a code given each.
  *classify({ serial, levels, seen }) {
    const all = [];
    for (const lattice of this.lattices.values()) {
      const masses = lattice.see(levels, seen).logMasses();
      const code = lattice.point(lattice.highest(masses));
      all[lattice.label] = { lattice, masses, logPx: logSum(masses), code };
      yield;
    }
    const best = Math.max(...all.map(({ logPx }) => logPx));
    for (const each of all) {
      this.coarse.delete(each.lattice.label);
      if (each.logPx < best - HOPELESS) continue;
      const { logPx, modes } = yield* this.integrate({ levels, seen }, each, true);
      Object.assign(each, { logPx, code: modes[0].z });
    }
    return { kind: "classes", serial, logPx: all.map(({ logPx }) => logPx), codes: all.map(({ code }) => code) };
  }

  // log p(x) from the lattice, or from the modes where these are too narrow for it.
  *integrate({ levels, seen = null }, { lattice, masses }, withModes, search = QUICK) {
    const sight = new Sight(
      this.decoder,
      lattice.label,
      this.likelihood,
      Float32Array.from(levels, (level) => level / GREYS),
      seen,
    );
    const coarse = lattice.tooCoarse(masses);
    this.coarse[coarse ? "add" : "delete"](lattice.label);
    if (!coarse && !withModes) return { logPx: logSum(masses), modes: [], sight };
    const joint = lattice.logJoint(masses);
    const starts = new Set(lattice.peaks(joint, coarse ? STARTS : FEW_STARTS));
    if (search === THOROUGH) for (const number of lattice.tops(joint, TOPS)) starts.add(number);
    const modes = yield* findModes(
      sight,
      [...starts].map((number) => lattice.point(number)),
      search,
    );
    return { logPx: coarse ? yield* mixtureEvidence(sight, modes, search) : logSum(masses), modes, sight };
  }
}

export class LatticeWork {
  // tell(answer): takes { key, serial, kind, ... } with kind "heat", "guess", "completion" or "classes"
  constructor(tell) {
    Object.assign(this, { tell, planes: new Map(), count: 0 });
  }

  // message: { planes: [{ key, decoder, label, likelihood }] }, all that are shown, those known already by their keys
  // alone; or { key, serial, levels, q, seen }, an image of 784 grey levels, without levels if there is none, and which of
  // its pixels are seen, if not all are
  take({ planes, ...asked }) {
    if (!planes) return this.see(asked);
    const known = this.planes;
    this.planes = new Map(planes.map((facts) => [facts.key, known.get(facts.key) ?? new Plane(facts)]));
  }

  see(asked) {
    const plane = this.planes.get(asked.key);
    if (!plane) return;
    if (!asked.levels) return plane.forget();
    plane.asked = asked;
    this.answer(plane);
  }

  answer(plane) {
    if (!plane.asked || plane.lattices.size < plane.labels.length) return;
    if (!plane.ofClasses) this.tell({ key: plane.key, ...plane.heat() });
    plane.think();
  }

  // Work for a while; whether anything is left to do. What was asked comes before further lattices.
  work(milliseconds) {
    const until = performance.now() + milliseconds;
    while (performance.now() < until) if (!this.step()) return false;
    return true;
  }

  // By turns four decoded points and a moment's thought about one of the images.
  step() {
    const planes = [...this.planes.values()];
    const thinkers = planes.filter(({ thinking }) => thinking);
    const [next] = planes.filter((plane) => plane.next).sort((a, b) => a.next.turn - b.next.turn);
    this.count += 1;
    if (next && (!thinkers.length || this.count % 2)) {
      if (next.decode()) this.answer(next);
    } else if (thinkers.length) {
      const thinker = thinkers[Math.floor(this.count / 2) % thinkers.length];
      const answer = thinker.thinkOn();
      if (answer) this.tell({ key: thinker.key, ...answer });
    }
    return Boolean(next || thinkers.length);
  }
}
