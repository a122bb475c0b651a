// What a page is made of: elements, the colours of its theme, and canvases on which one draws in CSS pixels.

export function element(tag, className, parent, properties = {}) {
  const node = Object.assign(document.createElement(tag), { className }, properties);
  parent?.append(node);
  return node;
}

// A part of a page whose data are on their way takes no clicks and keys, and looks like it.
export function wait(root, waiting) {
  root.inert = waiting;
  root.classList.toggle("latent-waiting", waiting);
}

export const page = () => document.querySelector("[data-testid=stApp]");

const root = getComputedStyle(document.documentElement);

// How many times its usual size the type has, and with it all that is drawn: it grows with the window.
export const growth = () => parseFloat(root.fontSize) / 16;

export function theme() {
  const { color: ink, backgroundColor: paper } = getComputedStyle(page());
  return { ink, paper };
}

// The colour of what is exact, once the style sheet has arrived: before that, nothing has its size or its place.
export async function exactInk() {
  const probe = element("span", "latent-exact-ink", page());
  while (!getComputedStyle(probe).getPropertyValue("--latent-exact")) await new Promise(requestAnimationFrame);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

// Draw within a rectangle alone.
export function clipped(context, { left, top, width, height }, draw) {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  draw();
  context.restore();
}

// A canvas emptied, in the size that it has on the screen.
export function cleared(canvas, width = canvas.clientWidth, height = canvas.clientHeight) {
  const ratio = window.devicePixelRatio;
  const size = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
  const context = canvas.getContext("2d");
  if (canvas.width === size.width && canvas.height === size.height) context.reset();
  else Object.assign(canvas, size);
  context.scale(ratio, ratio);
  return context;
}

// The same for a drawing whose lengths grow with the type: a context, and the size of the canvas as if it had not grown.
export function clearedInType(canvas) {
  const grown = growth();
  const [width, height] = [canvas.clientWidth / grown, canvas.clientHeight / grown];
  const context = cleared(canvas);
  context.scale(grown, grown);
  return { context, width, height };
}
