// What was told to the server and comes back with its answers, so that what comes from elsewhere is known from it: with a
// link, or by going back.

export class Told {
  constructor() {
    Object.assign(this, { waiting: [], known: null });
  }

  // How much of it has not been answered yet.
  get length() {
    return this.waiting.length;
  }

  add(word) {
    this.waiting.push(word);
  }

  // Whether an answer is neither what was told nor what was known before.
  isNews(word) {
    const answered = this.waiting.indexOf(word);
    this.waiting.splice(0, answered + 1);
    const news = answered < 0 && word !== this.known;
    this.known = word;
    return news;
  }
}
