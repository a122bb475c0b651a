"""Corrupted images, from which a denoising model encodes: some pixels are changed, each on its own.

    x~ ~ C(x~|x),   a pixel is changed with probability `share`
    drop    to 0: masking noise
    flip    to what it lacks of white, 1 - x

Vincent, Larochelle, Bengio and Manzagol, Extracting and composing robust features with denoising autoencoders, 2008.
"""

from typing import Literal

import torch
from torch import Tensor

Kind = Literal["drop", "flip"]


def corrupt(images: Tensor, share: float, kind: Kind, generator: torch.Generator) -> Tensor:
    """x~, the images with some of their pixels changed.

    Args:
        images: any shape, floats in [0, 1] or uint8 in 0..255.
        share: the probability of each pixel to be changed.
        kind: what it is changed to.
        generator: of the choice, on the device of the images.
    """
    changed = torch.rand(images.shape, generator=generator, device=images.device) < share
    if kind == "drop":
        return images.masked_fill(changed, 0)
    white = 1 if images.is_floating_point() else 255
    return torch.where(changed, white - images, images)
