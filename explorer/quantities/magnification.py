"""The magnification sqrt(det G) of a decoder as a map: by how much it stretches each place of the plane."""

from typing import NamedTuple

import numpy as np
import torch

from explorer.extent import Box, Range
from explorer.quantities.paths import surface
from vae.geometry import Surface, volume
from vae.storage.checkpoint import Checkpoint

CELLS = 160  # of the map of the magnification, along its longer side
_EXTREME = 0.01  # of the codes lie where there is less magnification than the scale has, and of the cells more
_SAMPLE = 5  # every so many codes are asked
_BLOCK = 2_048  # points decoded together


class Magnification(NamedTuple):
    """sqrt(det G) over a window of the plane, on a logarithmic scale."""

    window: Box
    shades: np.ndarray  # (H, W) uint8, 0 at `low` or less and 255 at `high` or more, the first row at the top
    low: float
    high: float  # 0 if the decoder makes the same image everywhere


@torch.no_grad()
def measure_magnification(checkpoint: Checkpoint, digit: int, window: Box) -> Magnification:
    """The magnification at the middles of square cells that cover a window."""
    side = max(high - low for low, high in window) / CELLS
    z1, z2 = (np.arange(low + side / 2, high, side) for low, high in window)
    z = torch.from_numpy(np.stack(np.meshgrid(z1, z2[::-1]), -1).reshape(-1, 2)).float()
    found, at_codes = (_magnifications(surface(checkpoint, digit), each) for each in (z, checkpoint.codes[::_SAMPLE]))
    high = np.quantile(found, 1 - _EXTREME)
    low = min(max(np.quantile(at_codes, _EXTREME), 1e-4 * high), 0.5 * high)
    shades = np.log(np.clip(found, low, high) / low) / np.log(high / low) if high else np.zeros(len(found))
    return Magnification(
        window=(_range(z1, side), _range(z2, side)),
        shades=(255 * shades).round().astype(np.uint8).reshape(len(z2), len(z1)),
        low=float(low),
        high=float(high),
    )


def _range(middles: np.ndarray, side: float) -> Range:
    return float(middles[0] - side / 2), float(middles[-1] + side / 2)


def _magnifications(measured: Surface, z: torch.Tensor) -> np.ndarray:
    """sqrt(det G) at each point, (B,) float64 as det G can exceed float32, 0 where it is not finite."""
    found = torch.cat([volume(measured.metric(block).double()) for block in z.split(_BLOCK)])
    return found.nan_to_num(0.0, posinf=0.0).numpy()
