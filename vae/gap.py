"""The gap between log p(x) and the ELBO, in two parts, for latent spaces of one or two dimensions.

    log p(x) - elbo(q) = KL(q(z|x) || p(z|x))
                       = KL(q*(z|x) || p(z|x))      what the family loses: q* is the best diagonal normal for this x
                       + elbo(q*) - elbo(q)         what amortisation adds: one encoder has to serve all x

q* is searched for each image alone, by Newton steps on its mean and log_std. All they need is log p(x, z) at the nodes
of a rule for the q at hand (`hermite`), so no gradient of the decoder is taken, and the nodes move and shrink with q. A
step that would not raise the ELBO is not taken.

A normal on one of several peaks of the posterior has a KL of at least -log of that peak's share. So with a KL below
log 2 it sits on more than half of the mass, and no other elsewhere is better. Where the KL found from the posterior's
mode is above that, the search starts again: from the encoder's q, and from places that no q found so far has covered.

Cremer, Li and Duvenaud, Inference suboptimality in variational autoencoders, 2018.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vae.distributions import DiagonalNormal, pairwise_log_prob
from vae.estimators import by_label, log_joint
from vae.hermite import derivatives, product, rule
from vae.models import VAE
from vae.quadrature import Moments, moments
from vae.tiles import Tally

TOLERANCE = 0.005  # of an expectation, in nats or, if more, in standard deviations of log p(x, z) under q

_ORDERS = (6, 9, 13, 19, 28, 42)  # nodes along an axis while integrating, until one more rule moves no more than that
_ORDER = 7  # while searching: exact for polynomials up to degree 13
_STEPS = 40  # most in a search
_GAIN_NATS = 1e-4  # a step that promises less ends it
_FLATTEST = 0.1  # least curvature that a step is sized by; near the end they are between 1 and 2
_RESTARTS = 3
_PLACES = 128**2  # where a search may start again
_COVERED = 4.0  # standard deviations about a q
_ROWS = 256  # images scored at all places together
_IMAGES = 1_000  # searched for together

Progress = Callable[[int, int], object]  # is told how many points are decoded and images done so far


class BestGaussian(NamedTuple):
    """The diagonal normal q* nearest to p(z|x) of each image, float64."""

    mean: Tensor  # (N, D)
    log_std: Tensor  # (N, D)
    kl_nats: Tensor  # (N,) KL(q* || p(z|x)), >= 0
    elbo_nats: Tensor  # (N,) that of q*


class Gap(NamedTuple):
    """log p(x) - elbo(q(z|x)) of each image and its two parts, (N,) float64, none below 0."""

    gap_nats: Tensor
    family_nats: Tensor
    amortisation_nats: Tensor


@torch.no_grad()
def expected_elbo(model: VAE, x: Tensor, q: DiagonalNormal, y: Tensor | None = None) -> Tensor:
    """E_q[log p(x, z)] + entropy of q in nats, (N,) float64, not sampled, for any diagonal normals q over (N, D).

    By rules of growing order, until the next moves an image by no more than 0.005 nat, or 0.005 standard deviations of
    log p(x, z) under q: about 1 nat where q fits x, and a hundred where it reaches over half of the plane. Where the
    decoder is made of ReLUs, log p(x, z) has kinks, and an image can still be off by 0.02 nat.
    """
    return _Images(model, x, y, Tally(None)).elbo(torch.arange(len(x), device=x.device), q.mean, q.log_std)


@torch.no_grad()
def best_gaussian(
    model: VAE,
    x: Tensor,
    y: Tensor | None = None,
    exact: Moments | None = None,
    on_progress: Progress | None = None,
) -> BestGaussian:
    """q* = argmin KL(q || p(z|x)) over diagonal normals q, for each image x (N, 1, 28, 28).

    For a CVAE y (N,) gives the labels, and p(z|x) is p(z|x, y). `exact` is `moments(model, x, y)`, where that is known
    already. KL is log p(x) - elbo(q*), so it is known no better than log p(x), to about 0.01 nat, and where it comes
    out negative it is set to 0. elbo(q*) is never below that of model.posterior(x, y), which is one of the q tried.
    Raises ValueError for D > 2, an AE, or a wrong shape.
    """
    return _search(model, x, y, exact, on_progress)[0]


@torch.no_grad()
def gap(
    model: VAE,
    x: Tensor,
    y: Tensor | None = None,
    exact: Moments | None = None,
    on_progress: Progress | None = None,
) -> Gap:
    """KL(q(z|x) || p(z|x)) = log p(x) - elbo(q(z|x)) of each image, and its parts; arguments as of `best_gaussian`."""
    best, elbo = _search(model, x, y, exact, on_progress)
    amortisation = best.elbo_nats - elbo
    return Gap(best.kl_nats + amortisation, best.kl_nats, amortisation)


def _search(
    model: VAE, x: Tensor, y: Tensor | None, exact: Moments | None, on_progress: Progress | None
) -> tuple[BestGaussian, Tensor]:
    """q*, and the ELBO of the encoder's q."""
    exact = exact or moments(model, x, y)
    like = x.new_zeros((), dtype=torch.float64)
    tally, found = Tally(on_progress), []
    for rows in torch.arange(len(x), device=x.device).split(_IMAGES):
        images = _Images(model, x[rows], y[rows] if model.conditional else None, tally)
        found.append(_search_block(images, Moments(*(part[rows.cpu()].to(like) for part in exact))))
        tally.add(images=len(rows))
    *best, elbo = (torch.cat(column) for column in zip(*found, strict=True))
    return BestGaussian(*best), elbo


def _search_block(images: "_Images", exact: Moments) -> tuple[Tensor, ...]:
    encoder = images.encoder()
    tries = _Tries(images, *encoder)
    elbo = tries.elbo.clone()
    rows = torch.arange(len(elbo), device=elbo.device)
    precision = torch.linalg.inv(exact.covariance).diagonal(dim1=1, dim2=2)
    tries.start(rows, exact.mode, -0.5 * precision.log())  # as wide as the posterior along each axis, the other held
    for attempt in range(1 + _RESTARTS):
        rows = (exact.log_px_nats - tries.elbo > math.log(2)).nonzero()[:, 0]
        if len(rows) and attempt == 0:
            tries.start(rows, *(part[rows] for part in encoder))
        elif len(rows):
            tries.start(rows, images.likeliest(rows, tries.all), tries.log_std[rows])
    kl = (exact.log_px_nats - tries.elbo).clamp(min=0)
    return tries.mean, tries.log_std, kl, tries.elbo, elbo


class _Tries:
    """The best q so far of each image, and all that were found."""

    def __init__(self, images: "_Images", mean: Tensor, log_std: Tensor) -> None:
        self._images = images
        self.mean, self.log_std = mean.clone(), log_std.clone()
        self.elbo = images.elbo(torch.arange(len(mean), device=mean.device), mean, log_std)
        self.all: list[tuple[Tensor, Tensor]] = []  # mean and std, both (N, D), nan where an image was not tried

    def start(self, rows: Tensor, mean: Tensor, log_std: Tensor) -> None:
        """Search from a q for each of some images (K,), and keep what is better than all before."""
        mean, log_std = _climb(self._images, rows, mean, log_std)
        elbo = self._images.elbo(rows, mean, log_std)
        better = elbo > self.elbo[rows]
        for best, new in ((self.mean, mean), (self.log_std, log_std), (self.elbo, elbo)):
            best[rows[better]] = new[better]
        found = torch.full_like(self.mean, math.nan), torch.full_like(self.mean, math.nan)
        found[0][rows], found[1][rows] = mean, log_std.exp()
        self.all.append(found)


class _Images:
    """Some images of a model, and log p(x, z) of each at points of its own."""

    def __init__(self, model: VAE, x: Tensor, y: Tensor | None, tally: Tally) -> None:
        self._model, self._x, self._y, self._tally = model, x, y if model.conditional else None, tally

    def encoder(self) -> tuple[Tensor, Tensor]:
        """Mean and log_std of q(z|x), float64."""
        q = self._model.posterior(self._x, self._y)
        return q.mean.double(), q.log_std.double()

    def log_joint(self, rows: Tensor, mean: Tensor, log_std: Tensor, t: Tensor) -> Tensor:
        """log p(x, z) at z = mean + std t for nodes t (Q, D), (K, Q) float64."""
        z = mean.double()[:, None] + log_std.double().exp()[:, None] * t
        self._tally.add(points=z.shape[0] * z.shape[1])
        x, y = self._of(rows)
        return log_joint(self._model, x, z.to(self._model.prior().mean), y)

    def elbo(self, rows: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
        """As `expected_elbo`, of some images."""
        found = torch.full((len(rows),), math.inf, dtype=torch.float64, device=rows.device)
        unsettled = torch.arange(len(rows), device=rows.device)
        for order in _ORDERS:
            t, weights = rule(order, mean.shape[1], rows.device)
            f = self.log_joint(rows[unsettled], mean[unsettled], log_std[unsettled], t)
            finer = f @ weights
            spread = ((f - finer[:, None]).square() @ weights).sqrt()
            moved = (finer - found[unsettled]).abs()
            found[unsettled] = finer
            unsettled = unsettled[moved > TOLERANCE * spread.clamp(min=1)]
            if not len(unsettled):
                break
        return found + log_std.double().sum(1) + 0.5 * mean.shape[1] * (1 + math.log(2 * math.pi))

    def likeliest(self, rows: Tensor, covered: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Of places that lie evenly under the prior and that no q has covered, the likeliest for each image, (K, D)."""
        d, (x, y) = self._model.latent_dim, self._of(rows)
        per_axis = round(_PLACES ** (1 / d))
        axis = torch.special.ndtri((torch.arange(per_axis, dtype=torch.float64, device=x.device) + 0.5) / per_axis)
        z = product(axis, d)  # (M, D)
        found = z.new_empty(len(rows), d)
        for label, members in by_label(self._model, x, y):
            labels = None if label is None else label.expand(len(z), *label.shape)
            likelihood = self._model.likelihood(z.to(self._model.prior().mean), labels)
            self._tally.add(points=len(z))
            for block in members.split(_ROWS):
                score = pairwise_log_prob(likelihood, x[block])  # (B, M), of places that have equal shares of the prior
                for mean, std in covered:
                    away = (z - mean[rows[block], None]) / std[rows[block], None]
                    score[away.square().sum(2) < _COVERED**2] = -math.inf
                found[block] = z[score.argmax(1)]
        return found

    def _of(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        return self._x[rows], None if self._y is None else self._y[rows]


def _climb(images: _Images, rows: Tensor, mean: Tensor, log_std: Tensor) -> tuple[Tensor, Tensor]:
    """Raise the ELBO of q by Newton steps from (mean, log_std), both (K, D), as far as they go."""
    d = mean.shape[1]
    q = torch.cat([mean, log_std], 1)  # (K, 2 D)
    here = _look(images, rows, q)
    reach = q.new_ones(len(q))
    active = torch.arange(len(q), device=q.device)
    for _ in range(_STEPS):
        step, gain = _newton(here[1][active], here[2][active], reach[active])
        going = gain > _GAIN_NATS
        active, step = active[going], step[going]
        if not len(active):
            break
        step[:, :d] *= q[active, d:].exp()
        there = _look(images, rows[active], q[active] + step)
        better = there[0] > here[0][active]
        taken = active[better]
        q[taken] += step[better]
        for old, new in zip(here, there, strict=True):
            old[taken] = new[better]
        reach[active] *= torch.where(better, 2.0, 0.25)
    return q[:, :d], q[:, d:]


def _newton(gradient: Tensor, hessian: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """The step towards the top, no longer than `reach` (K,), and the rise that it promises.

    Along an axis that curves upwards, Newton's own step leads down; there it is turned around.
    """
    values, axes = torch.linalg.eigh(hessian)
    curvature = values.abs().clamp(min=_FLATTEST)
    along = (axes.mT @ gradient[..., None])[..., 0]
    step = along / curvature
    step *= (reach / step.norm(dim=1)).clamp(max=1)[:, None]
    gain = (along * step - 0.5 * curvature * step.square()).sum(1)
    return (axes @ step[..., None])[..., 0], gain


def _look(images: _Images, rows: Tensor, q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The ELBO of q (K, 2 D) less its constant, and its first and second derivatives by (mean / std, log_std)."""
    d = q.shape[1] // 2
    t, weights = rule(_ORDER, d, q.device)
    value, gradient, hessian = derivatives(images.log_joint(rows, q[:, :d], q[:, d:], t), t, weights)
    gradient[:, d:] += 1  # the entropy is the sum of log_std and a constant
    return value + q[:, d:].sum(1), gradient, hessian
