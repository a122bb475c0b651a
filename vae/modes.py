"""The most probable code of each image, z* = argmax p(z|x), where there is no encoder to ask or none to trust.

The space is looked at on a lattice, decoded once for many images. A posterior can have several peaks, each narrower
than the lattice is fine, and the highest point of the lattice then need not lie on the highest peak. So of each image
the `STARTS` highest points that no neighbour exceeds are climbed from, all of them at first, and half as many after
every two rounds. A round looks at 3^D points, lays a parabola through what they say, and goes to where its top is:

    f(u) = f + g . u + 1/2 u . H u       u = -H^-1 g

with the eigenvalues of H turned downwards, so that it leads up where the parabola has no top. The highest point seen is
the code.
"""

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, max_pool2d

from vae.estimators import by_label, log_joint
from vae.hermite import product
from vae.models import VAE
from vae.tiles import log_joint as log_joint_of_all

REACH = 6.2  # the lattice covers [-REACH, REACH]^D, outside of which lies 1e-9 of the prior
POINTS = {1: 4_096, 2: 400}  # along an axis, for each D
STARTS = 16

_ROUNDS = (16, 16, 16, 8, 8, 4, 2, 1, 1)  # how many starts of an image are still climbed from, in each round
_FARTHEST = 2.0  # a round goes, in steps of its points
_FINEST = 0.25  # of the step, that the next round has
_IMAGES = 500  # looked at together
_POOLED = 50
_DECODED = 4_096  # points of the lattice


@torch.no_grad()
def posterior_modes(model: VAE, x: Tensor, y: Tensor | None = None) -> Tensor:
    """z* (N, D) float32 of images x (N, 1, 28, 28), for a CVAE under labels y (N,).

    Grey x under a Bernoulli likelihood means the binary image drawn from it: its expected log p(x|z). Raises ValueError
    for D > 2 or an AE.
    """
    if model.latent_dim not in POINTS or not hasattr(model, "prior"):
        raise ValueError(
            f"modes of the posterior need a model with a prior and D <= 2, got {model.kind} with D = {model.latent_dim}"
        )
    modes = x.new_zeros(len(x), model.latent_dim)
    for label, rows in by_label(model, x, y):
        for some in rows.split(_IMAGES):
            labels = None if label is None else label.expand(len(some), *label.shape)
            modes[some] = _climb(model, x[some], labels, _starts(model, x[some], label))
    return modes.float()


def _starts(model: VAE, x: Tensor, label: Tensor | None) -> Tensor:
    """The highest peaks of the lattice for each image, (N, STARTS, D)."""
    d, count = model.latent_dim, POINTS[model.latent_dim]
    axis = REACH * ((torch.arange(count, device=x.device, dtype=torch.float64) + 0.5) * 2 / count - 1)
    lattice = product(axis.to(x.dtype), d)
    seen = [
        log_joint_of_all(
            model, model.likelihood(z, None if label is None else label.expand(len(z), *label.shape)), z, x
        )
        for z in lattice.split(_DECODED)
    ]
    highest = max_pool1d if d == 1 else max_pool2d
    starts = []
    for rows in torch.arange(len(x), device=x.device).split(_POOLED):
        heights = torch.cat([part[rows] for part in seen], 1)
        around = highest(heights.unflatten(1, (1, *[count] * d)), 3, stride=1, padding=1).flatten(1)
        starts.append(heights.where(heights == around, -torch.inf).topk(STARTS).indices)
    return lattice[torch.cat(starts)]


def _climb(model: VAE, x: Tensor, y: Tensor | None, z: Tensor) -> Tensor:
    """The highest point (N, D) seen on the way up from starts z (N, K, D)."""
    d, device = model.latent_dim, x.device
    around = product(torch.arange(-1.0, 2, device=device, dtype=torch.float64), d)  # (3^D, D)
    i, j = torch.triu_indices(d, d, device=device)
    parabola = torch.linalg.pinv(torch.cat([torch.ones_like(around[:, :1]), around, around[:, i] * around[:, j]], 1))
    centre, step = z.double(), z.new_full(z.shape[:2], 2 * REACH / POINTS[d], dtype=torch.float64)
    best, height = centre, torch.full_like(step, -torch.inf)
    for kept in _ROUNDS:
        height, order = height.topk(kept, 1)
        centre, best = (each.gather(1, order[..., None].expand(-1, -1, d)) for each in (centre, best))
        step = step.gather(1, order)
        places = (centre[:, :, None] + step[..., None, None] * around).to(z)  # (N, K, 3^D, D)
        heights = log_joint(model, x, places.flatten(1, 2), y).view(*step.shape, -1)
        top, which = heights.max(2)
        higher = top > height
        here = places.double().gather(2, which[..., None, None].expand(-1, -1, 1, d))[:, :, 0]
        best, height = here.where(higher[..., None], best), top.where(higher, height)
        way = _uphill((heights - top[..., None]) @ parabola.T, d)
        centre = (centre + step[..., None] * way).where(higher[..., None], best)
        step = step * way.norm(dim=2).clamp(_FINEST, 1).where(higher, _FINEST)
    return best[:, 0].to(z)


def _uphill(parabola: Tensor, d: int) -> Tensor:
    """Where a parabola rises to, from its coefficients (..., 1 + D + D (D + 1) / 2), in steps, (..., D)."""
    gradient = parabola[..., 1 : 1 + d]
    i, j = torch.triu_indices(d, d, device=parabola.device)
    hessian = parabola.new_zeros(*parabola.shape[:-1], d, d)
    hessian[..., i, j] += parabola[..., 1 + d :]
    hessian[..., j, i] += parabola[..., 1 + d :]
    values, axes = torch.linalg.eigh(hessian)
    along = (axes.mT @ gradient[..., None])[..., 0] / values.abs().clamp(min=torch.finfo(torch.float64).tiny)
    return (axes @ along[..., None])[..., 0] * (_FARTHEST / along.norm(dim=-1, keepdim=True)).clamp(max=1)
