"""log p(x) from draws: three estimates of one integral, each with its error, in any number of dimensions.

    simple_monte_carlo   log 1/K sum p(x|z_k)                     z_k ~ p(z)      every draw is a guess
    importance           log 1/K sum p(x|z_k) p(z_k) / q(z_k|x)   z_k ~ q(z|x)    the guess is the encoder's (IW-K)
    elbo                 1/K sum log p(x|z_k) p(z_k) / q(z_k|x)   z_k ~ q(z|x)    the mean outside the logarithm

The sums inside the logarithms are unbiased for p(x). Their logarithm is not unbiased for log p(x): it is low on average
(Jensen), by about half its variance while that is small, and by nats once few draws carry the sum. Then the error given
with it, which those same draws have to tell, is too small as well: it is the scatter of the draws and no interval about
log p(x). One standard error about IW-500 holds log p(x) for less than half of the images whose bound is far. The ELBO
is IW-1, low by KL(q(z|x) || p(z|x)) however many draws are taken. In two dimensions or one the integral itself is
`quadrature.log_evidence`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vae.distributions import pairwise_log_prob
from vae.models import LatentVariableModel

_POINTS = 4_096  # latent points decoded together
_VALUES = 2**19  # log-weights held at a time

Progress = Callable[[int, int], object]  # is told how many points are decoded and images done so far


class Estimate(NamedTuple):
    """An estimate for each image and its standard error over the draws, in nats; both (N,) float64.

    The error is that of the draws alone. How far the estimate is low on average, it does not say.
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

    x is (N, 1, 28, 28); for a CVAE y gives the label of each image. All images share the same draws, so that K decodes
    serve them all: each image's error is its own, but the errors of two images are not independent, and the error of
    a mean over images is not theirs divided by sqrt(N). Standard error by the delta method, s / (sqrt(K) m) with m and
    s the mean and the standard deviation of p(x|z_k). Raises ValueError for samples < 1 or an AE.
    """
    _check(model, samples)
    found = _RunningMean(len(x), x.device)
    prior, labels, done = model.prior(), by_label(model, x, y), 0
    for count in _cut(samples, _POINTS):
        z = prior.rsample((count,), generator=generator)  # (K', D)
        for label, rows in labels:
            likelihood = model.likelihood(z, None if label is None else label.expand(count, *label.shape))
            for block in rows.split(max(1, _VALUES // count)):
                found.add_logarithms(pairwise_log_prob(likelihood, x[block]).double(), block)
        done += count
        if on_progress:
            on_progress(done * len(labels), len(x) * (done == samples))
    return found.log_mean()


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

    x is (N, 1, 28, 28); for a CVAE y gives the label of each image. Each image has its own draws, so that the errors
    of two images are independent. Standard error by the delta method, as in `simple_monte_carlo`. Where q(z|x) is the
    true posterior every term is p(x), and the error is 0. Raises ValueError for samples < 1 or an AE.

    Burda, Grosse and Salakhutdinov, Importance weighted autoencoders, 2015.
    """
    found = _RunningMean(len(x), x.device)
    for rows, log_weights in _log_weights(model, x, samples, generator, y, on_progress):
        found.add_logarithms(log_weights, rows)
    return found.log_mean()


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

    As `importance`, and from the same generator on the same draws, but for the place of the logarithm.

    Kingma and Welling, Auto-encoding variational Bayes, 2013.
    """
    found = _RunningMean(len(x), x.device)
    for rows, log_weights in _log_weights(model, x, samples, generator, y, on_progress):
        found.add(log_weights, rows)
    return found.mean()


@torch.no_grad()
def log_joint(model: LatentVariableModel, x: Tensor, z: Tensor, y: Tensor | None = None) -> Tensor:
    """log p(x_n, z_nk) = log p(x_n|z_nk) + log p(z_nk) in nats, (N, K) float64, for z (N, K, D): its own points
    for each image."""
    count, points = z.shape[0] * z.shape[1], z.flatten(0, 1)
    image = torch.arange(len(x), device=x.device).repeat_interleave(z.shape[1])
    found = torch.empty(count, dtype=torch.float64, device=z.device)
    for rows in torch.arange(count, device=z.device).split(_POINTS):
        of = image[rows]
        likelihood = model.likelihood(points[rows], None if y is None else y[of])
        found[rows] = likelihood.log_prob(x[of]).double() + model.prior().log_prob(points[rows]).double()
    return found.unflatten(0, z.shape[:2])


def by_label(model: LatentVariableModel, x: Tensor, y: Tensor | None) -> list[tuple[Tensor | None, Tensor]]:
    """Each different label with the images (K,) that have it; one group without label where the model takes none.

    What one label's decoder makes of a point serves all images of that label.
    """
    if not model.conditional:
        return [(None, torch.arange(len(x), device=x.device))]
    if y is None or len(y) != len(x):
        raise ValueError(f"y must have a label for each of {len(x)} images, got {None if y is None else len(y)}")
    different, which = y.unique(dim=0, return_inverse=True)
    return [(label, (which == i).nonzero()[:, 0]) for i, label in enumerate(different)]


class _RunningMean:
    """Mean and spread of a stream of values for each of N images, the values perhaps too small for a float.

    A value is exp(scale) times what is kept; with logarithms the scale follows the largest. Nothing but sums is held.
    Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
    """

    def __init__(self, n: int, device: torch.device) -> None:
        zeros = torch.zeros(n, dtype=torch.float64, device=device)
        self.count, self.average, self.squares = zeros, zeros.clone(), zeros.clone()
        self.scale = torch.full_like(zeros, torch.finfo(torch.float64).min)

    def add(self, values: Tensor, rows: Tensor) -> None:
        """Take in values (B, K) of the images `rows` (B,)."""
        count, average, more = self.count[rows], self.average[rows], values.shape[1]
        mean = values.mean(1)
        off = mean - average
        self.squares[rows] += (values - mean[:, None]).square().sum(1) + off.square() * count * more / (count + more)
        self.average[rows] = average + off * more / (count + more)
        self.count[rows] = count + more

    def add_logarithms(self, logarithms: Tensor, rows: Tensor) -> None:
        """Take in exp(logarithms), (B, K)."""
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
    """Blocks of images, each with log p(x, z) - log q(z|x) at their draws (B, K'); K draws an image in all."""
    _check(model, samples)
    draws = min(samples, _VALUES)
    for rows in torch.arange(len(x), device=x.device).split(min(_POINTS, _VALUES // draws)):
        labels = None if y is None else y[rows]
        posterior = model.posterior(x[rows], labels)
        for count in _cut(samples, draws):
            z = posterior.rsample((count,), generator=generator)  # (K', B, D)
            log_q = posterior.log_prob(z).T.double()  # (B, K')
            yield rows, log_joint(model, x[rows], z.transpose(0, 1), labels) - log_q
        if on_progress:
            on_progress((int(rows[-1]) + 1) * samples, int(rows[-1]) + 1)


def _cut(count: int, most: int) -> list[int]:
    """`count` in parts of at most `most`."""
    return [min(most, count - start) for start in range(0, count, most)]


def _check(model: LatentVariableModel, samples: int) -> None:
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if not model.has_prior:
        raise ValueError("log p(x) needs a model with a prior, and an autoencoder has none")
