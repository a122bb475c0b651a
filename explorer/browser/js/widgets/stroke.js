// A pointer that draws on a canvas: where it goes down, every place that it passes, and where it is lifted.

export class Stroke {
  // size: how many units the canvas is wide and high
  // began(point): whether a stroke begins there; passed(point); ended()
  constructor(canvas, size, { began, passed, ended }) {
    Object.assign(this, { canvas, size, began, passed, ended, pointer: null, box: null });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("wheel", () => (this.box = null), { passive: true }); // which may scroll the page
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(name, (event) => this.up(event));
    }
  }

  get drawing() {
    return this.pointer !== null;
  }

  // Where an event lies on the canvas; beyond its edge as well, where a stroke goes on unseen. To ask for the canvas's own
  // place at every move would have the browser lay the page out twice a frame.
  position(event) {
    this.box ??= this.canvas.getBoundingClientRect();
    const { left, top, width, height } = this.box;
    return [(event.clientX - left) * (this.size / width), (event.clientY - top) * (this.size / height)];
  }

  down(event) {
    if (event.button !== 0 || this.drawing) return;
    this.box = null;
    if (!this.began(this.position(event))) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
  }

  moved(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.passed(this.position(each));
  }

  up(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.ended();
  }

  // The stroke is none any more, whatever the pointer does.
  drop() {
    this.pointer = null;
  }
}
