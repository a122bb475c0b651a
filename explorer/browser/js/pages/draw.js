// Draw: a pad whose every stroke moves the codes and the exact posteriors on both maps, what each model makes of the
// drawing, and ten digits in its style. All of it is computed here while the pen moves, but for a likelihood whose sigma
// differs from pixel to pixel, of which the server finds what no encoder says once the pen is lifted.
//
// Where it is to be completed, what is not drawn is not paper but unknown: the posterior is that of what is seen, and shown
// is what the rest may be.

import { announce } from "../base/announce.js";
import { fromBase64, toBase64 } from "../base/bytes.js";
import { button, element, exactInk, rgbOf, setText, theme } from "../base/dom.js";
import { blank, drawPixels, drawUnseen, fromGreys, imageCanvas } from "../base/images.js";
import { atMostEvery, oncePerFrame } from "../base/motion.js";
import { probe } from "../base/probe.js";
import { SIDES } from "../base/sides.js";
import { bankOf } from "../model/banks.js";
import { Encoder } from "../model/encoder.js";
import { Lattices } from "../model/lattices.js";
import { softmax } from "../model/network.js";
import { seenOf } from "../model/seen.js";
import { Chart } from "../plane/chart.js";
import { LatticeHeat } from "../plane/lattice_heat.js";
import { Lens } from "../plane/lens.js";
import { drawAim, drawDot, drawEllipses, drawPrior, drawTowards, drawTrail, SMALL_DOT } from "../plane/marks.js";
import { DrawnPanel } from "../widgets/drawn_panel.js";
import { Pad } from "../widgets/pad.js";

const TRAIL = 90; // codes
const TEN_MS = 2; // of a frame, for the ten digits
const READ_MS = 100; // while the pen moves, between two showings of what is to be read

export class Draw {
  constructor() {
    this.parents = new Map();
    this.panels = {};
    this.asked = null;
    this.due = []; // of the ten digits, those that have to be drawn again
    this.requestTen = oncePerFrame(() => this.paintTen());
    this.requestPanels = atMostEvery(READ_MS, () => this.parents.size && this.showPanels());
    this.found = {}; // of each side: { code, q }
    this.lattices = new Lattices((answer) => this.hear(answer));
    this.forgetAnswers();
    this.trails = { left: [], right: [] };
    this.lenses = {};
    this.charts = {};
    for (const side of SIDES) {
      this.lenses[side] = new Lens();
      this.charts[side] = new Chart(`draw_${side}`, {
        about: (chart) => this.about(side, chart),
        codes: () => this.banks[this.data.sides[side].bank],
        paint: (context, chart) => this.paint(side, context, chart),
        hover: (z, chart) => this.hover(side, z, chart),
        leave: () => this.lenses[side].hide(),
        pick: () => {},
      });
    }
  }

  // data: DrawPart or DrawPad of `payloads.py`
  async update(data, { tell, parentElement, mounted }) {
    if (!this.parents.has(parentElement)) this.build(data.part, parentElement);
    this.parents.set(parentElement, data.part);
    this.exact = await exactInk();
    if (!mounted()) return;
    if (data.part === "pad") {
      this.tell = tell;
      this.glow = rgbOf(getComputedStyle(this.pad.ghost.canvas).color);
      const shown = [data.style, ...Object.values(data.sides)].filter(Boolean);
      const names = shown.flatMap(({ bank, encoder, sheet }) => [bank, encoder, sheet]).filter(Boolean);
      const opened = await Promise.all(names.map(async (name) => [name, await bankOf(name)]));
      if (!mounted()) return;
      this.banks = Object.fromEntries(opened);
      const encoders = shown.map(({ encoder }) => encoder).filter(Boolean);
      this.encoders = Object.fromEntries(encoders.map((name) => [name, new Encoder(this.banks[name])]));
      if (this.data && SIDES.some((side) => this.data.sides[side]?.bank !== data.sides[side]?.bank)) this.forget();
      const turned = this.data && this.data.complete !== data.complete;
      this.data = data;
      this.showPlanes();
      if (data.loaded !== this.loaded) this.load(data);
      else if (turned) this.turn();
    }
    this.attach();
    this.show();
  }

  // A drawing that was begun before the server's first answer stays, unless the server has one already.
  load({ loaded, form, asked }) {
    const begun = this.loaded === undefined && this.pixels && !form;
    this.loaded = loaded;
    if (begun) return this.turn();
    this.asked = asked;
    this.forget();
    this.pad.load(form ? fromBase64(form) : null);
  }

  // What is drawn is looked at in the other way from now on.
  turn() {
    this.forget();
    this.forgetAnswers();
    this.changed();
    this.send();
  }

  forget() {
    this.trails = { left: [], right: [] };
  }

  // What the lattices have said, by their keys.
  forgetAnswers() {
    Object.assign(this, { heats: {}, guesses: {}, bayes: {} });
  }

  // The lattices that the page needs: one of each map with a prior, and those of all classes.
  showPlanes() {
    const { sides, style } = this.data;
    const wanted = [...Object.values(sides), ...(style ? [{ ...style, label: null }] : [])];
    const planes = wanted
      .filter(({ likelihood }) => likelihood)
      .map((each) => ({ ...each, key: latticeKey(each), bank: this.banks[each.bank] }));
    const byKey = new Map(planes.map((plane) => [plane.key, plane]));
    this.lattices.show([...byKey.values()]);
  }

  // Ask what the drawing's posterior is under the model of a map or of the ten classes.
  see(asked, q = null) {
    if (asked.likelihood) this.lattices.see(latticeKey(asked), this.pixels, { q, seen: this.seen });
  }

  hear({ key, kind, ...answer }) {
    const wanted = this.seen ? "completion" : "guess";
    if (!this.data || (kind !== wanted && ["completion", "guess"].includes(kind))) return; // it was asked before a turn
    if (kind === "classes") {
      this.bayes[key] = answer;
      this.tellPanels();
      return;
    }
    if (kind === wanted) this.guesses[key] = answer;
    else this.heats[key] = new LatticeHeat(answer);
    for (const [side, of] of Object.entries(this.data.sides)) {
      if (!of.likelihood || latticeKey(of) !== key) continue;
      this.charts[side].requestOver();
      if (kind !== wanted) continue;
      if (this.seen || !of.encoder) this.follow(side);
      this.tellPanels();
    }
  }

  build(part, parent) {
    if (part === "pad") this.buildPad(parent);
    else if (part === "ten") this.buildTen(parent);
    else if (part === "note") this.note = element("div", "latent-said", parent);
    else this.panels[part] = new DrawnPanel(parent);
  }

  buildPad(parent) {
    this.pad = new Pad(parent, { changed: () => this.changed(), lifted: () => this.send() });
    const line = element("div", "latent-pad-line", parent);
    const buttons = element("div", "latent-pad-buttons", line);
    button(buttons, "Undo", () => this.pad.undo());
    button(buttons, "Clear", () => this.clear());
    const figure = element("figure", "", line);
    this.form = imageCanvas(figure, "latent-form");
    element("figcaption", "", figure, { textContent: "as the models see it" });
  }

  buildTen(parent) {
    const root = element("div", "latent-drawn-ten", parent);
    this.choices = Array.from({ length: 10 }, (_, label) => {
      const button = element("button", "latent-choice", root, { type: "button" });
      const context = imageCanvas(button);
      const caption = element("span", "", button, { textContent: label });
      const bar = element("i", "", element("span", "latent-share", button));
      button.onclick = () => this.ask(label);
      return { button, context, caption, bar };
    });
  }

  attach() {
    for (const side of Object.keys(this.data?.sides ?? {})) {
      this.charts[side].attach();
      this.charts[side].request();
    }
  }

  unmount(parent) {
    this.parents.delete(parent);
    if (this.parents.size) return;
    this.lattices.stop();
    for (const side of SIDES) this.charts[side].detach();
  }

  clear() {
    this.asked = null;
    this.pad.clear();
  }

  // Ask for the drawing's style under this class, or let Bayes' rule choose again.
  ask(label) {
    if (!this.pixels) return;
    this.asked = this.asked === label ? null : label;
    this.show();
    this.send();
  }

  about(side, chart) {
    const found = this.found[side];
    return `Map of ${this.banks[this.data.sides[side].bank].inWords}, ${found ? `code of the drawing at ${chart.pointInWords(found.code)}` : "no drawing yet"}`;
  }

  send() {
    const known = Object.entries(this.found).filter(([, found]) => found);
    const codes = known.map(
      ([side, { code }]) => `${this.banks[this.data.sides[side].bank].name}: ${this.charts[side].pointInWords(code)}`,
    );
    if (codes.length) announce(`Code of the drawing, ${codes.join("; ")}.`);
    this.tell?.({ form: this.text, label: this.asked });
  }

  changed() {
    this.seen = null;
    if (this.data?.complete) {
      const frame = this.pad.frame();
      this.seen = seenOf(frame);
      this.pixels = frame.map((level, i) => level * this.seen[i]);
    } else {
      this.pixels = this.pad.form();
    }
    this.x = this.pixels && fromGreys(this.pixels);
    this.text = this.drawn ? toBase64(this.pixels) : "";
    if (!this.drawn) {
      this.forget();
      this.forgetAnswers();
    }
    if (this.data) this.show();
    probe.frames += 1;
  }

  // The side whose model says what glows on the pad: the last one that can.
  get glowing() {
    return SIDES.findLast((side) => this.data.sides[side]?.likelihood);
  }

  // Whether there is anything on the pad.
  get drawn() {
    return Boolean(this.pixels?.some(Boolean));
  }

  // Whether the server's answer is about this drawing.
  get answered() {
    return this.data.form === this.text;
  }

  show() {
    if (!this.data) return;
    if (this.x) drawPixels(this.form, this.x, 0, 0, this.seen);
    else blank(this.form);
    this.form.canvas.classList.toggle("latent-vacant", !this.pixels);
    this.form.canvas.classList.toggle("latent-partly", Boolean(this.seen));
    if (!this.seen) blank(this.pad.ghost);
    for (const side of Object.keys(this.data.sides)) this.follow(side);
    this.tellPanels();
  }

  // The code on the map and the image there, which the eye follows while the pen moves.
  follow(side) {
    const asked = this.data.sides[side];
    const { bank, encoder, label, likelihood } = asked;
    const guess = this.guessOf(side);
    const found = this.x && this.codeOf(asked, this.x, guess);
    this.found[side] = found;
    this.see(asked, encoder ? found?.q : null);
    this.charts[side].requestOver();
    if (!found) return;
    if (!this.seen) {
      this.trails[side].push(found.code);
      if (this.trails[side].length > TRAIL) this.trails[side].shift();
    }
    if (!this.seen || !likelihood) this.panels[side]?.follow(this.banks[bank], found.code, label);
    else if (side === this.glowing) drawUnseen(this.pad.ghost, guess.expected, this.seen, this.glow);
  }

  // What is known of the drawing's posterior on a side, if its model has one and it is there.
  guessOf(side) {
    const asked = this.data.sides[side];
    return asked.likelihood && this.guesses[latticeKey(asked)];
  }

  // Show what is to be read: while the pen moves only now and then, for nobody reads sixty numbers a second, and to lay
  // them out takes a quarter of a frame.
  tellPanels() {
    if (this.pad?.stroke.drawing) this.requestPanels();
    else this.showPanels();
  }

  showPanels() {
    for (const side of Object.keys(this.data.sides)) this.showPanel(side);
    if (this.choices && this.note && this.data.style) this.showTen(this.x);
  }

  showPanel(side) {
    const panel = this.panels[side];
    if (!panel) return;
    const { bank, label, radius, sheet, likelihood } = this.data.sides[side];
    const [found, guess] = [this.found[side], this.guessOf(side)];
    if (!found) panel.empty(this.drawn && "finding its code …");
    else if (this.seen && likelihood) panel.showCompletion(guess);
    else
      panel.show(this.banks[bank], found, this.x, {
        decimals: this.charts[side].decimals(),
        label,
        radius,
        sheet: this.banks[sheet],
        evidence: likelihood && (guess ?? { logPx: null, elbo: null }),
        hint: this.seen ? "It takes what is not drawn for paper." : "",
      });
  }

  // The code and q of the drawing: the encoder's, or those of the posterior's best mode, or what the server says.
  codeOf({ encoder, label, likelihood, code, q }, x, guess) {
    if (this.seen && likelihood) return guess ? { code: guess.code, q: null } : null;
    if (this.seen && !this.drawn) return null;
    if (encoder) return this.encoders[encoder].see(x).encode(label);
    if (likelihood) return guess ? { code: guess.q.mean, q: guess.q } : null;
    return this.answered && code ? { code, q } : null;
  }

  // The ten classes' probabilities and codes, or null where they are not there yet.
  classes(x) {
    const { bank, encoder, likelihood } = this.data.style;
    if (!likelihood) return this.answered ? this.data.classes : null;
    const known = this.bayes[latticeKey({ ...this.data.style, label: null })];
    if (!known) return null;
    const fromEncoder = encoder && !this.seen;
    if (fromEncoder) this.encoders[encoder].see(x);
    const codes = fromEncoder
      ? this.banks[bank].classes.map((_, label) => this.encoders[encoder].encode(label).code)
      : known.codes;
    return { probabilities: softmax(known.logPx), codes };
  }

  showTen(x) {
    this.see({ ...this.data.style, label: null });
    const known = x && this.classes(x);
    const root = this.choices[0].button.parentElement;
    root.classList.toggle("latent-stale", Boolean(x) && !known);
    setText(this.note, this.explained(x, known));
    if (x && !known) return; // what is shown belongs to the drawing before, and is pale
    const likeliest = known && this.drawn ? known.probabilities.indexOf(Math.max(...known.probabilities)) : null;
    const asked = known && (this.asked ?? likeliest);
    const names = this.banks[this.data.style.bank].classes;
    this.choices.forEach(({ button, context, caption, bar }, label) => {
      button.hidden = label >= names.length;
      if (button.hidden) return;
      button.disabled = !known;
      button.setAttribute("aria-pressed", label === asked);
      const share = known ? known.probabilities[label] : 0;
      bar.style.width = `${100 * share}%`;
      setText(caption, share < 0.005 ? names[label] : `${names[label]} · ${percent(share)}`);
      button.setAttribute("aria-label", known ? `${names[label]}, with probability ${percent(share)}` : names[label]);
      if (!known) blank(context);
    });
    if (!known) return void (this.due = []);
    this.styles = this.seen ? known.codes : names.map(() => known.codes[asked]);
    this.due = [...this.due, ...names.keys()].filter((label, i, all) => all.indexOf(label) === i);
    this.paintTen();
  }

  // Draw as many of the ten as a frame has time for, those that have waited longest first.
  paintTen() {
    const deadline = performance.now() + TEN_MS;
    while (this.due.length && performance.now() < deadline) {
      const labels = this.due.splice(0, 4);
      const styles = labels.map((label) => this.styles[label]);
      this.banks[this.data.style.bank].decodeFour(styles, labels).forEach((pixels, i) => {
        drawPixels(this.choices[labels[i]].context, pixels);
      });
    }
    if (this.due.length) this.requestTen();
  }

  explained(x, known) {
    if (!x) return "Told the class, this model keeps the style.";
    if (!known) return "Finding the class …";
    if (this.seen)
      return "p(y | seen) by Bayes' rule. Each digit is the one of its class that agrees best with what is seen.";
    if (this.asked !== null) return "You say which class it is. Click it again to leave that to Bayes' rule.";
    return "p(y | x) by Bayes' rule, from log p(x | y) of every class. If it is another class, click that one.";
  }

  hover(side, z, chart) {
    const { bank, label } = this.data.sides[side];
    this.lenses[side].show(chart, z, this.banks[bank].decode(z, label), chart.pointInWords(z));
  }

  paint(side, context, { view }) {
    const { bank, likelihood } = this.data.sides[side];
    if (this.data.prior && this.banks[bank].prior) drawPrior(context, view);
    const found = this.found[side];
    const heat = likelihood && this.pixels && this.heats[latticeKey(this.data.sides[side])];
    view.stage.classList.toggle("latent-faded", Boolean(heat));
    const colours = theme();
    if (found && !this.seen) drawTrail(context, view, this.trails[side], colours.ink);
    if (found?.q) drawEllipses(context, view, found.q, colours);
    if (heat) heat.paint(context, view, this.exact, this.guesses[latticeKey(this.data.sides[side])]);
    if (!found) return;
    if (this.seen && heat) {
      for (const z of this.guesses[latticeKey(this.data.sides[side])].places) drawDot(context, view, z, SMALL_DOT);
    }
    if (heat && found.q) drawEllipses(context, view, found.q, colours, { bare: true });
    drawAim(context, view, found);
    drawTowards(context, view, found.code);
  }
}

const latticeKey = ({ bank, label }) => `${bank} ${label ?? "all classes"}`;
const percent = (share) => (share > 0.995 ? "> 99 %" : share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`);
