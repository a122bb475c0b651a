// Samples of a model as a grid: sixteen images at points of the prior or at codes, with what they are drawn from and a seed.

import { button, element } from "../base/dom.js";
import { shortPoint } from "../base/format.js";
import { drawPixels, imageCanvas } from "../base/images.js";
import { samplesOf } from "../model/samples.js";

const SAMPLED = 16;
const SAMPLE_SEEDS = 2 ** 31; // as in state.py
const SAMPLE_SOURCES = { prior: "prior", codes: "codes" };
const SAMPLE_PIXELS = { mean: "means", draw: "draws" };

export class SampleGrid {
  // choose(choices): other ones of the choices; keep(z): a sample is clicked; moved(): the places, or the one pointed at, are
  // others
  constructor(parent, { choose, keep, moved }) {
    Object.assign(this, { choose, moved, samples: [], pointed: -1 });
    this.root = element("div", "latent-samples", parent);
    this.grid = element("div", "latent-sample-grid", this.root, { role: "group" });
    this.tiles = Array.from({ length: SAMPLED }, (_, rank) => {
      const tile = element("button", "latent-sample", this.grid, { type: "button" });
      tile.onpointerenter = tile.onfocus = () => this.point(rank);
      tile.onpointerleave = tile.onblur = () => this.point(-1);
      tile.onclick = () => keep(this.samples[rank].z);
      return { tile, context: imageCanvas(tile) };
    });
    const line = element("div", "latent-sample-choices latent-said", this.root);
    this.source = this.choice(line, "Samples from", "source", SAMPLE_SOURCES);
    this.pixels = this.choice(line, "Pixels as", "pixels", SAMPLE_PIXELS);
    const label = element("label", "", line, { textContent: "seed " });
    this.seed = element("input", "latent-number", label, { type: "number", min: 0, max: SAMPLE_SEEDS - 1, step: 1 });
    this.seed.onchange = () => this.change({ seed: Number(this.seed.value) });
    button(line, "Reshuffle", () => this.change({ seed: (this.asked.seed + 1) % SAMPLE_SEEDS }));
  }

  choice(parent, name, field, words) {
    const select = element("select", "latent-select", parent);
    select.setAttribute("aria-label", name);
    select.replaceChildren(...Object.entries(words).map(([value, word]) => new Option(word, value)));
    select.onchange = () => this.change({ [field]: select.value });
    return select;
  }

  change(changes) {
    const { source, pixels, seed } = { ...this.asked, ...changes };
    this.choose({ source, pixels, seed });
  }

  point(rank) {
    this.pointed = rank;
    this.moved();
  }

  // asked: as of `samplesOf`
  show(bank, asked) {
    this.asked = asked;
    this.samples = samplesOf(bank, SAMPLED, asked);
    this.grid.ariaLabel = `Samples of ${bank.name}`;
    for (const field of ["source", "pixels", "seed"]) this[field].value = asked[field];
    const unknown = !asked.likelihood; // the pixels are then means, whatever is asked
    Object.assign(this.pixels, {
      disabled: unknown,
      title: unknown ? "The browser does not know the σ of each pixel." : "",
    });
    if (unknown) this.pixels.value = "mean";
    this.tiles.forEach(({ tile, context }, rank) => {
      const { z, image } = this.samples[rank];
      drawPixels(context, image);
      tile.ariaLabel = tile.title = `Sample ${rank + 1} at ${shortPoint(z, 2)}`;
    });
    this.moved();
  }

  get places() {
    return this.samples.map(({ z }) => z);
  }
}
