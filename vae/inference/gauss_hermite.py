"""Expectations under a normal over few dimensions, and their derivatives by its mean and width, from values alone.

    E[f] = sum_i w_i f(mean + std t_i)      t_i, w_i the nodes and weights of Gauss and Hermite

is exact for polynomials of a degree below twice the order. A derivative of an expectation under a normal is again one,
of f times a polynomial in t = (z - mean) / std, so that f itself need not be differentiated (Bonnet; Price):

    d E[f] / du   = E[f s]               u = (mean / std, log_std), where std counts as a constant
    d2 E[f] / du2 = E[f (s s^T - c)]     s = (t, t^2 - 1),   c = (1, 2 t; 2 t, 2 t^2) for each dimension, else 0

A rule is good enough for a search, which only has to go uphill. Two rules that agree do not make a value certain: where
f oscillates within a standard deviation, they may agree by chance. A value that is reported comes with an error:

    E[f] = sum_i w_i f(mean + std t_i)      t_i the midpoints of a grid over [-6, 6]^D, w_i ~ N(t_i; 0, I)

The grid is made finer until its value, those of the two grids before, and those of the 2^D grids of twice the step that
make it up are all within the tolerance of each other. A grid takes a wave that is too short for it for a long one, but
the next grid takes it for another one, because their steps are in no simple ratio.

Opper and Archambeau, The variational Gaussian approximation revisited, 2009; Trefethen and Weideman, The exponentially
convergent trapezoidal rule, 2014.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from vae.grids import midpoints, product

MOST_NODES = 470**2  # of the finest grid for one value

_REACH = 6.0  # standard deviations, beyond which lies 2e-9 of a normal
_COARSEST = (96, 10)  # midpoints along an axis, in one dimension and in two
_REFINEMENT = 0.5 * (1 + 5**0.5)  # of the number of midpoints along an axis, from one grid to the next
_MOST_VALUES = 2**20  # of f, in memory at a time


class Expectation(NamedTuple):
    """E[f] of K functions under N(0, I), and how well each is known, both (K,) float64."""

    value: Tensor
    error: Tensor  # the largest difference to one of those grids; above the tolerance if it has not settled


def expectation(
    f: Callable[[Tensor, Tensor], Tensor], k: int, d: int, tolerance: float, least: Tensor, device: torch.device | None
) -> Expectation:
    """E[f_1] to E[f_k] under N(0, I).

    A value that takes more than MOST_NODES is left as it is, and its error says by how much it may be off. So is a
    value that is certain to be below `least`.

    Args:
        f: gives the values (R, Q) of the functions with the numbers (R,) at the nodes (Q, d).
        k: the number of functions.
        d: the number of dimensions, 1 or 2.
        tolerance: of each value, or that many standard deviations of f where these are more than 1.
        least: (k,) values that are not worth refining if they are lower.
        device: where all of this is computed.
    """
    value = torch.full((k,), torch.nan, dtype=torch.float64, device=device)
    error = torch.full_like(value, torch.inf)
    before = torch.stack([value, value], 1)  # by the two grids before
    going, per_axis = torch.arange(k, device=device), _COARSEST[d - 1]
    while len(going) and per_axis**d <= MOST_NODES:
        grid = _grid(per_axis, d, device)
        moments = [_moments(f(rows, grid.t), grid) for rows in going.split(max(1, _MOST_VALUES // len(grid.t)))]
        finer, spread, halves = (torch.cat(column) for column in zip(*moments, strict=True))
        others = torch.cat([halves, before[going]], 1)
        value[going], error[going] = finer, (others - finer[:, None]).abs().amax(1).nan_to_num(torch.inf)
        before[going] = torch.stack([finer, before[going, 0]], 1)
        below = finer + error[going] < least[going]
        going = going[(error[going] > tolerance * spread.clamp(min=1)) & ~below]
        per_axis = 2 * round(per_axis * _REFINEMENT / 2)
    return Expectation(value, error)


class _Grid(NamedTuple):
    """Midpoints over [-_REACH, _REACH]^d, weighted as N(0, I) weights them."""

    t: Tensor  # (Q, d)
    weights: Tensor  # (Q,) that sum to 1
    halves: Tensor  # (Q, 2^d) the same, on each of the grids of twice the step; each sums to 1


def _grid(per_axis: int, d: int, device: torch.device | None) -> _Grid:
    t = _REACH * midpoints(per_axis, d, device)
    weights = (-0.5 * t.square().sum(1)).softmax(0)
    parity = product(torch.arange(per_axis, device=device) % 2, d)
    which = (parity * 2 ** torch.arange(d, device=device)).sum(1)  # of the grids of twice the step
    halves = weights[:, None] * one_hot(which, 2**d)
    return _Grid(t, weights, halves / halves.sum(0))


def _moments(f: Tensor, grid: _Grid) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and standard deviation (R,) of f (R, Q), and its means over the grids of twice the step, (R, 2^d)."""
    mean = f @ grid.weights
    return mean, ((f - mean[:, None]).square() @ grid.weights).sqrt(), f @ grid.halves


class Derivatives(NamedTuple):
    """E[f] of K functions and its derivatives by u = (mean / std, log_std)."""

    value: Tensor  # (K,)
    gradient: Tensor  # (K, 2 D)
    hessian: Tensor  # (K, 2 D, 2 D)


def rule(order: int, d: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """The nodes t (order^d, d) and weights (order^d,) float64 of Gauss and Hermite for N(0, I).

    Args:
        order: nodes along each axis.
        d: the number of dimensions.
        device: where they are; None is the CPU.
    """
    nodes, weights = (torch.from_numpy(part).to(device) for part in np.polynomial.hermite_e.hermegauss(order))
    return product(nodes, d), product(weights / weights.sum(), d).prod(1)


def derivatives(f: Tensor, t: Tensor, weights: Tensor) -> Derivatives:
    """E[f], d E[f] / du and d2 E[f] / du2 from the values of f at the nodes of a rule.

    Args:
        f: (K, Q) values of K functions.
        t: (Q, D) nodes of the rule.
        weights: (Q,) of the nodes.
    """
    d = t.shape[1]
    score = torch.cat([t, t.square() - 1], 1)  # (Q, 2 D)
    curvature = score[:, :, None] * score[:, None, :]
    i = torch.arange(d, device=t.device)
    curvature[:, i, i] -= 1
    curvature[:, i, d + i] -= 2 * t
    curvature[:, d + i, i] -= 2 * t
    curvature[:, d + i, d + i] -= 2 * t.square()
    middle = f.mean(1, keepdim=True)
    f = (f - middle) * weights  # the weights of a derivative sum to 0: a large constant would only cost digits
    hessian = (f @ curvature.flatten(1)).unflatten(1, (2 * d, 2 * d))
    return Derivatives(f.sum(1) + middle[:, 0], f @ score, hessian)
