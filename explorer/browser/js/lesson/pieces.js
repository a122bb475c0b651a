// What figures of the lesson are made of: images with a caption, a row of images to choose from, a map, and draws.

import { button, element, theme } from "../base/dom.js";
import { drawPixels, imageCanvas } from "../base/images.js";
import { CloseUp } from "../plane/close_up.js";
import { drawCodes } from "../plane/cloud.js";
import { drawPlaces, drawPrior } from "../plane/marks.js";
import { classMarks } from "../widgets/legend.js";

const LESSON_DOT = 3; // pixels
const OUTSIDE = 0.01; // of the codes along each axis, which lie outside the box on either side
const MAP_ROOM = 0.08; // of the box's width, around it

// An image with its caption.
export class Picture {
  constructor(parent, caption) {
    const figure = element("figure", "column", parent);
    this.context = imageCanvas(figure, "latent-screen");
    this.caption = element("figcaption", "", figure, { textContent: caption });
  }

  // pixels: their means in [0, 1]
  show(pixels, caption = null) {
    drawPixels(this.context, pixels);
    if (caption !== null) this.caption.textContent = caption;
  }
}

// A row of images of which one is looked at.
export function imageRow(parent, lesson) {
  const row = element("div", "latent-lesson-row", parent, { role: "group" });
  row.setAttribute("aria-label", "Image");
  const buttons = lesson.examples.map((index) => {
    const { x, name, label } = lesson.imageAt(index);
    const choice = element("button", "latent-choice", row, { type: "button", title: `test image ${index}` });
    choice.setAttribute("aria-label", `Test image ${index}: ${name}`);
    drawPixels(imageCanvas(choice), x);
    choice.style.borderBottomColor = `var(--class-${label})`;
    choice.onclick = () => lesson.choose(index);
    return { choice, index };
  });
  const any = button(row, "Another", () => lesson.choose(Math.floor(Math.random() * lesson.count)));
  any.title = "Any test image";
  return () => {
    for (const { choice, index } of buttons) choice.setAttribute("aria-pressed", index === lesson.image.index);
  };
}

// Say something in lines.
export function sayLines(node, lines) {
  node.replaceChildren(...lines.map((textContent) => element("div", "", null, { textContent })));
}

// Images decoded at places of a map, each of which is ringed there while its image is pointed at.
export class DecodedPlaces {
  // moved(): another place is pointed at
  constructor(parent, className, count, moved) {
    Object.assign(this, { places: [], pointed: -1 });
    const tiles = element("div", `latent-lesson-tiles ${className}`, parent);
    this.tiles = Array.from({ length: count }, (_, rank) => {
      const context = imageCanvas(tiles);
      const point = (at) => () => {
        this.pointed = at;
        moved();
      };
      context.canvas.onpointerenter = point(rank);
      context.canvas.onpointerleave = point(-1);
      return context;
    });
  }

  // On the map.
  paint(context, view) {
    drawPlaces(context, view, this.places, this.pointed);
  }
}

// The map of a model's codes.
export class CodesMap extends CloseUp {
  // over: the handlers of `Chart` but for `about` and `paintUnder`; under(context, view): painted above the codes
  constructor(key, parent, bank, { home = boxOfCodes(bank), under = () => {}, about = "", ...over }) {
    super(
      key,
      parent,
      {
        ...over,
        about: () => `Map of ${this.bank.inWords}${about}`,
        paintUnder: () => this.paintCodes(under),
      },
      { className: "latent-window", pans: true },
    );
    Object.assign(this, { bank });
    this.view.follow(home);
  }

  paintCodes(under) {
    const { bank, view } = this;
    const context = this.clear(this.under);
    this.drawAxes(context, theme().ink);
    const shown = bank.classes.map(() => true);
    drawCodes(context, view, bank.codes, bank.labels, shown, LESSON_DOT);
    under(context, view);
    if (bank.prior) drawPrior(context, view);
  }
}

// The box that holds nearly all codes, with room around it.
export function boxOfCodes({ codes }) {
  return [0, 1].map((axis) => {
    const values = codes.filter((_, i) => i % 2 === axis).sort();
    const [low, high] = [OUTSIDE, 1 - OUTSIDE].map((share) => values[Math.floor(share * (values.length - 1))]);
    return [low - MAP_ROOM * (high - low), high + MAP_ROOM * (high - low)];
  });
}

// A row of the classes, each in its colour.
export const classKey = (parent, names) => element("div", "latent-class-key", parent).append(...classMarks(names));

export const inPercent = (share) => (share === null ? "not measured" : `${(100 * share).toFixed(1)} %`);

export const squaredError = (one, other) => one.reduce((sum, value, i) => sum + (value - other[i]) ** 2, 0);
