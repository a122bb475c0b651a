"""The three distributions of the family.

    prior       p(z)   = N(0, I)
    posterior   q(z|x) = N(mean(x), diag(exp(log_std(x))^2))
    likelihood  p(x|z) = Gaussian or Bernoulli pixels around pixel_means(z) = sigmoid(logits(z))
                         (of a linear decoder, Gaussian pixels around what it gives)

All are `torch.distributions` objects whose `log_prob` is in nats per image: the sum over pixels or latent dimensions is
part of the distribution, because those are its event dimensions.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal, constraints
from torch.nn.functional import mse_loss, softplus

SIGMA_FLOOR = 0.01
"""Least standard deviation, in units of the pixel range, of a Gaussian whose sigma is learned.

Many pixels of MNIST are 0 in every image. A decoder that may choose sigma there lets it go to 0 and the density to
infinity: without a floor the objective has no maximum. 0.01 is about two and a half grey levels of 1/255.
"""


_HALF_LOG = 0.5 * math.log(2 * math.pi)


class DiagonalNormal(Independent):
    """N(mean, diag(exp(log_std)^2)) over the last dimension, whose draws take their noise from a given generator.

    Args:
        mean: (..., D).
        log_std: (..., D), natural logarithm.
    """

    base_dist: Normal

    def __init__(self, mean: Tensor, log_std: Tensor) -> None:
        super().__init__(Normal(mean, log_std.exp(), validate_args=False), 1, validate_args=False)
        self.log_std = log_std

    @classmethod
    def standard(cls, zeros: Tensor) -> "DiagonalNormal":
        """N(0, I).

        Args:
            zeros: (..., D), which give it its shape, type and device.
        """
        return cls(zeros, zeros)

    def rsample(self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None) -> Tensor:
        """z = mean + std * noise, noise ~ N(0, I): the reparameterisation of Kingma and Welling (2013).

        Args:
            sample_shape: the leading dimensions of what is drawn.
            generator: of the noise; None is the global one.
        """
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, generator=generator, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + self.stddev * noise

    def sample(self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None) -> Tensor:
        """As `rsample`, without a gradient.

        Args:
            sample_shape: Of the draws; their shape is sample_shape + (B, D).
            generator: Of the noise; None takes the global one.
        """
        with torch.no_grad():
            return self.rsample(sample_shape, generator)

    @property
    def stddev(self) -> Tensor:
        """The standard deviation itself: the root of its square, as in PyTorch, is slower and no more exact."""
        return self.base_dist.stddev


def squared_error(x: Tensor, pixel_means: Tensor) -> Tensor:
    """The sum over pixels of (x - pixel_means)^2, (B,).

    Args:
        x: (B, 1, 28, 28) images.
        pixel_means: (B, 1, 28, 28), or another shape that broadcasts with x.
    """
    return mse_loss(*torch.broadcast_tensors(pixel_means, x), reduction="none").sum((-3, -2, -1))


class Pixels(Independent):
    """p(x|z) over images (B, 1, 28, 28), whose pixels are independent."""

    base_dist: Normal | Bernoulli

    def log_prob(self, value: Tensor, error: Tensor | None = None) -> Tensor:
        """log p(x|z) in nats, (B,).

        Where the pixels are normal and share sigma, it is -|x - m|^2 / 2 sigma^2 - 784 log(sigma sqrt(2 pi)), which
        takes no more than the square of a difference for each pixel.

        Args:
            value: (B, 1, 28, 28) images x.
            error: (B,) |x - m|^2, if it is known already.
        """
        pixels = self.base_dist
        if not (isinstance(pixels, Normal) and is_one_number(pixels.stddev)):
            return super().log_prob(value)
        std = pixels.stddev.flatten()[0]
        if error is None:
            error = squared_error(value, pixels.mean)
        return error * (-0.5 / std.square()) - self.event_shape.numel() * (std.log() + _HALF_LOG)


class GreyBernoulli(Bernoulli):
    """The Bernoulli formula x log p + (1 - x) log(1 - p) evaluated at grey x in [0, 1].

    A pseudo-likelihood: over grey x its exponential does not integrate to 1, so its nats compare with no other
    likelihood's. The true density is Loaiza-Ganem and Cunningham, The continuous Bernoulli, 2019.
    """

    support = constraints.unit_interval


class PixelLikelihood(nn.Module):
    """From the decoder's outputs (B, outputs_per_pixel * 784) to p(x|z) over images (B, 1, 28, 28).

    The first 784 outputs are the logits of the pixel means, or, of a linear decoder, those means themselves. A learned
    sigma is sqrt(SIGMA_FLOOR^2 + exp(log_sigma)^2), with one log_sigma for all pixels (`gaussian-shared`) or the other
    784 outputs as log_sigma (`gaussian-pixel`).

    Args:
        name: a value of `TrainConfig.likelihood`.
        sigma: of `gaussian`, in units of the pixel range.
        activation: from outputs to the means of Gaussian pixels, sigmoid or identity.
    """

    def __init__(self, name: str, sigma: float, activation: str = "sigmoid") -> None:
        super().__init__()
        self.name = name
        self.sigma = sigma
        self.activation = activation
        self.outputs_per_pixel = 2 if name == "gaussian-pixel" else 1
        self.log_sigma = nn.Parameter(torch.zeros(())) if name == "gaussian-shared" else None

    def reset_parameters(self) -> None:
        """Start a shared sigma at 1, the whole pixel range."""
        if self.log_sigma is not None:
            nn.init.zeros_(self.log_sigma)

    def forward(self, outputs: Tensor) -> Pixels:
        """p(x|z) from the decoder's outputs."""
        images = outputs.unflatten(1, (self.outputs_per_pixel, 1, 28, 28))  # (B, 1 or 2, 1, 28, 28)
        logits = images.squeeze(1) if self.outputs_per_pixel == 1 else images[:, 0]  # whose gradient costs a copy
        match self.name:
            case "bernoulli":
                pixels = Bernoulli(logits=logits, validate_args=False)
            case "bernoulli-grey":
                pixels = GreyBernoulli(logits=logits, validate_args=False)
            case "gaussian":
                sigma = logits.new_full((), self.sigma)  # a number would be sent to the device at each call
                pixels = Normal(self._means(logits), sigma, validate_args=False)
            case _:  # a sigma that is learned, for all pixels or for each
                log_sigma = images[:, 1] if self.log_sigma is None else self.log_sigma
                pixels = Normal(self._means(logits), _floored(log_sigma), validate_args=False)
        return Pixels(pixels, 3, validate_args=False)

    def _means(self, outputs: Tensor) -> Tensor:
        return outputs if self.activation == "identity" else outputs.sigmoid()


def _floored(log_sigma: Tensor) -> Tensor:
    return (SIGMA_FLOOR**2 + (2 * log_sigma).exp()).sqrt()


class Decoded(NamedTuple):
    """p(x|z) of G points as one matrix, whose product with images is log p(x|z) of all pairs, see `pairwise_log_prob`.

    All of it follows from the parameters eta, so any choice of pixels has its own.
    """

    binary: bool
    eta: Tensor  # (G, P) for P pixels; (G, 2 P) where each pixel has its own sigma
    log_partition: Tensor  # (G,) A
    centre: Tensor  # (P,) or (): is taken off the pixels
    std: Tensor  # (): divides the pixels

    @classmethod
    def of(cls, likelihood: Independent) -> "Decoded":
        """The matrix of `model.likelihood(z)` at G points."""
        pixels = likelihood.base_dist
        if isinstance(pixels, Bernoulli):
            logits = pixels.logits.flatten(1)  # (G, 784)
            return cls._with_partition(True, logits, logits.new_zeros(()), logits.new_ones(()))
        mean = pixels.mean.flatten(1)  # (G, 784)
        centre = mean.detach().mean(0)
        mean = mean - centre
        if is_one_number(pixels.stddev):
            std = pixels.stddev.flatten()[0]
            return cls._with_partition(False, mean / std, centre, std)
        precision = pixels.stddev.flatten(1) ** -2
        eta = torch.cat([mean * precision, -0.5 * precision], 1)
        return cls._with_partition(False, eta, centre, mean.new_ones(()))

    @classmethod
    def _with_partition(cls, binary: bool, eta: Tensor, centre: Tensor, std: Tensor) -> "Decoded":
        if binary:
            of_pixels = softplus(eta)
        elif eta.shape[1] == len(centre):
            of_pixels = 0.5 * eta.square() + (std.log() + _HALF_LOG)
        else:
            linear, square = eta.chunk(2, 1)
            of_pixels = -0.25 * linear.square() / square - 0.5 * (-2 * square).log() + _HALF_LOG
        return cls(binary, eta, of_pixels.sum(1), centre, std)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x_n|z_g) in nats, (N, G), of images x (N, P)."""
        x = (x - self.centre) / self.std
        if self.eta.shape[1] == 2 * x.shape[1]:
            x = torch.cat([x, x.square()], 1)
        log_prob = torch.addmm(-self.log_partition, x, self.eta.T)
        if self.binary or self.eta.shape[1] != len(self.centre):
            return log_prob
        return log_prob - 0.5 * x.square().sum(1, keepdim=True)

    def means(self) -> Tensor:
        """The pixel means (G, P)."""
        if self.binary:
            return self.eta.sigmoid()
        if self.eta.shape[1] == len(self.centre):
            return self.eta * self.std + self.centre
        linear, square = self.eta.chunk(2, 1)
        return -0.5 * linear / square + self.centre

    def of_pixels(self, which: Tensor) -> "Decoded":
        """The same of some pixels alone.

        Args:
            which: (P,) bool.
        """
        centre = self.centre.expand(len(which))[which]
        columns = which.repeat(self.eta.shape[1] // len(which))
        return self._with_partition(self.binary, self.eta[:, columns], centre, self.std)


def pairwise_log_prob(likelihood: Independent, x: Tensor) -> Tensor:
    """log p(x_n|z_g) in nats for every image n and every point g, (N, G), by one matrix product.

    The pixels are exponential families, so the log-likelihood is a product of what depends on the image alone and what
    depends on the point alone, and two terms that depend on one of them:

        log p(x|z) = T(x) . eta(z) - A(z) + h(x)
        Bernoulli        T = x           eta = logits                   A = sum log(1 + exp(logits))    h = 0
        Gaussian         T = x           eta = m / s^2                  A = sum m^2 / 2 s^2             h = -x^2 / 2 s^2
        Gaussian, s(z)   T = (x, x^2)    eta = (m / s^2, -1 / 2 s^2)    A = sum m^2 / 2 s^2 + log s     h = 0

    less the constant of the Gaussian, 392 log(2 pi), and log s where all pixels share it. With s = 0.01 the terms of
    the expanded square are of order 1e6 and cancel to order 1e3, which float32 does not survive. So x and m are both
    taken relative to the mean image of the points, which leaves each difference x - m as it is: the closer together the
    points decode, the smaller the terms. In float32 the error is about 1e-6 of the largest |log p| of the points, or
    better.

    Wainwright and Jordan, Graphical models, exponential families, and variational inference, 2008, section 3.

    Args:
        likelihood: `model.likelihood(z)` at G points.
        x: (N, 1, 28, 28) images; the result can be differentiated by both.
    """
    return Decoded.of(likelihood).log_prob(x.flatten(1))


def jeffreys(likelihood: Independent, first: Tensor, second: Tensor) -> Tensor:
    """KL(p_a || p_b) + KL(p_b || p_a) in nats between the images of pairs of points, (P,).

        (eta_a - eta_b) . (E_a[T] - E_b[T])     for exponential families, with T and eta as in `pairwise_log_prob`

    For points a small step dz apart this is dz . F dz, with F the Fisher information of z: the curvature of log p(x|z)
    over z, on average over the images that z makes.

    Jeffreys, Theory of probability, 1939; Amari, Information geometry and its applications, 2016.

    Args:
        likelihood: `model.likelihood(z)` at G points.
        first: (P,) int64, the numbers of the points a.
        second: (P,) int64, the numbers of the points b.
    """

    def between(of_points: Tensor) -> Tensor:
        return of_points.index_select(0, first) - of_points.index_select(0, second)  # twice as fast as of_points[first]

    parts = [(between(eta) * between(t)).flatten(1).sum(1) for eta, t in natural(likelihood)]
    return torch.stack(parts).sum(0)


def natural(likelihood: Independent) -> list[tuple[Tensor, Tensor]]:
    """The natural parameters eta of the pixels with the means E[T] of their statistics, each (B, 1, 28, 28).

    They are of T = x, and where each pixel has its own sigma also of T = x^2.

    Args:
        likelihood: `model.likelihood(z)`.
    """
    pixels = likelihood.base_dist
    if isinstance(pixels, Bernoulli):
        return [(pixels.logits, pixels.mean)]
    mean, variance = pixels.mean, pixels.variance
    if is_one_number(pixels.stddev):
        return [(mean / variance, mean)]
    return [(mean / variance, mean), (-0.5 / variance, mean.square() + variance)]


def is_one_number(stddev: Tensor) -> bool:
    """Whether it is a single number expanded to its shape; its strides tell, so no value is read."""
    return not any(stddev.stride())
