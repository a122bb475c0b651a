// The marks that lie over a map: one for a pinned point, one for the hovered image, the prior's rings, a path.

import { growth, theme } from "../base/dom.js";
import { strokeEach } from "../base/strokes.js";

function outlined(context, width) {
  context.lineCap = "round";
  strokeEach(context, [
    ["#000", width + 2],
    ["#fff", width],
  ]);
}

export function drawPin(context, view, z) {
  const [x, y] = view.toPixel(z);
  const arm = 6 * growth();
  context.beginPath();
  for (const [dx, dy] of [
    [1, 1],
    [1, -1],
  ]) {
    context.moveTo(x - arm * dx, y - arm * dy);
    context.lineTo(x + arm * dx, y + arm * dy);
  }
  outlined(context, 2.5);
}

export function drawRing(context, view, z) {
  const [x, y] = view.toPixel(z);
  context.beginPath();
  context.arc(x, y, 7 * growth(), 0, 2 * Math.PI);
  outlined(context, 2);
}

// A place to try, with a word above it.
export function drawHole(context, view, z) {
  const [x, y] = view.toPixel(z);
  const size = growth();
  const { ink, paper } = theme();
  context.beginPath();
  context.arc(x, y, 10 * size, 0, 2 * Math.PI);
  strokeEach(context, [[paper, 4]]);
  context.setLineDash([4 * size, 3 * size]);
  strokeEach(context, [[ink, 2]]);
  context.setLineDash([]);
  context.font = `600 ${12 * size}px sans-serif`;
  context.textAlign = "center";
  context.lineWidth = 4;
  context.strokeStyle = paper;
  context.fillStyle = ink;
  const words = "try here: a hole";
  context.strokeText(words, x, y - 15 * size);
  context.fillText(words, x, y - 15 * size);
}

export function drawPrior(context, view) {
  const [x, y] = view.toPixel([0, 0]);
  const unit = view.toPixel([1, 0])[0] - x;
  const tiles = view.stage.classList.contains("latent-with-tiles");
  const { ink, paper } = tiles ? { ink: "#fff", paper: "#000" } : theme();
  context.font = `600 ${12 * growth()}px sans-serif`;
  context.textAlign = "center";
  for (const sigmas of [1, 2, 3]) {
    context.beginPath();
    context.arc(x, y, sigmas * unit, 0, 2 * Math.PI);
    context.globalAlpha = 0.7;
    context.lineWidth = 1.25;
    context.strokeStyle = ink;
    context.stroke();
    context.globalAlpha = 1;
    context.strokeStyle = paper;
    context.fillStyle = ink;
    context.lineWidth = 3;
    context.strokeText(`${sigmas}σ`, x, y - sigmas * unit - 6);
    context.fillText(`${sigmas}σ`, x, y - sigmas * unit - 6);
  }
}

export const SMALL_DOT = 3; // pixels, the radius of one of many dots

export function drawDot(context, view, z, radius = 5) {
  const [x, y] = view.toPixel(z);
  context.beginPath();
  context.arc(x, y, radius * growth(), 0, 2 * Math.PI);
  outlined(context, 2);
  context.fillStyle = "#fff";
  context.fill();
}

// Places as small dots, of which the one that is pointed at has a ring; `pointed` is -1 where none is.
export function drawPlaces(context, view, places, pointed) {
  for (const z of places) drawDot(context, view, z, SMALL_DOT);
  if (pointed >= 0) drawRing(context, view, places[pointed]);
}

export function drawPath(context, view, points) {
  context.beginPath();
  points.forEach((z, i) => context[i ? "lineTo" : "moveTo"](...view.toPixel(z)));
  outlined(context, 2);
}

// What the path is compared with.
export function drawChord(context, view, from, to) {
  context.beginPath();
  context.moveTo(...view.toPixel(from));
  context.lineTo(...view.toPixel(to));
  context.setLineDash([3, 5]);
  outlined(context, 1);
  context.setLineDash([]);
}

export function drawEnd(context, view, z, name) {
  const [x, y] = view.toPixel(z);
  context.beginPath();
  context.arc(x, y, 9 * growth(), 0, 2 * Math.PI);
  context.fillStyle = "#000";
  context.fill();
  outlined(context, 1.5);
  context.fillStyle = "#fff";
  context.font = `600 ${11 * growth()}px sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(name, x, y + 0.5);
  context.textBaseline = "alphabetic";
}

export function drawTrail(context, view, codes, ink) {
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  context.lineCap = "round";
  for (let i = 1; i < codes.length; i++) {
    context.globalAlpha = 0.5 * (i / codes.length) ** 2;
    context.beginPath();
    context.moveTo(...view.toPixel(codes[i - 1]));
    context.lineTo(...view.toPixel(codes[i]));
    context.stroke();
  }
  context.globalAlpha = 1;
}

// The pin of a code, its arms outside of the ellipse: most are so small that a pin would hide them.
export function drawAim(context, view, { code, q }) {
  if (!q) return drawPin(context, view, code);
  const [x, y] = view.toPixel(code);
  const unit = view.toPixel([1, 0])[0] - view.toPixel([0, 0])[0];
  const gaps = q.std.map((std) => 2 * std * unit * Math.SQRT1_2 + 3);
  context.beginPath();
  for (const [dx, dy] of [
    [1, 1],
    [1, -1],
    [-1, 1],
    [-1, -1],
  ]) {
    context.moveTo(x + dx * gaps[0], y + dy * gaps[1]);
    context.lineTo(x + dx * (gaps[0] + 6), y + dy * (gaps[1] + 6));
  }
  outlined(context, 2.5);
}

// An arrow at the edge of a map towards a point that lies outside it.
export function drawTowards(context, view, z) {
  const { left, top, width, height } = view.frame();
  const [x, y] = view.toPixel(z);
  const clamp = (value, low, size) => Math.min(Math.max(value, low + 12), low + size - 12);
  const at = [clamp(x, left, width), clamp(y, top, height)];
  if (at[0] === x && at[1] === y) return;
  context.save();
  context.translate(...at);
  context.rotate(Math.atan2(y - at[1], x - at[0]));
  context.beginPath();
  context.moveTo(-4, -6);
  context.lineTo(4, 0);
  context.lineTo(-4, 6);
  outlined(context, 2.5);
  context.restore();
}

// bare: without the paper's colour around the lines, for what lies beneath.
export function drawEllipses(context, view, { mean, std }, { ink, paper }, { dash = [], bare = false } = {}) {
  const [x, y] = view.toPixel(mean);
  const [right, top] = view.toPixel([mean[0] + std[0], mean[1] + std[1]]);
  const pens = bare
    ? [[ink, 1.25]]
    : [
        [paper, 4],
        [ink, 1.75],
      ];
  context.setLineDash(dash);
  for (const sigmas of [1, 2]) {
    context.beginPath();
    context.ellipse(x, y, Math.max(sigmas * (right - x), 1), Math.max(sigmas * (y - top), 1), 0, 0, 2 * Math.PI);
    strokeEach(context, pens);
  }
  context.setLineDash([]);
}

export function drawFrame(context, view, [[x0, x1], [y0, y1]], { ink }) {
  const [left, top] = view.toPixel([x0, y1]);
  const [right, bottom] = view.toPixel([x1, y0]);
  context.strokeStyle = ink;
  context.lineWidth = 1.25;
  context.strokeRect(left, top, right - left, bottom - top);
}
