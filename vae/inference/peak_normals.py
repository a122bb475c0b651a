"""Normals at the peaks of the posterior p(z|x), by the same number of decodes for every image.

    start   at some points of each image, the highest of a lattice
    step    z += P^-1 (J^T (T(x) - E[T]) - z),  P = J^T F J + I       Fisher scoring, taken back where it leads down
    choose  the MODES places of the greatest Laplace evidence p(x, z) (2 pi)^(D/2) |P|^(-1/2), no two of one peak
    fit     a normal to each: mean and precision from E[f t] and E[f (t t^T - I)] of f = log p(x, z) under N(z, P^-1)

J is the Jacobian of the natural parameters of the pixels, F their Fisher information and T their statistics, so the
step is the same for all likelihoods.

Cremer, Li and Duvenaud, Inference suboptimality in variational autoencoders, 2018; Opper and Archambeau, The
variational Gaussian approximation revisited, 2009 (the fit).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from vae.distributions import natural
from vae.forward_mode import along_axes
from vae.inference.elbo_climb import elbo_shape, newton
from vae.inference.gauss_hermite import Derivatives, rule
from vae.inference.joint import labels_of, log_joint
from vae.protocols import LatentVariableModel

MODES = 4  # peaks that are kept, the components of a mixture at most
FURTHER_STEPS = 3  # of `raised`
WORTH_NATS = 0.01  # that a further step must promise

_NODES, _FEW_NODES = 5, 3  # along an axis, of the rules that fit a normal and that compare normals
_ROUNDING = 1e-6  # of a precision in float32, relative to its trace
_APART = 1.0  # standard deviations: two places this near are of one peak
_LONGEST_MOVE = 1.0  # standard deviations by which the fit moves a normal
_LEAST_CURVATURE, _GREATEST_CURVATURE = 0.2, 5.0  # that the fit gives it, in units of its precision
_LEAST_NATS = -1e30  # a node that is less likely, or not a number, counts as this


class NormalMixture(MixtureSameFamily):
    """A mixture of normals over the last dimension, whose draws take their noise from a given generator.

    Args:
        logits: (N, K) of the weights.
        normals: over (N, K, D).
    """

    def __init__(self, logits: Tensor, normals: MultivariateNormal) -> None:
        super().__init__(Categorical(logits=logits), normals, validate_args=False)
        self.normals = normals

    def sample(self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws (*sample_shape, N, D).

        Args:
            sample_shape: the leading dimensions of what is drawn.
            generator: of the draws; None is the global one.
        """
        weights, count = self.mixture_distribution.probs, math.prod(sample_shape)
        which = torch.multinomial(weights, count, replacement=True, generator=generator)  # (N, S)
        mean, root = taken(self.normals.loc, which), taken(self.normals.scale_tril, which)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        z = mean + (root @ noise[..., None])[..., 0]  # (N, S, D)
        return z.transpose(0, 1).reshape(*sample_shape, *mean.shape[:1], *mean.shape[2:])


class Fits(NamedTuple):
    """Normals N(mean, precision^-1) at the peaks of N images."""

    mean: Tensor  # (N, K, D) float64
    precision: Tensor  # (N, K, D, D) float64
    used: Tensor  # (N, K) bool; the others repeat a peak


class _Places(NamedTuple):
    """log p(x, z) at places of the plane, its slope, and the precision that Fisher scoring gives it."""

    z: Tensor  # (N, K, D)
    height: Tensor  # (N, K)
    slope: Tensor  # (N, K, D)
    precision: Tensor  # (N, K, D, D)

    def take(self, which: Tensor) -> "_Places":
        """Some places of each image, (N, K') int64."""
        return _Places(*(taken(part, which) for part in self))

    def evidence(self) -> Tensor:
        """The log of the Laplace evidence, (N, K) less a constant; the least there is where it is not a number."""
        evidence = self.height - 0.5 * torch.logdet(self.precision)
        return evidence.nan_to_num(-math.inf, -math.inf, -math.inf)


def fit_peaks(model: LatentVariableModel, x: Tensor, y: Tensor | None, starts: Tensor) -> Fits:
    """Climb from some points, keep the best MODES places, and fit a normal at each.

    Args:
        model: with a prior.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels; None for a model that takes none.
        starts: (N, K, D) from where each image climbs.
    """
    places = _climbed(model, x, y, _places(model, x, y, starts))
    places = places.take(_different(places)[0])
    places = _climbed(model, x, y, places)
    order, used = _different(places)
    places = places.take(order)
    precision = places.precision.double()
    ridge = _ROUNDING * precision.diagonal(dim1=2, dim2=3).sum(2)[..., None, None]
    whole = precision.isfinite().all(3).all(2)
    identity = torch.eye(precision.shape[3], dtype=precision.dtype, device=precision.device)
    precision = (precision + ridge * identity).where(whole[..., None, None], identity)
    mean, precision = _fitted(model, x, y, places.z.double(), torch.linalg.cholesky(torch.linalg.inv(precision)))
    return Fits(mean, precision, used)


def _places(model: LatentVariableModel, x: Tensor, y: Tensor | None, z: Tensor) -> _Places:
    n, k, d = z.shape
    image = torch.arange(n, device=x.device).repeat_interleave(k)
    x, y = x[image], None if y is None else y[image]
    flat = z.flatten(0, 1)
    axes = torch.eye(d, device=z.device, dtype=z.dtype)

    def parameters(z: Tensor) -> Any:
        likelihood = model.likelihood(z, y)
        return natural(likelihood), likelihood.log_prob(x)

    of_axes = (None, 0, None)  # the slopes alone
    families, slopes, log_likelihood = along_axes(parameters, flat, of_axes, has_aux=True)
    height = log_likelihood + model.prior().log_prob(flat)
    slope, precision = -flat, axes.expand(n * k, d, d)
    for (_, mean), (eta_slope, mean_slope), statistic in zip(families, slopes, (x, x.square()), strict=False):
        off = (statistic - mean).flatten(1)  # (N K, P)
        slope = slope + torch.einsum("akp,kp->ka", eta_slope.flatten(2), off)
        precision = precision + torch.einsum("akp,bkp->kab", eta_slope.flatten(2), mean_slope.flatten(2))
    return _Places(*(part.unflatten(0, (n, k)) for part in (flat, height, slope, precision)))


def _climbed(model: LatentVariableModel, x: Tensor, y: Tensor | None, places: _Places) -> _Places:
    """A step of Fisher scoring, taken back where it leads down."""
    step = torch.linalg.solve_ex(places.precision, places.slope[..., None]).result[..., 0]
    there = _places(model, x, y, places.z + step)
    up = there.height > places.height
    return _Places(*(_where(up, new, old) for old, new in zip(places, there, strict=True)))


def _different(places: _Places) -> tuple[Tensor, Tensor]:
    """The numbers (N, K') of the places of the greatest evidence, and whether they are the best of their peak."""
    evidence = places.evidence()
    order = evidence.argsort(1, descending=True)
    z, precision = (taken(part, order) for part in (places.z, places.precision))
    off = z[:, :, None] - z[:, None]  # (N, K, K, D)
    distance = (off * (precision[:, None] @ off[..., None])[..., 0]).sum(3)  # squared, in deviations of the better one
    repeats = (distance < _APART**2).tril(-1).any(2)
    first = repeats.long().argsort(dim=1, stable=True)[:, :MODES]
    return order.gather(1, first), ~repeats.gather(1, first)


def _fitted(
    model: LatentVariableModel, x: Tensor, y: Tensor | None, mean: Tensor, root: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and precision of the normals after one step that raises the ELBO of N(mean, root root^T)."""
    t, weights = rule(_NODES, mean.shape[2], mean.device)
    f = _at_nodes(model, x, y, mean, root, t).nan_to_num(_LEAST_NATS).clamp(min=_LEAST_NATS)  # (N, K, Q)
    f = (f - f.mean(2, keepdim=True)) * weights
    outer = t[:, :, None] * t[:, None] - torch.eye(t.shape[1], dtype=t.dtype, device=t.device)
    values, axes = torch.linalg.eigh(-(f @ outer.flatten(1)).unflatten(2, outer.shape[1:]))
    curvature = values.clamp(_LEAST_CURVATURE, _GREATEST_CURVATURE)
    move = (axes @ ((axes.mT @ (f @ t)[..., None]) / curvature[..., None]))[..., 0]
    move = move * (_LONGEST_MOVE / move.norm(dim=2, keepdim=True)).clamp(max=1)
    inverse = torch.linalg.inv(root)
    precision = inverse.mT @ (axes * curvature[..., None, :]) @ axes.mT @ inverse
    return mean + (root @ move[..., None])[..., 0], precision


def raised(model: LatentVariableModel, x: Tensor, y: Tensor | None, q: Tensor) -> Tensor:
    """A diagonal normal for each image, (N, 2 D) float64: the best of some, raised by a few Newton steps of the ELBO.

    Each takes a step, and the best of an image at most FURTHER_STEPS more, as long as they promise WORTH_NATS. A step
    that does not raise the ELBO is not taken.

    Args:
        model: with a prior.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels; None for a model that takes none.
        q: (N, K, 2 D) float64, mean and log_std of K normals for each image.
    """
    reach = q.new_ones(q.shape[:2])
    q, here, reach = _stepped(model, x, y, q, _shape(model, x, y, q), reach)
    best = here.value.argmax(1)[:, None]
    q, here, reach = taken(q, best), Derivatives(*(taken(part, best) for part in here)), taken(reach, best)
    for _ in range(FURTHER_STEPS):
        rows = (newton(here, q, reach)[1][:, 0] > WORTH_NATS).nonzero()[:, 0]
        if not len(rows):
            break
        some = Derivatives(*(part[rows] for part in here))
        labels = labels_of(model, y, rows)
        q[rows], there, reach[rows] = _stepped(model, x[rows], labels, q[rows], some, reach[rows])
        for part, new in zip(here, there, strict=True):
            part[rows] = new
    return q[:, 0]


def _shape(model: LatentVariableModel, x: Tensor, y: Tensor | None, q: Tensor) -> Derivatives:
    """The ELBO of normals q (N, K, 2 D), less its constant, with its derivatives."""

    def log_joint_at(z: Tensor) -> Tensor:
        points = z.to(model.prior().mean).view(len(x), -1, z.shape[2])
        return log_joint(model, x, points, y).view(z.shape[:2]).nan_to_num(_LEAST_NATS).clamp(min=_LEAST_NATS)

    return Derivatives(*(part.unflatten(0, q.shape[:2]) for part in elbo_shape(log_joint_at, q.flatten(0, 1), _NODES)))


def _stepped(
    model: LatentVariableModel, x: Tensor, y: Tensor | None, q: Tensor, here: Derivatives, reach: Tensor
) -> tuple[Tensor, Derivatives, Tensor]:
    """Normals q after a step of at most `reach` where that raises the ELBO, its shape there, and the next reach."""
    step, _ = newton(here, q, reach)
    there = _shape(model, x, y, q + step)
    better = there.value > here.value
    q = _where(better, q + step, q)
    here = Derivatives(*(_where(better, new, old) for old, new in zip(here, there, strict=True)))
    return q, here, reach * torch.where(better, 2.0, 0.25)


def elbo_of(model: LatentVariableModel, x: Tensor, y: Tensor | None, mean: Tensor, root: Tensor) -> Tensor:
    """The ELBO (N, K) float64 of normals N(mean, root root^T), less a constant, by few nodes.

    Args:
        model: with a prior.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels; None for a model that takes none.
        mean: (N, K, D) float64.
        root: (N, K, D, D) float64, lower triangular.
    """
    t, weights = rule(_FEW_NODES, mean.shape[2], mean.device)
    return _at_nodes(model, x, y, mean, root, t) @ weights + root.diagonal(dim1=2, dim2=3).log().sum(2)


def _at_nodes(model: LatentVariableModel, x: Tensor, y: Tensor | None, mean: Tensor, root: Tensor, t: Tensor) -> Tensor:
    """log p(x, z) at z = mean + root t for nodes t (Q, D), (N, K, Q) float64."""
    z = (mean[:, :, None] + t @ root.mT).to(model.prior().mean)
    return log_joint(model, x, z.flatten(1, 2), y).unflatten(1, z.shape[1:3])


def _where(which: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` where `which`, which has the leading dimensions of both, else `old`."""
    return new.where(which.view(*which.shape, *(1,) * (old.ndim - which.ndim)), old)


def taken(part: Tensor, which: Tensor) -> Tensor:
    """Some of the K that each image has, (N, K', ...).

    Args:
        part: (N, K, ...).
        which: (N, K') int64.
    """
    index = which.view(*which.shape, *(1,) * (part.ndim - 2))
    return part.gather(1, index.expand(-1, -1, *part.shape[2:]))
