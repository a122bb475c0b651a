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
