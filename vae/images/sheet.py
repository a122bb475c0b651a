"""A split of a data set as one lossless picture: its images in rows of a hundred, its labels as grey levels below them.

    python -m vae.datasets --picture vae/images/mnist-test.png        writes MNIST's test images

That file comes with the project, so that the original of each code can be seen without a download.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vae.images import grey
from vae.images.tensors import DataError, Split

COLUMNS = 100
SIDE = 28
SOURCE = "LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998: the test images and their labels"
LICENCE = "Creative Commons Attribution-ShareAlike 3.0, https://creativecommons.org/licenses/by-sa/3.0/"


def write(path: Path, split: Split) -> None:
    """Write a split as a picture.

    Args:
        path: of the PNG.
        split: of MNIST, whose source and licence are written with it; N images, N a multiple of `COLUMNS`.
    """
    rows = split.images.numpy().reshape(-1, COLUMNS, SIDE, SIDE).swapaxes(1, 2).reshape(-1, SIDE * COLUMNS)
    labels = np.zeros((-(-len(split.labels) // rows.shape[1]), rows.shape[1]), np.uint8)
    labels.flat[: len(split.labels)] = split.labels.numpy()
    text = PngInfo()
    text.add_text("Source", SOURCE)
    text.add_text("Copyright", LICENCE)
    Image.fromarray(np.concatenate([rows, labels])).save(path, "png", optimize=True, pnginfo=text)


def read(path: Path) -> Split:
    """The split of a picture that `write` has written.

    Args:
        path: of the PNG.

    Raises:
        DataError: if it is no such picture.
    """
    try:
        levels = grey.read(path)
        count = COLUMNS * (len(levels) // SIDE)
        images = levels[: SIDE * count // COLUMNS].reshape(-1, SIDE, COLUMNS, SIDE).swapaxes(1, 2)
        labels = levels[SIDE * count // COLUMNS :].ravel()[:count]
    except ValueError as error:
        raise DataError(f"{path} is not the picture of a data set: take it anew from the project") from error
    return Split(torch.from_numpy(images.reshape(-1, SIDE, SIDE).copy()), torch.from_numpy(labels.copy()).long())
