"""Geodesics against brute force: how much longer than the shortest curve that a dense grid leads to.

    python tests/bench/dense_paths.py          20 pairs of test images a model, in about ten minutes

The brute force is Dijkstra's path on a grid of 320 x 320 points with links to 32 neighbours, weighed by the distance
between the images of their ends. It is then cut into ever more pieces, whose corners move by scipy's L-BFGS, in steps
that are smoothed along the curve, until that gains nothing. Lengths are measured with 6,000 corners.
"""

import sys
import time
from math import gcd
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import cholesky_banded, solve_banded
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from explorer.quantities import paths  # noqa: E402
from vae import geodesics  # noqa: E402
from vae.storage import checkpoint  # noqa: E402

MODELS = "ae", "vae", "vae-best", "cvae-best"
LABEL = 3  # the class that a conditional model is asked for
SIZE = 320
HARD = {"ae": [(3711, 6288)], "vae-best": [(8963, 8379), (7549, 5480)]}
STEPS = [(i, j) for i in range(4) for j in range(-3, 4) if gcd(i, j) == 1 and (i, j) > (0, 0)]
PIECES = 40, 80, 320
FINE = 6_000


class Compared(NamedTuple):
    """A geodesic beside the brute force's curve."""

    ours: float
    best: float  # the shorter of the two
    seconds: float  # that ours took

    @property
    def excess(self) -> float:
        return self.ours / self.best - 1


def pairs(codes, labels, conditional, count=20):
    """Random pairs of test images, of a conditional model's of one class."""
    of = torch.arange(len(codes)) if not conditional else (labels == LABEL).nonzero()[:, 0]
    generator = torch.Generator().manual_seed(0)
    return [of[torch.randint(len(of), (2,), generator=generator)].tolist() for _ in range(count)]


def compared(name, chosen=None, size=SIZE):
    """The geodesics of a model between pairs of test images, each compared with the brute force's."""
    shipped = checkpoint.read(ROOT / "checkpoints" / name)
    surface, ours = paths.surface(shipped, LABEL), paths.graph(shipped, LABEL)
    z, links = _grid(surface, ours.z[0, 0], ours.z[-1, -1], size)
    found = []
    for a, b in chosen or pairs(shipped.codes, shipped.labels, shipped.model.conditional):
        z0, z1 = shipped.codes[a], shipped.codes[b]
        start = time.perf_counter()
        curve = geodesics.geodesic(surface, z0, z1, ours)
        seconds = time.perf_counter() - start
        length = _length(surface, curve)
        found.append(Compared(length, min(length, _length(surface, _brute(surface, z, links, z0, z1))), seconds))
    return found


@torch.no_grad()
def _grid(surface, low, high, size):
    """The points (S^2, 2) of a grid between two corners, and what its links weigh."""
    z = torch.cartesian_prod(*(torch.linspace(*ends, size) for ends in zip(low.tolist(), high.tolist(), strict=True)))
    images = torch.cat([surface.embed(part) for part in z.split(4_096)])
    row, column = torch.arange(size).repeat_interleave(size), torch.arange(size).repeat(size)
    ends, weights = [], []
    for i, j in STEPS:
        here = ((row + i < size) & (column + j >= 0) & (column + j < size)).nonzero()[:, 0]
        ends.append(torch.stack([here, here + i * size + j]))
        weights += [
            (images[a] - images[b]).norm(dim=1) for a, b in zip(*(e.split(8_192) for e in ends[-1]), strict=True)
        ]
    return z, csr_array((torch.cat(weights).double().numpy() + 1e-9, tuple(torch.cat(ends, 1).numpy())), (size**2,) * 2)


def _brute(surface, z, links, z0, z1):
    start, end = (int((z - each).square().sum(1).argmin()) for each in (z0, z1))
    before = dijkstra(links, directed=False, indices=start, return_predecessors=True)[1]
    path = [end]
    while path[-1] != start:
        path.append(before[path[-1]])
    curve = torch.stack([z0, *z[path[-2:0:-1]], z1])
    for pieces in PIECES:
        curve = _descended(surface, _even(surface, curve, pieces + 1), max(1, PIECES[-1] // pieces))
    return curve


def _descended(surface, corners, samples):
    """The corners of a broken line where its energy is least; they move in coordinates that smooth along the line."""
    first, inner, last = corners[:1], corners[1:-1], corners[-1:]
    with torch.no_grad():
        metric = surface.metric(corners).double().numpy()
    stiff = metric.trace(axis1=1, axis2=2)
    between = 0.5 * (stiff[1:] + stiff[:-1]) + 1e-3 * stiff.mean()
    banded = np.stack([np.append(0, -between[1:-1]), between[1:] + between[:-1]])
    scale = (len(corners) - 1) * banded

    def energy(flat):
        z = torch.from_numpy(flat.reshape(inner.shape)).to(corners).requires_grad_()
        found = surface.energy(_cut(torch.cat([first, z, last]), samples))
        (slope,) = torch.autograd.grad(found, z)
        return found.item(), slope.double().numpy()

    root = cholesky_banded(scale)  # R: its diagonal above which only one other is not 0

    def back(u):  # R^-1 u
        return solve_banded((0, 1), root, u.reshape(inner.shape))

    def smoothed(u):
        value, slope = energy(back(u))
        return value, solve_banded((1, 0), np.stack([root[1], np.append(root[0][1:], 0)]), slope).ravel()

    z = inner.double().numpy()
    start = (root[1][:, None] * z + np.vstack([root[0][1:, None] * z[1:], np.zeros((1, 2))])).ravel()  # R z
    found = minimize(smoothed, start, jac=True, method="L-BFGS-B", options={"maxiter": 60, "ftol": 1e-7, "maxcor": 20})
    return torch.cat([first, torch.from_numpy(back(found.x)).to(corners), last])


def _cut(corners, samples):
    t = torch.arange(samples, dtype=corners.dtype)[:, None] / samples
    return torch.cat([(corners[:-1, None] + t * corners.diff(dim=0)[:, None]).flatten(0, 1), corners[-1:]])


@torch.no_grad()
def _even(surface, curve, count):
    curve = _cut(curve, max(1, FINE // len(curve)))
    way = np.append(0, surface.steps(curve).double().cumsum(0).numpy())
    at = np.linspace(0, way[-1], count)
    return torch.from_numpy(np.stack([np.interp(at, way, axis) for axis in curve.double().T.numpy()], 1)).to(curve)


@torch.no_grad()
def _length(surface, curve):
    return float(surface.length(_cut(curve, FINE // len(curve))))


if __name__ == "__main__":
    print("| model | mean excess | largest | above 1 % | ms |\n| --- | ---: | ---: | ---: | ---: |")
    for name in MODELS:
        found = compared(name)
        excess, ms = [each.excess for each in found], 1_000 * sum(each.seconds for each in found) / len(found)
        above = sum(each > 0.01 for each in excess)
        print(f"| {name} | {sum(excess) / len(found):.2%} | {max(excess):.2%} | {above} | {ms:.0f} |", flush=True)
