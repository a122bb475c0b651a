// Fingers on a plane. One scrolls the page, as it does beside the plane; a tap picks; one that rests and then slides
// hovers; one that begins on a handle drags it; two pan and zoom. A double tap goes back to the first view.

const REST_MS = 250; // of a finger, before it hovers
const SLIP_PIXELS = 8; // that a resting finger may move

// What lies between fingers, and how far they are from it.
function spanned(places) {
  const middle = [0, 1].map((axis) => places.reduce((sum, at) => sum + at[axis], 0) / places.length);
  return { middle, spread: Math.hypot(...places.flatMap((at) => [at[0] - middle[0], at[1] - middle[1]])) };
}

export class Fingers {
  // signal ends the listening
  constructor(chart, signal) {
    Object.assign(this, { chart, mode: null, rest: 0 });
    const { stage } = chart.view;
    const on = (name, run) => stage.addEventListener(name, run, { capture: true, passive: false, signal });
    on("touchstart", (event) => this.down(event));
    on("touchmove", (event) => this.moved(event));
    on("touchend", (event) => this.up(event));
    on("touchcancel", () => this.end());
    // A touch elsewhere takes away what a tap has left on the plane.
    document.addEventListener("touchstart", (event) => stage.contains(event.target) || chart.left(), { signal });
  }

  // Plotly, which would pan with one finger, is told nothing of fingers on its plane.
  down(event) {
    const { chart } = this;
    const at = chart.view.position(event.touches[0]);
    if (!at && !this.mode) return; // the legend
    event.stopPropagation();
    clearTimeout(this.rest);
    if (event.touches.length > 1) {
      this.drop();
      this.mode = "pinch";
      this.before = spanned(this.places(event));
    } else {
      this.start = event.touches[0];
      this.strayed = false;
      chart.held = chart.handlers.grab?.(at, chart.view);
      this.mode = chart.held ? "drag" : "tap";
      if (!chart.held) this.rest = setTimeout(() => this.hover(at), REST_MS);
    }
    if (this.mode !== "tap" && event.cancelable) event.preventDefault(); // no scrolling, no mouse events
  }

  hover(at) {
    this.mode = "hover";
    this.chart.hover(at);
  }

  places(event) {
    return [...event.touches].map((touch) => this.chart.view.at(touch));
  }

  moved(event) {
    if (!this.mode) return;
    event.stopPropagation();
    const { view } = this.chart;
    const [touch] = event.touches;
    if (this.mode === "tap" && this.slipped(touch)) this.scroll();
    if (this.mode === "tap" || this.mode === "scroll") return;
    if (event.cancelable) event.preventDefault();
    if (this.mode === "drag") {
      this.strayed ||= this.slipped(touch);
      this.chart.dragged(touch);
    } else if (this.mode === "hover") {
      this.chart.hover(view.at(touch));
    } else if (event.touches.length > 1) {
      this.pinch(spanned(this.places(event)));
    }
  }

  slipped({ clientX, clientY }) {
    return Math.hypot(clientX - this.start.clientX, clientY - this.start.clientY) >= SLIP_PIXELS;
  }

  scroll() {
    clearTimeout(this.rest);
    this.mode = "scroll";
    this.chart.left();
  }

  pinch(now) {
    const { view } = this.chart;
    const { before } = this;
    this.before = now;
    view.pan(now.middle[0] - before.middle[0], now.middle[1] - before.middle[1]);
    if (now.spread > 0) view.zoom(now.middle, before.spread / now.spread);
  }

  // A tap keeps what hovers there in view; the mouse events that browsers make of one would be a second tap.
  up(event) {
    if (!this.mode) return;
    event.stopPropagation();
    if (event.cancelable && this.mode !== "scroll") event.preventDefault();
    const [touch] = event.changedTouches;
    const at = this.chart.view.position(touch);
    if (this.mode === "drag") {
      if (this.strayed) this.drop();
      else if (at) this.chart.clicked(touch, event.timeStamp, at);
      this.chart.held = null;
    } else if (this.mode === "tap" && at) {
      this.chart.clicked(touch, event.timeStamp, at);
      this.chart.hover(at);
    } else if (this.mode === "hover") {
      this.chart.left();
    }
    if (!event.touches.length) this.end();
    else if (this.mode === "pinch") this.before = spanned(this.places(event));
  }

  drop() {
    this.chart.held?.drop();
    this.chart.held = null;
  }

  end() {
    clearTimeout(this.rest);
    this.drop();
    if (this.mode === "hover") this.chart.left();
    this.mode = null;
  }
}
