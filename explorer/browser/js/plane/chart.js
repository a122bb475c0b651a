// A plane to touch: canvases under it and over it, its codes, pointer and keys. Where it lies, and which classes it shows,
// its viewport says; a chart that has a key looks for that whenever `attach` is called.

import { keep, recalled } from "../base/address.js";
import { classLook, NEUTRAL, paintMark } from "../base/classes.js";
import { cleared, clipped, element, growth } from "../base/dom.js";
import { shortPoint } from "../base/format.js";
import { oncePerFrame } from "../base/motion.js";
import { probe } from "../base/probe.js";
import { Cloud } from "./cloud.js";
import { Fingers } from "./fingers.js";
import { viewportOf } from "./viewport.js";
import { chainButton, placeZoomButtons, zoomButtons, zoomByKey } from "./zoom_buttons.js";

const CLICK_PIXELS = 5;
const TAP_PIXELS = 25; // between the two taps of a finger
const DOUBLE_CLICK_MS = 400; // as in figures.py
const KEY_STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const KEY_PIXELS = { plain: 8, shift: 40 };
const USUAL_DECIMALS = 2; // of a chart that is not there yet
const KEYS_HELP =
  "Arrow keys move over it, Enter keeps the point, plus and minus zoom, 0 shows all, L parts or ties the legends.";
const LEGEND_HELP =
  "Click: hide or show on all maps, unless they are parted. Double-click, or click with Shift: this class alone.";
const HIDDEN = "hidden"; // the name under which the address has the labels of the hidden classes
const PARTED = "parted"; // and whether each map has its own

export class Chart {
  static attached = new Map(); // by key
  static filters = new Map(); // by the names of all classes, or by key where legends are parted, which are shown
  static parted = recalled(PARTED) === "1";

  /**
   * @param {string} key  as Streamlit has it, or another one where the viewport is given to `attachTo`
   * @param {object} handlers
   *   paint(context, chart), over all
   *   about(chart) -> what the map shows, in words
   *   pick(z) -> what takes it back
   *   and if need be
   *   codes() -> the bank whose codes are shown
   *   colouring() -> the Colouring of these codes, or nothing where they have the colours of their classes
   *   lit() -> null, or { id, indices, codes, labels } of those of them that stand out, while the others are faint
   *   paintUnder(chart), beneath the codes; it may ask for another frame
   *   hover(z, chart), leave()
   *   follow(chart), which moves elements of its own after what is hovered; without it `paint` draws that
   *   filtered(), when other classes are shown
   *   grab(pixel, view) -> null, or a drag with move(z) and drop()
   *   keyed(event, pixel, chart) -> whether it has taken a key that was pressed with the cursor there
   *   tools(buttons, chart), which adds buttons to those that zoom
   */
  constructor(key, handlers) {
    Object.assign(this, { key, handlers, view: null, cursor: null, lastClick: null });
    this.requestHovered = oncePerFrame(() => this.view?.connected() && this.paint());
    Object.assign(this, { stale: false, staleOver: false });
    this.layers = element("div", "latent-layers");
    this.over = element("canvas", "latent-canvas", this.layers);
    this.under = element("canvas", "latent-canvas latent-under");
    this.cloud = new Cloud();
    this.lit = new Cloud();
    this.lit.canvas.classList.add("latent-lit");
    this.lit.canvas.hidden = true;
  }

  attach() {
    const known = this.layers.isConnected ? this.view : null; // a chart that was torn out of the page is looked for again
    const view = viewportOf(this.key, known);
    if (view && view !== this.view) this.attachTo(view);
  }

  attachTo(view) {
    this.detach();
    this.view = view;
    Chart.attached.set(this.key, this);
    const { stage } = view;
    stage.classList.add("latent-stage");
    stage.prepend(this.under, this.cloud.canvas, this.lit.canvas);
    this.buttons?.remove();
    this.buttons = zoomButtons(this.layers, view);
    this.chain = chainButton(this.buttons, () => this.part());
    this.handlers.tools?.(this.buttons, this);
    stage.append(this.layers);
    stage.tabIndex = 0;
    stage.setAttribute("role", "application");
    this.listen();
    this.request();
  }

  detach() {
    this.listeners?.abort();
    this.view?.stop();
    for (const layer of [this.layers, this.under, this.cloud.canvas, this.lit.canvas]) layer.remove();
    this.view = null;
    if (Chart.attached.get(this.key) === this) Chart.attached.delete(this.key);
  }

  listen() {
    const { stage } = this.view;
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    const on = (target, name, run) => target.addEventListener(name, run, { signal, capture: true });
    const onPointer = (target, name, run) => on(target, name, (event) => event.pointerType === "touch" || run(event));
    onPointer(stage, "pointermove", (event) => this.pointerMoved(event));
    onPointer(stage, "pointerleave", () => this.left());
    onPointer(stage, "pointerdown", (event) => this.pointerDown(event));
    onPointer(window, "pointermove", (event) => this.dragged(event));
    onPointer(window, "pointerup", (event) => this.pointerUp(event));
    new Fingers(this, signal);
    on(stage, "keydown", (event) => this.keyPressed(event));
    on(stage, "click", (event) => this.legendClicked(event));
    on(stage, "blur", () => this.left());
    this.view.listen(() => this.request());
  }

  pointerMoved(event) {
    if (event.buttons) return;
    const at = this.view.position(event);
    if (at) this.hover(at);
    else this.left();
  }

  hover(at) {
    this.cursor = at;
    this.requestHovered();
  }

  left() {
    if (!this.cursor) return;
    this.cursor = null;
    this.handlers.leave?.();
    this.requestHovered();
  }

  pointerDown(event) {
    const at = event.button === 0 && this.view.position(event);
    this.pressed = at ? { x: event.clientX, y: event.clientY, strayed: false } : null;
    this.held = at && this.handlers.grab?.(at, this.view);
    if (this.held) {
      event.stopPropagation();
      event.preventDefault();
    }
  }

  dragged(event) {
    if (!this.held) return;
    if (this.pressed)
      this.pressed.strayed ||=
        Math.hypot(event.clientX - this.pressed.x, event.clientY - this.pressed.y) >= CLICK_PIXELS;
    this.held.move(this.view.toPlane(this.view.at(event)));
    this.requestOver();
  }

  pointerUp(event) {
    const { pressed, held } = this;
    this.pressed = this.held = null;
    if (!pressed) return;
    const moved = Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) >= CLICK_PIXELS;
    if (held && (moved || pressed.strayed)) held.drop();
    else if (!moved) this.clicked(event, event.timeStamp, this.view.position(event), CLICK_PIXELS);
  }

  // A click or a tap picks. The second of a double-click resets the view instead, and takes the first one's pick back.
  clicked({ clientX, clientY }, time, at, near = TAP_PIXELS) {
    const last = this.lastClick;
    const repeats = last && Math.hypot(clientX - last.clientX, clientY - last.clientY) < near;
    if (repeats && time - last.time < DOUBLE_CLICK_MS) {
      this.lastClick = null;
      this.takeBack?.();
      this.view.reset();
    } else {
      this.lastClick = { clientX, clientY, time };
      this.takeBack = at && this.pick(at);
    }
  }

  // The decimals that tell pixels apart.
  decimals() {
    return this.view?.decimals() ?? USUAL_DECIMALS;
  }

  pick(at) {
    probe.picks += 1;
    return this.handlers.pick(this.view.rounded(this.view.toPlane(at)));
  }

  keyPressed(event) {
    if (event.target !== this.view.stage) {
      if ([" ", "Enter"].includes(event.key) && this.legendClicked(event)) event.preventDefault();
      return;
    }
    const { left, top, width, height } = this.view.frame();
    const at = this.cursor ?? [left + width / 2, top + height / 2];
    const step = KEY_STEPS[event.key];
    if (this.handlers.keyed?.(event, at, this)) {
      this.requestOver();
    } else if (step) {
      const length = event.shiftKey ? KEY_PIXELS.shift : KEY_PIXELS.plain;
      const limit = (value, low, size) => Math.min(Math.max(value, low), low + size);
      this.hover([limit(at[0] + length * step[0], left, width), limit(at[1] - length * step[1], top, height)]);
    } else if (event.key === "Enter") {
      this.hover(at);
      this.pick(at);
    } else if (event.key === "Escape") {
      this.left();
    } else if (event.key.toLowerCase() === "l" && !this.chain.hidden && !event.ctrlKey && !event.metaKey) {
      this.part();
    } else if (event.ctrlKey || event.metaKey || event.altKey || !zoomByKey(this.view, event.key, this.cursor)) {
      return;
    }
    event.preventDefault();
  }

  // A click hides a class or shows it again, on all maps with these classes unless they are parted; the second of a double-click, or a click
  // with Shift, leaves the class alone, or shows all where it is.
  legendClicked(event) {
    const index = this.view.legend().findIndex(({ entry }) => entry.contains(event.target));
    if (index < 0) return false;
    const shown = this.view.shown();
    const alone = shown.every((on, i) => on === (i === index));
    if (event.detail !== 2) this.before = { shown, alone };
    const only = event.shiftKey || event.detail === 2;
    const chosen = shown.map((on, i) => (only ? this.before.alone || i === index : i === index ? !on : on));
    this.filter(chosen);
    return true;
  }

  // Show some classes here, and on all maps whose legends are tied to this one.
  filter(chosen) {
    for (const chart of Chart.parted ? [this] : [this, ...this.others()]) chart.show(chosen);
    Chart.filters.set(this.filterName(), chosen);
    const hidden = chosen.flatMap((on, label) => (on ? [] : [label]));
    keep(this.hiddenName(), hidden.length ? hidden.join() : null);
  }

  // Part the legends of all maps, each of which keeps what it shows, or tie the others to this one.
  part() {
    const charts = [...Chart.attached.values()];
    for (const chart of charts) keep(chart.hiddenName(), null);
    Chart.parted = !Chart.parted;
    keep(PARTED, Chart.parted ? "1" : null);
    for (const chart of Chart.parted ? charts : [this]) chart.filter(chart.view.shown());
    for (const chart of charts) chart.request();
  }

  // The other maps with the same classes.
  others() {
    const same = (chart) => chart !== this && chart.classNames() === this.classNames();
    return [...Chart.attached.values()].filter(same);
  }

  filterName() {
    return Chart.parted ? this.key : this.classNames();
  }

  hiddenName() {
    return Chart.parted ? `${HIDDEN}_${this.key}` : HIDDEN;
  }

  classNames() {
    return this.view
      .classes()
      .map(({ name }) => name)
      .join("\n");
  }

  // Hide what is hidden on other maps with these classes, or by the link that was opened: each time that Plotly has drawn the
  // chart again, which may have shown all.
  keepFilter() {
    const shown = this.view.shown();
    const labels = (recalled(this.hiddenName()) ?? "").split(",");
    const chosen = Chart.filters.get(this.filterName()) ?? shown.map((_, i) => !labels.includes(String(i)));
    if (chosen.length !== shown.length || !chosen.includes(true)) return;
    if (chosen.some((on, i) => on !== shown[i])) this.show(chosen);
  }

  show(shown) {
    this.view.show(shown);
    this.handlers.filtered?.();
  }

  // What a legend entry says, does and shows; set again each time Plotly has drawn it again.
  markLegend() {
    const shown = this.view.shown();
    const title = `${Chart.parted ? "Tie the legends of the maps together" : "Part the legends of the maps"} (key L)`;
    Object.assign(this.chain, { title, ariaLabel: title, hidden: !shown.length || !this.others().length });
    this.chain.classList.toggle("latent-parted", Chart.parted);
    const neutral = this.handlers.colouring?.()?.ofClasses === false ? NEUTRAL : undefined;
    this.view.legend().forEach(({ entry, mark, text }, i) => {
      Object.assign(entry, { role: "button", tabIndex: 0, ariaLabel: text.textContent, ariaPressed: shown[i] });
      paintMark(mark.querySelector("path"), i, neutral);
      mark.style.opacity = shown[i] ? 1 : 0.25;
      text.style.textDecoration = shown[i] ? "" : "line-through";
      if (entry.querySelector("title")) return;
      const title = document.createElementNS(entry.namespaceURI, "title");
      title.textContent = LEGEND_HELP;
      entry.append(title);
    });
  }

  // Ask for a frame that draws all, or only what lies over the chart, or, as every move of the pointer does, what follows
  // the pointer.
  request() {
    this.stale = true;
    this.requestOver();
  }

  requestOver() {
    this.staleOver = true;
    this.requestHovered();
  }

  paint() {
    const frame = this.view.frame();
    if (!(frame.width > 0 && frame.height > 0)) return; // hidden, or not laid out yet; a frame is asked for when it has a size
    if (this.stale) {
      this.stale = false;
      this.keepFilter();
      this.markLegend();
      placeZoomButtons(this.buttons, frame, this.view.stageSize());
      this.handlers.paintUnder?.(this);
      const bank = this.handlers.codes?.();
      if (bank) this.paintCodes(bank);
    }
    if (this.cursor) this.handlers.hover?.(this.view.toPlane(this.cursor), this);
    if (this.staleOver || !this.handlers.follow) this.paintOver(frame);
    this.handlers.follow?.(this);
  }

  paintOver(frame) {
    this.staleOver = false;
    this.tellAbout();
    const context = this.clear(this.over);
    clipped(context, frame, () => this.handlers.paint(context, this));
  }

  tellAbout() {
    const { stage } = this.view;
    const label = `${this.handlers.about(this)}. ${KEYS_HELP}`;
    if (stage.getAttribute("aria-label") !== label) stage.setAttribute("aria-label", label);
  }

  // A point as the map's own scale has it.
  pointInWords(z) {
    return shortPoint(z, this.decimals());
  }

  // The codes of a bank under the axes, unless they stand there as they are.
  paintCodes(bank) {
    const { view } = this;
    const [{ size }] = view.classes();
    const lit = this.handlers.lit?.() ?? null;
    view.stage.classList.toggle("latent-dimmed", Boolean(lit));
    const look = this.handlers.colouring?.()?.look();
    const looks = [window.devicePixelRatio, growth(), classLook(), look?.id, look?.inks];
    const state = JSON.stringify([bank.id, lit?.id, view.shown(), view.frame(), ...looks]);
    if (state === this.painted) return;
    this.painted = state;
    this.cloud.paint(view, bank, view.shown(), { size, look });
    this.lit.canvas.hidden = !lit;
    if (lit) this.lit.paint(view, lit, view.shown(), { size });
  }

  clear(canvas) {
    const [width, height] = this.view.stageSize();
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    return cleared(canvas, width, height);
  }
}
