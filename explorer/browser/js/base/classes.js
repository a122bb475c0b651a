// How the classes look: each has a colour, of which the style sheet has one for each theme, and a shape for eyes that do
// not tell the colours apart.

import { inksOf } from "./inks.js";

const LEGEND_RADIUS = 6;
const SHAPE_PIXELS = 8; // the diameter of a code's shape: in a smaller one nobody makes it out
const CORNERS = 24; // of what is round

const turned = (points, angle) =>
  points.map(([x, y]) => [x * Math.cos(angle) - y * Math.sin(angle), x * Math.sin(angle) + y * Math.cos(angle)]);
const round = (radius, way = 1) =>
  Array.from({ length: CORNERS }, (_, i) => turned([[radius, 0]], (way * 2 * Math.PI * i) / CORNERS)[0]);
const box = (across, up) => [
  [-across, -up],
  [across, -up],
  [across, up],
  [-across, up],
];
const ARM = 0.33;
const PLUS = [0, 1, 2, 3].flatMap((quarter) =>
  turned(
    [
      [ARM, -ARM],
      [1.05, -ARM],
      [1.05, ARM],
    ],
    (quarter * Math.PI) / 2,
  ),
);
const TRIANGLE = [
  [0, -1.1],
  [1.1, 0.8],
  [-1.1, 0.8],
];

const DOT = [round(1)];
// Of each class the outlines around [0, 0], within about 1 of it; an outline that runs the other way is a hole.
const SHAPES = [
  [round(1.05), round(0.55, -1)],
  [box(0.36, 1.1)],
  [TRIANGLE],
  [turned(box(0.82, 0.82), Math.PI / 4)],
  [PLUS],
  [box(0.9, 0.9)],
  DOT,
  [turned(TRIANGLE, Math.PI)],
  [turned(PLUS, Math.PI / 4)],
  [box(1.1, 0.36)],
];

// Shapes that are taken for what is no class as well.
export const DOT_SHAPE = SHAPES.indexOf(DOT);
export const CROSS_SHAPE = 8;

export const NEUTRAL = "#808080"; // of a class where colours mean something else

const CLASS_COLOURS = SHAPES.map((_, label) => `var(--class-${label})`);

let shaped = false;

// Say whether codes are drawn in the shapes of their classes, or else all as dots.
export function showShapes(on) {
  shaped = on;
}

export const hasShapes = () => shaped;

// The diameter of a code's mark, given that of its dot.
export const markSize = (size) => (shaped ? Math.max(size, SHAPE_PIXELS) : size);

// The mark of a class around a point, as SVG and Path2D have it.
export function markPath(label, radius, [x, y] = [0, 0]) {
  const place = ([right, down]) => `${(x + radius * right).toFixed(2)} ${(y + radius * down).toFixed(2)}`;
  const outlines = shaped ? SHAPES[label] : DOT;
  return outlines.map((points) => `M${points.map(place).join("L")}Z`).join("");
}

// The colours of the classes on the paper of this theme, as "#rrggbb".
export const classInks = () => inksOf(CLASS_COLOURS);

// How sure a classifier is, from 0 where it guesses to 1, given the probability of its class among so many.
export const certainty = (probability, classes) => Math.max((classes * probability - 1) / (classes - 1), 0);

// What it reads.
export const readInWords = (name, probability) => `reads ${name}, ${Math.round(100 * probability)} %`;

// What tells two looks of all classes apart.
export const classLook = () => [shaped, ...classInks()].join();

// Paint the mark of a class on a path of the page, in a colour that follows the theme by itself.
export function paintMark(path, label, colour = `var(--class-${label})`) {
  path.setAttribute("d", markPath(label, LEGEND_RADIUS));
  path.style.fill = colour;
}

// The mark of a class beside its name.
export function classMark(parent, label, className = "latent-mark") {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS(drawing.namespaceURI, "path");
  drawing.setAttribute("class", className);
  drawing.setAttribute("viewBox", "-7 -7 14 14");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(path);
  paintMark(path, label);
  parent.append(drawing);
  return drawing;
}
