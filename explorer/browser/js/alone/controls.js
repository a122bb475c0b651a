// What a page of a file is operated with, where the app has widgets of Streamlit.

import { element } from "../base/dom.js";
import { FARTHEST } from "../base/format.js";

const POINT_STEP = 0.1; // by which the arrow keys move a coordinate

// A switch; `key` names it as the app names its widget, so that its term explains itself.
export function toggle(parent, key, title, change) {
  const label = element("label", `latent-check st-key-${key}`, parent);
  const box = element("input", "", label, { type: "checkbox" });
  label.append(title);
  box.onchange = () => change(box.checked);
  return { label, show: (on) => (box.checked = on) };
}

// A choice from a list: choices are { value, text }.
export function dropDown(parent, name, choices, change) {
  const select = element("select", "latent-select", parent);
  select.setAttribute("aria-label", name);
  const offer = (offered) => select.replaceChildren(...offered.map(({ value, text }) => new Option(text, value)));
  offer(choices);
  select.onchange = () => change(select.value);
  return { select, offer, show: (value) => (select.value = value) };
}

// A choice of few words beside each other.
export function segments(parent, name, words, change) {
  const group = element("div", "alone-segments", parent, { role: "group" });
  group.setAttribute("aria-label", name);
  const buttons = words.map((word) => {
    const made = element("button", "", group, { type: "button", textContent: word });
    made.onclick = () => change(word);
    return made;
  });
  const show = (chosen) => {
    for (const made of buttons) made.setAttribute("aria-pressed", made.textContent === chosen);
  };
  return { group, show };
}

export function numberField(parent, name, limits, change) {
  const field = element("input", "latent-number", parent, { type: "number", ...limits });
  field.setAttribute("aria-label", name);
  field.onchange = () => change(Number(field.value));
  return { field, show: (value) => (field.value = value) };
}

// The two fields of a point of a plane.
export function pointFields(parent, side, change) {
  const root = element("div", "alone-z", parent);
  const fields = ["z₁", "z₂"].map((text, axis) => {
    const label = element("label", "", root, { textContent: text });
    const limits = { min: -FARTHEST, max: FARTHEST, step: POINT_STEP };
    return numberField(label, `${side} z${axis + 1}`, limits, () =>
      change(fields.map(({ field }) => Number(field.value))),
    );
  });
  return { root, show: (z) => fields.forEach((each, axis) => each.show(z[axis])) };
}

export const choicesOf = (names) => names.map((text, value) => ({ value, text }));
