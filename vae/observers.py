"""Who listens to a training: the interface, a bar for a person, and a file that another process reads meanwhile.

The file has a line of JSON for each event:

    {"event": "run", "epochs": 20, "steps": 469, "parameters": 816916, "device": "cpu, ...", "history": [...]}
    {"event": "step", "epoch": 3.27, "seconds": 5.1, "loss_nats": 489.1, ...}     means since the line before
    {"event": "epoch", "seconds": 6.2, "row": {"epoch": 4, ...}}                  the row of the history
    {"event": "written", "run_id": "..."}                                         the checkpoint, with its first metrics
    {"event": "measuring", "what": "codes"}
    {"event": "done", "run_id": "..."}

`epoch` counts the passes done, with fractions; `steps` are those of one pass; `seconds` are since this process began.
A run that is resumed goes on in the same file. Its line `run` has the rows of the epochs that are kept, and what the
file says of later ones is void. A line `step` is written every 0.5 s, and in a long run every 1/500 of its time, so
that the file stays short: it grows by 500 lines while the time grows e-fold. A metric that is not finite is left out.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TextIO

import msgspec
from msgspec import Meta
from torch import Tensor
from tqdm import tqdm

from vae.config import TrainConfig
from vae.models import Model
from vae.objectives import Terms, metrics
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import read_at_most

EVERY_SECONDS = 0.5
EVERY_SHARE = 1 / 500  # of the time so far
MOST_BYTES = 64 * 2**20  # of a file; one of 10,000 epochs that was never cut has a twentieth of it

Row = dict[str, float]


class Beginning(NamedTuple):
    """A run that begins, or goes on after it was cut."""

    config: TrainConfig
    model: Model  # the one that is trained
    steps_per_epoch: int
    history: list[Row]  # a row for each epoch that is done already
    test_images: Tensor  # (M, 28, 28) uint8
    test_labels: Tensor  # (M,) int64
    device: str  # as a person knows it


class Observer:
    """Listens to a training; each method is called when what it names has happened, and does nothing by default."""

    def begin(self, beginning: Beginning) -> None:
        """The training begins or goes on."""

    def step(self, step: int, terms: Terms) -> None:
        """An optimizer step is done.

        Args:
            step: its number, counted from 1 over the whole run.
            terms: the parts of the objective for each image of its batch, without a graph.
        """

    def epoch(self, row: Row) -> None:
        """A pass over the training images is done, and this is its row of the history."""

    def measuring(self, what: str) -> None:
        """The training is over, and something is being measured on the test set."""

    def trained(self, result: Checkpoint) -> None:
        """The trained model is there, without the metrics that take long."""

    def done(self, result: Checkpoint) -> None:
        """The trained model is there with all its metrics."""


class Broadcast(Observer):
    """Tells several observers, in their order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def begin(self, beginning: Beginning) -> None:
        """Tell all that the training begins."""
        for observer in self._observers:
            observer.begin(beginning)

    def step(self, step: int, terms: Terms) -> None:
        """Tell all of a step; arguments as of `Observer.step`."""
        for observer in self._observers:
            observer.step(step, terms)

    def epoch(self, row: Row) -> None:
        """Tell all of an epoch."""
        for observer in self._observers:
            observer.epoch(row)

    def measuring(self, what: str) -> None:
        """Tell all what is being measured."""
        for observer in self._observers:
            observer.measuring(what)

    def trained(self, result: Checkpoint) -> None:
        """Tell all of the checkpoint."""
        for observer in self._observers:
            observer.trained(result)

    def done(self, result: Checkpoint) -> None:
        """Tell all that the checkpoint is complete."""
        for observer in self._observers:
            observer.done(result)


class ProgressBar(Observer):
    """A bar on standard error with the loss and the time left; as a context it leaves the terminal in order."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def begin(self, beginning: Beginning) -> None:
        """Show the bar."""
        steps = beginning.steps_per_epoch
        self._bar = tqdm(total=beginning.config.epochs * steps, initial=len(beginning.history) * steps, unit="step")

    def step(self, step: int, terms: Terms) -> None:
        """Move the bar on by a step; arguments as of `Observer.step`."""
        if self._bar:
            self._bar.update()

    def epoch(self, row: Row) -> None:
        """Show the loss beside the bar."""
        if self._bar:
            self._bar.set_postfix(loss_nats=f"{row['loss_nats']:.2f}")

    def measuring(self, what: str) -> None:
        """End the bar, and name what is being measured on a line of its own."""
        self._close()
        print(f"measuring: {what}", file=sys.stderr)

    def _close(self) -> None:
        if self._bar:
            self._bar.close()
            self._bar = None


class StoryFile(Observer):
    """Writes the lines to a file."""

    def __init__(self, file: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """An observer that writes.

        Args:
            file: where the lines are appended.
            clock: gives the time in seconds.
        """
        self._file, self._clock = file, clock
        self._began = self._wrote = clock()
        self._steps_per_epoch, self._beta = 1, 1.0
        self._since: list[Terms] = []  # of the steps since the last line

    def begin(self, beginning: Beginning) -> None:
        """Write a line `run`."""
        self._steps_per_epoch, self._beta = beginning.steps_per_epoch, beginning.config.beta
        self._began = self._wrote = self._clock()
        self._since = []
        if self._file.tell():
            self._file.write("\n")  # a kill may have left half a line
        self._write(
            "run",
            epochs=beginning.config.epochs,
            steps=beginning.steps_per_epoch,
            parameters=sum(weight.numel() for weight in beginning.model.parameters()),
            device=beginning.device,
            history=beginning.history,
        )

    def step(self, step: int, terms: Terms) -> None:
        """Write a line `step`, if it is time for one; arguments as of `Observer.step`."""
        self._since.append(terms)
        now = self._clock()
        if now - self._wrote >= max(EVERY_SECONDS, EVERY_SHARE * (now - self._began)):
            means = {name: mean for name, mean in metrics(self._since, self._beta).items() if math.isfinite(mean)}
            self._write("step", epoch=round(step / self._steps_per_epoch, 4), seconds=self._seconds(), **means)
            self._wrote, self._since = now, []

    def epoch(self, row: Row) -> None:
        """Write a line `epoch`."""
        self._since = []
        self._write("epoch", seconds=self._seconds(), row=row)

    def measuring(self, what: str) -> None:
        """Write a line `measuring`."""
        self._write("measuring", what=what)

    def trained(self, result: Checkpoint) -> None:
        """Write a line `written`; the observer that writes the checkpoint must come before this one."""
        self._write("written", run_id=result.record["run_id"])

    def done(self, result: Checkpoint) -> None:
        """Write a line `done`."""
        self._write("done", run_id=result.record["run_id"])

    def _seconds(self) -> float:
        return round(self._clock() - self._began, 3)

    def _write(self, event: str, **facts: Any) -> None:
        self._file.write(json.dumps({"event": event, **facts}, allow_nan=False) + "\n")
        self._file.flush()


Passes = Annotated[float, Meta(ge=0)]


class Run(msgspec.Struct, tag_field="event", tag="run"):
    """A run begins or goes on."""

    epochs: Annotated[int, Meta(ge=1)]
    steps: int
    parameters: int
    device: str
    history: list[Row]


class Step(msgspec.Struct, tag_field="event", tag="step"):
    """How far the run is; the line has the means over the steps since the line before as well."""

    epoch: Passes
    seconds: float


class Epoch(msgspec.Struct, tag_field="event", tag="epoch"):
    """An epoch is done."""

    seconds: float
    row: Row


class Measuring(msgspec.Struct, tag_field="event", tag="measuring"):
    """What is being measured."""

    what: str


class Written(msgspec.Struct, tag_field="event", tag="written"):
    """The checkpoint is on the disk, without what is still measured."""

    run_id: str


class Done(msgspec.Struct, tag_field="event", tag="done"):
    """The checkpoint is written."""

    run_id: str


_LINE = msgspec.json.Decoder(Run | Step | Epoch | Measuring | Written | Done)
_METRICS = msgspec.json.Decoder(dict[str, float | str])  # of a line `step`, and its event


class Story(NamedTuple):
    """What the lines of a file tell."""

    epochs: int = 0
    steps: int = 0  # of one epoch
    parameters: int = 0
    device: str = ""
    rows: tuple[Row, ...] = ()  # of the history
    within: tuple[Row, ...] = ()  # means within the epochs; `epoch` has fractions
    seconds_left: float | None = None  # of training; None in the first SURE_SECONDS
    written: str = ""  # the run id of the checkpoint, once it is on the disk
    measuring: str = ""
    run_id: str = ""  # the run id of the checkpoint, once it has all its metrics

    @property
    def epoch(self) -> float:
        """The passes done, with fractions."""
        return max((row["epoch"] for row in (*self.rows[-1:], *self.within[-1:])), default=0.0)


SURE_SECONDS = 2.0


def read(file: Path) -> Story:
    """What a file tells so far: an empty story if there is no file that can be read.

    A line that is not complete yet is left for the next time, and a line of another form is skipped.
    """
    try:
        content = read_at_most(file, MOST_BYTES)
    except ValueError:
        return Story()
    reader = _StoryReader()
    for line in content[: content.rfind(b"\n") + 1].split(b"\n"):
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):  # cut by a kill, or foreign
            reader.add(_LINE.decode(line), line)
    return reader.story._replace(rows=tuple(reader.rows), within=tuple(reader.within))


class _StoryReader:
    """Puts a story together from the lines so far."""

    def __init__(self) -> None:
        self.story, self.start = Story(), 0.0
        self.rows: list[Row] = []
        self.within: list[Row] = []

    def add(self, facts: Run | Step | Epoch | Measuring | Written | Done, line: bytes) -> None:
        """Add what a line says; raises KeyError for a row that has no epoch."""
        match facts:
            case Run():
                self.rows = [row for row in facts.history if row["epoch"] >= 0]
                self.start = float(len(self.rows))
                self.within = [point for point in self.within if point["epoch"] <= self.start]
                self.story = Story(facts.epochs, facts.steps, facts.parameters, facts.device)
            case Step():
                means = _METRICS.decode(line).items()
                self._seconds_left(facts.epoch, facts.seconds)
                self.within.append({k: v for k, v in means if k != "seconds" and isinstance(v, float)})
            case Epoch() if facts.row["epoch"] >= 0:
                self._seconds_left(facts.row["epoch"], facts.seconds)
                self.rows.append(facts.row)
            case Measuring():
                self.story = self.story._replace(measuring=facts.what)
            case Written():
                self.story = self.story._replace(written=facts.run_id)
            case Done():
                self.story = self.story._replace(written=facts.run_id, run_id=facts.run_id)

    def _seconds_left(self, epoch: float, seconds: float) -> None:
        """Estimate the seconds until the last epoch from the pace so far; None while that is too early to tell."""
        left = None
        if seconds >= SURE_SECONDS and epoch > self.start:
            left = seconds * (self.story.epochs - epoch) / (epoch - self.start)
        self.story = self.story._replace(seconds_left=left if left is not None and math.isfinite(left) else None)
