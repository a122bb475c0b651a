// Numbers and points as the pages write them.

export const FARTHEST = 1e12; // no coordinate lies farther out, as in state.py

export const exact = (z) => z.map((value) => Number(value.toPrecision(9))); // as `coordinate` in state.py

// A text with the minus sign of print in place of hyphens.
export const withMinus = (text) => text.replace(/-/g, "−");

// The word for one thing or for another number of them.
export const plural = (count, one, many = `${one}s`) => (count === 1 ? one : many);

// How many decimals tell points apart that are a distance from each other, within reason.
export const decimalsOf = (unit) => Math.min(Math.max(Math.ceil(-Math.log10(unit)), 0), 20);

export const shortNumber = (value, decimals = 2) => withMinus(value.toFixed(decimals).replace(/^-(0(\.0+)?)$/, "$1")); // nothing is -0.0

// Three digits that count, which is what is kept of numbers of each image.
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
export const significant = (value) => withMinus(three.format(value).replace(/^-0$/, "0"));

export const longNumber = (value) =>
  withMinus(value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 }));

export const shortPoint = (z, decimals) => `z (${z.map((value) => shortNumber(value, decimals)).join(", ")})`;
