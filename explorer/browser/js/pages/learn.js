// Learn: the lesson, one step on the screen at a time: words and a formula, a live figure, a question that is answered
// first by the reader and then by the figure.

import { announce } from "../base/announce.js";
import { button, element, exactInk } from "../base/dom.js";
import { fileAt } from "../base/files.js";
import { pending } from "../base/pending.js";
import { Told } from "../base/told.js";
import { FIGURES } from "../lesson/figures.js";
import { Lesson } from "../lesson/lesson.js";
import { addBank, bankOf } from "../model/banks.js";
import { Film } from "../model/film.js";
import { Chart } from "../plane/chart.js";

const ASK_AGAIN_MS = 300;

export class Learn {
  constructor() {
    this.trainings = pending();
    this.parents = new Set();
    this.told = new Told(); // the steps and images
    this.listening = new AbortController();
    addEventListener("keydown", (event) => this.keyPressed(event), { signal: this.listening.signal });
  }

  build(parent) {
    this.root = element("div", "latent-lesson", parent);
    const nav = element("div", "latent-lesson-nav", this.root, { role: "group" });
    nav.setAttribute("aria-label", "Steps");
    this.back = button(nav, "Back", () => this.go(this.step - 1));
    this.dots = element("div", "latent-dots", nav);
    this.next = button(nav, "Next", () => this.go(this.step + 1));
    this.text = element("section", "latent-lesson-text", this.root);
    this.place = element("section", "latent-lesson-figure", this.root);
    this.place.setAttribute("aria-label", "Live figure");
    this.asked = element("section", "latent-lesson-question", this.root);
    this.asked.setAttribute("aria-label", "Question");
  }

  // data: Lesson or LessonTrainings of `payloads.py`
  async update(data, { tell, parentElement, mounted }) {
    this.parents.add(parentElement);
    if (data.part === "trainings") return this.openTrainings(data);
    if (!this.root) this.build(parentElement);
    this.tell = tell;
    const ink = await exactInk();
    if (!mounted()) return;
    if (!this.lesson) {
      const opened = Object.entries(data.models).map(async ([name, model]) => {
        const encoder = model.encoder && bankOf(model.encoder);
        return [name, { ...model, bank: await bankOf(model.bank), encoder: await encoder }];
      });
      const [sheet, ...models] = await Promise.all([bankOf(data.sheet), ...opened]);
      await sheet.opened;
      if (!mounted() || this.lesson) return;
      const chosen = (image) => this.chose(image);
      this.lesson = new Lesson({
        models: Object.fromEntries(models),
        sheet,
        trainings: this.trainings.promise,
        chosen,
      });
      this.showDots(data.steps);
    }
    const news = this.told.isNews(`${data.step} ${data.image}`);
    this.data = data;
    this.lesson.ink = ink;
    if (!news) return this.repaint();
    this.lesson.look(data.image % this.lesson.count);
    if (data.step === this.step) this.showImage();
    else this.show(data.step);
  }

  // In the colours of another theme.
  repaint() {
    for (const chart of Chart.attached.values()) chart.request();
    this.figure.repaint?.();
  }

  // They come after the rest, since it takes the server a while to open them.
  async openTrainings({ sides, curves, family, best }) {
    const opened = Object.entries(sides).map(async ([side, { codes, views, prior }]) => {
      const film = new Film(await fileAt(codes), [], () => {});
      return [side, { film, views, prior }];
    });
    const banks = new Map();
    const opener = ({ address, ...facts }) => {
      const open = () => {
        if (!banks.has(address)) banks.set(address, fileAt(address).then(addBank));
        return banks.get(address);
      };
      return { ...facts, open };
    };
    this.trainings.open({
      sides: Object.fromEntries(await Promise.all(opened)),
      curves,
      family: family.map(opener),
      best: best && opener(best),
    });
  }

  showDots(steps) {
    this.buttons = steps.map(({ title }, rank) => {
      const dot = element("button", "latent-dot", this.dots, { type: "button", title });
      dot.setAttribute("aria-label", `Step ${rank + 1}: ${title}`);
      dot.onclick = () => this.go(rank + 1);
      return dot;
    });
  }

  // Left and right lead through the steps, unless what has the focus uses these keys itself.
  keyPressed(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [role=application], [role=tab], [role=combobox]")) return;
    event.preventDefault();
    this.go(this.step + way);
  }

  go(step) {
    if (!this.data || step < 1 || step > this.data.steps.length || step === this.step) return;
    this.show(step);
    this.send();
    announce(`Step ${step} of ${this.data.steps.length}: ${this.data.steps[step - 1].title}.`);
  }

  // Another image in the same step.
  showImage() {
    this.figure.show();
    if (this.lesson.answered) this.judge();
  }

  chose(image) {
    this.showImage();
    this.send();
    announce(`Test image ${image}: ${this.lesson.image.name}.`);
  }

  send(open = false) {
    const { step } = this;
    const image = this.lesson.image.index;
    this.told.add(`${step} ${image}`);
    this.tell({ step, image, open });
  }

  show(step) {
    this.step = step;
    this.figure?.stop();
    this.answered(false);
    this.lesson.forget();
    const { steps } = this.data;
    this.buttons.forEach((dot, rank) => {
      if (rank + 1 === step) dot.setAttribute("aria-current", "step");
      else dot.removeAttribute("aria-current");
    });
    this.back.disabled = step === 1;
    this.next.disabled = step === steps.length;
    const { activeElement } = this.root.getRootNode();
    const goes = [this.text, this.place, this.asked].some((part) => part.contains(activeElement));
    this.say(steps[step - 1]);
    if (goes) this.text.firstChild.focus({ preventScroll: true });
    if (this.root.getBoundingClientRect().top < 0) this.root.scrollIntoView();
    this.place.replaceChildren();
    this.place.className = `latent-lesson-figure latent-${steps[step - 1].figure}`;
    this.figure = new FIGURES[steps[step - 1].figure](this.place, this.lesson);
  }

  say({ title, words, formula, question, answers, page }) {
    this.text.replaceChildren();
    element("h2", "", this.text, { textContent: title, tabIndex: -1 });
    element("p", "", this.text, { innerHTML: words });
    element("p", "latent-lesson-formula", this.text, { innerHTML: formula });
    this.asked.replaceChildren();
    element("p", "", this.asked, { textContent: question });
    this.choices = answers.map((answer, rank) => button(this.asked, answer, () => this.answer(rank)));
    this.measured = element("p", "latent-said", this.asked, { role: "status" });
    button(this.asked, `Open it on ${page}`, () => this.send(true)).classList.add("latent-lesson-link");
  }

  // Whether the reader has answered, and the figure may show what is asked.
  answered(yes) {
    clearTimeout(this.waiting);
    this.lesson.answered = yes;
    this.root.classList.toggle("latent-answered", yes);
  }

  // Say which answer is right.
  answer(chosen) {
    this.chosen = chosen;
    this.answered(true);
    this.figure.repaint?.();
    this.judge();
  }

  // Again in a moment as long as the figure does not know.
  judge() {
    clearTimeout(this.waiting);
    const { choices, chosen } = this;
    const { right, said } = this.figure.measured();
    choices.forEach((choice, rank) => {
      choice.classList.toggle("latent-right", rank === right);
      choice.setAttribute("aria-pressed", rank === chosen);
    });
    const judged = right === null ? "" : chosen === right ? "Yes. " : `No: ${choices[right].textContent}. `;
    this.measured.textContent = judged + said;
    if (right === null) this.waiting = setTimeout(() => this.judge(), ASK_AGAIN_MS);
  }

  unmount(parent) {
    this.parents.delete(parent);
    if (this.parents.size) return;
    this.listening.abort();
    clearTimeout(this.waiting);
    this.figure?.stop();
    this.lesson?.stop();
  }
}
