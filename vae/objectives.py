"""What is maximised, in nats per image.

    elbo(x) = log p(x|z) - KL(q(z|x) || p(z)),   z ~ q(z|x),   <= log p(x) on average over z
    loss    = -(log p(x|z) - beta KL)            averaged over the images of a batch

    log p(x) = log E_p(z)[p(x|z)]
            >= E log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x)     the importance-weighted bound, z_k ~ q(z|x)
            >= E log p(x|z) - KL                              the ELBO, which is the bound of K = 1

All are estimates from draws, and all err downwards on average (Jensen). The objective `exact` is the second one with
draws from where a decoded lattice says that the posterior lies, and not from an encoder's q: see `exact_objective`.
`quadrature.log_evidence` gives log p(x) itself.

They are bounds with any q, so also with the q(z|x~) of an encoder that sees a corrupted image x~ (`images.corruption`):
with the log p(x|z) of the clean x, the ELBO is below log p(x) by KL(q(z|x~) || p(z|x)), and so it is on average over x~
(Im, Ahn, Memisevic and Bengio, Denoising criterion for variational auto-encoding framework, 2017).

The one reduction rule: sum over pixels and over latent dimensions, mean over images. With a Gaussian likelihood of
variance 1/2, -log p(x|z) is the summed squared error plus the constant 392 log(pi), so error and KL stand on one scale
and there is no hidden weight between them.

The prior is N(0, I) and its KL is `kl_closed_form`. Another formula, which is found in tutorials, looks alike:

    kl = sum(sigma^2 + mu^2 - log sigma - 1/2)

It is KL(q || N(0, I/2)) + (D/2) log 2: the KL to a prior of half the variance, plus a constant. At q = N(0, I) it is
D/2 instead of 0, and its gradient still pulls sigma down, to 1/sqrt(2). We sample from N(0, I) and draw its rings to
scale, so we train against N(0, I).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.distributions import DiagonalNormal, Pixels, squared_error


class Terms(NamedTuple):
    """The parts of the objective for each image of a batch, each (B,); None where an objective has no such part."""

    squared_error: Tensor | None = None
    log_likelihood: Tensor | None = None  # log p(x|z) in nats
    kl: Tensor | None = None  # KL(q(z|x) || p(z)) in nats
    log_px: Tensor | None = None  # an estimate of log p(x) that is low on average, where that is what is maximised

    def detach(self) -> "Terms":
        """The same numbers without their graph."""
        return Terms(*(None if part is None else part.detach() for part in self))


def terms(x: Tensor, likelihood: Pixels, kl: Tensor | None) -> Terms:
    """The parts at one z for each image.

    Args:
        x: (B, 1, 28, 28) images.
        likelihood: p(x|z) at those z; the squared error is to its mean.
        kl: (B,) in nats; None for an autoencoder.
    """
    error = squared_error(x, likelihood.mean)
    return Terms(error, likelihood.log_prob(x, error), kl)


def kl_closed_form(posterior: DiagonalNormal) -> Tensor:
    """KL(N(mean, std^2) || N(0, I)) = sum (std^2 + mean^2 - 1) / 2 - log std, in nats, (B,).

    Kingma and Welling, Auto-encoding variational Bayes, 2013, appendix B.
    """
    return kl_by_dimension(posterior).sum(-1)


def kl_by_dimension(posterior: DiagonalNormal) -> Tensor:
    """What each latent dimension adds to that KL, in nats, (B, D); none is below 0."""
    mean, log_std = posterior.mean, posterior.log_std
    return 0.5 * ((2 * log_std).exp() + mean.square() - 1) - log_std


def kl_monte_carlo(posterior: Distribution, prior: Distribution, z: Tensor) -> Tensor:
    """log q(z|x) - log p(z) in nats, (B,): its mean over z ~ q(z|x) is the KL.

    Args:
        posterior: q(z|x) over (B, D).
        prior: p(z) over (D,).
        z: (B, D) drawn from q.
    """
    return posterior.log_prob(z) - prior.log_prob(z)


def importance_bound(log_weights: Tensor) -> Tensor:
    """log 1/K sum_k p(x, z_k) / q(z_k|x) in nats, (B,).

    Burda, Grosse and Salakhutdinov, Importance weighted autoencoders, 2015.

    Args:
        log_weights: (K, B) log p(x, z_k) / q(z_k|x) at z_k ~ q(z|x), in nats.
    """
    return log_weights.logsumexp(0) - math.log(len(log_weights))


def loss(parts: Terms, beta: float) -> Tensor:
    """What training minimises, in nats, mean over the batch: -(log p(x|z) - beta KL), or -log p(x) where that is given.

    Args:
        parts: of the objective, for each image of the batch.
        beta: the weight of the KL, >= 0.
    """
    if parts.log_px is not None:
        objective = parts.log_px
    else:
        assert parts.log_likelihood is not None  # every other objective has it
        objective = parts.log_likelihood if parts.kl is None else parts.log_likelihood - beta * parts.kl
    return -objective.mean()


def metrics(batches: Sequence[Terms], beta: float) -> dict[str, float]:
    """The means of the parts that there are over all images, by name and unit; and loss_nats.

    The names are squared_error, log_likelihood_nats, kl_nats, elbo_nats and log_px_nats, of which the last is estimated
    from the draws of each step and low on average.

    Args:
        batches: the parts of each batch; all have the same parts.
        beta: the weight of the KL in the loss.
    """
    parts = Terms(*(_joined(column) for column in zip(*batches, strict=True)))
    elbo = None
    if parts.log_likelihood is not None and parts.kl is not None:
        elbo = parts.log_likelihood - parts.kl
    named = {
        "squared_error": parts.squared_error,
        "log_likelihood_nats": parts.log_likelihood,
        "kl_nats": parts.kl,
        "elbo_nats": elbo,
        "log_px_nats": parts.log_px,
        "loss_nats": loss(parts, beta),
    }
    return {name: value.mean().item() for name, value in named.items() if value is not None}


def _joined(column: Sequence[Tensor | None]) -> Tensor | None:
    there = [part for part in column if part is not None]
    return torch.cat(there).cpu().double() if there else None
