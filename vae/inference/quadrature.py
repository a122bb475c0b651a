"""Exact integrals over a latent space of one or two dimensions.

    evidence     p(x) = integral of p(x|z) p(z) dz
    posterior    p(z|x) = p(x|z) p(z) / p(x), with its mean, covariance and mode
    gap          KL(q(z|x) || p(z|x)) = integral of q(z|x) log(q(z|x) / p(z|x)) dz = log p(x) - elbo(x)

In a plane, what is called intractable is a sum: of p(x|z) p(z) over a grid, refined where posteriors are narrow until
that moves nothing. `adaptive` says how, and how it is known that nothing was missed.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vae.inference.adaptive import Integral, Plane, Tally, decode, log_joint, midpoints
from vae.inference.estimators import log_joint as log_joint_of_each
from vae.inference.gauss_hermite import expectation
from vae.models import LatentVariableModel

TOLERANCE_NATS = 0.01
MAP_SIZE = 200

_IMAGES = 10_000  # integrated together
_POINTS = 2_048  # decoded together; more do not fit the caches

Progress = Callable[[int, int], object]


class LogEvidence(NamedTuple):
    """log p(x) of N images, and how well it is known."""

    log_px_nats: Tensor  # (N,) float64
    error_nats: Tensor  # (N,) float64, by how much the last halving of the step moved it, at most (see `adaptive`);
    # above the tolerance where it has not settled
    step: float  # the finest that any image needed
    points: int  # latent points decoded


class Moments(NamedTuple):
    """The exact posteriors of N images in brief, all float64."""

    mean: Tensor  # (N, D)
    covariance: Tensor  # (N, D, D)
    mode: Tensor  # (N, D), the midpoint of highest density: within half a step of the true one
    log_px_nats: Tensor  # (N,)
    error_nats: Tensor  # (N,) of that, as of `LogEvidence`


class Divergence(NamedTuple):
    """KL(q(z|x) || p(z|x)) of N images, and how well it is known."""

    nats: Tensor  # (N,) float64
    error_nats: Tensor  # (N,) float64, of log p(x) and of the integral over q together


class Posterior(NamedTuple):
    """The exact posterior of one image, its density on a window and its moments over the whole plane, all float64."""

    z1: Tensor  # (W,) midpoints of the columns
    z2: Tensor  # (H,) midpoints of the rows
    log_density_nats: Tensor  # (H, W), log p(z|x) at the midpoints, rows along z2
    mean: Tensor  # (2,)
    covariance: Tensor  # (2, 2)
    mode: Tensor  # (2,)
    log_px_nats: float
    error_nats: float  # of that, as of `LogEvidence`


def log_evidence(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    tolerance_nats: float = TOLERANCE_NATS,
    on_progress: Progress | None = None,
) -> LogEvidence:
    """log p(x) of every image, of a conditional model log p(x|y), by quadrature.

    x is (N, 1, 28, 28); y is (N,) int64, for a conditional model only, and images of several labels may be mixed. The
    step is halved until that moves the log p(x) of each single image by at most tolerance_nats (which in float32 cannot
    be below 1e-3 or so). An image that would take more than `adaptive.MOST_POINTS` points is not refined further, and
    its error_nats says by how much its value may be off. on_progress is called with the number of points decoded and of
    images settled or given up, so far.

    Raises ValueError for D > 2, a model without a prior, or x or y of a wrong shape.
    """
    found, points = _integrate(model, x, y, tolerance_nats, on_progress)
    return LogEvidence(found.log_px, found.error, found.step, points)


def moments(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    tolerance_nats: float = TOLERANCE_NATS,
    on_progress: Progress | None = None,
) -> Moments:
    """Mean, covariance and mode of the exact posterior p(z|x) of every image; arguments as of `log_evidence`.

    mean = E[z|x]    covariance = E[z z^T|x] - mean mean^T    mode = argmax p(z|x) over the midpoints
    """
    found, _ = _integrate(model, x, y, tolerance_nats, on_progress)
    return Moments(found.mean, found.covariance, found.mode, found.log_px, found.error)


@torch.no_grad()
def posterior(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | int | None = None,
    window: tuple[tuple[float, float], tuple[float, float]] | None = None,
    size: int = MAP_SIZE,
) -> Posterior:
    """The exact posterior of one image: log p(z|x) = log p(x|z) + log p(z) - log p(x) on a map, and its moments.

    x is (1, 28, 28) or (1, 1, 28, 28), y its label where the model is conditional. window is ((low, high) of z1, (low,
    high) of z2), cut into size by size cells whose midpoints are decoded; None is the smallest box that has all tiles
    with more than 1e-4 of the mass, each as far as 4 of its own standard deviations about its mean. The moments and
    log p(x) are those of the whole plane, whatever the window.

    Raises ValueError for D other than 2, an empty window, or a wrong shape.
    """
    if model.latent_dim != 2:
        raise ValueError(f"a map of the posterior needs D = 2, got D = {model.latent_dim}")
    if x.numel() != 28 * 28:
        raise ValueError(f"x must be one image, (1, 28, 28), got {tuple(x.shape)}")
    x, y = x.reshape(1, 1, 28, 28), None if y is None else torch.as_tensor(y).reshape(-1)
    found, _ = _integrate(model, x, y, TOLERANCE_NATS, None)
    if window is None:
        window = tuple(zip(found.low[0].tolist(), found.high[0].tolist(), strict=True))
    if not all(low < high for low, high in window) or size < 1:
        raise ValueError(f"window must be ((low1, high1), (low2, high2)) and size >= 1, got {window} and {size}")
    z1, z2 = (low + (high - low) * 0.5 * (midpoints(size, 1)[:, 0] + 1) for low, high in window)
    z = torch.cartesian_prod(z2, z1).flip(1).to(model.prior().mean)  # (size^2, 2), row by row
    label = y.to(z.device) if model.conditional else None
    log_density = torch.cat([log_joint(model, decode(model, part, label), part, x) for part in z.split(_POINTS)], 1)
    log_density = log_density.reshape(size, size).cpu().double() - found.log_px[0]
    return Posterior(
        z1,
        z2,
        log_density,
        found.mean[0],
        found.covariance[0],
        found.mode[0],
        log_px_nats=found.log_px[0].item(),
        error_nats=found.error[0].item(),
    )


@torch.no_grad()
def kl_to_posterior(
    model: LatentVariableModel, x: Tensor, y: Tensor | None = None, tolerance_nats: float = TOLERANCE_NATS
) -> Divergence:
    """KL(q(z|x) || p(z|x)) of every image: how far the encoder is from the exact posterior.

        KL = log p(x) - integral of q(z|x) log p(x, z) dz - entropy of q(z|x)

    The integral is a sum over a grid of each image's own (`gauss_hermite.expectation`), refined until that moves it by
    no more than tolerance_nats, or that many standard deviations of log p(x, z) under q where these are more than 1.
    log p(x) is found to tolerance_nats as well. Raises ValueError as `log_evidence` does.
    """
    evidence = log_evidence(model, x, y, tolerance_nats)
    q = model.posterior(x, y)
    mean, std = q.mean.double(), q.stddev.double()

    def at(rows: Tensor, t: Tensor) -> Tensor:
        z = (mean[rows, None] + std[rows, None] * t).to(q.mean)
        return log_joint_of_each(model, x[rows], z, y[rows] if model.conditional else None)

    found = expectation(at, len(x), model.latent_dim, tolerance_nats, mean.new_full((len(x),), -math.inf), x.device)
    elbo = found.value + q.entropy().double()
    return Divergence(evidence.log_px_nats - elbo.cpu(), evidence.error_nats + found.error.cpu())


@torch.no_grad()
def _integrate(
    model: LatentVariableModel, x: Tensor, y: Tensor | None, tolerance_nats: float, on_progress: Progress | None
) -> tuple[Integral, int]:
    """All images, label by label, for the plane decodes differently under each; and the points decoded."""
    _check(model, x, y, tolerance_nats)
    groups = [(None, torch.arange(len(x)))]
    if model.conditional:
        groups = [(label, (y == label).nonzero()[:, 0].cpu()) for label in y.unique()]
    tally, parts, order = Tally(on_progress), [], []
    for label, members in groups:
        for rows in members.split(_IMAGES):
            parts.append(Plane(model, x[rows.to(x.device)], label, tolerance_nats, tally).integrate())
            order.append(rows)
    back = torch.cat(order).argsort()
    *columns, steps = zip(*parts, strict=True)
    return Integral(*(torch.cat(column)[back] for column in columns), min(steps)), tally.points


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
