// A chart of our own where Plotly is not: axes, codes and legend, drag to pan, wheel or pinch to zoom, double-click to
// reset. To whoever touches it, its root looks like Plotly's: `_fullLayout`, `_fullData`, `on` and `removeListener`.

const PLOT_MARGIN = { left: 34, right: 4, top: 30, bottom: 24 };
const TICK_PIXELS = { x: 90, y: 50 }; // between two ticks, at least
const WHEEL_PIXELS = 500; // that zoom by a factor of e
const POINT = { size: 3.5, opacity: 0.8 };

// The least of 1, 2 and 5 times a power of ten that is not below a length.
function niceStep(length) {
  const power = 10 ** Math.floor(Math.log10(length));
  return [1, 2, 5, 10].find((factor) => factor * power >= length * (1 - 1e-9)) * power;
}

class Plot {
  // classes: [[name, colour]]; x and y: the ranges that must be in view at first
  constructor(parent, bank, { classes, x, y }) {
    Object.assign(this, { home: { x, y }, pointers: new Map(), listeners: new Set(), pending: false });
    this.root = element("div", "js-plotly-plot", parent);
    this.back = element("canvas", "latent-axes", this.root);
    this.front = element("canvas", "latent-points gl-container", this.root);
    this.axes = { x: { showgrid: false }, y: { showgrid: true } };
    this.traces = classes.map(([name, color], label) => {
      const members = [...bank.labels.keys()].filter((i) => bank.labels[i] === label);
      const along = (axis) => Float32Array.from(members, (i) => bank.codes[2 * i + axis]);
      return { name, visible: true, marker: { color, ...POINT }, x: along(0), y: along(1) };
    });
    Object.assign(this.root, {
      _fullLayout: { xaxis: this.axes.x, yaxis: this.axes.y },
      _fullData: this.traces,
      on: (_, run) => this.listeners.add(run),
      removeListener: (_, run) => this.listeners.delete(run),
    });
    this.legend();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.root);
    this.resize();
  }

  legend() {
    const legend = element("div", "legend", this.root);
    this.entries = this.traces.map((trace, i) => {
      const entry = element("button", "traces", legend, { type: "button", title: "Hide or show; twice for it alone" });
      element("span", "legendpoints", entry).style.background = trace.marker.color;
      element("span", "legendtext", entry, { textContent: trace.name });
      entry.onclick = () => this.show((old, j) => (j === i ? !old : old));
      entry.ondblclick = () => {
        const alone = this.traces.every(({ visible }, j) => visible === (j === i));
        this.show((_, j) => alone || j === i);
      };
      return entry;
    });
  }

  show(chosen) {
    this.traces.forEach((trace, i) => (trace.visible = chosen(trace.visible, i)));
    this.traces.forEach(({ visible }, i) => this.entries[i].setAttribute("aria-pressed", visible));
    this.changed();
  }

  listen() {
    const on = (target, name, run) => target.addEventListener(name, run, { passive: false });
    on(this.root, "pointerdown", (event) => {
      if (event.button === 0 && !event.target.closest(".legend")) this.pointers.set(event.pointerId, this.at(event));
    });
    on(window, "pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel"]) on(window, end, (event) => this.pointers.delete(event.pointerId));
    on(this.root, "wheel", (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode ? 20 : 1);
      this.zoom(this.at(event), Math.exp(Math.max(-200, Math.min(200, pixels)) / WHEEL_PIXELS));
    });
    on(this.root, "dblclick", (event) => event.target.closest(".legend") || this.reset());
  }

  at({ clientX, clientY }) {
    const box = this.root.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  }

  // One pointer pans; two pan and zoom about what lies between them.
  moved(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const middle = () => [0, 1].map((axis) => [...this.pointers.values()].reduce((sum, at) => sum + at[axis], 0) / this.pointers.size);
    const spread = (about) => Math.hypot(...[...this.pointers.values()].flatMap((at) => [at[0] - about[0], at[1] - about[1]]));
    const old = middle();
    const wide = spread(old);
    this.pointers.set(event.pointerId, this.at(event));
    const now = middle();
    const unit = this.unit();
    this.move(this.axes.x, -(now[0] - old[0]) * unit);
    this.move(this.axes.y, (now[1] - old[1]) * unit);
    if (this.pointers.size > 1 && spread(now) > 0) this.zoom(now, wide / spread(now));
    this.changed();
  }

  unit() {
    return (this.axes.x.range[1] - this.axes.x.range[0]) / this.axes.x._length;
  }

  move(axis, by) {
    axis.range = axis.range.map((end) => end + by);
  }

  zoom([px, py], factor) {
    const { x, y } = this.axes;
    const across = x.range[0] + (px - x._offset) * this.unit();
    const up = y.range[1] - (py - y._offset) * this.unit();
    x.range = x.range.map((end) => across + (end - across) * factor);
    y.range = y.range.map((end) => up + (end - up) * factor);
    this.changed();
  }

  // Both ranges of `home`, and more along the axis that has more room: one unit for both.
  reset() {
    const { x, y } = this.axes;
    const unit = Math.max((this.home.x[1] - this.home.x[0]) / x._length, (this.home.y[1] - this.home.y[0]) / y._length);
    for (const [axis, home] of [[x, this.home.x], [y, this.home.y]]) {
      const middle = (home[0] + home[1]) / 2;
      axis.range = [middle - (unit * axis._length) / 2, middle + (unit * axis._length) / 2];
    }
    this.changed();
  }

  // Another size shows the same middle at the same scale; the first size shows `home`.
  resize() {
    const [width, height] = [this.root.clientWidth, this.root.clientHeight];
    const { left, right, top, bottom } = PLOT_MARGIN;
    if (width <= left + right) return;
    const { x, y } = this.axes;
    const wider = (width - left - right) / x._length;
    Object.assign(x, { _offset: left, _length: width - left - right });
    Object.assign(y, { _offset: top, _length: height - top - bottom });
    if (!x.range) return this.reset();
    const middle = (x.range[0] + x.range[1]) / 2;
    x.range = x.range.map((end) => middle + (end - middle) * wider);
    this.changed();
  }

  changed() {
    for (const run of this.listeners) run();
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  draw() {
    const { x, y } = this.axes;
    const frame = { left: x._offset, top: y._offset, width: x._length, height: y._length, x: x.range, y: y.range };
    for (const [name, axis] of Object.entries(this.axes)) axis.dtick = niceStep(TICK_PIXELS[name] * this.unit());
    const { clientWidth: across, clientHeight: down } = this.root;
    drawAxes(cleared(this.back, across, down), frame, x, y);
    const context = cleared(this.front, across, down);
    context.beginPath();
    context.rect(frame.left, frame.top, frame.width, frame.height);
    context.clip();
    for (const trace of this.traces) if (trace.visible) this.drawTrace(context, trace, frame);
  }

  // Ten thousand stamps of one picture, several times faster than ten thousand circles.
  drawTrace(context, trace, { left, top, width, height, x: [x0, x1], y: [y0, y1] }) {
    const { x, y, marker } = trace;
    const side = marker.size + 2;
    trace.stamp ??= this.stamp(marker, side);
    const [across, down] = [width / (x1 - x0), height / (y1 - y0)];
    for (let i = 0; i < x.length; i++) {
      const [px, py] = [left + (x[i] - x0) * across, top + (y1 - y[i]) * down];
      if (px > left - side && px < left + width + side && py > top - side && py < top + height + side) {
        context.drawImage(trace.stamp, px - side / 2, py - side / 2, side, side);
      }
    }
  }

  stamp({ color, size, opacity }, side) {
    const ratio = 2 * window.devicePixelRatio;
    const canvas = new OffscreenCanvas(Math.ceil(side * ratio), Math.ceil(side * ratio));
    const context = canvas.getContext("2d");
    context.globalAlpha = opacity;
    context.fillStyle = color;
    context.beginPath();
    context.arc(canvas.width / 2, canvas.height / 2, (size * ratio) / 2, 0, 2 * Math.PI);
    context.fill();
    return canvas;
  }
}
