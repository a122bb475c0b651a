// Work that a generator does in steps: to its end at once, or between the frames of the page.

const PIECE_MS = 12;

// What a generator comes to.
export function finish(steps) {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

// The same in slices, between which the page has its frames; null once it is not wanted any more.
export async function inSlices(steps, wanted) {
  let until = performance.now() + PIECE_MS;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() < until) continue;
    await new Promise((resolve) => setTimeout(resolve));
    if (!wanted()) return null;
    until = performance.now() + PIECE_MS;
  }
}
