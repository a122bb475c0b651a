"""The shape of a latent space as the screens show it: paths and their decoded lengths, and the magnification as a map.

A length is measured along the decoded images, not along the plane, as `vae.geometry` defines it for each likelihood.
"""

from typing import NamedTuple

import numpy as np
import torch

from explorer import compute
from vae import geodesics, interpolation
from vae.geodesics import Graph
from vae.geometry import Surface, volume
from vae.storage.checkpoint import Checkpoint

CELLS = 160  # of the map of the magnification, along its longer side

_FINER = 4  # a path is measured at so many places between two that are shown
_OUTSIDE = 0.001  # of the codes on each side may lie outside of the graph, but for a margin
_MARGIN = 0.05
_NARROW = 0.2  # of its longer side: a shorter side counts as at least that for the margin of a graph
_EXTREME = 0.01  # of the codes lie where there is less magnification than the scale has, and of the cells more
_SAMPLE = 5  # every so many codes are asked
_BLOCK = 2_048  # points decoded together

Window = tuple[tuple[float, float], tuple[float, float]]  # ((low, high) of z1, (low, high) of z2)


class Travel(NamedTuple):
    """A path, and how far it is in decoded images."""

    points: np.ndarray  # (compute.PATH_POINTS, 2)
    length: float
    largest_step: float  # between two of the points


class Magnification(NamedTuple):
    """sqrt(det G) over a window of the plane, on a logarithmic scale."""

    window: Window
    shades: np.ndarray  # (H, W) uint8, 0 at `low` or less and 255 at `high` or more, the first row at the top
    low: float
    high: float  # 0 if the decoder makes the same image everywhere


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
    points = compute.path(kind, start, end, _FINER * (compute.PATH_POINTS - 1) + 1, geodesic)
    with torch.inference_mode():
        images = measured.embed(torch.from_numpy(points).float())
        length = images.diff(dim=0).norm(dim=1).sum()
        largest = images[::_FINER].diff(dim=0).norm(dim=1).max()
    return Travel(points[::_FINER], float(length), float(largest))


@torch.no_grad()
def magnification(checkpoint: Checkpoint, digit: int, window: Window) -> Magnification:
    """The magnification at the middles of square cells that cover a window."""
    side = max(high - low for low, high in window) / CELLS
    z1, z2 = (np.arange(low + side / 2, high, side) for low, high in window)
    z = torch.from_numpy(np.stack(np.meshgrid(z1, z2[::-1]), -1).reshape(-1, 2)).float()
    found, at_codes = (_magnifications(surface(checkpoint, digit), each) for each in (z, checkpoint.codes[::_SAMPLE]))
    high = np.quantile(found, 1 - _EXTREME)
    low = min(max(np.quantile(at_codes, _EXTREME), 1e-4 * high), 0.5 * high)
    shades = np.log(np.clip(found, low, high) / low) / np.log(high / low) if high else np.zeros(len(found))
    edges = ((z1[0], z1[-1]), (z2[0], z2[-1]))
    return Magnification(
        window=tuple((float(first - side / 2), float(last + side / 2)) for first, last in edges),
        shades=(255 * shades).round().astype(np.uint8).reshape(len(z2), len(z1)),
        low=float(low),
        high=float(high),
    )


def _magnifications(measured: Surface, z: torch.Tensor) -> np.ndarray:
    """sqrt(det G) at each point, (B,) float64 as det G can exceed float32, 0 where it is not finite."""
    found = torch.cat([volume(measured.metric(block).double()) for block in z.split(_BLOCK)])
    return found.nan_to_num(0.0, posinf=0.0).numpy()
