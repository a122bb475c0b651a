// Hands one checkpoint's bytes to the runtime. Its data never changes, so that they are sent once.

import { door } from "./door.js";
export default function ({ data }) {
  door().promise.then((explorer) => explorer.addBank(data));
}
