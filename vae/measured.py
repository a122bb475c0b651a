"""Collects the metrics of a model: one that fails is left out with a note why, and the others stay.

Some metrics are kept for each test image besides their mean, under the same name: `stored_checkpoint.IMAGE_METRICS`.
"""

import math
import sys
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from vae.commands import sentence

Metrics = dict[str, float | int | list[int] | list[float]]
T = TypeVar("T")


class Measured:
    """The metrics of a model so far."""

    def __init__(self, announce: Callable[[str], object] = lambda what: None) -> None:
        """No metrics yet; `announce` is called with what is being measured."""
        self.metrics: Metrics = {}
        self.of_images: dict[str, Tensor] = {}  # (N,) each, float16, or uint8 for a label
        self._announce = announce

    def attempt(self, what: str, work: Callable[[], T]) -> T | None:
        """The result of some work; None, with a note on standard error, if it fails.

        Args:
            what: is being measured, in words.
            work: measures it.
        """
        self._announce(what)
        try:
            return work()
        except Exception as error:  # the others are worth having, whatever makes one fail
            _leave_out(f"{what} ({sentence(error)})")
            return None

    def keep(self, metrics: Metrics) -> None:
        """Keep the metrics that are finite."""
        for name, value in metrics.items():
            if not all(map(math.isfinite, value if isinstance(value, list) else [value])):
                _leave_out(f"{name} (it is {value})")
            else:
                self.metrics[name] = value

    def keep_of_images(self, name: str, values: Tensor) -> None:
        """Keep a metric of each image in half precision, or a label; not if a value is not finite then.

        Args:
            name: of the metric.
            values: (N,) floating point, or uint8 labels.
        """
        kept = values.half() if values.is_floating_point() else values
        if kept.isfinite().all():
            self.of_images[name] = kept
        else:
            _leave_out(f"{name} of each image (one is not finite in half precision)")

    def take(self, what: str, measure: Callable[[], Metrics]) -> None:
        """Measure something, and keep its metrics that are finite.

        Args:
            what: is being measured, in words.
            measure: measures it.
        """
        self.keep(self.attempt(what, measure) or {})


def _leave_out(what: str) -> None:
    print(f"left out: {what}", file=sys.stderr)
