"""A split of a data set as one lossless picture: its images in rows of a hundred, its labels in the picture's text.

    python -m vae.datasets --picture vae/images/mnist-test.png        writes MNIST's test images

That file comes with the project, so that the original of each code can be seen without a download.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile, PngInfo

from vae.images.tensors import DataError, Split

COLUMNS = 100
SOURCE = "LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998: the test images and their labels"
LICENCE = "Creative Commons Attribution-ShareAlike 3.0, https://creativecommons.org/licenses/by-sa/3.0/"


def write(path: Path, split: Split) -> None:
    """Write a split as a picture.

    Args:
        path: of the PNG.
        split: of MNIST, whose source and licence are written with it; N images, N a multiple of `COLUMNS`.
    """
    rows = split.images.numpy().reshape(-1, COLUMNS, 28, 28)
    text = PngInfo()
    text.add_text("Labels", "".join(map(str, split.labels.tolist())), zip=True)
    text.add_text("Source", SOURCE)
    text.add_text("Copyright", LICENCE)
    picture = Image.fromarray(rows.swapaxes(1, 2).reshape(-1, 28 * COLUMNS))
    picture.save(path, "png", optimize=True, pnginfo=text)


def read(path: Path) -> Split:
    """The split of a picture that `write` has written.

    Args:
        path: of the PNG.

    Raises:
        DataError: if it is no such picture.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            assert isinstance(picture, PngImageFile)
            pixels, labels = np.asarray(picture), picture.text["Labels"].encode()
        images = pixels.reshape(-1, 28, COLUMNS, 28).swapaxes(1, 2).reshape(-1, 28, 28)
        split = Split(torch.from_numpy(images.copy()), torch.tensor([int(label) for label in labels.decode()]))
    except (UnidentifiedImageError, KeyError, ValueError, SyntaxError) as error:
        raise DataError(f"{path} is not the picture of a data set: take it anew from the project") from error
    if len(split.labels) != len(split.images):
        raise DataError(f"{path} has {len(split.images)} images and {len(split.labels)} labels")
    return split
