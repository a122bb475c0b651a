// The viewport of a Plotly chart: Plotly draws the axes and the legend, zooms and pans. All that is known here of Plotly's
// own objects is known nowhere else.

import { keepNumbers, recalledNumbers } from "../base/address.js";
import { bounded, fitted, Viewport } from "./viewport.js";

const AXES = ["xaxis", "yaxis"];
const EVENTS = ["plotly_relayouting", "plotly_relayout", "plotly_afterplot"];
const REST_OF_CHART_MS = 200; // after which Plotly has answered a wheel
const MOST_TRIES = 5; // to have a chart show what was asked for
const boxes = new Map(); // by key and by the figure's own box: what someone zoomed or panned to
const opened = new Set(); // the keys of the charts that have looked into the address

const tellsRanges = (event) => Object.keys(event).some((name) => /^[xy]axis.range/.test(name));

// The viewport of the chart with this key in Streamlit, or null until Plotly has drawn it. The chart never changes, but
// Streamlit may mount it again at any time: that chart has a new viewport.
export function plotlyViewport(key, known) {
  const plot = document.querySelector(`.st-key-${key} .js-plotly-plot`);
  if (!plot?._fullLayout?.xaxis || typeof plot.on !== "function") return null;
  return known?.plot === plot ? known : new PlotlyViewport(key, plot);
}

class PlotlyViewport extends Viewport {
  constructor(key, plot) {
    super(plot.parentElement);
    Object.assign(this, { key, plot, tries: 0, home: plot.layout?.meta?.home });
    for (const name of EVENTS) plot.on(name, this.relaid);
    if (this.home) this.recall();
    this.relaid();
    if (this.home && !this.shows(this.asked)) this.lookAt(this.asked);
  }

  connected() {
    return this.plot.isConnected;
  }

  stop() {
    super.stop();
    for (const name of EVENTS) this.plot.removeListener?.(name, this.relaid);
    clearTimeout(this.check);
  }

  // Plotly widens the ranges to the chart's own ratio and forgets what they were, so that each change of its size would
  // widen them again. It is told the box that was asked for, at first the figure's and then what someone zoomed or panned
  // to, and where a double-click leads.
  relaid = (event = {}) => {
    this.changed();
    const { layout, _fullLayout } = this.plot;
    if (!this.home) return;
    if (tellsRanges(event) && !this.asking && !this.shows(this.asked)) {
      const end = (name, i) => event[`${name}.range`]?.[i] ?? _fullLayout[name].range[i];
      const box = AXES.map((name) => [end(name, 0), end(name, 1)]);
      this.asked = bounded(box, this.home);
      if (String(this.asked) !== String(box)) requestAnimationFrame(() => this.lookAt(this.asked));
    }
    AXES.forEach((name, i) => {
      layout[name].range = [...this.asked[i]];
      [_fullLayout[name]._rangeInitial0, _fullLayout[name]._rangeInitial1] = this.home[i];
    });
    this.checkLater();
  };

  // Plotly answers a moment later, and by then the chart may have another size: once it rests, it is asked again.
  checkLater() {
    clearTimeout(this.check);
    this.check = setTimeout(() => {
      this.asking = false;
      if (!this.connected() || this.shows(this.asked)) this.tries = 0;
      else if (++this.tries <= MOST_TRIES) this.lookAt(this.asked);
    }, REST_OF_CHART_MS);
  }

  get asked() {
    return boxes.get(`${this.key} ${this.home}`) ?? this.home;
  }

  set asked(box) {
    boxes.set(`${this.key} ${this.home}`, box);
    keepNumbers(this.key, String(box) === String(this.home) ? null : box.flat());
  }

  // Where a link leads, for the first chart with this key; another model under the key has a plane of its own.
  recall() {
    const ends = opened.has(this.key) ? null : recalledNumbers(this.key, 4);
    opened.add(this.key);
    const box = ends && AXES.map((_, i) => ends.slice(2 * i, 2 * i + 2));
    this.asked = box?.every(([low, high]) => low < high) ? bounded(box, this.home) : this.asked;
  }

  // Whether the axes show a box and no more than they must.
  shows(box) {
    const { width, height, x, y } = this.frame();
    return fitted(box, [width, height]).every((range, axis) => {
      const now = [x, y][axis];
      return range.every((end, i) => Math.abs(end - now[i]) < 1e-6 * (now[1] - now[0]));
    });
  }

  // Show a box, where a chart that was mounted again does not. Only a wheel makes Plotly take other ranges, be it one that
  // does not turn.
  lookAt(box) {
    const { width, height } = this.frame();
    this.asking = true;
    this.checkLater();
    fitted(box, [width, height]).forEach((range, axis) => (this.plot._fullLayout[AXES[axis]].range = range));
    this.plot.querySelector(".nsewdrag").dispatchEvent(new WheelEvent("wheel", { deltaY: 0 }));
  }

  look(box) {
    this.asked = box;
    this.lookAt(box);
  }

  // Plotly does it at a double-click that reaches it, and not at one on what is grabbed or by a finger.
  reset() {
    if (!this.home) return;
    this.asked = this.home;
    if (!this.shows(this.home)) this.lookAt(this.home);
  }

  frame() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    return {
      left: xaxis._offset,
      top: yaxis._offset,
      width: xaxis._length,
      height: yaxis._length,
      x: xaxis.range,
      y: yaxis.range,
    };
  }

  // Of each axis the step from tick to tick, and whether it has a grid.
  axes() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    return [xaxis, yaxis].map(({ dtick, showgrid }) => ({ step: dtick, grid: showgrid }));
  }

  // The size of the whole chart.
  size() {
    return [this.plot.clientWidth, this.plot.clientHeight];
  }

  classes() {
    return (this.plot._fullData ?? []).map(({ name, visible, marker }) => ({
      name,
      size: marker.size,
      shown: visible === true,
    }));
  }

  legend() {
    return [...this.plot.querySelectorAll(".legend .traces")].map((entry) => ({
      entry,
      mark: entry.querySelector(".legendpoints"),
      text: entry.querySelector(".legendtext"),
    }));
  }

  // Plotly finds this where it draws the legend the next time.
  show(shown) {
    shown.forEach((on, i) => {
      for (const trace of [this.plot.data[i], this.plot._fullData[i]]) trace.visible = on ? true : "legendonly";
    });
    this.changed();
  }
}
