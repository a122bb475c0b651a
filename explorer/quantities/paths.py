"""The shape of a latent space as the screens show it: paths and their decoded lengths, and the magnification as a map.

A length is measured along the decoded images, not along the plane, as `vae.geometry` defines it for each likelihood.
"""

from typing import NamedTuple

import numpy as np
import torch

from explorer.quantities import points
from vae import geodesics, interpolation
from vae.geodesics import Graph
from vae.geometry import Surface
from vae.storage.checkpoint import Checkpoint

_FINER = 4  # a path is measured at so many places between two that are shown
_OUTSIDE = 0.001  # of the codes on each side may lie outside of the graph, but for a margin
_MARGIN = 0.05
_NARROW = 0.2  # of its longer side: a shorter side counts as at least that for the margin of a graph


class Travel(NamedTuple):
    """A path, and how far it is in decoded images."""

    points: np.ndarray  # (points.PATH_POINTS, 2)
    length: float
    largest_step: float  # between two of the points


def surface(checkpoint: Checkpoint, digit: int) -> Surface:
    """What a checkpoint's decoder makes of the plane, of a conditional one for one class."""
    return Surface(checkpoint.model, torch.tensor(digit) if checkpoint.config.conditional else None)


def unit(checkpoint: Checkpoint) -> tuple[str, str]:
    """The name of the unit of decoded lengths, and a sentence on it."""
    if checkpoint.config.likelihood.startswith("bernoulli"):
        return "Fisher–Rao", "By how much the decoded image changes along the path: a pixel from black to white is π"
    return "pixels", "By how much the decoded image changes along the path: a pixel from black to white is 1"


def graph(checkpoint: Checkpoint, digit: int) -> Graph | None:
    """The graph that geodesics between the codes are found on; None if the codes span no area."""
    low, high = (checkpoint.codes.quantile(share, 0) for share in (_OUTSIDE, 1 - _OUTSIDE))
    margin = _MARGIN * (high - low).clamp(min=_NARROW * float((high - low).max()))
    low, high = low - margin, high + margin
    return geodesics.graph(surface(checkpoint, digit), low, high) if bool((low < high).all()) else None


def travel(
    checkpoint: Checkpoint,
    digit: int,
    kind: str,
    start: tuple[float, float],
    end: tuple[float, float],
    grid: Graph | None = None,
) -> Travel:
    """A "line", an "arc", or in a `graph` a "geodesic", from start to end."""
    measured = surface(checkpoint, digit)
    geodesic = interpolation.geodesic(measured, grid)
    z = points.path(kind, start, end, _FINER * (points.PATH_POINTS - 1) + 1, geodesic)
    with torch.inference_mode():
        images = measured.embed(torch.from_numpy(z).float())
        length = images.diff(dim=0).norm(dim=1).sum()
        largest = images[::_FINER].diff(dim=0).norm(dim=1).max()
    return Travel(z[::_FINER], float(length), float(largest))
