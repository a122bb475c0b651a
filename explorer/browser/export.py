"""What a map shows, as files: its codes, and the whole view as one HTML file that needs neither server nor network.

The HTML file holds what the app hands the browser, unchanged: each checkpoint as `packing.pack` packs it, and the app's
own scripts. It does without Plotly, which is 4.8 MB: a small canvas of our own gives the scripts the little that they
ask of a chart. A map of the tutorial's network then takes 1.1 MB, and one of the largest network 2.4 MB.
"""

import gzip
import io
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from explorer.markup import terms

HERE = Path(__file__).parent
STYLES = (HERE.parent / "style.css", HERE / "standalone.css")


class Codes(NamedTuple):
    """The codes of a map with what is known of each."""

    z: np.ndarray  # (N, D) float32
    labels: np.ndarray  # (N,) uint8
    density: str  # what the next is, and its unit: the name of its column
    log_density: np.ndarray  # (N,) float64, natural logarithm


class Plane(NamedTuple):
    """One map of an HTML file."""

    title: str  # the checkpoint's name as a person reads it
    facts: str  # the line under the map
    id: str  # names the blob
    blob: bytes  # see `packing.pack`
    classes: Sequence[str]  # the name of each
    x: tuple[float, float]  # the ranges that are shown first
    y: tuple[float, float]
    dot: float  # the size of a code's mark
    radius: float  # the distance within which codes are near
    near: int  # how many codes a typical one has near
    z: tuple[float, float]  # the pinned point
    label: int  # the class asked of a conditional model


def csv(codes: Codes) -> bytes:
    """A line a code: index, label, z1, z2, ..., log-density, with all digits that their floats have."""
    dimensions = codes.z.shape[1]
    header = ["index", "label", *(f"z{axis + 1}" for axis in range(dimensions)), codes.density]
    columns = [np.arange(len(codes.z)), codes.labels, *codes.z.astype(np.float64).T, codes.log_density]
    formats = ["%d", "%d", *["%.9g"] * dimensions, "%.9g"]
    file = io.BytesIO()
    np.savetxt(file, np.column_stack(columns), formats, delimiter=",", header=",".join(header), comments="")
    return file.getvalue()


def npz(codes: Codes) -> bytes:
    """The same as arrays: index (N,), label (N,), z (N, D), and the log-density (N,) under its name."""
    file = io.BytesIO()
    arrays = {"index": np.arange(len(codes.z)), "label": codes.labels, "z": codes.z, codes.density: codes.log_density}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def html(planes: Mapping[str, Plane], view: Mapping[str, Any], script: str, styles: str) -> bytes:
    """The explorer as one file.

    Args:
        planes: Its maps by side; two sides may share a checkpoint.
        view: What the page starts with: the switches by their names in `ExplorerState`, and the `ends` of paths, unless
            those are test images.
        script: The app's own, see `browser.standalone`.
        styles: The colours of the classes, see `figures.class_styles`.
    """
    blobs = {plane.id: plane.blob for plane in planes.values()}
    packed = {identity: b64encode(gzip.compress(blob, 6, mtime=0)).decode() for identity, blob in blobs.items()}
    sides = {side: {k: v for k, v in plane._asdict().items() if k != "blob"} for side, plane in planes.items()}
    names = " and ".join(dict.fromkeys(plane.title for plane in planes.values()))
    spec = {"shown": {"planes": sides, **view}, "terms": terms.told(), "explained": terms.OF_FACTS}
    parts = {
        "TITLE": escape(f"{names} · Latent Space Explorer"),
        "STYLE": "\n".join([*(file.read_text(encoding="utf-8") for file in STYLES), styles]),
        "SPEC": _inert(json.dumps(spec)),
        "BANKS": _inert(json.dumps(packed)),
        "SCRIPT": script,
    }
    return "".join(
        parts.get(part, part) for part in (HERE / "standalone.html").read_text(encoding="utf-8").split("@@")
    ).encode()


def _inert(text: str) -> str:
    """JSON that cannot end the script element that holds it."""
    return text.replace("<", "\\u003c")
