// Images that a model makes up, each at a point of its plane that a seed draws.

import { normalPair, seededRandom } from "../base/random.js";
import { drawnAround } from "./likelihood.js";

/**
 * The images and their points.
 *
 * @param {object} asked
 *   source  "prior", for points of N(0, I), or "codes", for codes of test images at random, each with the class of its image
 *   pixels  "mean", or "draw" for pixels drawn from the likelihood; where that is null they are means
 *   seed    of all that is drawn; the points are the same whatever the pixels
 *   label   the class that a conditional model decodes at points of the prior
 */
export function samplesOf(bank, count, { source, pixels, seed, label, likelihood }) {
  const uniform = seededRandom(seed);
  const places = Array.from({ length: count }, () => {
    if (source === "prior") return { z: normalPair(uniform), label };
    const index = Math.floor(uniform() * bank.count);
    return { z: bank.code(index), label: bank.labels[index] };
  });
  const drawn = pixels === "draw" && likelihood;
  return places.map((place) => {
    const means = bank.decode(place.z, place.label);
    return { z: place.z, image: drawn ? drawnAround(means, likelihood, uniform) : means.slice() };
  });
}
