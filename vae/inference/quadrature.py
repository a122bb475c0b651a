"""Exact integrals over a latent space of one or two dimensions.

    evidence     p(x) = integral of p(x|z) p(z) dz
    posterior    p(z|x) = p(x|z) p(z) / p(x), with its mean, covariance and mode
    gap          KL(q(z|x) || p(z|x)) = integral of q(z|x) log(q(z|x) / p(z|x)) dz = log p(x) - elbo(x)

In a plane the integral that is called intractable is a sum of p(x|z) p(z) over a grid, which is refined where
posteriors are narrow until the sum no longer moves. `adaptive` says how, and how it makes sure that no mass is missed.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vae.grids import midpoints
from vae.inference.adaptive import Counter, Integral, Plane
from vae.inference.gauss_hermite import expectation
from vae.inference.joint import Progress, by_label, decode, labels_of, log_joint, pairwise_log_joint
from vae.protocols import LatentVariableModel

TOLERANCE_NATS = 0.01
MAP_SIZE = 200

_IMAGES_TOGETHER = 10_000
_POINTS_TOGETHER = 2_048  # more do not fit the caches

Interval = tuple[float, float]  # (low, high)


class LogEvidence(NamedTuple):
    """log p(x) of N images, and how well it is known.

    The error is the most by which the last halving of the step moved it (see `adaptive`). It is above the tolerance for
    an image that has not settled.
    """

    log_px_nats: Tensor  # (N,) float64
    error_nats: Tensor  # (N,) float64
    step: float  # the finest that any image needed
    points: int  # latent points decoded


class Moments(NamedTuple):
    """The exact posteriors of N images in brief, all float64."""

    mean: Tensor  # (N, D)
    covariance: Tensor  # (N, D, D)
    mode: Tensor  # (N, D), the midpoint of highest density: within half a step of the true one
    log_px_nats: Tensor  # (N,)
    error_nats: Tensor  # (N,) of log_px_nats, as of `LogEvidence`


class Divergence(NamedTuple):
    """KL(q(z|x) || p(z|x)) of N images, and how well it is known."""

    nats: Tensor  # (N,) float64
    error_nats: Tensor  # (N,) float64, of log p(x) and of the integral over q together


class Posterior(NamedTuple):
    """The exact posterior of one image: its density on a window, its moments over the whole plane, all float64."""

    z1: Tensor  # (W,) midpoints of the columns
    z2: Tensor  # (H,) midpoints of the rows
    log_density_nats: Tensor  # (H, W), log p(z|x) at the midpoints, rows along z2
    mean: Tensor  # (2,)
    covariance: Tensor  # (2, 2)
    mode: Tensor  # (2,)
    log_px_nats: float
    error_nats: float  # of log_px_nats, as of `LogEvidence`


def log_evidence(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    tolerance_nats: float = TOLERANCE_NATS,
    on_progress: Progress | None = None,
) -> LogEvidence:
    """log p(x) of every image, or log p(x|y) under a conditional model, by quadrature.

    The step is halved until that moves the log p(x) of each single image by at most the tolerance. An image that would
    take more than `adaptive.MOST_POINTS` points is not refined further, and its error says by how much it may be off.

    Args:
        model: with D <= 2.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels, for a conditional model; images of several labels may be mixed.
        tolerance_nats: above 0; in float32 it cannot be below about 1e-3.
        on_progress: is called with the numbers of points decoded and of images settled or given up so far.

    Raises:
        ValueError: for D > 2, a model without a prior, or x or y of a wrong shape.
    """
    integral, points = _integrate(model, x, y, tolerance_nats, on_progress)
    return LogEvidence(integral.log_px, integral.error, integral.step, points)


def moments(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    tolerance_nats: float = TOLERANCE_NATS,
    on_progress: Progress | None = None,
) -> Moments:
    """Mean, covariance and mode of the exact posterior p(z|x) of every image.

        mean = E[z|x]    covariance = E[z z^T|x] - mean mean^T    mode = argmax p(z|x) over the midpoints

    Args:
        model: with D <= 2.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels, for a conditional model.
        tolerance_nats: of log p(x), as of `log_evidence`.
        on_progress: as of `log_evidence`.

    Raises:
        ValueError: as `log_evidence` does.
    """
    integral, _ = _integrate(model, x, y, tolerance_nats, on_progress)
    return Moments(integral.mean, integral.covariance, integral.mode, integral.log_px, integral.error)


@torch.no_grad()
def posterior(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | int | None = None,
    window: tuple[Interval, Interval] | None = None,
    size: int = MAP_SIZE,
) -> Posterior:
    """The exact posterior of one image: log p(z|x) = log p(x|z) + log p(z) - log p(x) on a map, and its moments.

    Args:
        model: with D = 2.
        x: (1, 28, 28) or (1, 1, 28, 28), the image.
        y: its label, for a conditional model.
        window: the intervals of z1 and of z2 that the map shows. None is the smallest box that has all tiles with more
            than 1e-4 of the mass, each as far as 4 of its own standard deviations about its mean.
        size: cells of the map along each axis. The moments and log p(x) are of the whole plane, whatever the window.

    Raises:
        ValueError: for D other than 2, an empty window, or a wrong shape.
    """
    if model.latent_dim != 2:
        raise ValueError(f"a map of the posterior needs D = 2, got D = {model.latent_dim}")
    if x.numel() != 28 * 28:
        raise ValueError(f"x must be one image, (1, 28, 28), got {tuple(x.shape)}")
    x, y = x.reshape(1, 1, 28, 28), None if y is None else torch.as_tensor(y).reshape(-1)
    integral, _ = _integrate(model, x, y, TOLERANCE_NATS, None)
    z1, z2 = _map_axes(window or _box(integral), size)
    z = torch.cartesian_prod(z2, z1).flip(1).to(model.prior().mean)  # (size^2, 2), row by row
    label = y[0].to(z.device) if y is not None and model.conditional else None
    parts = [pairwise_log_joint(model, decode(model, part, label), part, x) for part in z.split(_POINTS_TOGETHER)]
    log_joint_on_map = torch.cat(parts, 1).reshape(size, size).cpu().double()
    return Posterior(
        z1,
        z2,
        log_joint_on_map - integral.log_px[0],
        integral.mean[0],
        integral.covariance[0],
        integral.mode[0],
        log_px_nats=integral.log_px[0].item(),
        error_nats=integral.error[0].item(),
    )


def _box(integral: Integral) -> tuple[Interval, Interval]:
    """The box of the first image, as intervals of z1 and z2."""
    (low1, low2), (high1, high2) = integral.low[0].tolist(), integral.high[0].tolist()
    return (low1, high1), (low2, high2)


def _map_axes(window: tuple[Interval, Interval], size: int) -> tuple[Tensor, Tensor]:
    """The midpoints of the columns and of the rows, (size,) each; raises ValueError for an empty window."""
    if not all(low < high for low, high in window) or size < 1:
        raise ValueError(f"window must be ((low1, high1), (low2, high2)) and size >= 1, got {window} and {size}")
    unit = 0.5 * (midpoints(size, 1)[:, 0] + 1)
    (low1, high1), (low2, high2) = window
    return low1 + (high1 - low1) * unit, low2 + (high2 - low2) * unit


@torch.no_grad()
def kl_to_posterior(
    model: LatentVariableModel, x: Tensor, y: Tensor | None = None, tolerance_nats: float = TOLERANCE_NATS
) -> Divergence:
    """KL(q(z|x) || p(z|x)) of every image: how far the encoder is from the exact posterior.

        KL = log p(x) - integral of q(z|x) log p(x, z) dz - entropy of q(z|x)

    The integral is a sum over a grid of each image's own (`gauss_hermite.expectation`).

    Args:
        model: with D <= 2.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels, for a conditional model.
        tolerance_nats: of log p(x); and of the integral, or that many standard deviations of log p(x, z) under q where
            these are more than 1.

    Raises:
        ValueError: as `log_evidence` does.
    """
    evidence = log_evidence(model, x, y, tolerance_nats)
    q = model.posterior(x, y)
    mean, std = q.mean.double(), q.stddev.double()

    def log_joint_at(rows: Tensor, t: Tensor) -> Tensor:
        z = (mean[rows, None] + std[rows, None] * t).to(q.mean)
        return log_joint(model, x[rows], z, labels_of(model, y, rows))

    never = mean.new_full((len(x),), -math.inf)
    energy = expectation(log_joint_at, len(x), model.latent_dim, tolerance_nats, never, x.device)
    elbo = energy.value + q.entropy().double()
    return Divergence(evidence.log_px_nats - elbo.cpu(), evidence.error_nats + energy.error.cpu())


@torch.no_grad()
def _integrate(
    model: LatentVariableModel, x: Tensor, y: Tensor | None, tolerance_nats: float, on_progress: Progress | None
) -> tuple[Integral, int]:
    """The integrals of all images, and the points decoded; label by label, because the plane decodes differently."""
    _check(model, x, y, tolerance_nats)
    counter, parts, order = Counter(on_progress), [], []
    for label, members in by_label(model, x, y):
        for rows in members.split(_IMAGES_TOGETHER):
            parts.append(Plane(model, x[rows.to(x.device)], label, tolerance_nats, counter).integrate())
            order.append(rows.cpu())
    back = torch.cat(order).argsort()
    *columns, steps = zip(*parts, strict=True)
    whole = Integral(*(torch.cat(column)[back] for column in columns), step=min(steps))
    return whole, counter.points


def _check(model: LatentVariableModel, x: Tensor, y: Tensor | None, tolerance_nats: float) -> None:
    if not model.has_prior:
        raise ValueError("quadrature needs a model with a prior, and an autoencoder has none")
    if model.latent_dim > 2:
        raise ValueError(f"quadrature needs D <= 2, got D = {model.latent_dim}: there, only bounds can be sampled")
    if x.ndim != 4 or x.shape[1:] != (1, 28, 28) or not len(x):
        raise ValueError(f"x must be (N, 1, 28, 28) with N >= 1, got {tuple(x.shape)}")
    if model.conditional and (y is None or y.shape != x.shape[:1]):
        raise ValueError(f"y must be ({len(x)},), a label for each image, got {None if y is None else tuple(y.shape)}")
    if not tolerance_nats > 0:
        raise ValueError(f"tolerance_nats must be above 0, got {tolerance_nats}")
