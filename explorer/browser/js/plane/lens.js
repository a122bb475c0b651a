// A small image beside a point of the map, with a line of text; beside it the original that it should be, where it is known.

import { element, growth, setText } from "../base/dom.js";
import { drawPixels, imageCanvas } from "../base/images.js";

export class Lens {
  constructor() {
    this.root = element("div", "latent-lens");
    this.context = imageCanvas(this.root);
    this.original = imageCanvas(this.root, "latent-original");
    this.caption = element("span", "", this.root);
    this.read = element("span", "", this.root);
    this.more = element("span", "", this.root);
    this.warning = element("span", "latent-warning", this.root);
    this.sizes = new Map(); // of each form, asked once: to ask in each frame would lay the page out each time
  }

  // lonely: whether no code lies near z; read: what the classifier reads, in words; more: another line; original: draws the
  // original, and says whether it is there
  show(chart, z, pixels, text, { lonely = false, read = "", more = "", original = () => false } = {}) {
    if (this.root.parentElement !== chart.layers) chart.layers.append(this.root);
    drawPixels(this.context, pixels);
    const pair = this.root.classList.toggle("latent-pair", original(this.original));
    setText(this.caption, pair ? "original · decoded" : text);
    this.root.classList.toggle("latent-with-reading", Boolean(read));
    setText(this.read, read);
    setText(this.more, more);
    setText(this.warning, lonely ? "extrapolated" : "");
    const { view } = chart;
    const [x, y] = view.toPixel(z);
    const form = [pair, lonely, read.replace(/\d+ %$/, ""), more.length, growth()].join();
    if (!this.sizes.has(form)) this.sizes.set(form, [this.root.offsetWidth, this.root.offsetHeight]);
    const [width, height] = this.sizes.get(form);
    const { left, top, width: plotWidth } = view.frame();
    const right = x + 18 + width < left + plotWidth;
    const above = y - 18 - height > top;
    this.root.style.transform = `translate(${right ? x + 18 : x - 18 - width}px, ${above ? y - 18 - height : y + 18}px)`;
    this.root.style.visibility = "visible";
  }

  hide() {
    this.root.style.visibility = "hidden";
  }
}
