"""Reads a file that `torch.save` wrote, its tensors as NumPy arrays, without PyTorch: its import takes a second or two.

Such a file is a zip archive. `data.pkl` in it lists what there is; for a tensor it has the type, the shape, the strides
and the number of the file beside it that holds the bytes. A pickle may ask for any function, but only what tensors and
dictionaries need is known here, so reading runs no code of the file.

A file takes no more memory than a few times its own size: nothing in it is compressed, no two parts of it share bytes,
and its tensors together are no larger than the file. Each part has a checksum (CRC-32), which is checked, so a bit that
has flipped on the disk is noticed.
"""

import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.lib.stride_tricks import as_strided

MOST_BYTES = 8 * 2**20  # of `data.pkl`; that of a shipped model has a few thousand


def read(file: Path) -> Any:
    """The content of a file, each tensor as an array of its own; raises what zip, pickle and NumPy raise."""
    size = file.stat().st_size
    with file.open("rb") as opened, ZipFile(opened) as archive:
        _check_parts(archive, size)
        index = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        if archive.getinfo(index).file_size > MOST_BYTES:
            raise ValueError(f"{index} is longer than {MOST_BYTES / 2**20:g} MB")
        content = archive.read(index)
        _check_opcodes(content)
        return _Reader(content, archive, index.removesuffix("data.pkl"), size).load()


def _check_parts(archive: ZipFile, size: int) -> None:
    """Raise unless the parts of an archive have different names, are not compressed, and fit into the file."""
    parts = archive.infolist()
    if len({part.filename for part in parts}) < len(parts):
        raise ValueError("two parts of the archive have the same name")
    if any(part.compress_type != ZIP_STORED or part.compress_size != part.file_size for part in parts):
        raise ValueError("a part of the archive is compressed")
    if sum(part.file_size for part in parts) > size:
        raise ValueError("the parts of the archive are larger than the file")


def _check_opcodes(content: bytes) -> None:
    """Raise for opcodes that `torch.save` never writes and that can make the unpickler take any amount of memory."""
    for opcode, argument, _ in pickletools.genops(content):
        remembers = opcode.name.endswith("PUT")
        if opcode.proto > 2 or (remembers and not (isinstance(argument, int) and argument <= len(content))):
            raise pickle.UnpicklingError(f"{opcode.name} does not belong in a file of tensors")


class _Reader(pickle.Unpickler):
    """Reads one file, whose tensors together may take no more bytes than the file has."""

    def __init__(self, content: bytes, archive: ZipFile, folder: str, size: int) -> None:
        super().__init__(BytesIO(content))
        self.archive, self.folder, self.left = archive, folder, size
        self.storages: dict[str, bytes] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is neither a tensor nor a dictionary")
        return _KNOWN[module, name]

    def persistent_load(self, pid: tuple[str, str, str, str, int]) -> np.ndarray:
        _, dtype, number, _, count = pid
        if dtype not in _KNOWN.values():
            raise pickle.UnpicklingError(f"{dtype!r} is not a type that a tensor can have")
        if number not in self.storages:
            self.storages[number] = self.archive.read(f"{self.folder}data/{number}")
        return np.frombuffer(self.storages[number], dtype, count)

    def _tensor(
        self, stored: np.ndarray, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any
    ) -> np.ndarray:
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if min(shape, default=0) < 0 or min(strides, default=0) < 0:
            raise pickle.UnpicklingError("a tensor has a negative size or runs backwards")
        if 0 not in shape and not 0 <= offset <= last < len(stored):
            raise pickle.UnpicklingError("a tensor reaches beyond what is stored of it")
        self.left -= math.prod(shape) * stored.itemsize
        if self.left < 0:
            raise pickle.UnpicklingError("the tensors are larger than the file")
        return as_strided(stored[offset:], shape, [stride * stored.itemsize for stride in strides]).copy()


_KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "ByteStorage"): "<u1",
    ("torch", "HalfStorage"): "<f2",
    ("torch", "FloatStorage"): "<f4",
    ("torch", "DoubleStorage"): "<f8",
    ("torch", "IntStorage"): "<i4",
    ("torch", "LongStorage"): "<i8",
}
