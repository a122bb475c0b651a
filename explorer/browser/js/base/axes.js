// Axes: those of a plane on any context, the picture's too, and those of curves.

import { growth, theme } from "./dom.js";

const GRID_INK = "rgba(128, 128, 128, 0.16)"; // as in figures.py
export const FAINT = 0.14; // the opacity of lines that lie behind what is shown
export const PALE = 0.72; // and of what stands beside them: as little as can be read, 4.5 : 1
const TICK_LETTER = 6; // the width of a digit, in type of usual size
const tickFont = () => `${11 * growth()}px 'Source Sans', system-ui, sans-serif`;

// Whether the whole of a label under the plane, centred on px, lies on the chart.
function fits(text, px, { left, width }) {
  const half = (TICK_LETTER / 2) * growth() * text.length;
  return px - half >= 0 && px + half <= left + width + 4;
}

// The labels of the second axis: in the margin where it has room for them, else within the plane and over all that lies
// there, so that nothing cuts them, however long they are.
function drawUpLabels(context, { left, top, height }, ticks, { ink, paper }) {
  context.font = tickFont();
  context.textAlign = "left";
  context.strokeStyle = paper;
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.fillStyle = ink;
  for (const { text, py } of ticks) {
    const [half, letter] = [6 * growth(), TICK_LETTER * growth()];
    const middle = Math.min(Math.max(py, top + half), top + height - half);
    const start = Math.max(4, left - 6 - letter * text.length);
    context.globalAlpha = 1;
    context.strokeText(text, start, middle + 0.66 * half);
    context.globalAlpha = PALE;
    context.fillText(text, start, middle + 0.66 * half);
  }
  context.globalAlpha = 1;
}

// How the axes of a chart look.
export const chartStyle = (ink) => ({ line: GRID_INK, lineAlpha: 1, text: ink, textAlpha: PALE, drop: 18 });

// How those close up look, in an ink of the theme.
export const closeUpStyle = (ink) => ({ line: ink, lineAlpha: FAINT, text: ink, textAlpha: PALE, drop: 17 });

// ticks: { x, y }, of each axis a list of { value, text, line: whether a line goes through the plane }. The labels of the
// second axis are drawn by what is returned, over all else.
export function drawAxes(context, frame, ticks, style) {
  const { left, top, width, height, x, y } = frame;
  context.fillStyle = style.text;
  context.strokeStyle = style.line;
  context.font = tickFont();
  context.lineWidth = 1;
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  const line = (from, to) => {
    context.globalAlpha = style.lineAlpha;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.globalAlpha = style.textAlpha;
  };
  context.globalAlpha = style.textAlpha;
  for (const tick of ticks.x) {
    const px = left + ((tick.value - x[0]) / (x[1] - x[0])) * width;
    if (tick.line) line([px, top], [px, top + height]);
    if (fits(tick.text, px, frame)) context.fillText(tick.text, px, top + height + style.drop * growth());
  }
  const upwards = ticks.y.map(({ value, text, line: through }) => {
    const py = top + ((y[1] - value) / (y[1] - y[0])) * height;
    if (through) line([left, py], [left + width, py]);
    return { text, py };
  });
  context.globalAlpha = 1;
  return (over) => drawUpLabels(over, frame, upwards, theme());
}

// Lines behind curves, from left to right, each with a label before it. levels: [{ y, text }]; a label that is wider than
// `room` is drawn narrower than it is.
export function drawLevels(context, levels, { left, width, gap, room }) {
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const { y, text } of levels) {
    context.globalAlpha = FAINT;
    context.fillRect(left, Math.round(y), width, 1);
    context.globalAlpha = PALE;
    context.fillText(text, left - gap, y, room);
  }
}
