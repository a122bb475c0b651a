// The page's connection to its server, and its entries in the browser's history.

import { withView } from "../base/address.js";
import { page } from "../base/dom.js";

// After a lost connection the server may be a new one, or may have forgotten this visitor. Streamlit goes on as before, and
// asks for parts of a page that the server does not know. So we ask for the whole page; the address holds the view.

const unsent = new Map(); // by mount, how to tell the last pick that was made without a connection

export function whenConnected(mount, tell) {
  unsent.set(mount, tell);
}

export const connected = () => page()?.dataset.testConnectionState === "CONNECTED";
const idle = () => connected() && page().dataset.testScriptState === "notRunning";

export function watchConnection(ask) {
  let lost = false;
  let asked = false;
  const look = () => {
    if (!connected()) lost = true;
    else if (lost) {
      lost = false;
      asked = true;
      ask();
    } else if (asked && idle()) {
      asked = false;
      for (const [mount, tell] of unsent) if (mount.isConnected) tell();
      unsent.clear();
    }
  };
  const attributeFilter = ["data-test-connection-state", "data-test-script-state"];
  new MutationObserver(look).observe(page(), { attributeFilter });
}

// Streamlit makes one entry in the history for a new query and another for a new page. Where one act changes both, as a
// button that leads to another page does, they become one entry, so that going back undoes the act. An act that is taken
// back, as the first click of a double-click is, leaves no entry.
let takenBack = false;

export function takeBackEntry() {
  takenBack = true;
}

export function joinEntries() {
  const [push, replace] = [history.pushState, history.replaceState].map((write) => write.bind(history));
  const query = ({ pathname, search }) => pathname + search;
  let acted = true;
  let before = null; // the address before the last entry
  const act = () => {
    acted = true;
    takenBack = false;
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, act, true);
  history.replaceState = (state, title, url) => replace(state, title, withView(url ?? location));
  history.pushState = (state, title, url) => {
    const next = withView(url);
    if (takenBack && query(next) === before) {
      takenBack = false;
      history.back();
    } else if (next.pathname !== location.pathname && !acted) {
      replace(state, title, next);
    } else {
      before = query(location);
      push(state, title, next);
    }
    acted = false;
  };
  addEventListener("popstate", () => history.replaceState(history.state, "", location.href)); // an entry has the old view
}
