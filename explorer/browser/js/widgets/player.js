// A button that plays and pauses, a choice of speed, and the loop of frames in between.

import { element } from "../base/dom.js";

const SPEEDS = [0.25, 0.5, 1, 2];

export class Player {
  /**
   * @param {Element} parent  where the button comes; the speed has its place from `speed`
   * @param {object} handlers
   *   advance(seconds), as many as have gone by at this speed; false at the end, which stops it
   *   and if need be began(), before the first frame, and stopped(), when it stops after it has played
   */
  constructor(parent, handlers) {
    Object.assign(this, { handlers, playing: false });
    this.button = element("button", "latent-button", parent, { type: "button" });
    this.button.onclick = () => this.toggle();
    this.speed = element("select", "latent-select", null);
    this.speed.setAttribute("aria-label", "Speed");
    for (const speed of SPEEDS) element("option", "", this.speed, { value: speed, textContent: `${speed}×` });
    this.speed.value = 1;
    this.mark();
  }

  mark() {
    this.button.textContent = this.playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.next);
    this.mark();
    this.handlers.stopped?.();
  }

  play() {
    this.playing = true;
    this.mark();
    this.handlers.began?.();
    let before = performance.now();
    const step = (now) => {
      const seconds = (Math.max(0, now - before) / 1000) * Number(this.speed.value);
      before = now;
      if (this.handlers.advance(seconds)) this.next = requestAnimationFrame(step);
      else this.pause();
    };
    this.next = requestAnimationFrame(step);
  }
}
