"""An observer of a training that a test makes of a function."""

from collections.abc import Callable

from vae.observers import Observer


class OnEpoch(Observer):
    """Calls a function with each row of the history."""

    def __init__(self, call: Callable[[dict[str, float]], object]) -> None:
        self.epoch = call
