"""Trainings of a second, for the tests of jobs and of the page: in processes of their own, or in that of the test."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from chromium import ROOT
from synthetic import synthetic_digits

from explorer.trainings import jobs
from explorer.trainings.jobs import Training
from vae import train

# Nothing here is compiled, but PyTorch's optimizers import its compiler, for a third of the time of such a training. In
# its place they find a module of what they ask of it: to leave functions as they are.
SCRIPT = """
import os, sys, time, types
{first}
sys.path[:0] = {paths!r}
import torch
from synthetic import synthetic_digits
from vae import train
torch._dynamo = sys.modules["torch._dynamo"] = types.ModuleType("torch._dynamo")
torch._dynamo.disable, torch._dynamo.graph_break = lambda function, *_, **__: function, lambda *_, **__: None
train.load_dataset = lambda *_: synthetic_digits()
{more}
train.main()
"""
SECONDS = 300


def program(folder: Path, more: str = "", first: str = "") -> tuple[str, str]:
    """For `jobs.PROGRAM`: the command that trains, but on the small synthetic set.

    Some lines come `first`, some `more` when all is imported.
    """
    script = folder / "program.py"
    paths = [str(ROOT), str(ROOT / "tests")]
    script.write_text(SCRIPT.format(paths=paths, first=first, more=more), encoding="utf-8")
    return sys.executable, str(script)


class Here:
    """What jobs get in place of a process: the command has been run in this one, and is over."""

    pid = 2**30  # of no process

    def __init__(self, command: list[str], stderr, **_):
        try:
            train.main(command[len(jobs.PROGRAM) :])
        except SystemExit as ended:  # whose message Python writes for a process that ends so
            stderr.write(f"{ended.code}\n".encode())

    def wait(self) -> None:
        pass


def in_this_process(patch: pytest.MonkeyPatch) -> None:
    """Have jobs train in the process of a test, for what becomes of a training: a process takes seconds to begin."""
    patch.setattr(train, "load_dataset", lambda *_: synthetic_digits())
    patch.setattr(jobs, "subprocess", SimpleNamespace(Popen=Here, DEVNULL=None))


def the(folder: Path, name: str) -> Training:
    """The job of a name."""
    return next(job for job in jobs.trainings(folder) if job.name == name)


def wait(folder: Path, name: str, until: Callable[[Training], object]) -> Training:
    """The job as soon as it is as it should be."""
    deadline = time.monotonic() + SECONDS
    while not until(job := the(folder, name)):
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
    return job


def over(job: Training) -> bool:
    """Whether its process has ended."""
    return job.state != "running"
