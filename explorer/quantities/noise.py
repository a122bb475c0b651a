"""Noise on an image, and how far from the clean image it and what comes out of the model are.

A code of two numbers has no room for noise: what is decoded from the code of a noisy image is near the images that the
model was trained on. An autoencoder that is trained to do this on purpose is a denoising one (Vincent et al., 2008):
`vae.train --corruption` trains one.
"""

import numpy as np
import torch

from vae.images.corruption import corrupt

SEED = 0


def noisy(image: np.ndarray, amount: float, flips: bool, seed: int = SEED) -> np.ndarray:
    """An image with noise on each pixel, (28, 28) uint8.

    Args:
        image: (28, 28) uint8.
        amount: The share of pixels that change between black and white, or the standard deviation, of a range of 1.
        flips: Which of the two.
        seed: Of the draws; the same seed gives the same noise.
    """
    if flips:
        return corrupt(torch.tensor(image), amount, "flip", torch.Generator().manual_seed(seed)).numpy()
    grey = image / 255 + amount * np.random.default_rng(seed).standard_normal(image.shape)
    return np.rint(255 * grey.clip(0, 1)).astype(np.uint8)


def squared_error(one: np.ndarray, other: np.ndarray) -> float:
    """The squared differences of two images in a range of 1, added up.

    Args:
        one: (28, 28) uint8.
        other: The same.
    """
    return float(np.square((one.astype(np.float64) - other) / 255).sum())
