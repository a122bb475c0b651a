// What all pages share: the decoders once sent, one controller a page, and an eye on what is mounted anew or gone.

const banks = new Map();

function lobby(name) {
  if (!banks.has(name)) {
    let open;
    const promise = new Promise((resolve) => (open = resolve));
    banks.set(name, { promise, open });
  }
  return banks.get(name);
}

const bankOf = (name) => lobby(name).promise;

async function banksOf(sides) {
  const opened = Object.entries(sides).map(async ([side, { bank }]) => [side, await bankOf(bank)]);
  return Object.fromEntries(await Promise.all(opened));
}

function addBank(bytes) {
  const bank = unpack(bytes).facts.sheet ? new Sheet(bytes) : new Bank(bytes);
  lobby(bank.id).open(bank);
  return bank;
}

const controllers = new Map(); // of each mount; the mounts of one page at one time share a controller

// `tell` takes what a person picked.
function update({ data, parentElement, tell }) {
  if (!controllers.has(parentElement)) {
    const shared = [...controllers.values()].find((controller) => controller instanceof pages[data.page]);
    controllers.set(parentElement, shared ?? new pages[data.page](parentElement));
  }
  return controllers.get(parentElement).update(data, { parentElement, tell });
}

const RECENT = 8;
const recent = new WeakMap(); // the picks of each mount, numbered
let newest = Date.now(); // so that whatever comes after a reload has a greater number

// Ties a mount to the server. That sees the last of the messages that reach it while it is busy, and no other: so each
// pick is sent with those just before it. One that is made without a connection is sent when there is one again.
function bridge({ data, parentElement, setStateValue }) {
  const tell = (value) => {
    if (!connected()) {
      unsent.set(parentElement, () => tell(value));
      return;
    }
    if (value.undo) takenBack = true;
    newest += 1;
    const picks = [...(recent.get(parentElement) ?? []), [newest, value]].slice(-RECENT);
    recent.set(parentElement, picks);
    setStateValue("picks", picks);
  };
  return update({ data, parentElement, tell });
}

new MutationObserver(() => {
  for (const [parentElement, controller] of controllers) {
    if (parentElement.isConnected) continue;
    controller.unmount(parentElement);
    controllers.delete(parentElement);
  }
  for (const controller of new Set(controllers.values())) controller.attach();
}).observe(document.body, { childList: true, subtree: true });

// `frames` and `picks` count what was drawn and what was clicked, for whoever measures.
globalThis.latentExplorer = { addBank, bankOf, bankIds: () => [...banks.keys()], pages, update, bridge, frames: 0, picks: 0 };
door().open(globalThis.latentExplorer);
