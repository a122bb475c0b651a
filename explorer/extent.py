"""The part of the plane that a map shows: from the codes' own quantiles, so that outliers cannot shrink the rest."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

LONGEST = 1.8  # the ratio of a map's sides at most: wide on a wide screen, tall where three share a narrow one

Point = tuple[float, float]  # of the plane
Range = tuple[float, float]  # of one axis
Box = tuple[Range, Range]


class Cells(NamedTuple):
    """Square cells that cover a window of the plane, the first row at the top."""

    window: Box
    middles: np.ndarray  # (H, W, 2)


def pair(values: Iterable[float]) -> tuple[float, float]:
    """Two numbers as a point or a range; raises ValueError unless there are two."""
    first, second = values
    return first, second


def extent(codes: np.ndarray, prior: bool) -> Box:
    """The ranges of both axes that hold all but a few codes, with a margin.

    The ranges have a length even where all codes agree on an axis, or on both.

    Args:
        codes: (N, 2).
        prior: Whether they also hold the 3 sigma of a prior.
    """
    low, high = np.quantile(codes.astype(np.float64), [0.01, 0.99], axis=0)
    if prior:
        low, high = np.minimum(low, -3), np.maximum(high, 3)
    # A thousand times what a float32 resolves, or more.
    least = max(1e-3 * (high - low).max(), 1e-4 * np.abs(high).max()) or 1e-3
    margin = np.maximum(0.08 * (high - low), least)
    (x0, y0), (x1, y1) = low - margin, high + margin
    return (float(x0), float(x1)), (float(y0), float(y1))


def surroundings(codes: np.ndarray, prior: bool) -> Box:
    """The ranges of both axes that hold what a map of any form shows, and a margin to pan; arguments as of `extent`."""
    (x0, x1), (y0, y1) = extent(codes, prior)
    width, height = 1.2 * max(x1 - x0, LONGEST * (y1 - y0)), 1.2 * max(y1 - y0, LONGEST * (x1 - x0))
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return (x - width / 2, x + width / 2), (y - height / 2, y + height / 2)


def square_cells(window: Box, count: int) -> Cells:
    """The cells that cover a window, of which the window is widened or narrowed to hold a whole number.

    Args:
        window: The ranges of both axes.
        count: How many cells lie along the longer one.
    """
    side = max(high - low for low, high in window) / count
    z1, z2 = (np.arange(low + side / 2, high, side) for low, high in window)
    across, up = ((float(z[0] - side / 2), float(z[-1] + side / 2)) for z in (z1, z2))
    return Cells((across, up), np.stack(np.meshgrid(z1, z2[::-1]), -1))
