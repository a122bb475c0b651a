"""A cache for all visitors, of results made from files, that are kept as long as those files do not change.

A result made from a model or a set of images is kept under its `Version`: its name, and the stamps of its files. Once
the files are written anew, results of older versions are dropped, so that a model that is trained again and again takes
the memory of one or two.
"""

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from functools import partial, wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SUBJECTS = 32  # models and sets of images, the last that were asked for
VERSIONS = 2  # of one subject: somebody may still be looking at the one before
MOST = 200  # results of one kind for one version


class Version(NamedTuple):
    """A model or a set of images as it is on the disk."""

    subject: Hashable
    stamp: tuple[Any, ...]  # differs once the files do

    @property
    def id(self) -> str:
        """Its name in the browser."""
        return f"{self.subject}-{abs(hash(self.stamp)):x}".replace("/", "-")


class _Result:
    """A result, made once by whoever asks first."""

    def __init__(self) -> None:
        self.lock, self.made, self.value = threading.Lock(), False, None

    def get(self, make: Callable[[], Any], while_making: Callable[[], AbstractContextManager]) -> Any:
        with self.lock:
            if not self.made:
                with while_making():
                    self.value = make()
                self.made = True
            return self.value


_lock = threading.Lock()
_kept: OrderedDict[Version, dict[str, OrderedDict[Hashable, _Result]]] = OrderedDict()  # the last used at the end


def kept(
    while_making: Callable[[], AbstractContextManager] = nullcontext, most: int = MOST
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Cache a function whose first argument is a Version: the last `most` results that were asked for, of each version.

    Arguments whose names begin with _ follow from the others and are not part of the key. An error is not cached.
    """

    def decorate(make: Callable[P, T]) -> Callable[P, T]:
        in_key = [rank for rank, name in enumerate(inspect.signature(make).parameters) if rank and name[0] != "_"]
        name = f"{make.__module__}.{make.__qualname__}"

        @wraps(make)
        def ask(version: Version, *given: Any) -> T:
            key = tuple(given[rank - 1] for rank in in_key)
            return _result(version, name, key, most).get(partial(make, version, *given), while_making)

        return ask

    return decorate


def _result(version: Version, name: str, key: Hashable, most: int) -> _Result:
    with _lock:
        results = _kept.setdefault(version, {}).setdefault(name, OrderedDict())
        found = results.setdefault(key, _Result())
        results.move_to_end(key)
        _kept.move_to_end(version)
        while len(results) > most:
            results.popitem(last=False)
        _forget(version.subject)
        return found


def _forget(subject: Hashable) -> None:
    """Drop the older versions of a subject, and the subjects beyond `SUBJECTS`."""
    versions = [version for version in _kept if version.subject == subject]
    for version in versions[:-VERSIONS]:
        del _kept[version]
    subjects = list(OrderedDict.fromkeys(version.subject for version in reversed(_kept)))
    for version in [version for version in _kept if version.subject in subjects[SUBJECTS:]]:
        del _kept[version]
