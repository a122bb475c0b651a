"""Arrays in, Plotly figures out: the maps; and colours, of numbers and of the classes, of which there are at most ten.

A map never changes once drawn, because a changed figure is mounted again and loses its zoom: the browser draws the
codes, and all that moves, under and over it. Both axes have the same unit, and the ranges come from the codes' own
quantiles, so that outliers cannot shrink the rest.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas  # noqa: F401  Plotly uses it if it is imported, and another visitor's run may be half through importing it
from plotly.colors import sample_colorscale
from plotly.graph_objects import Figure

from explorer.extent import Box, extent, pair

# On light and on dark paper: contrast 3 : 1 or better, and no pair alike to normal, protan, deutan or tritan eyes. The
# browser takes them from `colour_styles`.
PALETTES = {
    theme: colours.split()
    for theme, colours in {
        "light": "#0000c3 #ff5b15 #15a874 #c118ff #7d5100 #1e3700 #b11875 #9b8aca #5a015e #0169ad",
        "dark": "#006cb0 #f67300 #2ddb99 #ba00ff #f8ec14 #795f00 #bd007b #8f979f #ef8aff #abf3ff",
    }.items()
}
# Of numbers, from low to high: of Plasma, which is perceptually even, the part with a contrast of 3 : 1 or better.
SCALE_ENDS = {"light": (0.0, 0.63), "dark": (0.38, 1.0)}
SCALE_STOPS = 9
SCALES = {
    theme: list(map(str, sample_colorscale("Plasma", np.linspace(*ends, SCALE_STOPS).tolist())))
    for theme, ends in SCALE_ENDS.items()
}
FAINT = "rgba(128, 128, 128, 0.16)"
HEIGHT = 450
SLICES = 16  # of each class, drawn in turns
FINE = 250  # times the smallest length that the eye can see is the width of a map
STEPS = 50  # at least, by which keys move a point from one side of a map to the other
MARGIN = {"l": 4, "r": 4, "t": 30, "b": 24, "autoexpand": False}
SHORT, LONG = 4, 12  # letters of a class name, to the longest that lets ten stand in a row, and to the longest shown
INSIDE = {"ticklabelposition": "inside", "ticks": "", "ticklabelstandoff": 4}  # labels, which no margin then cuts
FOR_A_PAGE = {"itemclick": False, "itemdoubleclick": False}  # of a legend: the browser's part filters by it
CONFIG = {"scrollZoom": True, "doubleClick": "reset", "displaylogo": False, "displayModeBar": False}
CONFIG |= {"showTips": False, "doubleClickDelay": 400}  # in milliseconds, as in chart.js


def dot(count: int) -> float:
    """The size of a code's mark where there are so many: fewer codes have larger ones."""
    return min(max(3.5, 3.5 * (3000 / max(count, 1)) ** 0.25), 8.0)


def colour_styles() -> str:
    """The colours as properties of a style sheet, --class-0, --scale-0 and so on, each of which follows the theme."""
    properties = [
        f"--{name}-{rank}: light-dark({light}, {dark});"
        for name, colours in {"class": PALETTES, "scale": SCALES}.items()
        for rank, (light, dark) in enumerate(zip(colours["light"], colours["dark"], strict=True))
    ]
    return f":root {{ {' '.join(properties)} }}"


def step(figure: Figure) -> float:
    """By how much keys move a point on a map: a power of ten."""
    return 10.0 ** math.floor(math.log10(_size(box(figure)) / STEPS))


def fine(shown: Box) -> float:
    """The smallest length that one can see or point at on a map of these ranges: half the width of a code's mark."""
    return _size(shown) / FINE


def _size(shown: Box) -> float:
    return max(high - low for low, high in shown)


def box(figure: Figure) -> Box:
    """The ranges of both axes that a map shows first."""
    layout: Any = figure["layout"]
    return pair(layout["xaxis"]["range"]), pair(layout["yaxis"]["range"])


def latent_map(codes: np.ndarray, labels: np.ndarray, prior: bool, class_names: Sequence[str]) -> Figure:
    """A map of the codes of each class, in one unit on both axes.

    Plotly draws trace after trace. The codes of a class are cut into slices, which are drawn in turns with those of the
    other classes, so that no class hides another. The legend shows and hides the slices of a class together.

    Args:
        codes: (N, 2) float32.
        labels: (N,).
        prior: Whether there is room for a prior's rings.
        class_names: The name of each class.
    """
    legend = [{**trace, "legendgroup": label} for label, trace in enumerate(_legend(class_names, dot(len(codes))))]
    order = np.random.default_rng(0).permutation(len(codes))
    slices = []
    for part in np.array_split(order, SLICES):
        for label, trace in enumerate(legend):
            x, y = codes[part[labels[part] == label]].T
            slices.append({**trace, "type": "scattergl", "x": x, "y": y, "showlegend": False, "hoverinfo": "skip"})
    return _plane([*legend, *slices], extent(codes, prior), HEIGHT)


def empty_map(codes: np.ndarray, prior: bool, class_names: Sequence[str]) -> Figure:
    """A `latent_map` without its codes, for a page that draws them itself; arguments as of `latent_map`."""
    return _plane(_legend(class_names, dot(len(codes))), extent(codes, prior), HEIGHT, **FOR_A_PAGE)


def plane(height: int, reach: float, class_names: Sequence[str]) -> Figure:
    """The plane without any codes, and the legend of the classes, for a page that draws all else itself.

    Args:
        height: Pixels.
        reach: Both axes reach from -reach to reach.
        class_names: The name of each class.
    """
    return _plane(_legend(class_names, dot(0)), ((-reach, reach), (-reach, reach)), height, **FOR_A_PAGE)


def _legend(class_names: Sequence[str], size: float) -> list[dict]:
    """A trace of each class without a point of its own."""
    return [
        {
            "type": "scatter",
            "x": [None],
            "y": [None],
            "name": name,
            "marker": {"color": colour, "size": size},
        }
        for name, colour in zip(class_names, PALETTES["light"], strict=False)
    ]


def _plane(traces: Sequence[dict], box: Box, height: int, **legend: Any) -> Figure:
    """Markers with one unit on both axes, faint lines and the legend on top, in two rows where names are long.

    Names are escaped here, because Plotly takes them for markup. A figure is made at once: to make it part by part
    takes three times as long.
    """
    shown = [{**trace, "name": escape(short(trace["name"]), quote=False), "mode": "markers"} for trace in traces]
    named = {trace["name"] for trace in traces}
    long = max(map(len, named), default=0) > SHORT
    a_row = min(5, max(3, len(named))) if long else 10
    axis = {"zeroline": True, "zerolinecolor": FAINT, "gridcolor": FAINT, "tickfont": {"size": 11}}
    layout = {
        "height": height,
        "margin": {**MARGIN, "t": MARGIN["t"] if len(named) <= a_row else 50},
        "dragmode": "pan",
        "hovermode": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {
            "orientation": "h",
            "xref": "container",
            "x": 0,
            "y": 1.005,
            "yanchor": "bottom",
            "itemsizing": "constant",
            "entrywidth": 1.0 / a_row,
            "entrywidthmode": "fraction",
            "font": {"size": 12},
            "traceorder": "normal",
            **legend,
        },
        "meta": {"home": box},
        "xaxis": {**axis, "range": box[0], "tickangle": 0},
        "yaxis": {**axis, "range": box[1], "scaleanchor": "x", "scaleratio": 1, **INSIDE},
    }
    return Figure({"data": shown, "layout": layout})


def short(name: str) -> str:
    """A class's name as a legend has room for it."""
    return name if len(name) <= LONG else name[: LONG - 1] + "…"
