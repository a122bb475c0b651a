// One controller for each page that is on the screen: told of what is to be shown, of mounts that go, and of all else that
// changes in the document.

const controllers = new Map(); // of each mount; the mounts of one page at one time share a controller
let kinds = {};

// Say which controller each page has, by the name that bridges call it by.
export function serve(pages) {
  kinds = pages;
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}

// The controller of a page that is on the screen.
export const controllerOf = (name) => [...controllers.values()].find((controller) => controller instanceof kinds[name]);

// `tell` takes what a person picked.
export function update({ data, parentElement, tell }) {
  if (!controllers.has(parentElement)) {
    controllers.set(parentElement, controllerOf(data.page) ?? new kinds[data.page](parentElement));
  }
  const mounted = () => controllers.has(parentElement);
  return controllers.get(parentElement).update(data, { parentElement, tell, mounted });
}

function look() {
  for (const [parentElement, controller] of controllers) {
    if (parentElement.isConnected) continue;
    controller.unmount(parentElement);
    controllers.delete(parentElement);
  }
  for (const controller of new Set(controllers.values())) controller.attach();
}
