"""The magnification sqrt(det G) of a decoder as a map: how much it stretches each place of the plane."""

from typing import NamedTuple

import numpy as np
import torch

from explorer.extent import Box, square_cells
from explorer.quantities.paths import surface
from vae.geometry import Surface, volume
from vae.storage.checkpoint import Checkpoint

CELLS = 160  # along the longer side of the map
_CLIPPED = 0.01  # the share of the codes below the scale, and of the cells above it
_STRIDE = 5  # every fifth code is measured
_BLOCK = 2_048  # points decoded together


class Magnification(NamedTuple):
    """sqrt(det G) over a window of the plane, on a logarithmic scale."""

    window: Box
    shades: np.ndarray  # (H, W) uint8, 0 at `low` or less and 255 at `high` or more, the first row at the top
    low: float
    high: float  # 0 if the decoder makes the same image everywhere


@torch.no_grad()
def measure(checkpoint: Checkpoint, label: int, window: Box) -> Magnification:
    """The magnification at the middles of square cells that cover a window.

    Args:
        checkpoint: A model with a plane.
        label: The class that a conditional model decodes.
        window: The ranges of both axes.
    """
    measured = surface(checkpoint, label)
    cells = square_cells(window, CELLS)
    z = torch.from_numpy(cells.middles).reshape(-1, 2).float()
    at_cells, at_codes = (_magnifications(measured, points) for points in (z, checkpoint.codes[::_STRIDE]))
    high = np.quantile(at_cells, 1 - _CLIPPED)
    low = min(max(np.quantile(at_codes, _CLIPPED), 1e-4 * high), 0.5 * high)
    shades = np.log(np.clip(at_cells, low, high) / low) / np.log(high / low) if high else np.zeros(len(at_cells))
    return Magnification(
        window=cells.window,
        shades=(255 * shades).round().astype(np.uint8).reshape(cells.middles.shape[:2]),
        low=float(low),
        high=float(high),
    )


def _magnifications(measured: Surface, z: torch.Tensor) -> np.ndarray:
    """sqrt(det G) at each point, (B,) float64 as det G can exceed float32, 0 where it is not finite."""
    values = torch.cat([volume(measured.metric(block).double()) for block in z.split(_BLOCK)])
    return values.nan_to_num(0.0, posinf=0.0).numpy()
