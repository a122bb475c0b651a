// Terms that explain themselves: a box with a sentence or two opens where a pointer, the focus or a tap is on a term, and
// Escape closes it. A term is an element with `data-term`, or a widget of Streamlit that the glossary names by its key.

import { element } from "../base/dom.js";

export const CURVE_TERMS = ["loss", "squared error", "KL", "reconstruction"]; // that titles of curves have in them

const LINGER_MS = 250; // so that the pointer can go over into the box
const EXPLANATION = "latent-explanation"; // its id
const FROM_EDGE = 8; // pixels

const explanation = { box: null, owner: null, timer: 0, pinned: false, told: { glossary: {}, widgets: {} } };

// A term in what the browser draws itself.
export function term(name, parent, text = name) {
  const button = element("button", "latent-explained", parent, { type: "button", textContent: text });
  button.dataset.term = name;
  return button;
}

// The warning of a place where the model has not been.
export function extrapolated(parent) {
  term("extrapolated", parent);
  parent.append(": no code lies near");
}

// A text of what the browser draws itself, with the first standing of each of some terms made one.
export function termsIn(parent, text, ...names) {
  let rest = text;
  for (const name of names.filter((each) => text.includes(each)).sort((a, b) => text.indexOf(a) - text.indexOf(b))) {
    const [before, ...after] = rest.split(name);
    parent.append(before);
    term(name, parent);
    rest = after.join(name);
  }
  parent.append(rest);
}

// Take the glossary, { name: [sentences, formula] }, and the names by the keys of widgets, and begin to listen.
export function explainTerms(told) {
  explanation.told = told;
  explanation.box = element("div", "latent-explanation", document.body, { id: EXPLANATION, hidden: true });
  explanation.box.setAttribute("role", "tooltip");
  addEventListener("pointerover", overTerm, true);
  addEventListener("focusin", focusTerm, true);
  addEventListener("click", clickTerm, true);
  addEventListener("keydown", keyOfTerm, true);
  for (const kind of ["scroll", "resize"]) addEventListener(kind, placeExplanation, true);
  setInterval(() => explanation.owner && !explanation.owner.isConnected && closeExplanation(), LINGER_MS);
}

// The element that a term belongs to, and the term.
function termAt(target) {
  const { glossary, widgets } = explanation.told;
  const owner = target.closest?.("[data-term]");
  if (owner) return glossary[owner.dataset.term] && [owner, owner.dataset.term];
  const widget = target.closest?.("[class*=st-key-]");
  const key = [...(widget?.classList ?? [])].find((name) => name.startsWith("st-key-"))?.slice("st-key-".length);
  return widgets[key] && [widget, widgets[key]];
}

function overTerm(event) {
  if (event.pointerType !== "mouse") return;
  const found = termAt(event.target);
  if (found) openExplanation(...found);
  else if (explanation.box.contains(event.target)) clearTimeout(explanation.timer);
  else if (explanation.owner && !explanation.pinned) {
    clearTimeout(explanation.timer);
    explanation.timer = setTimeout(closeExplanation, LINGER_MS);
  }
}

function focusTerm(event) {
  if (!event.target.matches(":focus-visible")) return;
  const found = termAt(event.target);
  if (!found) return closeExplanation();
  openExplanation(...found);
  explanation.pinned = true;
}

// A tap or a click keeps the box; a second one, or one elsewhere, closes it.
function clickTerm(event) {
  const found = termAt(event.target);
  if (!found) return explanation.box.contains(event.target) || closeExplanation();
  const [owner, name] = found;
  if (owner === explanation.owner && explanation.pinned && owner.dataset.term) return closeExplanation();
  openExplanation(owner, name);
  explanation.pinned = Boolean(owner.dataset.term);
}

// One Escape closes one thing.
function keyOfTerm(event) {
  if (event.key !== "Escape" || !explanation.owner) return;
  closeExplanation();
  event.stopImmediatePropagation();
}

function openExplanation(owner, name) {
  clearTimeout(explanation.timer);
  if (owner === explanation.owner) return;
  closeExplanation();
  const [sentences, formula] = explanation.told.glossary[name];
  const { box } = explanation;
  box.replaceChildren();
  element("strong", "", box, { textContent: name });
  element("p", "", box, { textContent: sentences });
  if (formula) element("p", "latent-formula", box, { textContent: formula });
  const { colorScheme, fontFamily } = getComputedStyle(owner);
  Object.assign(box.style, { colorScheme, fontFamily });
  box.hidden = false;
  explanation.owner = owner;
  owner.setAttribute("aria-describedby", EXPLANATION);
  placeExplanation();
}

function closeExplanation() {
  clearTimeout(explanation.timer);
  explanation.owner?.removeAttribute("aria-describedby");
  Object.assign(explanation, { owner: null, pinned: false });
  explanation.box.hidden = true;
}

// Below its term, or above it where there is more room, and within the window.
function placeExplanation() {
  const { box, owner } = explanation;
  if (!owner) return;
  const { left, top, bottom } = owner.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  if (bottom < 0 || top > clientHeight) return closeExplanation();
  const below = bottom + 4 + box.offsetHeight <= clientHeight;
  const x = Math.max(FROM_EDGE, Math.min(left, clientWidth - box.offsetWidth - FROM_EDGE));
  box.style.left = `${x}px`;
  box.style.top = `${below ? bottom + 4 : Math.max(FROM_EDGE, top - 4 - box.offsetHeight)}px`;
}
