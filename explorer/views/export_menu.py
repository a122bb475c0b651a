"""Export: what a page shows as files, each made when it is asked for.

Pictures of maps are made by the browser, which alone knows what part of them is on the screen. All else is made here,
with PyTorch, which is imported no sooner: the button stands on pages that do without.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import browser, session
from explorer.browser import export
from explorer.browser.export import Codes
from explorer.cache.checkpoints import Opened, Resource
from explorer.markup import images
from explorer.memory import memory
from explorer.views import parts

if TYPE_CHECKING:
    from explorer.cache.results import BoundModel, PackedReplay

SCALE = 10
# Of files, by how their names end.
KINDS = {
    "csv": "text/csv",
    "npz": None,
    "png": "image/png",
    "gif": "image/gif",
    "html": "text/html",
    "zip": "application/zip",
}


class File(NamedTuple):
    """A file of a map besides its picture and its codes."""

    said: str  # what is in it, or "" where that is what the file before has
    end: str  # of its name
    made: Callable[[], bytes]


@session.fragment
def offer(draw: Callable[[], None]) -> None:
    """The button of a page; `draw` draws what it opens, with what is pinned at that moment."""
    popover = st.popover("Export", icon=":material/download:", type="tertiary", on_change="rerun", key="export")
    if popover.open:
        with popover:
            draw()
            show_problems()


def offer_maps(
    charts: "Mapping[str, Resource | BoundModel | PackedReplay]",
    what: str,
    more: Mapping[str, Sequence[File]] | None = None,
    close_ups: Mapping[str, str] | None = None,
) -> None:
    """The files of each chart: its picture, its codes, and what else the page has.

    Args:
        charts: The model on each, by the key of its chart. Those on canvases of our own have no SVG.
        what: What the charts show, in the names of their pictures.
        more: Further files, by the key of the chart.
        close_ups: The key of the close-up that belongs to a chart.
    """
    pictures: dict[str, str] = {}
    for key, model in charts.items():
        name, close_up = model.checkpoint.name, (close_ups or {}).get(key)
        kinds = ("SVG", "PNG") if isinstance(model, Opened) else ("PNG",)
        with files_of(key, name):
            pictures |= offer_picture(key, f"{name}-{what}", "map", kinds)
            if close_up:
                pictures |= offer_picture(close_up, f"{name}-{what}-close-up", "close-up")
            offer_codes(key, partial(codes_of, model), f"{name}-codes")
            offer_more(key, name, (more or {}).get(key, ()))
    browser.bridge("pictures", {"charts": pictures})


def files_of(key: str, name: str) -> DeltaGenerator:
    """A line for the files of a chart, under the name of its model."""
    st.html(f'<div class="latent-said"><strong>{escape(parts.label(name))}</strong></div>')
    return st.container(key=f"files_{key}", horizontal=True, vertical_alignment="center", gap="xsmall")


def offer_picture(key: str, name: str, said: str, kinds: Sequence[str] = ("PNG",)) -> dict[str, str]:
    """Buttons for the picture of a chart, which the browser answers; and its name by the key, to tell the browser."""
    parts.say(said)
    for kind in kinds:
        st.button(kind, key=f"{kind.lower()}_{key}")
    return {key: name}


def offer_codes(key: str, codes: Callable[[], Codes], name: str) -> None:
    """Buttons for the codes of a chart."""
    parts.say("codes")
    offer_file("CSV", f"csv_{key}", lambda: export.csv(codes()), f"{name}.csv")
    offer_file("npz", f"npz_{key}", lambda: export.npz(codes()), f"{name}.npz")


def offer_more(key: str, name: str, files: Sequence[File]) -> None:
    """Buttons for further files of a chart."""
    for file in files:
        kind = file.end.rsplit(".", 1)[-1]
        if file.said:
            parts.say(file.said)
        offer_file(kind.upper(), f"{file.end.replace('.', '_')}_{key}", file.made, f"{name}-{file.end}")


def offer_file(label: str, key: str, made: Callable[[], bytes], name: str) -> None:
    """A button that makes a file when it is pressed; if that fails, `show_problems` says why."""
    kept = memory().file_problems

    def attempt() -> bytes:
        try:
            return made()
        except Exception as error:
            kept[name] = why_not(name, error)
            raise

    st.download_button(label, attempt, name, KINDS[name.rsplit(".", 1)[-1]], key=key, on_click="ignore")


def why_not(name: str, error: Exception) -> str:
    """A sentence on a file that could not be made; it names only the kind of an unexpected error."""
    why = parts.sentence(error) if isinstance(error, ValueError) else f"{type(error).__name__}, see the server's log"
    return f"{name} could not be made: {why}"


def show_problems() -> None:
    """Why the last files could not be made; the browser asks for a run that shows it."""
    browser.bridge("files", {}, part="_export")
    kept = memory().file_problems
    while kept:
        st.error(kept.pop(next(iter(kept))))


def codes_of(model: "Resource | BoundModel | PackedReplay") -> Codes:
    """The codes of a model, with the density at each and what was measured of its image."""
    checkpoint = model.checkpoint
    codes = with_density(checkpoint.codes.numpy(), checkpoint.labels.numpy(), checkpoint.config.has_prior)
    return codes._replace(measured={name: values.numpy() for name, values in checkpoint.image_metrics.items()})


def with_density(codes: np.ndarray, labels: np.ndarray, has_prior: bool) -> Codes:
    """Codes (N, D) and their labels (N,), with the density at each."""
    from explorer.quantities import points

    return Codes(codes, labels, *points.log_density(codes, has_prior))


def image_file(image: Callable[[], np.ndarray]) -> bytes:
    """A grey image as a PNG, enlarged."""
    return images.png(image(), SCALE)


def table_file(columns: Mapping[str, Sequence[object]]) -> bytes:
    """A table as CSV: its columns by their names, each as long as the others."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return file.getvalue().encode()
