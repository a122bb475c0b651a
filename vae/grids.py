"""Grids of points over a space of few dimensions."""

from collections.abc import Iterable

import torch
from torch import Tensor


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
