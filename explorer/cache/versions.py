"""A cache for all visitors, of results made from files, that are kept as long as those files do not change.

A result that is made from a model or from a set of images is kept under its `Version`: its name, and the stamps of its
files. When the files are written again, the results of older versions are dropped, so that a model that is trained
again and again takes the memory of one or two.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from functools import wraps
from operator import attrgetter
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import streamlit as st

X = TypeVar("X")
P = ParamSpec("P")
T = TypeVar("T")

SUBJECTS = 32  # models and sets of images, the last that were asked for
VERSIONS = 2  # of one subject: a visitor may still be looking at the one before
MOST = 200  # results of one function for one version


class Version(NamedTuple):
    """A model or a set of images as it is on the disk."""

    subject: Hashable
    stamp: tuple[Any, ...]  # another one when the files have changed

    @property
    def id(self) -> str:
        """Its name in the browser."""
        return f"{self.subject}-{abs(hash(self.stamp)):x}".replace("/", "-")


class _Result:
    """A result, made once by the first who asks; the others wait for it."""

    def __init__(self) -> None:
        self.lock, self.made, self.value = threading.Lock(), False, None

    def get(self, make: Callable[[], Any], spinner: str) -> Any:
        with self.lock:
            if not self.made:
                with st.spinner(spinner) if spinner else nullcontext():
                    self.value = make()
                self.made = True
            return self.value


_lock = threading.Lock()
_results: OrderedDict[Version, dict[str, OrderedDict[Hashable, _Result]]] = OrderedDict()  # the last used at the end


def cached(
    spinner: str = "", most: int = MOST, version_of: Callable[[Any], Version] = attrgetter("version")
) -> Callable[[Callable[Concatenate[X, P], T]], Callable[Concatenate[X, P], T]]:
    """Cache a function of something that has a version, for each version and all further arguments.

    The further arguments must be hashable. An error is not cached.

    Args:
        spinner: What visitors read while the function runs; empty for a function that takes no time.
        most: How many results of each version are kept, the last that were asked for.
        version_of: Gives the version of the first argument; by default that is its attribute `version`.
    """

    def decorate(make: Callable[Concatenate[X, P], T]) -> Callable[Concatenate[X, P], T]:
        name = f"{make.__module__}.{make.__qualname__}"

        @wraps(make)
        def ask(thing: X, *args: P.args, **kwargs: P.kwargs) -> T:
            key = (*args, *sorted(kwargs.items()))
            return _result(version_of(thing), name, key, most).get(lambda: make(thing, *args, **kwargs), spinner)

        return ask

    return decorate


def clear() -> None:
    """Drop all results, as a restart of the server does."""
    with _lock:
        _results.clear()


def _result(version: Version, name: str, key: Hashable, most: int) -> _Result:
    with _lock:
        results = _results.setdefault(version, {}).setdefault(name, OrderedDict())
        result = results.setdefault(key, _Result())
        results.move_to_end(key)
        _results.move_to_end(version)
        while len(results) > most:
            results.popitem(last=False)
        _drop_old(version.subject)
        return result


def _drop_old(subject: Hashable) -> None:
    """Drop the older versions of a subject, and the subjects beyond `SUBJECTS`."""
    versions = [version for version in _results if version.subject == subject]
    for version in versions[:-VERSIONS]:
        del _results[version]
    subjects = list(OrderedDict.fromkeys(version.subject for version in reversed(_results)))
    for version in [version for version in _results if version.subject in subjects[SUBJECTS:]]:
        del _results[version]
