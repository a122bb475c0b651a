"""Decoders whose surfaces are known: a sphere, a hill, and a plane that nothing moves on."""

import torch
from torch.distributions import Independent, Normal


class Bent:
    """Decodes z to a picture of a few pixels, z -> shape(z) (B, K); not a model of images, but as good as one here."""

    def __init__(self, shape, latent_dim=2):
        self.shape, self.latent_dim = shape, latent_dim

    def likelihood(self, z, y=None):
        return Independent(Normal(self.shape(z)[:, None, None], 0.1, validate_args=False), 3)


def sphere(radius=3.0):
    """z is the angle from the pole and the one around it: G = radius^2 diag(1, sin(z1)^2)."""

    def shape(z):
        polar, around = z.unbind(1)
        ring = polar.sin()
        return radius * torch.stack([ring * around.cos(), ring * around.sin(), polar.cos()], 1)

    return Bent(shape)


def hill(height=3.0):
    """A plane with one hill in its middle, around which the shortest way leads."""
    return Bent(lambda z: torch.cat([z, height * (-z.square().sum(1, keepdim=True)).exp()], 1))


def flat():
    """All of the plane decodes to the same."""
    return Bent(lambda z: 0 * z)
