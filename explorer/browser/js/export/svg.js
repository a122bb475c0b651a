// A drawing context that writes SVG. Marks draw on it as on a canvas, so that the picture has them as lines and text.

import { element } from "../base/dom.js";

export const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
export const short = (value) => String(Math.round(value * 100) / 100);
const BASELINES = { middle: "0.35em", alphabetic: "0" }; // as shifts, which every reader of SVG knows

// A colour as attributes that every reader of SVG knows: the opacity is an attribute of its own.
function inked(property, colour) {
  const [red, green, blue, alpha] = /^rgba?\(/.test(colour) ? colour.match(/[\d.]+/g) : [];
  if (alpha === undefined) return `${property}="${escaped(colour)}"`;
  return `${property}="rgb(${red}, ${green}, ${blue})" ${property}-opacity="${alpha}"`;
}

export class SvgContext {
  constructor(width, height) {
    Object.assign(this, {
      width,
      height,
      parts: [],
      path: [],
      states: [],
      dash: [],
      groups: 0,
      clips: 0,
      fillStyle: "#000",
      strokeStyle: "#000",
      lineWidth: 1,
      lineCap: "butt",
      globalAlpha: 1,
      font: "10px sans-serif",
      textAlign: "start",
      textBaseline: "alphabetic",
      imageSmoothingEnabled: true,
    });
  }

  toString() {
    const size = `width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${this.parts.join("\n")}\n</svg>\n`;
  }

  save() {
    const { parts, path, states, clips, ...state } = this;
    this.states.push(state);
  }

  restore() {
    const state = this.states.pop();
    while (this.groups > state.groups) this.close();
    Object.assign(this, state);
  }

  open(attributes) {
    this.parts.push(`<g ${attributes}>`);
    this.groups += 1;
  }

  close() {
    this.parts.push("</g>");
    this.groups -= 1;
  }

  clip(rule = "nonzero") {
    this.clips += 1;
    const path = `<path d="${this.path.join("")}" clip-rule="${rule}"/>`;
    this.parts.push(`<clipPath id="clip${this.clips}">${path}</clipPath>`);
    this.open(`clip-path="url(#clip${this.clips})"`);
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  beginPath() {
    this.path = [];
  }

  moveTo(x, y) {
    this.path.push(`M${short(x)} ${short(y)}`);
  }

  lineTo(x, y) {
    this.path.push(`L${short(x)} ${short(y)}`);
  }

  rect(x, y, width, height) {
    this.path.push(`M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`);
  }

  // Only whole circles and ellipses: the marks need no others.
  arc(x, y, radius) {
    this.ellipse(x, y, radius, radius);
  }

  ellipse(x, y, across, up) {
    const half = (sign) => `a${short(across)} ${short(up)} 0 1 0 ${short(sign * 2 * across)} 0`;
    this.path.push(`M${short(x - across)} ${short(y)}${half(1)}${half(-1)}Z`);
  }

  add(tag, attributes, content = "") {
    const alpha = this.globalAlpha < 1 ? ` opacity="${this.globalAlpha}"` : "";
    this.parts.push(`<${tag} ${attributes}${alpha}>${content}</${tag}>`);
  }

  filled() {
    return inked("fill", this.fillStyle);
  }

  stroked() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    const line = `stroke-width="${this.lineWidth}" stroke-linecap="${this.lineCap}" stroke-linejoin="round"`;
    return `fill="none" ${inked("stroke", this.strokeStyle)} ${line}${dash}`;
  }

  fill() {
    this.add("path", `d="${this.path.join("")}" ${this.filled()}`);
  }

  stroke() {
    this.add("path", `d="${this.path.join("")}" ${this.stroked()}`);
  }

  fillRect(x, y, width, height) {
    const size = `width="${short(width)}" height="${short(height)}"`;
    this.add("rect", `x="${short(x)}" y="${short(y)}" ${size} ${this.filled()}`);
  }

  strokeRect(x, y, width, height) {
    const size = `width="${short(width)}" height="${short(height)}"`;
    this.add("rect", `x="${short(x)}" y="${short(y)}" ${size} ${this.stroked()}`);
  }

  text(x, y, text, paint) {
    const anchor = { center: "middle", right: "end", end: "end" }[this.textAlign] ?? "start";
    const font = escaped(`font: ${this.font}`);
    const place = `x="${short(x)}" y="${short(y)}" dy="${BASELINES[this.textBaseline] ?? "0"}"`;
    this.add("text", `${place} text-anchor="${anchor}" style="${font}" ${paint}`, escaped(text));
  }

  fillText(text, x, y) {
    this.text(x, y, text, this.filled());
  }

  strokeText(text, x, y) {
    this.text(x, y, text, this.stroked());
  }

  drawImage(image, x, y, width = image.width, height = image.height) {
    const canvas = element("canvas", "", null, { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    const size = `width="${short(width)}" height="${short(height)}" preserveAspectRatio="none"`;
    const crisp = this.imageSmoothingEnabled ? "" : ' style="image-rendering: pixelated"';
    this.add("image", `x="${short(x)}" y="${short(y)}" ${size}${crisp} href="${canvas.toDataURL()}"`);
  }
}
