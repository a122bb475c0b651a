// The magnification behind a map: one hue, the stronger the more the decoder stretches the place, and its scale.

import { element, rgbOf, theme } from "../base/dom.js";
import { withMinus } from "../base/format.js";
import { Backdrop } from "./backdrop.js";

const HEAT = {
  light: ["#ffffff", "#efdfc3", "#b98f5b", "#4a2f14"],
  dark: ["#0e1117", "#40301f", "#9a7549", "#f6e8cd"],
};
const HEAT_ON_TILES = 0.6; // opacity
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 2 }).format;
const brief = (value) => (value < 1e-3 || value >= 1e12 ? withMinus(value.toExponential(1)) : compact(value));

function heatColour(stops, share) {
  const place = share * (stops.length - 1);
  const i = Math.min(Math.floor(place), stops.length - 2);
  const channel = (stop, at) => parseInt(stop.slice(1 + 2 * at, 3 + 2 * at), 16);
  return [0, 1, 2].map(
    (at) => channel(stops[i], at) + (place - i) * (channel(stops[i + 1], at) - channel(stops[i], at)),
  );
}

export class Heat extends Backdrop {
  // window: [[low1, high1], [low2, high2]]; grey levels from 0 at `low` to 255 at `high`, the first row at the top
  constructor({ window, low, high }, levels) {
    super(window);
    Object.assign(this, { low, high, levels });
    element("span", "", this.legend, { textContent: "magnification" });
    element("span", "", this.legend, { textContent: `×${brief(low)}` });
    this.bar = element("i", "", this.legend);
    element("span", "", this.legend, { textContent: `×${brief(high)}` });
  }

  // In the colours of the theme, made again when the theme changes.
  tint(theme) {
    if (theme === this.theme) return;
    this.theme = theme;
    const { width, height, values } = this.levels;
    const picture = new ImageData(width, height);
    values.forEach((value, i) => picture.data.set([...heatColour(HEAT[theme], value / 255), 255], 4 * i));
    this.canvas = new OffscreenCanvas(width, height);
    this.canvas.getContext("2d").putImageData(picture, 0, 0);
    this.bar.style.background = `linear-gradient(90deg, ${HEAT[theme].join(", ")})`;
  }

  paint(context, chart, overTiles) {
    const [red, green, blue] = rgbOf(theme().paper);
    this.tint(red + green + blue < 384 ? "dark" : "light");
    this.lay(context, chart, this.canvas, overTiles ? HEAT_ON_TILES : 1);
  }
}
