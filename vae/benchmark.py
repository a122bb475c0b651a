"""How fast training is, beside the loop of the tutorials on the same machine: `python -m vae.benchmark`.

All train the same VAE, 784-512-2 and back, on the same objective, squared error + KL to N(0, I):

    tutorial   a DataLoader that makes a tensor of each image, squared error and KL written out, Adam with step 1e-3,
               batches of 128
    ours       `vae.train`: the set resident on the device, fused Adam, a step size that rises and falls; at the same
               batch, for the seconds an epoch takes
    recipe     the same with the batch, the step size, Adam's beta2 and the first weights of RECIPE, and as many epochs
               as each of four seeds takes, all chosen on validation images, for the time until it reaches the objective
               that the tutorial has after its 20 epochs

They take turns, epoch by epoch, so that whatever else the machine does hits all; the ratio is of medians. After each
epoch, unclocked, the objective is measured on the test images. Where a run ends depends on its seed, by as much as an
epoch or two of the recipe are worth. So tutorial and recipe have three seeds each: the objective to reach is the mean
of the tutorial's, and the time to it the median of the recipe's.

The networks multiply in float32, or in bfloat16 where the machine is much faster in that; the tutorial's in float32.

One image costs 6 operations a weight, less 2 for each weight of the first layer, which passes no gradient on. Its share
of the peak is in units of what the machine does in a product of two square matrices in the same precision, just then.
"""

import argparse
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.utils.data import DataLoader

from vae import commands, flags, metrics, objectives
from vae.config import TrainConfig
from vae.images.sources import MNIST, data_dir, load_dataset, torchvision_parts
from vae.images.tensors import ImageSet
from vae.matmul_precision import use_fast_float32
from vae.storage.file_pair import expanded
from vae.train import Run

BATCH = 128
TUTORIAL_EPOCHS = 20
OURS = TrainConfig(model="vae", batch_size=BATCH, epochs=8)
SEEDS = range(3)
RECIPE = TrainConfig(model="vae", batch_size=256, epochs=10, learning_rate=9e-3, adam_beta2=0.95, first_weights="he")
_SIZE = {"cpu": 2048, "cuda": 8192}  # of the matrices
_SMALL = 512  # of those that any processor multiplies within a second
_SECONDS = 2.0  # the peak is sought
_MUCH = 1.5  # times as fast


class TutorialVAE(nn.Module):
    """The VAE as tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.mean, self.log_variance = nn.Linear(784, 512), nn.Linear(512, 2), nn.Linear(512, 2)
        self.fc2, self.fc3 = nn.Linear(2, 512), nn.Linear(512, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The reconstruction (B, 784) of x (B, 1, 28, 28), and mean and log variance (B, 2) of q(z|x)."""
        hidden = relu(self.fc1(x.flatten(1)))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return torch.sigmoid(self.fc3(relu(self.fc2(z)))), mean, log_variance


class Tutorial:
    """The loop as tutorials write it."""

    def __init__(self, root: Path, device: torch.device, seed: int) -> None:
        datasets, transforms = torchvision_parts()
        torch.manual_seed(seed)  # of all that it draws, as tutorials do
        images = datasets.MNIST(str(root), train=True, transform=transforms.ToTensor())
        self.loader = DataLoader(images, batch_size=BATCH, shuffle=True)
        self.model, self.device = TutorialVAE().to(device), device
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def epoch(self) -> None:
        """One pass over the training images."""
        for x, _ in self.loader:
            x = x.to(self.device)
            self.optimizer.zero_grad()
            self.loss(x).backward()
            self.optimizer.step()

    def loss(self, x: Tensor) -> Tensor:
        """Squared error + KL, summed over pixels and dimensions, the mean over the batch."""
        reconstruction, mean, log_variance = self.model(x)
        error = (reconstruction - x.flatten(1)).square().sum()
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        return (error + kl) / len(x)

    @torch.inference_mode()
    def objective(self, data: ImageSet) -> float:
        """On the test images."""
        blocks = data.test_images.to(self.device)[:, None].float().div(255).split(1_000)
        return statistics.fmean(float(self.loss(x)) for x in blocks)


class Ours:
    """The loop of `vae.train`."""

    def __init__(self, config: TrainConfig, data: ImageSet, device: torch.device) -> None:
        self.config = config
        self.run, self.here = Run(config, device, data), data.to(device)

    def epoch(self) -> None:
        """One pass over the training images."""
        row = self.run.epoch(self.here.train_images, self.here.train_labels, lambda *_: None)
        self.run.history.append({"epoch": len(self.run.history) + 1, **row})

    def objective(self, data: ImageSet) -> float:
        """On the test images."""
        terms = metrics.objective_terms(self.run.model, self.config, self.here.test_images, self.here.test_labels)
        means = objectives.metrics(terms, self.config.beta)
        return means["squared_error"] + means["kl_nats"]

    def operations_per_image(self) -> int:
        """Multiplications and additions of a step."""
        networks = (self.run.model.encoder, self.run.model.decoder)
        linear = ([layer for layer in network if isinstance(layer, nn.Linear)] for network in networks)
        weights = [[layer.weight.numel() for layer in layers] for layers in linear]
        return 6 * sum(map(sum, weights)) - 2 * weights[0][0]


def fastest(device: torch.device) -> str:
    """What the networks should multiply in: "bfloat16" or "float32"."""
    rate = {precision: peak_flops(device, precision, _SMALL) for precision in ("float32", "bfloat16")}
    return "bfloat16" if rate["bfloat16"] > _MUCH * rate["float32"] else "float32"


def peak_flops(device: torch.device, precision: str, size: int | None = None) -> float:
    """Operations a second in a product of two square matrices, at best."""
    size = size or _SIZE[device.type]
    a, b = torch.randn(2, size, size, device=device).to(getattr(torch, precision))
    a @ b
    best, until = 0.0, time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        best = max(best, 2 * size**3 / _seconds(lambda: a @ b, device))
    return best


def compare(data: ImageSet, root: Path, device: torch.device, tell: Callable[[str], object]) -> dict[str, Any]:
    """The loops in turns, until each has done its epochs, and the metrics of all."""
    precision = fastest(device)

    def run(config: TrainConfig, seed: int = 0) -> Ours:
        return Ours(replace(config, precision=precision, seed=seed), data, device)

    loops = {
        "tutorial": ([Tutorial(root, device, seed) for seed in SEEDS], TUTORIAL_EPOCHS),
        "ours": ([run(OURS)], OURS.epochs),
        "recipe": ([run(RECIPE, seed) for seed in SEEDS], RECIPE.epochs),
    }
    peaks = []
    seconds, reached = ({name: [[] for _ in runs] for name, (runs, _) in loops.items()} for _ in range(2))
    for epoch in range(max(epochs for _, epochs in loops.values())):
        peaks.append(peak_flops(device, precision))
        for name, (runs, epochs) in loops.items():
            for rank, loop in enumerate(runs if epoch < epochs else ()):
                seconds[name][rank].append(_seconds(loop.epoch, device))
                reached[name][rank].append(loop.objective(data))
                took, at = seconds[name][rank][-1], reached[name][rank][-1]
                tell(f"{name} {rank}, epoch {epoch + 1}/{epochs}: {took:.3g} s, objective {at:.3f}")
    goal = statistics.fmean(each[-1] for each in reached["tutorial"])
    typical = {name: statistics.median(chain.from_iterable(each)) for name, each in seconds.items()}
    images, operations = len(data.train_images), loops["ours"][0][0].operations_per_image()
    tutorial = statistics.median(map(sum, seconds["tutorial"]))
    to_goal = [_until(goal, *each) for each in zip(seconds["recipe"], reached["recipe"], strict=True)]
    recipe = statistics.median(math.inf if each is None else each for each in to_goal)
    recipe = recipe if math.isfinite(recipe) else None
    return {
        "machine": {"device": name_of(device), "threads": torch.get_num_threads(), "torch": torch.__version__},
        "precision": {"tutorial": "float32", "ours": precision, "recipe": precision},
        "batch": {"tutorial": BATCH, "ours": OURS.batch_size, "recipe": RECIPE.batch_size},
        "images": images,
        "seconds_per_epoch": typical,
        "seconds_of_epochs": seconds,
        "objective_after_epochs": reached,
        "images_per_second": {name: images / each for name, each in typical.items()},
        "ratio": typical["tutorial"] / typical["ours"],
        "goal": goal,
        "seconds_to_goal": {"tutorial": tutorial, "recipe": recipe, "recipe_by_seed": to_goal},
        "ratio_to_goal": None if recipe is None else tutorial / recipe,
        "peak_flops": statistics.median(peaks),
        "share_of_peak": operations * images / typical["ours"] / statistics.median(peaks),
    }


def _until(goal: float, seconds: list[float], reached: list[float]) -> float | None:
    """How long a run took until its objective was as low as the goal; None if it never was."""
    first = next((epochs for epochs, value in enumerate(reached, start=1) if value <= goal), None)
    return None if first is None else sum(seconds[:first])


def name_of(device: torch.device) -> str:
    """The device as a person knows it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def rows(found: dict[str, Any]) -> Iterator[str]:
    """The metrics as a Markdown table."""
    typical, rate, goal = found["seconds_per_epoch"], found["images_per_second"], found["seconds_to_goal"]
    yield "| | tutorial | ours | ratio |"
    yield "| --- | ---: | ---: | ---: |"
    yield f"| seconds an epoch, median | {typical['tutorial']:.3g} | {typical['ours']:.3g} | {found['ratio']:.1f} |"
    yield f"| images a second | {rate['tutorial']:,.0f} | {rate['ours']:,.0f} | |"
    by_seed = goal["recipe_by_seed"]
    there = f"{len(by_seed) - by_seed.count(None)} of {len(by_seed)} seeds"
    reached = (
        f"{there} | " if goal["recipe"] is None else f"{goal['recipe']:.3g}, {there} | {found['ratio_to_goal']:.1f}"
    )
    yield f"| seconds to a test objective of {found['goal']:.2f}, median | {goal['tutorial']:.3g} | {reached} |"
    peak = f"{found['precision']['ours']} peak, {found['peak_flops'] / 1e9:.0f} GFLOP/s"
    yield f"| share of the {peak} | | {found['share_of_peak']:.0%} | |"


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """How long it takes until the device has done it."""
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main(arguments: list[str] | None = None) -> None:
    """Compare from the command line."""
    parser = commands.Parser(prog="python -m vae.benchmark", description="Time training beside a plain loop.")
    flags.add_device(parser)
    flags.add_data_dir(parser)
    parser.add_argument("--json", type=expanded, metavar="FILE", help="also write the metrics here")
    commands.run(parser, _run, arguments)


def _run(given: argparse.Namespace) -> None:
    use_fast_float32(given.device)
    data = load_dataset(MNIST, given.data_dir)
    found = compare(data, data_dir(given.data_dir), given.device, lambda line: print(line, file=sys.stderr))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    machine = found["machine"]
    print(f"{machine['device']}, {machine['threads']} threads, torch {machine['torch']}\n")
    print("\n".join(rows(found)))


if __name__ == "__main__":
    main()
