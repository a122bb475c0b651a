"""A trained model with its networks in PyTorch, read from its two files and written to them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae.config import TrainConfig
from vae.models import Model, build_empty
from vae.storage import stored_checkpoint
from vae.storage.file_pair import write_pair
from vae.storage.stored_checkpoint import RecordedData, Stored


@dataclass(frozen=True)
class Checkpoint(RecordedData[Tensor]):
    """A model in eval mode on the CPU, its codes of the test set, and the record of its training."""

    name: str
    config: TrainConfig
    model: Model
    codes: Tensor  # (N, D) float32, the posterior means of the test images; for an AE their codes
    labels: Tensor  # (N,) uint8, the test labels
    record: dict[str, Any]  # the JSON
    image_metrics: dict[str, Tensor] = field(default_factory=dict)  # as of `Stored.image_metrics`


def load(path: str | Path) -> Model:
    """The model of `<path>.pt` and `<path>.json`, in eval mode on the CPU; raises what `stored_checkpoint.read` raises.

    The path of either file is accepted too.
    """
    return read(path).model


def read(path: str | Path) -> Checkpoint:
    """The whole of a checkpoint; raises what `stored_checkpoint.read` raises."""
    return from_stored(stored_checkpoint.read(path))


def from_stored(stored: Stored) -> Checkpoint:
    """The checkpoint of which only arrays have been read, with its networks."""
    model = build_empty(stored.config, len(stored.class_names))
    model.load_state_dict({name: torch.from_numpy(weight) for name, weight in stored.weights.items()}, assign=True)
    codes, labels = torch.from_numpy(stored.codes), torch.from_numpy(stored.labels)
    model = model.eval().requires_grad_(False)
    image_metrics = {name: torch.from_numpy(values) for name, values in stored.image_metrics.items()}
    return Checkpoint(stored.name, stored.config, model, codes, labels, stored.record, image_metrics)


def write(path: str | Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint at `<path>.pt` and `<path>.json`; a kill at any moment leaves the old pair or the new one.

    Args:
        path: of the two files, without their endings.
        checkpoint: what is written.
    """
    weights = {name: value.detach().cpu() for name, value in checkpoint.model.state_dict().items()}
    tensors = {"weights": weights, "codes": checkpoint.codes, "labels": checkpoint.labels}
    if checkpoint.image_metrics:
        tensors["image_metrics"] = checkpoint.image_metrics
    write_pair(path, tensors, checkpoint.record)
