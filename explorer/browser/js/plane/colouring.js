// What colours the codes of a map in place of their classes: a number of each image on an even scale, or what a classifier
// sees in its reconstruction. And what the colours mean, as a legend on the map and in its picture.

import { CROSS_SHAPE, classInks, DOT_SHAPE } from "../base/classes.js";
import { element, growth, theme } from "../base/dom.js";
import { significant } from "../base/format.js";
import { inksOf } from "../base/inks.js";

const SCALE_STOPS = Array.from({ length: 9 }, (_, i) => `var(--scale-${i})`); // as many as figures.py has
const SCALE_LEVELS = 64; // colours of a scale
const WRONG_RIGHT = ["var(--wrong)", "var(--right)"];
const LEGEND_EDGE = 8; // pixels between the legend and the edges of the plane
const SCALE_BAR = { width: 150, height: 8 }; // in the picture

const channelsOf = (ink) => [1, 3, 5].map((at) => parseInt(ink.slice(at, at + 2), 16));

// A scale of so many colours between those of the style sheet.
function scaleInks(count) {
  const stops = inksOf(SCALE_STOPS).map(channelsOf);
  return Array.from({ length: count }, (_, level) => {
    const place = (level / (count - 1)) * (stops.length - 1);
    const i = Math.min(Math.floor(place), stops.length - 2);
    const mixed = stops[i].map((from, at) => Math.round(from + (place - i) * (stops[i + 1][at] - from)));
    return `#${mixed.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  });
}

export class Colouring {
  // colour: Colour of `payloads.py`; the labels of the images, and the names of their classes
  constructor(colour, { labels, classes }) {
    Object.assign(this, { ...colour, labels, classes, values: null });
    this.root = element("div", "latent-colour-legend");
    element("span", "", this.root, { textContent: this.heading });
    if (this.kind === "scale" && this.address) this.addBar();
    if (this.kind === "right" && this.address) this.addMarks();
  }

  get heading() {
    if (!this.address) return `${this.title} not known here: by class`;
    return this.kind === "scale" ? `${this.title}, ${this.unit}` : "class seen in the reconstruction";
  }

  // The numbers at the ends and in the middle of the scale.
  get marks() {
    const [low, high] = this.ends;
    return [`≤ ${significant(low)}`, significant((low + high) / 2), `≥ ${significant(high)}`];
  }

  addBar() {
    element("i", "", this.root).style.background = `linear-gradient(90deg, ${SCALE_STOPS.join(", ")})`;
    const line = element("div", "", this.root);
    for (const textContent of this.marks) element("span", "", line, { textContent });
  }

  addMarks() {
    const line = element("div", "", this.root);
    for (const [name, colour] of Object.entries({ right: WRONG_RIGHT[1], wrong: WRONG_RIGHT[0] })) {
      const item = element("span", "", line, { textContent: name });
      const mark = element("b", "");
      mark.style.background = colour;
      item.prepend(mark);
    }
  }

  take(values) {
    this.values = values;
    const { labels } = this;
    if (this.kind === "seen") this.kinds = values;
    else if (this.kind === "right") this.kinds = values.map((seen, i) => Number(seen === labels[i]));
    else {
      const [low, high] = this.ends;
      const level = (value) => Math.round(((SCALE_LEVELS - 1) * (value - low)) / (high - low || 1));
      this.kinds = Uint8Array.from(values, (value) => Math.min(Math.max(level(value), 0), SCALE_LEVELS - 1));
    }
    if (this.kind === "scale") this.shapes = labels;
    else this.shapes = this.kind === "seen" ? values : this.kinds.map((right) => (right ? DOT_SHAPE : CROSS_SHAPE));
  }

  // How the codes look, as `Cloud.paint` has it; null until the values are there, and where there are none.
  look() {
    if (!this.values) return null;
    const inks = { scale: () => scaleInks(SCALE_LEVELS), seen: classInks, right: () => inksOf(WRONG_RIGHT) }[
      this.kind
    ]();
    return { id: `${this.kind} ${this.address}`, kinds: this.kinds, shapes: this.shapes, inks };
  }

  // Whether colours are still those of classes, so that the legend of the classes has them.
  get ofClasses() {
    return !this.values || this.kind === "seen";
  }

  // What an image has, in words; nothing where that is not known.
  of(image) {
    if (!this.values || image < 0) return "";
    const value = this.values[image];
    if (this.kind === "scale") return `${this.title} ${significant(value)}`;
    return `seen as ${this.classes[value]}${this.kind === "right" ? `, ${this.kinds[image] ? "right" : "wrong"}` : ""}`;
  }

  // What the colours are, for those who do not see them.
  get inWords() {
    if (!this.values) return "";
    if (this.kind !== "scale")
      return `coloured by ${this.kind === "seen" ? "the class that a classifier sees" : "whether a classifier sees the class"}`;
    return `coloured by ${this.title} from ${significant(this.ends[0])} to ${significant(this.ends[1])} ${this.unit}`;
  }

  show(chart) {
    if (this.root.parentElement !== chart.layers) chart.layers.append(this.root);
    const { left, top, height } = chart.view.frame();
    const down = chart.view.stageSize()[1];
    this.root.style.left = `${left + LEGEND_EDGE}px`;
    this.root.style.bottom = `${down - top - height + LEGEND_EDGE}px`;
  }

  remove() {
    this.root.remove();
  }

  // The legend in a picture of the map, in the lower left corner of the plane.
  draw(context, view) {
    const grown = growth();
    const { left, top, height } = view.frame();
    const { ink, paper } = theme();
    const lines = this.root.childElementCount > 1 ? 3 : 1;
    const [wide, high] = [SCALE_BAR.width * grown, 14 * lines * grown];
    const [x, y] = [left + 2 * LEGEND_EDGE, top + height - LEGEND_EDGE - high];
    context.font = `${11 * grown}px 'Source Sans', system-ui, sans-serif`;
    context.textBaseline = "middle";
    context.globalAlpha = 0.85;
    context.fillStyle = paper;
    context.fillRect(x - LEGEND_EDGE, y, wide + 2 * LEGEND_EDGE, high);
    context.globalAlpha = 1;
    const write = (text, align, at, line) => {
      context.fillStyle = ink;
      context.textAlign = align;
      context.fillText(text, at, y + (line + 0.5) * 14 * grown);
    };
    write(this.heading, "left", x, 0);
    if (lines === 1) return;
    if (this.kind === "scale") {
      scaleInks(SCALE_LEVELS).forEach((colour, i) => {
        context.fillStyle = colour;
        context.fillRect(
          x + (i * wide) / SCALE_LEVELS,
          y + 17 * grown,
          wide / SCALE_LEVELS + 0.5,
          SCALE_BAR.height * grown,
        );
      });
      this.marks.forEach((text, i) => write(text, ["left", "center", "right"][i], x + (i * wide) / 2, 2));
    } else {
      const [wrong, right] = inksOf(WRONG_RIGHT);
      [right, wrong].forEach((colour, i) => {
        context.fillStyle = colour;
        context.fillRect(x, y + (4 + 14 * (i + 1)) * grown, 6 * grown, 6 * grown);
        write(["right", "wrong"][i], "left", x + 12 * grown, i + 1);
      });
    }
  }
}
