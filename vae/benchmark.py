"""Compares the speed of training with the loop of the tutorials on the same machine: `python -m vae.benchmark`.

All loops train the same VAE, 784-512-2 and back, on the same objective, squared error + KL to N(0, I):

    tutorial   a DataLoader that makes a tensor of each image, squared error and KL written out, Adam with step 1e-3,
               batches of 128
    ours       `vae.train`: the set stays on the device, fused Adam, a step size that rises and falls; the same batch;
               for the seconds that an epoch takes
    recipe     the same with the batch, the step size, Adam's beta2 and the first weights of RECIPE, and as many epochs
               as each of four seeds takes, all chosen on validation images; for the time until it reaches the objective
               that the tutorial has after its 20 epochs

They take turns, epoch by epoch, so that other work of the machine affects all of them; the ratio is of medians. After
each epoch, outside the measured time, the objective is measured on the test images. The seed decides where a run ends,
by as much as one or two epochs of the recipe. So tutorial and recipe have several seeds each: the objective to reach is
the mean of the tutorial's, and the time to it the median of the recipe's.

The networks multiply in float32, or in bfloat16 if the machine is much faster in that; the tutorial's in float32.

An image costs 6 operations for each weight, less 2 for each weight of the first layer, which passes no gradient on. The
share of the peak compares that with a product of two square matrices in the same precision at about the same time.
"""

import argparse
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

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
from vae.train import Run, device_name

BATCH = 128
TUTORIAL_EPOCHS = 20
OURS = TrainConfig(model="vae", batch_size=BATCH, epochs=8)
SEEDS = 3
RECIPE = TrainConfig(model="vae", batch_size=256, epochs=10, learning_rate=9e-3, adam_beta2=0.95, first_weights="he")
_SIZE = {"cpu": 2048, "cuda": 8192}  # of the matrices whose product gives the peak
_TRIAL_IMAGES, _TRIALS = 32 * BATCH, 3  # for which both precisions are tried
_PEAK_SECONDS = 2.0  # for which the peak is measured
_LEAST_SPEEDUP = 1.5  # for which bfloat16 is chosen


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
        torch.manual_seed(seed)  # of everything that it draws, as tutorials do
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
        weights = [layer.weight.numel() for layer in self.run.model.modules() if isinstance(layer, nn.Linear)]
        return 6 * sum(weights) - 2 * weights[0]


def fastest(data: ImageSet, device: torch.device) -> str:
    """The precision in which the networks should multiply: "bfloat16" or "float32".

    Steps are timed, and not products alone: small ones can wait for what launches them on a GPU.

    Args:
        data: some of whose training images are tried.
        device: where the networks are trained.
    """
    few = data._replace(train_images=data.train_images[:_TRIAL_IMAGES], train_labels=data.train_labels[:_TRIAL_IMAGES])
    seconds = {}
    for precision in ("float32", "bfloat16"):
        loop = Ours(replace(OURS, precision=precision), few, device)
        seconds[precision] = min(_seconds(loop.epoch, device) for _ in range(_TRIALS))
    return "bfloat16" if seconds["float32"] > _LEAST_SPEEDUP * seconds["bfloat16"] else "float32"


def peak_flops(device: torch.device, precision: str) -> float:
    """The most operations per second in a product of two square matrices.

    Args:
        device: where they are multiplied.
        precision: float32 or bfloat16.
    """
    size = _SIZE[device.type]
    a, b = torch.randn(2, size, size, device=device).to(getattr(torch, precision))
    torch.mm(a, b)
    best, until = 0.0, time.perf_counter() + _PEAK_SECONDS
    while time.perf_counter() < until:
        best = max(best, 2 * size**3 / _seconds(lambda: a @ b, device))
    return best


class Entrant(NamedTuple):
    """A loop that takes part in the comparison, once for each seed."""

    runs: Sequence[Tutorial | Ours]
    epochs: int
    precision: str


class Course(NamedTuple):
    """How the runs of an entrant went, epoch by epoch."""

    seconds: list[list[float]]  # of each epoch of each run
    objectives: list[list[float]]  # after each epoch of each run, on the test images


def compare(
    data: ImageSet, root: Path, device: torch.device, tell: Callable[[str], object], seeds: int = SEEDS
) -> dict[str, Any]:
    """Run the loops in turns, until each has done its epochs; returns what was measured of all.

    Args:
        data: MNIST.
        root: its folder, for the tutorial's own loader.
        device: where all of them train.
        tell: is called with a line for each epoch.
        seeds: of the tutorial and of the recipe.
    """
    precision = fastest(data, device)

    def ours(config: TrainConfig, seeds: Sequence[int]) -> Entrant:
        runs = [Ours(replace(config, precision=precision, seed=seed), data, device) for seed in seeds]
        return Entrant(runs, config.epochs, precision)

    entrants = {
        "tutorial": Entrant([Tutorial(root, device, seed) for seed in range(seeds)], TUTORIAL_EPOCHS, "float32"),
        "ours": ours(OURS, [0]),
        "recipe": ours(RECIPE, range(seeds)),
    }
    courses, peak = _race(entrants, data, device, tell)
    typical = {name: statistics.median(chain.from_iterable(course.seconds)) for name, course in courses.items()}
    images = len(data.train_images)
    first = entrants["ours"].runs[0]
    assert isinstance(first, Ours)
    operations = first.operations_per_image()
    return {
        "machine": {"device": name_of(device), "threads": torch.get_num_threads(), "torch": torch.__version__},
        "precision": {name: entrant.precision for name, entrant in entrants.items()},
        "batch": {"tutorial": BATCH, "ours": OURS.batch_size, "recipe": RECIPE.batch_size},
        "images": images,
        "seconds_per_epoch": typical,
        "seconds_of_epochs": {name: course.seconds for name, course in courses.items()},
        "objective_after_epochs": {name: course.objectives for name, course in courses.items()},
        "images_per_second": {name: images / seconds for name, seconds in typical.items()},
        "ratio": typical["tutorial"] / typical["ours"],
        **_to_goal(courses["tutorial"], courses["recipe"]),
        "peak_flops": peak,
        "share_of_peak": operations * images / typical["ours"] / peak,
    }


def _race(
    entrants: dict[str, Entrant], data: ImageSet, device: torch.device, tell: Callable[[str], object]
) -> tuple[dict[str, Course], float]:
    """The courses of all, who take turns, and the median of the peak that is measured before each round."""
    courses = {name: Course([[] for _ in each.runs], [[] for _ in each.runs]) for name, each in entrants.items()}
    peaks = []
    for epoch in range(max(entrant.epochs for entrant in entrants.values())):
        peaks.append(peak_flops(device, entrants["ours"].precision))
        for name, (runs, epochs, _) in entrants.items():
            for rank, loop in enumerate(runs if epoch < epochs else ()):
                seconds = _seconds(loop.epoch, device)
                objective = loop.objective(data)
                courses[name].seconds[rank].append(seconds)
                courses[name].objectives[rank].append(objective)
                tell(f"{name} {rank}, epoch {epoch + 1}/{epochs}: {seconds:.3g} s, objective {objective:.3f}")
    return courses, statistics.median(peaks)


def _to_goal(tutorial: Course, recipe: Course) -> dict[str, Any]:
    """The objective at which the tutorial ends, and the seconds that both take to it."""
    goal = statistics.fmean(objectives[-1] for objectives in tutorial.objectives)
    by_seed = [_until(goal, *run) for run in zip(recipe.seconds, recipe.objectives, strict=True)]
    of_tutorial = statistics.median(map(sum, tutorial.seconds))
    of_recipe = statistics.median(math.inf if seconds is None else seconds for seconds in by_seed)
    reached = math.isfinite(of_recipe)
    return {
        "goal": goal,
        "seconds_to_goal": {
            "tutorial": of_tutorial,
            "recipe": of_recipe if reached else None,
            "recipe_by_seed": by_seed,
        },
        "ratio_to_goal": of_tutorial / of_recipe if reached else None,
    }


def _until(goal: float, seconds: list[float], reached: list[float]) -> float | None:
    """How long a run took until its objective was as low as the goal; None if it never was."""
    first = next((epochs for epochs, value in enumerate(reached, start=1) if value <= goal), None)
    return None if first is None else sum(seconds[:first])


def name_of(device: torch.device) -> str:
    """A device as a person knows it: more of a processor than `train.device_name` says."""
    if device.type == "cuda":
        return device_name(device)
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def rows(compared: dict[str, Any]) -> Iterator[str]:
    """What `compare` measured, as a Markdown table."""
    typical, rate, goal = compared["seconds_per_epoch"], compared["images_per_second"], compared["seconds_to_goal"]
    yield "| | tutorial | ours | ratio |"
    yield "| --- | ---: | ---: | ---: |"
    yield f"| seconds an epoch, median | {typical['tutorial']:.3g} | {typical['ours']:.3g} | {compared['ratio']:.1f} |"
    yield f"| images a second | {rate['tutorial']:,.0f} | {rate['ours']:,.0f} | |"
    by_seed = goal["recipe_by_seed"]
    reached = f"{len(by_seed) - by_seed.count(None)} of {len(by_seed)} seeds | "
    if goal["recipe"] is not None:
        reached = f"{goal['recipe']:.3g}, {reached}{compared['ratio_to_goal']:.1f}"
    yield f"| seconds to a test objective of {compared['goal']:.2f}, median | {goal['tutorial']:.3g} | {reached} |"
    peak = f"{compared['precision']['ours']} peak, {compared['peak_flops'] / 1e9:.0f} GFLOP/s"
    yield f"| share of the {peak} | | {compared['share_of_peak']:.0%} | |"


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
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, help=f"runs of each, whose median counts (default: {SEEDS})"
    )
    parser.add_argument("--json", type=expanded, metavar="FILE", help="also write what was measured here")
    commands.run(parser, _run, arguments)


def _run(given: argparse.Namespace) -> None:
    if given.seeds < 1:
        raise commands.WrongArgument(f"--seeds must be at least 1, got {given.seeds}")
    use_fast_float32(given.device)
    data = load_dataset(MNIST, given.data_dir)
    compared = compare(
        data, data_dir(given.data_dir), given.device, lambda line: print(line, file=sys.stderr), given.seeds
    )
    if given.json:
        given.json.write_text(json.dumps(compared, indent=1) + "\n", encoding="utf-8")
    machine = compared["machine"]
    print(f"{machine['device']}, {machine['threads']} threads, torch {machine['torch']}\n")
    print("\n".join(rows(compared)))


if __name__ == "__main__":
    main()
