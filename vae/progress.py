"""How far a run has come, as lines of JSON that another process can read while it runs.

    {"event": "run", "epochs": 20, "steps": 469, "parameters": 816916, "device": "cpu, ...", "history": [...]}
    {"event": "step", "epoch": 3.27, "seconds": 5.1, "loss_nats": 489.1, ...}     means since the line before
    {"event": "epoch", "seconds": 6.2, "row": {"epoch": 4, ...}}                  the row of the history
    {"event": "written", "run_id": "..."}                                         the checkpoint, with its first metrics
    {"event": "measuring", "what": "codes"}
    {"event": "done", "run_id": "..."}

`epoch` counts the passes done, with fractions; `steps` are those of one pass; `seconds` are since this process began.
A run that is resumed goes on in the same file: its line `run` has the rows of the epochs that stand, and what the file
says of later ones is void. Steps are told of every 0.5 s, and in a long run every 1/500 of its time, so that the file
stays short: it grows by 500 lines while the time grows e-fold. A metric that is not finite is left out.
"""

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TextIO

import msgspec
from msgspec import Meta

from vae.objectives import Terms, metrics
from vae.storage.file_pair import read_at_most

EVERY_SECONDS = 0.5
EVERY_SHARE = 1 / 500  # of the time so far
MOST_BYTES = 64 * 2**20  # of a file; one of 10,000 epochs that was never cut has a twentieth of it


class Progress:
    """Writes the lines; without a file it does nothing."""

    def __init__(self, file: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = file, clock
        self._began = self._told = clock()

    def begin(
        self, epochs: int, steps: int, beta: float, history: list[dict[str, float]], parameters: int, device: str
    ) -> None:
        """A run of `epochs` passes of `steps` steps, of which `history` stands, begins or goes on."""
        self._steps, self._beta, self._passes, self._parts = steps, beta, len(history), []
        self._step = 0
        self._began = self._told = self._clock()
        if self._file is not None and self._file.tell():
            self._file.write("\n")  # a kill may have left half a line
        self._tell("run", epochs=epochs, steps=steps, parameters=parameters, device=device, history=history)

    def step(self, terms: Terms) -> None:
        """A step was done, with these parts of the objective."""
        if self._file is None:
            return
        self._parts.append(terms)
        self._step += 1
        now = self._clock()
        if now - self._told >= max(EVERY_SECONDS, EVERY_SHARE * (now - self._began)):
            epoch = round(self._passes + self._step / self._steps, 4)
            found = {name: value for name, value in metrics(self._parts, self._beta).items() if math.isfinite(value)}
            self._tell("step", epoch=epoch, seconds=self._seconds(), **found)
            self._told, self._parts = now, []

    def epoch(self, row: dict[str, float]) -> None:
        """A pass was done, with this row of the history."""
        self._passes, self._step, self._parts = self._passes + 1, 0, []
        self._tell("epoch", seconds=self._seconds(), row=row)

    def measuring(self, what: str) -> None:
        """The training is over, and this is being measured."""
        self._tell("measuring", what=what)

    def written(self, run_id: str) -> None:
        """The checkpoint is on the disk, without the metrics that take long."""
        self._tell("written", run_id=run_id)

    def done(self, run_id: str) -> None:
        """The checkpoint is written with all its metrics."""
        self._tell("done", run_id=run_id)

    def _seconds(self) -> float:
        return round(self._clock() - self._began, 3)

    def _tell(self, event: str, **facts: Any) -> None:
        if self._file is not None:
            self._file.write(json.dumps({"event": event, **facts}, allow_nan=False) + "\n")
            self._file.flush()


Row = dict[str, float]
Passes = Annotated[float, Meta(ge=0)]


class Run(msgspec.Struct, tag_field="event", tag="run"):
    """A run begins or goes on."""

    epochs: Annotated[int, Meta(ge=1)]
    steps: int
    parameters: int
    device: str
    history: list[Row]


class Step(msgspec.Struct, tag_field="event", tag="step"):
    """How far the run is; the line also has the means over the steps since the line before."""

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
_FIGURES = msgspec.json.Decoder(dict[str, float | str])  # of a step, and its event


class Story(NamedTuple):
    """What the lines tell."""

    epochs: int = 0
    steps: int = 0
    parameters: int = 0
    device: str = ""
    rows: tuple[Row, ...] = ()  # of the history
    within: tuple[Row, ...] = ()  # between them, `epoch` with fractions
    seconds_left: float | None = None  # of training; unknown until SURE_SECONDS have gone by
    written: str = ""  # the run id of the checkpoint, once it is on the disk
    measuring: str = ""
    run_id: str = ""  # the same, once it has all its metrics

    @property
    def epoch(self) -> float:
        """The passes done, with fractions."""
        return max((row["epoch"] for row in (*self.rows[-1:], *self.within[-1:])), default=0.0)


SURE_SECONDS = 2.0


def read(file: Path) -> Story:
    """What a file tells so far, nothing where there is none that can be read.

    A line that is not whole yet is left for the next time, and one that is not of this form is passed over.
    """
    try:
        content = read_at_most(file, MOST_BYTES)
    except ValueError:
        return Story()
    told = _Told()
    for line in content[: content.rfind(b"\n") + 1].split(b"\n"):
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):  # cut by a kill, or foreign
            told.add(_LINE.decode(line), line)
    return told.story._replace(rows=tuple(told.rows), within=tuple(told.within))


class _Told:
    """What the lines so far have told."""

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
                metrics = _FIGURES.decode(line).items()
                self._seconds_left(facts.epoch, facts.seconds)
                self.within.append({k: v for k, v in metrics if k != "seconds" and isinstance(v, float)})
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
        """Note the seconds until the last epoch at the pace since the start; None until that is a fair estimate."""
        left = None
        if seconds >= SURE_SECONDS and epoch > self.start:
            left = seconds * (self.story.epochs - epoch) / (epoch - self.start)
        self.story = self.story._replace(seconds_left=left if left is not None and math.isfinite(left) else None)
