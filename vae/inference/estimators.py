"""log p(x) from draws: three estimates of one integral, each with its error, in any number of dimensions.

    simple_monte_carlo   log 1/K sum p(x|z_k)                     z_k ~ p(z)
    importance           log 1/K sum p(x|z_k) p(z_k) / q(z_k|x)   z_k ~ q(z|x)    (IW-K)
    elbo                 1/K sum log p(x|z_k) p(z_k) / q(z_k|x)   z_k ~ q(z|x)    the mean outside the logarithm

The sums inside the logarithms are unbiased for p(x). Their logarithm is not unbiased for log p(x): it is low on average
(Jensen), by about half its variance while that is small, and by nats once few draws dominate the sum. Then the error
that is estimated from the same draws is too small as well: it is the scatter of the draws, and no interval about
log p(x). One standard error about IW-500 holds log p(x) for less than half of the images whose bound is far from it.
The ELBO is IW-1: it is low by KL(q(z|x) || p(z|x)), however many draws are taken. In one or two dimensions,
`quadrature.log_evidence` computes the integral itself.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vae.distributions import pairwise_log_prob
from vae.inference.joint import POINTS_TOGETHER, Progress, by_label, decode, labels_of, log_joint
from vae.protocols import LatentVariableModel

_MOST_VALUES = 2**19  # log-weights in memory at a time


class Estimate(NamedTuple):
    """An estimate for each image and its standard error over the draws, in nats; both (N,) float64.

    The error is that of the draws alone. It does not say by how much the estimate is low on average.
    """

    nats: Tensor
    standard_error: Tensor  # nan where one draw was taken


@torch.no_grad()
def simple_monte_carlo(
    model: LatentVariableModel,
    x: Tensor,
    samples: int,
    generator: torch.Generator,
    y: Tensor | None = None,
    on_progress: Progress | None = None,
) -> Estimate:
    """log 1/K sum p(x|z_k) with z_k ~ p(z), K = `samples`: unbiased for p(x), low for log p(x).

    All images share the same draws, so that K decodes are enough for all of them. Each image's error is its own, but
    the errors of two images are not independent, and the error of a mean over images is not theirs divided by sqrt(N).
    The standard error is by the delta method, s / (sqrt(K) m) with m and s the mean and the standard deviation of
    p(x|z_k).

    Args:
        model: with a prior; any number of latent dimensions.
        x: (N, 1, 28, 28) images.
        samples: K, at least 1.
        generator: of the draws, on the device of x.
        y: (N,) int64 labels, for a conditional model.
        on_progress: is called with the numbers of points decoded and images done so far.

    Raises:
        ValueError: for samples < 1 or a model without a prior.
    """
    _check(model, samples)
    mean = _RunningMean(len(x), x.device)
    prior, labels, done = model.prior(), by_label(model, x, y), 0
    for count in _cut(samples, POINTS_TOGETHER):
        z = prior.rsample((count,), generator=generator)  # (K', D)
        for label, rows in labels:
            likelihood = decode(model, z, label)
            for block in rows.split(max(1, _MOST_VALUES // count)):
                mean.add_logarithms(pairwise_log_prob(likelihood, x[block]).double(), block)
        done += count
        if on_progress:
            on_progress(done * len(labels), len(x) * (done == samples))
    return mean.log_mean()


@torch.no_grad()
def importance(
    model: LatentVariableModel,
    x: Tensor,
    samples: int,
    generator: torch.Generator,
    y: Tensor | None = None,
    on_progress: Progress | None = None,
) -> Estimate:
    """IW-K, log 1/K sum p(x|z_k) p(z_k) / q(z_k|x) with z_k ~ q(z|x), K = `samples`: low for log p(x), rising with K.

    Each image has its own draws, so that the errors of two images are independent. The standard error is by the delta
    method, as in `simple_monte_carlo`. Where q(z|x) is the true posterior every term is p(x), and the error is 0.

    Burda, Grosse and Salakhutdinov, Importance weighted autoencoders, 2015.

    Args:
        model: with a prior; any number of latent dimensions.
        x: (N, 1, 28, 28) images.
        samples: K, at least 1.
        generator: of the draws, on the device of x.
        y: (N,) int64 labels, for a conditional model.
        on_progress: is called with the numbers of points decoded and images done so far.

    Raises:
        ValueError: for samples < 1 or a model without a prior.
    """
    mean = _RunningMean(len(x), x.device)
    for rows, log_weights in _log_weights(model, x, samples, generator, y, on_progress):
        mean.add_logarithms(log_weights, rows)
    return mean.log_mean()


@torch.no_grad()
def elbo(
    model: LatentVariableModel,
    x: Tensor,
    samples: int,
    generator: torch.Generator,
    y: Tensor | None = None,
    on_progress: Progress | None = None,
) -> Estimate:
    """1/K sum log p(x|z_k) p(z_k) / q(z_k|x) with z_k ~ q(z|x), K = `samples`: unbiased for the ELBO, low for log p(x).

    It takes the same draws as `importance` from the same generator; only the place of the logarithm differs.

    Kingma and Welling, Auto-encoding variational Bayes, 2013.

    It takes arguments as of `importance`.

    Raises:
        ValueError: for samples < 1 or a model without a prior.
    """
    mean = _RunningMean(len(x), x.device)
    for rows, log_weights in _log_weights(model, x, samples, generator, y, on_progress):
        mean.add(log_weights, rows)
    return mean.mean()


class _RunningMean:
    """Mean and spread of a stream of values for each of N images, even of values that are too small for a float.

    A value is exp(scale) times what is kept; with logarithms the scale follows the largest. Only sums are kept.
    Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
    """

    def __init__(self, n: int, device: torch.device) -> None:
        zeros = torch.zeros(n, dtype=torch.float64, device=device)
        self.count, self.average, self.squares = zeros, zeros.clone(), zeros.clone()
        self.scale = torch.full_like(zeros, torch.finfo(torch.float64).min)

    def add(self, values: Tensor, rows: Tensor) -> None:
        """Add values (B, K) of the images `rows` (B,)."""
        count, average, more = self.count[rows], self.average[rows], values.shape[1]
        mean = values.mean(1)
        off = mean - average
        self.squares[rows] += (values - mean[:, None]).square().sum(1) + off.square() * count * more / (count + more)
        self.average[rows] = average + off * more / (count + more)
        self.count[rows] = count + more

    def add_logarithms(self, logarithms: Tensor, rows: Tensor) -> None:
        """Add the exponentials of logarithms (B, K) of the images `rows` (B,)."""
        scale = torch.maximum(self.scale[rows], logarithms.amax(1))
        shrink = (self.scale[rows] - scale).exp()
        self.average[rows] *= shrink
        self.squares[rows] *= shrink.square()
        self.scale[rows] = scale
        self.add((logarithms - scale[:, None]).exp(), rows)

    def mean(self) -> Estimate:
        return Estimate(self.average, self._error())

    def log_mean(self) -> Estimate:
        return Estimate(self.scale + self.average.log(), self._error() / self.average)

    def _error(self) -> Tensor:
        return (self.squares / (self.count - 1) / self.count).sqrt()  # 0 / 0 where one draw was taken


def _log_weights(
    model: LatentVariableModel,
    x: Tensor,
    samples: int,
    generator: torch.Generator,
    y: Tensor | None,
    on_progress: Progress | None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of images, each with log p(x, z) - log q(z|x) at their draws (B, K'), until each image has K draws."""
    _check(model, samples)
    draws = min(samples, _MOST_VALUES)
    for rows in torch.arange(len(x), device=x.device).split(min(POINTS_TOGETHER, _MOST_VALUES // draws)):
        labels = labels_of(model, y, rows)
        posterior = model.posterior(x[rows], labels)
        for count in _cut(samples, draws):
            z = posterior.rsample((count,), generator=generator)  # (K', B, D)
            log_q = posterior.log_prob(z).T.double()  # (B, K')
            yield rows, log_joint(model, x[rows], z.transpose(0, 1), labels) - log_q
        if on_progress:
            on_progress((int(rows[-1]) + 1) * samples, int(rows[-1]) + 1)


def _cut(count: int, most: int) -> list[int]:
    """The sizes of the parts, at most `most` each, into which `count` is cut."""
    return [min(most, count - start) for start in range(0, count, most)]


def _check(model: LatentVariableModel, samples: int) -> None:
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if not model.has_prior:
        raise ValueError("log p(x) needs a model with a prior, and an autoencoder has none")
