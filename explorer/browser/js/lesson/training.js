// Step: the trainings of the AE and the VAE from before the first step to the last: their codes, error, KL and loss.

import { element, theme } from "../base/dom.js";
import { shortNumber } from "../base/format.js";
import { CloseUp } from "../plane/close_up.js";
import { drawPrior } from "../plane/marks.js";
import { Player } from "../widgets/player.js";
import { shortEpoch, Timeline } from "../widgets/timeline.js";
import { classKey } from "./pieces.js";

const NAMES = { left: "AE", right: "VAE" };

export class Training {
  constructor(root, lesson) {
    Object.assign(this, { root, classes: lesson.models.vae.bank.classes });
    this.waiting = element("div", "latent-said", root, { textContent: "Opening the replays …" });
    lesson.trainings.then((found) => !this.stopped && this.open(found));
  }

  show() {}

  // films: { sides: { left, right: { film, views, prior } }, curves }, without curves where there is no replay
  open(films) {
    if (!films.curves.length) {
      this.waiting.textContent = "There is no replay here of the training of ae and vae.";
      return;
    }
    this.waiting.remove();
    this.films = films;
    const both = element("div", "latent-lesson-pair", this.root);
    const shown = new Array(10).fill(true);
    this.maps = Object.entries(films.sides).map(([side, { film, views, prior }]) => {
      const panel = element("div", "latent-lesson-side", both);
      element("div", "latent-heading", panel, { textContent: NAMES[side] });
      const map = new CloseUp(`lesson_${side}`, element("div", "latent-plane", panel), {
        about: () => `Map of the codes of the ${NAMES[side]} at epoch ${shortEpoch(this.epoch)}`,
        paint: (context, { view }) => prior && drawPrior(context, view),
        paintUnder: (chart) => {
          chart.drawAxes(chart.clear(chart.under), theme().ink);
          const now = { codes: film.codesNow(), labels: film.labels };
          chart.cloud.paint(chart.view, now, shown, { moving: this.player.playing || this.timeline.held });
        },
        pick: () => null,
      });
      return { map, film, views };
    });
    classKey(this.root, this.classes);
    const bar = element("div", "latent-bar", this.root);
    this.player = new Player(bar, {
      began: () => this.timeline.ended(this.epoch) && this.seek(0),
      advance: (seconds) => this.advance(seconds),
      stopped: () => this.seek(this.epoch),
    });
    this.clock = element("strong", "latent-clock", bar);
    this.timeline = new Timeline(this.root, {
      seek: (epoch) => {
        this.player.pause();
        this.seek(epoch);
      },
      dropped: () => this.seek(this.epoch),
      toggle: () => this.player.toggle(),
    });
    const opened = Object.fromEntries(Object.entries(films.sides).map(([side, { film }]) => [side, film]));
    this.timeline.show(films.curves, opened, NAMES);
    this.seek(0);
  }

  advance(seconds) {
    this.seek(this.timeline.later(this.epoch, seconds));
    return !this.timeline.ended(this.epoch);
  }

  seek(epoch) {
    this.epoch = epoch;
    this.clock.textContent = `epoch ${shortEpoch(epoch)}`;
    for (const { film, map, views } of this.maps) {
      film.seek(epoch);
      map.view.follow(film.view(views));
      map.request();
    }
    this.timeline.paint(epoch);
  }

  // In the colours of another theme.
  repaint() {
    this.timeline?.paint();
  }

  // When half of what the AE's error falls by has gone.
  measured() {
    if (!this.films) return { right: null, said: "The replays are not here yet …", value: null };
    const { left } = this.films.sides;
    const errors = this.films.curves.find(({ title }) => title === "squared error").lines.left;
    const [first, last] = [errors[0], errors.at(-1)];
    const k = errors.findIndex((error) => error < (first + last) / 2);
    const share = (errors[k - 1] - (first + last) / 2) / (errors[k - 1] - errors[k]);
    const { epochs } = left.film;
    const half = epochs[k - 1] + share * (epochs[k] - epochs[k - 1]);
    const end = epochs.at(-1);
    const right = half < 1 ? 0 : half < end / 2 ? 1 : 2;
    const said = `Half of the fall from ${shortNumber(first, 0)} to ${shortNumber(last, 0)} has gone at epoch ${shortEpoch(half)} of ${end}.`;
    return { right, said, value: half };
  }

  stop() {
    this.stopped = true;
    this.player?.pause();
    this.timeline?.resized.disconnect();
    for (const { map } of this.maps ?? []) map.detach();
  }
}
