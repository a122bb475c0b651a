"""What is maximised, in nats per image.

    elbo(x) = log p(x|z) - KL(q(z|x) || p(z)),   z ~ q(z|x),   <= log p(x) on average over z
    loss    = -(log p(x|z) - beta KL)            averaged over the images of a batch

The one reduction rule: sum over pixels and over latent dimensions, mean over images. With a Gaussian likelihood of
variance 1/2, -log p(x|z) is the summed squared error plus the constant 392 log(pi), so error and KL stand on one scale
and there is no hidden weight between them.

The prior is N(0, I) and its KL is `kl_closed_form`. The code this project starts from writes, with the same letters,

    kl = sum(sigma^2 + mu^2 - log sigma - 1/2)

which looks alike but is KL(q || N(0, I/2)) + (D/2) log 2: the KL to a prior of half the variance, plus a constant. At
q = N(0, I) it is D/2 instead of 0 and its gradient still pulls sigma down, to 1/sqrt(2). We sample from N(0, I) and
draw its rings to scale, so we train against N(0, I).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.distributions import DiagonalNormal


class Terms(NamedTuple):
    """The parts of the objective for each image of a batch, each (B,)."""

    squared_error: Tensor
    log_likelihood: Tensor
    kl: Tensor | None  # None for an autoencoder: it has no posterior

    def detach(self) -> "Terms":
        """The same numbers without their graph."""
        return Terms(*(None if part is None else part.detach() for part in self))


def terms(x: Tensor, likelihood: Distribution, kl: Tensor | None) -> Terms:
    """The parts at one z: squared error to the mean of p(x|z), log p(x|z) in nats, and the given KL in nats."""
    return Terms(squared_error(x, likelihood.mean), likelihood.log_prob(x), kl)


def squared_error(x: Tensor, pixel_means: Tensor) -> Tensor:
    """sum over pixels of (x - pixel_means)^2, (B,)."""
    return (x - pixel_means).square().flatten(1).sum(1)


def kl_closed_form(posterior: DiagonalNormal) -> Tensor:
    """KL(N(mean, std^2) || N(0, I)) = sum (std^2 + mean^2 - 1) / 2 - log std, in nats, (B,).

    Kingma and Welling, Auto-encoding variational Bayes, 2013, appendix B.
    """
    mean, log_std = posterior.mean, posterior.log_std
    return (0.5 * ((2 * log_std).exp() + mean.square() - 1) - log_std).sum(-1)


def kl_monte_carlo(posterior: Distribution, prior: Distribution, z: Tensor) -> Tensor:
    """log q(z|x) - log p(z) in nats, (B,): its mean over z ~ q(z|x) is the KL."""
    return posterior.log_prob(z) - prior.log_prob(z)


def loss(parts: Terms, beta: float) -> Tensor:
    """-(log p(x|z) - beta KL) in nats, mean over the batch: what training minimises."""
    objective = parts.log_likelihood if parts.kl is None else parts.log_likelihood - beta * parts.kl
    return -objective.mean()


def figures(batches: Sequence[Terms], beta: float) -> dict[str, float]:
    """The means over all images of all batches, by name and unit.

    squared_error, log_likelihood_nats, loss_nats; with a posterior also kl_nats and elbo_nats.
    """
    error, log_likelihood = (torch.cat([batch[i] for batch in batches]).cpu().double() for i in (0, 1))
    kl = None if batches[0].kl is None else torch.cat([batch.kl for batch in batches]).cpu().double()
    named = {"squared_error": error.mean(), "log_likelihood_nats": log_likelihood.mean()}
    if kl is not None:
        named |= {"kl_nats": kl.mean(), "elbo_nats": (log_likelihood - kl).mean()}
    named["loss_nats"] = loss(Terms(error, log_likelihood, kl), beta)
    return {name: value.item() for name, value in named.items()}
