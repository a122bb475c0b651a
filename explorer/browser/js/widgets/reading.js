// What the classifier reads in an image, as its caption: a line in the colour of the class, paler where it is unsure, the
// class and its probability. The caption is blank while that is not known.

import { certainty, readInWords } from "../base/classes.js";
import { element } from "../base/dom.js";

// label: undefined while it is not known; gives it in words
export function showReading(caption, classes, label, probability) {
  caption.replaceChildren();
  const known = label !== undefined;
  const share = known ? Math.round(100 * certainty(probability, classes.length)) : 0;
  const ink = `color-mix(in srgb, var(--class-${known ? label : 0}) ${share}%, transparent)`;
  caption.style.setProperty("--latent-read", ink);
  if (!known) return "";
  element("span", "", caption, { textContent: classes[label] });
  element("span", "", caption, { textContent: `${Math.round(100 * probability)} %` });
  return readInWords(classes[label], probability);
}
