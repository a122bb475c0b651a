"""A model in the midst of its training: where it puts the test images by now, and what it decodes.

Before the first epoch it is the model that the configuration's seed gives; then what the training left on the disk
after its last whole epoch; and in the end the checkpoint.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.extent import Box, extent
from explorer.quantities import decode, points
from vae.config import TrainConfig
from vae.images.tensors import Split, to_pixels
from vae.models import AE, CVAE, VAE, build, build_empty
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import CheckpointError, read_tensors

COUNT = 5_000  # test images
SIDE = 10  # of the picture, in digits


class Glimpse(NamedTuple):
    """What can be seen of a model."""

    epoch: int
    codes: np.ndarray  # (N, D) float32, of the first test images
    labels: np.ndarray  # (N,) uint8
    class_names: tuple[str, ...]
    window: Box | None  # of the plane, with nearly all codes; None of a model that has no plane
    picture: np.ndarray  # (R, SIDE, 28, 28) uint8, of a conditional model a row for each class, else SIDE rows
    caption: str  # of the picture


def untrained(config: TrainConfig, test: Split) -> Glimpse:
    """What a training begins with."""
    return _of(build(config, len(test.class_names)).eval(), 0, test)


def after_epoch(state_file: Path, test: Split) -> Glimpse:
    """What an unfinished training has left on the disk; raises CheckpointError if that cannot be shown."""
    state = read_tensors(state_file, "python -m vae.train")
    try:
        model = build_empty(TrainConfig.from_dict(state["config"]), len(test.class_names))
        model.load_state_dict(state["model"], assign=True)
        return _of(model.eval(), len(state["history"]), test)
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{state_file} is not the state of a training on these images") from error


def trained(checkpoint: Checkpoint) -> Glimpse:
    """What has come of a training."""
    codes, labels = checkpoint.codes[:COUNT], checkpoint.labels[:COUNT]
    return _seen(checkpoint.model, checkpoint.config.epochs, codes, labels, checkpoint.class_names)


@torch.inference_mode()
def _of(model: AE | VAE | CVAE, epoch: int, test: Split) -> Glimpse:
    x, y = to_pixels(test.images[:COUNT]), test.labels[:COUNT]
    return _seen(model, epoch, model.encode(x, y if model.conditional else None), y, test.class_names)


@torch.inference_mode()
def _seen(model: AE | VAE | CVAE, epoch: int, codes: Tensor, labels: Tensor, class_names: tuple[str, ...]) -> Glimpse:
    if not bool(codes.isfinite().all()):
        raise CheckpointError(f"the codes after epoch {epoch} are not finite")
    window = None
    if model.latent_dim == 2:
        window = extent(codes.numpy(), prior=model.has_prior)
    z, y, caption = _places(model, codes, labels, window)
    picture = decode.greys(model.decode(z, y if model.conditional else None)).reshape(-1, SIDE, 28, 28)
    return Glimpse(epoch, codes.numpy(), labels.to(torch.uint8).numpy(), class_names, window, picture, caption)


def _places(
    model: AE | VAE | CVAE, codes: Tensor, labels: Tensor, window: Box | None
) -> tuple[Tensor, Tensor | None, str]:
    """Points to decode, row by row of SIDE from the top, their labels, and what they are."""
    if model.conditional:
        styles = _spread(model.latent_dim)
        classes = torch.arange(model.classes).repeat_interleave(SIDE)
        return styles.repeat(model.classes, 1), classes, "what it decodes: a class a row, a style a column"
    if window is not None:
        across, up = (torch.linspace(*axis, 2 * SIDE + 1)[1::2] for axis in window)
        return torch.cartesian_prod(up.flip(0), across).flip(1), None, "what it decodes, over this part of the plane"
    if model.has_prior:
        noise = torch.randn(SIDE**2, model.latent_dim, generator=torch.Generator().manual_seed(0))
        return noise, None, "what it decodes at random z from the prior"
    first = torch.arange(SIDE**2) % len(codes)
    return codes[first], labels[first], "test images, as it reconstructs them"


def _spread(dimensions: int) -> Tensor:
    """SIDE points of the prior: in the plane from the middle outwards, else at random."""
    if dimensions == 2:
        return torch.from_numpy(points.styles(SIDE)).float()
    return torch.randn(SIDE, dimensions, generator=torch.Generator().manual_seed(0))


def quantised(glimpse: Glimpse) -> tuple[bytes, list[float]]:
    """The codes as little-endian int16 in units of a scale of each axis, in which the farthest has 32767."""
    scale = np.maximum(np.abs(glimpse.codes).max(axis=0), math.ulp(1.0)) / 32767
    return np.round(glimpse.codes / scale).astype("<i2").tobytes(), scale.tolist()
