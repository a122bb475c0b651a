"""How near the codes are to a point of the plane, and a metric that is dear where none are.

    r      the distance within which a typical code has 20 others
    n(z) = sum_i exp(-|z - z_i|^2 / (2 s^2)),   s = r / 2      the codes near z, counted softly
    h(z) = 1 - exp(-n(z))                                      1 among codes, 0 far from all of them
    G'(z) = G(z) / ((1 - b) h(z) + b),   b = 0.01              G among codes, G / b far from all of them

A length is therefore what it is under G where codes are, and up to 1 / sqrt(b) = 10 times as much where there are none,
so that the shortest path goes around a hole unless the detour is 10 times as long.

The factor is that of Arvanitidis, Hauberg and Schoelkopf, Geometrically enriched latent spaces, 2021: 1 / (alpha h +
beta) with an h that is 1 near data and 0 elsewhere. Here h is made of the codes, alpha = 1 - b and beta = b.
"""

from dataclasses import dataclass

import torch
from scipy.spatial import KDTree
from torch import Tensor

NEAR = 20
FAR = 0.01  # b
_CELLS = 1_000  # of the lattice along an axis, at most
_ALONG = 2  # cells for each s
_MARGIN = 4  # times s, beyond which exp is 0 as good as
_TYPICAL = 1_000  # codes, about, of which the median is taken
_TOGETHER = 10_000  # codes


def radius(codes: Tensor) -> float:
    """The distance within which a typical code (N, D) has `NEAR` others: the median of that to the 20th nearest."""
    points = codes.cpu().numpy()
    some = points[:: max(1, len(points) // _TYPICAL)]
    nearest, _ = KDTree(points).query(some, min(NEAR, len(points) - 1) + 1)  # with itself
    return float(torch.from_numpy(nearest.reshape(len(some), -1)[:, -1]).median())


@dataclass(frozen=True)
class Nearness:
    """n(z) as a sum of cubic B-splines on a square lattice."""

    counts: Tensor  # (H, W), the height of each spline, z1 along the second axis
    low: Tensor  # (2,), the first point of the lattice
    cell: float  # between two points

    def __call__(self, z: Tensor) -> Tensor:
        """h(z), (B,), in [0, 1], of points (B, 2); it can be differentiated."""
        height, width = self.counts.shape
        most = z.new_tensor([width - 3, height - 3])
        cells = ((z - self.low) / self.cell).nan_to_num()  # what is nowhere is far from all codes
        at = torch.minimum(cells.clamp(min=1), most)  # on the edge of the lattice n is 0
        cell = at.detach().floor()
        across, up = _splines(at - cell).unbind(1)
        columns, rows = (cell.long()[..., None] + torch.arange(-1, 3, device=z.device)).unbind(1)
        around = self.counts[rows[:, :, None], columns[:, None, :]].to(z)  # (B, 4, 4)
        return -torch.expm1(-torch.einsum("bi,bij,bj->b", up, around, across))

    def stretch(self, z: Tensor) -> Tensor:
        """((1 - b) h + b)^(-1/2), (B,): how many times as long a step counts under G' as under G."""
        return ((1 - FAR) * self(z) + FAR).rsqrt()


def _splines(t: Tensor) -> Tensor:
    """The four cubic B-splines that are not 0 at a part t (...) of a cell, (..., 4)."""
    s = 1 - t
    return torch.stack([s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3], -1) / 6


def measure(codes: Tensor) -> Nearness:
    """How near these codes are to any point.

    Args:
        codes: (N, 2).

    Raises:
        ValueError: unless the codes are points of a plane, and not all the same.
    """
    if codes.ndim != 2 or codes.shape[1] != 2:
        raise ValueError(f"nearness needs codes (N, 2), points of a plane, got {tuple(codes.shape)}")
    least, most = codes.double().aminmax(dim=0)
    size = float((most - least).max())
    s = max(radius(codes) / 2, _ALONG * size / _CELLS)
    if not s:
        raise ValueError("nearness needs codes that differ: all of these are the same point")
    cell = s / _ALONG
    narrower = (s**2 - cell**2 / 3) ** 0.5  # by the variance that a spline has itself
    low = least - _MARGIN * s
    count = ((most + _MARGIN * s - low) / cell).ceil().long() + 1
    x, y = (a + torch.arange(n, device=codes.device) * cell for a, n in zip(low, count.tolist(), strict=True))
    counts = codes.new_zeros(len(y), len(x))
    for block in codes.double().split(_TOGETHER):
        across, up = (
            ((axis - each[:, None]) / narrower).to(codes).square().mul(-0.5).exp()
            for axis, each in zip((x, y), block.T, strict=True)
        )
        counts += up.T @ across
    return Nearness(counts * (s / narrower) ** 2, low.to(codes), cell)
