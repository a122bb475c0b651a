"""Derivatives in forward mode: PyTorch counts their levels for the whole process, so only one thread may take them."""

from collections.abc import Callable
from threading import RLock
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp, vmap

_ONE_THREAD = RLock()


def along_axes(f: Callable[[Tensor], Any], z: Tensor, out_dims: Any = 0, has_aux: bool = False) -> Any:
    """The derivatives of f by each coordinate of z, one thread at a time.

    Args:
        f: gives tensors at points; with `has_aux` a pair, of which the second is not differentiated.
        z: (B, D) points.
        out_dims: where the coordinates stand in each of the results, as of `torch.func.vmap`.
        has_aux: whether f gives such a pair.

    Returns:
        The derivatives; with `has_aux` the values of f, the derivatives and what is not differentiated.
    """

    def along(axis: Tensor) -> Any:
        found = jvp(f, (z,), (axis.expand_as(z),), has_aux=has_aux)
        return found if has_aux else found[1]

    with _ONE_THREAD:
        return vmap(along, out_dims=out_dims)(torch.eye(z.shape[1], dtype=z.dtype, device=z.device))
