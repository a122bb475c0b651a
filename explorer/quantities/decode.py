"""Points of the plane decoded: a model and points in, grey images (uint8) out."""

from typing import cast

import numpy as np
import torch

from vae.models import VAE, LatentModel
from vae.storage.checkpoint import Checkpoint


def variational(checkpoint: Checkpoint) -> VAE:
    """The model of a checkpoint that has a prior and a posterior; an autoencoder is never asked for one."""
    assert checkpoint.config.has_prior
    return cast(VAE, checkpoint.model)


def greys(pixels: torch.Tensor) -> np.ndarray:
    """Pixels (B, 1, 28, 28) in [0, 1] as grey levels (B, 28, 28) uint8, rounded to the nearest."""
    return (pixels[:, 0] * 255).round().to(torch.uint8).numpy()


def classes(digit: int, count: int, model: LatentModel) -> torch.Tensor | None:
    """The label argument of `model.decode` for `count` images of one class: None where a model takes no label."""
    return torch.full((count,), digit) if model.conditional else None


@torch.inference_mode()
def decode(model: LatentModel, z: np.ndarray, digit: int = 0) -> np.ndarray:
    """The images (B, 28, 28) uint8 at the points z (B, 2); `digit` is the class asked of a conditional model."""
    points = torch.as_tensor(z, dtype=torch.float32).reshape(-1, model.latent_dim)
    return greys(model.decode(points, classes(digit, len(points), model)))


@torch.inference_mode()
def every_class(model: LatentModel, z: np.ndarray) -> np.ndarray:
    """What a conditional model makes of each point of z (K, 2) in each class: (C, K, 28, 28) uint8, one row a class."""
    points = torch.as_tensor(z, dtype=torch.float32).reshape(-1, model.latent_dim)
    labels = torch.arange(model.classes).repeat_interleave(len(points))
    return greys(model.decode(points.repeat(model.classes, 1), labels)).reshape(model.classes, len(points), 28, 28)


@torch.inference_mode()
def samples(model: LatentModel, digit: int, count: int, seed: int) -> np.ndarray:
    """Decoder means (count, 28, 28) uint8 of a conditional model at z drawn from its prior with a seed."""
    noise = torch.randn(count, model.latent_dim, generator=torch.Generator().manual_seed(seed))
    return greys(model.decode(noise, classes(digit, count, model)))


def there_and_back(model: LatentModel, points: np.ndarray, digit: int) -> np.ndarray:
    """The decoded images (T, 28, 28) uint8 along every third point of a path and back, without repeating its ends."""
    frames = decode(model, np.asarray(points)[::3], digit)
    return np.concatenate([frames, frames[-2:0:-1]])
