"""What a map shows, as files: its codes, and the whole view as one HTML file that needs neither server nor network.

The HTML file holds what the app hands the browser, unchanged: each checkpoint as `packing.pack` packs it, and the app's
own scripts. It does without Plotly, which is 4.8 MB: a small canvas of our own gives the scripts the little that they
ask of a chart.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from explorer.markup import terms

HERE = Path(__file__).parent
LONGEST_NAME = 40  # of a folder
DIGITS = np.array([code for code in range(ord(" "), ord("~") + 1) if code != ord("<")], np.uint8)  # of a blob in a file
BYTES, LETTERS = 9, 11  # so many letters, each a digit, hold so many bytes
_LIMB = 24  # bits of a number of which nine bytes make three
STYLES = (HERE.parent / "style.css", HERE.parent / "layout.css", HERE / "standalone.css")


class Codes(NamedTuple):
    """The codes of a map with what is known of each."""

    z: np.ndarray  # (N, D) float32
    labels: np.ndarray  # (N,) uint8
    density: str  # what the next is, and its unit: the name of its column
    log_density: np.ndarray  # (N,) float64, natural logarithm
    measured: Mapping[str, np.ndarray] = {}  # of each image, (N,), under the name of its column


class Contents(NamedTuple):
    """What is in an HTML file."""

    spec: Mapping[str, Any]  # models, pages, first state, lesson and replays, in the form that `alone/file.js` reads
    blobs: Mapping[str, bytes]  # decoders with codes, encoders and pictures, by the ids that `spec` has for them


def csv(codes: Codes) -> bytes:
    """A line a code: index, label, z1, z2, ..., log-density and what was measured, with all digits of their floats."""
    dimensions = codes.z.shape[1]
    header = ["index", "label", *(f"z{axis + 1}" for axis in range(dimensions)), codes.density, *codes.measured]
    columns = [np.arange(len(codes.z)), codes.labels, *codes.z.astype(np.float64).T, codes.log_density]
    columns += [values.astype(np.float64) for values in codes.measured.values()]
    formats = ["%d", "%d", *["%.9g"] * dimensions, "%.9g", *["%.5g"] * len(codes.measured)]
    file = io.BytesIO()
    np.savetxt(file, np.column_stack(columns), formats, delimiter=",", header=",".join(header), comments="")
    return file.getvalue()


def npz(codes: Codes) -> bytes:
    """The same as arrays: index (N,), label (N,), z (N, D), and the others (N,) under their names."""
    file = io.BytesIO()
    arrays = {"index": np.arange(len(codes.z)), "label": codes.labels, "z": codes.z, codes.density: codes.log_density}
    arrays |= codes.measured
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def folder_name(label: int, name: str) -> str:
    """A name for the folder of a class that every file system takes, and that no other class has.

    Args:
        label: The class.
        name: Its name, of any characters.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name)[:LONGEST_NAME].strip("-")
    return "-".join(dict.fromkeys([str(label), plain])).strip("-")


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files by their paths as a zip, in which all have the same date, so that the same files give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archived:
        for path, content in files.items():
            archived.writestr(zipfile.ZipInfo(path), content)
    return file.getvalue()


def html(contents: Contents, script: str, worker: str, styles: str) -> bytes:
    """The explorer as one file.

    Args:
        contents: What is in it.
        script: The file's own, see `browser.standalone`.
        worker: The script of the worker that decodes lattices.
        styles: The colours of the classes, see `figures.class_styles`.
    """
    spec = {**contents.spec, "terms": terms.told(), "explained": terms.OF_FACTS}
    parts = {
        "TITLE": escape(contents.spec["title"]),
        "STYLE": "\n".join([*(file.read_text(encoding="utf-8") for file in STYLES), styles]),
        "SPEC": _inert(json.dumps(spec)),
        "BLOBS": "\n".join(_blob_element(name, blob) for name, blob in contents.blobs.items()),
        "WORKER": worker,
        "SCRIPT": script,
    }
    return "".join(
        parts.get(part, part) for part in (HERE / "standalone.html").read_text(encoding="utf-8").split("@@")
    ).encode()


def packed(blob: bytes) -> str:
    """A blob as it stands in the file: compressed, and in letters.

    Numbers of two bytes are compressed better when their first bytes stand apart from their second ones.
    """
    halves = np.frombuffer(blob + b"\0" * (len(blob) % 2), np.uint8)
    return in_letters(_compressed(halves[0::2].tobytes() + halves[1::2].tobytes()))


def in_letters(data: bytes) -> str:
    """Bytes as plain text: nine of them are a number with eleven digits in base 94.

    The digits are what can be printed of ASCII but "<", which could end the element of the text. The first letter is
    the digit that says how many bytes of the last nine only fill them up. Base 85, which is usual, takes 2 % more.

    Args:
        data: Any bytes.
    """
    filling = -len(data) % BYTES
    groups = np.frombuffer(data + b"\0" * filling, np.uint8).reshape(-1, 3, 3).astype(np.int64)
    limbs = list((groups[..., 0] << 16 | groups[..., 1] << 8 | groups[..., 2]).T)
    digits = np.empty((len(groups), LETTERS), np.uint8)
    for place in reversed(range(LETTERS)):
        rest = np.zeros(len(groups), np.int64)
        for rank, limb in enumerate(limbs):
            limbs[rank], rest = np.divmod(rest << _LIMB | limb, len(DIGITS))
        digits[:, place] = rest
    return bytes([DIGITS[filling], *DIGITS[digits].ravel().tolist()]).decode()


def _compressed(data: bytes) -> bytes:
    """The shorter of two gzips: of the weights of a network nothing repeats itself, and to look for it costs bits."""
    tried = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY):
        made = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, strategy=strategy)
        tried.append(made.compress(data) + made.flush())
    return min(tried, key=len)


def _blob_element(name: str, blob: bytes) -> str:
    return f'<script type="text/plain" id="{escape("blob " + name)}">{packed(blob)}</script>'


def _inert(text: str) -> str:
    """JSON that cannot end the script element that holds it."""
    return text.replace("<", "\\u003c")
