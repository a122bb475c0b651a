"""Adaptive quadrature: the plane is cut into tiles, and each tile is refined only for the images that need it.

    integral of p(x|z) p(z) z^k dz = sum over tiles of (h^D sum over midpoints of p(x|z) p(z) z^k),   k = 0, 1, 2

A tile is cut into 256 cells of side h, whose midpoints are decoded once for all images; a matrix product scores the
images (`pairwise_log_prob`). Then, level by level, tiles are cut into 2^D of half the side, and h is halved, but only
where that matters, and only for the images for which it does.

The decoder tells how fine is fine enough. A maximum of an image's log density lies at most 1/2 dz . C dz above the
nearest midpoint, where dz goes from that midpoint to the corner of its cell and C is the curvature of log p(x|z) over
z. On average over the images that z makes, C is the Fisher information, and h^2 C_ii is the divergence J_i between
neighbouring midpoints along axis i. So a tile may hold more mass than its midpoints show, by up to about

    hidden = max (J_1 + ... + J_D) / 4     nats        (for D = 2 that is the farthest corner, for D = 1 twice that)

and a posterior of standard deviation s along an axis has J = h^2 / s^2 there. Two rules follow.

    A tile is cut for an image as long as log mass + hidden is within 16 nats of the image's total. A thousand tiles
    that are not cut hold about 1e-4 of it.
    An image is settled when halving h moved its total by no more than the tolerance, and when no tile that may hold a
    hundredth of it has hidden > 1/2, which is h > 1.4 s. A sum over midpoints of a normal density is off by less than
    2 exp(-2 pi^2 s^2 / h^2), which is 1e-4 then, and each further halving takes that to its fourth power. So two coarse
    grids that both miss a peak do not settle an image.

An image takes as many points as it needs, up to MOST_POINTS. Where a decoder changes so fast that nearly all tiles
matter, the next cut would need more than that. The image then stays unsettled, and its error is at least

    log(1 + sum over its tiles of share exp(hidden))     nats,      by which they may still raise the total

The error is estimated from 1 + 2^D grids of twice the step: the one before, and those that make up the new one. The
largest of the differences to them is the error. A single difference is small by chance now and then: where a decoder
has kinks (ReLU), the error of a grid goes with h^2 and a phase, and one in ten single differences is below the true
error.

The plane begins as [-6, 6]^D, outside of which lies 4e-9 of the prior. That bounds what is missed only if images decode
no better there, so it is checked: for an image with more than 1e-6 of its mass in the outermost tiles a ring of tiles
is added around them, and so on to [-15, 15]^D.

Within a tile, numbers are of the model's type, usually float32, and relative to what the tile decodes to; sums over
tiles are float64, on the CPU. Blocks bound the memory: about half a gigabyte for 10,000 images.

Davis and Rabinowitz, Methods of numerical integration, 1984, section 2.9 (midpoints of smooth densities); Amari,
Information geometry and its applications, 2016 (the Fisher information as curvature and as divergence).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent
from torch.nn.functional import one_hot

from vae.distributions import jeffreys
from vae.grids import midpoints, product
from vae.inference.joint import Progress, decode, pairwise_log_joint
from vae.protocols import LatentVariableModel

REACH = 6.0  # the plane begins as [-REACH, REACH]^D
FARTHEST = 15.0
CELLS = 256  # in a tile
MOST_POINTS = 3_000_000  # decoded for one image; of 400 images under `vae-best` the hardest takes 0.55 million

_SIDE = 3.0  # of the first tiles, in units of z; they are cut before they are scored
_MOST_CUTS = 11  # the step is then 3 / 16 / 2^12 = 5e-5 for D = 2
_MATTERS_NATS = 16.0
_SETTLED_HIDDEN_NATS = 0.5
_SETTLED_SHARE_NATS = 5.0  # exp(-5) = 0.007
_BORDER_NATS = 14.0  # exp(-14) = 1e-6
_UNDERFLOW_NATS = -80.0  # below the peak: exp of less is a denormal float32, with which CPUs are slow
_IMAGES_TOGETHER = 4_096  # in one matrix product
_MOST_PAIRS = 500_000  # of an image and a tile, before those that do not matter are added up


class Integral(NamedTuple):
    """The integrals of N images over the plane, on the CPU, float64.

    The error is the most by which a grid of twice the step differs. It is at least the rounding of the model's type,
    and above the tolerance for an image that has not settled. From `low` to `high` is the box of the tiles with more
    than 1e-4 of the mass, in each only as far as 4 of its standard deviations about its mean.
    """

    log_px: Tensor  # (N,) in nats
    error: Tensor  # (N,) in nats
    mean: Tensor  # (N, D) of p(z|x)
    covariance: Tensor  # (N, D, D) of p(z|x)
    mode: Tensor  # (N, D) the midpoint of highest density
    low: Tensor  # (N, D)
    high: Tensor  # (N, D)
    step: float  # the finest that any of the images needed


class Counter:
    """Counts the points that are decoded and the images that are done, and tells a callback."""

    def __init__(self, on_progress: Progress | None) -> None:
        self.points = 0
        self.images = 0
        self._on_progress = on_progress

    def add(self, points: int = 0, images: int = 0) -> None:
        """Count more.

        Args:
            points: latent points that have been decoded since the last call.
            images: images that have been settled since the last call.
        """
        self.points += points
        self.images += images
        if self._on_progress:
            self._on_progress(self.points, self.images)


class _TileScores(NamedTuple):
    """What the midpoints of the 2^D parts of a tile say of K images, on the model's device."""

    peak: Tensor  # (K, 2^D) the highest log density
    cell: Tensor  # (K, 2^D) the number of the cell where it is
    sums: Tensor  # (K, 2^D, P) density relative to the peak, times each of the powers of the position in the part
    hidden: Tensor  # (2^D,) nats that the midpoints may not show


class _Pairs(NamedTuple):
    """The mass and the moments of images in tiles: a row for each pair of an image and a tile, moments about 0."""

    image: Tensor  # (P,) int64
    tile: Tensor  # (P,) int64
    hidden: Tensor  # (P,) nats, as defined above
    log_mass: Tensor  # (P,)
    grids: Tensor  # (P, 2^D) the shares of that mass on each of the grids of twice the step
    first: Tensor  # (P, D)
    second: Tensor  # (P, D, D)
    peak: Tensor  # (P,) log density at the best midpoint
    mode: Tensor  # (P, D) that midpoint

    def take(self, rows: Tensor) -> "_Pairs":
        return _Pairs(*(column[rows] for column in self))


class _Sums:
    """The mass and the moments of each image in the tiles that will not be cut again, relative to exp(scale)."""

    def __init__(self, n: int, d: int) -> None:
        zeros = torch.zeros(n, dtype=torch.float64)
        self.scale, self.mass, self.peak = zeros - math.inf, zeros.clone(), zeros - math.inf
        self.first, self.mode = zeros.new_zeros(n, d), zeros.new_zeros(n, d)
        self.second, self.grids = zeros.new_zeros(n, d, d), zeros.new_zeros(n, 2**d)
        self.low, self.high = zeros.new_full((n, d), math.inf), zeros.new_full((n, d), -math.inf)

    def rescale(self, scale: Tensor) -> None:
        """Make them relative to another exp(scale), (N,), which may be far below the one before."""
        factor = torch.where(self.mass > 0, (self.scale - scale).clamp(max=700).exp(), 0)
        self.scale = scale
        self.mass *= factor
        self.grids *= factor[:, None]
        self.first *= factor[:, None]
        self.second *= factor[:, None, None]

    def add(self, pairs: _Pairs) -> None:
        """Add the pairs whose tiles will not be cut."""
        image, weight = pairs.image, (pairs.log_mass - self.scale[pairs.image]).exp()
        self.mass.index_add_(0, image, weight)
        self.grids.index_add_(0, image, weight[:, None] * pairs.grids)
        self.first.index_add_(0, image, weight[:, None] * pairs.first)
        self.second.index_add_(0, image, weight[:, None, None] * pairs.second)
        self.peak.scatter_reduce_(0, image, pairs.peak, "amax")
        best = pairs.peak == self.peak[image]
        self.mode[image[best]] = pairs.mode[best]
        image, first, second = (column[weight > 1e-4] for column in (image, pairs.first, pairs.second))
        spread = 4 * (torch.diagonal(second, dim1=1, dim2=2) - first.square()).clamp(min=0).sqrt()
        index = image[:, None].expand_as(first)
        self.low.scatter_reduce_(0, index, first - spread, "amin")
        self.high.scatter_reduce_(0, index, first + spread, "amax")


class Plane:
    """The plane for N images that share a label, or need none."""

    def __init__(
        self, model: LatentVariableModel, x: Tensor, label: Tensor | None, tolerance_nats: float, counter: Counter
    ) -> None:
        """A plane that is not cut yet.

        Args:
            model: with D <= 2.
            x: (N, 1, 28, 28) images.
            label: () int64, the label of all of them, for a conditional model.
            tolerance_nats: by which the last halving may move log p(x) of an image.
            counter: is told of the points and images.
        """
        self._model, self._label, self._tolerance, self._counter = model, label, tolerance_nats, counter
        self._like = model.prior().mean  # for its type and device
        self._x = x.to(self._like)
        n, d = len(x), model.latent_dim
        self._per_axis = round(CELLS ** (1 / d))
        self._unit = midpoints(self._per_axis, d)  # (CELLS, D)
        parity = ((self._unit + 1) * 0.5 * self._per_axis).long() % 2  # (CELLS, D) of a cell's number on each axis
        grid = one_hot(parity @ torch.tensor([1, 2][:d]), 2**d)  # (CELLS, 2^D) its grid of twice the step
        self._powers = torch.cat([grid, self._unit, _squares(self._unit).flatten(1)], 1).to(self._like)
        self._sides = midpoints(2, d)  # (2^D, D) the places of the parts in a tile
        self._tiles = self._unit.new_empty(0, d)  # the centres of all tiles so far
        self._side = _SIDE
        self._sums = _Sums(n, d)
        self._total = torch.full((n,), -math.inf, dtype=torch.float64)
        self._error = torch.full((n,), math.inf, dtype=torch.float64)
        self._unsettled = torch.ones(n, dtype=torch.bool)
        self._given_up = torch.zeros(n, dtype=torch.bool)
        self._blur = torch.zeros(n, 1, dtype=torch.float64)  # the side of the cells in which an image was given up
        self._points = torch.zeros(n, dtype=torch.int64)  # decoded for each image

    def integrate(self) -> Integral:
        """All integrals of all images, each to the tolerance or as far as MOST_POINTS allows."""
        pairs = self._begin()
        for cuts in range(_MOST_CUTS + 1):
            self._weigh(pairs)
            self._give_up(pairs, last=cuts == _MOST_CUTS)
            pairs = self._sum_up(pairs)
            if not len(pairs.image):
                break
            pairs = self._cut(pairs)
        sums = self._sums
        mean = sums.first / sums.mass[:, None]
        covariance = sums.second / sums.mass[:, None, None] - _squares(mean)
        covariance += torch.diag_embed(self._blur.square().expand_as(mean) / 12)
        rounding = torch.finfo(self._like.dtype).eps * self._total.abs()
        error = torch.maximum(self._error, rounding)
        step = self._side / self._per_axis
        low, high = (torch.where(side.isfinite(), side, mean) for side in (sums.low, sums.high))
        low, high = low - 0.5 * self._blur, high + 0.5 * self._blur
        return Integral(self._total, error, mean, covariance, sums.mode, low, high, step)

    def _begin(self) -> _Pairs:
        """Score the coarsest tiles, and rings of them as far out as images reach."""
        all_images = torch.arange(len(self._x))
        reach, tiles = REACH, _tiles_within(REACH, self._unit.shape[1])
        pairs = self._score(tiles, [all_images] * len(tiles))
        while reach < FARTHEST:
            total = _log_sums(pairs, len(all_images))
            outermost = self._tiles[pairs.tile].abs().amax(1) > reach - 0.5 * _SIDE
            far = outermost & (pairs.log_mass > total[pairs.image] - _BORDER_NATS)
            if not far.any():
                break
            reach += _SIDE
            tiles = _tiles_within(reach, self._unit.shape[1])
            tiles = tiles[tiles.abs().amax(1) > reach - _SIDE]
            ring = self._score(tiles, [pairs.image[far].unique()] * len(tiles))
            pairs = _join([pairs, ring])
        self._side /= 2
        return pairs

    def _cut(self, pairs: _Pairs) -> _Pairs:
        """Score the same pairs at half the step."""
        order = pairs.tile.argsort(stable=True)
        tiles, counts = pairs.tile[order].unique_consecutive(return_counts=True)
        finer = self._score(self._tiles[tiles], pairs.image[order].split(counts.tolist()))
        self._side /= 2
        return finer

    def _weigh(self, pairs: _Pairs) -> None:
        """Update the totals and the errors, and mark the images that have settled."""
        total = torch.logaddexp(_log_sums(pairs, len(self._total)), self._sums.scale + self._sums.mass.log())
        self._sums.rescale(total)
        weight = (pairs.log_mass - total[pairs.image]).exp()
        grids = self._sums.grids.index_add(0, pairs.image, weight[:, None] * pairs.grids)  # (N, 2^D)
        error = torch.maximum((total - self._total).abs(), (grids * grids.shape[1]).log().abs().amax(1))
        self._error = torch.where(self._unsettled, error, self._error)
        self._total = total
        before = int(self._unsettled.sum())
        self._unsettled = self._error > self._tolerance
        hides = (pairs.hidden > _SETTLED_HIDDEN_NATS) & self._within(pairs, _SETTLED_SHARE_NATS)
        self._unsettled[pairs.image[hides]] = True
        self._unsettled &= ~self._given_up
        self._counter.add(images=before - int(self._unsettled.sum()))

    def _give_up(self, pairs: _Pairs, last: bool) -> None:
        """Give up images for which the next cut would take too many points; their error then says so."""
        points = self._matters(pairs) * self._points_per_cut()
        next_cut = torch.zeros_like(self._points).index_add_(0, pairs.image, points)
        stop = self._unsettled & (last | (self._points + next_cut > MOST_POINTS))
        rise = torch.logaddexp(self._total, _log_sums(pairs, len(stop), pairs.hidden)) - self._total
        self._error = torch.where(stop, torch.maximum(self._error, rise), self._error)
        self._blur[stop] = self._side / self._per_axis
        self._given_up |= stop
        self._unsettled &= ~stop
        self._counter.add(images=int(stop.sum()))

    def _points_per_cut(self) -> int:
        """The number of points that are decoded to cut one tile."""
        return CELLS * len(self._sides)

    def _matters(self, pairs: _Pairs) -> Tensor:
        return self._within(pairs, _MATTERS_NATS) & self._unsettled[pairs.image]

    def _within(self, pairs: _Pairs, nats: float) -> Tensor:
        return pairs.log_mass + pairs.hidden > self._total[pairs.image] - nats

    def _sum_up(self, pairs: _Pairs) -> _Pairs:
        """Add to the sums the pairs that do not matter any more; returns the others, which are to be cut."""
        matters = self._matters(pairs)
        self._sums.add(pairs.take(~matters))
        return pairs.take(matters)

    def _score(self, tiles: Tensor, images: Sequence[Tensor]) -> _Pairs:
        """Score the 2^D parts of each tile (T, D) for the images that are listed for that tile."""
        parts = tiles[:, None] + 0.5 * self._side * self._sides  # (T, 2^D, D)
        ids = len(self._tiles) + torch.arange(parts[..., 0].numel()).reshape(parts.shape[:2])
        self._tiles = torch.cat([self._tiles, parts.flatten(0, 1)])
        self._points += torch.cat(list(images)).bincount(minlength=len(self._points)) * self._points_per_cut()
        rows = torch.cat(list(images)).to(self._like.device).split([len(image) for image in images])
        kept, scores, start, held = [], [], 0, 0
        for end in range(1, len(tiles) + 1):
            scores.append(self._score_tile(parts[end - 1], rows[end - 1]))
            held += len(rows[end - 1]) * parts.shape[1]
            if held > _MOST_PAIRS or end == len(tiles):
                kept.append(self._sum_up(self._pairs(ids[start:end], images[start:end], scores)))
                scores, start, held = [], end, 0
        return _join(kept)

    def _score_tile(self, parts: Tensor, rows: Tensor) -> _TileScores:
        """Score the parts (2^D, D) of one tile for the images `rows` (K,)."""
        z = (parts[:, None] + 0.25 * self._side * self._unit).flatten(0, 1).to(self._like)  # (2^D CELLS, D)
        likelihood = decode(self._model, z, self._label)
        self._counter.add(points=len(z))
        peaks, cells, sums = [], [], []
        for block in rows.split(_IMAGES_TOGETHER):
            x = self._x if len(block) == len(self._x) else self._x[block]
            density = pairwise_log_joint(self._model, likelihood, z, x).unflatten(1, (len(parts), CELLS))
            peak, cell = density.max(2)
            peaks.append(peak)
            cells.append(cell)
            sums.append(density.sub_(peak[..., None]).clamp_(min=_UNDERFLOW_NATS).exp_() @ self._powers)
        return _TileScores(torch.cat(peaks), torch.cat(cells), torch.cat(sums), self._hidden(likelihood, len(parts)))

    def _hidden(self, likelihood: Independent, parts: int) -> Tensor:
        """The nats that each part may hold beyond what its midpoints show, estimated at every other midpoint."""
        d, device = self._unit.shape[1], self._like.device
        strides = self._per_axis ** torch.arange(d, device=device)  # between the numbers of neighbouring cells
        even = product(torch.arange(0, self._per_axis - 1, 2, device=device), d)
        cells = CELLS * torch.arange(parts, device=device)[:, None] + (even * strides).sum(1)  # (2^D, E)
        bend = torch.stack([jeffreys(likelihood, cells.flatten(), cells.flatten() + stride) for stride in strides])
        return 0.25 * bend.sum(0).reshape(parts, -1).amax(1)

    def _pairs(self, ids: Tensor, images: Sequence[Tensor], scores: Sequence[_TileScores]) -> _Pairs:
        """The scores of some tiles, on the CPU and in coordinates of the plane."""
        d, counts = self._unit.shape[1], torch.tensor([len(image) for image in images])
        image = torch.cat(list(images)).repeat_interleave(len(self._sides))
        tile = ids.repeat_interleave(counts, 0).flatten()
        hidden = torch.stack([score.hidden for score in scores]).cpu().double().repeat_interleave(counts, 0).flatten()
        peak = torch.cat([score.peak for score in scores]).flatten().cpu()
        cell = torch.cat([score.cell for score in scores]).flatten().cpu()
        sums = torch.cat([score.sums for score in scores]).flatten(0, 1).cpu().double()
        grids, u, uu = sums.split([2**d, d, d**2], 1)
        mass, half = grids.sum(1, keepdim=True), 0.25 * self._side
        u, uu = u / mass, (uu / mass).unflatten(1, (d, d))
        first = self._tiles[tile] + half * u
        second = half**2 * (uu - _squares(u)) + _squares(first)
        log_mass = peak + mass[:, 0].log() + d * math.log(2 * half / self._per_axis)
        mode = self._tiles[tile] + half * self._unit[cell]
        return _Pairs(image, tile, hidden, log_mass, grids / mass, first, second, peak.double(), mode)


def _join(pairs: list[_Pairs]) -> _Pairs:
    return _Pairs(*(torch.cat(column) for column in zip(*pairs, strict=True)))


def _log_sums(pairs: _Pairs, n: int, more: Tensor | float = 0.0) -> Tensor:
    """The logarithm of the total mass of each of n images, (n,), after `more` is added to each log mass."""
    log_mass = pairs.log_mass + more
    top = torch.full((n,), -math.inf, dtype=torch.float64).scatter_reduce(0, pairs.image, log_mass, "amax")
    sums = torch.zeros(n, dtype=torch.float64).index_add(0, pairs.image, (log_mass - top[pairs.image]).exp())
    return top + sums.log()


def _tiles_within(reach: float, d: int) -> Tensor:
    """The centres (T, d) of the first tiles of [-reach, reach]^d."""
    return reach * midpoints(round(2 * reach / _SIDE), d)


def _squares(z: Tensor) -> Tensor:
    """z z^T, (..., D, D), of vectors z (..., D)."""
    return z[..., :, None] * z[..., None, :]
