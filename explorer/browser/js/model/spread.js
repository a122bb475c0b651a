// The mean of some images, and how far each pixel spreads around it.

const YIELD_EACH = 16; // images

// Their mean and the standard deviation of each pixel, all of them being the population; yields the share that is done.
// pixelsOf(index): the pixels of an image, in [0, 1]
export function* meanAndSpread(indices, pixelsOf) {
  let [sums, squares] = [null, null];
  for (const [rank, index] of indices.entries()) {
    const pixels = pixelsOf(index);
    sums ??= new Float64Array(pixels.length);
    squares ??= new Float64Array(pixels.length);
    for (let i = 0; i < pixels.length; i++) {
      sums[i] += pixels[i];
      squares[i] += pixels[i] * pixels[i];
    }
    if (rank % YIELD_EACH === 0) yield rank / indices.length;
  }
  const mean = sums.map((sum) => sum / indices.length);
  const spread = squares.map((square, i) => Math.sqrt(Math.max(square / indices.length - mean[i] ** 2, 0)));
  return { mean, spread };
}
