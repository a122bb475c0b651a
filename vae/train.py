"""Training, and its command: `python -m vae.train --model vae`.

A step takes one batch: the loss is minus the objective of the configuration (see `objectives`), and AdamW moves the
weights. The data stay on the device. Every draw comes from a generator of its own (the order of the images, the noise
of z, the binarization, the corruption), and the step size is a function of the step's number alone. So the state after
an epoch is small and complete. It is written to `<name>.resume.pt`, from which a run that was cut goes on; on a CPU it
ends with the same weights, bit for bit, as a run that was never cut.
"""

import argparse
import math
import platform
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae import __version__, commands, evaluate, flags, metrics, objectives, snapshots
from vae.classifier import Classifier
from vae.config import TrainConfig
from vae.exact_objective import ExactObjective
from vae.images.corruption import corrupt
from vae.images.sources import load_dataset
from vae.images.tensors import ImageSet, batches, binarize, fingerprint, split_validation, to_pixels
from vae.matmul_precision import products_in_tf32, use_fast_float32
from vae.measured import Metrics
from vae.models import VAE, build
from vae.observers import Beginning, Broadcast, Observer, ProgressBar, StoryFile
from vae.snapshots import Recorder
from vae.storage import checkpoint, stored_checkpoint
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import checked_name, expanded, locked, read_tensors, suffixed, write_atomically

RISE = 0.1  # share of the steps in which the step size rises
IMAGES_FOR_SCALE = 10_000  # enough to know the mean image and the deviation from it
COMMAND = "python -m vae.train"


class TrainingError(RuntimeError):
    """A run cannot go on: its loss is not finite, or the state to resume is missing or of another run."""


def step_size(step: int, steps: int, peak: float) -> float:
    """Adam's step size: from 0 to `peak` in a straight line, then back to 0 along half a cosine.

    Smith and Topin, Super-convergence, 2018; the cosine is of Loshchilov and Hutter, SGDR, 2016.

    Args:
        step: its number, counted from 0.
        steps: of the whole run.
        peak: the largest step size.
    """
    rise = max(1, round(RISE * steps))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise + 1) / (steps - rise + 1)))


class Run:
    """A training run between two epochs: model, optimizer, generators and history.

    Args:
        config: what is trained, and how.
        device: where.
        data: on any device; the first weights may depend on its training images.
        recorder: whose snapshots are part of the state.
    """

    def __init__(
        self, config: TrainConfig, device: torch.device | str, data: ImageSet, recorder: Recorder | None = None
    ) -> None:
        self.config = config
        self.data_sha256 = fingerprint(data.train_images)
        self.recorder = recorder or Recorder(0)
        self.device = torch.device(device)
        self.run_id = uuid.uuid4().hex
        self.model = build(config, len(data.class_names))
        if config.first_weights == "he":
            every = -(-len(data.train_images) // IMAGES_FOR_SCALE)
            self.model.start_from(to_pixels(data.train_images[::every].cpu()))
        self.model.to(self.device)
        adam = {"betas": (0.9, config.adam_beta2), "weight_decay": config.weight_decay}
        self.optimizer = torch.optim.AdamW(self.model.parameters(), **adam, fused=True)
        seeds = torch.randint(2**62, (4,), generator=torch.Generator().manual_seed(config.seed)).tolist()
        names = ("order", "noise", "binarization", "corruption")
        self.generators = {n: torch.Generator(self.device).manual_seed(s) for n, s in zip(names, seeds, strict=True)}
        self.exact = self._exact()
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0

    def epoch(
        self, images: Tensor, labels: Tensor, on_step: Callable[[int, objectives.Terms], object]
    ) -> dict[str, float]:
        """One pass over the images; returns the means of the parts of the objective as they were at each step.

        Args:
            images: (N, 28, 28) uint8, on the device.
            labels: (N,) int64, on the device.
            on_step: is called after each step with its number and its terms, see `Observer.step`.
        """
        config, parts = self.config, []
        steps = -(-len(images) // config.batch_size)
        step = len(self.history) * steps
        one_hot = torch.eye(self.model.classes, device=self.device)
        coarse = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
        if self.exact:
            self.exact.start()
        for x, y in batches(images, labels, config.batch_size, self.generators["order"]):
            if config.likelihood == "bernoulli":
                x = binarize(x, self.generators["binarization"])
            condition = one_hot[y] if self.model.conditional else None
            self.optimizer.param_groups[0]["lr"] = step_size(step, config.epochs * steps, config.learning_rate)
            self.optimizer.zero_grad()
            with products_in_tf32(config.precision == "tf32"):
                with self.model.autocast(coarse):
                    terms = self._terms(x, condition)
                objectives.loss(terms, config.beta).backward()
            self.optimizer.step()
            parts.append(terms.detach())
            step += 1
            on_step(step, parts[-1])
        return objectives.metrics(parts, config.beta)

    def _terms(self, x: Tensor, condition: Tensor | None) -> objectives.Terms:
        """The parts of the configured objective."""
        config, noise, model = self.config, self.generators["noise"], self.model
        if self.exact:
            return self.exact.terms(x, condition)
        seen = x
        if config.corruption:
            seen = corrupt(x, config.corruption, config.corruption_kind, self.generators["corruption"])
        if config.objective == "elbo":
            return model.terms(x, condition, noise, config.kl, seen)
        assert isinstance(model, VAE)  # TrainConfig refuses the other objectives to an autoencoder
        return model.importance_terms(x, condition, config.samples, noise, seen)

    def _exact(self) -> ExactObjective | None:
        """What the steps share under the objective exact; None under another one."""
        config, model = self.config, self.model
        if config.objective != "exact":
            return None
        assert isinstance(model, VAE)  # TrainConfig refuses the objective to an autoencoder
        return ExactObjective(model, config.points, config.samples, config.refresh, self.generators["noise"])

    def state(self) -> dict[str, Any]:
        """Everything that another process needs to go on."""
        return {
            "run_id": self.run_id,
            "config": self.config.to_dict(),
            "device": self.device.type,
            "matmul_precision": torch.get_float32_matmul_precision(),
            "data_sha256": self.data_sha256,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": {name: generator.get_state() for name, generator in self.generators.items()},
            "history": self.history,
            "seconds": self.seconds,
            "snapshots": {"count": self.recorder.count, "taken": self.recorder.state()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state, with the products that its process chose, see `vae.matmul_precision`.

        Raises:
            TrainingError: if it is of another configuration or kind of device.
            ValueError: if its configuration has settings that this version does not know.
        """
        ours, theirs = self.config.to_dict(), TrainConfig.from_dict(state["config"]).to_dict()
        differing = [f"{name} is {theirs[name]!r}, not {ours[name]!r}" for name in ours if ours[name] != theirs[name]]
        if state["device"] != self.device.type:
            differing.append(f"the device is {state['device']}, not {self.device.type}")
        if state.get("data_sha256", self.data_sha256) != self.data_sha256:
            differing.append(f"the images of {self.config.dataset} are others than they were")
        kept = state.get("snapshots", {"count": 0, "taken": []})
        if kept["count"] != self.recorder.count:
            differing.append(f"snapshots is {kept['count']}, not {self.recorder.count}")
        if differing:
            raise TrainingError(f"the run to resume has other settings: {'; '.join(differing)}")
        self.run_id, self.history, self.seconds = state["run_id"], state["history"], state["seconds"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, drawn in state["generators"].items():  # a run of before there was corruption draws none
            self.generators[name].set_state(drawn)
        self.recorder.restore(kept["taken"])
        torch.set_float32_matmul_precision(state.get("matmul_precision", torch.get_float32_matmul_precision()))


def train(
    config: TrainConfig,
    data: ImageSet,
    device: torch.device | str = "cpu",
    observers: Sequence[Observer] = (),
    resume_file: Path | None = None,
    resume: bool = False,
    image_classifier: Classifier | None = None,
    thorough: bool = False,
) -> Checkpoint:
    """Train a model and measure it on the test set; returns what `checkpoint.write` takes.

    Args:
        config: what is trained, and how.
        data: training and test images.
        device: where the networks are trained; the metrics are measured on the CPU.
        observers: are told of each event in the order of the list; the first `Recorder` among them is part of the
            state of the run.
        resume_file: where the state is written after each epoch.
        resume: go on from the state in that file.
        image_classifier: for the class agreement of a CVAE, and what it sees at each code; None leaves that out.
        thorough: measure what `exact_metrics` has as well, which takes minutes.

    Raises:
        TrainingError: if the loss is not finite, there is nothing to resume, or there are too few images.
    """
    _check_images(config, data)
    recorders = [observer for observer in observers if isinstance(observer, Recorder)]
    run = Run(config, device, data, *recorders[:1])
    if resume:
        run.restore(_saved(resume_file))
    observer = Broadcast(observers)
    _optimise(run, data.to(device), observer, resume_file)
    trained = _checkpoint(run, data.to("cpu"))

    def with_metrics(measured: Metrics) -> Checkpoint:
        return replace(trained, record=trained.record | {"test": measured})

    measured = evaluate.measure(
        trained.model,
        config,
        data.to("cpu"),
        image_classifier,
        thorough,
        announce=observer.measuring,
        on_objective=lambda measured: observer.trained(with_metrics(measured)),
    )
    result = replace(with_metrics(measured.metrics), image_metrics=measured.of_images)
    observer.done(result)
    return result


def _optimise(run: Run, data: ImageSet, observer: Observer, resume_file: Path | None) -> None:
    """Take the run to its last epoch."""
    config, held_out = run.config, None
    if config.validation:
        data, held_out = split_validation(data)
    steps = -(-len(data.train_images) // config.batch_size)
    device = device_name(run.device)
    observer.begin(Beginning(config, run.model, steps, run.history, data.test_images, data.test_labels, device))
    while len(run.history) < config.epochs:
        start = time.perf_counter()
        row = run.epoch(data.train_images, data.train_labels, observer.step)
        if held_out:
            row |= _validation(run, *held_out)
        _check_finite(run, row, data)
        run.seconds += time.perf_counter() - start
        run.history.append({"epoch": len(run.history) + 1, **row})
        if resume_file:
            write_atomically(resume_file, lambda file: torch.save(run.state(), file))
        observer.epoch(run.history[-1])


def _validation(run: Run, images: Tensor, labels: Tensor) -> dict[str, float]:
    """The metrics on held-out images that are finite."""
    terms = metrics.objective_terms(run.model, run.config, images, labels)
    means = objectives.metrics(terms, run.config.beta)
    return {f"validation_{name}": value for name, value in means.items() if math.isfinite(value)}


def _check_images(config: TrainConfig, data: ImageSet) -> None:
    """Raise TrainingError unless there are images to train and to test with."""
    least = 2 if config.validation else 1
    if len(data.train_images) < least or not len(data.test_images):
        held_out = ", of which --validation holds one out" if config.validation else ""
        raise TrainingError(
            f"a training takes {least} training image{'s' if least > 1 else ''} or more{held_out}, and a test image; "
            f"{config.dataset} has {len(data.train_images)} and {len(data.test_images)}"
        )


def _check_finite(run: Run, row: dict[str, float], data: ImageSet) -> None:
    """Raise TrainingError if a metric or a weight is not finite, or, after the last epoch, the code of a test image."""
    finite = all(bool(torch.isfinite(weight).all()) for weight in run.model.parameters())
    finite = finite and all(map(math.isfinite, row.values()))
    if finite and run.config.has_encoder and len(run.history) + 1 == run.config.epochs:
        finite = bool(torch.isfinite(metrics.encode(run.model, data.test_images, data.test_labels)).all())
    if not finite:
        wider = f", or raise --sigma, now {run.config.sigma:g}" if run.config.likelihood == "gaussian" else ""
        raise TrainingError(
            f"the loss, a weight or a code is not finite in epoch {len(run.history) + 1} "
            f"(loss {row['loss_nats']:g} nats): lower --learning-rate, now {run.config.learning_rate:g}{wider}"
        )


def _saved(resume_file: Path | None) -> dict[str, Any]:
    if resume_file is None or not resume_file.is_file():
        raise TrainingError(f"there is no run to resume: {resume_file} is missing; start one without --resume")
    state = read_tensors(resume_file, f"{COMMAND}` without `--resume")
    if "generators" not in state:
        raise TrainingError(f"{resume_file} is not the state of a run; start one without --resume")
    return state


def _checkpoint(run: Run, data: ImageSet) -> Checkpoint:
    """The checkpoint of a finished run, without its metrics on the test images."""
    config, model = run.config, run.model.cpu().eval().requires_grad_(False)
    record = {
        "run_id": run.run_id,
        "config": config.to_dict(),
        "class_names": list(data.class_names),
        "test_sha256": fingerprint(data.test_images),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "vae": __version__},
        "device": device_name(run.device),
        "seconds": round(run.seconds, 3),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "history": run.history,
        "test": {},
    }
    codes = metrics.encode(model, data.test_images, data.test_labels)
    return Checkpoint(config.model, config, model, codes, data.test_labels.to(torch.uint8), record)


def device_name(device: torch.device) -> str:
    """A device as a person knows it: the name of the GPU, or the kind of processor and its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type}, {platform.machine()}, {threads} thread{'s' if threads > 1 else ''}"


def main(arguments: list[str] | None = None) -> None:
    """Train from the command line and write the checkpoint; Ctrl-C leaves the previous one whole."""
    parser = commands.Parser(prog=COMMAND, description="Train a model and write its checkpoint.")
    flags.add_config(parser)
    flags.add_device(parser)
    flags.add_data_dir(parser)
    flags.add_folder(parser, stored_checkpoint.FOLDER, "of the checkpoints")
    parser.add_argument("--name", help="of the checkpoint (default: the model's kind)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that was cut; all else as it was")
    parser.add_argument(
        "--snapshots", type=int, default=0, metavar="N", help="keep N snapshots of the run for a replay (default: 0)"
    )
    parser.add_argument("--quick", action="store_true", help="measure at the end only what takes seconds")
    parser.add_argument(
        "--progress-file", type=expanded, metavar="FILE", help="write here how far it is, see vae/observers.py; no bar"
    )
    commands.run(parser, _run, arguments)


def _run(given: argparse.Namespace) -> None:
    config = flags.config_of(given)
    try:
        name = checked_name(config.model if given.name is None else given.name)
        path, recorder = given.folder / name, Recorder(given.snapshots)
    except ValueError as error:
        raise commands.WrongArgument(str(error)) from error
    with locked(path):
        try:
            _train(config, path, recorder, given)
        except KeyboardInterrupt as error:
            resumes = suffixed(path, ".resume.pt").exists()
            how = "the same command with --resume goes on after the last whole epoch" if resumes else ""
            raise KeyboardInterrupt(how) from error


class _Writer(Observer):
    """Writes the checkpoint and its replay, and when all metrics are there, the checkpoint again."""

    def __init__(self, path: Path, recorder: Recorder, resume_file: Path) -> None:
        self._path, self._recorder, self._resume_file = path, recorder, resume_file

    def trained(self, result: Checkpoint) -> None:
        checkpoint.write(self._path, result)
        snapshots.write(self._path, result, self._recorder)

    def done(self, result: Checkpoint) -> None:
        checkpoint.write(self._path, result)
        self._resume_file.unlink()


def _train(config: TrainConfig, path: Path, recorder: Recorder, given: argparse.Namespace) -> None:
    """Train, write the checkpoint and its replay, and print the metrics of the last epoch."""
    resume_file = suffixed(path, ".resume.pt")
    image_classifier = evaluate.classifier_of(path.parent, config.dataset)
    use_fast_float32(given.device)
    data = load_dataset(config.dataset, given.data_dir, given.device)
    with ExitStack() as stack:
        if given.progress_file is None:
            display = stack.enter_context(ProgressBar())
        else:
            display = StoryFile(stack.enter_context(given.progress_file.open("a", encoding="utf-8")))
        trained = train(
            config,
            data,
            given.device,
            [recorder, _Writer(path, recorder, resume_file), display],
            resume_file,
            given.resume,
            image_classifier,
            thorough=not given.quick,
        )
    estimated = "" if config.objective == "elbo" else " (log p(x) estimated from draws, on average too low)"
    print(f"wrote {path}.pt and {path}.json; the last epoch{estimated}:")
    for metric, value in trained.record["history"][-1].items():
        print(f"  {metric:32}{value:>12.4f}")
    if collapsed := evaluate.collapse(config, trained.record["test"]):
        print(collapsed)


if __name__ == "__main__":
    main()
