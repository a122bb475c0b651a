// The banks and sheets that have come from the server, by their ids, and promises of those that have not.

import { unpack } from "../base/bytes.js";
import { pending } from "../base/pending.js";
import { Bank } from "./bank.js";
import { Sheet } from "./sheet.js";
import { Tabulated } from "./tabulated.js";

const banks = new Map();

function lobby(name) {
  if (!banks.has(name)) banks.set(name, pending());
  return banks.get(name);
}

let bring = () => {};

// Say what is done about a bank or sheet that is asked for and has not come: way(its id).
export function bringBanksBy(way) {
  bring = way;
}

export function bankOf(name) {
  if (!banks.has(name)) bring(name);
  return lobby(name).promise;
}

export const bankIds = () => [...banks.keys()];

export async function banksOf(sides) {
  const opened = Object.entries(sides).map(async ([side, { bank }]) => [side, await bankOf(bank)]);
  return Object.fromEntries(await Promise.all(opened));
}

export function addBank(bytes) {
  const blob = unpack(bytes);
  const bank = blob.facts.sheet ? new Sheet(bytes) : new (blob.facts.lines ? Tabulated : Bank)(blob);
  lobby(bank.id).open(bank);
  return bank;
}
