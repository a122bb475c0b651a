"""Every reported number of a model, from one function, with its n and its seed.

    squared_error           sum over pixels of (x - E[x|z])^2, at z ~ q(z|x) as in training; an AE: at its code
    squared_error_at_mean   the same at the posterior mean
    kl_nats                 KL(q(z|x) || N(0, I)), closed form
    squared_error_plus_kl   the objective under a Gaussian of variance 1/2, less its constant
    log_likelihood_nats     log p(x|z) at the drawn z; of one likelihood, comparable with no other
    elbo_nats               log_likelihood_nats - kl_nats
    knn5_accuracy           share of test codes whose 5 nearest training codes vote for their label
    class_agreement         share of a CVAE's samples in which a classifier sees the class that was asked for

All are means over the test set; with dynamic binarization, over binary images drawn once from the seed.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from vae import checkpoint, classifier
from vae.checkpoint import Checkpoint
from vae.config import TrainConfig
from vae.data import MNIST, DataError, binarize, load_mnist, to_pixels
from vae.files import CheckpointError
from vae.flags import add_data_dir
from vae.models import AE, CVAE, VAE
from vae.networks import CLASSES
from vae.objectives import Terms, figures, squared_error

Model = AE | VAE | CVAE
Figures = dict[str, float | int]

SEED = 0
SAMPLES_PER_CLASS = 1_000
_BLOCK = 1_000


def measure(model: Model, config: TrainConfig, data: MNIST, judge: nn.Module | None) -> Figures:
    """All figures of a model on the test set, all on the CPU; `judge` is the classifier, None where there is none."""
    test = data.test_images, data.test_labels
    found: Figures = {"n": len(data.test_images), "seed": SEED}
    found |= figures(terms(model, config, *test), config.beta)
    if model.kind != "ae":
        found["squared_error_at_mean"] = squared_error_at_mean(model, config, *test)
        found["squared_error_plus_kl"] = found["squared_error"] + found["kl_nats"]
    codes = [encode(model, *part) for part in ((data.train_images, data.train_labels), test)]
    found["knn5_accuracy"] = knn_accuracy(codes[0], data.train_labels, codes[1], data.test_labels)
    if model.conditional and judge is not None:
        found["class_agreement"] = class_agreement(model, judge)
        found["class_agreement_n"] = SAMPLES_PER_CLASS * CLASSES
    return found


@torch.inference_mode()
def terms(model: Model, config: TrainConfig, images: Tensor, labels: Tensor) -> list[Terms]:
    """The parts of the objective for uint8 images (N, 28, 28), in blocks, the noise always from the same seed."""
    noise = torch.Generator(images.device).manual_seed(SEED)
    return [
        model.terms(x, one_hot(y, CLASSES).float() if model.conditional else None, noise)
        for x, y in _blocks(config, images, labels)
    ]


@torch.inference_mode()
def squared_error_at_mean(model: Model, config: TrainConfig, images: Tensor, labels: Tensor) -> float:
    """The mean over images of the squared error between x and decode(encode(x))."""
    errors = [squared_error(x, model.decode(model.encode(x, y), y)) for x, y in _blocks(config, images, labels)]
    return torch.cat(errors).double().mean().item()


@torch.no_grad()
def encode(model: Model, images: Tensor, labels: Tensor) -> Tensor:
    """The codes (N, D) of uint8 images (N, 28, 28), grey as they are."""
    pairs = zip(images.split(_BLOCK), labels.split(_BLOCK), strict=True)
    return torch.cat([model.encode(to_pixels(block), y) for block, y in pairs])


def knn_accuracy(codes: Tensor, labels: Tensor, test_codes: Tensor, test_labels: Tensor, k: int = 5) -> float:
    """Share of test codes whose k nearest codes (Euclidean) vote for their label; a tie goes to the nearest voter."""
    ranks = torch.arange(1, k + 1, device=codes.device)
    weights = 1 + 0.1 * 0.5**ranks  # the excess decides ties only: it sums to less than 0.1
    right = 0
    for block, y in zip(test_codes.split(_BLOCK), test_labels.split(_BLOCK), strict=True):
        nearest = torch.cdist(block.double(), codes.double()).topk(k, largest=False).indices  # (B, k), nearest first
        votes = (one_hot(labels[nearest], CLASSES) * weights[:, None]).sum(1)  # (B, 10)
        right += int((votes.argmax(1) == y).sum())
    return right / len(test_codes)


@torch.inference_mode()
def class_agreement(model: CVAE, judge: nn.Module) -> float:
    """Share of samples (z ~ N(0, I), the decoder's mean) in which the classifier sees the class that was asked for."""
    asked = torch.arange(CLASSES).repeat_interleave(SAMPLES_PER_CLASS)
    z = model.prior().rsample((len(asked),), generator=torch.Generator().manual_seed(SEED))  # (N, D)
    seen = [judge(model.decode(*pair)).argmax(1) for pair in zip(z.split(_BLOCK), asked.split(_BLOCK), strict=True)]
    return (torch.cat(seen) == asked).double().mean().item()


def table(checkpoints: list[Checkpoint]) -> str:
    """The recorded test figures as Markdown, a table for each likelihood: their nats must not share a column."""
    columns = {  # figure: (heading, format)
        "squared_error": ("squared error", ".2f"),
        "squared_error_at_mean": ("at the mean", ".2f"),
        "kl_nats": ("KL (nats)", ".2f"),
        "squared_error_plus_kl": ("squared error + KL", ".2f"),
        "elbo_nats": ("ELBO (nats)", ".2f"),
        "knn5_accuracy": ("5-NN accuracy", ".1%"),
        "class_agreement": ("class agreement", ".2%"),
    }
    groups: dict[str, list[Checkpoint]] = {}
    for each in checkpoints:
        groups.setdefault(_likelihood(each.config), []).append(each)
    lines = []
    for likelihood, group in groups.items():
        header = ["model", "network", "D", *(heading for heading, _ in columns.values()), "epochs"]
        lines += [f"Likelihood: {likelihood}.", "", _row(header), _row(["---", "---", *["---:"] * (len(header) - 2)])]
        for each in group:
            test, config = each.record["test"], each.config
            numbers = [format(test[key], form) if key in test else "" for key, (_, form) in columns.items()]
            lines.append(_row([each.name, config.network, str(config.latent_dim), *numbers, str(config.epochs)]))
        lines.append("")
    return "\n".join(lines).rstrip()


def _blocks(config: TrainConfig, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator(images.device).manual_seed(SEED + 1)  # other draws than the latent noise
    for block, y in zip(images.split(_BLOCK), labels.split(_BLOCK), strict=True):
        x = to_pixels(block)
        yield (binarize(x, generator) if config.likelihood == "bernoulli" else x), y


def _likelihood(config: TrainConfig) -> str:
    return f"gaussian, sigma = {config.sigma:.4g}" if config.likelihood == "gaussian" else config.likelihood


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> None:
    """`python -m vae.evaluate checkpoints/vae`: measure anew; `--table`: print what is recorded as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m vae.evaluate", description="Measure models on the test set.")
    parser.add_argument("paths", nargs="*", help="such as checkpoints/vae; all of --folder if none is given")
    parser.add_argument("--table", action="store_true", help="print what is recorded as Markdown, measuring nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the measured figures here")
    parser.add_argument("--folder", default=checkpoint.FOLDER, help="of models and classifier (%(default)s)")
    add_data_dir(parser)
    flags = parser.parse_args(arguments)
    try:
        found = _run(flags)
    except (CheckpointError, DataError) as error:
        sys.exit(f"error: {error}")
    if flags.json:
        flags.json.write_text(json.dumps(found, indent=1) + "\n")


def _run(flags: argparse.Namespace) -> dict[str, Figures]:
    paths = flags.paths or [Path(flags.folder) / name for name in checkpoint.names(flags.folder)]
    checkpoints = [checkpoint.read(path) for path in paths]
    if flags.table:
        print(table(checkpoints))
        return {each.name: each.record["test"] for each in checkpoints}
    data = load_mnist(flags.data_dir)
    found = {}
    for each in checkpoints:
        judge = classifier.load(Path(flags.folder) / classifier.NAME) if each.model.conditional else None
        found[each.name] = measure(each.model, each.config, data, judge)
        print(f"{each.name}: {each.config.model}, likelihood {_likelihood(each.config)}")
        for name, value in found[each.name].items():
            print(f"  {name:24}{value:>12.4f}" if isinstance(value, float) else f"  {name:24}{value:>12}")
    return found


if __name__ == "__main__":
    main()
