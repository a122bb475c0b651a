// One controller for each page that is on the screen. It is told what to show, which mounts go, and when the document
// changes.

/**
 * @typedef {object} Mount  The place of a page, or of a part of it, in the document.
 * @property {Element} parentElement  what the controller fills, the same one for as long as the mount is there
 * @property {(pick: object) => void} tell  takes what a person did: plain values, in the form that the page's view reads;
 *   with `undo: true` it takes back the pick before it
 * @property {() => boolean} mounted  whether the mount is still there, to be asked after each wait
 *
 * @typedef {object} Controller  What shows a page. `serve` is given its class.
 * @property {(parentElement: Element) => void} constructor  called for the first mount of the page
 * @property {(data: object, mount: Mount) => void | Promise<void>} update  shows what the page's view sends, of which mount
 *   it may be; called at least once for each mount and again whenever its data or the theme have changed
 * @property {() => void} [attach]  called whenever the document has changed: it finds charts that were mounted again, and
 *   does nothing where all is as it was
 * @property {(parentElement: Element) => void} [unmount]  called when a mount is gone; after the last one the controller
 *   holds on to nothing outside of it
 */

import { showShapes } from "../base/classes.js";
import { pageMoved } from "../plane/viewport.js";

const controllers = new Map(); // of each mount; the mounts of one page at one time share a controller
let kinds = {};

// Say which controller each page has, by the name that bridges call it by.
export function serve(pages) {
  kinds = pages;
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}

// The controller of a page that is on the screen.
export const controllerOf = (name) => [...controllers.values()].find((controller) => controller instanceof kinds[name]);

// Let the controller of a page show its data, in a mount; see Controller.
export function update({ data, parentElement, tell }) {
  showShapes(Boolean(data.shapes));
  if (!controllers.has(parentElement)) {
    controllers.set(parentElement, controllerOf(data.page) ?? new kinds[data.page](parentElement));
  }
  const mounted = () => controllers.has(parentElement);
  return controllers.get(parentElement).update(data, { parentElement, tell, mounted });
}

function look() {
  pageMoved();
  for (const [parentElement, controller] of controllers) {
    if (parentElement.isConnected) continue;
    controller.unmount?.(parentElement);
    controllers.delete(parentElement);
  }
  for (const controller of new Set(controllers.values())) controller.attach?.();
}
