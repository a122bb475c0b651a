"""What the browser is handed, read as the browser does, with NumPy for JavaScript."""

import json
import math

import numpy as np
import pytest
import torch
import written

from explorer import extent
from explorer.browser import packing
from vae.architecture import decoder_name
from vae.storage.checkpoint import from_stored
from vae.storage.stored_checkpoint import read


@pytest.fixture(scope="module", params=["ae", "vae", "cvae", "ppca"])
def found(request):
    return read(f"checkpoints/{request.param}")


def test_the_packed_bytes_decode_as_the_model_does(found):
    """Read the blob as the browser does, with NumPy for JavaScript."""
    blob = packing.pack(found, "me")
    length = int.from_bytes(blob[:4], "little")
    header = json.loads(blob[4 : 4 + length])
    start = math.ceil((4 + length) / 16) * 16
    assert all((start + offset) % 16 == 0 for offset in header["offsets"])
    count = header["count"]
    codes = np.frombuffer(blob, "<f4", 2 * count, start + header["offsets"][0]).reshape(count, 2)
    assert (codes == found.codes).all()
    assert (np.frombuffer(blob, "u1", count, start + header["offsets"][1]) == found.labels).all()
    window = extent.surroundings(codes, header["prior"])
    shown = np.stack(np.meshgrid(*(np.linspace(*ends, 40) for ends in window)), -1).reshape(-1, 2)
    z = np.concatenate([np.random.default_rng(0).uniform(-3, 3, (50, 2)), shown]).astype(np.float32)
    values = np.concatenate([z, np.eye(10)[np.full(len(z), 4)]], axis=1) if header["conditional"] else z
    act = {
        "relu": lambda v: np.maximum(v, 0),
        "sigmoid": lambda v: 0.5 * (1 + np.tanh(v / 2)),
        "identity": lambda v: v,
    }
    for i, layer in enumerate(header["layers"]):
        shape = (layer["outputs"], layer["inputs"])
        kind = "<f2" if layer["half"] else "<f4"
        weight = np.frombuffer(blob, kind, shape[0] * shape[1], start + header["offsets"][2 + 2 * i]).reshape(shape)
        bias = np.frombuffer(blob, "<f4", shape[0], start + header["offsets"][3 + 2 * i])
        values = act[layer["act"]](values @ weight.T.astype(np.float32) + bias)
    with torch.inference_mode():
        labels = torch.full((len(z),), 4) if header["conditional"] else None
        decoded = from_stored(found).model.decode(torch.tensor(z), labels).flatten(1).numpy()
    off = np.abs(values - decoded).max(axis=1)
    assert off[:50].max() < 5e-3
    assert off.max() < 0.025
    hidden = "" if found.name == "ppca" else "512-"
    assert decoder_name(found.config) == f"{12 if header['conditional'] else 2}-{hidden}784"


@pytest.mark.parametrize("factor", [1e-9, 1e-5, 1.0, 1e7, 1e12])
def test_weights_are_float16_only_where_that_holds_them(factor, tmp_path):
    path = written.write(tmp_path / "vae", edit=lambda model: model.decoder[-1].weight.mul_(factor))
    stored = read(path)
    blob = packing.pack(stored, "me")
    length = int.from_bytes(blob[:4], "little")
    header = json.loads(blob[4 : 4 + length])
    weight, half = stored.layers()[-1].weight, header["layers"][-1]["half"]
    start = math.ceil((4 + length) / 16) * 16 + header["offsets"][-2]
    packed = np.frombuffer(blob, "<f2" if half else "<f4", weight.size, start).reshape(weight.shape)
    assert np.abs(packed.astype(float) - weight).max() <= 1e-3 * np.abs(weight).max()
    assert half == (factor == 1.0)


def test_the_packed_encoder_encodes_as_the_model_does(found):
    """Read as the browser does; within 5e-3 of the codes' spread."""
    blob = packing.pack_encoder(found, "me")
    length = int.from_bytes(blob[:4], "little")
    header = json.loads(blob[4 : 4 + length])
    start = math.ceil((4 + length) / 16) * 16
    assert header["count"] == 0
    x = torch.rand(30, 1, 28, 28, generator=torch.Generator().manual_seed(0)) ** 3
    values = x.flatten(1).numpy()
    if header["conditional"]:
        values = np.concatenate([values, np.eye(10)[np.full(30, 4)]], axis=1)
    act = {"relu": lambda v: np.maximum(v, 0), "identity": lambda v: v}
    for i, layer in enumerate(header["layers"]):
        shape = (layer["outputs"], layer["inputs"])
        weight = np.frombuffer(blob, "<f2", shape[0] * shape[1], start + header["offsets"][2 + 2 * i]).reshape(shape)
        bias = np.frombuffer(blob, "<f4", shape[0], start + header["offsets"][3 + 2 * i])
        values = act[layer["act"]](values @ weight.T.astype(np.float32) + bias)
    codes = from_stored(found).model.encode(x, torch.full((30,), 4)).numpy()
    assert (np.abs(values[:, :2] - codes) < 5e-3 * found.codes.std(axis=0)).all()
