"""How much a code tells of its image: the mutual information of an image, one of N, and a draw z of its q(z|x).

    I(x; z) = 1/N sum_n E_q(z|x_n)[log q(z|x_n) - log q(z)],   q(z) = 1/N sum_m q(z|x_m)
            = 1/N sum_n KL(q(z|x_n) || p(z))  -  KL(q(z) || p(z))

So the KL of the ELBO pays for two things: for what codes tell, and for how all of them together miss the prior.

    0 <= I <= log N,   I <= mean KL

I is 0 where all images have the same q: the encoder has collapsed. It is log N where no two overlap: a draw tells which
image it is of. As log N is the most there can be, I of few images says little about that of many.

It is computed from draws of each q. At each draw q(z) is the mean of all N densities, with none left out, so that the
estimate is unbiased. log q(z|x_n) less its expectation, which is known, is a control variate: a multiple of it is taken
off, that which leaves the least scatter.

Hoffman and Johnson, ELBO surgery, 2016.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vae.distributions import DiagonalNormal

DRAWS = 2  # for each image

_MOST_VALUES = 2**20  # log-densities in memory at a time


class MutualInformation(NamedTuple):
    """An estimate of I(x; z), and its standard error over the draws, both in nats."""

    nats: float
    error_nats: float


@torch.no_grad()
def mutual_information(q: DiagonalNormal, generator: torch.Generator, draws: int = DRAWS) -> MutualInformation:
    """I(x; z) of N images, in a time that grows with the square of N: N^2 densities for each draw.

    Args:
        q: over (N, D), a normal for each image; under a conditional model z tells of the label as well.
        generator: of the draws, on the device of q.
        draws: of each q, at least 2.

    Raises:
        ValueError: for fewer draws, or q of no image.
    """
    n = q.mean.shape[0]
    if draws < 2 or not n:
        raise ValueError(f"draws must be at least 2, of the q of at least 1 image, got {draws} of {n}")
    q = DiagonalNormal(q.mean.double() - q.mean.double().mean(0), q.log_std.double())  # I is the same anywhere
    z = q.sample((draws,), generator=generator)  # (K, N, D)
    own = q.log_prob(z)  # (K, N)
    values = own - _log_mixture(q, z, own)
    entropy = q.base_dist.entropy().sum(1)
    control = own + entropy  # 0 on average
    off, control_off = values - values.mean(0), control - control.mean(0)  # from the mean of each image
    values = values - (off * control_off).sum() / control_off.square().sum() * control
    return MutualInformation(values.mean().item(), (values.var(0).sum() / draws).sqrt().item() / n)


def _log_mixture(q: DiagonalNormal, z: Tensor, own: Tensor) -> Tensor:
    """log 1/N sum_m q(z|x_m) at the draws z (K, N, D), (K, N), given log q(z|x_n) of their own images (K, N).

    A log-density is a quadratic in z, so those of all pairs are one product of matrices. It rounds where a normal is
    narrow; so the density that is the largest there, that of a draw's own image, is put in its place.
    """
    draws, n, _ = z.shape
    precision = (-2 * q.log_std).exp()
    coefficients = torch.cat([-0.5 * precision, q.mean * precision], 1).T  # (2 D, N)
    at_zero = q.log_prob(torch.zeros_like(q.mean))  # (N,)
    points, image = torch.cat([z.square(), z], 2).flatten(0, 1), torch.arange(n, device=z.device).repeat(draws)
    sums = []
    for rows in torch.arange(draws * n, device=z.device).split(max(1, _MOST_VALUES // n)):
        log_densities = torch.addmm(at_zero, points[rows], coefficients)  # (B, N)
        log_densities.scatter_(1, image[rows, None], own.flatten()[rows, None])
        sums.append(log_densities.logsumexp(1))
    return torch.cat(sums).view(draws, n) - math.log(n)
