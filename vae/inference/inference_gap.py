"""The gap between log p(x) and the ELBO, in two parts, for latent spaces of one or two dimensions.

    log p(x) - elbo(q) = KL(q(z|x) || p(z|x))
                       = KL(q*(z|x) || p(z|x))      what the family loses: q* is the best diagonal normal for this x
                       + elbo(q*) - elbo(q)         what amortisation adds: one encoder has to serve all x

q* is searched for each image alone, by Newton steps on its mean and log_std. All they need is log p(x, z) at the nodes
of a rule for the q at hand (`gauss_hermite`), so no gradient of the decoder is taken, and the nodes move and shrink
with q. A step that would not raise the ELBO is not taken.

A search ends on the hill on which it starts, so it starts from several: from the posterior's mode, once as wide as the
whole posterior and once as wide as the peak, which is where log p(x, z) has fallen by 1/2. A normal on one of several
peaks has a KL of at least -log of that peak's share. So with a KL below log 2 it sits on more than half of the mass,
and no other elsewhere is better. Where the KL is above that, the search starts again: from the encoder's q, and from
the highest of the peaks that the image has on a grid over the prior.

Cremer, Li and Duvenaud, Inference suboptimality in variational autoencoders, 2018.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, max_pool2d

from vae.distributions import DiagonalNormal, pairwise_log_prob
from vae.inference.adaptive import Tally
from vae.inference.estimators import by_label, log_joint
from vae.inference.gauss_hermite import derivatives, expectation, product, rule
from vae.inference.quadrature import Moments, moments
from vae.models import LatentVariableModel

TOLERANCE = 0.01  # of an expectation, in nats or, if more, in standard deviations of log p(x, z) under q

_ORDER = 7  # of the rule while searching: exact for polynomials up to degree 13
_STEPS = 40  # most in a search
_GAIN_NATS = 1e-4  # a step that promises less ends it
_FLATTEST = 0.1  # least curvature that a step is sized by; near the end they are between 1 and 2
_SAME = 0.02  # standard deviations: two q this near have the same ELBO to within 0.0005 nat
_WIDEST, _HALVINGS = 1.0, 14  # the stds among which that of a peak is looked for
_PEAKS = 8  # of the grid that a search starts from
_PLACES = 128**2  # of that grid
_ROWS = 256  # images scored at all places together
_IMAGES = 1_000  # searched for together

Progress = Callable[[int, int], object]  # is told how many points are decoded and images done so far


class Elbo(NamedTuple):
    """E_q[log p(x, z)] + entropy of q of each image, and how well it is known; both (N,) float64."""

    nats: Tensor
    error_nats: Tensor  # as of `gauss_hermite.Expectation`


class BestGaussian(NamedTuple):
    """The diagonal normal q* nearest to p(z|x) of each image, float64."""

    mean: Tensor  # (N, D)
    log_std: Tensor  # (N, D)
    kl_nats: Tensor  # (N,) KL(q* || p(z|x)), >= 0
    elbo_nats: Tensor  # (N,) that of q*
    error_nats: Tensor  # (N,) of elbo_nats; kl_nats has that of log p(x) besides


class Gap(NamedTuple):
    """log p(x) - elbo(q(z|x)) of each image and its two parts, (N,) float64, none below 0."""

    gap_nats: Tensor
    approximation_gap_nats: Tensor
    amortization_gap_nats: Tensor
    error_nats: Tensor  # of each of the three, at most: those of log p(x) and of the two ELBOs together


@torch.no_grad()
def expected_elbo(model: LatentVariableModel, x: Tensor, q: DiagonalNormal, y: Tensor | None = None) -> Elbo:
    """E_q[log p(x, z)] + entropy of q, not sampled, for any diagonal normals q over (N, D), D <= 2.

    The integral is a sum over a grid of each image's own, refined until that moves it by no more than 0.01 nat, or
    0.01 standard deviations of log p(x, z) under q: about 1 nat where q fits x, and a hundred where it reaches over
    half of the plane. An image that would take too many points ends with an error above that. Raises ValueError for
    D > 2.
    """
    if model.latent_dim > 2:
        raise ValueError(f"the integral over q needs D <= 2, got D = {model.latent_dim}: sample it, `estimators.elbo`")
    return _Images(model, x, y, Tally(None)).elbo(torch.arange(len(x), device=x.device), q.mean, q.log_std)


@torch.no_grad()
def best_gaussian(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    exact: Moments | None = None,
    on_progress: Progress | None = None,
) -> BestGaussian:
    """q* = argmin KL(q || p(z|x)) over diagonal normals q, for each image x (N, 1, 28, 28).

    For a CVAE y (N,) gives the labels, and p(z|x) is p(z|x, y). `exact` is `moments(model, x, y)`, where that is known
    already. KL is log p(x) - elbo(q*), so it is known no better than log p(x), to about 0.01 nat, and where it comes
    out negative it is set to 0. A search finds a hill's top and not always the highest hill: the KL is that of the best
    q of those that were tried, and errs upwards if at all. elbo(q*) is never below that of model.posterior(x, y), which
    is one of them. Raises ValueError for D > 2, an AE, or a wrong shape.
    """
    return _search(model, x, y, exact, on_progress, settle=False)[0]


@torch.no_grad()
def gap(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    exact: Moments | None = None,
    on_progress: Progress | None = None,
) -> Gap:
    """KL(q(z|x) || p(z|x)) = log p(x) - elbo(q(z|x)) of each image, and its parts; arguments as of `best_gaussian`."""
    exact = exact or moments(model, x, y)
    best, elbo = _search(model, x, y, exact, on_progress, settle=True)
    amortisation = best.elbo_nats - elbo.nats
    error = exact.error_nats.to(elbo.error_nats) + elbo.error_nats + best.error_nats
    return Gap(best.kl_nats + amortisation, best.kl_nats, amortisation, error)


def _search(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None,
    exact: Moments | None,
    on_progress: Progress | None,
    settle: bool,
) -> tuple[BestGaussian, Elbo]:
    """q*, and the ELBO of the encoder's q: settled, or only as far as it takes to know that it is below that of q*."""
    exact = exact or moments(model, x, y)
    like = x.new_zeros((), dtype=torch.float64)
    tally, found = Tally(on_progress), []
    for rows in torch.arange(len(x), device=x.device).split(_IMAGES):
        images = _Images(model, x[rows], y[rows] if model.conditional else None, tally)
        found.append(_search_block(images, Moments(*(part[rows.cpu()].to(like) for part in exact)), settle))
        tally.add(images=len(rows))
    *best, elbo, error = (torch.cat(column) for column in zip(*found, strict=True))
    return BestGaussian(*best), Elbo(elbo, error)


def _search_block(images: "_Images", exact: Moments, settle: bool) -> tuple[Tensor, ...]:
    tries = _Tries(images, exact.mode)
    everyone = torch.arange(len(exact.mode), device=exact.mode.device)
    precision = torch.linalg.inv(exact.covariance).diagonal(dim1=1, dim2=2)
    tries.start(
        everyone, exact.mode, -0.5 * precision.log()
    )  # as wide as the posterior along each axis, the other held
    tries.start(everyone, exact.mode, images.log_widths(everyone, exact.mode))
    mean, log_std = images.encoder()
    rows = (exact.log_px_nats - tries.elbo > math.log(2)).nonzero()[:, 0]
    if len(rows):
        tries.start(rows, mean[rows], log_std[rows])
        peaks = images.peaks(rows)  # (R, P, D)
        of, places = rows.repeat_interleave(peaks.shape[1]), peaks.flatten(0, 1)
        tries.start(of, places, images.log_widths(of, places))
    encoder = images.elbo(everyone, mean, log_std, None if settle else tries.elbo)
    tries.keep(everyone, mean, log_std, encoder)
    kl = (exact.log_px_nats - tries.elbo).clamp(min=0)
    return tries.mean, tries.log_std, kl, tries.elbo, tries.error, *encoder


class _Tries:
    """The best q so far of each image."""

    def __init__(self, images: "_Images", like: Tensor) -> None:
        self._images = images
        self.mean, self.log_std = torch.full_like(like, math.inf), torch.zeros_like(like)
        self.elbo = torch.full_like(like[:, 0], -math.inf)
        self.error = torch.full_like(self.elbo, math.inf)

    def start(self, rows: Tensor, mean: Tensor, log_std: Tensor) -> None:
        """Search from q of some images (K,), of one perhaps from several, and keep what is better than all before."""
        mean, log_std = _climb(self._images, rows, mean, log_std)
        off = torch.cat([(mean - self.mean[rows]) / log_std.exp(), log_std - self.log_std[rows]], 1)
        new = off.norm(dim=1) > _SAME  # the others ended where the best one is
        rows, mean, log_std = rows[new], mean[new], log_std[new]
        self.keep(rows, mean, log_std, self._images.elbo(rows, mean, log_std, self.elbo[rows]))

    def keep(self, rows: Tensor, mean: Tensor, log_std: Tensor, elbo: Elbo) -> None:
        """Take q of some images (K,) where they are better than all before."""
        top = self.elbo.scatter_reduce(0, rows, elbo.nats, "amax")
        better = (elbo.nats == top[rows]) & (elbo.nats > self.elbo[rows])
        news = (mean, log_std, elbo.nats, elbo.error_nats)
        for best, new in zip((self.mean, self.log_std, self.elbo, self.error), news, strict=True):
            best[rows[better]] = new[better]


class _Images:
    """Some images of a model, and log p(x, z) of each at points of its own."""

    def __init__(self, model: LatentVariableModel, x: Tensor, y: Tensor | None, tally: Tally) -> None:
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

    def elbo(self, rows: Tensor, mean: Tensor, log_std: Tensor, least: Tensor | None = None) -> Elbo:
        """As `expected_elbo`, of some images; one that is sure to be below `least` (K,) is not refined."""
        d = mean.shape[1]
        entropy = log_std.double().sum(1) + 0.5 * d * (1 + math.log(2 * math.pi))
        least = torch.full_like(entropy, -math.inf) if least is None else least - entropy

        def at(some: Tensor, t: Tensor) -> Tensor:
            return self.log_joint(rows[some], mean[some], log_std[some], t)

        found = expectation(at, len(rows), d, TOLERANCE, least, rows.device)
        return Elbo(found.value + entropy, found.error)

    def log_widths(self, rows: Tensor, place: Tensor) -> Tensor:
        """log of how far from a place, on average to both sides, log p(x, z) has fallen by 1/2; both (K, D)."""
        n, d = place.shape
        width = _WIDEST * 0.5 ** torch.arange(_HALVINGS, -1, -1, dtype=torch.float64, device=place.device)
        axes = torch.eye(d, dtype=torch.float64, device=place.device)
        steps = (width[:, None, None, None] * torch.stack([axes, -axes])).flatten(0, 2)  # (widths * 2 * D, D)
        around = torch.cat([torch.zeros_like(axes[:1]), steps])
        f = self.log_joint(rows, place, torch.zeros_like(place), around)  # (K, 1 + widths * 2 * D)
        fall = f[:, :1, None] - f[:, 1:].reshape(n, len(width), 2, d).mean(2)  # (K, widths, D)
        fallen = fall > 0.5
        fallen[:, -1] = True
        first = fallen.long().argmax(1)  # the narrowest of them, (K, D)
        over = 2 * fall.gather(1, first[:, None])[:, 0].clamp(min=0.5)
        return width[first].log() - 0.5 * over.log()

    def peaks(self, rows: Tensor) -> Tensor:
        """Places that are likelier than all beside them on a grid that is even under the prior, the best (K, P, D)."""
        d, (x, y) = self._model.latent_dim, self._of(rows)
        per_axis = round(_PLACES ** (1 / d))
        axis = torch.special.ndtri((torch.arange(per_axis, dtype=torch.float64, device=x.device) + 0.5) / per_axis)
        z = product(axis, d)  # (M, D)
        found = z.new_empty(len(rows), _PEAKS, d)
        pool = (max_pool1d, max_pool2d)[d - 1]
        for label, members in by_label(self._model, x, y):
            labels = None if label is None else label.expand(len(z), *label.shape)
            likelihood = self._model.likelihood(z.to(self._model.prior().mean), labels)
            self._tally.add(points=len(z))
            for block in members.split(_ROWS):
                score = pairwise_log_prob(likelihood, x[block])  # (B, M), of places that have equal shares of the prior
                grid = score.unflatten(1, (per_axis,) * d)
                beside = pool(grid[:, None], 3, 1, 1)[:, 0].flatten(1)
                peaks = score.masked_fill(score < beside, -math.inf)
                found[block] = z[peaks.topk(_PEAKS).indices]
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
