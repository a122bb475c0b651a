"""The most probable code of each image, z* = argmax p(z|x), where there is no encoder to ask or none to trust.

The space is looked at on a lattice, decoded once for all images. A posterior can have several peaks, each narrower than
the lattice is fine, and the highest point of the lattice then need not lie on the highest peak. So of each image the
`STARTS` highest points that no neighbour exceeds are climbed from, all of them at first, and ever fewer. A round looks
at just so many points that a parabola goes through what they say, and moves to where its top is:

    f(u) = f + g . u + 1/2 u . H u       u = -H^-1 g

with the eigenvalues of H turned downwards, so that it leads up where the parabola has no top. The highest point seen is
the code. A peak that the whole lattice passes by is not found; the code is then the next lower one.
"""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from vae.inference.adaptive import log_joint as log_joint_of_all
from vae.inference.estimators import by_label, log_joint
from vae.inference.gauss_hermite import product
from vae.models import LatentVariableModel

REACH = 6.2  # the lattice covers [-REACH, REACH]^D, outside of which lies 1e-9 of the prior
POINTS = {1: 4_096, 2: 512}  # along an axis, for each D
STARTS = 24

_ROUNDS = (24, 24, 12, 6, 3, 2, 1, 1)  # how many starts of an image are still climbed from, in each round
_FARTHEST = 2.0  # a round goes, in steps of its points
_FINEST = 0.25  # of the step, that the next round has
_STRIP = 16  # rows of the lattice decoded together
_IMAGES = 1_000  # looked at together


@torch.no_grad()
def posterior_modes(model: LatentVariableModel, x: Tensor, y: Tensor | None = None) -> Tensor:
    """z* (N, D) float32 of images x (N, 1, 28, 28), for a CVAE under labels y (N,).

    Grey x under a Bernoulli likelihood means the binary image drawn from it: its expected log p(x|z). Raises ValueError
    for D > 2 or an AE.
    """
    if model.latent_dim not in POINTS or not model.has_prior:
        what = "a model" if model.has_prior else "an autoencoder"
        raise ValueError(
            f"modes of the posterior need a model with a prior and D <= 2, got {what} with D = {model.latent_dim}"
        )
    modes = x.new_zeros(len(x), model.latent_dim)
    for label, rows in by_label(model, x, y):
        starts = _starts(model, x[rows], label)
        for some, z in zip(rows.split(_IMAGES), starts.split(_IMAGES), strict=True):
            labels = None if label is None else label.expand(len(some), *label.shape)
            modes[some] = _climb(model, x[some], labels, z)
    return modes.float()


def _starts(model: LatentVariableModel, x: Tensor, label: Tensor | None) -> Tensor:
    """The highest peaks of the lattice for each image, (N, STARTS, D)."""
    count = POINTS[model.latent_dim]
    axis = REACH * ((torch.arange(count, device=x.device, dtype=torch.float64) + 0.5) * 2 / count - 1)
    lattice = product(axis.to(x.dtype), model.latent_dim).unflatten(0, (count, -1))  # (R, C, D)
    heights = x.new_full((len(x), STARTS), -torch.inf)
    starts = x.new_zeros(len(x), STARTS, model.latent_dim)
    for first in range(0, count, _STRIP):
        strip = lattice[max(first - 1, 0) : first + _STRIP + 1]  # with the rows that are neighbours of its own
        z = strip.flatten(0, 1)
        likelihood = model.likelihood(z, None if label is None else label.expand(len(z), *label.shape))
        own = torch.zeros(strip.shape[:2], dtype=torch.bool, device=x.device)
        own[min(first, 1) :][:_STRIP] = True
        for rows in torch.arange(len(x), device=x.device).split(_IMAGES):
            seen = log_joint_of_all(model, likelihood, z, x[rows]).unflatten(1, (1, *own.shape))
            peak = (seen == max_pool2d(seen, 3, stride=1, padding=1)) & own
            top, which = seen.where(peak, -torch.inf).flatten(1).topk(min(STARTS, len(z)))
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
    for kept in _ROUNDS:
        height, order = height.topk(kept, 1)
        centre, best = (each.gather(1, order[..., None].expand(-1, -1, d)) for each in (centre, best))
        step = step.gather(1, order)
        places = (centre[:, :, None] + step[..., None, None] * around).to(z)  # (N, K, P, D)
        heights = log_joint(model, x, places.flatten(1, 2), y).view(*step.shape, -1)
        top, which = heights.max(2)
        higher = top > height
        here = places.double().gather(2, which[..., None, None].expand(-1, -1, 1, d))[:, :, 0]
        best, height = here.where(higher[..., None], best), top.where(higher, height)
        way = uphill(*parabola(heights - top[..., None], around))
        centre = (centre + step[..., None] * way).where(higher[..., None], best)
        step = step * way.norm(dim=2).clamp(_FINEST, 1).where(higher, _FINEST)
    return best[:, 0].to(z)


def stencil(d: int, device: torch.device) -> Tensor:
    """Where a function is looked at for a parabola, (P, D) float64: at 0 and beside it, as often as there are terms."""
    unit = torch.eye(d, device=device, dtype=torch.float64)
    i, j = torch.triu_indices(d, d, device=device)
    return torch.cat([0 * unit[:1], unit, -unit, (unit[i] + unit[j])[i < j]])


def parabola(heights: Tensor, around: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient (..., D) and Hessian (..., D, D) at 0 of the parabola that has these heights (..., P) on a stencil."""
    d = around.shape[1]
    i, j = torch.triu_indices(d, d, device=around.device)
    terms = torch.cat([torch.ones_like(around[:, :1]), around, around[:, i] * around[:, j]], 1)
    _, gradient, curved = (heights @ terms.inverse().T).split([1, d, len(i)], -1)
    hessian = heights.new_zeros(*heights.shape[:-1], d, d)
    hessian[..., i, j] += curved
    hessian[..., j, i] += curved
    return gradient, hessian


def uphill(gradient: Tensor, hessian: Tensor) -> Tensor:
    """How far a parabola rises, and in which direction, in steps of its stencil, (..., D)."""
    values, axes = torch.linalg.eigh(hessian)
    along = (axes.mT @ gradient[..., None])[..., 0] / values.abs().clamp(min=torch.finfo(torch.float64).tiny)
    return (axes @ along[..., None])[..., 0] * (_FARTHEST / along.norm(dim=-1, keepdim=True)).clamp(max=1)
