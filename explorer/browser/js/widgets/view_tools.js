// What every page offers for its view: a button that copies the link to it, and the present mode, in which the maps have
// the whole screen and the type is half as large again.

import { element } from "../base/dom.js";
import { say } from "./number_fields.js";

const PRESENTING = "latent-presenting";
const HINT_MS = 4000;
const TOOLS = "[data-testid=stToolbarActions]"; // of Streamlit's top bar, empty but for us
const KEYLESS = "input:is([type=checkbox], [type=radio], [type=range], [type=button])"; // take no letters
const TYPED = "input, textarea, select, [contenteditable=true]";

let viewTools = null;
let presentHint = null;
let hintTimer = 0;

const presenting = () => document.documentElement.classList.contains(PRESENTING);
const takesLetters = (target) => Boolean(target.closest?.(TYPED)) && !target.matches(KEYLESS);

// Offer both on every page: Streamlit may draw its top bar again at any time.
export function offerViewTools() {
  viewTools = element("div", "latent-tools");
  const button = (text, title, run) => {
    const made = element("button", "latent-button", viewTools, { type: "button", textContent: text, title });
    made.onclick = () => run(made);
  };
  button("Copy link", "The link reopens this view", copyLink);
  button("Present", "Maps over the whole screen, larger type (key P)", present);
  new MutationObserver(placeViewTools).observe(document.body, { childList: true, subtree: true });
  placeViewTools();
  addEventListener("keydown", keyOfView, true);
  addEventListener("touchstart", () => presenting() && showHint(), { passive: true });
  document.addEventListener("fullscreenchange", () => document.fullscreenElement || leave());
}

function placeViewTools() {
  if (!viewTools.isConnected) document.querySelector(TOOLS)?.append(viewTools);
}

function keyOfView(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && presenting()) leave();
  else if (event.key.toLowerCase() === "p" && !takesLetters(event.target)) (presenting() ? leave : present)();
}

// Where the browser gives no full screen, the mode has the whole window.
function present() {
  document.documentElement.classList.add(PRESENTING);
  document.documentElement.requestFullscreen?.().catch(() => {});
  showHint();
}

function leave() {
  document.documentElement.classList.remove(PRESENTING);
  if (document.fullscreenElement) document.exitFullscreen();
  presentHint?.remove();
}

function showHint() {
  presentHint ??= element("button", "latent-hint", null, {
    type: "button",
    textContent: "Escape or P leaves",
    onclick: leave,
  });
  document.body.append(presentHint);
  clearTimeout(hintTimer);
  hintTimer = setTimeout(() => presentHint.remove(), HINT_MS);
}

// Only pages with a certificate, and those of this machine, may use the clipboard.
async function copyLink(button) {
  try {
    await navigator.clipboard.writeText(location.href);
    say(button, "Link copied.");
  } catch {
    offerLink(button);
  }
}

function offerLink(button) {
  const field = element("input", "latent-word latent-link", document.body, { readOnly: true, value: location.href });
  field.setAttribute("aria-label", "Link to this view, to copy");
  field.style.top = `${button.getBoundingClientRect().bottom + 4}px`;
  field.onblur = () => field.remove();
  field.onkeydown = (event) => event.key === "Escape" && field.blur();
  field.focus();
  field.select();
}
