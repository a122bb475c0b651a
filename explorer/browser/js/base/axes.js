// Axes as the charts have them, on any context: the picture's, and the canvas of a chart of our own.

import { theme } from "./dom.js";
import { multiples, tickText } from "./ticks.js";

const TICK_INK = "rgba(128, 128, 128, 0.9)"; // as in figures.py
const GRID_INK = "rgba(128, 128, 128, 0.16)";
export const TICK_FONT = "11px 'Source Sans', system-ui, sans-serif";

const TICK_LETTER = 6; // the width of a digit

// Whether a label under the plane, centred on px, lies on the chart as a whole.
export function fits(text, px, { left, width }) {
  const half = (TICK_LETTER / 2) * text.length;
  return px - half >= 0 && px + half <= left + width + 4;
}

// Upwards on an axis: in the margin where it has room for them, and else into the plane, over all that lies there, so that
// nothing cuts them, however long they are.
export function drawUpLabels(context, { left, top, height }, ticks, paper) {
  context.font = TICK_FONT;
  context.textAlign = "left";
  context.strokeStyle = paper;
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.fillStyle = TICK_INK;
  for (const { text, py } of ticks) {
    const middle = Math.min(Math.max(py, top + 6), top + height - 6);
    const start = Math.max(4, left - 6 - TICK_LETTER * text.length);
    context.strokeText(text, start, middle + 4);
    context.fillText(text, start, middle + 4);
  }
}

// xaxis and yaxis: { dtick, showgrid }; without a grid an axis has one line, at 0. The labels of the second are drawn by
// what is returned, over all else.
export function drawAxes(context, frame, xaxis, yaxis) {
  const { left, top, width, height, x, y } = frame;
  context.strokeStyle = GRID_INK;
  context.fillStyle = TICK_INK;
  context.font = TICK_FONT;
  context.lineWidth = 1;
  context.textBaseline = "alphabetic";
  const line = (...ends) => {
    context.beginPath();
    context.moveTo(...ends[0]);
    context.lineTo(...ends[1]);
    context.stroke();
  };
  context.textAlign = "center";
  for (const value of multiples(x, xaxis.dtick)) {
    const px = left + ((value - x[0]) / (x[1] - x[0])) * width;
    if (xaxis.showgrid || value === 0) line([px, top], [px, top + height]);
    const text = tickText(value, xaxis.dtick);
    if (fits(text, px, frame)) context.fillText(text, px, top + height + 18);
  }
  const ticks = multiples(y, yaxis.dtick).map((value) => {
    const py = top + ((y[1] - value) / (y[1] - y[0])) * height;
    if (yaxis.showgrid || value === 0) line([left, py], [left + width, py]);
    return { text: tickText(value, yaxis.dtick), py };
  });
  return () => drawUpLabels(context, frame, ticks, theme().paper);
}
