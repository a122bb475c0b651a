"""The exact posterior as a map: shades of density on windows of the plane, and two lines.

A window is cut into cells, and each shows its mean density, so that nothing is lost that is narrower than a cell. The
shades are nats below the highest cell. The two lines hold as much of the posterior as the 1- and 2-sigma ellipses hold
of a Gaussian: 1 - exp(-1/2) and 1 - exp(-2).

There are two windows: the smallest with nearly all of the mass, and a close one on what the outer line holds. They are
the same unless the posterior has small parts far away.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.extent import Box, Point, Range, pair
from vae.distributions import pairwise_log_prob
from vae.grids import midpoints
from vae.inference.quadrature import Posterior
from vae.models import VAE

SIZE = 112  # cells along a side of a window
SHADES_A_NAT = 16
MASSES = (1 - math.exp(-0.5), 1 - math.exp(-2))

_TAIL = 2e-4  # the share of the mass that the wide window may leave out on each side
_COARSE = 40  # cells along a side while the windows are looked for
_ROUNDS = 4  # at most, to find a window
_MISSED = 0.02  # the share of the mass that the cells may miss
_FINER = (4, 16)  # parts of a cell along an axis, in the first and second refinement
_NEAR_NATS = 12.0  # cells that are refined are at most this far below the highest
_MOST_POINTS = 65_536  # decoded in one refinement
_BLOCK = 8_192  # points decoded together
_SIGMAS = 2.4  # the reach of the ellipse that a view holds
_DOT = 6.0  # an outer line so many times smaller than its window is no more than a dot


class Shades(NamedTuple):
    """The posterior on a window of the plane."""

    window: Box
    shades: np.ndarray  # (SIZE, SIZE) uint8, SHADES_A_NAT times the nats below the highest, the first row at the top
    levels_nats: tuple[float, float]  # of the two lines, below the highest


class PosteriorMap(NamedTuple):
    """The posterior from afar and close up."""

    wide: Shades
    close: Shades
    prior_share: float  # of the prior's mass that lies within the outer line


class _Cells(NamedTuple):
    """The posterior on a window of size x size cells, row by row from the top."""

    window: Box
    size: int
    z: Tensor  # (size^2, 2) middles
    log_density: Tensor  # (size^2,) float64, the log of the mean in each cell

    def area(self) -> float:
        return _length(self.window[0]) * _length(self.window[1]) / self.size**2

    def mass(self) -> Tensor:
        return self.log_density.exp() * self.area()

    def rows(self, values: Tensor) -> Tensor:
        """Values of cells as (size, size), upwards along z2 and to the right along z1."""
        return values.reshape(self.size, self.size).flip(0)


@torch.inference_mode()
def shade(model: VAE, x: Tensor, y: Tensor | None, exact: Posterior) -> PosteriorMap:
    """The map of p(z|x) of one image.

    Args:
        model: A model with a plane.
        x: (1, 1, 28, 28), the image.
        y: (1,), its label; None for a model that takes none.
        exact: The posterior's log p(x), and a window with all tiles that have mass.
    """

    def cells(window: Box, mass: float, size: int = _COARSE) -> _Cells:
        return _cells(model, x, y, exact.log_px_nats, window, mass, size)

    window = _range(exact.z1), _range(exact.z2)
    for _ in range(_ROUNDS):
        before, window = window, _without_tails(cells(window, 1.0))
        if all(_length(new) > 0.8 * _length(old) for new, old in zip(window, before, strict=True)):
            break
    wide = close = cells(window, 1.0, SIZE)
    for _ in range(_ROUNDS):
        window, mass = _about_the_line(close)
        if max(map(_length, window)) > 3 / _DOT * max(map(_length, close.window)):
            break
        close = cells(window, mass, SIZE)
    shades = _shades(close)
    inside = _below(close) <= shades.levels_nats[1]
    share = model.prior().log_prob(close.z.to(x)).exp()[inside].sum().item() * close.area()
    return PosteriorMap(shades if close is wide else _shades(wide), shades, share)


def with_ellipse(window: Box, mean: Point, std: tuple[float, float]) -> Box:
    """A window made larger, where that is needed, to hold the ellipse of a Gaussian.

    Args:
        window: The ranges of both axes.
        mean: The middle of the ellipse.
        std: The standard deviations along both axes.
    """
    x, y = (
        (min(low, middle - _SIGMAS * sigma), max(high, middle + _SIGMAS * sigma))
        for (low, high), middle, sigma in zip(window, mean, std, strict=True)
    )
    return x, y


def _cells(model: VAE, x: Tensor, y: Tensor | None, log_px: float, window: Box, mass: float, size: int) -> _Cells:
    """The cells of a window. Those near the highest are refined until they hold the mass that they should."""
    z1, z2 = (low + (high - low) * (torch.arange(size, dtype=torch.float64) + 0.5) / size for low, high in window)
    z = torch.cartesian_prod(z2.flip(0), z1).flip(1)
    side = torch.tensor([_length(axis) / size for axis in window], dtype=torch.float64)

    def log_density(points: Tensor) -> Tensor:
        blocks = [
            pairwise_log_prob(model.likelihood(part, None if y is None else y.expand(len(part))), x)[0].double()
            + model.prior().log_prob(part).double()
            for part in points.to(x).split(_BLOCK)
        ]
        return torch.cat(blocks) - log_px

    cells = _Cells(window, size, z, log_density(z))
    density = cells.log_density
    for parts in _FINER:
        if abs(cells.mass().sum() - mass) < _MISSED:
            break
        near = (density > density.max() - _NEAR_NATS).nonzero()[:, 0]
        near = near[density[near].argsort(descending=True)][: _MOST_POINTS // parts**2]
        inside = side * midpoints(parts, 2) / 2  # (parts^2, 2)
        finer = log_density((z[near, None] + inside).flatten(0, 1)).unflatten(0, (len(near), -1))
        density[near] = finer.logsumexp(1) - 2 * math.log(parts)
    return cells


def _without_tails(cells: _Cells) -> Box:
    """The smallest box of cells that leaves out no more than _TAIL of the mass on each side, and a cell around it."""
    mass = cells.rows(cells.mass() / cells.mass().sum())
    bounds = []
    for sums in (mass.sum(0), mass.sum(1)):
        before = sums.cumsum(0)
        first, after = int((before < _TAIL).sum()), cells.size - int((1 - before + sums < _TAIL).sum())
        bounds.append((max(first - 1, 0), min(after + 1, cells.size)))
    return _box(cells, bounds)


def _about_the_line(cells: _Cells) -> tuple[Box, float]:
    """The box of what the outer line holds with as much on each side of it, and its mass."""
    inside = cells.rows(_below(cells) <= _levels(cells)[1])
    bounds = []
    for within in (inside.any(0), inside.any(1)):
        places = within.nonzero()[:, 0]
        first, after = int(places[0]), int(places[-1]) + 1
        bounds.append((2 * first - after, 2 * after - first))
    window = _box(cells, bounds)
    within = [(z >= low) & (z <= high) for z, (low, high) in zip(cells.z.T, window, strict=True)]
    return window, float(cells.mass()[within[0] & within[1]].sum())


def _shades(cells: _Cells) -> Shades:
    shades = (_below(cells) * SHADES_A_NAT).round().clamp(max=255).byte().reshape(SIZE, SIZE).numpy()
    return Shades(cells.window, shades, _levels(cells))


def _levels(cells: _Cells) -> tuple[float, float]:
    """How far below the highest cell, in nats, the cells are that together hold each of MASSES."""
    below = _below(cells)
    order = below.argsort()
    share = cells.mass()[order].cumsum(0)
    return pair(float(below[order[min(int((share < enough).sum()), len(order) - 1)]]) for enough in MASSES)


def _below(cells: _Cells) -> Tensor:
    return cells.log_density.max() - cells.log_density


def _box(cells: _Cells, bounds: list[tuple[int, int]]) -> Box:
    """From cell `first` to before cell `after` on each axis."""
    x, y = (
        (low + first * (high - low) / cells.size, low + after * (high - low) / cells.size)
        for (low, high), (first, after) in zip(cells.window, bounds, strict=True)
    )
    return x, y


def _range(middles: Tensor) -> Range:
    """The ends of an axis of cells with these middles."""
    half = 0.5 * float(middles[1] - middles[0])
    return float(middles[0]) - half, float(middles[-1]) + half


def _length(axis: Range) -> float:
    return axis[1] - axis[0]
