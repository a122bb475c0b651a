// What all pages share: the controller of each page, the banks, the tools of the view, and the watch over the connection.
// It is mounted once.

import { announce } from "../base/announce.js";
import { findFilesBy } from "../base/files.js";
import { reveal } from "../base/probe.js";
import { addBank, bankIds, bankOf } from "../model/banks.js";
import { Encoder } from "../model/encoder.js";
import { decodeLatticesBy } from "../model/lattices.js";
import { mnistForm } from "../model/mnist_form.js";
import { Bound } from "../pages/bound.js";
import { Classes } from "../pages/classes.js";
import { Completion } from "../pages/completion.js";
import { Draw } from "../pages/draw.js";
import { Files } from "../pages/files.js";
import { Interpolate } from "../pages/interpolate.js";
import { Learn } from "../pages/learn.js";
import { Maps } from "../pages/maps.js";
import { Pictures } from "../pages/pictures.js";
import { Replay } from "../pages/replay.js";
import { Train } from "../pages/train.js";
import { plotlyViewport } from "../plane/plotly_viewport.js";
import { findViewportsBy } from "../plane/viewport.js";
import { readNumbers } from "../widgets/number_fields.js";
import { explainTerms } from "../widgets/terms.js";
import { offerViewTools } from "../widgets/view_tools.js";
import { joinEntries, watchConnection } from "./connection.js";
import { controllerOf, serve } from "./controllers.js";
import { door } from "./door.js";
import { fetched } from "./fetched.js";
import { bridge } from "./picks.js";

serve({
  bound: Bound,
  classes: Classes,
  completion: Completion,
  draw: Draw,
  files: Files,
  interpolate: Interpolate,
  learn: Learn,
  maps: Maps,
  pictures: Pictures,
  replay: Replay,
  train: Train,
});
findViewportsBy(plotlyViewport);
findFilesBy(fetched);
door().open({ addBank, bridge });
reveal({
  bankIds,
  bankOf,
  controllerOf,
  encode: (bank, x, label) => new Encoder(bank).see(x).encode(label),
  mnistForm,
});

let watched = false;

export default function ({ data, setStateValue }) {
  if (watched) return;
  watched = true;
  announce("");
  joinEntries();
  explainTerms(data.terms);
  decodeLatticesBy(data.lattice_worker);
  readNumbers();
  offerViewTools();
  watchConnection(() => setStateValue("reconnected", Date.now()));
}
