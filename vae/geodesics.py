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

from collections.abc import Iterator
from math import gcd, isfinite
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
    return Graph(z[::2, ::2], tuple(_matrix(weights, reach) for reach in REACHES))


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

    Args:
        surface: of a decoder.
        z0: (D,) where it begins, of the decoder's type.
        z1: (D,) where it ends.
        grid: `graph(surface, ...)`, if there is one.
    """
    if z1.tolist() < z0.tolist():  # otherwise rounding, or a choice, would depend on the direction
        return geodesic(surface, z1, z0, grid).flip(0)
    line = torch.stack([z0, z1])
    straight = _even(line, None, SAMPLES + 1)
    limit = _length(surface, straight)
    if not isfinite(limit):
        return straight
    paths = [] if grid is None else grid.shortest(z0, z1)
    for starts in filter(None, [paths, [line]]):
        curve = _shortened(surface, starts)
        if _length(surface, curve) < limit:
            return curve
    return straight


def _shortened(surface: Surface, starts: list[Tensor]) -> Tensor:
    """The shortest curve (SAMPLES + 1, D) that one of some broken lines becomes, its corners evenly spaced."""
    begun = [_relaxed(surface, _walked(surface, start, _BEGIN[0]), _FIRST_SAMPLES, _BEGIN[1]) for start in starts]
    curves = [_sampled(knots, SAMPLES // _BEGIN[0]) for knots in begun]
    curve = min(curves, key=lambda curve: _length(surface, curve)) if len(curves) > 1 else curves[0]
    knots = _relaxed(surface, _walked(surface, curve, _END[0]), SAMPLES // _END[0], _END[1])
    return _walked(surface, _sampled(knots, SAMPLES // _END[0]), SAMPLES)


@torch.no_grad()
def _length(surface: Surface, curve: Tensor) -> float:
    return float(surface.length(curve).nan_to_num(torch.inf))


@torch.no_grad()
def _walked(surface: Surface, curve: Tensor, pieces: int) -> Tensor:
    """The corners (pieces + 1, D) of a broken line in pieces of equal decoded length."""
    return _even(curve, surface.steps(curve), pieces + 1)


def _relaxed(surface: Surface, knots: Tensor, samples: int, iterations: int) -> Tensor:
    """The corners (K, D), moved to where the energy is least, or close to it; the ends stay.

    Energy is measured at `samples` points on each piece.
    """
    first, inner, last = knots[:1], knots[1:-1], knots[-1:]
    basis = _round(surface, knots)
    u = torch.zeros(inner.numel(), dtype=knots.dtype, device=knots.device, requires_grad=True)

    def moved() -> Tensor:
        return torch.cat([first, inner + (basis @ u).view_as(inner), last])

    def energy() -> Tensor:
        with torch.enable_grad():
            value = surface.energy(_sampled(moved(), samples))
            (u.grad,) = torch.autograd.grad(value, u)
        return value

    search = {"max_iter": iterations, "max_eval": iterations * 5 // 4, "line_search_fn": "strong_wolfe"}
    torch.optim.LBFGS([u], tolerance_grad=0, tolerance_change=0, **search).step(energy)
    return moved().detach()


@torch.no_grad()
def _round(surface: Surface, knots: Tensor) -> Tensor:
    """L^-T, which takes u to the move of the inner corners, ((K - 2) D, (K - 2) D)."""
    metric = surface.metric(knots).double()
    count, d = len(knots) - 2, knots.shape[1]
    link = (len(knots) - 1) * 0.5 * (metric[1:] + metric[:-1])  # (K - 1, D, D)
    stiffness = link.new_zeros(count, d, count, d)
    i = torch.arange(count)
    stiffness[i, :, i] = link[1:] + link[:-1]
    stiffness[i[:-1], :, i[1:]] = stiffness[i[1:], :, i[:-1]] = -link[1:-1]
    stiffness = stiffness.reshape(count * d, count * d)
    ridge = _RIDGE * stiffness.diagonal().mean() + torch.finfo(torch.float64).tiny
    unit = torch.eye(count * d, dtype=torch.float64, device=knots.device)
    root, failed = torch.linalg.cholesky_ex(stiffness + ridge * unit)
    if failed:  # the metric is not finite at a corner
        return unit.to(knots.dtype)
    return torch.linalg.solve_triangular(root.T, unit, upper=True).to(knots.dtype)


def _sampled(knots: Tensor, samples: int) -> Tensor:
    """The points of a broken line, `samples` on each piece, and its end."""
    t = torch.arange(samples, dtype=knots.dtype, device=knots.device)[:, None] / samples
    pieces = knots[:-1, None] + t * knots.diff(dim=0)[:, None]  # (K - 1, samples, D)
    return torch.cat([pieces.flatten(0, 1), knots[-1:]])


def _even(curve: Tensor, steps: Tensor | None, count: int) -> Tensor:
    """`count` points at equal distances on a broken line whose pieces have these lengths; None is a single piece."""
    steps = curve.new_ones(len(curve) - 1) if steps is None else steps
    way = torch.cat([steps.new_zeros(1), steps.double().cumsum(0)])
    at = torch.linspace(0, 1, count, dtype=torch.float64, device=curve.device) * way[-1]
    piece = torch.searchsorted(way, at).clamp(1, len(steps))
    part = ((at - way[piece - 1]) / (way[piece] - way[piece - 1]).clamp(min=1e-300)).clamp(0, 1).to(curve)[:, None]
    points = (1 - part) * curve[piece - 1] + part * curve[piece]
    points[0], points[-1] = curve[0], curve[-1]
    return points
