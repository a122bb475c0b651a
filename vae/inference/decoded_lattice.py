"""The plane decoded once: what a decoder and a prior say of any image, read from one lattice of decoded points.

    log p(x, z_g) = log p(x|z_g) + log p(z_g)      of all images and points by one matrix product (`Decoded`)
    p(x)     = sum_g a_g p(x, z_g)                 a_g is the area that a point stands for
    p(z_g|x) = a_g p(x, z_g) / p(x)

So a decoder that was trained without an encoder needs none. The axes are bent: points lie closest in the middle, where
posteriors are narrowest (`grids.bend`). A posterior may be narrower still than the lattice is fine. The normals that
stand for it are therefore found by a climb from the STARTS highest points that no neighbour exceeds (`peak_normals`).
The one with the highest ELBO, or the one that has mean and variance of p(z_g|x), whichever becomes better by a few
Newton steps, is `posterior`; all of them, each with the weight exp(ELBO), are `mixture`.

A lattice also knows the conditional of some pixels given the others: p(z|x_seen) takes the same sum over the pixels
that are seen, and the expected rest is the mean of the decoded points under it (`complete`). A lattice of decoded
points is a mixture of products, whose conditionals are exact.

The sum for p(x) is exact as long as the posterior is wider than the lattice is fine. Where a fitted normal is not, the
points are joined by DRAWS draws of each such normal q_k, and both have the weights of the balance heuristic:

    p(x) = sum p(x, z) / (1 / a(z) + DRAWS sum_k q_k(z))      over points and draws

The error is the largest difference to the 2^D lattices of every second point that make up this one, three standard
errors of the draws, and what may lie beyond the border, together. A peak between the points that no climb has found
does not show in it. `quadrature` refines the lattice until none can be missed, and takes a hundred times as long.

Veach and Guibas, Optimally combining sampling techniques for Monte Carlo rendering, 1995 (the balance heuristic).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from vae.distributions import Decoded, DiagonalNormal
from vae.grids import bend, midpoints, stretch
from vae.inference.joint import POINTS_TOGETHER, by_label, decode, labels_of, log_joint
from vae.inference.peak_normals import Fits, NormalMixture, elbo_of, fit_peaks, raised, taken
from vae.protocols import LatentVariableModel
from vae.quasi_random import prior_points

SEED = 0  # of the draws
PER_AXIS = {1: 4_096, 2: 256}  # points, for each D
PER_AXIS_OF_CLASS = {1: 4_096, 2: 128}  # fewer where ten classes lie in memory: coarse for narrow posteriors
STARTS = 5  # highest points from which an image is climbed
DRAWS = 32  # of each normal that is narrower than the lattice is fine

_BELOW = 1e6  # nats by which a point beside a higher one comes after all that are highest
_FINE = 1.4  # a sum over points that are 1.4 standard deviations apart is off by 1e-4 of a normal
_NEAR = 512  # the highest points of an image, where normals may have draws
_BEYOND = 20.0  # times the mass of the outermost points may lie beyond them
_IMAGES_TOGETHER = 128  # scored at all points together


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
        like, t = model.prior().mean, midpoints(self.per_axis, self._d, model.prior().mean.device)
        self.points = bend(t).to(like)  # (G, D), last axis fastest
        self.log_areas = self.sides(self.points).log().sum(1)  # (G,) that the points stand for
        self.log_prior_weights = model.prior().log_prob(self.points) + self.log_areas
        self._blocks: dict[int | None, list[Decoded]] = {}
        self._border = t.abs().amax(1) > 1 - 2 / self.per_axis

    def sides(self, z: Tensor) -> Tensor:
        """How far apart the points lie about some places, along each axis, of the same shape.

        Args:
            z: (..., D) places.
        """
        return stretch(z) * (2 / self.per_axis)

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
        return scores.sub_(self.log_areas)

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
        fits = fit_peaks(self._model, x, y, self._starts(scores))
        normals = _narrow(fits, self.sides(fits.mean))
        draws_per_point = self.log_areas[which].exp() * normals.draws_per_area(self.points[which].double())
        scores = scores.scatter(1, which, highest - draws_per_point.log1p().to(scores))
        grid = scores.unflatten(1, (self.per_axis // 2, 2) * self._d)
        halves = grid.logsumexp((1, 3)[: self._d]).flatten(1).double()  # (B, 2^D) of every second point
        z = normals.draws()
        drawn = log_joint(self._model, x, z.flatten(1, 2).to(self.points), y).view(z.shape[:3])
        points_per_area = 1 / self.sides(z).prod(-1)
        drawn = drawn - (normals.draws_per_area(z.flatten(1, 2)).view_as(drawn) + points_per_area).log()
        drawn = drawn.where(normals.used[..., None], -math.inf)
        total = torch.cat([halves, drawn.flatten(1)], 1).logsumexp(1)
        halves, drawn = (halves - total[:, None]).exp(), (drawn - total[:, None, None]).exp()
        of_lattice = (halves * halves.shape[1] - halves.sum(1, keepdim=True)).abs().amax(1)
        of_draws = (drawn.var(2) * DRAWS).sum(1).sqrt()
        beyond = _BEYOND * (scores[:, self._border] - total[:, None]).exp().sum(1)
        return total, torch.log1p(of_lattice + 3 * of_draws + beyond)

    def weights(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The share of p(z|x) that each point stands for, (N, G); rows sum to 1; arguments as of `log_joint`."""
        return (self.log_joint(x, y) + self.log_areas).softmax(1)

    def code(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The code of each image, (N, D): the mean of `posterior`; arguments as of `log_joint`."""
        return self.posterior(x, y).mean

    @torch.no_grad()
    def posterior(self, x: Tensor, y: Tensor | None = None) -> DiagonalNormal:
        """A diagonal normal over (N, D) near the best one for p(z|x) of each image; arguments as of `log_joint`."""
        fits, whole = self._fits(x, y)
        std = fits.precision.diagonal(dim1=2, dim2=3).rsqrt()
        elbo = elbo_of(self._model, x, y, fits.mean, torch.diag_embed(std)).masked_fill(~fits.used, -math.inf)
        peak = taken(torch.cat([fits.mean, std.log()], 2), elbo.argmax(1)[:, None])
        starts = torch.cat([peak, whole[:, None]], 1)
        parts = [
            raised(self._model, x[rows].to(self.points), labels_of(self._model, y, rows), starts[rows])
            for rows in torch.arange(len(x), device=x.device).split(_IMAGES_TOGETHER)
        ]
        mean, log_std = torch.cat(parts).to(self.points).chunk(2, 1)
        return DiagonalNormal(mean, log_std)

    @torch.no_grad()
    def mixture(self, x: Tensor, y: Tensor | None = None) -> NormalMixture:
        """A mixture of MODES normals over (N, D), one for each peak of p(z|x); arguments as of `log_joint`.

        An image of fewer peaks has components of the weight 0.
        """
        fits, _ = self._fits(x, y)
        normals = MultivariateNormal(fits.mean, precision_matrix=fits.precision, validate_args=False)
        elbo = elbo_of(self._model, x, y, fits.mean, normals.scale_tril).masked_fill(~fits.used, -math.inf)
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
        """log (p(x_n|z_g) p(z_g) a_g), (N, G), of images of one label."""
        flat = x.flatten(1).to(self.points)
        return torch.cat([block.log_prob(flat) for block in self._decoded(label)], 1).add_(self.log_prior_weights)

    def _starts(self, scores: Tensor) -> Tensor:
        """The highest points (N, STARTS, D) that no neighbour exceeds; if there are few, others follow."""
        heights = (scores - self.log_areas).unflatten(1, (self.per_axis,) * self._d)
        highest = heights
        for axis in range(1, 1 + self._d):
            highest = _highest_of_three(highest, axis)
        heights = heights.sub_(_BELOW * (heights < highest)).flatten(1)
        return self.points[heights.topk(min(STARTS, len(self.points))).indices]

    def _whole(self, scores: Tensor) -> Tensor:
        """Mean and log_std (N, 2 D) float64 of p(z|x) over the lattice, by log (p(x, z_g) a_g)."""
        weights, sides = scores.softmax(1), self.sides(self.points)
        mean = weights @ self.points
        variance = weights @ (self.points.square() + sides.square() / 12) - mean.square()  # of cells
        least = (weights @ sides.square()) / 12
        return torch.cat([mean, 0.5 * torch.maximum(variance, least).log()], 1).double()

    def _fits(self, x: Tensor, y: Tensor | None) -> tuple[Fits, Tensor]:
        """A normal at each of the highest peaks of each image, and mean and log_std (N, 2 D) of the whole posterior."""
        x = x.to(self.points)
        starts = x.new_empty(len(x), min(STARTS, len(self.points)), self._d)
        whole = x.new_empty(len(x), 2 * self._d, dtype=torch.float64)
        for label, rows in by_label(self._model, x, y):
            for some in rows.split(_IMAGES_TOGETHER):
                scores = self._scores(x[some], label)
                starts[some], whole[some] = self._starts(scores), self._whole(scores)
        parts = [
            fit_peaks(self._model, x[rows], labels_of(self._model, y, rows), starts[rows])
            for rows in torch.arange(len(x), device=x.device).split(_IMAGES_TOGETHER)
        ]
        return Fits(*(torch.cat(column) for column in zip(*parts, strict=True))), whole


def _highest_of_three(values: Tensor, axis: int) -> Tensor:
    """The highest of each value and its two neighbours along an axis; a pooling by torch takes longer."""
    inner = values.shape[axis] - 1
    left, right = values.narrow(axis, 0, inner), values.narrow(axis, 1, inner)
    highest = values.clone()
    for part, beside in ((highest.narrow(axis, 1, inner), left), (highest.narrow(axis, 0, inner), right)):
        torch.maximum(part, beside, out=part)
    return highest


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


def _narrow(fits: Fits, sides: Tensor) -> _Narrow:
    """The fitted normals (N, K) for which points with these sides (N, K, D) between them are too far apart."""
    covariance = torch.linalg.inv(fits.precision)
    narrow = torch.linalg.eigvalsh(covariance)[..., 0].sqrt() * _FINE < sides.amax(2)
    return _Narrow(fits.mean, torch.linalg.cholesky(covariance), fits.used & narrow)
