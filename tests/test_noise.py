"""Noise on an image: as much as is asked for, the same each time, and less of it in what the models decode."""

import numpy as np
import pytest
import torch

from explorer.cache import checkpoints, results
from explorer.quantities import decode, noise


@pytest.mark.parametrize("amount", [0.02, 0.1, 0.5])
def test_there_is_as_much_noise_as_is_asked_for_and_the_same_each_time(amount):
    grey = np.full((28, 28), 128, np.uint8)
    spread = noise.noisy(grey, amount, flips=False).astype(float) / 255
    if amount < 0.2:  # else much of it lies beyond black and white
        assert spread.std() == pytest.approx(amount, rel=0.1)
    black = np.zeros((28, 28), np.uint8)
    flipped = noise.noisy(black, amount, flips=True)
    assert set(np.unique(flipped)) == {0, 255}
    assert (flipped == 255).mean() == pytest.approx(amount, abs=3 * np.sqrt(amount * (1 - amount) / 784))
    assert noise.squared_error(flipped, black) == (flipped == 255).sum()
    assert (noise.noisy(black, amount, flips=True) == flipped).all()
    assert (noise.noisy(black, amount, flips=True, seed=1) != flipped).any()


@torch.inference_mode()
def test_what_the_vae_decodes_has_less_of_it_than_it_was_given():
    checkpoint = checkpoints.resource("vae").checkpoint
    images = results.test_images(checkpoint)[:20]
    given = [noise.noisy(image, 0.2, flips=True, seed=seed) for seed, image in enumerate(images)]
    pixels = torch.from_numpy(np.stack(given)[:, None] / 255).float()
    decoded = decode.grey_levels(checkpoint.model.decode(checkpoint.model.encode(pixels)))
    left = [noise.squared_error(image, clean) for image, clean in zip(decoded, images, strict=True)]
    had = [noise.squared_error(image, clean) for image, clean in zip(given, images, strict=True)]
    assert np.mean(left) < 0.5 * np.mean(had), (np.mean(left), np.mean(had))
