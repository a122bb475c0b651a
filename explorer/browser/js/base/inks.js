// Colours of the style sheet as "#rrggbb". It has one of each for each theme.

import { element, page, rgbOf, theme } from "./dom.js";

const inksRead = new Map(); // by their names: the colours, and the paper on which they are these

// The colours on the paper of this theme, each as a style sheet names it; read again when the paper is another.
export function inksOf(colours) {
  const { paper } = theme();
  const name = colours.join();
  const known = inksRead.get(name);
  if (known?.paper === paper) return known.inks;
  const there = getComputedStyle(page()).getPropertyValue("--class-0"); // else the style sheet is still on its way
  const probe = element("i", "", page());
  const inks = colours.map((colour) => {
    probe.style.color = colour;
    const levels = rgbOf(getComputedStyle(probe).color);
    return `#${levels.map((level) => level.toString(16).padStart(2, "0")).join("")}`;
  });
  probe.remove();
  inksRead.set(name, { paper: there ? paper : null, inks });
  return inks;
}
