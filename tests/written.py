"""Checkpoints made without a training: of any codes, weights, names and classes, for what training makes but seldom."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae.architecture import DIGITS
from vae.config import TrainConfig
from vae.models import build
from vae.storage import checkpoint
from vae.storage.checkpoint import Checkpoint

COUNT = 2_000


def normal(count: int = COUNT, seed: int = 1, dimensions: int = 2) -> Tensor:
    """Codes (count, dimensions) of N(0, I)."""
    return torch.randn(count, dimensions, generator=torch.Generator().manual_seed(seed))


def write(
    path: Path,
    codes: Tensor | None = None,
    class_names: Sequence[str] = DIGITS,
    edit: Callable[[Any], object] = lambda model: None,
    image_metrics: Mapping[str, Tensor] | None = None,
    **settings: Any,
) -> Path:
    """A checkpoint at `<path>.pt` and `<path>.json` with these codes and metrics of images, and the edited model."""
    config = TrainConfig(**settings)
    codes = normal() if codes is None else codes
    labels = torch.arange(len(codes)).remainder(len(class_names)).to(torch.uint8)
    model = build(config, len(class_names))
    with torch.no_grad():
        edit(model)
    record = {
        "run_id": path.name,
        "config": config.to_dict(),
        "class_names": list(class_names),
        "history": [],
        "test": {"squared_error": 30.0, "knn5_accuracy": 0.5} | ({"kl_nats": 1.0} if config.model != "ae" else {}),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    of_images = dict(image_metrics or {})
    checkpoint.write(path, Checkpoint(path.name, config, model, codes.float(), labels, record, of_images))
    return path


def write_untrained(path: Path, **settings: Any) -> Path:
    """A checkpoint of an untrained model that has as many codes as MNIST has test images."""
    return write(path, normal(10_000, dimensions=TrainConfig(**settings).latent_dim), **settings)
