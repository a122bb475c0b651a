// What a person did, on its way to the server.

import { connected, takeBackEntry, whenConnected } from "./connection.js";
import { update } from "./controllers.js";

const RECENT = 8;
const recent = new WeakMap(); // the picks of each mount, numbered
let newest = Date.now(); // so that picks after a reload have greater numbers

// Ties a mount to the server. Of the messages that reach a busy server it sees only the last, so each pick is sent together
// with those just before it. A pick made without a connection is sent when there is one again.
export function bridge({ data, parentElement, setStateValue }) {
  const tell = (value) => {
    if (!connected()) {
      whenConnected(parentElement, () => tell(value));
      return;
    }
    if (value.undo) takeBackEntry();
    newest += 1;
    const picks = [...(recent.get(parentElement) ?? []), [newest, value]].slice(-RECENT);
    recent.set(parentElement, picks);
    setStateValue("picks", picks);
  };
  return update({ data, parentElement, tell });
}
