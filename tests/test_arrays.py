"""Files of tensors, read without PyTorch."""

import pickle
import zipfile

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


@pytest.mark.parametrize("what", ["code", "a tensor beyond its bytes", "a tensor before them"])
def test_a_file_that_wants_more_than_tensors_is_refused(what, tmp_path, capsys):
    file = tmp_path / "file.pt"
    if what == "code":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(Bomb(), protocol=2))
    else:
        torch.save(torch.zeros(4), file)
        with zipfile.ZipFile(file) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        index = next(name for name in parts if name.endswith("data.pkl"))
        shape = b"K\x04\x85"  # the tuple (4,), once in the type of the storage's size and then as the shape
        assert shape in parts[index]
        offset = b"QK\x00"  # what follows the storage
        assert offset in parts[index]
        other = (shape, b"K\x05\x85") if what == "a tensor beyond its bytes" else (offset, b"QJ\xfe\xff\xff\xff")
        parts[index] = parts[index].replace(*other)
        with zipfile.ZipFile(file, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
    with pytest.raises((pickle.UnpicklingError, ValueError)):
        arrays.read(file)
    assert not capsys.readouterr().out
