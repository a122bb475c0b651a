// What the colours and lines of a chart of our own mean.

import { classMark } from "../base/classes.js";
import { element } from "../base/dom.js";

// The classes as buttons that say whether each is shown; `toggled` is called with the label of the one that is clicked.
export function classButtons(names, shown, toggled) {
  return names.map((name, label) => {
    const button = element("button", "latent-class", null, { type: "button" });
    classMark(button, label);
    button.append(name);
    button.setAttribute("aria-pressed", shown[label]);
    button.onclick = () => {
      toggled(label);
      button.setAttribute("aria-pressed", shown[label]);
    };
    return button;
  });
}

// The classes, each with its mark.
export function classMarks(names) {
  return names.map((name, label) => {
    const item = element("span", "");
    classMark(item, label);
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
