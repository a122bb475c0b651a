// A promise of the runtime, made by whichever component is mounted first.
export function door() {
  if (!globalThis.latentExplorerDoor) {
    let open;
    const promise = new Promise((resolve) => (open = resolve));
    globalThis.latentExplorerDoor = { promise, open };
  }
  return globalThis.latentExplorerDoor;
}
