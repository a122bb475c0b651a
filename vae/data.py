"""MNIST as tensors that stay on the device.

70,000 images of 28 x 28 are 55 MB as uint8, so the whole set lives where the model lives, a batch is one `index_select`
of it by a seeded permutation, and only the batch becomes float. The files are torchvision's: `<data_dir>/MNIST/raw/`,
downloaded by torchvision when absent. Their SHA-256 is checked at each load, so that nothing is ever trained on a
truncated or foreign file.

LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor

from vae.flags import add_data_dir

VALIDATION_IMAGES = 5_000  # the last of the training images, held out to choose by

_FILES = {  # name: (SHA-256, shape)
    "train-images-idx3-ubyte": ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", (60_000, 28, 28)),
    "train-labels-idx1-ubyte": ("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", (60_000,)),
    "t10k-images-idx3-ubyte": ("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", (10_000, 28, 28)),
    "t10k-labels-idx1-ubyte": ("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", (10_000,)),
}
_WAYS_OUT = (
    "put the four files there, point --data-dir or VAE_DATA_DIR at a folder that has MNIST/raw, or connect to the "
    "network to have them downloaded"
)


class DataError(RuntimeError):
    """MNIST is absent and cannot be downloaded, or a file of it is not the right one."""


class MNIST(NamedTuple):
    """Images uint8 in 0..255 and labels int64 in 0..9, all on one device."""

    train_images: Tensor  # (60000, 28, 28)
    train_labels: Tensor  # (60000,)
    test_images: Tensor  # (10000, 28, 28)
    test_labels: Tensor  # (10000,)

    def to(self, device: torch.device | str) -> "MNIST":
        """The same set on another device."""
        return MNIST(*(tensor.to(device) for tensor in self))


def data_dir(flag: str | Path | None = None) -> Path:
    """Where MNIST is: the flag, else the environment variable VAE_DATA_DIR, else `data`."""
    return Path(flag or os.environ.get("VAE_DATA_DIR") or "data")


def load_mnist(data_dir: str | Path | None = None, device: torch.device | str = "cpu", download: bool = True) -> MNIST:
    """The whole set on `device`, downloaded with a progress bar if absent and `download` is set.

    Raises DataError, saying what to do, when it is absent and cannot be downloaded, or when a file is not MNIST's.
    """
    root = _resolve(data_dir)
    raw = root / "MNIST" / "raw"
    if not all((raw / name).is_file() for name in _FILES):
        if not download:
            raise DataError(f"MNIST is not in {raw}: {_WAYS_OUT}")
        _download(root)
    return MNIST(*(_read(raw / name) for name in _FILES)).to(device)


def to_pixels(images: Tensor) -> Tensor:
    """From uint8 images (B, 28, 28) to pixels (B, 1, 28, 28) in [0, 1]."""
    return images.unsqueeze(1).float() / 255


def binarize(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Each pixel 1 with the probability that is its grey value, else 0 (Salakhutdinov and Murray, 2008)."""
    return (torch.rand(pixels.shape, generator=generator, device=pixels.device) < pixels).to(pixels.dtype)


def split_validation(data: MNIST) -> tuple[MNIST, tuple[Tensor, Tensor]]:
    """The set less its last 5,000 training images, and those images with their labels."""
    n = VALIDATION_IMAGES
    rest = data._replace(train_images=data.train_images[:-n], train_labels=data.train_labels[:-n])
    return rest, (data.train_images[-n:], data.train_labels[-n:])


def batches(images: Tensor, labels: Tensor, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass in the order of a fresh permutation: pixels (B, 1, 28, 28) and labels (B,); the last may be smaller."""
    for index in torch.randperm(len(images), generator=generator, device=images.device).split(size):
        yield to_pixels(images.index_select(0, index)), labels.index_select(0, index)


_resolve = data_dir  # `load_mnist` has a parameter of that name


def _read(path: Path) -> Tensor:
    sha256, shape = _FILES[path.name]
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path} is truncated or not MNIST's (wrong SHA-256): delete it, and it is downloaded anew")
    header = 4 + 4 * len(shape)  # magic number, then each dimension
    values = np.frombuffer(content, np.uint8, offset=header).reshape(shape)
    tensor = torch.from_numpy(values.copy())
    return tensor if len(shape) == 3 else tensor.long()


def _download(root: Path) -> None:
    try:
        _torchvision_datasets().MNIST(str(root), download=True)
    except (RuntimeError, URLError, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(":")
        place = root / "MNIST" / "raw"
        raise DataError(f"MNIST is not in {place} and its download failed ({reason}): {_WAYS_OUT}") from error


def _torchvision_datasets() -> Any:
    """`torchvision.datasets`, also where torchvision was built for another device than torch.

    The usual Linux wheel of torchvision is built for CUDA. Beside a CPU build of torch its compiled operators do not
    load, and the import dies where it registers the shapes of two of them. Declaring the two first is enough: the data
    sets use no operator.
    """
    try:
        from torchvision import datasets
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            _SCHEMAS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        from torchvision import datasets
    return datasets


_SCHEMAS = torch.library.Library("torchvision", "FRAGMENT")  # lives as long as the operators declared in it


def main(arguments: list[str] | None = None) -> None:
    """`python -m vae.data`: fetch MNIST where it is absent, and check it."""
    parser = argparse.ArgumentParser(
        prog="python -m vae.data", description="Fetch MNIST where it is absent, and check it."
    )
    add_data_dir(parser)
    flags = parser.parse_args(arguments)
    try:
        load_mnist(flags.data_dir)
    except DataError as error:
        sys.exit(f"error: {error}")
    print(f"MNIST is whole in {data_dir(flags.data_dir) / 'MNIST' / 'raw'}")


if __name__ == "__main__":
    main()
