// A promise that is kept from outside: `open` gives it its value.

export function pending() {
  let open;
  const promise = new Promise((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
