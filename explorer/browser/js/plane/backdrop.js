// A picture of a window of the plane behind a map, and its scale in the corner of the map.

import { clipped, element } from "../base/dom.js";

export class Backdrop {
  // window: [[low1, high1], [low2, high2]]
  constructor(window) {
    this.window = window;
    this.legend = element("div", "latent-heat-legend");
  }

  lay(context, chart, picture, opacity) {
    if (this.legend.parentElement !== chart.layers) chart.layers.append(this.legend);
    const { view } = chart;
    const frame = view.frame();
    const [across, down] = view.stageSize();
    this.legend.style.right = `${across - frame.left - frame.width + 8}px`;
    this.legend.style.bottom = `${down - frame.top - frame.height + 8}px`;
    const [[x0, x1], [y0, y1]] = this.window;
    const [from, to] = [view.toPixel([x0, y1]), view.toPixel([x1, y0])];
    clipped(context, frame, () => {
      context.globalAlpha = opacity;
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(picture, ...from, to[0] - from[0], to[1] - from[1]);
    });
  }

  remove() {
    this.legend.remove();
  }
}
