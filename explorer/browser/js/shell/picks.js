// What a person did, on its way to the server.

import { connected, takeBackEntry, whenConnected } from "./connection.js";
import { update } from "./controllers.js";

const RECENT = 8;
const recent = new WeakMap(); // the picks of each mount, numbered
let newest = Date.now(); // so that whatever comes after a reload has a greater number

// Ties a mount to the server. That sees the last of the messages that reach it while it is busy, and no other: so each
// pick is sent with those just before it. One that is made without a connection is sent when there is one again.
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
