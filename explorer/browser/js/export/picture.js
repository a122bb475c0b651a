// What a map shows as a file: SVG with a circle for each code in view, or that SVG as PNG, twice as fine as the screen.
// What lies under the chart, tiles or a posterior, is one image in it.

import { chartStyle, drawAxes } from "../base/axes.js";
import { classInks, hasShapes, markPath, markSize, NEUTRAL } from "../base/classes.js";
import { clipped, element, growth, theme } from "../base/dom.js";
import { stepTicks } from "../base/ticks.js";
import { mixed } from "../plane/cloud.js";
import { escaped, SvgContext, short } from "./svg.js";

const FINER = 2;

const tiled = ({ view }) => view.stage.classList.contains("latent-with-tiles");

const painted = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean);

// Where a mark or a text of the legend is on the stage.
function boxOf(node, stage) {
  const [box, origin] = [node.getBoundingClientRect(), stage.getBoundingClientRect()];
  return { left: box.left - origin.left, middle: box.top - origin.top + box.height / 2, width: box.width };
}

function drawLegend(svg, view, ink, neutral) {
  svg.font = `${12 * growth()}px 'Source Sans', system-ui, sans-serif`;
  svg.textAlign = "left";
  svg.textBaseline = "middle";
  const classes = view.classes();
  const inks = classInks().map((colour) => (neutral ? NEUTRAL : colour));
  view.legend().forEach(({ mark, text }, i) => {
    const { left: start, width } = boxOf(mark, view.stage);
    const { left, middle } = boxOf(text, view.stage);
    svg.globalAlpha = classes[i].shown ? 1 : 0.4;
    const place = [start + width / 2, middle];
    svg.parts.push(`<path d="${markPath(i, (hasShapes() ? 5 : 3) * growth(), place)}" fill="${inks[i]}"/>`);
    svg.fillStyle = ink;
    svg.fillText(text.textContent, left, middle);
  });
  svg.globalAlpha = 1;
}

// One mark for each code in view, in mixed order, as on the screen; those that stand out once more, above the others.
function drawPoints(svg, chart) {
  const bank = chart.handlers.codes?.();
  if (!bank) return;
  const lit = chart.handlers.lit?.();
  const faded = tiled(chart) ? 0.55 : 1; // as in style.css
  drawMarks(svg, chart, bank, mixed(bank.count), lit ? 0.2 : faded);
  if (lit) drawMarks(svg, chart, bank, lit.indices, 1);
}

function drawMarks(svg, { view, handlers }, bank, indices, opacity) {
  const { left, top, width, height } = view.frame();
  const classes = view.classes();
  const look = handlers.colouring?.()?.look();
  const { kinds, shapes, inks } = look ?? { kinds: bank.labels, shapes: bank.labels, inks: classInks() };
  const names = bank.classes.map(escaped);
  svg.open(`class="codes" fill-opacity="${opacity}"`);
  for (const i of indices) {
    const label = bank.labels[i];
    const [px, py] = view.toPixel(bank.code(i));
    const seen = px >= left && px <= left + width && py >= top && py <= top + height;
    const { size, shown } = classes[label];
    if (!seen || !shown) continue;
    const radius = (markSize(size) * growth()) / 2;
    const mark = hasShapes()
      ? `path d="${markPath(shapes[i], radius, [px, py])}"`
      : `circle cx="${short(px)}" cy="${short(py)}" r="${short(radius)}"`;
    svg.parts.push(`<${mark} fill="${inks[kinds[i]]}" data-class="${names[label]}"/>`);
  }
  svg.close();
}

export function svgOf(chart, title) {
  const { view } = chart;
  const [wide, high] = view.size();
  const frame = view.frame();
  const [x, y] = view.axes();
  const { ink, paper } = theme();
  const svg = new SvgContext(wide, high);
  svg.parts.push(`<title>${escaped(title)}</title>`);
  svg.fillStyle = paper;
  svg.fillRect(0, 0, wide, high);
  if (painted(chart.under)) {
    svg.imageSmoothingEnabled = !tiled(chart);
    svg.drawImage(chart.under, 0, 0, view.stage.clientWidth, view.stage.clientHeight);
    svg.imageSmoothingEnabled = true;
  }
  const ticks = { x: stepTicks(frame.x, x), y: stepTicks(frame.y, y) };
  const drawLabels = drawAxes(svg, frame, ticks, chartStyle(ink));
  clipped(svg, frame, () => {
    drawPoints(svg, chart);
    drawLabels(svg);
    chart.handlers.paint(svg, chart);
  });
  const colouring = chart.handlers.colouring?.();
  drawLegend(svg, view, ink, colouring?.ofClasses === false);
  colouring?.draw(svg, view);
  return svg;
}

// What a chart on a canvas of our own shows, as PNG.
export function shotOf({ view, under, cloud, over }) {
  const canvas = element("canvas", "", null, { width: over.width, height: over.height });
  const context = canvas.getContext("2d");
  context.fillStyle = theme().paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const finer = over.width / view.stage.clientWidth;
  for (const layer of [under, cloud.canvas, over]) {
    const [left, top] = [layer.offsetLeft, layer.offsetTop].map((pixels) => pixels * finer);
    context.drawImage(layer, left, top, layer.offsetWidth * finer, layer.offsetHeight * finer);
  }
  return new Promise((resolve) => canvas.toBlob(resolve));
}

export async function pngOf(svg) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = element("canvas", "", null, { width: FINER * svg.width, height: FINER * svg.height });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => canvas.toBlob(resolve));
}
