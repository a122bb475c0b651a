// How values go over from one to the next, for who has not asked for less motion.

// So much of the way between two values.
export const between = (from, to, share) => from + share * (to - from);

export const wantsStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// A change that takes a while, gently at both ends.
export class Glide {
  constructor(milliseconds) {
    Object.assign(this, { milliseconds, start: performance.now() });
  }

  // How much of the way is done by now, from 0 to 1.
  get share() {
    const t = Math.min((performance.now() - this.start) / this.milliseconds, 1);
    return t * t * (3 - 2 * t);
  }
}
