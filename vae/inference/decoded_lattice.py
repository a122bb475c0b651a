"""The plane decoded once: what a decoder and a prior say of any image, read from one lattice of decoded points.

    log p(x, z_g) = log p(x|z_g) + log p(z_g)      of all images and points by one matrix product (`Decoded`)
    p(x)   = h^D sum_g p(x, z_g)                   h is the step of the lattice
    p(z_g|x) = p(x, z_g) / sum_g p(x, z_g)

So a decoder that was trained without an encoder needs none. A posterior may be narrower than the lattice is fine. The
normal that stands for it therefore comes from a climb, which takes the same work for every image:

    start   at the STARTS highest points of the lattice
    step    z += P^-1 (J^T (T(x) - E[T]) - z),  P = J^T F J + I       Fisher scoring, taken back where it leads down
    choose  the MODES places of the greatest Laplace evidence p(x, z) (2 pi)^(D/2) |P|^(-1/2), no two of one peak
    fit     a normal to each: mean and precision from E[f t] and E[f (t t^T - I)] of f = log p(x, z) under N(z, P^-1)

J is the Jacobian of the natural parameters of the pixels, F their Fisher information and T their statistics, so the
step is the same for all likelihoods. The diagonal normal nearest to N(m, P^-1) is N(m, diag(P)^-1). The one with the
highest ELBO is `posterior`; all of them, each with the weight exp(ELBO), are `mixture`.

A lattice also knows the conditional of some pixels given the others: p(z|x_seen) takes the same sum over the pixels
that are seen, and the expected rest is the mean of the decoded points under it (`complete`). A lattice of decoded
points is a mixture of products, whose conditionals are exact.

The sum for p(x) is exact as long as the posterior is wider than the lattice is fine. Where a fitted normal is not, the
points are joined by DRAWS draws of each such normal q_k, and both have the weights of the balance heuristic:

    p(x) = sum p(x, z) / (h^-D + DRAWS sum_k q_k(z))      over points and draws

The error is the largest difference to the 2^D lattices of twice the step that make up this one, three standard errors
of the draws, and what may lie beyond the border, together. A peak between the points that no climb has found does not
show in it. `quadrature` refines the lattice until none can be missed, and takes a hundred times as long.

Cremer, Li and Duvenaud, Inference suboptimality in variational autoencoders, 2018; Opper and Archambeau, The
variational Gaussian approximation revisited, 2009 (the fit); Veach and Guibas, Optimally combining sampling techniques
for Monte Carlo rendering, 1995 (the balance heuristic).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from vae.distributions import Decoded, DiagonalNormal, natural
from vae.grids import midpoints
from vae.inference.gauss_hermite import rule
from vae.inference.joint import POINTS_TOGETHER, by_label, decode, log_joint
from vae.protocols import LatentVariableModel
from vae.quasi_random import prior_points

SEED = 0  # of the draws
REACH = 6.0  # the lattice covers [-REACH, REACH]^D
PER_AXIS = {1: 4_096, 2: 256}  # points, for each D
PER_AXIS_OF_CLASS = {1: 4_096, 2: 128}  # the same where each class has a lattice, in which posteriors are wider
STARTS = 8  # highest points from which an image is climbed
DRAWS = 32  # of each normal that is narrower than the lattice is fine
MODES = 4  # peaks that are kept, the components of a mixture at most

_NODES, _FEW_NODES = 5, 3  # along an axis, of the rules that fit a normal and that compare normals
_ROUNDING = 1e-6  # of a precision in float32, relative to its trace
_APART = 1.0  # standard deviations: two places this near are of one peak
_LONGEST_MOVE = 1.0  # standard deviations by which the fit moves a normal
_LEAST_CURVATURE, _GREATEST_CURVATURE = 0.2, 5.0  # that the fit gives it, in units of its precision
_LEAST_NATS = -1e30  # a node that is less likely, or not a number, counts as this
_FINE = 1.4  # a sum over points that are 1.4 standard deviations apart is off by 1e-4 of a normal
_NEAR = 512  # the highest points of an image, where normals may have draws
_BEYOND = 20.0  # times the mass of the outermost points may lie beyond them
_IMAGES_TOGETHER = 128  # scored at all points together


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
        mean, root = _taken(self.normals.loc, which), _taken(self.normals.scale_tril, which)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        z = mean + (root @ noise[..., None])[..., 0]  # (N, S, D)
        return z.transpose(0, 1).reshape(*sample_shape, *mean.shape[:1], *mean.shape[2:])


class LatticeEvidence(NamedTuple):
    """log p(x) of N images by the sum over a lattice, and how well it is known, both (N,) float64."""

    log_px_nats: Tensor
    error_nats: Tensor


class Completion(NamedTuple):
    """What N images may be, of which only some pixels are seen."""

    weights: Tensor  # (N, G) p(z|seen) of the points of the lattice
    mean: Tensor  # (N, 1, 28, 28) the seen pixels as they are, the others expected
    z: Tensor  # (N, S, D) drawn from p(z|seen)
    samples: Tensor  # (N, S, 1, 28, 28) the seen pixels as they are, the others decoded there


class DecodedLattice:
    """The lattice of a decoder; of a conditional one, a lattice for each class, which is decoded when first asked for.

    It keeps 784 numbers for each point, or 1568 where each pixel has its own sigma: 200 MB in all, 50 MB a class.

    Args:
        model: with a prior and D <= 2, whose weights do not change any more.
        per_axis: points along each axis; None takes PER_AXIS, or PER_AXIS_OF_CLASS.

    Raises:
        ValueError: for D > 2, a model without a prior, or an odd number of points.
    """

    def __init__(self, model: LatentVariableModel, per_axis: int | None = None) -> None:
        if not model.has_prior or model.latent_dim not in PER_AXIS:
            what = "a model" if model.has_prior else "an autoencoder"
            raise ValueError(
                f"a decoded lattice needs a model with a prior and D <= 2, got {what} with D = {model.latent_dim}"
            )
        self._model, self._d = model, model.latent_dim
        usual = PER_AXIS_OF_CLASS if model.conditional else PER_AXIS
        self.per_axis = usual[self._d] if per_axis is None else per_axis
        if self.per_axis < 2 or self.per_axis % 2:
            raise ValueError(f"per_axis must be an even number, at least 2, got {per_axis}")
        like = model.prior().mean
        self.step = 2 * REACH / self.per_axis
        self.points = (REACH * midpoints(self.per_axis, self._d, like.device)).to(like)  # (G, D), last axis fastest
        self.log_prior_weights = model.prior().log_prob(self.points) + self._d * math.log(self.step)  # (G,) of cells
        self._blocks: dict[int | None, list[Decoded]] = {}
        self._border = self.points.abs().amax(1) > REACH - self.step

    @torch.no_grad()
    def decode_all(self, y: Tensor | None = None) -> None:
        """Decode what is not decoded yet, so that nothing that follows has to wait for it.

        Args:
            y: (N,) int64 labels, of the classes that will be asked for; None for a model that takes none.
        """
        for label in [None] if y is None else y.unique():
            self._decoded(label)

    @torch.no_grad()
    def log_joint(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x_n, z_g) in nats, (N, G), of every image and every point.

        Args:
            x: (N, 1, 28, 28) images.
            y: (N,) int64 labels, for a conditional model.

        Raises:
            ValueError: if a conditional model has not a label for each image.
        """
        scores = x.new_empty(len(x), len(self.points), dtype=self.points.dtype)
        for label, rows in by_label(self._model, x, y):
            scores[rows] = self._scores(x[rows], label)
        return scores.sub_(self._d * math.log(self.step))

    @torch.no_grad()
    def log_px(self, x: Tensor, y: Tensor | None = None) -> LatticeEvidence:
        """log p(x) of every image, under a conditional model log p(x|y), and its error; arguments as of `log_joint`."""
        total, error = (torch.empty(len(x), dtype=torch.float64, device=x.device) for _ in range(2))
        x = x.to(self.points)
        for label, rows in by_label(self._model, x, y):
            for some in rows.split(_IMAGES_TOGETHER):
                labels = None if label is None else label.expand(len(some))
                total[some], error[some] = self._evidence(x[some], labels, self._scores(x[some], label))
        rounding = torch.finfo(self.points.dtype).eps * total.abs()
        return LatticeEvidence(total, torch.maximum(error, rounding))

    def _evidence(self, x: Tensor, y: Tensor | None, scores: Tensor) -> tuple[Tensor, Tensor]:
        """log p(x) and its error, (B,) float64, from the scores (B, G) of images of one label."""
        highest, which = scores.topk(min(_NEAR, scores.shape[1]))
        normals = _narrow(_fits(self._model, x, y, self.points[which[:, :STARTS]]), self.step)
        draws_per_point = self.step**self._d * normals.draws_per_area(self.points[which].double())
        scores = scores.scatter(1, which, highest - draws_per_point.log1p().to(scores))
        grid = scores.unflatten(1, (self.per_axis // 2, 2) * self._d)
        halves = grid.logsumexp((1, 3)[: self._d]).flatten(1).double()  # (B, 2^D) on the lattices of twice the step
        z = normals.draws()
        drawn = log_joint(self._model, x, z.flatten(1, 2).to(self.points), y).view(z.shape[:3])
        drawn = drawn - (normals.draws_per_area(z.flatten(1, 2)).view_as(drawn) + self.step**-self._d).log()
        drawn = drawn.where(normals.used[..., None], -math.inf)
        total = torch.cat([halves, drawn.flatten(1)], 1).logsumexp(1)
        halves, drawn = (halves - total[:, None]).exp(), (drawn - total[:, None, None]).exp()
        of_lattice = (halves * halves.shape[1] - halves.sum(1, keepdim=True)).abs().amax(1)
        of_draws = (drawn.var(2) * DRAWS).sum(1).sqrt()
        beyond = _BEYOND * (scores[:, self._border] - total[:, None]).exp().sum(1)
        return total, torch.log1p(of_lattice + 3 * of_draws + beyond)

    def weights(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """p(z_g|x), (N, G), whose rows sum to 1; arguments as of `log_joint`."""
        return self.log_joint(x, y).softmax(1)

    def code(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The code of each image, (N, D): the mean of `posterior`; arguments as of `log_joint`."""
        return self.posterior(x, y).mean

    @torch.no_grad()
    def posterior(self, x: Tensor, y: Tensor | None = None) -> DiagonalNormal:
        """A diagonal normal over (N, D) near the best one for p(z|x) of each image; arguments as of `log_joint`."""
        fits = self._fits(x, y)
        std = fits.precision.diagonal(dim1=2, dim2=3).rsqrt()
        elbo = _elbo(self._model, x, y, fits.mean, torch.diag_embed(std)).masked_fill(~fits.used, -math.inf)
        best = elbo.argmax(1)[:, None, None].expand(-1, 1, self._d)
        mean, std = (part.gather(1, best)[:, 0].to(self.points) for part in (fits.mean, std))
        return DiagonalNormal(mean, std.log())

    @torch.no_grad()
    def mixture(self, x: Tensor, y: Tensor | None = None) -> NormalMixture:
        """A mixture of MODES normals over (N, D), one for each peak of p(z|x); arguments as of `log_joint`.

        An image of fewer peaks has components of the weight 0.
        """
        fits = self._fits(x, y)
        normals = MultivariateNormal(fits.mean, precision_matrix=fits.precision, validate_args=False)
        elbo = _elbo(self._model, x, y, fits.mean, normals.scale_tril).masked_fill(~fits.used, -math.inf)
        components = MultivariateNormal(
            fits.mean.to(self.points), scale_tril=normals.scale_tril.to(self.points), validate_args=False
        )
        return NormalMixture(elbo.to(self.points), components)

    @torch.no_grad()
    def complete(
        self, x: Tensor, seen: Tensor, generator: torch.Generator, y: Tensor | None = None, samples: int = 8
    ) -> Completion:
        """What the pixels that are not seen may be, given those that are.

        Args:
            x: (N, 1, 28, 28) images; their other pixels are not looked at.
            seen: (28, 28) bool, which pixels are seen.
            generator: of the samples, on the device of x.
            y: (N,) int64 labels, for a conditional model.
            samples: S, drawn for each image.

        Raises:
            ValueError: for a mask of another shape or type, or if a conditional model has not a label for each image.
        """
        if seen.shape != (28, 28) or seen.dtype != torch.bool:
            raise ValueError(f"seen must be (28, 28) bool, got {tuple(seen.shape)} {seen.dtype}")
        which, x = seen.flatten(), x.to(self.points)
        weights = x.new_empty(len(x), len(self.points))
        expected = x.new_empty(len(x), len(which))
        for label, rows in by_label(self._model, x, y):
            blocks, pixels = self._decoded(label), x[rows].flatten(1)[:, which]
            scores = torch.cat([block.of_pixels(which).log_prob(pixels) for block in blocks], 1)
            weights[rows] = scores.add_(self.log_prior_weights).softmax(1)
            parts = zip(weights[rows].split(POINTS_TOGETHER, 1), blocks, strict=True)
            expected[rows] = torch.stack([part @ block.means() for part, block in parts]).sum(0)
        z = self.points[torch.multinomial(weights, samples, replacement=True, generator=generator)]  # (N, S, D)
        labels = y.repeat_interleave(samples, 0) if self._model.conditional and y is not None else None
        decoded = self._model.likelihood(z.flatten(0, 1), labels).mean.unflatten(0, z.shape[:2])
        mean = x.where(seen, expected.view_as(x))
        return Completion(weights, mean, z, x[:, None].where(seen, decoded))

    def _decoded(self, label: Tensor | None) -> list[Decoded]:
        """The decoded points, block by block."""
        key = None if label is None else int(label)
        if key not in self._blocks:
            parts = self.points.split(POINTS_TOGETHER)
            self._blocks[key] = [Decoded.of(decode(self._model, part, label)) for part in parts]
        return self._blocks[key]

    def _scores(self, x: Tensor, label: Tensor | None) -> Tensor:
        """log (p(x_n|z_g) p(z_g) h^D), (N, G), of images of one label."""
        flat = x.flatten(1).to(self.points)
        return torch.cat([block.log_prob(flat) for block in self._decoded(label)], 1).add_(self.log_prior_weights)

    def _fits(self, x: Tensor, y: Tensor | None) -> "_Fits":
        """A normal at each of the highest peaks of each image."""
        x = x.to(self.points)
        starts = x.new_empty(len(x), min(STARTS, len(self.points)), self._d)
        for label, rows in by_label(self._model, x, y):
            for some in rows.split(_IMAGES_TOGETHER):
                starts[some] = self.points[self._scores(x[some], label).topk(starts.shape[1]).indices]
        y = y if self._model.conditional else None
        parts = [
            _fits(self._model, x[rows], None if y is None else y[rows], starts[rows])
            for rows in torch.arange(len(x), device=x.device).split(_IMAGES_TOGETHER)
        ]
        return _Fits(*(torch.cat(column) for column in zip(*parts, strict=True)))


class _Fits(NamedTuple):
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
        return _Places(*(_taken(part, which) for part in self))

    def evidence(self) -> Tensor:
        """The log of the Laplace evidence, (N, K) less a constant; the least there is where it is not a number."""
        evidence = self.height - 0.5 * torch.logdet(self.precision)
        return evidence.nan_to_num(-math.inf, -math.inf, -math.inf)


def _fits(model: LatentVariableModel, x: Tensor, y: Tensor | None, starts: Tensor) -> _Fits:
    """Climb from starts (N, K, D), keep the best MODES, and fit a normal at each."""
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
    return _Fits(mean, precision, used)


class _Narrow(NamedTuple):
    """The normals of images that are too narrow for the lattice, all float64."""

    mean: Tensor  # (N, K, D)
    root: Tensor  # (N, K, D, D), root root^T is the covariance
    used: Tensor  # (N, K) bool

    def draws(self) -> Tensor:
        """DRAWS points of each normal, (N, K, DRAWS, D); the same noise for all."""
        generator = torch.Generator(self.mean.device).manual_seed(SEED)
        noise = prior_points(DRAWS, self.mean.shape[2], generator).double()
        return self.mean[:, :, None] + noise @ self.root.mT

    def draws_per_area(self, z: Tensor) -> Tensor:
        """How many draws there are in a unit of area on average, (N, M), at points z (N, M, D)."""
        normals = MultivariateNormal(self.mean, scale_tril=self.root, validate_args=False)
        density = normals.log_prob(z.transpose(0, 1)[:, :, None]).exp()  # (M, N, K)
        return DRAWS * (density * self.used).sum(2).T


def _narrow(fits: _Fits, step: float) -> _Narrow:
    """The fitted normals for which points a step apart are too far apart."""
    covariance = torch.linalg.inv(fits.precision)
    narrow = torch.linalg.eigvalsh(covariance)[..., 0].sqrt() * _FINE < step
    return _Narrow(fits.mean, torch.linalg.cholesky(covariance), fits.used & narrow)


def _places(model: LatentVariableModel, x: Tensor, y: Tensor | None, z: Tensor) -> _Places:
    n, k, d = z.shape
    image = torch.arange(n, device=x.device).repeat_interleave(k)
    x, y = x[image], None if y is None else y[image]
    flat = z.flatten(0, 1)
    axes = torch.eye(d, device=z.device, dtype=z.dtype)

    def parameters(z: Tensor) -> Any:
        likelihood = model.likelihood(z, y)
        return natural(likelihood), likelihood.log_prob(x)

    def along(axis: Tensor) -> Any:
        return torch.func.jvp(parameters, (flat,), (axis.expand_as(flat),), has_aux=True)

    what_varies: Any = (None, 0, None)  # with the axis: the slopes alone
    families, slopes, log_likelihood = torch.func.vmap(along, out_dims=what_varies)(axes)
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
    return _Places(*(b.where(up.view(up.shape + (1,) * (a.ndim - 2)), a) for a, b in zip(places, there, strict=True)))


def _different(places: _Places) -> tuple[Tensor, Tensor]:
    """The numbers (N, K') of the places of the greatest evidence, and whether they are the best of their peak."""
    evidence = places.evidence()
    order = evidence.argsort(1, descending=True)
    z, precision = (_taken(part, order) for part in (places.z, places.precision))
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


def _elbo(model: LatentVariableModel, x: Tensor, y: Tensor | None, mean: Tensor, root: Tensor) -> Tensor:
    """The ELBO (N, K) float64 of N(mean, root root^T), less a constant, by few nodes."""
    t, weights = rule(_FEW_NODES, mean.shape[2], mean.device)
    y = y if model.conditional else None
    return _at_nodes(model, x, y, mean, root, t) @ weights + root.diagonal(dim1=2, dim2=3).log().sum(2)


def _at_nodes(model: LatentVariableModel, x: Tensor, y: Tensor | None, mean: Tensor, root: Tensor, t: Tensor) -> Tensor:
    """log p(x, z) at z = mean + root t for nodes t (Q, D), (N, K, Q) float64."""
    z = (mean[:, :, None] + t @ root.mT).to(model.prior().mean)
    return log_joint(model, x, z.flatten(1, 2), y).unflatten(1, z.shape[1:3])


def _taken(part: Tensor, which: Tensor) -> Tensor:
    """Rows `which` (N, K') of a tensor (N, K, ...)."""
    index = which.view(*which.shape, *(1,) * (part.ndim - 2))
    return part.gather(1, index.expand(-1, -1, *part.shape[2:]))
