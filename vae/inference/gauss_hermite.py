"""Expectations under a normal over few dimensions, and their derivatives by its mean and width, from values alone.

    E[f] = sum_i w_i f(mean + std t_i)      t_i, w_i the nodes and weights of Gauss and Hermite

is exact for polynomials of a degree below twice the order. A derivative of an expectation under a normal is again one,
of f times a polynomial in t = (z - mean) / std, so that f itself need not be differentiated (Bonnet; Price):

    d E[f] / du   = E[f s]               u = (mean / std, log_std), where std counts as a constant
    d2 E[f] / du2 = E[f (s s^T - c)]     s = (t, t^2 - 1),   c = (1, 2 t; 2 t, 2 t^2) for each dimension, else 0

A rule serves a search, which only has to go uphill. Two rules that agree do not make a value certain: where f turns
many times within a standard deviation, they agree by chance. A value that is to be kept comes with an error:

    E[f] = sum_i w_i f(mean + std t_i)      t_i the midpoints of a grid over [-6, 6]^D, w_i ~ N(t_i; 0, I)

The grid is made finer until its value, those of the two grids before, and those of the 2^D grids of twice the step that
it is made of are all within the tolerance of each other. A wave that is too short for a grid looks like a long one to
it, but not like the same one to the next: their steps are in no simple ratio.

Opper and Archambeau, The variational Gaussian approximation revisited, 2009; Trefethen and Weideman, The exponentially
convergent trapezoidal rule, 2014.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

MOST_NODES = 470**2  # of the finest grid for one value

_REACH = 6.0  # standard deviations, beyond which lies 2e-9 of a normal
_COARSEST = (96, 10)  # midpoints along an axis, in one dimension and in two
_FINER = 0.5 * (1 + 5**0.5)
_TOGETHER = 2**20  # values of f held at a time


class Expectation(NamedTuple):
    """E[f] of K functions under N(0, I), and how well each is known, both (K,) float64."""

    value: Tensor
    error: Tensor  # the largest difference to one of those grids; above the tolerance where it has not settled


def expectation(
    f: Callable[[Tensor, Tensor], Tensor], k: int, d: int, tolerance: float, least: Tensor, device: torch.device | None
) -> Expectation:
    """E[f_1] to E[f_k] under N(0, I) over d dimensions; f gives those of some rows (R,) at nodes t (Q, d), (R, Q).

    Each to within the tolerance, or that many standard deviations of f where these are more than 1. One that takes more
    than MOST_NODES is left as it is, and its error says by how much it may be off; so is one that is sure to lie below
    `least` (k,).
    """
    value = torch.full((k,), torch.nan, dtype=torch.float64, device=device)
    error = torch.full_like(value, torch.inf)
    before = torch.stack([value, value], 1)  # by the two grids before
    going, per_axis = torch.arange(k, device=device), _COARSEST[d - 1]
    while len(going) and per_axis**d <= MOST_NODES:
        t, weights, part = _midpoints(per_axis, d, device)
        moments = [_moments(f(rows, t), weights, part) for rows in going.split(max(1, _TOGETHER // len(t)))]
        finer, spread, halves = (torch.cat(column) for column in zip(*moments, strict=True))
        others = torch.cat([halves, before[going]], 1)
        value[going], error[going] = finer, (others - finer[:, None]).abs().amax(1).nan_to_num(torch.inf)
        before[going] = torch.stack([finer, before[going, 0]], 1)
        below = finer + error[going] < least[going]
        going = going[(error[going] > tolerance * spread.clamp(min=1)) & ~below]
        per_axis = 2 * round(per_axis * _FINER / 2)
    return Expectation(value, error)


def _midpoints(per_axis: int, d: int, device: torch.device | None) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes t (Q, d), their weights (Q,), and those in each of the grids of twice the step, (Q, 2^d)."""
    rank = torch.arange(per_axis, device=device)
    t = product(((rank.double() + 0.5) * 2 / per_axis - 1) * _REACH, d)
    weights = (-0.5 * t.square().sum(1)).softmax(0)
    which = product(rank % 2, d) @ 2 ** torch.arange(d, device=device)  # of the grids of twice the step
    part = weights[:, None] * one_hot(which, 2**d)
    return t, weights, part / part.sum(0)


def _moments(f: Tensor, weights: Tensor, part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of f (R, Q): the mean and the standard deviation, (R,), and the means over the parts of the grid, (R, 2^d)."""
    mean = f @ weights
    return mean, ((f - mean[:, None]).square() @ weights).sqrt(), f @ part


def rule(order: int, d: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Nodes t (order^d, d) and weights (order^d,) of N(0, I), float64."""
    nodes, weights = (torch.from_numpy(part).to(device) for part in np.polynomial.hermite_e.hermegauss(order))
    return product(nodes, d), product(weights / weights.sum(), d).prod(1)


def derivatives(f: Tensor, t: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """E[f] (K,), d E[f] / du (K, 2 D) and d2 E[f] / du2 (K, 2 D, 2 D), from f (K, Q) at the nodes of a rule."""
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
    return f.sum(1) + middle[:, 0], f @ score, (f @ curvature.flatten(1)).unflatten(1, (2 * d, 2 * d))


def product(axis: Tensor, d: int) -> Tensor:
    """The points of a grid that has the same axis d times, (len(axis)^d, d), the last dimension fastest."""
    return torch.stack(torch.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)
