// What has just happened on a map, for those who do not see it: screen readers read out a region like this whenever its
// text is another. It has to be there before the text is.

import { element } from "./dom.js";

let region = null;

export function announce(text) {
  region ??= element("div", "latent-unseen", document.body, { role: "status" });
  region.textContent = text;
}
