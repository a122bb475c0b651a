"""Decoders of two latents that are not ours, and codes for them."""

import numpy as np
import torch
from torch import nn

CODES = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
LABELS = (CODES[:, 0] > 0) + 2 * (CODES[:, 1] > 0)


class Convolutions(nn.Module):
    """An untrained decoder of transposed convolutions, as tutorials have it."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.dense = nn.Linear(2, 16 * 7 * 7)
            self.drop = nn.Dropout(dropout)
            self.up = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1)
            self.out = nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Images (B, 1, 28, 28)."""
        hidden = torch.relu(self.drop(self.dense(z))).unflatten(1, (16, 7, 7))
        return torch.sigmoid(8 * self.out(torch.relu(self.up(hidden))))

    forward = decode


def moving_spot(z: np.ndarray) -> np.ndarray:
    """Images (B, 28, 28) of a spot whose place is z."""
    x, y = (14 + 3 * np.asarray(z, float).T)[..., None, None]
    up, across = np.mgrid[:28, :28]
    return np.exp(-((across - x) ** 2 + (up - y) ** 2) / 8)
