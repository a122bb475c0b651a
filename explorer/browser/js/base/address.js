// What only the browser knows of a view, behind the # of the address, so that links and reloads keep it: what the maps are
// zoomed to, the classes that are hidden, the place on a path and between two classes.

const WRITING_MS = 300; // between two writings: browsers allow few in a second

const kept = new Map();
let writing = 0;

// Take what the address says now.
export function readAddress() {
  kept.clear();
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) kept.set(name, value);
}
readAddress();

// What the link that was opened, or the visitor since then, has for a name; null where that is nothing.
export const recalled = (name) => kept.get(name) ?? null;

// The numbers of a list, or null where it is not `count` finite ones.
export function recalledNumbers(name, count) {
  const numbers = (kept.get(name) ?? "").split(",").map(Number);
  return kept.get(name) && numbers.length === count && numbers.every(Number.isFinite) ? numbers : null;
}

// Have the address say this under a name; null takes the name away.
export function keep(name, value) {
  if (recalled(name) === value) return;
  if (value === null) kept.delete(name);
  else kept.set(name, value);
  clearTimeout(writing);
  writing = setTimeout(() => history.replaceState(history.state, "", withView(location.href)), WRITING_MS);
}

// The same for numbers, in a list of six digits each.
export function keepNumbers(name, numbers) {
  keep(name, numbers?.map((number) => Number(number.toPrecision(6))).join() ?? null);
}

// An address with what is kept; for all that is written into the browser's history.
export function withView(url) {
  const whole = new URL(url, location);
  whole.hash = new URLSearchParams([...kept]).toString().replaceAll("%2C", ",");
  return whole;
}
