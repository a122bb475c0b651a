"""Maps in a notebook: those of checkpoints, and that of any decoder of two latents. Needs no Streamlit.

`show` and `explore` make the HTML file that the app exports, which decodes by itself, and return it as an object that a
notebook draws in a frame. `vae.show` and `vae.explore` are these.
"""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from explorer import browser, figures, planes
from explorer.browser import export, packing
from explorer.browser.export import Contents
from explorer.extent import extent
from explorer.markup import facts
from explorer.planes import Mapped
from explorer.quantities import points, tabulated
from explorer.state import ExplorerState
from vae.architecture import MOST_CLASSES
from vae.storage import stored_checkpoint
from vae.storage.stored_checkpoint import Stored

HEIGHT = 800  # pixels of the frame: a map, and what is pinned on it
MOST = 3  # maps side by side
PAGES = ("maps", "interpolate")


class Page:
    """Maps as one HTML file, drawn by Jupyter and marimo where it is the last line of a cell."""

    def __init__(self, html: str, height: int = HEIGHT) -> None:
        self.html = html  # the file
        self.height = height  # pixels

    def save(self, path: str | Path) -> None:
        """Write the file, which opens in any browser, without a network."""
        Path(path).write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        """The frame, for Jupyter."""
        style = f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe title="Latent Space Explorer" style="{style}" srcdoc="{escape(self.html)}"></iframe>'

    def _mime_(self) -> tuple[str, str]:
        """The frame, for marimo."""
        return "text/html", self._repr_html_()

    def __repr__(self) -> str:
        return f"<maps, {len(self.html) / 1e6:.1f} MB of HTML: .save(path) writes them to a file>"


def show(*paths: str | Path, height: int = HEIGHT) -> Page:
    """The maps of up to three checkpoints side by side.

    Args:
        paths: Of either file of each, or without an ending, as in `vae.load`.
        height: Of the frame, in pixels.

    Raises:
        CheckpointError: One cannot be read.
        ValueError: One has no plane, or there are none or too many.
    """
    if not 1 <= len(paths) <= MOST:
        raise ValueError(f"show takes the paths of 1 to {MOST} checkpoints; it got {len(paths)}.")
    stored = [stored_checkpoint.read(path) for path in paths]
    names = [each.name if rank == 0 else f"{each.name} {rank + 1}" for rank, each in enumerate(stored)]
    return _page({name: _mapped(each, name) for name, each in zip(names, stored, strict=True)}, height)


def explore(
    decode: Callable[[Any], Any],
    codes: Any,
    labels: Any,
    names: Sequence[str] | None = None,
    title: str = "Decoder",
    prior: bool = False,
    lines: int = tabulated.LINES,
    height: int = HEIGHT,
) -> Page:
    """The map of any decoder of two latents, which the browser reads from a table, see `quantities.tabulated`.

    Args:
        decode: Takes points (B, 2) and returns images (B, 28, 28), (B, 1, 28, 28) or (B, 784) in [0, 1]: a module of
            PyTorch, or a function of tensors or of arrays.
        codes: (N, 2), a tensor or an array.
        labels: (N,), the class of each code, of at most ten classes; of numbers from 0 where there are names.
        names: Of the classes; the labels themselves if there are none.
        title: Of the map.
        prior: Whether the codes have the prior N(0, I), whose rings are then drawn.
        lines: How many the table has each way, more for a decoder that changes fast; the file grows with their square.
        height: Of the frame, in pixels.

    Raises:
        ValueError: Something is not as said here.
    """
    z = _codes(codes)
    classes, class_names = _classes(labels, names, len(z))
    table = tabulated.tabulate(decode, z, prior, lines)
    told = (
        f"decoder read between {lines} × {lines} points, "
        f"a pixel off by {table.error:.1g} on average, {table.largest_error:.1g} at most"
    )
    blob = packing.pack_table(table, z, classes, class_names, title, prior)
    return _page({title: Mapped(title, told, title, blob, z, class_names, prior)}, height)


def _page(shown: dict[str, Mapped], height: int) -> Page:
    """The page of some models, by their names in its address."""
    left, *more = shown
    *middle, right = more or [""]
    state = ExplorerState(left=left, middle="".join(middle), right=right)
    spec = {
        "title": f"{' and '.join(mapped.title for mapped in shown.values())} · Latent Space Explorer",
        "pages": list(PAGES),
        "models": {name: _entry(mapped) for name, mapped in shown.items()},
        "sheet": None,
        "colours": {},
        "classifier": None,
        **planes.view(state, list(shown)),
    }
    contents = Contents(spec, {mapped.id: mapped.blob for mapped in shown.values()})
    made = export.html(contents, browser.standalone(), browser.LATTICE_WORKER, figures.colour_styles())
    return Page(made.decode(), height)


def _mapped(stored: Stored, identity: str) -> Mapped:
    """The map of a checkpoint."""
    planes.check_plane(stored)
    return Mapped(
        title=facts.label(stored.name),
        facts=facts.facts(stored),
        id=identity,
        blob=packing.pack(stored, identity),
        codes=stored.codes,
        class_names=stored.class_names,
        prior=stored.config.has_prior,
    )


def _entry(mapped: Mapped) -> dict[str, Any]:
    codes = mapped.codes
    radius = points.radius(codes, figures.fine(extent(codes, mapped.prior)))
    return planes.entry(mapped, radius, points.typically_near(codes, radius), points.start(codes, radius))


def _codes(codes: Any) -> np.ndarray:
    """Codes (N, 2) float32; raises ValueError if they are none."""
    z = tabulated.array(codes)
    if z.ndim != 2 or z.shape[1] != 2 or not len(z) or z.dtype.kind not in "fiu":
        raise ValueError(f"codes must be numbers (N, 2), one row a code; they are {z.shape} of {z.dtype}.")
    if not np.isfinite(z).all():
        raise ValueError("codes must be finite numbers; some are NaN or infinite.")
    return z.astype(np.float32)


def _classes(labels: Any, names: Sequence[str] | None, count: int) -> tuple[np.ndarray, list[str]]:
    """The class of each code (N,) uint8, and the names of the classes; raises ValueError if there are none."""
    given = tabulated.array(labels)
    if given.shape != (count,):
        raise ValueError(f"labels must be ({count},), one for each code; they are {given.shape}.")
    if names is None:
        kinds, classes = np.unique(given, return_inverse=True)
        names = [str(kind) for kind in kinds]
    elif given.dtype.kind in "iu" and given.min() >= 0 and given.max() < len(names):
        classes = given
    else:
        last = len(names) - 1
        raise ValueError(f"labels must be whole numbers from 0 to {last}, the places of their names; one is not.")
    if len(names) > MOST_CLASSES:
        raise ValueError(f"there can be {MOST_CLASSES} classes at most, one a colour; there are {len(names)}.")
    return classes.astype(np.uint8), [str(name) for name in names]
