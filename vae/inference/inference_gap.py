"""The gap between log p(x) and the ELBO, in two parts, for latent spaces of one or two dimensions.

    log p(x) - elbo(q) = KL(q(z|x) || p(z|x))
                       = KL(q*(z|x) || p(z|x))      approximation gap: q* is the best diagonal normal for this x
                       + elbo(q*) - elbo(q)         amortization gap: one encoder has to serve all x

q* is searched for each image separately, by Newton steps on its mean and log_std. They need only log p(x, z) at the
nodes of a rule for the current q (`gauss_hermite`), so no gradient of the decoder is taken, and the nodes move and
shrink with q. A step that would not raise the ELBO is not taken.

A search ends on the hill on which it starts, so it starts from several: from the posterior's mode, once as wide as the
whole posterior and once as wide as the peak, which is where log p(x, z) has fallen by 1/2. A normal on one of several
peaks has a KL of at least -log of that peak's share. So with a KL below log 2 it sits on more than half of the mass,
and no normal elsewhere is better. Where the KL is above that, the search starts again: from the encoder's q, and from
the highest of the peaks that the image has on a grid over the prior.

Cremer, Li and Duvenaud, Inference suboptimality in variational autoencoders, 2018.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, max_pool2d

from vae.distributions import DiagonalNormal, pairwise_log_prob
from vae.grids import product
from vae.inference.adaptive import Counter
from vae.inference.elbo_climb import elbo_shape, newton
from vae.inference.gauss_hermite import Derivatives, expectation
from vae.inference.joint import Progress, by_label, decode, labels_of, log_joint
from vae.inference.quadrature import Moments, moments
from vae.protocols import LatentVariableModel

TOLERANCE = 0.01  # of an expectation, in nats or, if more, in standard deviations of log p(x, z) under q

_ORDER = 7  # of the rule while searching: exact for polynomials up to degree 13
_MOST_STEPS = 40  # in a search
_LEAST_GAIN_NATS = 1e-4  # that a step must promise; otherwise the search ends
_SAME = 0.02  # standard deviations: two q this near have the same ELBO to within 0.0005 nat
_WIDEST, _HALVINGS = 1.0, 14  # the stds among which that of a peak is looked for
_PEAKS = 8  # of the grid that a search starts from
_GRID_POINTS = 128**2
_IMAGES_PER_PRODUCT = 256  # scored at all points of the grid together
_IMAGES_TOGETHER = 1_000  # in a search


class Elbo(NamedTuple):
    """E_q[log p(x, z)] + entropy of q of each image, and how well it is known, both (N,) float64."""

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
    """E_q[log p(x, z)] + entropy of q, not sampled, for any diagonal normals q.

    The integral is a sum over a grid of each image's own. The grid is refined until that moves the sum by no more than
    0.01 nat, or 0.01 standard deviations of log p(x, z) under q: about 1 nat where q fits x, and a hundred where it
    covers half of the plane. An image that would take too many points ends with an error above that.

    Args:
        model: with D <= 2.
        x: (N, 1, 28, 28) images.
        q: over (N, D), a normal for each image.
        y: (N,) int64 labels, for a conditional model.

    Raises:
        ValueError: for D > 2.
    """
    if model.latent_dim > 2:
        raise ValueError(f"the integral over q needs D <= 2, got D = {model.latent_dim}: sample it, `estimators.elbo`")
    return _Images(model, x, y, Counter(None)).elbo(torch.arange(len(x), device=x.device), q.mean, q.log_std)


@torch.no_grad()
def best_gaussian(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    exact: Moments | None = None,
    on_progress: Progress | None = None,
) -> BestGaussian:
    """q* = argmin KL(q || p(z|x)) over diagonal normals q, for each image; under a conditional model p(z|x, y).

    The KL is log p(x) - elbo(q*), so it is known no better than log p(x), to about 0.01 nat, and a negative value is
    set to 0. A search finds the top of a hill and not always the highest hill: the KL is that of the best q that was
    tried, and errs upwards if at all. elbo(q*) is never below that of model.posterior(x, y), which is one of them.

    Args:
        model: with D <= 2.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels, for a conditional model.
        exact: `moments(model, x, y)`, if that is known already.
        on_progress: is called with the numbers of points decoded and images done so far.

    Raises:
        ValueError: for D > 2, a model without a prior, or a wrong shape.
    """
    return _search(model, x, y, exact or moments(model, x, y), on_progress, settle=False).best


@torch.no_grad()
def gap(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    exact: Moments | None = None,
    on_progress: Progress | None = None,
) -> Gap:
    """KL(q(z|x) || p(z|x)) = log p(x) - elbo(q(z|x)) of each image, and its two parts.

    It takes arguments as of `best_gaussian`.

    Raises:
        ValueError: as `best_gaussian` does.
    """
    exact = exact or moments(model, x, y)
    best, encoder = _search(model, x, y, exact, on_progress, settle=True)
    amortization = best.elbo_nats - encoder.nats
    error = exact.error_nats.to(encoder.error_nats) + encoder.error_nats + best.error_nats
    return Gap(best.kl_nats + amortization, best.kl_nats, amortization, error)


class _SearchResult(NamedTuple):
    best: BestGaussian
    encoder: Elbo  # of the encoder's q


def _search(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None,
    exact: Moments,
    on_progress: Progress | None,
    settle: bool,
) -> _SearchResult:
    """q*, and the ELBO of the encoder's q: settled, or only as far as it takes to know that it is below that of q*."""
    like = x.new_zeros((), dtype=torch.float64)
    counter, results = Counter(on_progress), []
    for rows in torch.arange(len(x), device=x.device).split(_IMAGES_TOGETHER):
        images = _Images(model, x[rows], labels_of(model, y, rows), counter)
        results.append(_search_block(images, Moments(*(part[rows.cpu()].to(like) for part in exact)), settle))
        counter.add(images=len(rows))
    best = BestGaussian(*(torch.cat(column) for column in zip(*(result.best for result in results), strict=True)))
    encoder = Elbo(*(torch.cat(column) for column in zip(*(result.encoder for result in results), strict=True)))
    return _SearchResult(best, encoder)


def _search_block(images: "_Images", exact: Moments, settle: bool) -> _SearchResult:
    tries = _Tries(images, exact.mode)
    all_rows = torch.arange(len(exact.mode), device=exact.mode.device)
    precision = torch.linalg.inv(exact.covariance).diagonal(dim1=1, dim2=2)
    posterior_log_std = -0.5 * precision.log()  # along each axis while the other is held
    tries.start(all_rows, exact.mode, posterior_log_std)
    tries.start(all_rows, exact.mode, images.log_widths(all_rows, exact.mode))
    mean, log_std = images.encoder()
    rows = (exact.log_px_nats - tries.elbo > math.log(2)).nonzero()[:, 0]
    if len(rows):
        tries.start(rows, mean[rows], log_std[rows])
        peaks = images.peaks(rows)  # (R, P, D)
        of, points = rows.repeat_interleave(peaks.shape[1]), peaks.flatten(0, 1)
        tries.start(of, points, images.log_widths(of, points))
    encoder = images.elbo(all_rows, mean, log_std, None if settle else tries.elbo)
    tries.keep(all_rows, mean, log_std, encoder)
    kl = (exact.log_px_nats - tries.elbo).clamp(min=0)
    return _SearchResult(BestGaussian(tries.mean, tries.log_std, kl, tries.elbo, tries.error), encoder)


class _Tries:
    """The best q so far of each image."""

    def __init__(self, images: "_Images", like: Tensor) -> None:
        self._images = images
        self.mean, self.log_std = torch.full_like(like, math.inf), torch.zeros_like(like)
        self.elbo = torch.full_like(like[:, 0], -math.inf)
        self.error = torch.full_like(self.elbo, math.inf)

    def start(self, rows: Tensor, mean: Tensor, log_std: Tensor) -> None:
        """Search from a q for each of some images (K,), which may repeat, and keep what is better than all before."""
        mean, log_std = _climb(self._images, rows, mean, log_std)
        off = torch.cat([(mean - self.mean[rows]) / log_std.exp(), log_std - self.log_std[rows]], 1)
        new = off.norm(dim=1) > _SAME  # the others ended where the best one is
        rows, mean, log_std = rows[new], mean[new], log_std[new]
        self.keep(rows, mean, log_std, self._images.elbo(rows, mean, log_std, self.elbo[rows]))

    def keep(self, rows: Tensor, mean: Tensor, log_std: Tensor, elbo: Elbo) -> None:
        """Keep q of some images (K,) where they are better than all before."""
        top = self.elbo.scatter_reduce(0, rows, elbo.nats, "amax")
        better = (elbo.nats == top[rows]) & (elbo.nats > self.elbo[rows])
        columns = (self.mean, mean), (self.log_std, log_std), (self.elbo, elbo.nats), (self.error, elbo.error_nats)
        for best, new in columns:
            best[rows[better]] = new[better]


class _Images:
    """Some images of a model, and log p(x, z) of each at points of its own."""

    def __init__(self, model: LatentVariableModel, x: Tensor, y: Tensor | None, counter: Counter) -> None:
        self._model, self._x, self._y, self._counter = model, x, y if model.conditional else None, counter

    def encoder(self) -> tuple[Tensor, Tensor]:
        """Mean and log_std of q(z|x), float64."""
        q = self._model.posterior(self._x, self._y)
        return q.mean.double(), q.log_std.double()

    def log_joint(self, rows: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) of some images (K,) at points (K, Q, D) of each one's own, (K, Q) float64."""
        self._counter.add(points=z.shape[0] * z.shape[1])
        x, y = self._of(rows)
        return log_joint(self._model, x, z.to(self._model.prior().mean), y)

    def elbo(self, rows: Tensor, mean: Tensor, log_std: Tensor, least: Tensor | None = None) -> Elbo:
        """As `expected_elbo`, of some images; a value that is certain to be below `least` (K,) is not refined."""
        d = mean.shape[1]
        entropy = log_std.double().sum(1) + 0.5 * d * (1 + math.log(2 * math.pi))
        least = torch.full_like(entropy, -math.inf) if least is None else least - entropy

        def log_joint_at(which: Tensor, t: Tensor) -> Tensor:
            z = mean[which].double()[:, None] + log_std[which].double().exp()[:, None] * t
            return self.log_joint(rows[which], z)

        energy = expectation(log_joint_at, len(rows), d, TOLERANCE, least, rows.device)
        return Elbo(energy.value + entropy, energy.error)

    def log_widths(self, rows: Tensor, z: Tensor) -> Tensor:
        """log of the distance from z, averaged over both sides, at which log p(x, z) has fallen by 1/2; both (K, D)."""
        n, d = z.shape
        width = _WIDEST * 0.5 ** torch.arange(_HALVINGS, -1, -1, dtype=torch.float64, device=z.device)
        axes = torch.eye(d, dtype=torch.float64, device=z.device)
        steps = (width[:, None, None, None] * torch.stack([axes, -axes])).flatten(0, 2)  # (widths * 2 * D, D)
        around = torch.cat([torch.zeros_like(axes[:1]), steps])
        f = self.log_joint(rows, z[:, None] + around)  # (K, 1 + widths * 2 * D)
        fall = f[:, :1, None] - f[:, 1:].reshape(n, len(width), 2, d).mean(2)  # (K, widths, D)
        fallen = fall > 0.5
        fallen[:, -1] = True
        first = fallen.long().argmax(1)  # the narrowest of them, (K, D)
        over = 2 * fall.gather(1, first[:, None])[:, 0].clamp(min=0.5)
        return width[first].log() - 0.5 * over.log()

    def peaks(self, rows: Tensor) -> Tensor:
        """The highest points (K, P, D) of a grid, even under the prior, that no neighbour exceeds."""
        d, (x, y) = self._model.latent_dim, self._of(rows)
        per_axis = round(_GRID_POINTS ** (1 / d))
        axis = torch.special.ndtri((torch.arange(per_axis, dtype=torch.float64, device=x.device) + 0.5) / per_axis)
        z = product(axis, d)  # (M, D)
        highest = z.new_empty(len(rows), _PEAKS, d)
        pool = (max_pool1d, max_pool2d)[d - 1]
        for label, members in by_label(self._model, x, y):
            likelihood = decode(self._model, z.to(self._model.prior().mean), label)
            self._counter.add(points=len(z))
            for block in members.split(_IMAGES_PER_PRODUCT):
                score = pairwise_log_prob(likelihood, x[block])  # (B, M); the points have equal shares of the prior
                grid = score.unflatten(1, (per_axis,) * d)
                beside = pool(grid[:, None], 3, 1, 1)[:, 0].flatten(1)
                peaks = score.masked_fill(score < beside, -math.inf)
                highest[block] = z[peaks.topk(_PEAKS).indices]
        return highest

    def _of(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        return self._x[rows], None if self._y is None else self._y[rows]


def _climb(images: _Images, rows: Tensor, mean: Tensor, log_std: Tensor) -> tuple[Tensor, Tensor]:
    """Raise the ELBO of q by Newton steps from (mean, log_std), both (K, D), until no step promises more."""
    d = mean.shape[1]
    q = torch.cat([mean, log_std], 1)  # (K, 2 D)

    def shape(which: Tensor, q: Tensor) -> Derivatives:
        return elbo_shape(lambda z: images.log_joint(rows[which], z), q, _ORDER)

    active = torch.arange(len(q), device=q.device)
    here = shape(active, q)
    reach = q.new_ones(len(q))
    for _ in range(_MOST_STEPS):
        step, gain = newton(Derivatives(*(part[active] for part in here)), q[active], reach[active])
        going = gain > _LEAST_GAIN_NATS
        active, step = active[going], step[going]
        if not len(active):
            break
        there = shape(active, q[active] + step)
        better = there.value > here.value[active]
        taken = active[better]
        q[taken] += step[better]
        for old, new in zip(here, there, strict=True):
            old[taken] = new[better]
        reach[active] *= torch.where(better, 2.0, 0.25)
    return q[:, :d], q[:, d:]
