"""Paths in a latent space, and how long they are in decoded images.

A length is measured along the decoded images, not along the plane, as `vae.geometry` defines it for each likelihood.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.extent import Point
from explorer.quantities import points
from vae import geodesics, interpolation
from vae.geodesics import Graph
from vae.geometry import Surface
from vae.storage.checkpoint import Checkpoint

_FINER = 4  # steps in which a path is measured, for each step that is shown
_OUTSIDE = 0.001  # the share of the codes that may lie outside of the graph on each side, before the margin is added
_MARGIN = 0.05  # of a graph, as a share of its sides
_NARROW = 0.2  # a side shorter than this share of the longer one counts as this long for the margin


class Travel(NamedTuple):
    """A path, and how far it is in decoded images."""

    points: np.ndarray  # (points.PATH_POINTS, 2)
    length: float
    largest_step: float  # between two of the points


def surface(checkpoint: Checkpoint, label: int) -> Surface:
    """The decoded images of a plane as a curved surface.

    Args:
        checkpoint: A model with a plane.
        label: The class that a conditional model decodes.
    """
    return Surface(checkpoint.model, torch.tensor(label) if checkpoint.config.conditional else None)


def unit(checkpoint: Checkpoint) -> tuple[str, str]:
    """The name of the unit of decoded lengths, and a sentence on it."""
    if checkpoint.config.likelihood.startswith("bernoulli"):
        return "Fisher–Rao", "By how much the decoded image changes along the path: a pixel from black to white is π"
    return "pixels", "By how much the decoded image changes along the path: a pixel from black to white is 1"


def graph(checkpoint: Checkpoint, label: int) -> Graph | None:
    """The graph on which geodesics between the codes are found; None if the codes span no area.

    Args:
        checkpoint: A model with a plane.
        label: The class that a conditional model decodes.
    """
    low, high = (checkpoint.codes.quantile(share, 0) for share in (_OUTSIDE, 1 - _OUTSIDE))
    margin = _MARGIN * (high - low).clamp(min=_NARROW * float((high - low).max()))
    low, high = low - margin, high + margin
    return geodesics.graph(surface(checkpoint, label), low, high) if bool((low < high).all()) else None


def travel(
    checkpoint: Checkpoint,
    label: int,
    kind: str,
    start: Point,
    end: Point,
    grid: Graph | None = None,
    stretch: Callable[[Tensor], Tensor] | None = None,
) -> Travel:
    """A path from start to end.

    Args:
        checkpoint: A model with a plane.
        label: The class that a conditional model decodes.
        kind: "line", "arc", "geodesic" or "near codes".
        start: The first point.
        end: The last point.
        grid: The graph that a geodesic is looked for on.
        stretch: Of the surface on which it is looked for; the length that is measured is without it.
    """
    measured = surface(checkpoint, label)
    geodesic = interpolation.geodesic(replace(measured, stretch=stretch), grid)
    z = points.path(kind, start, end, _FINER * (points.PATH_POINTS - 1) + 1, geodesic)
    with torch.inference_mode():
        images = measured.embed(torch.from_numpy(z).float())
        length = images.diff(dim=0).norm(dim=1).sum()
        largest = images[::_FINER].diff(dim=0).norm(dim=1).max()
    return Travel(z[::_FINER], float(length), float(largest))
