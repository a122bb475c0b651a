"""A set of labelled images as tensors that stay on the device.

70,000 images of 28 x 28 are 55 MB as uint8, so a whole set lives where the model lives, a batch is one `index_select`
of it by a seeded permutation, and only the batch becomes float. Where sets come from is in `sources` and `folder`.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vae.architecture import DIGITS

VALIDATION_IMAGES = 5_000  # the last of the training images, which are held out; the last fifth of a small set


class DataError(RuntimeError):
    """A data set is absent and cannot be fetched, or a file of it is not what it should be.

    The message is one printable line, whatever characters the file names in it contain.
    """

    def __init__(self, message: str) -> None:
        printable = (char if char.isprintable() else ascii(char)[1:-1] for char in message)
        super().__init__("".join(printable))


class ImageSet(NamedTuple):
    """Images uint8 in 0..255, white on black, and labels int64 in 0..C - 1, all on one device."""

    train_images: Tensor  # (N, 28, 28)
    train_labels: Tensor  # (N,)
    test_images: Tensor  # (M, 28, 28)
    test_labels: Tensor  # (M,)
    class_names: tuple[str, ...] = DIGITS  # C of them

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same set on another device."""
        return ImageSet(
            self.train_images.to(device),
            self.train_labels.to(device),
            self.test_images.to(device),
            self.test_labels.to(device),
            self.class_names,
        )


class Split(NamedTuple):
    """The training images or the test images of a set."""

    images: Tensor  # (N, 28, 28) uint8
    labels: Tensor  # (N,) int64
    class_names: tuple[str, ...] = DIGITS


def fingerprint(images: Tensor) -> str:
    """The SHA-256 of the pixels of uint8 images (N, 28, 28), by which a set is recognised."""
    return hashlib.sha256(images.cpu().numpy().tobytes()).hexdigest()


def to_pixels(images: Tensor) -> Tensor:
    """Pixels (B, 1, 28, 28) in [0, 1] from uint8 images (B, 28, 28)."""
    return images.unsqueeze(1) / 255


def binarize(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw each pixel as 1 with its grey value as the probability, else as 0 (Salakhutdinov and Murray, 2008).

    Args:
        pixels: any shape, in [0, 1].
        generator: of the draws, on the device of the pixels.
    """
    return (torch.rand(pixels.shape, generator=generator, device=pixels.device) < pixels).to(pixels.dtype)


def split_validation(data: ImageSet) -> tuple[ImageSet, tuple[Tensor, Tensor]]:
    """The set without its last 5,000 training images, or the last fifth of a small set; and those with their labels."""
    first = len(data.train_images) - min(VALIDATION_IMAGES, max(1, len(data.train_images) // 5))
    rest = data._replace(train_images=data.train_images[:first], train_labels=data.train_labels[:first])
    return rest, (data.train_images[first:], data.train_labels[first:])


def batches(images: Tensor, labels: Tensor, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Pixels (B, 1, 28, 28) and labels (B,) of one pass, in the order of a new permutation.

    Args:
        images: (N, 28, 28) uint8.
        labels: (N,) int64.
        size: B, the images of a batch; the last batch may be smaller.
        generator: of the permutation, on the device of the images.
    """
    for index in torch.randperm(len(images), generator=generator, device=images.device).split(size):
        yield to_pixels(images.index_select(0, index)), labels.index_select(0, index)
