"""A trained model on the disk.

    <name>.pt     weights, and the codes and labels of the test set, so that a map needs no data set
    <name>.json   format, run id, configuration, class names, versions, device, seconds, history per epoch, test figures

The JSON alone rebuilds the architecture; the weights are read by a loader that runs no code. The configuration names
the data set, a folder as it was named on the command line; `test_sha256` tells whether what is there now is still what
it was.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae.config import TrainConfig
from vae.data import DIGITS, MNIST_TEST_SHA256
from vae.files import CheckpointError, read_pair, read_record, suffixed, write_pair
from vae.models import AE, CVAE, VAE, skeleton

FOLDER = "checkpoints"


@dataclass(frozen=True)
class Checkpoint:
    """A model in eval mode on the CPU, what it made of the test set, and how it came to be."""

    name: str
    config: TrainConfig
    model: AE | VAE | CVAE
    codes: Tensor  # (N, D) float32, the posterior means of the test images; for an AE their codes
    labels: Tensor  # (N,) uint8, the test labels
    record: dict[str, Any]  # the JSON

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels."""
        return tuple(self.record.get("class_names", DIGITS))

    @property
    def test_set(self) -> str:
        """What tells the test images: where two models have the same, their i-th codes are of the same image."""
        return f"{self.record.get('test_sha256', MNIST_TEST_SHA256)} {len(self.codes)}"


def load(path: str | Path) -> AE | VAE | CVAE:
    """The model of `<path>.pt` and `<path>.json`, in eval mode on the CPU; raises CheckpointError."""
    return read(path).model


def read(path: str | Path) -> Checkpoint:
    """All of a checkpoint.

    Raises CheckpointError, in one sentence that names the file and the command that makes it, when a file is missing,
    truncated or foreign, when the two are of different runs, or when the weights do not fit the configuration.
    """
    command = _command(Path(path))
    tensors, record = read_pair(path, command)
    try:
        config, classes = TrainConfig.from_dict(record.get("config")), _classes(record)
    except ValueError as error:
        raise CheckpointError(f"{suffixed(path, '.json')}: {error}; make it anew with `{command}`") from error
    model = skeleton(config, classes)
    try:
        model.load_state_dict(tensors["weights"], assign=True)
        codes, labels = _checked(tensors["codes"], tensors["labels"], config.latent_dim, classes)
    except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        file = suffixed(path, ".pt")
        raise CheckpointError(f"{file} does not fit its configuration: make it anew with `{command}`") from error
    return Checkpoint(Path(path).name, config, model.eval().requires_grad_(False), codes, labels, record)


def write(path: str | Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint at `<path>.pt` and `<path>.json`; a kill at any moment leaves the old pair or the new one."""
    weights = {name: value.detach().cpu() for name, value in checkpoint.model.state_dict().items()}
    tensors = {"weights": weights, "codes": checkpoint.codes, "labels": checkpoint.labels}
    write_pair(path, tensors, checkpoint.record)


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


def _checked(codes: Tensor, labels: Tensor, latent_dim: int, classes: int) -> tuple[Tensor, Tensor]:
    """The two as they are; raises ValueError unless they are finite (N, D) float32 and (N,) uint8 in 0..C - 1."""
    shapes = codes.ndim == 2 and codes.shape == (len(labels), latent_dim) and labels.ndim == 1
    if not shapes or codes.dtype != torch.float32 or labels.dtype != torch.uint8:
        raise ValueError("codes or labels have a wrong shape or type")
    if not bool(torch.isfinite(codes).all()) or bool((labels >= classes).any()):
        raise ValueError("codes or labels are out of range")
    return codes, labels
