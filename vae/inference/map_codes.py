"""MAP codes: the most probable code of each image, z* = argmax p(z|x), without an encoder.

A lattice over the space is decoded once for all images. A posterior can have several peaks, each narrower than the
lattice is fine, and then the highest point of the lattice need not lie on the highest peak. So for each image the
search climbs from the `STARTS` highest points that no neighbour exceeds, from all of them at first and from fewer in
each round. A round evaluates just as many points as a parabola has coefficients, and moves to the top of that parabola:

    f(u) = f + g . u + 1/2 u . H u       u = -H^-1 g

The eigenvalues of H are made negative, so that the step leads up where the parabola has no top. The highest point seen
is the code. A peak that all points of the lattice miss is not found; the code is then the next lower one.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from vae.grids import midpoints, product
from vae.inference.joint import by_label, decode, log_joint, pairwise_log_joint
from vae.protocols import LatentVariableModel

REACH = 6.2  # the lattice covers [-REACH, REACH]^D, outside of which lies 1e-9 of the prior
POINTS = {1: 4_096, 2: 512}  # along an axis, for each D
STARTS = 24

_CLIMBERS = (24, 24, 12, 6, 3, 2, 1, 1)  # starts of an image that are still climbed from, in each round
_LONGEST_MOVE = 2.0  # of a round, in units of its step
_LEAST_SHRINKING = 0.25  # the next step is at least this share of the step
_ROWS_TOGETHER = 16  # of the lattice, decoded together
_IMAGES_TOGETHER = 1_000


@torch.no_grad()
def posterior_modes(model: LatentVariableModel, x: Tensor, y: Tensor | None = None) -> Tensor:
    """The MAP codes z* (N, D) float32 of images.

    Under a Bernoulli likelihood a grey image stands for the binary images drawn from it, by their expected log p(x|z).

    Args:
        model: with D <= 2.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels, for a conditional model.

    Raises:
        ValueError: for D > 2 or a model without a prior.
    """
    if model.latent_dim not in POINTS or not model.has_prior:
        what = "a model" if model.has_prior else "an autoencoder"
        raise ValueError(
            f"modes of the posterior need a model with a prior and D <= 2, got {what} with D = {model.latent_dim}"
        )
    modes = x.new_zeros(len(x), model.latent_dim)
    for label, rows in by_label(model, x, y):
        starts = _starts(model, x[rows], label)
        for block, z in zip(rows.split(_IMAGES_TOGETHER), starts.split(_IMAGES_TOGETHER), strict=True):
            labels = None if label is None else label.expand(len(block), *label.shape)
            modes[block] = _climb(model, x[block], labels, z)
    return modes.float()


def _starts(model: LatentVariableModel, x: Tensor, label: Tensor | None) -> Tensor:
    """The highest peaks of the lattice for each image, (N, STARTS, D)."""
    count = POINTS[model.latent_dim]
    axis = REACH * midpoints(count, 1, x.device)[:, 0]
    lattice = product(axis.to(x.dtype), model.latent_dim).unflatten(0, (count, -1))  # (R, C, D)
    heights = x.new_full((len(x), STARTS), -torch.inf)
    starts = x.new_zeros(len(x), STARTS, model.latent_dim)
    for first in range(0, count, _ROWS_TOGETHER):
        strip = lattice[max(first - 1, 0) : first + _ROWS_TOGETHER + 1]  # with the rows that are neighbours of its own
        z = strip.flatten(0, 1)
        likelihood = decode(model, z, label)
        own = torch.zeros(strip.shape[:2], dtype=torch.bool, device=x.device)
        own[min(first, 1) :][:_ROWS_TOGETHER] = True
        for rows in torch.arange(len(x), device=x.device).split(_IMAGES_TOGETHER):
            scores = pairwise_log_joint(model, likelihood, z, x[rows]).unflatten(1, (1, *own.shape))
            peak = (scores == max_pool2d(scores, 3, stride=1, padding=1)) & own
            top, which = scores.where(peak, -torch.inf).flatten(1).topk(min(STARTS, len(z)))
            heights[rows], order = torch.cat([heights[rows], top], 1).topk(STARTS)
            both = torch.cat([starts[rows], z[which]], 1)
            starts[rows] = both.gather(1, order[..., None].expand(-1, -1, both.shape[2]))
    return starts


def _climb(model: LatentVariableModel, x: Tensor, y: Tensor | None, z: Tensor) -> Tensor:
    """The highest point (N, D) seen on the way up from starts z (N, K, D)."""
    d = model.latent_dim
    around = stencil(d, x.device)
    centre, step = z.double(), z.new_full(z.shape[:2], 2 * REACH / POINTS[d], dtype=torch.float64)
    best, height = centre, torch.full_like(step, -torch.inf)
    for kept in _CLIMBERS:
        height, order = height.topk(kept, 1)
        centre, best = (points.gather(1, order[..., None].expand(-1, -1, d)) for points in (centre, best))
        step = step.gather(1, order)
        places = (centre[:, :, None] + step[..., None, None] * around).to(z)  # (N, K, P, D)
        heights = log_joint(model, x, places.flatten(1, 2), y).view(*step.shape, -1)
        top, which = heights.max(2)
        higher = top > height
        here = places.double().gather(2, which[..., None, None].expand(-1, -1, 1, d))[:, :, 0]
        best, height = here.where(higher[..., None], best), top.where(higher, height)
        move = uphill(parabola(heights - top[..., None], around))
        centre = (centre + step[..., None] * move).where(higher[..., None], best)
        step = step * move.norm(dim=2).clamp(_LEAST_SHRINKING, 1).where(higher, _LEAST_SHRINKING)
    return best[:, 0].to(z)


class Parabola(NamedTuple):
    """Gradient (..., D) and Hessian (..., D, D) of a parabola at 0, in units of the step of its stencil."""

    gradient: Tensor
    hessian: Tensor


def stencil(d: int, device: torch.device) -> Tensor:
    """The points (P, D) float64, 0 and some beside it, at which a function is evaluated for a parabola.

    There are as many as a parabola has coefficients.

    Args:
        d: the number of dimensions.
        device: where the points are.
    """
    unit = torch.eye(d, device=device, dtype=torch.float64)
    i, j = torch.triu_indices(d, d, device=device)
    return torch.cat([0 * unit[:1], unit, -unit, (unit[i] + unit[j])[i < j]])


def parabola(heights: Tensor, around: Tensor) -> Parabola:
    """The parabola through the values of a function.

    Args:
        heights: (..., P) the values on a stencil.
        around: (P, D) that stencil.
    """
    d = around.shape[1]
    i, j = torch.triu_indices(d, d, device=around.device)
    monomials = torch.cat([torch.ones_like(around[:, :1]), around, around[:, i] * around[:, j]], 1)
    _, gradient, curved = (heights @ monomials.inverse().T).split([1, d, len(i)], -1)
    hessian = heights.new_zeros(*heights.shape[:-1], d, d)
    hessian[..., i, j] += curved
    hessian[..., j, i] += curved
    return Parabola(gradient, hessian)


def uphill(shape: Parabola) -> Tensor:
    """The move (..., D) to the top of a parabola, in steps of its stencil; up along an axis that has no top."""
    values, axes = torch.linalg.eigh(shape.hessian)
    along = (axes.mT @ shape.gradient[..., None])[..., 0] / values.abs().clamp(min=torch.finfo(torch.float64).tiny)
    return (axes @ along[..., None])[..., 0] * (_LONGEST_MOVE / along.norm(dim=-1, keepdim=True)).clamp(max=1)
