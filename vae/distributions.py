"""The three distributions of the family.

    prior       p(z)   = N(0, I)
    posterior   q(z|x) = N(mean(x), diag(exp(log_std(x))^2))
    likelihood  p(x|z) = Gaussian or Bernoulli pixels around pixel_means(z) = sigmoid(logits(z))

All are `torch.distributions` objects whose `log_prob` is in nats per image: the sum over pixels or latent dimensions is
part of the distribution, because those are its event dimensions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal, constraints

SIGMA_FLOOR = 0.01
"""Least standard deviation, in units of the pixel range, of a Gaussian whose sigma is learned.

Many pixels of MNIST are 0 in every image. A decoder that may choose sigma there lets it go to 0 and the density to
infinity: without a floor the objective has no maximum. 0.01 is about two and a half grey levels of 1/255.
"""


class DiagonalNormal(Independent):
    """N(mean, diag(exp(log_std)^2)) over the last dimension, whose draws take their noise from a given generator."""

    def __init__(self, mean: Tensor, log_std: Tensor) -> None:
        super().__init__(Normal(mean, log_std.exp(), validate_args=False), 1, validate_args=False)
        self.log_std = log_std

    def rsample(self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None) -> Tensor:
        """z = mean + std * noise, noise ~ N(0, I): the reparameterisation of Kingma and Welling (2013)."""
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, generator=generator, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + self.stddev * noise


class GreyBernoulli(Bernoulli):
    """The Bernoulli formula x log p + (1 - x) log(1 - p) evaluated at grey x in [0, 1].

    A pseudo-likelihood: over grey x its exponential does not integrate to 1, so its nats compare with no other
    likelihood's. The true density is Loaiza-Ganem and Cunningham, The continuous Bernoulli, 2019.
    """

    support = constraints.unit_interval


class PixelLikelihood(nn.Module):
    """From the decoder's outputs (B, outputs_per_pixel * 784) to p(x|z) over images (B, 1, 28, 28).

    The first 784 outputs are the logits of the pixel means. A learned sigma is sqrt(SIGMA_FLOOR^2 + exp(log_sigma)^2),
    with one log_sigma for all pixels (`gaussian-shared`) or the other 784 outputs as log_sigma (`gaussian-pixel`).
    """

    def __init__(self, name: str, sigma: float) -> None:
        super().__init__()
        self.name = name
        self.sigma = sigma
        self.outputs_per_pixel = 2 if name == "gaussian-pixel" else 1
        self.log_sigma = nn.Parameter(torch.zeros(())) if name == "gaussian-shared" else None

    def reset_parameters(self) -> None:
        """Start a shared sigma at 1, the whole pixel range."""
        if self.log_sigma is not None:
            nn.init.zeros_(self.log_sigma)

    def forward(self, outputs: Tensor) -> Distribution:
        images = outputs.unflatten(1, (self.outputs_per_pixel, 1, 28, 28))  # (B, 1 or 2, 1, 28, 28)
        logits = images[:, 0]
        match self.name:
            case "bernoulli":
                pixels = Bernoulli(logits=logits, validate_args=False)
            case "bernoulli-grey":
                pixels = GreyBernoulli(logits=logits, validate_args=False)
            case "gaussian":
                pixels = Normal(logits.sigmoid(), self.sigma, validate_args=False)
            case "gaussian-shared":
                pixels = Normal(logits.sigmoid(), _floored(self.log_sigma), validate_args=False)
            case "gaussian-pixel":
                pixels = Normal(logits.sigmoid(), _floored(images[:, 1]), validate_args=False)
        return Independent(pixels, 3, validate_args=False)


def _floored(log_sigma: Tensor) -> Tensor:
    return (SIGMA_FLOOR**2 + (2 * log_sigma).exp()).sqrt()
