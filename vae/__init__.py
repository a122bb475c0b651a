"""Autoencoders with a latent space that can be looked at.

    prior       p(z)   = N(0, I)
    likelihood  p(x|z) = pixels around decoder(z)
    posterior   q(z|x) = N(mean(x), diag(std(x)^2)), from the encoder

    log p(x) = elbo(x) + KL(q(z|x) || p(z|x))  >=  elbo(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))

An AE keeps only the code and the likelihood; a VAE maximises the ELBO; a CVAE does so given the label. See `models` for
the family, `objectives` for the bound, `distributions` for the parts, `train` and `evaluate` for the commands. `load`
gives a trained model, `read` its codes and figures too; `interpolation`, `geometry`, `quadrature` and `estimators` take
it on.
"""

from vae import estimators, geodesics, geometry, interpolation, quadrature
from vae.checkpoint import load, read
from vae.config import TrainConfig
from vae.data import to_pixels
from vae.files import CheckpointError
from vae.models import AE, CVAE, VAE, build

__version__ = "0.1.0"

__all__ = [
    "AE",
    "CVAE",
    "VAE",
    "CheckpointError",
    "TrainConfig",
    "build",
    "estimators",
    "geodesics",
    "geometry",
    "interpolation",
    "load",
    "quadrature",
    "read",
    "to_pixels",
]
