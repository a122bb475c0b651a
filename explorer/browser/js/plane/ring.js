// A ring around a point of the map, as `drawRing` draws it, but an element: it moves without anything being drawn anew.

import { element } from "../base/dom.js";

export class Ring {
  constructor() {
    this.root = element("i", "latent-ring");
  }

  show(chart, z) {
    if (this.root.parentElement !== chart.layers) chart.over.after(this.root);
    const { left, top, width, height } = chart.view.frame();
    const [x, y] = chart.view.toPixel(z);
    const inside = x >= left && x <= left + width && y >= top && y <= top + height;
    this.root.style.transform = `translate(${x}px, ${y}px)`;
    this.root.style.visibility = inside ? "visible" : "hidden";
  }

  hide() {
    this.root.style.visibility = "hidden";
  }
}
