// The marks that lie over a map: one for a pinned point, one for the hovered image, the prior's rings, a path.

function outlined(context, width) {
  context.lineCap = "round";
  context.strokeStyle = "#000";
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = "#fff";
  context.lineWidth = width;
  context.stroke();
}

function drawPin(context, chart, z) {
  const [x, y] = chart.toPixel(z);
  context.beginPath();
  for (const [dx, dy] of [[1, 1], [1, -1]]) {
    context.moveTo(x - 6 * dx, y - 6 * dy);
    context.lineTo(x + 6 * dx, y + 6 * dy);
  }
  outlined(context, 2.5);
}

function drawRing(context, chart, z) {
  const [x, y] = chart.toPixel(z);
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  outlined(context, 2);
}

function drawPrior(context, chart) {
  const [x, y] = chart.toPixel([0, 0]);
  const unit = chart.toPixel([1, 0])[0] - x;
  const tiles = chart.stage.classList.contains("latent-with-tiles");
  const { ink, paper } = tiles ? { ink: "#fff", paper: "#000" } : theme();
  context.font = "600 12px sans-serif";
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

function drawDot(context, chart, z, radius = 5) {
  const [x, y] = chart.toPixel(z);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  outlined(context, 2);
  context.fillStyle = "#fff";
  context.fill();
}

function drawPath(context, chart, points) {
  context.beginPath();
  points.forEach((z, i) => context[i ? "lineTo" : "moveTo"](...chart.toPixel(z)));
  outlined(context, 2);
}

// What the path is compared with.
function drawChord(context, chart, from, to) {
  context.beginPath();
  context.moveTo(...chart.toPixel(from));
  context.lineTo(...chart.toPixel(to));
  context.setLineDash([3, 5]);
  outlined(context, 1);
  context.setLineDash([]);
}

function drawEnd(context, chart, z, name) {
  const [x, y] = chart.toPixel(z);
  context.beginPath();
  context.arc(x, y, 9, 0, 2 * Math.PI);
  context.fillStyle = "#000";
  context.fill();
  outlined(context, 1.5);
  context.fillStyle = "#fff";
  context.font = "600 11px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(name, x, y + 0.5);
  context.textBaseline = "alphabetic";
}

// A small image beside a point of the map, with a line of text.
class Lens {
  constructor() {
    this.root = element("div", "latent-lens");
    this.context = element("canvas", "latent-digit", this.root, { width: SIDE, height: SIDE }).getContext("2d");
    this.caption = element("span", "", this.root);
  }

  show(chart, z, pixels, text) {
    if (this.root.parentElement !== chart.layers) chart.layers.append(this.root);
    drawDigit(this.context, pixels);
    this.caption.textContent = text;
    const [x, y] = chart.toPixel(z);
    const [width, height] = [92, 112];
    const { left, top, width: plotWidth } = chart.frame();
    const right = x + 18 + width < left + plotWidth;
    const above = y - 18 - height > top;
    this.root.style.transform = `translate(${right ? x + 18 : x - 18 - width}px, ${above ? y - 18 - height : y + 18}px)`;
    this.root.style.visibility = "visible";
  }

  hide() {
    this.root.style.visibility = "hidden";
  }
}
