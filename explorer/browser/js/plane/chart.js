// A Plotly chart as a plane to touch: coordinates both ways, canvases under it and one over it, pointer and keys. Plotly
// draws the axes and the legend, zooms and pans; the codes are drawn here, in mixed order and without WebGL.
// The chart itself never changes; Streamlit may mount it anew at any time, and `attach` then finds the new one.

import { cleared, element } from "../base/dom.js";
import { decimalsOf, exact } from "../base/format.js";
import { probe } from "../base/probe.js";
import { Cloud } from "./cloud.js";

const CLICK_PIXELS = 5;
const TAP_PIXELS = 25; // between the two taps of a finger
const DOUBLE_CLICK_MS = 400; // as in figures.py
const AXES = ["xaxis", "yaxis"];
const KEY_STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const LEGEND_HELP = "Click: hide or show on all maps. Double-click: this class alone.";

// The ranges of both axes that show a box, and more along the axis that has more room: one unit for both.
export function fitted(box, size) {
  const unit = Math.max(...box.map(([low, high], axis) => (high - low) / size[axis]));
  return box.map(([low, high], axis) => {
    const [middle, half] = [(low + high) / 2, (unit * size[axis]) / 2];
    return [middle - half, middle + half];
  });
}

export class Chart {
  static attached = new Map(); // by key
  static boxes = new Map(); // by key and by the figure's own box: what someone zoomed or panned to

  // handlers: paint(context, chart), pick(z) -> what takes it back, and optionally codes() -> the bank whose codes the chart shows,
  // paintUnder(chart), hover(z, chart), leave(), filtered(), grab(pixel, chart) -> null or a drag with move(z) and drop()
  constructor(key, handlers) {
    Object.assign(this, { key, handlers, plot: null, cursor: null, lastClick: null, pending: false, stale: false });
    this.layers = element("div", "latent-layers");
    this.over = element("canvas", "latent-canvas", this.layers);
    this.under = element("canvas", "latent-canvas latent-under");
    this.cloud = new Cloud();
  }

  attach() {
    const plot = document.querySelector(`.st-key-${this.key} .js-plotly-plot`);
    if (!plot?._fullLayout?.xaxis || typeof plot.on !== "function") return;
    if (plot === this.plot && this.layers.isConnected) return;
    this.detach();
    this.plot = plot;
    Chart.attached.set(this.key, this);
    this.stage = plot.parentElement;
    this.stage.classList.add("latent-stage");
    this.stage.prepend(this.under, this.cloud.canvas);
    this.stage.append(this.layers);
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.stage.setAttribute("aria-label", "Latent map. Arrow keys move over it, Enter keeps the point.");
    this.home = plot.layout?.meta?.home;
    this.listen();
    this.changed();
    if (this.home && !this.shows(this.asked)) this.lookAt(this.asked);
  }

  detach() {
    this.listeners?.abort();
    this.observer?.disconnect();
    if (this.plot) {
      for (const name of this.plotEvents) this.plot.removeListener?.(name, this.changed);
    }
    for (const layer of [this.layers, this.under, this.cloud.canvas]) layer.remove();
    this.plot = null;
    if (Chart.attached.get(this.key) === this) Chart.attached.delete(this.key);
  }

  listen() {
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    const on = (target, name, run) => target.addEventListener(name, run, { signal, capture: true });
    on(this.stage, "pointermove", (event) => this.pointerMoved(event));
    on(this.stage, "pointerleave", () => this.left());
    on(this.stage, "pointerdown", (event) => this.pointerDown(event));
    on(window, "pointermove", (event) => this.dragged(event));
    on(window, "pointerup", (event) => this.pointerUp(event));
    on(this.stage, "keydown", (event) => this.keyPressed(event));
    on(this.stage, "click", (event) => this.legendClicked(event));
    on(this.stage, "blur", () => this.left());
    this.plotEvents = ["plotly_relayouting", "plotly_relayout", "plotly_afterplot"];
    for (const name of this.plotEvents) this.plot.on(name, this.changed);
    this.observer = new ResizeObserver(() => this.request());
    this.observer.observe(this.stage);
  }

  // Plotly widens the ranges to the chart's own ratio and forgets what they were, so that each change of its size would
  // widen them again. It is told the box that was asked for, at first the figure's and then what someone zoomed or panned
  // to, and where a double-click leads.
  changed = (event = {}) => {
    this.request();
    const { layout, _fullLayout } = this.plot;
    if (!this.home) return;
    if (Object.keys(event).some((name) => /^[xy]axis.range/.test(name)) && !this.shows(this.asked)) {
      const end = (name, i) => event[`${name}.range`]?.[i] ?? _fullLayout[name].range[i];
      this.asked = AXES.map((name) => [end(name, 0), end(name, 1)]);
    }
    AXES.forEach((name, i) => {
      layout[name].range = [...this.asked[i]];
      [_fullLayout[name]._rangeInitial0, _fullLayout[name]._rangeInitial1] = this.home[i];
    });
  };

  get asked() {
    return Chart.boxes.get(`${this.key} ${this.home}`) ?? this.home;
  }

  set asked(box) {
    Chart.boxes.set(`${this.key} ${this.home}`, box);
  }

  // Whether the axes show a box and no more than they must.
  shows(box) {
    const { width, height, x, y } = this.frame();
    return fitted(box, [width, height]).every((range, axis) => {
      const now = [x, y][axis];
      return range.every((end, i) => Math.abs(end - now[i]) < 1e-6 * (now[1] - now[0]));
    });
  }

  // Show a box, where a chart that was mounted anew does not. Only a wheel makes Plotly take other ranges, be it one that
  // does not turn.
  lookAt(box) {
    const { width, height } = this.frame();
    fitted(box, [width, height]).forEach((range, axis) => (this.plot._fullLayout[AXES[axis]].range = range));
    this.plot.querySelector(".nsewdrag").dispatchEvent(new WheelEvent("wheel", { deltaY: 0 }));
  }

  // The plot's rectangle within the stage, in CSS pixels, and the range that each axis shows at this instant.
  frame() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    return {
      left: xaxis._offset, top: yaxis._offset, width: xaxis._length, height: yaxis._length,
      x: xaxis.range, y: yaxis.range,
    };
  }

  toPixel([z1, z2]) {
    const { left, top, width, height, x, y } = this.frame();
    return [left + ((z1 - x[0]) / (x[1] - x[0])) * width, top + ((y[1] - z2) / (y[1] - y[0])) * height];
  }

  toPlane([px, py]) {
    const { left, top, width, height, x, y } = this.frame();
    return [x[0] + ((px - left) / width) * (x[1] - x[0]), y[1] - ((py - top) / height) * (y[1] - y[0])];
  }

  // Where an event lies on the stage, and null where that is not the plane (legend, axes).
  position(event) {
    const box = this.stage.getBoundingClientRect();
    const at = [event.clientX - box.left, event.clientY - box.top];
    const { left, top, width, height } = this.frame();
    const inside = at[0] >= left && at[0] <= left + width && at[1] >= top && at[1] <= top + height;
    return inside ? at : null;
  }

  pointerMoved(event) {
    if (event.buttons) return;
    const at = this.position(event);
    if (at) this.hover(at);
    else this.left();
  }

  hover(at) {
    this.cursor = at;
    this.requestOver();
  }

  left() {
    if (!this.cursor) return;
    this.cursor = null;
    this.handlers.leave?.();
    this.requestOver();
  }

  pointerDown(event) {
    const at = event.button === 0 && this.position(event);
    this.pressed = at ? { x: event.clientX, y: event.clientY } : null;
    this.held = at && this.handlers.grab?.(at, this);
    if (this.held) {
      event.stopPropagation();
      event.preventDefault();
    }
  }

  dragged(event) {
    if (!this.held) return;
    const box = this.stage.getBoundingClientRect();
    this.held.move(this.toPlane([event.clientX - box.left, event.clientY - box.top]));
    this.requestOver();
  }

  pointerUp(event) {
    const { pressed, held } = this;
    this.pressed = this.held = null;
    if (!pressed) return;
    const moved = Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) >= CLICK_PIXELS;
    if (held && moved) {
      held.drop();
    } else if (!moved && this.repeats(event)) {
      this.lastClick = null;
      this.takeBack?.();
      this.reset();
    } else if (!moved) {
      this.lastClick = event;
      const at = this.position(event);
      this.takeBack = at && this.pick(at);
    }
  }

  // The second half of a double-click, which resets the view and is no pick: it takes the first half's back.
  repeats(event) {
    if (!this.lastClick) return false;
    const { timeStamp, clientX, clientY } = this.lastClick;
    const near = Math.hypot(event.clientX - clientX, event.clientY - clientY);
    const limit = event.pointerType === "touch" ? TAP_PIXELS : CLICK_PIXELS;
    return near < limit && event.timeStamp - timeStamp < DOUBLE_CLICK_MS;
  }

  // Plotly does it at a double-click that reaches it, and not at one on what is grabbed or by a finger.
  reset() {
    if (!this.home) return;
    this.asked = this.home;
    if (!this.shows(this.home)) this.lookAt(this.home);
  }

  // The length of a pixel on the plane.
  unit() {
    const { x, width } = this.frame();
    return (x[1] - x[0]) / width;
  }

  // The decimals that tell pixels apart.
  decimals() {
    return this.plot ? decimalsOf(this.unit()) : 2;
  }

  // A point of the plane, rounded to a tenth of a pixel, to three decimals or more.
  rounded(z) {
    const decimals = Math.max(3, decimalsOf(this.unit() / 10));
    return exact(z.map((value) => Number(value.toFixed(decimals))));
  }

  pick(at) {
    probe.picks += 1;
    return this.handlers.pick(this.rounded(this.toPlane(at)));
  }

  keyPressed(event) {
    if (event.target !== this.stage) {
      if ([" ", "Enter"].includes(event.key) && this.legendClicked(event)) event.preventDefault();
      return;
    }
    const { left, top, width, height } = this.frame();
    const at = this.cursor ?? [left + width / 2, top + height / 2];
    const step = KEY_STEPS[event.key];
    if (step) {
      const length = event.shiftKey ? 40 : 8;
      const limit = (value, low, size) => Math.min(Math.max(value, low), low + size);
      this.hover([limit(at[0] + length * step[0], left, width), limit(at[1] - length * step[1], top, height)]);
    } else if (event.key === "Enter") {
      this.hover(at);
      this.pick(at);
    } else if (event.key === "Escape") {
      this.left();
    } else {
      return;
    }
    event.preventDefault();
  }

  // Which classes the legend shows.
  shown() {
    return (this.plot._fullData ?? []).map((trace) => trace.visible === true);
  }

  entries() {
    return [...this.plot.querySelectorAll(".legend .traces")];
  }

  // A click hides a class or shows it again, on all maps with these classes; the second of a double-click leaves the
  // class alone, or shows all where it is.
  legendClicked(event) {
    const index = this.entries().indexOf(event.target.closest(".traces"));
    if (index < 0) return false;
    const shown = this.shown();
    const alone = shown.every((on, i) => on === (i === index));
    if (event.detail !== 2) this.before = { shown, alone };
    const twice = event.detail === 2 && shown.map((_, i) => this.before.alone || i === index);
    const chosen = twice || shown.map((on, i) => (i === index ? !on : on));
    const names = (chart) => (chart.plot._fullData ?? []).map(({ name }) => name).join("\n");
    for (const chart of Chart.attached.values()) if (names(chart) === names(this)) chart.show(chosen);
    return true;
  }

  // Plotly finds this where it draws the legend the next time.
  show(shown) {
    shown.forEach((on, i) => {
      for (const trace of [this.plot.data[i], this.plot._fullData[i]]) trace.visible = on ? true : "legendonly";
    });
    this.handlers.filtered?.();
    this.request();
  }

  // What a legend entry says, does and shows, anew after Plotly has drawn it anew.
  markLegend() {
    const shown = this.shown();
    this.entries().forEach((entry, i) => {
      Object.assign(entry, { role: "button", tabIndex: 0, ariaLabel: entry.textContent, ariaPressed: shown[i] });
      entry.style.opacity = shown[i] ? 1 : 0.4;
      if (entry.querySelector("title")) return;
      const title = document.createElementNS(entry.namespaceURI, "title");
      title.textContent = LEGEND_HELP;
      entry.append(title);
    });
  }

  // Ask for a frame that draws all, or, as every move of the pointer does, only what lies over the chart.
  request() {
    this.stale = true;
    this.requestOver();
  }

  requestOver() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      if (this.plot?.isConnected) this.paint();
    });
  }

  paint() {
    const { left, top, width, height } = this.frame();
    if (!(width > 0 && height > 0)) return; // hidden, or not laid out yet; a frame is asked for when it has a size
    if (this.stale) {
      this.stale = false;
      this.markLegend();
      this.handlers.paintUnder?.(this); // may ask for another frame
      const bank = this.handlers.codes?.();
      if (bank) this.paintCodes(bank);
    }
    if (this.cursor) this.handlers.hover?.(this.toPlane(this.cursor), this);
    const context = this.clear(this.over);
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    this.handlers.paint(context, this);
    context.restore();
  }

  // The codes of a bank under the axes, unless they stand there as they are.
  paintCodes(bank) {
    const [shown, traces] = [this.shown(), this.plot._fullData];
    const view = JSON.stringify([bank.id, shown, this.frame(), window.devicePixelRatio]);
    if (view === this.painted) return;
    this.painted = view;
    const { size, opacity } = traces[0].marker;
    this.cloud.paint(this, bank, traces.map(({ marker }) => marker.color), shown, { point: { size, opacity } });
  }

  clear(canvas) {
    const { clientWidth: width, clientHeight: height } = this.stage;
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    return cleared(canvas, width, height);
  }
}
