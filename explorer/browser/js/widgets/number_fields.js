// Number fields, Streamlit's and our own: what is typed is taken as a person means it, or the old value stays, and a word
// beside the field says which. A field of type "number" would hide what was typed from us: Chromium makes 15 of "1,5".

import { element } from "../base/dom.js";

const NUMBER_FIELDS = "[data-testid=stNumberInput] input, input.latent-number";
const WORD_SECONDS = 6;

// The number that a text means, else NaN: a point or a comma before decimals, any minus sign, an exponent. In a field for
// whole numbers a comma parts thousands.
export function meant(text, whole = false) {
  const plain = text.replace(/\s/g, "").replace(/^[−–]/, "-");
  const read = whole && /^-?\d{1,3}(,\d{3})+$/.test(plain) ? plain.replaceAll(",", "") : plain.replace(",", ".");
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(read)) return NaN;
  const number = Number(read);
  return Number.isFinite(number) && (!whole || Number.isInteger(number)) ? number : NaN;
}

const taken = new WeakMap(); // the text of each field that was last taken
let word = null;

// Turns number fields that have appeared into text fields.
function openNumberFields() {
  for (const input of document.querySelectorAll(NUMBER_FIELDS)) {
    if (input.type === "text") continue;
    input.type = "text";
    input.inputMode = "decimal";
  }
}

function settleNumber(input) {
  const text = input.value;
  const old = taken.get(input);
  if (text === old) return;
  word?.remove();
  const [min, max, step] = ["min", "max", "step"].map((name) => parseFloat(input.getAttribute(name)));
  const whole = min >= 0 && Number.isInteger(step);
  const number = meant(text, whole);
  const stays = old ? `: ${old} stays.` : ".";
  let kept = old;
  if (!text.trim()) say(input, `Empty${stays}`);
  else if (Number.isNaN(number)) say(input, `“${text.trim()}” is not a ${whole ? "whole " : ""}number${stays}`);
  else if (number < min || number > max)
    say(input, `${text.trim()} is not within ${limit(min)} to ${limit(max)}${stays}`);
  else {
    kept = /^[+-]?[\d.]+$/.test(text) ? text : String(number);
    if (kept !== text) say(input, `Read as ${kept}.`);
  }
  write(input, kept);
  taken.set(input, kept);
}

// As if it had been typed, so that Streamlit, which holds a field's text in React, knows of it.
function write(input, text) {
  if (input.value !== text) {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (input.classList.contains("latent-number")) input.dispatchEvent(new Event("change", { bubbles: true }));
}

const limit = (number) => (Math.abs(number) < 1e6 ? String(number) : number.toExponential());

export function say(input, text) {
  word = element("div", "latent-word", document.body, { textContent: text, role: "status" });
  const { left, bottom } = input.getBoundingClientRect();
  const most = document.documentElement.clientWidth - word.offsetWidth - 8;
  word.style.left = `${Math.max(8, Math.min(left, most))}px`;
  word.style.top = `${bottom + 4}px`;
  const said = word;
  setTimeout(() => said.remove(), 1000 * WORD_SECONDS);
}

// Begin to read number fields, before Streamlit's own listeners, which do when the field is left or Enter is pressed.
export function readNumbers() {
  new MutationObserver(openNumberFields).observe(document.body, { childList: true, subtree: true });
  const field = (event) => (event.target.matches?.(NUMBER_FIELDS) ? event.target : null);
  const listen = (kind, act) =>
    document.addEventListener(kind, (event) => field(event) && act(event, field(event)), true);
  listen("focusin", (_event, input) => taken.set(input, input.value));
  listen("focusout", (_event, input) => settleNumber(input));
  listen("keydown", (event, input) => {
    if (event.key === "Enter") settleNumber(input);
    if (event.key === "Escape") write(input, taken.get(input));
    if (!event.key.startsWith("Arrow") || !input.classList.contains("latent-number")) return;
    const by = { ArrowUp: 1, ArrowDown: -1 }[event.key] * parseFloat(input.step);
    const now = meant(input.value);
    if (by && !Number.isNaN(now)) write(input, String(Number((now + by).toPrecision(9))));
  });
}
