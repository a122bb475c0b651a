"""The most probable code of each image, z* = argmax p(z|x), where there is no encoder to ask or none to trust.

The plane is looked at on a grid, decoded once for all images, and then each image alone about its best point so far,
on a small grid whose step is halved. A peak that lies whole between four points of the first grid can be missed: the
modes of `quadrature.moments` cannot miss one, and take minutes.
"""

import torch
from torch import Tensor

from vae.estimators import by_label, log_joint
from vae.hermite import product
from vae.models import VAE
from vae.tiles import log_joint as log_joint_of_all

REACH = 4.5  # the grid covers [-REACH, REACH]^D, outside of which lies 1e-5 of the prior
POINTS = 300  # along an axis: steps of .03
HALVINGS = 6
_POINTS = 2_000  # decoded together
_IMAGES = 1_000


@torch.no_grad()
def posterior_modes(model: VAE, x: Tensor, y: Tensor | None = None) -> Tensor:
    """z* (N, D) float32 of images x (N, 1, 28, 28), for a CVAE under labels y (N,); D is 1 or 2.

    Grey x under a Bernoulli likelihood means the binary image drawn from it: its expected log p(x|z).
    """
    axis = ((torch.arange(POINTS, device=x.device) + 0.5) * 2 / POINTS - 1) * REACH
    grid = product(axis.to(x.dtype), model.latent_dim)
    best = x.new_full((len(x),), -torch.inf)
    modes = x.new_zeros(len(x), model.latent_dim)
    for label, rows in by_label(model, x, y):
        for z in grid.split(_POINTS):
            likelihood = model.likelihood(z, None if label is None else label.expand(len(z)))
            for some in rows.split(_IMAGES):
                density, point = log_joint_of_all(model, likelihood, z, x[some]).max(1)
                better = density > best[some]
                best[some[better]], modes[some[better]] = density[better], z[point[better]]
    labels = y.split(_IMAGES) if model.conditional else [None] * -(-len(x) // _IMAGES)
    blocks = zip(x.split(_IMAGES), labels, modes.split(_IMAGES), strict=True)
    return torch.cat([_climb(model, *block) for block in blocks])


def _climb(model: VAE, x: Tensor, y: Tensor | None, z: Tensor) -> Tensor:
    """From the best point of the grid to the top beside it."""
    around = product(torch.arange(-1.0, 2, device=x.device, dtype=x.dtype), model.latent_dim)  # (3^D, D)
    step = REACH / POINTS
    for _ in range(HALVINGS):
        places = z[:, None] + step * around  # (N, 3^D, D)
        z = places[torch.arange(len(z)), log_joint(model, x, places, y).argmax(1)]
        step /= 2
    return z.float()
