"""The length of an image's description in two parts: first its code z, then the image given z.

    latent_bits   KL(q(z|x) || p(z)) / log 2
    pixel_bits    -E_q[log p(x|z)] / log 2 - 784 log2(step)
    total_bits    their sum; -elbo / log 2 where step is 1
    excess_bits   KL(q(z|x) || p(z|x)) / log 2 = (log p(x) - elbo) / log 2

A z drawn from q costs -log p(z) under the prior, which sender and receiver both know. The choice of z among those that
q allows carries -log q(z|x) of some other message, which the receiver gets back ("bits back"). What is left is the KL.
The least possible total is -log2 p(x). The excess is the cost of a q that is not the posterior.

Hinton and van Camp, Keeping neural networks simple by minimizing the description length of the weights, 1993; Doersch,
Tutorial on variational autoencoders, 2016, section 2.4.2.
"""

import math
from typing import NamedTuple

from torch import Tensor

from vae.architecture import PIXELS


class TwoPartCode(NamedTuple):
    """The length of an image's description in bits, part by part, each (N,)."""

    latent_bits: Tensor  # to name z
    pixel_bits: Tensor  # to name x given z
    total_bits: Tensor
    excess_bits: Tensor | None  # part of the total: what the true posterior would save; None without log p(x)


def two_part_code_bits(
    log_likelihood_nats: Tensor, kl_nats: Tensor, log_px_nats: Tensor | None = None, step: float = 1.0
) -> TwoPartCode:
    """The description length of images in two parts.

    Binary pixels have probabilities: their step is 1. Grey pixels under a Gaussian have densities, and a density names
    a value only to within a step. With step 1/255 the bits name the grey level, as long as sigma is well above the
    step; with step 1 they are bits up to a constant, and can be negative. The grey Bernoulli formula is no code of the
    grey image: it is the mean length of the code of a binary image whose pixels are drawn with the grey values as
    probabilities.

    Args:
        log_likelihood_nats: (N,) E_q[log p(x|z)].
        kl_nats: (N,) KL(q(z|x) || p(z)).
        log_px_nats: (N,) log p(x), if it is known.
        step: the distance between two neighbouring values of a pixel, in (0, 1].

    Raises:
        ValueError: if step is outside (0, 1].
    """
    if not 0 < step <= 1:
        raise ValueError(f"step must be in (0, 1], got {step}")
    latent = kl_nats / math.log(2)
    pixels = -log_likelihood_nats / math.log(2) - PIXELS * math.log2(step)
    excess = None if log_px_nats is None else (log_px_nats - log_likelihood_nats + kl_nats) / math.log(2)
    return TwoPartCode(latent, pixels, latent + pixels, excess)
