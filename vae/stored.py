"""A trained model on the disk, and what its files say: all that a map shows, without PyTorch.

    <name>.pt     weights, and the codes and labels of the test set, so that a map needs no data set
    <name>.json   format, run id, configuration, class names, versions, device, seconds, history per epoch, test figures

The JSON alone tells the architecture; the weights are read by a reader that runs no code. The configuration names the
data set, a folder as it was named on the command line; `test_sha256` tells whether what is there now is still what it
was. `checkpoint` makes a model of it.
"""

from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vae.architecture import DIGITS, DenseLayer, Part, dense_layers, shapes
from vae.config import TrainConfig
from vae.files import CheckpointError, read_pair, read_record, suffixed

FOLDER = "checkpoints"
MNIST_TEST_SHA256 = "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"  # as of `data.fingerprint`


class Described:
    """What a record says of the images that a model has seen, now or before it said so."""

    record: dict[str, Any]  # the JSON
    codes: Sized  # of the test images

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels."""
        return tuple(self.record.get("class_names", DIGITS))

    @property
    def test_sha256(self) -> str:
        """The `data.fingerprint` of the test images."""
        return self.record.get("test_sha256", MNIST_TEST_SHA256)

    @property
    def test_set(self) -> str:
        """What tells the test images: where two models have the same, their i-th codes are of the same image."""
        return f"{self.test_sha256} {len(self.codes)}"


@dataclass(frozen=True)
class Stored(Described):
    """A checkpoint as arrays."""

    name: str
    config: TrainConfig
    weights: dict[str, np.ndarray]  # float32, as `architecture.shapes` names them
    codes: np.ndarray  # (N, D) float32, the posterior means of the test images; for an AE their codes
    labels: np.ndarray  # (N,) uint8, the test labels
    record: dict[str, Any]

    @property
    def conditional(self) -> bool:
        """Whether the model is told the class."""
        return self.config.model == "cvae"

    @property
    def prior(self) -> bool:
        """Whether the model has one."""
        return self.config.model != "ae"

    def layers(self, part: Part = "decoder") -> list[DenseLayer]:
        """The layers of encoder or decoder, as `architecture.dense_layers` has them."""
        return dense_layers(self.weights, self.config.network, part)


def read(path: str | Path) -> Stored:
    """All of a checkpoint.

    Raises CheckpointError, in one sentence that names the file and the command that makes it, when a file is missing,
    truncated or foreign, when the two are of different runs, or when the weights do not fit the configuration.
    """
    command = _command(Path(path))
    content, record = read_pair(path, command)
    try:
        config, classes = TrainConfig.from_dict(record.get("config")), _classes(record)
    except ValueError as error:
        raise CheckpointError(f"{suffixed(path, '.json')}: {error}; make it anew with `{command}`") from error
    try:
        weights, codes, labels = (content[name] for name in ("weights", "codes", "labels"))
        _check(weights, codes, labels, config, classes)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        file = suffixed(path, ".pt")
        raise CheckpointError(f"{file} does not fit its configuration: make it anew with `{command}`") from error
    return Stored(Path(path).name, config, weights, codes, labels, record)


def names(folder: str | Path = FOLDER, kind: str | None = None) -> list[str]:
    """The names of the models in a folder, sorted; with `kind` (ae, vae, cvae) only of that kind.

    Without `kind`, a JSON that cannot be read is listed too, so that whoever reads it is told what is wrong.
    """
    found = {file.name.removesuffix(".json"): read_record(file) for file in Path(folder).glob("*.json")}
    return sorted(name for name, record in found.items() if _is_model(record, kind))


def _is_model(record: dict[str, Any] | None, kind: str | None) -> bool:
    if record is None:
        return kind is None
    config = record.get("config")
    return isinstance(config, dict) and kind in (None, config.get("model"))


def _command(path: Path) -> str:
    name = f"--model {path.name}" if path.name in ("ae", "vae", "cvae") else f"--name {path.name}"
    folder = "" if path.parent == Path(FOLDER) else f" --folder {path.parent}"
    return f"python -m vae.train {name}{folder}"


def _classes(record: dict[str, Any]) -> int:
    """How many classes a record names; raises ValueError unless it names them as it should."""
    names = record.get("class_names", list(DIGITS))
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("class_names must be a list of names")
    return len(names)


def _check(
    weights: dict[str, np.ndarray], codes: np.ndarray, labels: np.ndarray, config: TrainConfig, classes: int
) -> None:
    """Raise ValueError unless all have the shapes and types that they must have, and codes and labels their range."""
    if {name: weight.shape for name, weight in weights.items()} != shapes(config, classes):
        raise ValueError("weights have other names or shapes")
    if any(array.dtype != np.float32 for array in (codes, *weights.values())) or labels.dtype != np.uint8:
        raise ValueError("weights, codes or labels have a wrong type")
    if labels.ndim != 1 or codes.shape != (len(labels), config.latent_dim):
        raise ValueError("codes or labels have a wrong shape")
    if not np.isfinite(codes).all() or (labels >= classes).any():
        raise ValueError("codes or labels are out of range")
