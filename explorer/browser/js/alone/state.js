// What a file shows, field by field as the app's state has it: what a link says behind its #, or else what the file was made
// with. A field that differs from that stands in the address.

import { keep, readAddress, recalled } from "../base/address.js";

const WRITTEN = { boolean: (value) => (value ? "1" : "0"), number: String, string: (value) => value };

export class State {
  // first: the fields and their values; null stands for a coordinate that nobody has chosen yet
  // planes: the fields of the points of each plane, which mean nothing in the plane of another model, by the field that
  // names the model
  constructor(first, planes) {
    Object.assign(this, { first, planes });
    this.read();
  }

  // Take what the address says now.
  read() {
    readAddress();
    this.values = {};
    for (const [name, first] of Object.entries(this.first)) {
      const text = recalled(name);
      this.values[name] = text === null ? first : (readAs(first, text) ?? first);
    }
    this.before = this.values;
  }

  set(changes) {
    this.before = this.values;
    const forgotten = Object.keys(changes).flatMap((field) =>
      this.values[field] === changes[field] ? [] : (this.planes[field] ?? []),
    );
    this.take({ ...this.values, ...Object.fromEntries(forgotten.map((field) => [field, null])), ...changes });
  }

  // Take back what was set last.
  undo() {
    this.take(this.before);
  }

  take(values) {
    this.values = values;
    for (const [name, value] of Object.entries(values)) {
      keep(name, value === this.first[name] || value === null ? null : WRITTEN[typeof value](value));
    }
  }

  // The point of a plane that is chosen, or another one.
  point(fields, otherwise) {
    const z = fields.map((field) => this.values[field]);
    return z.includes(null) ? otherwise : z;
  }
}

// What a text means for a field whose first value is given; undefined where it means nothing.
function readAs(first, text) {
  if (typeof first === "boolean") return { 0: false, 1: true }[text];
  if (typeof first === "string") return text;
  const number = Number(text);
  return text.trim() && Number.isFinite(number) ? number : undefined;
}
