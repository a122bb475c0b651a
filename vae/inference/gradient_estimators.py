"""The gradient of E_q[log p(x|z)] from draws of q = N(mean, diag(std^2)): two estimators, in any number of dimensions.

    score_function        log p(x|z_k) d log q(z_k)      = log p(x|z_k) (t / std, t^2 - 1)
    reparameterization    d log p(x|mean + std t_k)      = (g, g (z_k - mean)),   g = d log p(x|z_k) / dz

with z_k ~ q, t = (z_k - mean) / std, and d the derivatives by mean and by log_std. Both are unbiased. The first asks
for no more than values of log p(x|z), which are hundreds of nats, and multiplies them by what is 0 on average: the
larger the values, the further it scatters. The second asks for the slope of log p(x|z), which decoders have.

What draws have in common tells none of them from another. With a baseline the first estimator takes from each value the
mean of the K - 1 others, which is independent of z_k, so that the estimate stays unbiased:

    (log p(x|z_k) - 1 / (K - 1) sum_{j != k} log p(x|z_j)) d log q(z_k)

Williams, Simple statistical gradient-following algorithms for connectionist reinforcement learning, 1992; Kingma and
Welling, Auto-encoding variational Bayes, 2013; Kool, van Hoof and Welling, Buy 4 REINFORCE samples, get a baseline for
free!, 2019.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vae.distributions import DiagonalNormal
from vae.inference.joint import images_with_points, log_likelihood
from vae.protocols import Decoder


class Gradients(NamedTuple):
    """What each of K draws says of each of N images, all (N, K, D) float64; the estimate is the mean over the draws."""

    z: Tensor  # the draws
    by_mean: Tensor  # nats per unit of z
    by_log_std: Tensor  # nats


@torch.no_grad()
def score_function(
    model: Decoder,
    x: Tensor,
    q: DiagonalNormal,
    draws: int,
    generator: torch.Generator,
    y: Tensor | None = None,
    baseline: bool = False,
) -> Gradients:
    """log p(x|z) d log q(z) at draws z of q: the estimator that needs no slope of the decoder, also called REINFORCE.

    Args:
        model: any number of latent dimensions; its prior is not asked.
        x: (N, 1, 28, 28) images.
        q: over (N, D), a normal for each image.
        draws: K for each image, at least 1, with a baseline at least 2.
        generator: of the draws, on the device of q.
        y: (N,) int64 labels, for a conditional model.
        baseline: take from each value of log p(x|z) the mean of those at the other draws of its image. One draw's
            estimate then depends a little on the others.

    Raises:
        ValueError: for too few draws, or q of another number of images.
    """
    z = _draw(x, q, draws, generator, least=2 if baseline else 1)
    value = log_likelihood(model, x, z, y)  # (N, K)
    if baseline:
        value = (value - value.mean(1, keepdim=True)) * (draws / (draws - 1))
    std = q.stddev.double()[:, None]
    t = (z.double() - q.mean.double()[:, None]) / std
    return Gradients(z.double(), value[..., None] * t / std, value[..., None] * (t.square() - 1))


@torch.no_grad()
def reparameterization(
    model: Decoder,
    x: Tensor,
    q: DiagonalNormal,
    draws: int,
    generator: torch.Generator,
    y: Tensor | None = None,
) -> Gradients:
    """d log p(x|mean + std t) at draws t of N(0, I): the slope of the decoder, along the way that q moves the draw.

    It takes the same draws as `score_function` from the same generator.

    Args:
        model: any number of latent dimensions; its prior is not asked.
        x: (N, 1, 28, 28) images.
        q: over (N, D), a normal for each image.
        draws: K for each image, at least 1.
        generator: of the draws, on the device of q.
        y: (N,) int64 labels, for a conditional model.

    Raises:
        ValueError: for too few draws, or q of another number of images.
    """
    z = _draw(x, q, draws, generator, least=1)
    slope = _slope(model, x, z, y)
    return Gradients(z.double(), slope, slope * (z.double() - q.mean.double()[:, None]))


def _slope(model: Decoder, x: Tensor, z: Tensor, y: Tensor | None) -> Tensor:
    """d log p(x_n|z_nk) / dz, (N, K, D) float64."""
    slopes = []
    for images, points, labels in images_with_points(x, z, y):
        with torch.enable_grad():
            at = points.clone().requires_grad_()
            total = model.likelihood(at, labels).log_prob(images).sum()
        slopes.append(torch.autograd.grad(total, at)[0].double())
    return torch.cat(slopes).view(z.shape)


def _draw(x: Tensor, q: DiagonalNormal, draws: int, generator: torch.Generator, least: int) -> Tensor:
    """Draws of q in the type of x, (N, K, D)."""
    if draws < least:
        raise ValueError(f"draws must be at least {least}, got {draws}")
    if q.batch_shape != x.shape[:1]:
        raise ValueError(f"q must have a normal for each of {len(x)} images, got {tuple(q.batch_shape)}")
    return q.sample((draws,), generator=generator).transpose(0, 1).to(x.dtype)
