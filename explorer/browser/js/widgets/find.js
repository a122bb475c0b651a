// One test image by its index, or any one of a class: which it is stands in the address.

import { keep, recalled } from "../base/address.js";
import { button, element } from "../base/dom.js";
import { TestImage } from "./test_image.js";

const FIND = "find"; // the name under which the address has the index

export class Find {
  // found(index or null): another image is found; point, pin: as TestImage has them
  constructor(parent, handlers) {
    Object.assign(this, { handlers, of: null, index: null });
    this.root = element("div", "latent-find", parent);
    const line = element("div", "latent-line", this.root);
    const label = element("label", "", line, { textContent: "Test image" });
    this.field = element("input", "latent-number", label, { type: "number", min: 0, step: 1, placeholder: "index" });
    this.field.onchange = () => this.typed(this.field.value);
    const one = element("label", "", line, { textContent: "or one of class" });
    this.classes = element("select", "latent-select", one);
    button(line, "Show me one", () => this.any(Number(this.classes.value)));
    this.line = line;
    this.said = element("div", "latent-said", this.root, { role: "status" });
    this.place = element("div", "latent-found", this.root);
  }

  // of: TestSet in which images are found
  offer(of) {
    const [bank] = of.banks;
    const opening = !this.of;
    if (this.of?.banks[0].test_set !== bank.test_set) {
      this.field.max = bank.count - 1;
      const options = bank.classes.map((textContent, value) => element("option", "", null, { textContent, value }));
      this.classes.replaceChildren(...options);
      if (!opening) this.find(null); // the index meant another image
    }
    this.of = of;
    if (opening) this.recall();
    else this.show();
  }

  // What the link that was opened has found.
  recall() {
    const asked = recalled(FIND);
    const { count } = this.of.banks[0];
    if (asked === null) return;
    if (/^\d{1,9}$/.test(asked) && Number(asked) < count) return this.find(Number(asked));
    keep(FIND, null);
    const last = (count - 1).toLocaleString("en");
    this.said.textContent = `The link asks for test image “${asked.slice(0, 20)}”: there are only those from 0 to ${last}.`;
  }

  // What is not an index is refused where all number fields are read.
  typed(text) {
    const index = Number(text);
    const known = text !== "" && Number.isInteger(index) && index >= 0 && index < this.of.banks[0].count;
    if (known && index !== this.index) this.find(index);
  }

  any(label) {
    const { labels } = this.of.banks[0];
    const others = [...labels.keys()].filter((index) => labels[index] === label && index !== this.index);
    if (others.length) this.find(others[Math.floor(Math.random() * others.length)]);
    else this.said.textContent = "There is no other image of this class.";
  }

  // An index, or null for none.
  find(index) {
    this.index = index;
    this.field.value = index ?? "";
    this.said.textContent = "";
    keep(FIND, index === null ? null : String(index));
    this.show();
    this.handlers.found(index);
  }

  show() {
    const { index, of } = this;
    this.place.replaceChildren();
    if (index === null) return;
    const image = new TestImage(this.place, of, index, this.handlers);
    image.decode();
    const [{ classes, labels }] = of.banks;
    const said = element("div", "latent-said", this.place);
    element("div", "", said, {
      textContent: `Test image ${index}, of class ${classes[labels[index]]}: ringed on the maps.`,
    });
    element("div", "", said, { textContent: "Click it to pin its codes." });
    button(said, "Clear", () => this.find(null)).title = "Find no image";
  }
}
