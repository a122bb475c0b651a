// Step: sixteen places of the autoencoder's plane at random, beside sixteen draws from the VAE's prior, all decoded.

import { button, element } from "../base/dom.js";
import { drawPixels } from "../base/images.js";
import { normalPair, seededRandom } from "../base/random.js";
import { boxOfCodes, CodesMap, classKey, DecodedPlaces, inPercent } from "./pieces.js";

const SIXTEEN = 16;
const PLACES_MEASURED = 4000; // places

class RandomPlaces {
  constructor(root, { model, key, title, home, draw }) {
    Object.assign(this, { model, draw, uniform: seededRandom(1) });
    const side = element("div", "latent-lesson-side", root);
    element("div", "latent-heading", side, { textContent: title });
    this.map = new CodesMap(key, element("div", "latent-plane", side), model.bank, {
      home,
      about: `, with ${SIXTEEN} random places`,
      paint: (context, { view }) => this.decoded.paint(context, view),
      pick: () => null,
    });
    this.decoded = new DecodedPlaces(side, "", SIXTEEN, () => this.map.requestOver());
    this.said = element("div", "latent-said latent-answer", side);
  }

  show() {
    const { bank, radius } = this.model;
    const { decoded } = this;
    decoded.places = Array.from({ length: SIXTEEN }, () => this.draw(this.uniform));
    let far = 0;
    decoded.tiles.forEach((context, rank) => {
      const z = decoded.places[rank];
      const lonely = bank.lonely(z, radius);
      far += lonely;
      drawPixels(context, bank.decode(z, 0));
      context.canvas.classList.toggle("latent-far", lonely);
      context.canvas.title = lonely ? "no code is near" : "";
    });
    this.said.textContent = `${far} of ${SIXTEEN} where no code is near`;
    this.map.requestOver();
  }

  // The share of random places where no code is near; of the same ones each time.
  measured() {
    const { bank, radius } = this.model;
    const uniform = seededRandom(2);
    let far = 0;
    for (let i = 0; i < PLACES_MEASURED; i++) far += bank.lonely(this.draw(uniform), radius);
    return far / PLACES_MEASURED;
  }
}

export class Holes {
  constructor(root, { models: { ae, vae } }) {
    const box = boxOfCodes(ae.bank);
    const anywhere = (uniform) => box.map(([low, high]) => low + uniform() * (high - low));
    const both = element("div", "latent-lesson-pair", root);
    this.sides = [
      new RandomPlaces(both, {
        model: ae,
        key: "lesson_ae",
        title: "AE, anywhere on its plane",
        home: box,
        draw: anywhere,
      }),
      new RandomPlaces(both, {
        model: vae,
        key: "lesson_vae",
        title: "VAE, from the prior",
        draw: normalPair,
      }),
    ];
    button(root, "Sixteen others", () => this.show());
    classKey(root, ae.bank.classes);
    this.show();
  }

  show() {
    for (const side of this.sides) side.show();
  }

  measured() {
    const [ae, vae] = this.sides.map((side) => side.measured());
    const right = ae < 0.2 ? 0 : ae < 0.8 ? 1 : 2;
    const said = `${inPercent(ae)} of ${PLACES_MEASURED.toLocaleString("en")} places on the AE's plane; under the VAE's prior ${inPercent(vae)}.`;
    return { right, said, value: ae };
  }

  stop() {
    for (const { map } of this.sides) map.detach();
  }
}
