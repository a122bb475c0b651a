"""Files of tensors, read without PyTorch."""

import io
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from vae import arrays


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
    found = arrays.read(tmp_path / "file.pt")
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
    def persistent_id(self, obj):
        return ("storage", torch.FloatStorage, "0", "cpu", 4) if obj is STORAGE else None


def write(file, content):
    pickled = io.BytesIO()
    Writer(pickled, protocol=2).dump(content)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled.getvalue())
        archive.writestr("archive/data/0", np.arange(4, dtype="<f4").tobytes())


def test_what_is_refused_below_is_else_as_it_should_be(tmp_path):
    write(tmp_path / "file.pt", Four(1, (3,), (1,)))
    assert arrays.read(tmp_path / "file.pt").tolist() == [1, 2, 3]


REFUSED = {
    "code": Bomb(),
    "a tensor beyond its bytes": Four(0, (5,), (1,)),
    "a tensor before them": Four(-2, (4,), (1,)),
    "a tensor that runs backwards": Four(1, (2, 2), (-5, 5)),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_wants_more_than_tensors_is_refused(content, tmp_path, capsys):
    write(tmp_path / "file.pt", content)
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        arrays.read(tmp_path / "file.pt")
    assert not capsys.readouterr().out
