"""Figures as they are measured: one that cannot be had is left out, and why is told; the others are there."""

import math
import sys
from collections.abc import Callable
from typing import TypeVar

from vae.commands import sentence

Figures = dict[str, float | int | list[int]]
Tell = Callable[[str], object]
T = TypeVar("T")


class Measured:
    """The figures of a model so far."""

    def __init__(self, tell: Tell = lambda what: None) -> None:
        """`tell` is called with what is being measured."""
        self.figures: Figures = {}
        self._tell = tell

    def attempt(self, what: str, work: Callable[[], T]) -> T | None:
        """What the work makes; None, and why is told, where it fails."""
        self._tell(what)
        try:
            return work()
        except Exception as error:  # whatever a figure fails of, the model is more than it
            _leave_out(f"{what} ({sentence(error)})")
            return None

    def keep(self, found: Figures) -> None:
        """Keep what is finite."""
        for name, value in found.items():
            if isinstance(value, float) and not math.isfinite(value):
                _leave_out(f"{name} (it is {value})")
            else:
                self.figures[name] = value

    def take(self, what: str, measure: Callable[[], Figures]) -> None:
        """Attempt to measure something, and keep it."""
        self.keep(self.attempt(what, measure) or {})


def _leave_out(what: str) -> None:
    print(f"left out: {what}", file=sys.stderr)
