"""Quasi-random points of the prior, which cover the latent space evenly: a Kronecker sequence with a random shift.

    z_m = Phi^-1( frac(m a + u) ),   m = 1 .. M,   u ~ U[0, 1)^D

with a_d = g^-d and g the root above 1 of g^(D+1) = g + 1: the golden ratio where D = 1, the plastic number where D = 2.
Each z_m alone is a draw from N(0, I), so an average over the points is unbiased. Together the points leave no gaps and
form no clusters, so the average errs far less than that of as many independent draws.

Roberts, The unreasonable effectiveness of quasirandom sequences, 2018; the random shift u is of Cranley and Patterson,
Randomization of number theoretic methods for multiple integration, 1976.
"""

import torch
from torch import Tensor


def prior_points(points: int, dimensions: int, generator: torch.Generator) -> Tensor:
    """Points (M, D) float32 of N(0, I), on the generator's device; each call shifts them by another u.

    Args:
        points: M, how many.
        dimensions: D.
        generator: of the shift u.
    """
    device = generator.device
    steps = _root(dimensions) ** -torch.arange(1.0, dimensions + 1, dtype=torch.float64, device=device)  # (D,)
    shift = torch.rand(dimensions, generator=generator, dtype=torch.float64, device=device)
    ranks = torch.arange(1, points + 1, dtype=torch.float64, device=device)
    uniform = (ranks[:, None] * steps + shift) % 1  # (M, D)
    least = torch.finfo(torch.float64).eps
    return torch.special.ndtri(uniform.clamp(least, 1 - least)).float()


def _root(dimensions: int) -> float:
    root = 2.0
    for _ in range(60):  # each round shrinks the error by more than (D + 1)
        root = (1 + root) ** (1 / (dimensions + 1))
    return root
