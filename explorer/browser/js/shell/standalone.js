// The explorer as one file: its blobs, which lie in the document until they are asked for, and the page around them.

import { SingleFile } from "../alone/file.js";
import { plotAt } from "../alone/planes.js";
import { announce } from "../base/announce.js";
import { fromLetters, inPairs } from "../base/bytes.js";
import { fileAt, findFilesBy } from "../base/files.js";
import { reveal } from "../base/probe.js";
import { addBank, bankOf, bringBanksBy } from "../model/banks.js";
import { decodeLatticesBy } from "../model/lattices.js";
import { Bound } from "../pages/bound.js";
import { Classes } from "../pages/classes.js";
import { Completion } from "../pages/completion.js";
import { Draw } from "../pages/draw.js";
import { Interpolate } from "../pages/interpolate.js";
import { Learn } from "../pages/learn.js";
import { Maps } from "../pages/maps.js";
import { Replay } from "../pages/replay.js";
import { findViewportsBy, viewportOf } from "../plane/viewport.js";
import { readNumbers } from "../widgets/number_fields.js";
import { explainTerms } from "../widgets/terms.js";
import { offerViewTools } from "../widgets/view_tools.js";
import { serve, update } from "./controllers.js";

const written = (id) => document.getElementById(id).textContent;

// The bytes of a blob that stands in the document as `export.packed` wrote it.
async function unpacked(id) {
  const stream = new Blob([fromLetters(written(`blob ${id}`))]).stream().pipeThrough(new DecompressionStream("gzip"));
  return inPairs(new Uint8Array(await new Response(stream).arrayBuffer()));
}

const spec = JSON.parse(written("spec"));
announce("");
explainTerms(spec.terms);
readNumbers();
findFilesBy(unpacked);
bringBanksBy((id) => fileAt(id).then(addBank));
decodeLatticesBy(written("lattice_worker"));
serve({
  bound: Bound,
  classes: Classes,
  completion: Completion,
  draw: Draw,
  interpolate: Interpolate,
  learn: Learn,
  maps: Maps,
  replay: Replay,
});
findViewportsBy(plotAt);
reveal({ bankOf, viewportOf, file: new SingleFile(spec, update) });
offerViewTools();
