"""Samples: images that a model makes up, given no image or only the set of all.

    z ~ p(z) = N(0, I)                      from the prior
    z ~ q(z) = 1/N sum_n q(z|x_n)           from the aggregate posterior: of one of N images at random, a draw of its q
    x = E[x|z], or x ~ p(x|z)               the pixels as their means, or drawn

The first are what the model has learned to make; the second lie where images are. They differ where q(z) misses p(z).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent

from vae.protocols import LatentVariableModel

_BLOCK = 1_000  # points that go through the decoder together


class Samples(NamedTuple):
    """K images, and what they were decoded from."""

    images: Tensor  # (K, 1, 28, 28)
    z: Tensor  # (K, D)
    y: Tensor | None  # (K,) int64 labels, if they were given


@torch.no_grad()
def from_prior(
    model: LatentVariableModel,
    count: int,
    generator: torch.Generator,
    y: Tensor | None = None,
    drawn: bool = False,
) -> Samples:
    """Images at z ~ p(z).

    Args:
        model: with a prior.
        count: K.
        generator: of all that is drawn, on the device of the model.
        y: (K,) int64 labels, for a conditional model.
        drawn: whether pixels are drawn from p(x|z), or are its means.

    Raises:
        ValueError: for an autoencoder, for no sample, and for labels that the model cannot have.
    """
    _check(model, count)
    return _decoded(model, model.prior().sample((count,), generator), y, generator if drawn else None)


@torch.no_grad()
def from_aggregate(
    model: LatentVariableModel,
    x: Tensor,
    count: int,
    generator: torch.Generator,
    y: Tensor | None = None,
    drawn: bool = False,
) -> Samples:
    """Images at z ~ q(z), the aggregate posterior of images x.

    A conditional model decodes each z with the label of its image.

    Args:
        model: with a prior; where it has no encoder, q is that of its `DecodedLattice`.
        x: (N, 1, 28, 28) images.
        count: K, how many are drawn; an image may be taken more than once.
        generator: of all that is drawn, on the device of the model.
        y: (N,) int64 labels of x, for a conditional model.
        drawn: whether pixels are drawn from p(x|z), or are its means.

    Raises:
        ValueError: for an autoencoder, for no sample, for no image, and for labels that the model cannot have.
    """
    _check(model, count)
    if not len(x):
        raise ValueError("x must be (N, 1, 28, 28) with at least 1 image, got none")
    rows = torch.randint(len(x), (count,), generator=generator, device=x.device)
    labels = None if y is None else y[rows]
    z = model.posterior(x[rows], labels).sample(generator=generator)
    return _decoded(model, z, labels, generator if drawn else None)


def draw(likelihood: Independent, generator: torch.Generator) -> Tensor:
    """Images (B, 1, 28, 28) drawn from p(x|z): Bernoulli pixels are 0 or 1, and Gaussian ones may lie outside of that.

    Args:
        likelihood: `model.likelihood(z)`. Grey Bernoulli pixels have no density to draw from; theirs are 0 or 1 too.
        generator: of the draws, on the device of the likelihood.
    """
    pixels = likelihood.base_dist
    if isinstance(pixels, Bernoulli):
        return torch.bernoulli(pixels.probs, generator=generator)
    return torch.normal(pixels.mean, pixels.stddev, generator=generator)


def _decoded(model: LatentVariableModel, z: Tensor, y: Tensor | None, generator: torch.Generator | None) -> Samples:
    """Points decoded; without a generator to their means."""
    blocks = []
    for rows in torch.arange(len(z), device=z.device).split(_BLOCK):
        likelihood = model.likelihood(z[rows], None if y is None else y[rows])
        blocks.append(likelihood.mean if generator is None else draw(likelihood, generator))
    return Samples(torch.cat(blocks), z, y)


def _check(model: LatentVariableModel, count: int) -> None:
    if not model.has_prior:
        raise ValueError("samples need a model with a prior, and an autoencoder has none")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
