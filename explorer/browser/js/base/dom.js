// What a page is made of: elements, the colours of its theme, and canvases on which one draws in CSS pixels.

export function element(tag, className, parent, properties = {}) {
  const node = Object.assign(document.createElement(tag), { className }, properties);
  parent?.append(node);
  return node;
}

// A button, and what a press does.
export function button(parent, textContent, onclick) {
  return element("button", "latent-button", parent, { type: "button", textContent, onclick });
}

// A part of a page whose data are on their way takes no clicks and keys, and looks like it.
export function wait(root, waiting) {
  root.inert = waiting;
  root.classList.toggle("latent-waiting", waiting);
}

export const page = () => document.querySelector("[data-testid=stApp]");

// What a canvas shows, in words. Until it has some it is no picture for who listens.
export function describe(canvas, words) {
  canvas.role = "img";
  canvas.ariaLabel = words;
}

// Say something in an element. A text that stands there changes within its node: whoever waits for new nodes is not called.
export function setText(node, text) {
  if (!node.firstChild) node.textContent = text;
  else if (node.firstChild.data !== text) node.firstChild.data = text;
}

// What is read of a page's style is kept until it is another. To ask for it in each frame, once something in the page has
// changed, would have the browser work out the style and the place of everything there and then.
let grown = 0; // 0 where it is to be read
let colours = null;

const rem = element("i", "", document.body);
rem.style.cssText = "position: fixed; width: 1rem; visibility: hidden";
new ResizeObserver(() => (grown = 0)).observe(rem);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (colours = null));

// How many times its usual size the type has, and with it all that is drawn: it grows with the window.
export function growth() {
  grown ||= parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  return grown;
}

// The colours of the theme. Streamlit gives its app another class with another theme, our own file follows the system.
export function theme() {
  const { className } = page();
  if (colours?.className !== className) {
    const { color: ink, backgroundColor: paper } = getComputedStyle(page());
    colours = { ink, paper, className };
  }
  return colours;
}

// Red, green and blue of a colour as the browser computes it.
export const rgbOf = (colour) =>
  colour
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);

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
