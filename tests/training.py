"""Trainings of a second in processes of their own, for the tests of jobs and of the page."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from chromium import ROOT

from explorer.trainings import jobs
from explorer.trainings.jobs import Training

# Nothing here is compiled, but PyTorch's optimizers import its compiler, for a third of the time of such a training. In
# its place they find a module of what they ask of it: to leave functions as they are.
SCRIPT = """
import sys, time, types
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


def program(folder: Path, more: str = "") -> tuple[str, str]:
    """For `jobs.PROGRAM`: the command that trains, but on the small synthetic set, and after some more lines."""
    script = folder / "program.py"
    script.write_text(SCRIPT.format(paths=[str(ROOT), str(ROOT / "tests")], more=more), encoding="utf-8")
    return sys.executable, str(script)


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
