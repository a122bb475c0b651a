"""Which two classes of a map lie most in the same place, and how much."""

from typing import NamedTuple

import numpy as np
import torch

from vae.metrics import nearest_labels
from vae.nearness import NEAR


class Overlap(NamedTuple):
    """Two classes, and how much of the one lies in the other."""

    classes: tuple[int, int]
    share: float  # of the codes nearest to one of either class, those of the other: 0 apart, 1/2 one over the other


def largest(codes: np.ndarray, labels: np.ndarray) -> Overlap | None:
    """The two classes of a map that overlap most; None if no two classes do.

    Args:
        codes: (N, 2).
        labels: (N,), their classes.
    """
    nearest = nearest_labels(torch.as_tensor(codes), torch.as_tensor(labels), torch.as_tensor(codes), NEAR + 1)
    others = nearest[:, 1:].numpy()  # without the code itself
    present, count = np.unique(labels), int(labels.max()) + 1
    share = np.zeros((count, count))
    for label in present:
        near = others[labels == label]
        share[label] = np.bincount(near.ravel(), minlength=count) / max(near.size, 1)
    both = np.triu(share + share.T, 1) / 2
    first, second = np.unravel_index(both.argmax(), both.shape)
    return Overlap((int(first), int(second)), float(both.max())) if both.max() > 0 else None
