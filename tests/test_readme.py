"""The READMEs are true: their files exist, their Python runs, their commands parse, their figures are the records'."""

import argparse
import re
import shlex
from pathlib import Path

import pytest
import torch
from chromium import ROOT

import vae
from vae import evaluate, flags
from vae.images import sources
from vae.storage import checkpoint

FIRST, *_ = READMES = [
    (ROOT / room / "README.md").read_text(encoding="utf-8") for room in ("", "vae", "explorer", "checkpoints")
]
README = "\n".join(READMES)
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
TRAINING = re.findall(r"^    python -m vae\.train (.+)$", README, re.MULTILINE)


def test_every_file_it_names_exists():
    named = set(re.findall(r"\b(?:vae|explorer|tests|checkpoints|\.ci)/[\w./-]*\w", README))
    named |= set(re.findall(r"\b(\w+\.py)\b", README))
    rooms = [folder for room in ("vae", "explorer") for folder in (ROOT / room).glob("**/")]
    places = [ROOT, ROOT / "tests", ROOT / "tests" / "bench", ROOT / "checkpoints", *rooms]
    made_by_its_commands = {"checkpoints/vae-deep.pt", "checkpoints/vae-deep.replay.pt"}
    for name in named - made_by_its_commands:
        assert any((place / name).exists() or (place / f"{name}.pt").exists() for place in places), name


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder of a reader's own, beside the shipped checkpoints."""
    (tmp_path / "checkpoints").symlink_to(ROOT / "checkpoints")
    monkeypatch.chdir(tmp_path)


def run(examples):
    """What the examples define, run one after the other."""
    namespace = {}
    for example in examples:
        exec(compile(example, "README.md", "exec"), namespace)
    return namespace


def test_its_python_runs_as_far_as_no_data_is_needed(elsewhere):
    found = run(EXAMPLES[: next(i for i, example in enumerate(EXAMPLES) if "load_dataset" in example)])
    assert found["digits"].shape == (2, 1, 28, 28)
    torch.testing.assert_close(found["film"], found["model"].decode(found["path"]))
    assert Path("map.html").stat().st_size > 1e6
    assert Path("not-ours.html").read_text(encoding="utf-8") == found["page"].html


@pytest.mark.mnist
def test_all_its_python_runs_and_says_what_it_says(elsewhere, mnist, monkeypatch):
    monkeypatch.setattr(sources, "load_dataset", lambda: mnist)
    found = run(EXAMPLES)
    assert len(EXAMPLES) == 13
    torch.testing.assert_close(found["z"], found["codes"][:8], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found["z"], found["q"].mean)
    assert found["given_z"].mean() > found["exact"].mean()  # an image is likelier at its code than over the prior
    assert found["bound"].mean() < found["exact"].mean()
    assert found["near"].mean.shape == (8, 2)
    assert (found["with_noise"].z == found["new"].z).all()
    assert (found["with_noise"].images != found["new"].images).any()
    assert (found["by_values"].by_mean.var(1) > found["by_slopes"].by_mean.var(1)).all()
    assert (found["error"] < 1).all()
    closed_form = found["pca"].posterior(found["x"]).mean
    torch.testing.assert_close(found["linear"].encode(found["x"]).double(), closed_form, atol=1e-5, rtol=0)
    torch.testing.assert_close(found["completed"].mean[:, :, :14], found["x"][:, :, :14])


@pytest.mark.parametrize("dimensions", [1, 3])
def test_what_its_python_does_in_a_plane_it_does_in_other_dimensions_where_theory_allows(dimensions, generator, x):
    model = vae.build(vae.TrainConfig(latent_dim=dimensions)).double()
    path = vae.interpolation.spherical(*model.encode(x)[:2], torch.linspace(0, 1, 5, dtype=torch.float64))
    assert model.decode(path).shape == (5, 1, 28, 28)
    bound = vae.estimators.importance(model, x, 2_000, generator).nats
    if dimensions == 1:
        exact = vae.quadrature.log_evidence(model, x).log_px_nats
        torch.testing.assert_close(bound, exact, atol=0.5, rtol=0)
    else:
        with pytest.raises(ValueError, match="3"):
            vae.quadrature.log_evidence(model, x)


@pytest.mark.parametrize("command", TRAINING)
def test_its_training_commands_are_understood(command):
    parser = argparse.ArgumentParser()
    flags.add_config(parser)
    parser.add_argument("--name")
    assert flags.config_of(parser.parse_args(shlex.split(command)))


def test_its_figures_are_those_of_the_checkpoints():
    shipped = [
        checkpoint.read(ROOT / "checkpoints" / name) for name in ("ae", "cvae", "cvae-best", "ppca", "vae", "vae-best")
    ]
    assert evaluate.table(shipped) in README


def test_the_first_table_has_the_figures_of_the_checkpoints():
    rows = re.findall(r"^\| `([\w-]+)` \| .* \| ([\d.]+) \| ([\d.]+%) \| ([\d.]+%) \|$", FIRST, re.MULTILINE)
    assert len(rows) == 6
    for name, *figures in rows:
        test = checkpoint.read(ROOT / "checkpoints" / name).record["test"]
        holes = test["code_holes"] if name == "ae" else test["holes"]
        expected = f"{test['squared_error_at_code']:.2f}", f"{test['knn5_accuracy']:.1%}", f"{holes:.1%}"
        assert tuple(figures) == expected
    best = checkpoint.read(ROOT / "checkpoints" / "vae-best").record["test"]["log_px_nats"]
    assert f"log p(x) = {best:.1f} nats" in FIRST


def test_the_first_is_short():
    assert len(FIRST.split()) <= 900


def test_it_has_something_to_check():
    assert EXAMPLES
    assert TRAINING
