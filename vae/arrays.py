"""The tensors of a file that `torch.save` wrote, as NumPy arrays, without PyTorch: its import takes a second or two.

Such a file is a zip archive. `data.pkl` in it says what there is, and of a tensor type, shape, strides and the number
of the file beside it that holds its bytes. Of all that a pickle may ask for, only what tensors and dictionaries need is
known here, so reading runs no code of the file's.
"""

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np
from numpy.lib.stride_tricks import as_strided


def read(file: Path) -> Any:
    """The content of a file, each tensor in it as an array of its own; raises what zip, pickle and NumPy raise."""
    with ZipFile(file) as archive:
        index = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(index) as content:
            return _Reader(content, archive, index.removesuffix("data.pkl")).load()


class _Reader(pickle.Unpickler):
    def __init__(self, content: BinaryIO, archive: ZipFile, folder: str) -> None:
        super().__init__(content)
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is neither a tensor nor a dictionary")
        return _KNOWN[module, name]

    def persistent_load(self, pid: tuple[str, str, str, str, int]) -> np.ndarray:
        _, dtype, number, _, count = pid
        return np.frombuffer(bytearray(self.archive.read(f"{self.folder}data/{number}")), dtype, count)


def _tensor(stored: np.ndarray, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any) -> np.ndarray:
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min(strides, default=0) < 0 or (0 not in shape and not 0 <= offset <= last < len(stored)):
        raise pickle.UnpicklingError("a tensor reaches beyond what is stored of it")
    return as_strided(stored[offset:], shape, [stride * stored.itemsize for stride in strides]).copy()


_KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "ByteStorage"): "<u1",
    ("torch", "HalfStorage"): "<f2",
    ("torch", "FloatStorage"): "<f4",
    ("torch", "DoubleStorage"): "<f8",
    ("torch", "IntStorage"): "<i4",
    ("torch", "LongStorage"): "<i8",
}
