"""What the models make of an image that is in no data set, as numbers: a checkpoint and an image in, plain values out.

code            the mean of q(z|x)
p(y|x)          = p(x|y) / sum of p(x|y') over the classes: Bayes' rule with equally likely classes
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.extent import Point, pair
from explorer.quantities import bound, decode
from explorer.quantities.bound import Gaussian
from vae.images.mnist_form import Form, form_of
from vae.images.tensors import to_pixels
from vae.inference.decoded_lattice import DecodedLattice
from vae.storage.checkpoint import Checkpoint

POINTS_A_CLASS = 64  # along each axis of its lattice


class OwnCode(NamedTuple):
    """Where an image lies in a plane."""

    code: Point
    q: Gaussian | None  # None for an autoencoder


class Classification(NamedTuple):
    """The class of an image by Bayes' rule."""

    probabilities: tuple[float, ...]
    error_nats: float  # of log p(x|y) of the likeliest class


def as_image(pixels: bytes) -> np.ndarray:
    """784 grey levels as an image (28, 28) uint8."""
    return np.frombuffer(pixels, np.uint8).reshape(28, 28).copy()


def in_mnist_form(image: np.ndarray) -> Form:
    """An image (H, W) uint8 in MNIST's form; raises ValueError, with a sentence to show, if it has no ink."""
    try:
        return form_of(image)
    except ValueError as error:
        raise ValueError("This image is empty: nothing stands out from its paper. Take one with a digit.") from error


@torch.inference_mode()
def own_code(checkpoint: Checkpoint, image: np.ndarray, label: int = 0) -> OwnCode:
    """The code of an image, and the normal q about it.

    Args:
        checkpoint: A model with a plane.
        image: (28, 28) uint8.
        label: The class that a conditional model is told.
    """
    x = to_pixels(torch.from_numpy(image)[None])
    y = decode.labels(checkpoint.model, label)
    if not checkpoint.config.has_prior:
        return OwnCode(_pair(checkpoint.model.encode(x, y)[0]), None)
    q = decode.variational(checkpoint).posterior(x, y)
    return OwnCode(_pair(q.mean[0]), bound.gaussian(q.mean, q.stddev))


@torch.inference_mode()
def classify(checkpoint: Checkpoint, image: np.ndarray) -> Classification:
    """p(y|x) under a conditional model, from the log p(x|y) of small lattices, see `DecodedLattice.log_px`.

    Args:
        checkpoint: A conditional model.
        image: (28, 28) uint8.
    """
    model, x = decode.variational(checkpoint), to_pixels(torch.from_numpy(image)[None])
    labels = torch.arange(model.classes)
    found = DecodedLattice(model, POINTS_A_CLASS).log_px(x.expand(len(labels), -1, -1, -1), labels)
    likeliest = int(found.log_px_nats.argmax())
    return Classification(tuple(found.log_px_nats.softmax(0).tolist()), found.error_nats[likeliest].item())


@torch.inference_mode()
def codes_given_classes(checkpoint: Checkpoint, image: np.ndarray) -> list[Point]:
    """The code of an image given each class of a conditional model.

    Args:
        checkpoint: A conditional model.
        image: (28, 28) uint8.
    """
    model, x = checkpoint.model, to_pixels(torch.from_numpy(image)[None])
    labels = torch.arange(model.classes)
    return [_pair(z) for z in model.encode(x.expand(len(labels), -1, -1, -1), labels)]


def _pair(values: Tensor) -> Point:
    return pair(values.tolist())
