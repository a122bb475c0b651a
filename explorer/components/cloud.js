// Ten thousand codes in motion, 60 times a second: round points with soft edges, set into an image pixel by pixel. Both
// a canvas's own circles and, where there is no graphics processor, WebGL take several times as long.

const POINT = 3.5; // diameter in CSS pixels, as on the other maps
const OPACITY = 0.8;
const PHASES = 8; // places of a point within a pixel along each axis, so that slow points move smoothly

class Cloud {
  constructor() {
    this.canvas = element("canvas", "latent-canvas latent-cloud");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true }); // an image is put on it: keep it at hand
    this.ratio = 0;
  }

  // For each phase the pixels that a point covers, as [column, row, alpha in 0..255] one after the other.
  stamps(ratio) {
    const radius = (POINT * ratio) / 2;
    this.reach = Math.ceil(radius) + 1;
    const side = 2 * this.reach + 1;
    return Array.from({ length: PHASES ** 2 }, (_, phase) => {
      const middle = [phase % PHASES, Math.floor(phase / PHASES)].map((part) => this.reach + (part + 0.5) / PHASES);
      const covered = [];
      for (let row = 0; row < side; row++) {
        for (let column = 0; column < side; column++) {
          const distance = Math.hypot(column + 0.5 - middle[0], row + 0.5 - middle[1]);
          const alpha = 255 * OPACITY * Math.min(Math.max(radius - distance + 0.5, 0), 1);
          if (alpha >= 1) covered.push(column, row, alpha);
        }
      }
      return covered;
    });
  }

  fit({ left, top, width, height }, ratio) {
    if (this.ratio !== ratio) Object.assign(this, { ratio, stamped: this.stamps(ratio), image: null });
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== across || this.canvas.height !== down || !this.image) {
      Object.assign(this.canvas, { width: across, height: down });
      this.image = new ImageData(across + 4 * this.reach, down + 4 * this.reach); // with a rim, so that no point is cut
    }
    Object.assign(this.canvas.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  }

  // codes: (2 N) coordinates; only those of the classes that are shown. What moves is drawn at one pixel a CSS pixel.
  paint(chart, codes, labels, palette, shown, moving) {
    const frame = chart.frame();
    const { x, y } = frame;
    this.fit(frame, moving ? 1 : window.devicePixelRatio);
    const { image, reach, canvas } = this;
    const [across, down] = [canvas.width / (x[1] - x[0]), canvas.height / (y[1] - y[0])];
    const inks = palette.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
    image.data.fill(0);
    for (let i = 0; i < labels.length; i++) {
      if (!shown[labels[i]]) continue;
      const [px, py] = [(codes[2 * i] - x[0]) * across + reach, (y[1] - codes[2 * i + 1]) * down + reach];
      if (px < 0 || py < 0 || px >= canvas.width + 2 * reach || py >= canvas.height + 2 * reach) continue;
      this.stamp(px, py, inks[labels[i]]);
    }
    this.context.putImageData(image, -2 * reach, -2 * reach);
  }

  stamp(px, py, [red, green, blue]) {
    const { data, width } = this.image;
    const [column, row] = [Math.floor(px), Math.floor(py)];
    const phase = Math.floor((px - column) * PHASES) + PHASES * Math.floor((py - row) * PHASES);
    const covered = this.stamped[phase];
    for (let at = 0; at < covered.length; at += 3) {
      const pixel = 4 * ((row + covered[at + 1]) * width + column + covered[at]);
      const alpha = covered[at + 2];
      const below = (data[pixel + 3] * (255 - alpha)) / 255; // what is left of the points beneath
      const all = alpha + below;
      data[pixel] = (red * alpha + data[pixel] * below) / all;
      data[pixel + 1] = (green * alpha + data[pixel + 1] * below) / all;
      data[pixel + 2] = (blue * alpha + data[pixel + 2] * below) / all;
      data[pixel + 3] = all;
    }
  }
}
