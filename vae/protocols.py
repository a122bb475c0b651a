"""What a computation asks of a model, so that it works with any that answers: ours, or a stranger's."""

from typing import Protocol

from torch import Tensor
from torch.distributions import Independent

from vae.distributions import DiagonalNormal


class Decoder(Protocol):
    """What the geometry of a latent space asks of a model; AE, VAE and CVAE have it."""

    latent_dim: int

    def likelihood(self, z: Tensor, y: Tensor | None = None) -> Independent:
        """p(x|z), or p(x|z, y), over images (B, 1, 28, 28), whose pixels are Bernoulli or normal.

        Args:
            z: (B, D).
            y: (B,) int64 labels, or (B, C) weights of the classes, for a conditional model.
        """
        ...


class LatentVariableModel(Decoder, Protocol):
    """What inference asks of a model; VAE and CVAE have it."""

    @property
    def has_prior(self) -> bool:
        """True; an autoencoder answers False, and has neither of the methods below."""
        ...

    @property
    def conditional(self) -> bool:
        """Whether the model is given the label."""
        ...

    def prior(self) -> DiagonalNormal:
        """p(z), over (D,)."""
        ...

    def posterior(self, x: Tensor, y: Tensor | None = None) -> DiagonalNormal:
        """q(z|x), or q(z|x, y), over (B, D).

        Args:
            x: (B, 1, 28, 28) images.
            y: (B,) int64 labels, for a conditional model.
        """
        ...
