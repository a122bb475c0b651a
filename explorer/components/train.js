// Train: the curves of a training as it goes on, its map with the codes moving from epoch to epoch, what it decodes.

const MOVE_MS = 700;
const CURVE_MARGIN = { left: 52, right: 10, top: 6, bottom: 20 };

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer;

// One figure of the objective: its means within the epochs as a line, those of whole epochs as dots in their middle.
class Curve {
  constructor(parent) {
    this.root = element("div", "latent-curve", parent);
    this.said = element("div", "latent-line", this.root);
    this.canvas = element("canvas", "", this.root);
    this.canvas.setAttribute("role", "img");
    this.resized = new ResizeObserver(() => this.paint());
    this.resized.observe(this.canvas);
  }

  // curve: { title, unit, within: [[epoch, value]], rows: [[epoch, value]] }
  show(curve, epochs, colours) {
    Object.assign(this, { curve, epochs, colours });
    const last = [...curve.rows.slice(-1), ...curve.within.slice(-1)].sort((a, b) => b[0] - a[0])[0];
    const value = last ? `${longNumber(last[1])} ${curve.unit}` : "";
    this.said.replaceChildren(element("span", "", null, { textContent: curve.title }));
    element("strong", "", this.said, { textContent: value });
    this.canvas.setAttribute("aria-label", `${curve.title} ${value}`);
    this.paint();
  }

  paint() {
    const { canvas } = this;
    if (!this.curve || !canvas.clientWidth) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    const context = cleared(canvas);
    const { left, right, top, bottom } = CURVE_MARGIN;
    const [low, high] = this.range();
    const x = (epoch) => left + (epoch / this.epochs) * (width - left - right);
    const y = (value) => top + ((high - value) / (high - low)) * (height - top - bottom);
    this.drawAxes(context, { x, y, width, height, low, high });
    context.save();
    context.beginPath();
    context.rect(left - 4, 0, width - left - right + 8, height - bottom + 1);
    context.clip();
    this.drawPoints(context, { x, y, low, high });
    context.restore();
  }

  // All values but those of the first steps, which are far out; what leaves the range is cut off.
  range() {
    const all = [...this.curve.within, ...this.curve.rows];
    const values = all.filter(([epoch]) => epoch > this.settled).map(([, value]) => value);
    if (!values.length) return [0, 1];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = 0.06 * (high - low) || 0.5;
    return [low - margin, high + margin];
  }

  // The epoch after which values count: the first is passed over, or half of what there is of it.
  get settled() {
    return Math.min(1, Math.max(0, ...[...this.curve.within, ...this.curve.rows].map(([epoch]) => epoch)) / 2);
  }

  drawAxes(context, { x, y, width, height, low, high }) {
    const { left, right, bottom } = CURVE_MARGIN;
    context.font = "11px sans-serif";
    context.fillStyle = this.colours.ink;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const { value, text } of roundTicks([low, high], 4)) {
      context.globalAlpha = 0.14;
      context.fillRect(left, Math.round(y(value)), width - left - right, 1);
      context.globalAlpha = 0.65;
      context.fillText(text, left - 6, y(value), left - 8); // a long one narrower than it is
    }
    context.textAlign = "center";
    const whole = roundTicks([0, this.epochs], 6).filter(({ value }) => Number.isInteger(value));
    for (const { value } of whole) context.fillText(String(value), x(value), height - bottom + 11);
    context.globalAlpha = 1;
  }

  // The line begins where it comes into the range for good.
  drawPoints(context, { x, y, low, high }) {
    const { within, rows } = this.curve;
    const out = ([epoch, value]) => epoch <= this.settled && (value < low || value > high);
    const inside = within.slice(Math.max(0, within.findLastIndex(out)));
    context.strokeStyle = context.fillStyle = this.colours.ink;
    context.lineJoin = "round";
    context.lineWidth = 1.25;
    context.globalAlpha = 0.5;
    context.beginPath();
    for (const [epoch, value] of inside) context.lineTo(x(epoch), y(value));
    context.stroke();
    context.globalAlpha = 1;
    for (const [epoch, value] of rows) {
      context.beginPath();
      context.arc(x(epoch - 0.5), y(value), rows.length > 60 ? 1.5 : 2.5, 0, 2 * Math.PI);
      context.fill();
    }
  }

  stop() {
    this.resized.disconnect();
  }
}

class Train {
  constructor() {
    this.parents = new Map(); // of each part that is mounted
  }

  // data: { part } of two, see `views/trainings.py`; the part "curves" has the place of both on the page
  async update(data, { parentElement }) {
    if (data.part === "curves" && !this.parents.has(parentElement)) this.build(parentElement);
    this.parents.set(parentElement, data.part);
    if (data.part === "curves") this.figures = data;
    else this.take(data);
    await this.styled();
    if (controllers.has(parentElement)) this.refresh();
  }

  // Before the style sheet is there, nothing has its size or its place.
  async styled() {
    while (this.root && getComputedStyle(this.root).display !== "grid") await new Promise(requestAnimationFrame);
  }

  build(parent) {
    this.root = element("div", "latent-train", parent);
    this.plots = element("div", "latent-plots", this.root);
    this.curves = [];
    this.plane = element("div", "latent-plane", this.root);
    this.heading = element("div", "latent-line", this.plane);
    this.map = new CloseUp(this.plane, {
      paint: (context, chart) => this.now?.prior && drawPrior(context, chart),
      paintUnder: (chart) => this.paintUnder(chart),
      pick: () => {},
    });
    this.map.stage.setAttribute("aria-label", "The codes of test images after the last whole epoch");
    this.legend = element("div", "latent-legend", this.plane);
    const decoded = element("div", "latent-decoded", this.root);
    this.caption = element("div", "latent-line", decoded);
    this.picture = element("img", "digit", decoded);
  }

  // The codes of one more epoch: those that are shown move there.
  take(data) {
    const same = this.now?.job === data.job;
    const before = same && this.now.codes ? { codes: this.codes(), window: this.window() } : null;
    this.now = { ...data, codes: null };
    if (data.codes) {
      const [across, up] = data.scale;
      const whole = new Int16Array(bytesOf(data.codes));
      this.now.codes = Float32Array.from(whole, (value, i) => value * (i % 2 ? up : across));
      this.now.labels = new Uint8Array(bytesOf(data.labels));
    }
    if (same && before && data.epoch === this.epoch) return;
    this.epoch = data.epoch;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.from = before && !still ? { ...before, start: performance.now() } : null;
  }

  // How far from the codes of the epoch before to those of this one, from 0 to 1.
  get moved() {
    const t = this.from ? (performance.now() - this.from.start) / MOVE_MS : 1;
    if (t >= 1) this.from = null;
    return t >= 1 ? 1 : t * t * (3 - 2 * t);
  }

  codes() {
    const t = this.moved;
    const { from } = this;
    return from ? this.now.codes.map((value, i) => from.codes[i] + t * (value - from.codes[i])) : this.now.codes;
  }

  window() {
    const t = this.moved;
    const { from } = this;
    const between = (value, axis, end) => from.window[axis][end] + t * (value - from.window[axis][end]);
    return from ? this.now.window.map((range, axis) => range.map((value, end) => between(value, axis, end))) : this.now.window;
  }

  attach() {}

  unmount(parent) {
    const part = this.parents.get(parent);
    this.parents.delete(parent);
    if (part !== "curves") return;
    this.map.detach();
    for (const curve of this.curves) curve.stop();
    this.root = null;
  }

  refresh() {
    if (!this.root || !this.figures) return;
    this.colours = theme();
    const { curves, epochs, job } = this.figures;
    if (this.curves.length !== curves.length) {
      for (const curve of this.curves) curve.stop();
      this.plots.replaceChildren();
      this.curves = curves.map(() => new Curve(this.plots));
    }
    curves.forEach((curve, i) => this.curves[i].show(curve, epochs, this.colours));
    const seen = this.now?.job === job ? this.now : null;
    this.plane.style.display = seen?.codes ? "" : "none";
    this.picture.parentElement.style.display = seen ? "" : "none";
    this.root.dataset.epoch = seen?.epoch ?? "";
    if (seen) this.showSeen(seen);
  }

  showSeen({ codes, epoch, picture, caption, palette, classes }) {
    const when = epoch ? `after epoch ${epoch}` : "before the first epoch";
    this.caption.textContent = caption;
    this.picture.src = picture;
    this.picture.alt = `${caption}, ${when}`;
    if (!codes) return;
    this.heading.textContent = `${(codes.length / 2).toLocaleString("en")} test images, ${when}`;
    this.legend.replaceChildren(...classes.map((name, label) => {
      const item = element("span", "", null, { textContent: name });
      item.prepend(element("i", "latent-dot", null));
      item.firstChild.style.background = palette[label];
      return item;
    }));
    this.map.request();
  }

  paintUnder(chart) {
    if (!this.now?.codes) return;
    const zoomed = chart.box !== chart.home;
    const window = this.window();
    if (!zoomed && String(window) !== String(chart.home)) chart.home = window;
    const context = chart.clear(chart.under);
    chart.drawAxes(context, this.colours.ink);
    drawCodes(context, chart, this.codes(), this.now.labels, this.now.palette, new Array(10).fill(true), 2.5);
    if (this.from) chart.request();
  }
}

pages.train = Train;
