"""Points of the plane decoded: a model and points in, grey images (uint8) out."""

from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from vae.models import VAE, LatentModel
from vae.samples import from_prior
from vae.storage.checkpoint import Checkpoint


def variational(checkpoint: Checkpoint) -> VAE:
    """The model of a checkpoint that has a prior and a posterior; an autoencoder is never asked for one."""
    assert checkpoint.config.has_prior
    return cast(VAE, checkpoint.model)


def grey_levels(pixels: Tensor) -> np.ndarray:
    """Pixels (B, 1, 28, 28) as grey levels (B, 28, 28) uint8, the nearest: below 0 is black too, and above 1 white."""
    return (pixels[:, 0] * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def labels(model: LatentModel, label: int, count: int = 1) -> Tensor | None:
    """The label argument of a model's methods for images of one class: None where a model takes no label.

    Args:
        model: The model.
        label: The class.
        count: How many images there are.
    """
    return torch.full((count,), label) if model.conditional else None


@torch.inference_mode()
def at(model: LatentModel, z: np.ndarray, label: int = 0) -> np.ndarray:
    """The images (B, 28, 28) uint8 at points.

    Args:
        model: The model.
        z: (B, D), the points.
        label: The class that a conditional model decodes.
    """
    points = torch.as_tensor(z, dtype=torch.float32).reshape(-1, model.latent_dim)
    return grey_levels(model.decode(points, labels(model, label, len(points))))


@torch.inference_mode()
def every_class(model: LatentModel, z: np.ndarray) -> np.ndarray:
    """What a conditional model decodes at each point in each class: (C, K, 28, 28) uint8, one row a class.

    Args:
        model: A conditional model of C classes.
        z: (K, D), the points.
    """
    points = torch.as_tensor(z, dtype=torch.float32).reshape(-1, model.latent_dim)
    y = torch.arange(model.classes).repeat_interleave(len(points))
    images = grey_levels(model.decode(points.repeat(model.classes, 1), y))
    return images.reshape(model.classes, len(points), 28, 28)


class Samples(NamedTuple):
    """Images (K, 28, 28) uint8 and their points (K, D)."""

    images: np.ndarray
    z: np.ndarray


def samples(model: VAE, label: int, count: int, seed: int) -> Samples:
    """Decoder means of a conditional model at z drawn from its prior; another class has the same z.

    Args:
        model: A conditional model.
        label: The class.
        count: How many images.
        seed: Of the draws.
    """
    made = from_prior(model, count, torch.Generator().manual_seed(seed), labels(model, label, count))
    return Samples(grey_levels(made.images), made.z.numpy())


def there_and_back(model: LatentModel, path: np.ndarray, label: int) -> np.ndarray:
    """The images (T, 28, 28) uint8 along every third point of a path and back, without repeating its ends.

    Args:
        model: The model.
        path: (P, D), the points of the path.
        label: The class that a conditional model decodes.
    """
    frames = at(model, path[::3], label)
    return np.concatenate([frames, frames[-2:0:-1]])
