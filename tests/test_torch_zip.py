"""Files of tensors, read without PyTorch."""

import io
import pickle
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from vae.storage import torch_zip


def same(read, loaded):
    if isinstance(loaded, torch.Tensor):
        assert read.dtype == loaded.numpy().dtype
        assert read.shape == tuple(loaded.shape)
        assert (read == loaded.numpy()).all()
    elif isinstance(loaded, dict):
        assert read.keys() == loaded.keys()
        for key in loaded:
            same(read[key], loaded[key])
    else:
        assert read == loaded


def test_what_is_read_is_what_torch_loads(tmp_path):
    base = torch.arange(24.0).view(4, 6)
    content = {
        "run_id": "one",
        "rows": base[1:3],  # an offset
        "turned": base.T,  # strides
        "one column": base[:, 2],
        "number": torch.tensor(3.5, dtype=torch.float64),
        "none": torch.empty(0, 2),
        "halves": base.half(),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "longs": torch.arange(5),
        "nested": {"list": [1, 2.5, None, True], "weights": torch.nn.Linear(3, 2).state_dict()},
    }
    torch.save(content, tmp_path / "file.pt")
    found = torch_zip.read(tmp_path / "file.pt")
    same(found, torch.load(tmp_path / "file.pt", weights_only=True))
    found["rows"] += 1  # each is its own, and can be written to
    assert (found["one column"] == base[:, 2].numpy()).all()


class Bomb:
    def __reduce__(self):
        return (print, ("exploded",))


class Four:
    """A tensor of four numbers in a file, or what claims to be one."""

    def __init__(self, *layout):
        self.layout = layout

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, (STORAGE, *self.layout, False, OrderedDict())


STORAGE = object()


class Writer(pickle.Pickler):
    count = 4

    def persistent_id(self, obj):
        if isinstance(obj, Kind):
            return ("storage", obj.kind, "0", "cpu", 4)
        return ("storage", torch.FloatStorage, "0", "cpu", self.count) if obj is STORAGE else None


NUMBERS = np.arange(4, dtype="<f4").tobytes()


def write(file, content, numbers=NUMBERS, **how):
    """A file with one storage; `content` is pickled, unless it is so already."""
    pickled = io.BytesIO(content if isinstance(content, bytes) else b"")
    if not isinstance(content, bytes):
        writer = Writer(pickled, protocol=2)
        writer.count = len(numbers) // 4
        writer.dump(content)
    with zipfile.ZipFile(file, "w", **how) as archive:
        archive.writestr("archive/data.pkl", pickled.getvalue())
        archive.writestr("archive/data/0", numbers)


def test_what_is_refused_below_is_else_as_it_should_be(tmp_path):
    write(tmp_path / "file.pt", Four(1, (3,), (1,)))
    assert torch_zip.read(tmp_path / "file.pt").tolist() == [1, 2, 3]


class Kind:
    """A storage of another type than a file of ours has."""

    def __init__(self, kind):
        self.kind = kind


REFUSED = {
    "a number for each of many": Four(0, (10**9,), (0,)),
    "and again in two dimensions": Four(0, (10**5, 4), (0, 1)),
    "a size below none": Four(0, (-1, -4), (1, 1)),
    "a size that is no number": Four(0, ("4",), (1,)),
    "a type of its own": Kind("O"),
    "a type that Python has not": Kind("no type"),
    "code": Bomb(),
    "a tensor beyond its bytes": Four(0, (5,), (1,)),
    "a tensor before them": Four(-2, (4,), (1,)),
    "a tensor that runs backwards": Four(1, (2, 2), (-5, 5)),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_wants_more_than_tensors_is_refused(content, tmp_path, capsys):
    write(tmp_path / "file.pt", content)
    assert peak_of_a_refusal(tmp_path / "file.pt") < 1_000_000
    assert not capsys.readouterr().out


def peak_of_a_refusal(file):
    """The bytes that are taken until a file is refused."""
    tracemalloc.start()
    try:
        with pytest.raises((pickle.UnpicklingError, ValueError, TypeError, EOFError, zipfile.BadZipFile)):
            torch_zip.read(file)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


EXPENSIVE = {
    "a memo of billions": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "a later bytearray": b"\x80\x05\x96" + (2**33).to_bytes(8, "little") + b".",
    "bytes beyond its end": b"\x80\x03B\xff\xff\xff\x7f.",
    "an endless number": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "millions of lists": b"\x80\x02" + b"]" * 9_000_000 + b".",
}


@pytest.mark.fault("bytes that lie took gigabytes, or a flipped bit went unnoticed")
@pytest.mark.parametrize("content", EXPENSIVE.values(), ids=EXPENSIVE.keys())
def test_a_pickle_that_would_take_much_memory_is_refused_before(content, tmp_path):
    write(tmp_path / "file.pt", content)
    assert peak_of_a_refusal(tmp_path / "file.pt") < 10_000_000


@pytest.mark.fault("bytes that lie took gigabytes, or a flipped bit went unnoticed")
def test_tensors_that_share_their_bytes_are_together_no_larger_than_the_file(tmp_path):
    write(tmp_path / "file.pt", [Four(0, (250_000,), (1,)) for _ in range(1000)], bytes(1_000_000))
    assert peak_of_a_refusal(tmp_path / "file.pt") < 4_000_000


@pytest.mark.fault("bytes that lie took gigabytes, or a flipped bit went unnoticed")
def test_what_is_compressed_is_not_unpacked(tmp_path):
    write(tmp_path / "file.pt", {}, bytes(50_000_000), compression=zipfile.ZIP_DEFLATED)
    assert peak_of_a_refusal(tmp_path / "file.pt") < 1_000_000


@pytest.mark.fault("bytes that lie took gigabytes, or a flipped bit went unnoticed")
@pytest.mark.parametrize("names", [("data/0", "data/0"), ("data/0", "data/1")], ids=["of one name", "of one place"])
def test_parts_that_share_name_or_bytes_are_refused(tmp_path, names):
    write(tmp_path / "file.pt", {}, bytes(5_000_000))
    with zipfile.ZipFile(tmp_path / "file.pt", "a") as archive:
        part = archive.getinfo("archive/data/0")
        for name in names:
            again = zipfile.ZipInfo(f"archive/{name}")
            again.header_offset, again.CRC, again.file_size, again.compress_size = (
                part.header_offset,
                part.CRC,
                *[5_000_000] * 2,
            )
            archive.filelist.append(again)
        archive._didModify = True
    assert peak_of_a_refusal(tmp_path / "file.pt") < 1_000_000
