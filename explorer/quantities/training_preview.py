"""A model in the midst of its training: the codes of test images under it, and what it decodes.

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
SIDE = 10  # decoded images in a row, and points along an axis


class Preview(NamedTuple):
    """What can be seen of a model."""

    epoch: int
    codes: np.ndarray  # (N, D) float32, of the first test images
    labels: np.ndarray  # (N,) uint8
    class_names: tuple[str, ...]
    window: Box | None  # of the plane, with nearly all codes; None for a model that has no plane
    images: np.ndarray  # (R, SIDE, 28, 28) uint8, for a conditional model a row for each class, else SIDE rows
    caption: str  # of the images


class _Points(NamedTuple):
    """Points to decode, row by row of SIDE from the top."""

    z: Tensor
    labels: Tensor | None
    caption: str


def untrained(config: TrainConfig, test: Split) -> Preview:
    """The model with which a training begins.

    Args:
        config: That of the training.
        test: The test images.
    """
    return _of_split(build(config, len(test.class_names)).eval(), 0, test)


def after_epoch(state_file: Path, test: Split) -> Preview:
    """What an unfinished training has left on the disk; raises CheckpointError if that cannot be shown.

    Args:
        state_file: The state after its last whole epoch.
        test: The test images.
    """
    state = read_tensors(state_file, "python -m vae.train")
    try:
        model = build_empty(TrainConfig.from_dict(state["config"]), len(test.class_names))
        model.load_state_dict(state["model"], assign=True)
        return _of_split(model.eval(), len(state["history"]), test)
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{state_file} is not the state of a training on these images") from error


def trained(checkpoint: Checkpoint) -> Preview:
    """The model that a training has made."""
    codes, labels = checkpoint.codes[:COUNT], checkpoint.labels[:COUNT]
    return _preview(checkpoint.model, checkpoint.config.epochs, codes, labels, checkpoint.class_names)


@torch.inference_mode()
def _of_split(model: AE | VAE | CVAE, epoch: int, test: Split) -> Preview:
    x, y = to_pixels(test.images[:COUNT]), test.labels[:COUNT]
    return _preview(model, epoch, model.encode(x, y if model.conditional else None), y, test.class_names)


@torch.inference_mode()
def _preview(
    model: AE | VAE | CVAE, epoch: int, codes: Tensor, labels: Tensor, class_names: tuple[str, ...]
) -> Preview:
    if not bool(codes.isfinite().all()):
        raise CheckpointError(f"the codes after epoch {epoch} are not finite")
    window = extent(codes.numpy(), model.has_prior) if model.latent_dim == 2 else None
    chosen = _points(model, codes, labels, window)
    images = decode.grey_levels(model.decode(chosen.z, chosen.labels if model.conditional else None))
    return Preview(
        epoch=epoch,
        codes=codes.numpy(),
        labels=labels.to(torch.uint8).numpy(),
        class_names=class_names,
        window=window,
        images=images.reshape(-1, SIDE, 28, 28),
        caption=chosen.caption,
    )


def _points(model: AE | VAE | CVAE, codes: Tensor, labels: Tensor, window: Box | None) -> _Points:
    if model.conditional:
        styles = _spread(model.latent_dim)
        classes = torch.arange(model.classes).repeat_interleave(SIDE)
        caption = "what it decodes: a class a row, a style a column"
        return _Points(styles.repeat(model.classes, 1), classes, caption)
    if window is not None:
        across, up = (torch.linspace(*axis, 2 * SIDE + 1)[1::2] for axis in window)
        z = torch.cartesian_prod(up.flip(0), across).flip(1)
        return _Points(z, None, "what it decodes, over this part of the plane")
    if model.has_prior:
        noise = torch.randn(SIDE**2, model.latent_dim, generator=torch.Generator().manual_seed(0))
        return _Points(noise, None, "what it decodes at random z from the prior")
    first = torch.arange(SIDE**2) % len(codes)
    return _Points(codes[first], labels[first], "test images, as it reconstructs them")


def _spread(dimensions: int) -> Tensor:
    """SIDE points of the prior: in the plane from the middle outwards, else at random."""
    if dimensions == 2:
        return torch.from_numpy(points.sunflower(SIDE)).float()
    return torch.randn(SIDE, dimensions, generator=torch.Generator().manual_seed(0))


def quantised(preview: Preview) -> tuple[bytes, list[float]]:
    """The codes as little-endian int16, and the unit of each axis, in which its farthest code is 32767."""
    unit = np.maximum(np.abs(preview.codes).max(axis=0), math.ulp(1.0)) / 32767
    return np.round(preview.codes / unit).astype("<i2").tobytes(), unit.tolist()
