// Pictures: the buttons "SVG" and "PNG" of a page's maps; all other files come from the server. The server is not told of
// these clicks: it would draw the buttons again, and a click on an old one would ask for a file that it has forgotten.

import { saveAs } from "../base/save.js";
import { pngOf, shotOf, svgOf } from "../export/picture.js";
import { Chart } from "../plane/chart.js";
import { CloseUp } from "../plane/close_up.js";
import { say } from "../widgets/number_fields.js";

export class Pictures {
  // data: Pictures of `payloads.py`
  update({ charts }) {
    this.listeners?.abort();
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    document.addEventListener("click", (event) => this.clicked(event, charts), { signal, capture: true });
  }

  unmount() {
    this.listeners?.abort();
  }

  async clicked(event, charts) {
    for (const [key, name] of Object.entries(charts)) {
      const chart = Chart.attached.get(key);
      const asked = ["svg", "png"].find((kind) => event.target.closest?.(`.st-key-${kind}_${key} button`));
      if (!chart || !asked) continue;
      event.stopPropagation();
      try {
        const svg = chart instanceof CloseUp ? null : svgOf(chart, name);
        if (asked === "svg") saveAs(`${name}.svg`, new Blob([svg], { type: "image/svg+xml" }));
        else saveAs(`${name}.png`, await (svg ? pngOf(svg) : shotOf(chart)));
      } catch (error) {
        say(event.target, `The picture could not be made: ${error.message ?? error}`);
      }
    }
  }
}
