// What the colours and lines of a chart of our own mean.

import { element } from "../base/dom.js";

// The classes as buttons that say whether each is shown; `toggled` is called with the label of the one that is clicked.
export function classButtons(names, palette, shown, toggled) {
  return names.map((name, label) => {
    const button = element("button", "latent-class", null, { type: "button", textContent: name });
    button.style.setProperty("--ink", palette[label]);
    button.setAttribute("aria-pressed", shown[label]);
    button.onclick = () => {
      toggled(label);
      button.setAttribute("aria-pressed", shown[label]);
    };
    return button;
  });
}

// The classes, each with a dot in its colour.
export function classDots(names, palette) {
  return names.map((name, label) => {
    const item = element("span", "");
    element("i", "latent-dot", item).style.background = palette[label];
    item.append(name);
    return item;
  });
}

// Lines and areas, each with a key in its style. Gives the element for the text of each.
export function lineKeys(parent, kinds) {
  return kinds.map((kind) => {
    const item = element("span", "", parent);
    element("span", `latent-key ${kind}`, item);
    return element("span", "", item);
  });
}
