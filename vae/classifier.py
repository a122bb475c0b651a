"""The classifier: a small convolutional network that says which class an image shows.

It is trained on real images only, and tells whether a sample of class y looks like a y to somebody who has never seen
the model. Its layers are normalised image by image (Wu and He, Group normalization, 2018). So what it says of an image
depends on no other image, and on no average over its training images, which real images and samples do not share. Each
data set has its own classifier, and the record names the set: `classifier` for MNIST, `classifier-<set>` for another.
"""

import argparse
import re
import shlex
import time
import uuid
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from vae import commands, flags
from vae.architecture import DIGITS
from vae.images.sources import MNIST, load_dataset, title
from vae.images.tensors import ImageSet, batches, to_pixels
from vae.storage import stored_checkpoint
from vae.storage.file_pair import RESERVED_PREFIX, CheckpointError, locked, read_pair, suffixed, write_pair
from vae.storage.stored_checkpoint import ClassNames, conforming

NAME = RESERVED_PREFIX
COMMAND = "python -m vae.classifier"
EPOCHS, BATCH_SIZE, PEAK = 8, 128, 3e-3
GROUPS = 4  # of channels, each normalised together, of one image at a time


class Record(msgspec.Struct):
    """What the JSON of a classifier must have; a field with a default was added later."""

    dataset: str = MNIST
    class_names: ClassNames = DIGITS


class Classifier(nn.Sequential):
    """Images (B, 1, 28, 28) in [0, 1] to logits (B, C), where `classes` is C."""

    def __init__(self, classes: int) -> None:
        super().__init__(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(GROUPS, 16), nn.ReLU(), nn.MaxPool2d(2)),  # (B, 16, 14, 14)
            *(nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(GROUPS, 32), nn.ReLU(), nn.MaxPool2d(2)),  # (B, 32, 7, 7)
            *(nn.Conv2d(32, 32, 3, padding=1), nn.GroupNorm(GROUPS, 32), nn.ReLU(), nn.Flatten()),  # (B, 1568)
            *(nn.Dropout(0.3), nn.Linear(1568, classes)),
        )
        self.classes = classes


def name(dataset: str) -> str:
    """The name of the classifier of a data set, within the folder of the checkpoints."""
    return NAME if dataset == MNIST else f"{NAME}-{re.sub(r'[^a-z0-9]+', '-', title(dataset).lower())}"


def of_dataset(folder: str | Path, dataset: str) -> Classifier:
    """The classifier of a data set, in eval mode on the CPU.

    Args:
        folder: of the checkpoints.
        dataset: as `TrainConfig.dataset`.

    Raises:
        CheckpointError: if there is none, or if it has seen another data set.
    """
    return load(Path(folder) / name(dataset), dataset)


def load(path: str | Path, dataset: str = MNIST) -> Classifier:
    """The classifier of `<path>.pt` and `<path>.json`, in eval mode on the CPU.

    Args:
        path: of the two files, without their endings.
        dataset: on which it must have been trained.

    Raises:
        CheckpointError: if there is none, or if it has seen another data set.
    """
    command = COMMAND if dataset == MNIST else f"{COMMAND} --dataset {shlex.quote(dataset)}"
    cure, file = f"make it again with `{command}`", suffixed(path, ".pt")
    tensors, record = read_pair(path, lambda _: cure)
    try:
        facts = conforming(record, Record)
    except ValueError as error:
        raise CheckpointError(f"{suffixed(path, '.json')}: {error}; {cure}") from error
    if facts.dataset != dataset:
        raise CheckpointError(f"{file} has seen {facts.dataset} only: train one with `{command}`")
    try:
        model = _filled(len(facts.class_names), tensors["weights"])
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{file} is not the classifier's: {cure}") from error
    return model.eval().requires_grad_(False)


def _filled(classes: int, arrays: dict[str, np.ndarray]) -> Classifier:
    """A classifier with these weights; raises unless they have its names, shapes and types and are finite."""
    with torch.device("meta"):
        model = Classifier(classes)
    weights = {name: _channels_last(torch.from_numpy(array)) for name, array in arrays.items()}
    types = {name: weight.dtype for name, weight in model.state_dict().items()}
    if {name: weight.dtype for name, weight in weights.items()} != types:
        raise ValueError("weights have other names or types")
    if not all(bool(weight.isfinite().all()) for weight in weights.values()):
        raise ValueError("a weight is not finite")
    model.load_state_dict(weights, assign=True)
    return model


def _channels_last(weight: Tensor) -> Tensor:
    """The same weight, that of a convolution in the order in which a CPU takes a third less time."""
    return torch.empty_like(weight, memory_format=torch.channels_last).copy_(weight) if weight.dim() == 4 else weight


def train(data: ImageSet, device: torch.device | str = "cpu", seed: int = 0) -> Classifier:
    """A classifier fitted to the training images, each shifted by up to two pixels, with a progress bar.

    Args:
        data: whose training images and labels are used.
        device: where it is trained.
        seed: of its weights, its dropout, the shifts and the order of the images.
    """
    with torch.random.fork_rng():  # torch's layers draw their weights and their dropout from the global stream
        torch.manual_seed(seed)
        model = Classifier(len(data.class_names)).to(device)
        return _fit(model, data.to(device), torch.Generator(device).manual_seed(seed))


def _fit(model: Classifier, data: ImageSet, generator: torch.Generator) -> Classifier:
    steps = EPOCHS * -(-len(data.train_images) // BATCH_SIZE)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, total_steps=steps)
    with tqdm(total=steps, unit="step") as bar:
        for _ in range(EPOCHS):
            loss = torch.zeros(())
            for x, y in batches(data.train_images, data.train_labels, BATCH_SIZE, generator):
                loss = cross_entropy(model(_shift(x, generator)), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()
            bar.set_postfix(loss=f"{loss.item():.4f}")
    return model.eval()


def _shift(x: Tensor, generator: torch.Generator, most: int = 2) -> Tensor:
    down, right = torch.randint(-most, most + 1, (2,), generator=generator, device=x.device).tolist()
    return x.roll((down, right), dims=(2, 3))  # only black wraps around: digits leave a margin of four pixels


@torch.inference_mode()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images whose label a classifier says.

    Args:
        model: images (B, 1, 28, 28) to logits (B, C).
        images: (N, 28, 28) uint8.
        labels: (N,) int64.
    """
    seen = [model(to_pixels(block)).argmax(1) for block in images.split(1_000)]
    return (torch.cat(seen) == labels).double().mean().item()


def main(arguments: list[str] | None = None) -> None:
    """`python -m vae.classifier`: train one and write checkpoints/classifier.pt and .json."""
    parser = commands.Parser(prog=COMMAND, description="Train the classifier that says which class a sample shows.")
    parser.add_argument("--dataset", default=MNIST, help="as of `python -m vae.train` (default: %(default)s)")
    flags.add_device(parser)
    flags.add_data_dir(parser)
    flags.add_folder(parser, stored_checkpoint.FOLDER, "where to write it")
    commands.run(parser, _run, arguments)


def _run(given: argparse.Namespace) -> None:
    path = given.folder / name(given.dataset)
    with locked(path):
        data = load_dataset(given.dataset, given.data_dir, given.device)
        start = time.perf_counter()
        model = train(data, given.device)
        record = {
            "run_id": uuid.uuid4().hex,
            "dataset": given.dataset,
            "class_names": list(data.class_names),
            "seed": 0,
            "epochs": EPOCHS,
            "device": str(given.device),
            "seconds": time.perf_counter() - start,
            "test": {"n": len(data.test_images), "accuracy": accuracy(model, data.test_images, data.test_labels)},
        }
        write_pair(path, {"weights": {key: value.cpu() for key, value in model.state_dict().items()}}, record)
    print(f"{path}: test accuracy {record['test']['accuracy']:.4f}, n = {record['test']['n']}")


if __name__ == "__main__":
    main()
