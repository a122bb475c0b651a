"""Grids of points over a space of few dimensions, and an axis that is finer where there is more of the prior."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

REACH = 6.0  # of a bent axis, outside of which lies 2e-9 of the prior

_BEND = 3.0  # the larger, the finer its middle


def product(axis: Tensor, d: int) -> Tensor:
    """The points (A^d, d) of a grid that has the same axis d times; the last coordinate changes fastest.

    Args:
        axis: (A,) the coordinates along each axis.
        d: the number of dimensions.
    """
    return product_of([axis] * d)


def product_of(axes: Iterable[Tensor]) -> Tensor:
    """The points (G, D) of a grid of D axes; the last coordinate changes fastest.

    Args:
        axes: the coordinates along each axis, each (A,).
    """
    columns = torch.meshgrid(*axes, indexing="ij")
    return torch.stack(columns, -1).reshape(-1, len(columns))


def midpoints(per_axis: int, d: int, device: torch.device | None = None) -> Tensor:
    """The midpoints (per_axis^d, d) float64 of equal cells of [-1, 1]^d, the last coordinate fastest.

    Args:
        per_axis: the number of cells along each axis.
        d: the number of dimensions.
        device: where the points are; None is the CPU.
    """
    return product((torch.arange(per_axis, dtype=torch.float64, device=device) + 0.5) * 2 / per_axis - 1, d)


def bend(t: Tensor) -> Tensor:
    """Coordinates of the same shape on a bent axis, REACH sinh(3 t) / sinh(3): finer in the middle than an even one.

    Args:
        t: in [-1, 1], which becomes [-REACH, REACH].
    """
    return REACH / math.sinh(_BEND) * torch.sinh(_BEND * t)


def stretch(z: Tensor) -> Tensor:
    """How fast a coordinate changes on a bent axis, dz/dt, of the same shape.

    Args:
        z: coordinates, as `bend` gives them.
    """
    return _BEND * (z.square() + (REACH / math.sinh(_BEND)) ** 2).sqrt()
