// Axes as the charts have them, on any context: the picture's, and the canvas of a chart of our own.

const TICK_INK = "rgba(128, 128, 128, 0.9)";
const GRID_INK = "rgba(128, 128, 128, 0.16)";
const TICK_FONT = "11px 'Source Sans', system-ui, sans-serif";

// The multiples of a step within a range.
function multiples([low, high], step) {
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => (first + i) * step);
}

// As short as possible: a number far from 1 as a power of ten.
function tickText(value, step) {
  const nearest = Math.round(value / step) * step;
  const power = Math.floor(Math.log10(step) + 1e-9);
  const plain = Math.abs(power) <= 3 || !nearest;
  const digits = plain ? Math.max(0, -power) : Math.max(0, Math.floor(Math.log10(Math.abs(nearest)) + 1e-9) - power);
  return (plain ? nearest.toFixed(Math.min(digits, 3)) : nearest.toExponential(Math.min(digits, 20))).replace(/-/g, "−");
}

// xaxis and yaxis: { dtick, showgrid }; without a grid an axis has one line, at 0.
function drawAxes(context, { left, top, width, height, x, y }, xaxis, yaxis) {
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
    context.fillText(tickText(value, xaxis.dtick), px, top + height + 18);
  }
  context.textAlign = "right";
  for (const value of multiples(y, yaxis.dtick)) {
    const py = top + ((y[1] - value) / (y[1] - y[0])) * height;
    if (yaxis.showgrid || value === 0) line([left, py], [left + width, py]);
    context.fillText(tickText(value, yaxis.dtick), left - 9, py + 4);
  }
}
