"""log p(x, z) = log p(x|z) + log p(z) of images and points, and what all of inference needs to compute it.

A decoder is the expensive part, so points are decoded once for all images that share them. Under a conditional model
images share what is decoded only if they have the same label.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Independent

from vae.distributions import pairwise_log_prob
from vae.protocols import Decoder, LatentVariableModel

POINTS_TOGETHER = 4_096  # latent points that are decoded together

Progress = Callable[[int, int], object]
"""Is called with how many latent points are decoded and how many images are done so far."""


def decode(model: LatentVariableModel, z: Tensor, label: Tensor | None) -> Independent:
    """p(x|z), or p(x|z, y) under one label, at several points.

    Args:
        model: whose decoder is asked.
        z: (G, D) points.
        label: () int64, or (C,) weights of the classes; None for a model that takes none.
    """
    return model.likelihood(z, None if label is None else label.expand(len(z), *label.shape))


def pairwise_log_joint(model: LatentVariableModel, likelihood: Independent, z: Tensor, x: Tensor) -> Tensor:
    """log p(x_n, z_g) in nats, (N, G), of every image and every point.

    Args:
        model: whose prior is asked.
        likelihood: p(x|z) at the points, as `decode` gives it.
        z: (G, D) the same points.
        x: (N, 1, 28, 28) images.
    """
    return pairwise_log_prob(likelihood, x).add_(model.prior().log_prob(z))


@torch.no_grad()
def log_joint(model: LatentVariableModel, x: Tensor, z: Tensor, y: Tensor | None = None) -> Tensor:
    """log p(x_n, z_nk) in nats, (N, K) float64, where each image has points of its own.

    Args:
        model: any model with a prior.
        x: (N, 1, 28, 28) images.
        z: (N, K, D) points.
        y: (N,) int64 labels, for a conditional model.
    """
    return log_likelihood(model, x, z, y).add_(model.prior().log_prob(z))


@torch.no_grad()
def log_likelihood(model: Decoder, x: Tensor, z: Tensor, y: Tensor | None = None) -> Tensor:
    """log p(x_n|z_nk) in nats, (N, K) float64, where each image has points of its own.

    Args:
        model: whose decoder is asked.
        x: (N, 1, 28, 28) images.
        z: (N, K, D) points.
        y: (N,) int64 labels, for a conditional model.
    """
    blocks = images_with_points(x, z, y)
    values = [model.likelihood(points, labels).log_prob(images).double() for images, points, labels in blocks]
    return torch.cat(values).view(z.shape[:2])


def images_with_points(x: Tensor, z: Tensor, y: Tensor | None) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Blocks of an image (B, 1, 28, 28), one of its own points (B, D) and its label (B,), until all N K have come.

    Args:
        x: (N, 1, 28, 28) images.
        z: (N, K, D) points.
        y: (N,) int64 labels; None for a model that takes none.
    """
    points = z.flatten(0, 1)
    image = torch.arange(len(x), device=x.device).repeat_interleave(z.shape[1])
    for rows in torch.arange(len(points), device=z.device).split(POINTS_TOGETHER):
        of = image[rows]
        yield x[of], points[rows], None if y is None else y[of]


def labels_of(model: LatentVariableModel, y: Tensor | None, rows: Tensor) -> Tensor | None:
    """The labels of some images, (R,); None for a model that takes no label.

    Args:
        model: conditional or not.
        y: (N,) int64 labels of all images.
        rows: (R,) int64, which of them.
    """
    return y[rows] if model.conditional and y is not None else None


def by_label(model: LatentVariableModel, x: Tensor, y: Tensor | None) -> list[tuple[Tensor | None, Tensor]]:
    """Each label with the numbers (K,) of the images that have it; one group without label if the model takes none.

    Args:
        model: conditional or not.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels, or (N, C) weights of the classes, for a conditional model.

    Raises:
        ValueError: if a conditional model has not a label for each image.
    """
    if not model.conditional:
        return [(None, torch.arange(len(x), device=x.device))]
    if y is None or len(y) != len(x):
        raise ValueError(f"y must have a label for each of {len(x)} images, got {None if y is None else len(y)}")
    different, which = y.unique(dim=0, return_inverse=True)
    return [(label, (which == i).nonzero()[:, 0]) for i, label in enumerate(different)]
