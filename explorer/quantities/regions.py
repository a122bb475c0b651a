"""What a classifier reads in the images that a plane decodes to: at some points, and at each place of a window.

The classifier is `vae.classifier`'s, which was trained on real images only and knows nothing of the plane. A place gets
the class that it takes its image for, and the probability that it gives that class.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from explorer.extent import Box, Point, square_cells
from explorer.quantities import decode
from vae.classifier import Classifier
from vae.storage.checkpoint import Checkpoint

CELLS = 160  # along the longer side of the map
FINER = 3  # shown cells along each side of one that is read; odd, so that one of them has its middle
_BLOCK = 64  # images read together: few, so that what the layers hand on stays in the processor's cache


class Reading(NamedTuple):
    """The classes that are read in some images, and the probability of each."""

    labels: np.ndarray  # uint8
    probabilities: np.ndarray  # float32, the same shape

    @property
    def grey_levels(self) -> np.ndarray:
        """The probabilities as uint8, 255 for 1."""
        return (255 * self.probabilities).round().astype(np.uint8)


class Regions(NamedTuple):
    """What is read over a window of the plane, in square cells, the first row at the top."""

    window: Box
    reading: Reading  # (H, W) each


def read(checkpoint: Checkpoint, label: int, classifier: Classifier, z: np.ndarray | Sequence[Point]) -> Reading:
    """What is read in the images decoded at points.

    Args:
        checkpoint: A model with a plane.
        label: The class that a conditional model decodes.
        classifier: Of the model's data set.
        z: (B, 2), the points.
    """
    return _likeliest(_log_probabilities(checkpoint, label, classifier, np.asarray(z)).exp())


def measure(checkpoint: Checkpoint, label: int, classifier: Classifier, window: Box, coarser: int = 1) -> Regions:
    """What is read at each place of a window.

    Images are decoded and read on a grid of `CELLS`. Between its points the logarithms of the probabilities are
    interpolated, so that the border of two classes runs where they are equal, and not along the cells.

    Args:
        checkpoint: A model with a plane.
        label: The class that a conditional model decodes.
        classifier: Of the model's data set.
        window: The ranges of both axes.
        coarser: How many times fewer images are read along each axis.
    """
    cells = square_cells(window, CELLS // coarser)
    logs = _log_probabilities(checkpoint, label, classifier, cells.middles.reshape(-1, 2))
    height, width, _ = cells.middles.shape
    between = interpolate(logs.T.reshape(1, -1, height, width), scale_factor=FINER, mode="bilinear")
    return Regions(cells.window, _likeliest(between[0].softmax(0).movedim(0, -1)))


@torch.inference_mode()
def _log_probabilities(checkpoint: Checkpoint, label: int, classifier: Classifier, z: np.ndarray) -> Tensor:
    """log p(class | decoded image), (B, C), of images as the pages show them: within black and white."""
    model, points = checkpoint.model, torch.as_tensor(z, dtype=torch.float32)
    images = (model.decode(block, decode.labels(model, label, len(block))) for block in points.split(_BLOCK))
    return torch.cat([classifier(block.clamp(0, 1)).log_softmax(1) for block in images])


def _likeliest(probabilities: Tensor) -> Reading:
    """The class of the largest probability, (..., C) to (...)."""
    highest, labels = probabilities.max(-1)
    return Reading(labels.to(torch.uint8).numpy(), highest.numpy())
