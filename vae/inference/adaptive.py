"""The plane cut into tiles, each as fine as it must be for each image.

    integral of p(x|z) p(z) z^k dz = sum over tiles of (h^D sum over midpoints of p(x|z) p(z) z^k),   k = 0, 1, 2

A tile is cut into 256 cells of side h, whose midpoints are decoded: once for all images, which are scored by a matrix
product (`pairwise_log_prob`). Then, level by level, tiles are cut into 2^D of half the side, and h is halved, but only
where that matters, and only for the images for which it does.

How fine is fine enough is told by the decoder. A maximum of an image's log density lies at most 1/2 dz . C dz above the
nearest midpoint, with dz from there to the corner of its cell and C the curvature of log p(x|z) over z. On average over
the images that z makes, C is the Fisher information, and h^2 C_ii is the divergence J_i between neighbouring midpoints
along axis i. So a tile may hold more than was seen, by up to about

    hidden = max (J_1 + ... + J_D) / 4     nats        (which for D = 2 is the farthest corner, for D = 1 twice that)

and a posterior of standard deviation s along an axis has J = h^2 / s^2 there. From it follow the two rules.

    A tile is cut for an image as long as log mass + hidden is within 16 nats of the image's total. A thousand tiles
    left alone hold about 1e-4 of it.
    An image is settled when halving h moved its total by no more than the tolerance, and when no tile that may hold a
    hundredth of it has hidden > 1/2, which is h > 1.4 s. A sum over midpoints of a normal density is off by less than
    2 exp(-2 pi^2 s^2 / h^2), then 1e-4, and each further halving takes that to its fourth power. So two coarse grids
    that both miss a peak settle nothing.

An image takes as many points as it needs, up to MOST_POINTS. Where a decoder changes so fast that nearly all tiles
matter, the next cut would need more than that; the image then stays unsettled, and its error is at least

    log(1 + sum over its tiles of share exp(hidden))     nats,      by which they may yet raise the total

What halving moved is told by 1 + 2^D grids of twice the step: the one before, and those of which the new one consists.
The largest of their differences is the error. A single one is small by chance now and then: where a decoder has kinks
(ReLU), the error of a grid goes with h^2 and a phase, and one in ten single differences is below the true error.

The plane begins as [-6, 6]^D, outside of which lies 4e-9 of the prior. This bounds what is missed only if images decode
no better there, so it is looked at, not assumed: for an image with more than 1e-6 of its mass in the outermost tiles, a
ring of tiles is added around them, and so on to [-15, 15]^D.

Within a tile, numbers are of the model's type, float32 as a rule, and relative to what the tile decodes to; sums over
tiles are float64, on the CPU. Memory is bounded by blocks: about half a gigabyte for 10,000 images.

Davis and Rabinowitz, Methods of numerical integration, 1984, section 2.9 (midpoints of smooth densities); Amari,
Information geometry and its applications, 2016 (the Fisher information as curvature and as divergence).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent
from torch.nn.functional import one_hot

from vae.distributions import jeffreys, pairwise_log_prob
from vae.models import LatentVariableModel

REACH = 6.0  # the plane begins as [-REACH, REACH]^D
FARTHEST = 15.0
CELLS = 256  # of a tile
MOST_POINTS = 3_000_000  # decoded for one image; of 400 images under `vae-best` the hardest takes 0.55 million

_SIDE = 3.0  # of the first tiles; they are cut before they are scored
_CUTS = 11  # at most: the step is then 3 / 16 / 2^12 = 5e-5 for D = 2
_MATTERS_NATS = 16.0
_SEEN_NATS = 0.5
_SHARE_NATS = 5.0  # exp(-5) = 0.007
_BORDER_NATS = 14.0  # exp(-14) = 1e-6
_FAINT_NATS = -80.0  # below the peak: exp of less is a denormal float32, with which CPUs are slow
_ROWS = 4_096  # images in one matrix product
_PAIRS = 500_000  # of an image and a tile, before those that do not matter are summed up


class Integral(NamedTuple):
    """What a pass over the plane finds of N images, on the CPU, float64."""

    log_px: Tensor  # (N,) in nats
    error: Tensor  # (N,) in nats, the most by which a grid of twice the step differs; at least the type's rounding, and
    # above the tolerance for an image that has not settled
    mean: Tensor  # (N, D) of p(z|x), as all that follows
    covariance: Tensor  # (N, D, D)
    mode: Tensor  # (N, D) the midpoint of highest density
    low: Tensor  # (N, D) the box of the tiles with more than 1e-4 of the mass, in each only as far as 4 of its
    high: Tensor  # (N, D) standard deviations about its mean
    step: float  # the finest


class Tally:
    """Counts what has been done, and tells whoever wants to know."""

    def __init__(self, on_progress: Callable[[int, int], object] | None) -> None:
        self.points = 0
        self.images = 0
        self._on_progress = on_progress

    def add(self, points: int = 0, images: int = 0) -> None:
        """So many more latent points decoded, and images settled."""
        self.points += points
        self.images += images
        if self._on_progress:
            self._on_progress(self.points, self.images)


def midpoints(per_axis: int, d: int) -> Tensor:
    """Of the cells of [-1, 1]^d cut into per_axis along each axis, (per_axis^d, d) float64, the last axis fastest."""
    axis = (torch.arange(per_axis, dtype=torch.float64) + 0.5) * 2 / per_axis - 1
    return torch.stack(torch.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)


def decode(model: LatentVariableModel, z: Tensor, label: Tensor | None) -> Independent:
    """p(x|z), or p(x|z, y) with the one label y = label, at points z (G, D)."""
    return model.likelihood(z, None if label is None else label.expand(len(z)))


def log_joint(model: LatentVariableModel, likelihood: Independent, z: Tensor, x: Tensor) -> Tensor:
    """log p(x_n|z_g) + log p(z_g) in nats, (N, G), where likelihood is that of the points z (G, D)."""
    return pairwise_log_prob(likelihood, x).add_(model.prior().log_prob(z))


class _Pairs(NamedTuple):
    """What tiles hold of images: a row for each pair of an image and a tile, the moments about 0."""

    image: Tensor  # (P,) int64
    tile: Tensor  # (P,) int64
    hidden: Tensor  # (P,) of the tile
    log_mass: Tensor  # (P,)
    grids: Tensor  # (P, 2^D) the shares in it of the grids of twice the step
    first: Tensor  # (P, D)
    second: Tensor  # (P, D, D)
    peak: Tensor  # (P,) log density at the best midpoint
    mode: Tensor  # (P, D) that midpoint

    def take(self, rows: Tensor) -> "_Pairs":
        return _Pairs(*(column[rows] for column in self))


class _Sums:
    """Of the tiles that are done with, for each image: mass and moments, all relative to exp(scale)."""

    def __init__(self, n: int, d: int) -> None:
        zeros = torch.zeros(n, dtype=torch.float64)
        self.scale, self.mass, self.peak = zeros - math.inf, zeros.clone(), zeros - math.inf
        self.first, self.mode = zeros.new_zeros(n, d), zeros.new_zeros(n, d)
        self.second, self.grids = zeros.new_zeros(n, d, d), zeros.new_zeros(n, 2**d)
        self.low, self.high = zeros.new_full((n, d), math.inf), zeros.new_full((n, d), -math.inf)

    def rescale(self, scale: Tensor) -> None:
        """Make them relative to exp(scale), (N,), at most 1 in it, even if it is far below the scale before."""
        factor = torch.where(self.mass > 0, (self.scale - scale).clamp(max=700).exp(), 0)
        self.scale = scale
        self.mass *= factor
        self.grids *= factor[:, None]
        self.first *= factor[:, None]
        self.second *= factor[:, None, None]

    def add(self, pairs: _Pairs) -> None:
        """Take in what tiles hold that will not be cut."""
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
    """The plane as N images see it, under one label where the model is conditional."""

    def __init__(
        self, model: LatentVariableModel, x: Tensor, label: Tensor | None, tolerance_nats: float, tally: Tally
    ) -> None:
        self._model, self._label, self._tolerance, self._tally = model, label, tolerance_nats, tally
        self._like = model.prior().mean  # for its type and device
        self._x = x.to(self._like)
        n, d = len(x), model.latent_dim
        self._per_axis = round(CELLS ** (1 / d))
        self._unit = midpoints(self._per_axis, d)  # (CELLS, D)
        parity = ((self._unit + 1) * 0.5 * self._per_axis).long() % 2  # (CELLS, D), of the cell's number on each axis
        grid = one_hot(parity @ torch.tensor([1, 2][:d]), 2**d)  # (CELLS, 2^D) which grid of twice the step it is of
        self._powers = torch.cat([grid, self._unit, _squares(self._unit).flatten(1)], 1).to(self._like)
        self._sides = midpoints(2, d)  # where the parts of a tile lie in it
        self._tiles = self._unit.new_empty(0, d)  # centres of all tiles there ever were
        self._side = _SIDE
        self._sums = _Sums(n, d)
        self._total = torch.full((n,), -math.inf, dtype=torch.float64)
        self._error = torch.full((n,), math.inf, dtype=torch.float64)
        self._unsettled = torch.ones(n, dtype=torch.bool)
        self._given_up = torch.zeros(n, dtype=torch.bool)
        self._blur = torch.zeros(n, 1, dtype=torch.float64)  # the side of a cell, which hides where in it mass lies
        self._points = torch.zeros(n, dtype=torch.int64)  # decoded for each image

    def integrate(self) -> Integral:
        """All integrals of all images, each to its tolerance or as far as MOST_POINTS allow."""
        pairs = self._begin()
        for cuts in range(_CUTS + 1):
            self._weigh(pairs)
            self._give_up(pairs, last=cuts == _CUTS)
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
        """The coarsest tiles, and rings of them as far out as images reach."""
        everyone = torch.arange(len(self._x))
        reach, tiles = REACH, _tiles_within(REACH, self._unit.shape[1])
        pairs = self._score(tiles, [everyone] * len(tiles))
        while reach < FARTHEST:
            total = _log_sums(pairs, len(everyone))
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
        """The same pairs at half the step."""
        order = pairs.tile.argsort(stable=True)
        tiles, counts = pairs.tile[order].unique_consecutive(return_counts=True)
        found = self._score(self._tiles[tiles], pairs.image[order].split(counts.tolist()))
        self._side /= 2
        return found

    def _weigh(self, pairs: _Pairs) -> None:
        """Total up, and see which images have settled."""
        total = torch.logaddexp(_log_sums(pairs, len(self._total)), self._sums.scale + self._sums.mass.log())
        self._sums.rescale(total)
        weight = (pairs.log_mass - total[pairs.image]).exp()
        grids = self._sums.grids.index_add(0, pairs.image, weight[:, None] * pairs.grids)  # (N, 2^D)
        error = torch.maximum((total - self._total).abs(), (grids * grids.shape[1]).log().abs().amax(1))
        self._error = torch.where(self._unsettled, error, self._error)
        self._total = total
        before = int(self._unsettled.sum())
        self._unsettled = self._error > self._tolerance
        self._unsettled[pairs.image[(pairs.hidden > _SEEN_NATS) & self._within(pairs, _SHARE_NATS)]] = True
        self._unsettled &= ~self._given_up
        self._tally.add(images=before - int(self._unsettled.sum()))

    def _give_up(self, pairs: _Pairs, last: bool) -> None:
        """Give up images for which the next cut would take too many points, and let their error say so."""
        next_cut = torch.zeros_like(self._points).index_add_(0, pairs.image, self._matters(pairs) * self._a_tile())
        stop = self._unsettled & (last | (self._points + next_cut > MOST_POINTS))
        rise = torch.logaddexp(self._total, _log_sums(pairs, len(stop), pairs.hidden)) - self._total
        self._error = torch.where(stop, torch.maximum(self._error, rise), self._error)
        self._blur[stop] = self._side / self._per_axis
        self._given_up |= stop
        self._unsettled &= ~stop
        self._tally.add(images=int(stop.sum()))

    def _a_tile(self) -> int:
        """How many points cutting one tile decodes."""
        return CELLS * len(self._sides)

    def _matters(self, pairs: _Pairs) -> Tensor:
        return self._within(pairs, _MATTERS_NATS) & self._unsettled[pairs.image]

    def _within(self, pairs: _Pairs, nats: float) -> Tensor:
        return pairs.log_mass + pairs.hidden > self._total[pairs.image] - nats

    def _sum_up(self, pairs: _Pairs) -> _Pairs:
        """Add to the sums what is done with; the rest is to be cut."""
        matters = self._matters(pairs)
        self._sums.add(pairs.take(~matters))
        return pairs.take(matters)

    def _score(self, tiles: Tensor, images: list[Tensor]) -> _Pairs:
        """The 2^D parts of each tile (T, D), with the images listed for that tile."""
        parts = tiles[:, None] + 0.5 * self._side * self._sides  # (T, 2^D, D)
        ids = len(self._tiles) + torch.arange(parts[..., 0].numel()).reshape(parts.shape[:2])
        self._tiles = torch.cat([self._tiles, parts.flatten(0, 1)])
        self._points += torch.cat(images).bincount(minlength=len(self._points)) * self._a_tile()
        rows = torch.cat(images).to(self._like.device).split([len(image) for image in images])
        kept, found, start, held = [], [], 0, 0
        for end in range(1, len(tiles) + 1):
            found.append(self._score_tile(parts[end - 1], rows[end - 1]))
            held += len(rows[end - 1]) * parts.shape[1]
            if held > _PAIRS or end == len(tiles):
                kept.append(self._sum_up(self._pairs(ids[start:end], images[start:end], found)))
                found, start, held = [], end, 0
        return _join(kept)

    def _score_tile(self, parts: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
        """Of each image and part (K, 2^D): the peak, its cell, the sums of 1, u, u u^T; and hidden (2^D,)."""
        z = (parts[:, None] + 0.25 * self._side * self._unit).flatten(0, 1).to(self._like)  # (2^D CELLS, D)
        likelihood = decode(self._model, z, self._label)
        self._tally.add(points=len(z))
        found = []
        for block in rows.split(_ROWS):
            x = self._x if len(block) == len(self._x) else self._x[block]
            density = log_joint(self._model, likelihood, z, x).unflatten(1, (len(parts), CELLS))
            peak, cell = density.max(2)
            found.append((peak, cell, density.sub_(peak[..., None]).clamp_(min=_FAINT_NATS).exp_() @ self._powers))
        return *(torch.cat(column) for column in zip(*found, strict=True)), self._hidden(likelihood, len(parts))

    def _hidden(self, likelihood: Independent, parts: int) -> Tensor:
        """What each part may hold beyond what its midpoints show, in nats, looked at beside every other midpoint."""
        d = self._unit.shape[1]
        cells = torch.arange(parts * CELLS, device=self._like.device).unflatten(0, (parts, *[self._per_axis] * d))
        here = cells[(slice(None), *[slice(0, -1, 2)] * d)]
        beside = [cells[(slice(None), *[slice(int(a == axis), None, 2) for a in range(d)])] for axis in range(d)]
        bend = sum(jeffreys(likelihood, here.flatten(), there.flatten()) for there in beside)
        return 0.25 * bend.reshape(parts, -1).amax(1)

    def _pairs(self, ids: Tensor, images: list[Tensor], found: list[tuple[Tensor, ...]]) -> _Pairs:
        """What `_score_tile` found of some tiles, on the CPU and in coordinates of the plane."""
        d, counts = self._unit.shape[1], torch.tensor([len(image) for image in images])
        image = torch.cat(images).repeat_interleave(len(self._sides))
        tile = ids.repeat_interleave(counts, 0).flatten()
        peaks, cells, sums, hiddens = zip(*found, strict=True)
        hidden = torch.stack(hiddens).cpu().double().repeat_interleave(counts, 0).flatten()
        peak, cell = (torch.cat(column).flatten().cpu() for column in (peaks, cells))
        grids, u, uu = torch.cat(sums).flatten(0, 1).cpu().double().split([2**d, d, d**2], 1)
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
    """log of the sum of the masses of each of n images, (N,), after adding `more` to each tile's log mass."""
    log_mass = pairs.log_mass + more
    top = torch.full((n,), -math.inf, dtype=torch.float64).scatter_reduce(0, pairs.image, log_mass, "amax")
    sums = torch.zeros(n, dtype=torch.float64).index_add(0, pairs.image, (log_mass - top[pairs.image]).exp())
    return top + sums.log()


def _tiles_within(reach: float, d: int) -> Tensor:
    return reach * midpoints(round(2 * reach / _SIDE), d)


def _squares(z: Tensor) -> Tensor:
    return z[..., :, None] * z[..., None, :]
