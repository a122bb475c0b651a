// How values move from one to the next, unless a person has asked for less motion.

// The value at a share of the way between two.
export const between = (from, to, share) => from + share * (to - from);

// A way to ask for a drawing in the next frame: it is drawn once, however often it is asked for until then.
export function oncePerFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

// A way to ask for what is read rather than followed: it is shown at once, but then not again for some milliseconds.
export function atMostEvery(milliseconds, show) {
  let [last, waiting] = [-Infinity, false];
  const showNow = () => {
    last = performance.now();
    waiting = false;
    show();
  };
  return () => {
    if (waiting) return;
    const rest = last + milliseconds - performance.now();
    waiting = rest > 0;
    if (waiting) setTimeout(showNow, rest);
    else showNow();
  };
}

export const wantsStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// A change that takes a while, gently at both ends.
export class Glide {
  constructor(milliseconds) {
    Object.assign(this, { milliseconds, start: performance.now() });
  }

  // The share of the way that is done, from 0 to 1.
  get share() {
    const t = Math.min((performance.now() - this.start) / this.milliseconds, 1);
    return t * t * (3 - 2 * t);
  }
}
