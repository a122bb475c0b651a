"""A trained model: what is stored of it, with its networks in PyTorch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae.config import TrainConfig
from vae.models import AE, CVAE, VAE, build_empty
from vae.storage import stored_checkpoint
from vae.storage.file_pair import write_pair
from vae.storage.stored_checkpoint import RecordedData, Stored


@dataclass(frozen=True)
class Checkpoint(RecordedData):
    """A model in eval mode on the CPU, what it made of the test set, and how it came to be."""

    name: str
    config: TrainConfig
    model: AE | VAE | CVAE
    codes: Tensor  # (N, D) float32, the posterior means of the test images; for an AE their codes
    labels: Tensor  # (N,) uint8, the test labels
    record: dict[str, Any]  # the JSON


def load(path: str | Path) -> AE | VAE | CVAE:
    """The model of `<path>.pt` and `<path>.json`, in eval mode on the CPU; raises what `stored_checkpoint.read` raises.

    The path of either file is accepted too.
    """
    return read(path).model


def read(path: str | Path) -> Checkpoint:
    """All of a checkpoint; raises what `stored_checkpoint.read` raises."""
    return from_stored(stored_checkpoint.read(path))


def from_stored(found: Stored) -> Checkpoint:
    """The same with a model."""
    model = build_empty(found.config, len(found.class_names))
    model.load_state_dict({name: torch.from_numpy(weight) for name, weight in found.weights.items()}, assign=True)
    codes, labels = torch.from_numpy(found.codes), torch.from_numpy(found.labels)
    return Checkpoint(found.name, found.config, model.eval().requires_grad_(False), codes, labels, found.record)


def write(path: str | Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint at `<path>.pt` and `<path>.json`; a kill at any moment leaves the old pair or the new one."""
    weights = {name: value.detach().cpu() for name, value in checkpoint.model.state_dict().items()}
    tensors = {"weights": weights, "codes": checkpoint.codes, "labels": checkpoint.labels}
    write_pair(path, tensors, checkpoint.record)
