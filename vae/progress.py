"""How far a run has come, as lines of JSON that another process can read while it runs.

    {"event": "run", "epochs": 20, "steps": 469, "parameters": 816916, "device": "cpu, ...", "history": [...]}
    {"event": "step", "epoch": 3.27, "seconds": 5.1, "loss_nats": 489.1, ...}     means since the line before
    {"event": "epoch", "seconds": 6.2, "row": {"epoch": 4, ...}}                  the row of the history
    {"event": "measuring", "what": "codes"}
    {"event": "done", "run_id": "..."}

`epoch` counts the passes done, with fractions; `steps` are those of one pass; `seconds` are since this process began.
A run that is resumed goes on in the same file: its line `run` has the rows of the epochs that stand, and what the file
says of later ones is void. Steps are told of every 0.5 s, and in a long run every 1/500 of its time, so that the file
stays short: it grows by 500 lines while the time grows e-fold. A figure that is not finite is left out.
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from vae.objectives import Terms, figures

EVERY_SECONDS = 0.5
EVERY_SHARE = 1 / 500  # of the time so far


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
            found = {name: value for name, value in figures(self._parts, self._beta).items() if math.isfinite(value)}
            self._tell("step", epoch=epoch, seconds=self._seconds(), **found)
            self._told, self._parts = now, []

    def epoch(self, row: dict[str, float]) -> None:
        """A pass was done, with this row of the history."""
        self._passes, self._step, self._parts = self._passes + 1, 0, []
        self._tell("epoch", seconds=self._seconds(), row=row)

    def measuring(self, what: str) -> None:
        """The training is over, and this is being measured."""
        self._tell("measuring", what=what)

    def done(self, run_id: str) -> None:
        """The checkpoint is written."""
        self._tell("done", run_id=run_id)

    def _seconds(self) -> float:
        return round(self._clock() - self._began, 3)

    def _tell(self, event: str, **facts: Any) -> None:
        if self._file is not None:
            self._file.write(json.dumps({"event": event, **facts}, allow_nan=False) + "\n")
            self._file.flush()


class Story(NamedTuple):
    """What the lines tell."""

    epochs: int = 0
    steps: int = 0
    parameters: int = 0
    device: str = ""
    rows: tuple[dict[str, float], ...] = ()  # of the history
    within: tuple[dict[str, float], ...] = ()  # between them, `epoch` with fractions
    seconds_left: float | None = None  # of training; unknown until SURE_SECONDS have gone by
    measuring: str = ""
    run_id: str = ""  # of the checkpoint, once it is written

    @property
    def epoch(self) -> float:
        """The passes done, with fractions."""
        return max((row["epoch"] for row in (*self.rows[-1:], *self.within[-1:])), default=0.0)


SURE_SECONDS = 2.0


def read(file: Path) -> Story:
    """What a file tells so far, nothing where there is none; a line that is not whole yet is left for the next time."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Story()
    story, start = Story(), 0.0
    for line in text[: text.rfind("\n") + 1].splitlines():
        try:
            facts = json.loads(line)
        except ValueError:  # cut by a kill
            continue
        match facts.pop("event"):
            case "run":
                rows = tuple(facts.pop("history"))
                start = float(len(rows))
                within = tuple(point for point in story.within if point["epoch"] <= start)
                story = Story(**facts, rows=rows, within=within)
            case "step":
                story = story._replace(seconds_left=_left(story, start, facts["epoch"], facts.pop("seconds")))
                story = story._replace(within=(*story.within, facts))
            case "epoch":
                story = story._replace(seconds_left=_left(story, start, facts["row"]["epoch"], facts["seconds"]))
                story = story._replace(rows=(*story.rows, facts["row"]))
            case "measuring":
                story = story._replace(measuring=facts["what"])
            case "done":
                story = story._replace(run_id=facts["run_id"])
    return story


def _left(story: Story, start: float, epoch: float, seconds: float) -> float | None:
    """Seconds until the last epoch, at the pace since `start`."""
    if seconds < SURE_SECONDS or epoch <= start:
        return None
    return seconds * (story.epochs - epoch) / (epoch - start)
