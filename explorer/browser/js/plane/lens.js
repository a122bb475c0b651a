// A small image beside a point of the map, with a line of text; beside it the original that it should be, where it is known.

import { element } from "../base/dom.js";
import { drawPixels, imageCanvas } from "../base/images.js";

export class Lens {
  constructor() {
    this.root = element("div", "latent-lens");
    this.context = imageCanvas(this.root);
    this.original = imageCanvas(this.root, "latent-original");
    this.caption = element("span", "", this.root);
    this.warning = element("span", "latent-warning", this.root);
  }

  // lonely: whether no code lies near z; original: draws the original, and says whether it is there
  show(chart, z, pixels, text, { lonely = false, original = () => false } = {}) {
    if (this.root.parentElement !== chart.layers) chart.layers.append(this.root);
    drawPixels(this.context, pixels);
    const pair = this.root.classList.toggle("latent-pair", original(this.original));
    this.caption.textContent = pair ? "original · decoded" : text;
    this.warning.textContent = lonely ? "extrapolated" : "";
    const { view } = chart;
    const [x, y] = view.toPixel(z);
    const form = [pair, lonely].join();
    if (form !== this.form) Object.assign(this, { form, size: [this.root.offsetWidth, this.root.offsetHeight] });
    const [width, height] = this.size; // asked once: to ask in each frame would lay the page out each time
    const { left, top, width: plotWidth } = view.frame();
    const right = x + 18 + width < left + plotWidth;
    const above = y - 18 - height > top;
    this.root.style.transform = `translate(${right ? x + 18 : x - 18 - width}px, ${above ? y - 18 - height : y + 18}px)`;
    this.root.style.visibility = "visible";
  }

  hide() {
    this.form = null;
    this.root.style.visibility = "hidden";
  }
}
