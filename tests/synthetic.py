"""The small data set of the tests, apart from `conftest`, whose imports take a process of its own a second."""

import torch

from vae.images.tensors import ImageSet


def synthetic_digits(train=200, test=60, seed=0):
    """A set in MNIST's form that can be learned: class c is a bar in row 2 c + 4, of random length and brightness."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (train + test,), generator=generator)
    lengths = torch.randint(6, 18, (train + test, 1), generator=generator)
    grey = torch.randint(120, 256, (train + test, 1), generator=generator)
    bars = torch.where(torch.arange(28) - 5 < lengths, grey, 0) * (torch.arange(28) >= 5)
    images = torch.zeros(train + test, 28, 28, dtype=torch.uint8)
    images[torch.arange(train + test), 2 * labels + 4] = bars.to(torch.uint8)
    return ImageSet(images[:train], labels[:train], images[train:], labels[train:])
