// A file of the browser's own making, saved where the browser saves what it downloads.

import { element } from "./dom.js";

export function saveAs(name, blob) {
  const link = element("a", "", null, { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
