"""Expectations under a normal over few dimensions, and their derivatives by its mean and width, from values alone.

    E[f] = sum_i w_i f(mean + std t_i)      t_i, w_i the nodes and weights of Gauss and Hermite

is exact for polynomials of a degree below twice the order. A derivative of an expectation under a normal is again one,
of f times a polynomial in t = (z - mean) / std, so that f itself need not be differentiated (Bonnet; Price):

    d E[f] / du   = E[f s]               u = (mean / std, log_std), where std counts as a constant
    d2 E[f] / du2 = E[f (s s^T - c)]     s = (t, t^2 - 1),   c = (1, 2 t; 2 t, 2 t^2) for each dimension, else 0

Opper and Archambeau, The variational Gaussian approximation revisited, 2009.
"""

import numpy as np
import torch
from torch import Tensor


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
