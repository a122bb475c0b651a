"""Points of the plane: how usual a point is, which codes are near it, and paths between two points.

The codes around a point z say how usual it is. With r the distance within which a typical code has 20 others (see
`vae.nearness`),

    codes_near(z) = #{ i : |z_i - z| <= r },

so that a typical place has about 20 whatever the scale of the map. Where there is no code near, what is decoded is
extrapolated. Where codes lie closer together than the eye can see, r is the smallest length that the eye can see. Under
a prior N(0, I) in the plane, exp(-|z|^2 / 2) of the mass lies farther out than z.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from explorer.extent import Point, extent, pair
from explorer.quantities import decode
from vae import interpolation, nearness
from vae.distributions import DiagonalNormal
from vae.inference import aggregate
from vae.nearness import NEAR
from vae.storage.checkpoint import Checkpoint

NEIGHBOURS = 5
BLOCK = 50  # points whose distances to all codes are held at once
PATH_POINTS = 121
HOLE_STEPS = 48  # of the grid along each axis on which a hole is looked for
DIRECTIONS = 8  # into which all codes lie, as seen from a hole
LEAST_SHARE = 0.005  # of the codes, in each direction


class PinnedPoint(NamedTuple):
    """All that is shown of a pinned point."""

    image: np.ndarray  # (28, 28) uint8, decoded
    sigmas: float | None  # distance from the prior's mean in its standard deviations; None for a model without prior
    mass_beyond: float | None  # share of the prior's mass that lies farther out
    codes_near: int  # test codes within the map's radius
    neighbours: np.ndarray  # (K,), the nearest test images, nearest first: NEIGHBOURS, or fewer where there are no more
    labels: np.ndarray  # (K,), their classes
    reconstructions: np.ndarray  # (K, 28, 28) uint8, their codes decoded


def sunflower(count: int) -> np.ndarray:
    """Points (count, 2) spread evenly over the prior N(0, I): a sunflower of equal mass, from the middle outwards.

    Vogel, A better way to construct the sunflower head, 1979; the radius is the prior's own quantile.
    """
    rank = (np.arange(count) + 0.5) / count
    radius = np.sqrt(-2 * np.log1p(-rank))
    angle = np.arange(count) * math.pi * (3 - math.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def distances(z: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Euclidean distances (P, N), computed without a matrix product, which would lose small ones.

    Args:
        z: (P, 2), the points.
        codes: (N, 2).
    """
    (x, y), (across, up) = codes.T.contiguous(), z.to(codes.dtype).T.unsqueeze(-1)
    aside, above = across - x, up - y
    return aside.square_().addcmul_(above, above).sqrt_()


def _of_distances(z: np.ndarray, codes: np.ndarray, reduce: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The distances of points z (P, 2) to codes (N, 2), each row reduced to a number: (P,), in blocks of points."""
    points, all_codes = torch.as_tensor(z), torch.as_tensor(codes)
    return torch.cat([reduce(distances(block, all_codes)) for block in points.split(BLOCK)])


def radius(codes: np.ndarray, least: float = 0.0) -> float:
    """The distance within which a typical code of the map has 20 others.

    Args:
        codes: (N, 2).
        least: The radius is not smaller.
    """
    return max(nearness.radius(torch.as_tensor(codes)), least)


def typically_near(codes: np.ndarray, within: float) -> int:
    """How many other codes a typical one has near it: 20, all if there are fewer, or more where they crowd.

    Args:
        codes: (N, 2).
        within: The radius within which a code is near.
    """
    crowd = int(np.median(codes_near(codes, codes[:: _stride(codes)], within))) - 1
    usual = min(NEAR, len(codes) - 1)
    return crowd if crowd > 2 * usual else usual


def rounded(z: np.ndarray, within: float) -> tuple[float, ...]:
    """A point rounded to three decimals or more, so that it moves by less than a tenth of a radius.

    Args:
        z: (D,).
        within: The radius.
    """
    decimals = max(3, math.ceil(1 - math.log10(within))) if within else None
    return tuple(value if decimals is None else round(value, decimals) for value in z.astype(np.float64).tolist())


def codes_near(codes: np.ndarray, z: np.ndarray, within: float) -> np.ndarray:
    """How many codes lie near each of some points: (P,) int.

    Args:
        codes: (N, 2).
        z: (P, 2), the points.
        within: The radius within which a code is near.
    """
    return _of_distances(z, codes, lambda d: (d <= within).sum(dim=1)).numpy()


def densest(codes: np.ndarray, within: float) -> np.ndarray:
    """The code (2,), of about a thousand of the codes, with the most codes near it.

    Args:
        codes: (N, 2).
        within: The radius within which a code is near.
    """
    sample = codes[:: _stride(codes)]
    return sample[codes_near(codes, sample, within).argmax()]


def start(codes: np.ndarray, within: float) -> Point:
    """The point of a map that is pinned at first: where its codes are densest, and it decodes to an image.

    Args:
        codes: (N, 2).
        within: The radius within which a code is near.
    """
    return pair(rounded(densest(codes, within), within))


class Hole(NamedTuple):
    """A place without codes in the midst of them."""

    z: Point
    radius: float  # the distance of the nearest code


def hole(codes: np.ndarray, within: float) -> Hole | None:
    """The widest hole of a map: the point farthest from all codes that has codes on all sides; None if none is empty.

    Args:
        codes: (N, 2).
        within: The radius within which a code is near; in a hole there is none.
    """
    steps = (np.arange(HOLE_STEPS) + 0.5) / HOLE_STEPS
    axes = (low + steps * (high - low) for low, high in extent(codes, prior=False))
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    free = _of_distances(grid, codes, lambda d: d.amin(dim=1)).numpy()
    widest_first = np.argsort(-free)
    for z, radius in zip(grid[widest_first], free[widest_first], strict=True):
        if radius <= within:
            return None
        if _surrounded(z, codes):
            return Hole(pair(z.tolist()), float(radius))
    return None


def _surrounded(z: np.ndarray, codes: np.ndarray) -> bool:
    """Whether codes lie on all sides of a point."""
    aside, above = (codes - z).T
    direction = ((np.arctan2(above, aside) / (2 * math.pi) + 0.5) * DIRECTIONS).astype(int) % DIRECTIONS
    return bool(np.bincount(direction, minlength=DIRECTIONS).min() >= LEAST_SHARE * len(codes))


def _stride(codes: np.ndarray) -> int:
    """The stride that keeps about a thousand of the codes (N, 2)."""
    return max(1, len(codes) // 1000)


@torch.inference_mode()
def describe(checkpoint: Checkpoint, z: Point, label: int, within: float) -> PinnedPoint:
    """Decode one point of a plane and say how usual it is.

    Args:
        checkpoint: A model with a plane.
        z: The point.
        label: The class that a conditional model decodes.
        within: The map's `radius`.
    """
    model, here = checkpoint.model, torch.tensor([z], dtype=torch.float32)
    count = min(NEIGHBOURS, len(checkpoint.codes))
    neighbours = distances(here, checkpoint.codes)[0].topk(count, largest=False).indices
    labels = checkpoint.labels[neighbours].long()
    reconstructions = model.decode(checkpoint.codes[neighbours], labels if checkpoint.config.conditional else None)
    sigmas = math.hypot(*z) if checkpoint.config.has_prior else None
    return PinnedPoint(
        image=decode.at(model, here.numpy(), label)[0],
        sigmas=sigmas,
        mass_beyond=None if sigmas is None else math.exp(-(sigmas**2) / 2),
        codes_near=int(codes_near(checkpoint.codes.numpy(), here.numpy(), within)[0]),
        neighbours=neighbours.numpy(),
        labels=labels.numpy(),
        reconstructions=decode.grey_levels(reconstructions),
    )


def log_density(codes: np.ndarray, has_prior: bool) -> tuple[str, np.ndarray]:
    """The name of a density, and its natural logarithm at each code, (N,) float64.

    It is the prior's log p(z) if the model has a prior; else the kernel density estimate of the codes themselves, or
    NaN if there is none because all codes agree on an axis.

    Args:
        codes: (N, D) float32.
        has_prior: Whether their model has the prior N(0, I).
    """
    z = torch.from_numpy(codes)
    if has_prior:
        prior = DiagonalNormal.standard(z.new_zeros(z.shape[1]))
        return "log_prior_nats", prior.log_prob(z).double().numpy()
    varied = bool((z.amax(0) > z.amin(0)).all())
    density = aggregate.log_density_at_codes(z).numpy() if varied else np.full(len(z), np.nan)
    return "log_kernel_density_nats", density


def path(
    kind: str, start: Point, end: Point, count: int = PATH_POINTS, geodesic: interpolation.Path | None = None
) -> np.ndarray:
    """The points (count, 2) of a path from start to end.

    Args:
        kind: "line", "arc", "geodesic" or "near codes".
        start: The first point.
        end: The last point.
        count: How many points.
        geodesic: Gives the path of the last two kinds.
    """
    geodesics = dict.fromkeys(("geodesic", "near codes"), geodesic)
    between = {"line": interpolation.linear, "arc": interpolation.spherical, **geodesics}[kind]
    dtype = torch.float32 if kind in geodesics else torch.float64  # a geodesic asks the decoder, which is float32
    z0, z1 = torch.tensor(start, dtype=dtype), torch.tensor(end, dtype=dtype)
    return between(z0, z1, torch.linspace(0, 1, count, dtype=dtype)).numpy()
