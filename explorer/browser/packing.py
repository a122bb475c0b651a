"""What the browser is handed: one JSON header, then arrays, each at a multiple of 16 bytes. Needs no PyTorch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vae.architecture import DenseLayer
from vae.storage.stored_checkpoint import Stored

if TYPE_CHECKING:
    from explorer.quantities.tabulated import Table
    from vae.snapshots import Replay


def pack(stored: Stored, identity: str, exact: bool = False) -> bytes:
    """A checkpoint as the browser reads it.

    Codes are float32 and labels uint8. The decoder's weights are float16 where float16 holds them. Those of the small
    first layer are float32, because a sine may follow, for which they multiply z to many radians. Rounding moves a
    pixel by less than 5e-3 where |z| is at most 3, and by less than .025 anywhere on the maps of the shipped models:
    logits and their rounding errors grow with z, and an autoencoder's codes reach to 45.

    Args:
        stored: The checkpoint.
        identity: The name by which pages refer to it.
        exact: Whether all weights are float32, for likelihoods, whose sums over pixels are sensitive to rounding.
    """
    layers = stored.layers()
    return _packed(stored, identity, layers, [rank > 0 and not exact for rank in range(len(layers))], codes=True)


def pack_encoder(stored: Stored, identity: str) -> bytes:
    """The encoder as the browser reads it, in the form of `pack` but without codes, all weights float16.

    Rounding moves a code by less than 5e-3 of the codes' standard deviation.

    Args:
        stored: The checkpoint.
        identity: The name by which pages refer to it.
    """
    layers = stored.layers("encoder")
    return _packed(stored, identity, layers, [True] * len(layers), codes=False)


def _packed(stored: Stored, identity: str, layers: Sequence[DenseLayer], halves: Sequence[bool], codes: bool) -> bytes:
    count = len(stored.codes) if codes else 0
    arrays = [stored.codes[:count].astype("<f4"), stored.labels[:count]]
    described = []
    for layer, wide in zip(layers, halves, strict=True):
        outputs, inputs = layer.weight.shape
        half = wide and _fits_half(layer.weight)
        described.append({"inputs": inputs, "outputs": outputs, "act": layer.activation, "half": half})
        arrays += [layer.weight.astype("<f2" if half else "<f4"), layer.bias.astype("<f4")]
    facts = {
        "name": stored.name,
        "count": count,
        "classes": stored.class_names,
        "test_set": stored.test_set,
        "conditional": stored.config.conditional,
        "prior": stored.config.has_prior,
        "layers": described,
    }
    return _blob(identity, facts, arrays)


def _fits_half(weights: np.ndarray) -> bool:
    """Whether float16 keeps weights to a thousandth of the largest: some are too large or too small for it."""
    with np.errstate(over="ignore", invalid="ignore"):
        lost = np.abs(weights.astype("<f2").astype("<f4") - weights).max()
    return bool(lost <= 1e-3 * np.abs(weights).max())


def pack_table(
    table: "Table", codes: np.ndarray, labels: np.ndarray, class_names: Sequence[str], title: str, prior: bool
) -> bytes:
    """A decoder that is not ours in the form of `pack`, but with a table of its images in place of layers.

    Args:
        table: Of its images.
        codes: (N, 2) float32.
        labels: (N,) uint8.
        class_names: The name of each class.
        title: The decoder's, also the name by which pages refer to it.
        prior: Whether N(0, I) is the prior.
    """
    facts = {
        "name": title,
        "count": len(codes),
        "classes": list(class_names),
        "test_set": title,
        "conditional": False,
        "prior": prior,
        "layers": [],
        "lines": len(table.across),
    }
    arrays = [codes.astype("<f4"), labels.astype("u1"), table.across.astype("<f4"), table.up.astype("<f4")]
    return _blob(title, facts, [*arrays, table.levels])


def pack_values(values: np.ndarray, identity: str) -> bytes:
    """What was measured of each test image, in the form of `pack`.

    Args:
        values: (N,) float16, or uint8 labels.
        identity: The name by which pages refer to it.
    """
    return _blob(identity, {"half": values.dtype == np.float16}, [values])


def pack_classifier(weights: Mapping[str, np.ndarray], groups: int, identity: str) -> bytes:
    """The classifier as the browser reads it, in the form of `pack`, its weights float16 where that holds them.

    Args:
        weights: Of `vae.classifier.Classifier`: of each convolution its weight and bias, and the gain and shift of what
            normalises it; of the last layer its weight and bias.
        groups: Of channels, each normalised together.
        identity: The name by which pages refer to it.
    """
    shapes = [weight.shape[:2] for weight in weights.values() if weight.ndim == 4]
    convolutions = [{"inputs": inputs, "outputs": outputs} for outputs, inputs in shapes]
    arrays = [weight.astype("<f2" if weight.ndim > 1 and _fits_half(weight) else "<f4") for weight in weights.values()]
    return _blob(identity, {"groups": groups, "convolutions": convolutions}, arrays)


def pack_sheet(picture: bytes, columns: int, identity: str) -> bytes:
    """A picture of many images as the browser reads it: in the form of `pack`, with the file as the array.

    Args:
        picture: As a WebP file.
        columns: How many images stand in a row.
        identity: The name by which pages refer to it.
    """
    return _blob(identity, {"sheet": columns}, [np.frombuffer(picture, "u1")])


def pack_codes(replay: "Replay", labels: np.ndarray, identity: str, every: int = 1) -> bytes:
    """The codes of all snapshots of a replay, float16 (K, N, 2) in one unit, and the labels, in the form of `pack`.

    Args:
        replay: Has K snapshots.
        labels: (N,) uint8.
        identity: The name by which pages refer to it.
        every: Of the N images only every so manieth is packed.
    """
    codes = np.stack([snapshot.codes.float().numpy()[::every] for snapshot in replay.snapshots])
    labels = labels[::every]
    unit = 2.0 ** np.frexp(np.abs(codes).max())[1]  # a power of 2, so that no digit is lost
    facts = {"count": len(labels), "unit": unit, "epochs": [snapshot.epoch for snapshot in replay.snapshots]}
    return _blob(identity, facts, [(codes / unit).astype("<f2"), labels])


def pack_snapshot(replay: "Replay", index: int, stored: Stored, identity: str) -> bytes:
    """The decoder of one snapshot of a replay in the form of `pack`, without codes.

    Args:
        replay: Of the checkpoint.
        index: Of the snapshot.
        stored: The checkpoint.
        identity: The name by which pages refer to it.
    """
    weights = {name: weight.numpy() for name, weight in replay.weights(index).items()}
    return pack(replace(stored, weights=weights, codes=stored.codes[:0], labels=stored.labels[:0]), identity)


def _blob(identity: str, facts: dict[str, Any], arrays: Sequence[np.ndarray]) -> bytes:
    offset, offsets = 0, []
    for array in arrays:
        offsets.append(offset)
        offset += -(-array.nbytes // 16) * 16
    sizes = [array.nbytes for array in arrays]
    header = json.dumps({"id": identity, **facts, "offsets": offsets, "sizes": sizes}).encode()
    start = -(-(4 + len(header)) // 16) * 16
    blob = bytearray(start + offset)
    blob[:4] = len(header).to_bytes(4, "little")
    blob[4 : 4 + len(header)] = header
    for array, at in zip(arrays, offsets, strict=True):
        blob[start + at : start + at + array.nbytes] = array.tobytes()
    return bytes(blob)
