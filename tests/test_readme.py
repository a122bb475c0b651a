"""The README is true: its files exist, its Python runs, its commands parse."""

import argparse
import re
import shlex

import pytest
from browser import ROOT

from vae import checkpoint, evaluate, flags

README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
TRAINING = re.findall(r"^    python -m vae\.train (.+)$", README, re.MULTILINE)


def test_every_file_it_names_exists():
    named = set(re.findall(r"\b(?:vae|explorer|tests|checkpoints|\.ci)/[\w./-]*\w", README))
    named |= set(re.findall(r"\b(\w+\.py)\b", README))
    places = [ROOT, ROOT / "explorer", ROOT / "tests", ROOT / "vae", ROOT / "checkpoints"]
    made_by_its_commands = {"checkpoints/vae-deep.pt"}
    for name in named - made_by_its_commands:
        assert any((place / name).exists() or (place / f"{name}.pt").exists() for place in places), name


@pytest.mark.parametrize("example", EXAMPLES)
def test_its_python_runs(example, monkeypatch):
    monkeypatch.chdir(ROOT)
    exec(compile(example, "README.md", "exec"), {})


@pytest.mark.parametrize("command", TRAINING)
def test_its_training_commands_are_understood(command):
    parser = argparse.ArgumentParser()
    flags.add_config(parser)
    parser.add_argument("--name")
    assert flags.config_of(parser.parse_args(shlex.split(command)))


def test_its_figures_are_those_of_the_checkpoints():
    shipped = [checkpoint.read(ROOT / "checkpoints" / name) for name in ("ae", "cvae", "cvae-best", "vae", "vae-best")]
    assert evaluate.table(shipped) in README


def test_it_has_something_to_check():
    assert EXAMPLES
    assert TRAINING
