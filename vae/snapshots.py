"""A training run as a series of snapshots: decoder and codes from before the first step to the last.

    step 0,  then  K - 1 steps from `FIRST_EPOCHS` to the end of the run, each the same multiple of the one before

A map takes on most of its shape within the first epochs and then only refines it, so snapshots that are even in the
logarithm of time show about equal changes. A snapshot is the decoder, the codes of the test images, and the parts of
the objective on them, as `vae.metrics` measures these.

    <name>.replay.pt    run id, configuration and snapshots, beside `<name>.pt` and `<name>.json` of the same run

Its size is that of the decoders. So the weights between wide layers are float16 if that is precise enough, and the
first layer and the biases, which are few, are float32. Of the 7.84 million grey levels (0..255) that the shipped
models decode at their codes, 0.8 % (ae) and 0.7 % (vae) differ by one level, and 9 (ae) by two.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae import metrics, objectives
from vae.config import TrainConfig
from vae.models import Model, build_empty
from vae.objectives import Terms
from vae.observers import Beginning, Observer
from vae.storage import stored_checkpoint
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import CheckpointError, read_tensors, suffixed, write_atomically

FIRST_EPOCHS = 1 / 32  # before that the step size, which starts from 0, has changed nothing that one could see
SNAPSHOTS = 15  # of the shipped models
MOST = 1_000  # a snapshot takes megabytes
SUFFIX = ".replay.pt"


class Snapshot(NamedTuple):
    """The state of a run after some steps."""

    step: int  # steps taken
    epoch: float  # the same in passes over the training images
    weights: dict[str, Tensor]  # of decoder and likelihood, by their names in the model's state_dict
    codes: Tensor  # (N, D) of the test images, float16, or float32 where float16 loses too much
    metrics: dict[str, float]  # on the test images, as `objectives.metrics` names them


@dataclass(frozen=True)
class Replay:
    """The snapshots of one run, in the order of time."""

    config: TrainConfig
    classes: int
    snapshots: list[Snapshot]

    def weights(self, index: int) -> dict[str, Tensor]:
        """The weights of a snapshot in float32, by their names."""
        return {name: value.float() for name, value in self.snapshots[index].weights.items()}

    def model(self, index: int) -> Model:
        """The model of a snapshot in float32, to decode with; its encoder was not kept and has no weights."""
        model = build_empty(self.config, self.classes)
        weights = self.weights(index)
        if set(weights) != set(filter(_decodes, model.state_dict())):
            raise ValueError(f"snapshot {index} has not the weights of its decoder")
        model.load_state_dict(weights, assign=True, strict=False)
        return model.eval().requires_grad_(False)


def due_steps(steps: int, steps_per_epoch: int, count: int) -> list[int]:
    """The steps after which a snapshot is taken: none, or 0 and up to `count` - 1 more, the last of them `steps`.

    Args:
        steps: of the whole run.
        steps_per_epoch: of one pass over the training images.
        count: of the snapshots: 0, or 2 and more.
    """
    if count == 0:
        return []
    first = max(1, round(FIRST_EPOCHS * steps_per_epoch))
    later = torch.logspace(0, 1, count - 1, base=steps / first, dtype=torch.float64) * first
    return sorted({0, *later.round().long().tolist(), steps}) if count > 2 else [0, steps]


class Recorder(Observer):
    """Takes the snapshots of a run, without affecting the training."""

    def __init__(self, count: int) -> None:
        """A recorder that takes so many snapshots; raises ValueError unless `count` is 0, or from 2 to MOST."""
        if count != 0 and not 2 <= count <= MOST:
            raise ValueError(f"snapshots must be 0, or from 2, for the beginning and the end, to {MOST}; got {count}")
        self.count = count
        self.taken: list[Snapshot] = []
        self._run: Beginning | None = None
        self._due: set[int] = set()

    def begin(self, beginning: Beginning) -> None:
        """Plan the snapshots of this run, and take that of the step at which it begins if one is due."""
        epochs, steps = beginning.config.epochs, beginning.steps_per_epoch
        self._run, self._due = beginning, set(due_steps(epochs * steps, steps, self.count))
        self._take(beginning, len(beginning.history) * steps)

    def step(self, step: int, terms: Terms) -> None:
        """Take a snapshot after this step if one is due; arguments as of `Observer.step`."""
        if self._run:
            self._take(self._run, step)

    def _take(self, run: Beginning, step: int) -> None:
        """Keep the state after `step` steps if it is due and its codes are finite."""
        if step not in self._due or (self.taken and self.taken[-1].step >= step):
            return
        test = run.test_images, run.test_labels
        codes = metrics.encode(run.model, *test).cpu()
        if not bool(torch.isfinite(codes).all()):
            return
        self.taken.append(
            Snapshot(
                step,
                step / run.steps_per_epoch,
                {name: _kept(name, value) for name, value in run.model.state_dict().items() if _decodes(name)},
                _small(codes),
                objectives.metrics(metrics.objective_terms(run.model, run.config, *test), run.config.beta),
            )
        )

    def state(self) -> list[dict[str, Any]]:
        """What was taken, as a file holds it."""
        return [snapshot._asdict() for snapshot in self.taken]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Take up what `state` gave."""
        self.taken = [_snapshot(values) for values in state]


def _snapshot(values: dict[str, Any]) -> Snapshot:
    """A snapshot from the fields in a file; older files call the metrics `figures`."""
    return Snapshot(**{"metrics" if name == "figures" else name: value for name, value in values.items()})


def _decodes(name: str) -> bool:
    return not name.startswith("encoder.")


def _kept(name: str, value: Tensor) -> Tensor:
    """A copy in the precision that is kept."""
    copy = value.detach().cpu().to(torch.float32, copy=True)
    wide = value.ndim == 2 and name != "decoder.0.weight"
    return _small(copy) if wide else copy


def _small(values: Tensor) -> Tensor:
    """In float16, unless numbers too large or too small for it change by more than a thousandth of the largest."""
    halves = values.half()
    return halves if bool((halves - values).abs().max() <= 1e-3 * values.abs().max()) else values


def write(path: str | Path, trained: Checkpoint, recorder: Recorder) -> None:
    """Write the snapshots beside a checkpoint, in place of any earlier replay.

    The earlier one is removed even if there are fewer than two snapshots, which make no replay.

    Args:
        path: of the checkpoint, without an ending.
        trained: the checkpoint.
        recorder: which has taken the snapshots.
    """
    file = suffixed(path, SUFFIX)
    if len(recorder.taken) < 2:
        file.unlink(missing_ok=True)
        return
    content = {
        "run_id": trained.record["run_id"],
        "config": trained.config.to_dict(),
        "snapshots": recorder.state(),
    }
    write_atomically(file, lambda target: torch.save(content, target))


def exists(path: str | Path) -> bool:
    """Whether there is a replay beside a checkpoint, of whatever run."""
    return os.path.isfile(suffixed(path, SUFFIX))


def read(path: str | Path, checkpoint: Checkpoint) -> Replay:
    """The replay of a checkpoint.

    Args:
        path: of the checkpoint, without an ending.
        checkpoint: what was read from there.

    Raises:
        CheckpointError: in one sentence that names the file and the command that makes it, if the replay is missing,
            damaged, foreign, or of another run than the checkpoint.
    """
    file, cure = suffixed(path, SUFFIX), command(path, checkpoint)
    if not exists(path):
        raise CheckpointError(f"{checkpoint.name} has no replay: train it again and keep one with `{cure}`")
    content = read_tensors(file, cure)
    if content["run_id"] != checkpoint.record["run_id"]:
        raise CheckpointError(f"{file} is of another run than {checkpoint.name}: make both with `{cure}`")
    try:
        taken = [_snapshot(values) for values in content["snapshots"]]
        replay = Replay(TrainConfig.from_dict(content["config"]), len(checkpoint.class_names), taken)
        _check(replay, checkpoint)
    except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{file} does not fit its checkpoint: make both again with `{cure}`") from error
    return replay


def _check(replay: Replay, checkpoint: Checkpoint) -> None:
    """Raise ValueError unless the snapshots fit the checkpoint, are in order, and can be drawn."""
    if _network(replay.config) != _network(checkpoint.config):
        raise ValueError("a replay has the network of its model")
    steps = [snapshot.step for snapshot in replay.snapshots]
    if len(steps) < 2 or steps != sorted(set(steps)) or not all(map(math.isfinite, steps)):
        raise ValueError("a replay has two snapshots or more, in order")
    names = set(replay.snapshots[0].metrics)
    for index, snapshot in enumerate(replay.snapshots):
        replay.model(index)
        _check_numbers([snapshot.epoch, *snapshot.metrics.values()])
        if set(snapshot.metrics) != names:
            raise ValueError("the snapshots have other metrics")
        if snapshot.codes.shape != checkpoint.codes.shape or snapshot.codes.dtype not in (torch.float16, torch.float32):
            raise ValueError("codes have a wrong shape or type")
        if not all(bool(value.isfinite().all()) for value in (snapshot.codes, *snapshot.weights.values())):
            raise ValueError("codes or weights are not finite")


def _network(config: TrainConfig) -> tuple[str, str, int, str]:
    return config.model, config.network, config.latent_dim, config.likelihood


def _check_numbers(values: list[Any]) -> None:
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise ValueError("a metric is no finite number")


def command(path: str | Path, checkpoint: Checkpoint) -> str:
    """The command that trains a model again in the same way, and keeps snapshots.

    Args:
        path: of the checkpoint, without an ending.
        checkpoint: what was read from there.
    """
    return stored_checkpoint.command(Path(path), checkpoint.config, "--snapshots", str(SNAPSHOTS))
