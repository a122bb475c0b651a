"""Shortest curves on the surface that a decoder makes of a latent space.

A plane has many curves that no small change makes shorter. So the way is first looked for among all: as the shortest
path in a graph of points of a grid, whose links to 16 neighbours weigh what the metric says,

    weight(a, b) = (sqrt(dz^T G(a) dz) + sqrt(dz^T G(b) dz)) / 2,   dz = b - a

found by relaxing all points at once (Bellman, On a routing problem, 1958). Such a path runs in 16 directions only. It
is then made a broken line with `KNOTS` corners, which are moved so that its energy becomes least.

Energy is measured at `SAMPLES` points on each piece. With fewer, a curve seems the shorter the farther it jumps, over
all that lies between two points, and minimising finds just that. What is least is found by L-BFGS, in coordinates u in
which the energy is round as far as the metric at the corners tells: H = L L^T, dz = L^-T u, with

    H = the matrix of  sum_i (dz_(i+1) - dz_i)^T (G_i + G_(i+1)) / 2 (dz_(i+1) - dz_i)

where dz is what the corners move. Some ten decodes of the curve then do for what takes hundreds in z.

Nocedal and Wright, Numerical optimization, 2006, section 7.2.
"""

from math import gcd
from typing import NamedTuple

import torch
from torch import Tensor

from vae.geometry import Surface

SIZE = 160  # points of the grid along an axis
KNOTS = 41
SAMPLES = 8
LINKS = tuple((i, j) for i in range(-2, 3) for j in range(-2, 3) if gcd(i, j) == 1)  # steps along both axes

_ITERATIONS = 10
_BLOCK = 2_048  # points decoded together
_LEAST = 1e-6  # of the mean weight, so that no link is free where the decoder does not move
_RIDGE = 1e-4  # of the mean stiffness, for the same reason


class Graph(NamedTuple):
    """A grid over a rectangle of the plane, as a graph: what geodesics of a surface need to have been found once."""

    z: Tensor  # (S, S, 2) the points, z1 along the first axis
    weights: Tensor  # (16, S, S) float64 of the links from each point, as LINKS; infinite out of the rectangle

    def shortest(self, z0: Tensor, z1: Tensor) -> Tensor:
        """The corners (P, 2) of the shortest path from z0 to z1, (2,) each, by way of the points nearest to them.

        Where no path leads from one to the other: the ends.
        """
        size = len(self.z)
        start, end = (divmod(int((self.z - z).square().sum(2).argmin()), size) for z in (z0, z1))
        margin = max(map(max, LINKS))
        padded = self.weights.new_full((size + 2 * margin, size + 2 * margin), torch.inf)
        left = padded[margin:-margin, margin:-margin]  # to the end
        ahead = [padded[margin + i : margin + i + size, margin + j : margin + j + size] for i, j in LINKS]
        left[end] = 0
        while True:
            before = left.clone()
            for _ in range(4):
                for there, weight in zip(ahead, self.weights, strict=True):
                    torch.minimum(left, there + weight, out=left)
            if torch.equal(left, before):
                break
        if not left[start].isfinite():
            return torch.stack([z0, z1])
        onward = torch.stack([there + weight for there, weight in zip(ahead, self.weights, strict=True)]).argmin(0)
        path = [start]
        while path[-1] != end:
            path.append(tuple(at + by for at, by in zip(path[-1], LINKS[onward[path[-1]]], strict=True)))
        return torch.stack([z0, *(self.z[point] for point in path[1:-1]), z1])


@torch.no_grad()
def graph(surface: Surface, low: Tensor, high: Tensor, size: int = SIZE) -> Graph:
    """The graph of a grid of size x size points between two corners of a rectangle, (2,) each.

    Raises ValueError unless the latent space is a plane, and the rectangle has an area.
    """
    if low.shape != (2,) or high.shape != (2,) or not bool((low < high).all()):
        raise ValueError(f"a grid needs two corners (2,) of a rectangle, got {low.tolist()} and {high.tolist()}")
    axes = [torch.linspace(float(a), float(b), size, dtype=low.dtype) for a, b in zip(low, high, strict=True)]
    z = torch.cartesian_prod(*axes).to(low.device)
    metric = torch.cat([surface.metric(block) for block in z.split(_BLOCK)]).double().view(size, size, 2, 2)
    step = ((high - low) / (size - 1)).double()
    weights = metric.new_full((len(LINKS), size, size), torch.inf)
    for weight, (i, j) in zip(weights, LINKS, strict=True):
        dz = step * step.new_tensor([i, j])
        length = (dz @ metric @ dz).clamp(min=0).sqrt()
        here = slice(max(0, -i), size - max(0, i)), slice(max(0, -j), size - max(0, j))
        there = slice(max(0, i), size - max(0, -i)), slice(max(0, j), size - max(0, -j))
        weight[here] = 0.5 * (length[here] + length[there])
    weights = weights.nan_to_num(torch.inf, torch.inf)  # no way leads by where the decoder fails
    finite = weights[weights.isfinite()]
    weights += _LEAST * finite.sum() / max(1, len(finite)) + torch.finfo(torch.float64).tiny
    return Graph(z.view(size, size, 2), weights)


def geodesic(surface: Surface, z0: Tensor, z1: Tensor, grid: Graph | None = None) -> Tensor:
    """The corners (T, D) of a shortest curve from z0 to z1, (D,) each, at equal distances of decoded length.

    Its start is the shortest path in `grid`, and the straight line where there is none or where that leads to nothing
    shorter than the line. So it is never longer than the line, both measured with as many corners. It is a curve that
    no small change makes much shorter. One far from it may be shorter: paths in 16 directions are too long by up to a
    few hundredths, and the grid may miss what is finer than itself. From z1 to z0 it is the same curve backwards.
    """
    if z1.tolist() < z0.tolist():  # else rounding, and where there are two, the choice, would depend on the direction
        return geodesic(surface, z1, z0, grid).flip(0)
    line = torch.stack([z0, z1])
    straight = _even(line, None, (KNOTS - 1) * SAMPLES + 1)
    with torch.no_grad():
        limit = surface.length(straight)
    if not limit.isfinite():
        return straight
    starts = [line] if grid is None else [grid.shortest(z0, z1), line]
    for start in starts:
        with torch.no_grad():
            knots = _even(start, surface.steps(start), KNOTS)
        curve = _sampled(_relaxed(surface, knots))
        with torch.no_grad():
            curve = _even(curve, surface.steps(curve), len(straight))
            if surface.length(curve) < limit:
                return curve
    return straight


def _relaxed(surface: Surface, knots: Tensor) -> Tensor:
    """The corners (K, D) moved to where the energy is least, or near it; the ends stay."""
    first, inner, last = knots[:1], knots[1:-1], knots[-1:]
    basis = _round(surface, knots)
    u = torch.zeros(inner.numel(), dtype=knots.dtype, device=knots.device, requires_grad=True)

    def moved() -> Tensor:
        return torch.cat([first, inner + (basis @ u).view_as(inner), last])

    def energy() -> Tensor:
        with torch.enable_grad():
            found = surface.energy(_sampled(moved()))
            (u.grad,) = torch.autograd.grad(found, u)
        return found

    search = {"max_iter": _ITERATIONS, "max_eval": _ITERATIONS * 5 // 4, "line_search_fn": "strong_wolfe"}
    torch.optim.LBFGS([u], tolerance_grad=0, tolerance_change=0, **search).step(energy)
    return moved().detach()


@torch.no_grad()
def _round(surface: Surface, knots: Tensor) -> Tensor:
    """L^-T, which takes u to what the inner corners move, ((K - 2) D, (K - 2) D)."""
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


def _sampled(knots: Tensor) -> Tensor:
    """`SAMPLES` points on each piece of a broken line, and its end."""
    t = torch.arange(SAMPLES, dtype=knots.dtype, device=knots.device)[:, None] / SAMPLES
    pieces = knots[:-1, None] + t * knots.diff(dim=0)[:, None]  # (K - 1, SAMPLES, D)
    return torch.cat([pieces.flatten(0, 1), knots[-1:]])


def _even(curve: Tensor, steps: Tensor | None, count: int) -> Tensor:
    """`count` points on a broken line at equal distances, where its pieces have these lengths, or one has all."""
    steps = curve.new_ones(len(curve) - 1) if steps is None else steps
    way = torch.cat([steps.new_zeros(1), steps.double().cumsum(0)])
    at = torch.linspace(0, 1, count, dtype=torch.float64, device=curve.device) * way[-1]
    piece = torch.searchsorted(way, at).clamp(1, len(steps))
    part = ((at - way[piece - 1]) / (way[piece] - way[piece - 1]).clamp(min=1e-300)).clamp(0, 1).to(curve)[:, None]
    points = (1 - part) * curve[piece - 1] + part * curve[piece]
    points[0], points[-1] = curve[0], curve[-1]
    return points
