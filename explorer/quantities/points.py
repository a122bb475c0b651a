"""What the screens show, as numbers: a model and plain values in, NumPy arrays out.

How usual a point z of the plane is, is told by the codes around it. With r the distance within which a typical code has
`NEAR` others (the median over codes of the distance to the 20th nearest),

    codes_near(z) = #{ i : |z_i - z| <= r },

so that a typical place has about 20 whatever the scale of the map, and 0 says that no code lies near: what is decoded
there is extrapolated. Where codes lie closer together than the eye can see, r is what it just can see. Under a prior
N(0, I) in the plane, exp(-|z|^2 / 2) of the mass lies farther out than z.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from explorer.quantities import decode
from vae import interpolation
from vae.inference import aggregate
from vae.storage.checkpoint import Checkpoint

NEAR = 20
NEIGHBOURS = 5
BLOCK = 50  # points whose distances to all codes are held at once
PATH_POINTS = 121


class Point(NamedTuple):
    """All that is shown of a pinned point."""

    digit: np.ndarray  # (28, 28) uint8, the decoded image
    sigmas: float | None  # distance from the prior's mean in its standard deviations; None for a model without prior
    farther: float | None  # share of the prior's mass that lies farther out
    codes_near: int  # test codes within the map's radius
    neighbours: np.ndarray  # (NEIGHBOURS,), or fewer where there are no more: the nearest test images, nearest first
    labels: np.ndarray  # (NEIGHBOURS,) their classes
    reconstructions: np.ndarray  # (NEIGHBOURS, 28, 28) uint8, their codes decoded


def styles(count: int) -> np.ndarray:
    """Points (count, 2) spread evenly over the prior N(0, I): a sunflower of equal mass, from the middle outwards.

    Vogel, A better way to construct the sunflower head, 1979; the radius is the prior's own quantile.
    """
    rank = (np.arange(count) + 0.5) / count
    radius = np.sqrt(-2 * np.log1p(-rank))
    angle = np.arange(count) * math.pi * (3 - math.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def distances(z: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Euclidean distances (P, N) of points z (P, 2) to codes (N, 2), not by way of a product: that loses small ones."""
    (x, y), (across, up) = codes.T.contiguous(), z.to(codes.dtype).T.unsqueeze(-1)
    aside, above = across - x, up - y
    return aside.square_().addcmul_(above, above).sqrt_()


def _of_distances(z: np.ndarray, codes: np.ndarray, reduce: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """What `reduce` makes, (P,), of the distances of points z (P, 2) to codes (N, 2), in blocks of points."""
    points, others = torch.as_tensor(z), torch.as_tensor(codes)
    return torch.cat([reduce(distances(block, others)) for block in points.split(BLOCK)])


def radius(codes: np.ndarray, least: float = 0.0) -> float:
    """The distance within which a typical code of the map has `NEAR` others, and not below `least`."""
    count = min(NEAR, len(codes) - 1) + 1  # with itself
    of_each = _of_distances(codes[:: _every(codes)], codes, lambda d: d.topk(count, largest=False).values[:, -1])
    return max(float(of_each.median()), least)


def typically_near(codes: np.ndarray, within: float) -> int:
    """How many other codes (N, 2) a typical one has within a radius: `NEAR`, all if fewer, or more where they crowd."""
    crowd = int(np.median(codes_near(codes, codes[:: _every(codes)], within))) - 1
    usual = min(NEAR, len(codes) - 1)
    return crowd if crowd > 2 * usual else usual


def rounded(z: np.ndarray, within: float) -> tuple[float, ...]:
    """A place z (2,), rounded so that it moves by less than a tenth of `within`, to three decimals or more."""
    decimals = max(3, math.ceil(1 - math.log10(within))) if within else None
    return tuple(value if decimals is None else round(value, decimals) for value in z.astype(np.float64).tolist())


def codes_near(codes: np.ndarray, z: np.ndarray, within: float) -> np.ndarray:
    """How many codes (N, 2) lie within a distance of each point of z (P, 2): (P,) int."""
    return _of_distances(z, codes, lambda d: (d <= within).sum(dim=1)).numpy()


def densest(codes: np.ndarray, within: float) -> np.ndarray:
    """The code (2,), of about a thousand of the codes (N, 2), with the most codes near it."""
    sample = codes[:: _every(codes)]
    return sample[codes_near(codes, sample, within).argmax()]


def _every(codes: np.ndarray) -> int:
    """One in how many codes (N, 2) leaves about a thousand of them."""
    return max(1, len(codes) // 1000)


@torch.inference_mode()
def point(checkpoint: Checkpoint, z: tuple[float, float], digit: int, within: float) -> Point:
    """Decode one point of a checkpoint's plane and say how usual it is; `within` is the map's `radius`."""
    model = checkpoint.model
    here = torch.tensor([z], dtype=torch.float32)
    few = min(NEIGHBOURS, len(checkpoint.codes))
    neighbours = distances(here, checkpoint.codes)[0].topk(few, largest=False).indices
    labels = checkpoint.labels[neighbours].long()
    sigmas = math.hypot(*z) if model.has_prior else None
    return Point(
        digit=decode.decode(model, here.numpy(), digit)[0],
        sigmas=sigmas,
        farther=None if sigmas is None else math.exp(-(sigmas**2) / 2),
        codes_near=int(codes_near(checkpoint.codes.numpy(), here.numpy(), within)[0]),
        neighbours=neighbours.numpy(),
        labels=labels.numpy(),
        reconstructions=decode.greys(model.decode(checkpoint.codes[neighbours], labels if model.conditional else None)),
    )


def log_density(checkpoint: Checkpoint) -> tuple[str, np.ndarray]:
    """The natural logarithm of a density at each code (N,) float64, after the name of which density that is.

    The prior's log p(z) if the model has a prior; else the kernel density estimate of the codes themselves, or NaN if
    there is none because all codes agree on an axis.
    """
    codes = checkpoint.codes
    if checkpoint.config.has_prior:
        return "log_prior_nats", decode.variational(checkpoint).prior().log_prob(codes).double().numpy()
    varied = bool((codes.amax(0) > codes.amin(0)).all())
    density = aggregate.log_density_at_codes(codes).numpy() if varied else np.full(len(codes), np.nan)
    return "log_kernel_density_nats", density


def path(
    kind: str,
    start: tuple[float, float],
    end: tuple[float, float],
    points: int = PATH_POINTS,
    geodesic: interpolation.Path | None = None,
) -> np.ndarray:
    """The points (points, 2) of a "line", an "arc" or the "geodesic" that is given, from start to end."""
    between = {"line": interpolation.linear, "arc": interpolation.spherical, "geodesic": geodesic}[kind]
    dtype = torch.float32 if kind == "geodesic" else torch.float64  # the decoder's own, where it is asked
    z0, z1 = torch.tensor(start, dtype=dtype), torch.tensor(end, dtype=dtype)
    return between(z0, z1, torch.linspace(0, 1, points, dtype=dtype)).numpy()
