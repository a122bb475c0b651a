// A promise of the runtime, made by whichever component is mounted first.

import { pending } from "../base/pending.js";

export function door() {
  globalThis.latentExplorerDoor ??= pending();
  return globalThis.latentExplorerDoor;
}
