// A promise that is resolved from outside, by `open(value)`.

export function pending() {
  let open;
  const promise = new Promise((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
