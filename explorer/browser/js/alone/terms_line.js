// log p(x), the gap and the ELBO of an image as an equation whose terms are numbers, the gap in its two parts, and both
// ways to split -ELBO as lengths of one bar; as `markup/bars.py` and `markup/formulas.py` have them in the app.

import { element } from "../base/dom.js";
import { longNumber } from "../base/format.js";
import { term } from "../widgets/terms.js";

const LETTERS = 0.0066; // the share of a bar that a letter takes

const name = (parent, text, known) => (known ? term(known, parent, text) : parent.append(text));
const swatch = (parent, kind) => kind && element("span", `latent-swatch latent-part-${kind}`, parent);

// has: { logPx, error, elbo, kl, approximation, amortization, perfect } in nats; unit: { name, nats }
export function showTerms(root, has, unit, conditional) {
  const [x, xz] = conditional ? ["x | y", "x | z, y"] : ["x", "x | z"];
  const gap = has.logPx - has.elbo;
  const number = (nats) => longNumber(nats / unit.nats);
  const equation = element("div", "latent-terms");
  const exact = `exact, ± ${(has.error / unit.nats).toFixed(3)} ${unit.name}`;
  for (const [operator, text, known, kind, nats, note] of [
    ["", `log p(${x})`, "log p(x)", "exact", has.logPx, exact],
    ["−", "gap", "gap", "", gap, "what the bound misses"],
    ["=", "ELBO", "ELBO", "", has.elbo, "the bound"],
    ["=", `E log p(${xz})`, "reconstruction", "reconstruction", has.elbo + has.kl, "reconstruction"],
    ["−", "KL(q ‖ p(z))", "KL", "kl", has.kl, "how far q is from the prior"],
  ]) {
    const cell = element("div", "latent-term", equation);
    swatch(cell, kind);
    name(cell, text, known);
    const value = element("strong", "", cell);
    element("span", "", value, { textContent: operator });
    value.append(number(nats));
    element("small", "", cell, { textContent: note });
  }
  const total = element("div", "latent-said latent-total");
  term("gap", total);
  total.append(" ");
  element("strong", "", total, { textContent: number(gap) });
  for (const [sign, kind, said] of [
    ["=", "approximation", "no single Gaussian fits better"],
    ["+", "amortization", "what one encoder for all images loses"],
  ]) {
    total.append(` ${sign} `);
    element("strong", "", total, { textContent: number(has[kind]) });
    total.append(" (");
    swatch(total, kind);
    term(kind, total);
    total.append(`: ${said})`);
  }
  const cuts = [
    [
      [`−E log p(${xz})`, "reconstruction", -has.elbo - has.kl + has.perfect],
      ["KL", "kl", has.kl],
    ],
    [
      [`−log p(${x})`, "exact", -has.logPx + has.perfect],
      ["approximation", "approximation", has.approximation],
      ["amortization", "amortization", has.amortization],
    ],
  ];
  root.replaceChildren(equation, total, bar(cuts, has.perfect, number, unit));
}

// Rows of [name, kind, nats], all of one length; the first of each is measured from where all pixels are exact.
function bar(cuts, perfect, number, unit) {
  const stack = element("div", "latent-stack", null, { role: "img" });
  const longest = Math.max(...cuts.map((row) => row.reduce((sum, [, , nats]) => sum + nats, 0)), 1e-9);
  const value = ([, , nats], rank) => number(nats - (rank ? 0 : perfect));
  for (const row of cuts) {
    const line = element("div", "latent-cut", stack);
    row.forEach((piece, rank) => {
      const [text, kind, nats] = piece;
      const share = Math.max(nats, 0) / longest;
      const room = share / LETTERS;
      const made = element("span", `latent-part-${kind}`, line, {
        title: `${text}: ${value(piece, rank)} ${unit.name}`,
      });
      made.style.width = `${100 * share}%`;
      if (text.length + value(piece, rank).length + 1 < room) made.append(`${text} `);
      if (value(piece, rank).length < room) element("b", "", made, { textContent: value(piece, rank) });
    });
  }
  stack.setAttribute(
    "aria-label",
    cuts.map((row) => row.map((piece, rank) => `${piece[0]} ${value(piece, rank)}`).join(" + ")).join("; "),
  );
  return stack;
}
