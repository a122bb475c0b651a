"""Shortest curves on the surface that a decoder makes of a latent space.

A plane has many curves that no small change makes shorter. So the search begins with a shortest path in a graph: the
points of a grid (Dijkstra, A note on two problems in connexion with graphs, 1959), each linked to 32 neighbours. The
weight of a link is the decoded distance between its ends a and b by way of the middle m between them:

    weight(a, b) = |phi(m) - phi(a)| + |phi(b) - phi(m)|

Such a path runs in few directions only, and is too long by several hundredths where the surface is stretched. It is
then turned into a broken line whose corners are moved until its energy is least: first a line of few pieces, then one
of more. The shortest path does not always become the shortest curve. So a second search begins with the shortest path
whose links go to the nearest 16 neighbours, if that is another path.

Energy is measured at several points on each piece. With fewer, a curve would look shorter the farther it jumps over
what lies between two points, and minimising would find such jumps. The minimum is found by L-BFGS, in coordinates u in
which the energy is round as far as the metric at the corners tells: H = L L^T, dz = L^-T u, with

    H = the matrix of  sum_i (dz_(i+1) - dz_i)^T (G_i + G_(i+1)) / 2 (dz_(i+1) - dz_i)

where dz is the move of the corners. Then about ten decodes of the curve are enough; in z it takes hundreds.

Nocedal and Wright, Numerical optimization, 2006, section 7.2.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import gcd
from typing import NamedTuple

import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from vae.geometry import Surface

SIZE = 160  # points of the grid along an axis
SAMPLES = 320  # pieces of the curve that is found
LINKS = tuple((i, j) for i in range(4) for j in range(-3, 4) if gcd(i, j) == 1 and (i, j) > (0, 0))  # steps, one way
REACHES = 2, 3  # the longest steps of the links along an axis, for which shortest paths are searched

_BEGIN, _END = (40, 6), (80, 10)  # pieces of the broken line, and how often its corners are moved
_FIRST_SAMPLES = 4  # of the energy, on each piece of the first broken line
_ALIKE = 1.5  # steps of the grid: two paths that are nowhere farther apart count as one
_ROWS_TOGETHER = 8  # of the grid
_TOGETHER = 5  # curves whose energies are decoded at once
_LEAST_WEIGHT = 1e-6  # of the mean weight, so that no link is free where the decoder does not move
_RIDGE = 1e-4  # of the mean stiffness, for the same reason


class Graph(NamedTuple):
    """A grid over a rectangle of the plane, as a graph; it serves all geodesics of a surface."""

    z: Tensor  # (S, S, 2) the points, z1 along the first axis
    weights: tuple[csr_array, ...]  # for each of REACHES (S^2, S^2) float64, of the links up to that length, both ways

    def shortest(self, z0: Tensor, z1: Tensor) -> list[Tensor]:
        """For each of REACHES the corners (P, 2) of the shortest path between two points, if there is one.

        The path leads by way of the grid points nearest to both. Two paths that are alike are given once.

        Args:
            z0: (2,) where it begins.
            z1: (2,) where it ends.
        """
        points = self.z.flatten(0, 1)
        start, end = (int((points - z).square().sum(1).argmin()) for z in (z0, z1))
        paths: list[Tensor] = []
        for weights in self.weights:
            onward = dijkstra(weights, indices=end, return_predecessors=True)[1]
            path = [start]
            while path[-1] != end and path[-1] >= 0:  # below 0 scipy says that there is no way
                path.append(int(onward[path[-1]]))
            inner = points[path[1:-1]]
            if path[-1] == end and not any(self._alike(inner, other[1:-1]) for other in paths):
                paths.append(torch.stack([z0, *inner, z1]))
        return paths

    @torch.no_grad()
    def stretched(self, stretch: Callable[[Tensor], Tensor]) -> "Graph":
        """The same graph where a step counts `stretch` times as long, each link as in its middle."""
        points = self.z.flatten(0, 1)

        def weighed(weights: csr_array) -> csr_array:
            links = weights.tocoo()
            middles = 0.5 * (points[torch.from_numpy(links.row).long()] + points[torch.from_numpy(links.col).long()])
            return csr_array(
                (links.data * stretch(middles).double().cpu().numpy(), (links.row, links.col)), links.shape
            )

        return Graph(self.z, tuple(map(weighed, self.weights)))

    def _alike(self, one: Tensor, other: Tensor) -> bool:
        step = self.z[1, 1] - self.z[0, 0]
        apart = torch.cdist((one / step).double(), (other / step).double())
        return not apart.numel() or bool(apart.amin(1).amax() < _ALIKE)


@torch.no_grad()
def graph(surface: Surface, low: Tensor, high: Tensor, size: int = SIZE) -> Graph:
    """The graph of a grid over a rectangle of the plane.

    Args:
        surface: of a decoder with D = 2.
        low: (2,) the lower left corner of the rectangle.
        high: (2,) the upper right corner.
        size: points along each axis.

    Raises:
        ValueError: unless the latent space is a plane and the rectangle has an area.
    """
    if low.shape != (2,) or high.shape != (2,) or not bool((low < high).all()):
        raise ValueError(f"a grid needs two corners (2,) of a rectangle, got {low.tolist()} and {high.tolist()}")
    axes = [torch.linspace(float(a), float(b), 2 * size - 1, dtype=low.dtype) for a, b in zip(low, high, strict=True)]
    z = torch.cartesian_prod(*axes).to(low.device).view(2 * size - 1, 2 * size - 1, 2)  # the points and the middles
    weights = z.new_full((len(LINKS), size, size), torch.inf, dtype=torch.float64)
    for first, images in _bands(surface, z):
        for weight, (i, j) in zip(weights, LINKS, strict=True):
            count, left, right = min(_ROWS_TOGETHER, size - i - first), max(0, -j), size - max(0, j)
            if count > 0:
                a, m, b = (
                    images[k * i : k * i + 2 * count - 1 : 2, 2 * left + k * j : 2 * right - 1 + k * j : 2]
                    for k in range(3)
                )
                weight[first : first + count, left:right] = (m - a).norm(dim=2) + (b - m).norm(dim=2)
    found = Graph(z[::2, ::2], tuple(_matrix(weights, reach) for reach in REACHES))
    return found if surface.stretch is None else found.stretched(surface.stretch)


def _bands(surface: Surface, z: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The number of every _ROWS_TOGETHER-th row, with the images of all points that the links from these rows pass."""
    reach, images = max(map(max, LINKS)), surface.embed(z[0])[None][:0]
    for first in range(0, (len(z) + 1) // 2, _ROWS_TOGETHER):
        rows = z[2 * first + len(images) : 2 * (first + _ROWS_TOGETHER + reach) - 1]
        images = torch.cat([images, *(surface.embed(row)[None] for row in rows)])
        yield first, images
        images = images[2 * _ROWS_TOGETHER :]


def _matrix(weights: Tensor, reach: int) -> csr_array:
    """Weights (L, S, S) of LINKS from each point as a matrix, both ways; only of links up to `reach` long."""
    size, steps = weights.shape[1], torch.tensor(LINKS, device=weights.device)
    link, row, column = (weights.isfinite() & (steps.abs().amax(1) <= reach)[:, None, None]).nonzero().T
    values = weights[link, row, column]
    values += _LEAST_WEIGHT * values.sum() / max(1, len(values)) + torch.finfo(torch.float64).tiny
    ends = torch.stack([row * size + column, (row + steps[link, 0]) * size + column + steps[link, 1]])
    both = torch.cat([ends, ends.flip(0)], 1).cpu().numpy()
    return csr_array((values.repeat(2).cpu().numpy(), tuple(both)), shape=(size**2, size**2))


def geodesic(surface: Surface, z0: Tensor, z1: Tensor, grid: Graph | None = None) -> Tensor:
    """The corners (SAMPLES + 1, D) of a shortest curve between two points, at equal distances of decoded length.

    The search starts from the shortest paths in the grid, and from the straight line if there is no grid or if those
    paths lead to nothing shorter. So the curve is never longer than the line, both measured with as many corners. No
    small change makes it much shorter. A curve far from it may be shorter: the paths run in few directions, and the
    grid may miss what is finer than itself. From z1 to z0 it is the same curve backwards.

    Where the surface has a stretch, the curve is the shortest with it, but its corners are spaced without it.

    Args:
        surface: of a decoder.
        z0: (D,) where it begins, of the decoder's type.
        z1: (D,) where it ends.
        grid: `graph(surface, ...)`, if there is one.
    """
    return _curves(surface, z0[None], z1[None], grid)[0]


@torch.no_grad()
def distances(surface: Surface, starts: Tensor, ends: Tensor, grid: Graph | None = None) -> Tensor:
    """The lengths (K,) of the geodesics between many pairs of points, in the unit of the surface.

    They are searched for together, a few at a time, by the search of `geodesic`. One search for several curves stops
    somewhat sooner: between codes of `vae` a length is within a thousandth of what `geodesic` finds, between codes of
    `ae`, where there are more ways, within three hundredths.

    Args:
        surface: of a decoder.
        starts: (K, D) where they begin, of the decoder's type.
        ends: (K, D) where they end.
        grid: `graph(surface, ...)`, if there is one.

    Raises:
        ValueError: unless there are as many ends as starts.
    """
    if starts.ndim != 2 or starts.shape != ends.shape:
        raise ValueError(f"starts and ends must both be (K, D), got {tuple(starts.shape)} and {tuple(ends.shape)}")
    blocks = zip(starts.split(_TOGETHER), ends.split(_TOGETHER), strict=True)
    return torch.cat([surface.length(_curves(surface, z0, z1, grid)) for z0, z1 in blocks])


def _curves(surface: Surface, starts: Tensor, ends: Tensor, grid: Graph | None) -> Tensor:
    """The geodesics (K, SAMPLES + 1, D) between pairs of points (K, D)."""
    pairs = list(zip(starts.tolist(), ends.tolist(), strict=True))
    swapped = torch.tensor([b < a for a, b in pairs], device=starts.device)  # or rounding would depend on the direction
    lines = torch.stack([starts, ends], 1)
    lines = torch.where(swapped[:, None, None], lines.flip(1), lines)
    curves = _even(lines, None, SAMPLES + 1)
    limits = _length(surface, curves)
    left = limits.isfinite()
    for begin in (_paths(grid), lambda line: [line]):
        searched = {i: begun for i in left.nonzero()[:, 0].tolist() if (begun := begin(lines[i]))}
        if searched:
            which = torch.tensor(list(searched), device=starts.device)
            found = _shortened(surface, list(searched.values()))
            shorter = _length(surface, found) < limits[which]
            curves[which[shorter]], left[which[shorter]] = found[shorter], False
    return torch.where(swapped[:, None, None], curves.flip(1), curves)


def _paths(grid: Graph | None) -> Callable[[Tensor], list[Tensor]]:
    return lambda line: [] if grid is None else grid.shortest(*line)


def _shortened(surface: Surface, starts: list[list[Tensor]]) -> Tensor:
    """The shortest curves (K, SAMPLES + 1, D) that some broken lines become, of each list one."""
    walked = [_walked(surface, start[None], _BEGIN[0]) for each in starts for start in each]
    begun = _sampled(_relaxed(surface, torch.cat(walked), _FIRST_SAMPLES, _BEGIN[1]), SAMPLES // _BEGIN[0])
    counts = [len(each) for each in starts]
    curves = [each[_length(surface, each).argmin()] if len(each) > 1 else each[0] for each in begun.split(counts)]
    knots = _relaxed(surface, _walked(surface, torch.stack(curves), _END[0]), SAMPLES // _END[0], _END[1])
    return _walked(replace(surface, stretch=None), _sampled(knots, SAMPLES // _END[0]), SAMPLES)


@torch.no_grad()
def _length(surface: Surface, curves: Tensor) -> Tensor:
    return surface.length(curves).nan_to_num(torch.inf)


@torch.no_grad()
def _walked(surface: Surface, curves: Tensor, pieces: int) -> Tensor:
    """The corners (K, pieces + 1, D) of broken lines in pieces of equal decoded length."""
    return _even(curves, surface.steps(curves), pieces + 1)


def _relaxed(surface: Surface, knots: Tensor, samples: int, iterations: int) -> Tensor:
    """The corners (K, N, D), moved to where the energy of each curve is least, or close to it; the ends stay.

    Energy is measured at `samples` points on each piece. One search moves all curves: it makes the sum of their
    energies least.
    """
    first, inner, last = knots[:, :1], knots[:, 1:-1], knots[:, -1:]
    basis = _round(surface, knots)
    u = torch.zeros(len(inner), inner[0].numel(), dtype=knots.dtype, device=knots.device, requires_grad=True)

    def moved() -> Tensor:
        return torch.cat([first, inner + (basis @ u[..., None]).view_as(inner), last], 1)

    def energy() -> Tensor:
        with torch.enable_grad():
            value = surface.energy(_sampled(moved(), samples)).sum()
            (u.grad,) = torch.autograd.grad(value, u)
        return value

    search = {"max_iter": iterations, "max_eval": iterations * 5 // 4, "line_search_fn": "strong_wolfe"}
    torch.optim.LBFGS([u], tolerance_grad=0, tolerance_change=0, **search).step(energy)
    found = moved().detach()
    if len(knots) > 1 and not found.isfinite().all():  # one curve that fails must not spoil the others
        return torch.cat([_relaxed(surface, each[None], samples, iterations) for each in knots])
    return found


@torch.no_grad()
def _round(surface: Surface, knots: Tensor) -> Tensor:
    """L^-T of each curve, which takes u to the move of the inner corners, (K, (N - 2) D, (N - 2) D)."""
    curves, count, d = len(knots), knots.shape[1] - 2, knots.shape[2]
    metric = surface.metric(knots.flatten(0, 1)).double().view(curves, count + 2, d, d)
    link = (count + 1) * 0.5 * (metric[:, 1:] + metric[:, :-1])  # (K, N - 1, D, D)
    stiffness = link.new_zeros(count, count, curves, d, d)
    i = torch.arange(count)
    stiffness[i, i] = (link[:, 1:] + link[:, :-1]).transpose(0, 1)
    stiffness[i[:-1], i[1:]] = stiffness[i[1:], i[:-1]] = -link[:, 1:-1].transpose(0, 1)
    stiffness = stiffness.permute(2, 0, 3, 1, 4).reshape(curves, count * d, count * d)
    mean = stiffness.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    unit = torch.eye(count * d, dtype=torch.float64, device=knots.device)
    ridge = _RIDGE * mean + torch.finfo(torch.float64).tiny
    root, failed = torch.linalg.cholesky_ex(stiffness + ridge * unit)
    root = torch.where(failed[:, None, None] > 0, unit, root)  # where the metric is not finite at a corner
    return torch.linalg.solve_triangular(root.mT, unit.expand_as(root), upper=True).to(knots.dtype)


def _sampled(knots: Tensor, samples: int) -> Tensor:
    """The points of broken lines (K, N, D), `samples` on each piece, and their ends."""
    t = torch.arange(samples, dtype=knots.dtype, device=knots.device)[:, None] / samples
    pieces = knots[:, :-1, None] + t * knots.diff(dim=1)[:, :, None]  # (K, N - 1, samples, D)
    return torch.cat([pieces.flatten(1, 2), knots[:, -1:]], 1)


def _even(curves: Tensor, steps: Tensor | None, count: int) -> Tensor:
    """`count` points at equal distances on broken lines whose pieces have these lengths; None is a single piece."""
    steps = curves.new_ones(len(curves), curves.shape[1] - 1) if steps is None else steps
    way = torch.cat([steps.new_zeros(len(steps), 1), steps.double().cumsum(1)], 1)
    at = torch.linspace(0, 1, count, dtype=torch.float64, device=curves.device) * way[:, -1:]
    piece = torch.searchsorted(way, at).clamp(1, steps.shape[1])
    before, after = way.gather(1, piece - 1), way.gather(1, piece)
    part = ((at - before) / (after - before).clamp(min=1e-300)).clamp(0, 1).to(curves)[..., None]
    points = (1 - part) * curves.take_along_dim(piece[..., None] - 1, 1) + part * curves.take_along_dim(
        piece[..., None], 1
    )
    points[:, 0], points[:, -1] = curves[:, 0], curves[:, -1]
    return points
