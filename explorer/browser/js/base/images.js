// Images of 28 x 28 pixels on canvases, and pictures that come as grey levels.

import { element } from "./dom.js";

export const SIDE = 28;
const picture = new ImageData(SIDE, SIDE);

// Pixel means as white on black, rounded to the nearest grey as the server rounds them; of the pixels that are `seen`, if
// not all are.
export function drawPixels(context, pixels, left = 0, top = 0, seen = null) {
  for (let i = 0; i < pixels.length; i++) {
    const grey = Math.round(255 * pixels[i]);
    picture.data[4 * i] = picture.data[4 * i + 1] = picture.data[4 * i + 2] = grey;
    picture.data[4 * i + 3] = seen && !seen[i] ? 0 : 255;
  }
  context.putImageData(picture, left, top);
}

// Pixel means as shades of a colour, red, green and blue, where nothing is seen.
export function drawUnseen(context, pixels, seen, rgb) {
  const shade = new ImageData(SIDE, SIDE);
  pixels.forEach((value, i) => shade.data.set([...rgb, seen[i] ? 0 : 255 * value], 4 * i));
  context.putImageData(shade, 0, 0);
}

// Grey levels as numbers in [0, 1].
export const fromGreys = (levels) => Float32Array.from(levels, (level) => level / 255);

// A new canvas for one image, by its context.
export function imageCanvas(parent, className = "") {
  const name = className ? `latent-image ${className}` : "latent-image";
  return element("canvas", name, parent, { width: SIDE, height: SIDE }).getContext("2d");
}

export function blank(context) {
  context.clearRect(0, 0, SIDE, SIDE);
}

// The grey levels of a picture at an address.
export async function greyLevels(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  return {
    width: image.width,
    height: image.height,
    values: Float32Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]),
  };
}
