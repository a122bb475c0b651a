// Buttons over a plane that zoom in, zoom out and go back to the first view. The keys +, - and 0 do the same.

import { element } from "../base/dom.js";

const ZOOM_STEP = 1.6; // times as wide
const EDGE_PIXELS = 6; // to the edge of the plane

const ZOOMS = [
  { key: "+", sign: "+", name: "Zoom in", also: ["="], act: (view, at) => view.zoom(at, 1 / ZOOM_STEP) },
  { key: "-", sign: "−", name: "Zoom out", also: ["−", "_"], act: (view, at) => view.zoom(at, ZOOM_STEP) },
  { key: "0", sign: "⌂", name: "Whole map", also: ["Home"], act: (view) => view.reset() },
];

function middleOf({ left, top, width, height }) {
  return [left + width / 2, top + height / 2];
}

// Do what a key asks for, about a place or the middle; false where it asks for nothing here.
export function zoomByKey(view, key, at) {
  const asked = ZOOMS.find((each) => each.key === key || each.also.includes(key));
  asked?.act(view, at ?? middleOf(view.frame()));
  return Boolean(asked);
}

export function zoomButtons(parent, view) {
  const buttons = element("div", "latent-zoom", parent);
  for (const { key, sign, name } of ZOOMS) {
    const title = `${name} (key ${key})`;
    const button = element("button", "", buttons, { type: "button", textContent: sign, title, tabIndex: -1 });
    button.setAttribute("aria-label", title);
    button.onclick = () => zoomByKey(view, key);
  }
  return buttons;
}

const CHAIN = `<svg viewBox="0 0 16 16"><path d="M7 4.5l1-1a2.8 2.8 0 0 1 4 4l-1 1M9 11.5l-1 1a2.8 2.8 0 0 1-4-4l1-1"/>
<path d="M6.5 9.5l3-3"/></svg>`;

// A button among them that ties the legends of all maps, or parts them.
export function chainButton(buttons, act) {
  const button = element("button", "latent-chain", buttons, { type: "button", tabIndex: -1, innerHTML: CHAIN });
  button.onclick = act;
  return button;
}

const ROPE = `<svg viewBox="0 0 16 16"><ellipse cx="8.5" cy="5.500" rx="6" ry="4"/>
<path d="M4 8c-2 1.500-.5 3.500 1 2.500s-1-2.500-1.500-.5.500 3.500-1 5"/></svg>`;

// A button among them that begins to draw around points, or ends that.
export function lassoButton(buttons, act) {
  const title = "Draw around points (key S)";
  const button = element("button", "latent-rope", buttons, { type: "button", tabIndex: -1, innerHTML: ROPE, title });
  button.ariaLabel = title;
  button.onclick = act;
  return button;
}

// Put them into the upper right corner of the plane.
export function placeZoomButtons(buttons, { left, top, width }, [stageWidth]) {
  buttons.style.top = `${top + EDGE_PIXELS}px`;
  buttons.style.right = `${stageWidth - left - width + EDGE_PIXELS}px`;
}
