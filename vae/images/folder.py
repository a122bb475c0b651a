"""A folder of images, one subfolder a class, as a data set in MNIST's form.

    pets/cat/*.png    ->    class 0, "cat"         classes in the order of their names, at most ten
    pets/dog/*.jpg    ->    class 1, "dog"         every fifth image of a class is a test image

An image becomes 28 x 28 grey levels, white on black:

    1. turned upright, as its camera noted; transparent parts become black or white, whichever is farther from what is
       drawn; converted to grey
    2. padded to a square with the median grey of its border, and resized; every pixel counts when it shrinks
    3. inverted, if the borders of most images are lighter than mid-grey: all images or none, so that what is bright in
       one is bright in the others

An image of 28 x 28 grey levels on black is taken as it is. Which images are test images, and the order of all, follow
from the names alone: each class is shuffled by a fixed seed.
"""

import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from vae.architecture import MOST_CLASSES
from vae.images import grey
from vae.images.tensors import DataError, ImageSet, Split

SUFFIXES = grey.suffixes()
SIDE = 28
LEAST_IMAGES = 10  # in a class
MOST_IMAGES = 200_000  # in a folder
IMAGES_PER_TEST_IMAGE = 5
VOTERS = 100  # images that decide whether the background is black
SEED = 0
_SHOW_BAR_FROM = 1_000  # images: fewer take less than a second


class Files(NamedTuple):
    """The images of a folder and their classes, in the order in which they are used."""

    train: list[tuple[Path, int]]
    test: list[tuple[Path, int]]
    class_names: tuple[str, ...]
    left_out: list[Path]  # files beside them whose names are not those of images


def load(folder: Path) -> ImageSet:
    """The whole set, on the CPU; raises DataError, which names the file or folder and says what to do."""
    files = find(folder)
    if files.left_out:
        print(f"{folder}: {_left_out(files.left_out)}", file=sys.stderr)
    inverted = lighter_ground(files)
    train_images, train_labels = _read(files.train, inverted)
    return ImageSet(train_images, train_labels, *_read(files.test, inverted), class_names=files.class_names)


def load_test_split(folder: Path) -> Split:
    """The test images alone; raises DataError as `load` does."""
    files = find(folder)
    return Split(*_read(files.test, lighter_ground(files)), class_names=files.class_names)


def find(folder: Path) -> Files:
    """The images of a folder, by name.

    Raises DataError unless there are enough in each class and not too many, and where a folder may not be read.
    """
    try:
        return _find(folder)
    except OSError as error:
        place = error.filename or folder
        raise DataError(f"{place} cannot be read ({error.strerror}): let this program read it, or remove it") from error


def _find(folder: Path) -> Files:
    classes = sorted((path for path in folder.iterdir() if _counts(path) and path.is_dir()), key=_natural)
    if not 1 <= len(classes) <= MOST_CLASSES:
        count = f"{len(classes)} subfolders, and no more classes can be told apart on a map" if classes else "none"
        raise DataError(f"{folder} must have 1 to {MOST_CLASSES} subfolders of images, one a class; it has {count}")
    for each in classes:
        if not (each.name.isprintable() and each.name.strip()):
            raise DataError(f"the class {str(each)!r} has a name that cannot be shown: rename its folder")
    train, test, left_out = [], [], []
    for label, each in enumerate(classes):
        files = sorted((file for file in each.iterdir() if _counts(file) and file.is_file()), key=_natural)
        images = [file for file in files if file.suffix.lower() in SUFFIXES]
        left_out += sorted({*files} - {*images})
        _check_count(each, len(images))
        random.Random(SEED).shuffle(images)
        test_count = len(images) // IMAGES_PER_TEST_IMAGE
        test += [(file, label) for file in images[:test_count]]
        train += [(file, label) for file in images[test_count:]]
    if len(train) + len(test) > MOST_IMAGES:
        raise DataError(f"{folder} has {len(train) + len(test):,} images: leave {MOST_IMAGES:,} at most in it")
    for part in (train, test):  # so that the first images of either are of all classes
        random.Random(SEED).shuffle(part)
    return Files(train, test, tuple(each.name for each in classes), left_out)


def lighter_ground(files: Files) -> bool:
    """Whether the borders of most images are lighter than mid-grey, by a sample from all over the folder."""
    everything = files.train + files.test
    asked = everything[:: -(-len(everything) // VOTERS)]
    lighter = [_border(np.asarray(read_grey(file))) > 127.5 for file, _ in asked]
    return 2 * sum(lighter) > len(lighter)


def read_image(file: Path, inverted: bool) -> np.ndarray:
    """An image in MNIST's form, (28, 28) uint8.

    Args:
        file: the image.
        inverted: whether light and dark are exchanged.

    Raises:
        DataError: for a file that is no image.
    """
    image = read_grey(file)
    small = np.asarray(ImageOps.pad(image, (SIDE, SIDE), Image.Resampling.BILINEAR, _border(np.asarray(image))))
    return 255 - small if inverted else small


def read_grey(file: Path) -> Image.Image:
    """An image upright and grey, in its own size, without transparency; raises DataError if there is none."""
    try:
        image = Image.fromarray(grey.read(file, draft=4 * SIDE))  # a large JPEG is read in a fraction of its size
        if max(image.size) > SIDE * min(image.size):
            raise ValueError(f"of {image.width} x {image.height} pixels nothing would be left")
    except ValueError as error:
        raise DataError(f"{file} cannot be read as an image ({error}): replace it, or take it away") from error
    return image


def _read(files: Sequence[tuple[Path, int]], inverted: bool) -> tuple[Tensor, Tensor]:
    """Images (N, 28, 28) uint8 and labels (N,) int64."""
    quiet = len(files) < _SHOW_BAR_FROM
    bar = tqdm(files, desc="reading images", unit="image", disable=quiet, leave=False)
    images = np.stack([read_image(file, inverted) for file, _ in bar])
    return torch.from_numpy(images), torch.tensor([label for _, label in files])


def _border(levels: np.ndarray) -> int:
    """The median grey of an image's outermost pixels."""
    return int(np.median(np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])))


def _check_count(folder: Path, count: int) -> None:
    if count >= LEAST_IMAGES:
        return
    if not count and any(each.is_dir() for each in folder.iterdir()):
        raise DataError(f"{folder} has folders but no image: name the folder whose subfolders hold the images")
    raise DataError(
        f"{folder} has {count or 'no'} image{'' if count == 1 else 's'} ({', '.join(sorted(SUFFIXES))}): a class needs "
        f"{LEAST_IMAGES}; add some, or take the folder away"
    )


def _counts(path: Path) -> bool:
    return not path.name.startswith((".", "__"))


def _left_out(files: Sequence[Path]) -> str:
    """Which files of a folder are left out, in a few words."""
    endings = sorted({file.suffix.lower() or "no ending" for file in files})
    many = f"{len(files):,} files are" if len(files) > 1 else f"{files[0].name} is"
    return f"{many} left out, no image by name ({', '.join(endings)}); read are {', '.join(sorted(SUFFIXES))}"


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    """The key under which img2 comes before img10."""
    parts = re.split(r"(\d+)", path.name)
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
