"""Where images come from: MNIST and sets of its form by name, through torchvision, or any folder of images.

    mnist           ten handwritten digits        60,000 + 10,000    <data_dir>/MNIST/raw/
    fashion-mnist   ten kinds of clothing         60,000 + 10,000    <data_dir>/FashionMNIST/raw/
    kmnist          ten cursive hiragana          60,000 + 10,000    <data_dir>/KMNIST/raw/
    emnist-digits   ten handwritten digits       240,000 + 40,000    <data_dir>/EMNIST/raw/
    FOLDER          one subfolder a class         see `folder`

The files of the named sets are torchvision's: IDX files, which torchvision downloads when they are absent and whose MD5
it checks. Each load also checks the SHA-256 of those of MNIST, and sizes and labels of the others, so that nothing is
ever trained on a truncated or foreign file. The test images of MNIST come with this package, see `sheet`.

LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998; Xiao, Rasul and Vollgraf, Fashion-MNIST, 2017;
Clanuwat et al., Deep learning for classical Japanese literature, 2018; Cohen et al., EMNIST, 2017.
"""

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from vae import commands
from vae.architecture import DIGITS
from vae.config import MNIST
from vae.images import folder, sheet
from vae.images.tensors import DataError, ImageSet, Split
from vae.storage.file_pair import expanded


class Source(NamedTuple):
    """A data set that torchvision knows."""

    title: str
    megabytes: int  # to download
    torchvision: str  # the name of its class there, and of its folder
    arguments: dict[str, str]  # of that class
    prefixes: tuple[str, str]  # of the names of the training files and the test files
    counts: tuple[int, int]  # of the images in them
    class_names: tuple[str, ...] = DIGITS
    transposed: bool = False  # an image is stored column by column
    sha256: tuple[str, ...] = ()  # of training images, training labels, test images, test labels


_USUAL = ("train", "t10k"), (60_000, 10_000)
_CLOTHING = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
SOURCES = {
    MNIST: Source("MNIST", 12, "MNIST", {}, *_USUAL, sha256=_MNIST_SHA256),
    "fashion-mnist": Source("Fashion-MNIST", 31, "FashionMNIST", {}, *_USUAL, _CLOTHING),
    "kmnist": Source("KMNIST", 21, "KMNIST", {}, *_USUAL, _HIRAGANA),
    "emnist-digits": Source(
        *("EMNIST digits", 562, "EMNIST", {"split": "digits"}),
        *(("emnist-digits-train", "emnist-digits-test"), (240_000, 40_000)),
        transposed=True,
    ),
}


PICTURES = {MNIST: Path(__file__).with_name("mnist-test.png")}  # test images that come with this package, see `sheet`


def data_dir(flag: str | Path | None = None) -> Path:
    """Where the named sets are: the flag, else the environment variable VAE_DATA_DIR, else `data`."""
    return expanded(flag or os.environ.get("VAE_DATA_DIR") or "data")


def load_dataset(
    dataset: str = MNIST,
    data_dir: str | Path | None = None,
    device: torch.device | str = "cpu",
    download: bool = True,
) -> ImageSet:
    """The whole of a set on `device`: one of SOURCES, or the folder of that path.

    Args:
        dataset: as `TrainConfig.dataset`.
        data_dir: where the named sets are, as `data_dir` takes it.
        device: where the tensors shall be.
        download: download a named set, with a progress bar, if it is absent.

    Raises:
        DataError: which says what to do, if a set is absent and cannot be downloaded, or if one of its files is not
            what it should be.
    """
    with _readable(dataset):
        if dataset not in SOURCES:
            return folder.load(_folder(dataset)).to(device)
        source = SOURCES[dataset]
        files = _present(source, _resolve(data_dir), download)
        parts = [_read(file, source, rank) for rank, file in enumerate(files)]
        return ImageSet(parts[0], parts[1], parts[2], parts[3], source.class_names).to(device)


def load_test_split(dataset: str = MNIST, data_dir: str | Path | None = None) -> Split:
    """The test images of a set that is on this machine or comes with this package; the training images are not read.

    Args:
        dataset: as `TrainConfig.dataset`.
        data_dir: where the named sets are, as `data_dir` takes it.

    Raises:
        DataError: as `load_dataset` does.
    """
    with _readable(dataset):
        if dataset not in SOURCES:
            return folder.load_test_split(_folder(dataset))
        source = SOURCES[dataset]
        if not is_here(dataset, data_dir) and dataset in PICTURES:
            return _pictured(PICTURES[dataset], source)
        files = _present(source, _resolve(data_dir), download=False)
        return Split(_read(files[2], source, 2), _read(files[3], source, 3), source.class_names)


def is_here(dataset: str, data_dir: str | Path | None = None) -> bool:
    """Whether all files of a named set, or the folder, are on this machine and can be seen by this process.

    Args:
        dataset: as `TrainConfig.dataset`.
        data_dir: where the named sets are, as `data_dir` takes it.
    """
    try:
        if dataset not in SOURCES:
            return expanded(dataset).is_dir()
        return all(file.is_file() for file in _files(SOURCES[dataset], _resolve(data_dir)))
    except OSError:
        return False


def has_test_images(dataset: str, data_dir: str | Path | None = None) -> bool:
    """Whether `load_test_split` finds the files of a set, or the picture of it that comes with this package.

    Args:
        dataset: as `TrainConfig.dataset`.
        data_dir: where the named sets are, as `data_dir` takes it.
    """
    return dataset in PICTURES or is_here(dataset, data_dir)


def title(dataset: str) -> str:
    """The name of a set, for people."""
    return SOURCES[dataset].title if dataset in SOURCES else Path(dataset).name or dataset


_resolve = data_dir  # some functions have a parameter of that name


@contextlib.contextmanager
def _readable(dataset: str) -> Iterator[None]:
    """Turn an OSError into a DataError that names the file."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{title(dataset)} cannot be read: {commands.sentence(error)}; give this process permission to read it"
        ) from error


def _folder(dataset: str) -> Path:
    if not expanded(dataset).is_dir():
        raise DataError(
            f"there is no folder {dataset!r}: a data set is {', '.join(SOURCES)}, or a folder that has one subfolder "
            "of images for each class"
        )
    return expanded(dataset)


def _files(source: Source, root: Path) -> list[Path]:
    """Training images, training labels, test images, test labels."""
    raw = root / source.torchvision / "raw"
    return [raw / f"{prefix}-{kind}-ubyte" for prefix in source.prefixes for kind in ("images-idx3", "labels-idx1")]


def _present(source: Source, root: Path, download: bool) -> list[Path]:
    """The files of a set, downloaded if they are absent and `download` is set."""
    files = _files(source, root)
    if not all(file.is_file() for file in files):
        raw = files[0].parent
        ways_out = (
            f"put the four files there, point --data-dir or VAE_DATA_DIR at a folder that has {raw.parent.name}/raw, "
            f"or connect to the network to have them downloaded ({source.megabytes} MB)"
        )
        if not download:
            raise DataError(f"{source.title} is not in {raw}: {ways_out}")
        _download(source, root, ways_out)
    return files


def _read(file: Path, source: Source, rank: int) -> Tensor:
    """A file of a set, in the order of `_files`: images (N, 28, 28) uint8 or labels (N,) int64."""
    shape = (source.counts[rank // 2], 28, 28)[: 1 if rank % 2 else 3]
    content, header = file.read_bytes(), _header(shape)
    values = np.frombuffer(content, np.uint8)[len(header) :]
    known = not source.sha256 or hashlib.sha256(content).hexdigest() == source.sha256[rank]
    whole = content.startswith(header) and values.size == np.prod(shape)
    if not (known and whole) or (rank % 2 and values.max() >= len(source.class_names)):
        raise DataError(f"{file} is truncated or not {source.title}'s: delete it, and it is downloaded again")
    tensor = torch.from_numpy(values.reshape(shape).copy())
    if rank % 2:
        return tensor.long()
    return tensor.transpose(1, 2).contiguous() if source.transposed else tensor


def _header(shape: tuple[int, ...]) -> bytes:
    """The head of an IDX file of bytes: its magic number, then each dimension."""
    return np.array([0x800 + len(shape), *shape], ">u4").tobytes()


def _pictured(picture: Path, source: Source) -> Split:
    """The test images in a picture, if they and their labels are those of the set, byte by byte."""
    images, labels, _ = sheet.read(picture)
    for values, sha256 in zip((images, labels.byte()), source.sha256[2:], strict=True):
        content = _header(tuple(values.shape)) + values.numpy().tobytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DataError(f"{picture} does not show the test images of {source.title}: take it anew from the project")
    return Split(images, labels, source.class_names)


def _download(source: Source, root: Path, ways_out: str) -> None:
    """Fetch a set, or wait until another process has.

    It is fetched to a folder of its own and then moved, so that an interrupted download is not taken for a whole set.
    """
    raw, part = root / source.torchvision / "raw", root / f".{source.torchvision}.part"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{source.torchvision}.lock"):
            if not all(file.is_file() for file in _files(source, root)):
                shutil.rmtree(part, ignore_errors=True)
                _fetch(source, raw, part)
    except Exception as error:  # torchvision raises many kinds of errors: of the network, the archive, the disk
        reason = commands.sentence(error).rstrip(":")
        raise DataError(f"{source.title} is not in {raw} and its download failed ({reason}): {ways_out}") from error


def _fetch(source: Source, raw: Path, part: Path) -> None:
    """Have torchvision fetch a set by way of the folder `part`, except archives that are in `raw` already."""
    try:
        there = part / source.torchvision / "raw"
        there.mkdir(parents=True)
        for archive in (*raw.glob("*.gz"), *raw.glob("*.zip")):
            shutil.copy(archive, there)
        getattr(torchvision_parts()[0], source.torchvision)(str(part), **source.arguments, download=True)
        for file in _files(source, part):
            os.replace(file, raw / file.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def torchvision_parts() -> tuple[Any, Any]:
    """`torchvision.datasets` and `.transforms`, also where torchvision was built for another device than torch.

    The usual Linux wheel of torchvision is built for CUDA. Beside a CPU build of torch its compiled operators do not
    load, and the import dies where it registers the shapes of two of them. Declaring the two first is enough: the data
    sets use no operator.
    """
    try:
        from torchvision import datasets, transforms
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            _SCHEMAS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        from torchvision import datasets, transforms
    return datasets, transforms


_SCHEMAS = torch.library.Library("torchvision", "FRAGMENT")  # lives as long as the operators declared in it
