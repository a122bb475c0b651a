"""The metrics of a model as they are measured: one that fails is left out with a note why, and the others stay."""

import math
import sys
from collections.abc import Callable
from typing import TypeVar

from vae.commands import sentence

Metrics = dict[str, float | int | list[int]]
Tell = Callable[[str], object]
T = TypeVar("T")


class Measured:
    """The metrics of a model so far."""

    def __init__(self, tell: Tell = lambda what: None) -> None:
        """`tell` is called with what is being measured."""
        self.metrics: Metrics = {}
        self._tell = tell

    def attempt(self, what: str, work: Callable[[], T]) -> T | None:
        """The result of the work; None, with a note on standard error, if it fails."""
        self._tell(what)
        try:
            return work()
        except Exception as error:  # whatever makes one metric fail, the others are worth having
            _leave_out(f"{what} ({sentence(error)})")
            return None

    def keep(self, found: Metrics) -> None:
        """Keep the metrics that are finite."""
        for name, value in found.items():
            if isinstance(value, float) and not math.isfinite(value):
                _leave_out(f"{name} (it is {value})")
            else:
                self.metrics[name] = value

    def take(self, what: str, measure: Callable[[], Metrics]) -> None:
        """Measure something, and keep what is found."""
        self.keep(self.attempt(what, measure) or {})


def _leave_out(what: str) -> None:
    print(f"left out: {what}", file=sys.stderr)
