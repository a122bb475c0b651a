"""Laws of checkpoints: what is read is what was written, and anything else is refused in one sentence."""

import dataclasses
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

import vae
from vae import checkpoint, classifier, evaluate, quadrature, stored
from vae.checkpoint import Checkpoint
from vae.config import TrainConfig
from vae.files import CheckpointError
from vae.models import build

SHIPPED = Path(__file__).parent.parent / stored.FOLDER
SHIPPED_MODELS = ("ae", "vae", "cvae")


def make(run_id="one", **settings):
    config = TrainConfig(**settings)
    model = build(config)
    codes = torch.randn(12, config.latent_dim, generator=torch.Generator().manual_seed(0))
    record = {"run_id": run_id, "config": config.to_dict(), "history": [], "test": {}}
    return Checkpoint(config.model, config, model, codes, torch.arange(12).to(torch.uint8) % 10, record)


@pytest.fixture
def path(tmp_path):
    """A checkpoint `vae` in a folder of its own."""
    checkpoint.write(tmp_path / "vae", make())
    return tmp_path / "vae"


@pytest.mark.parametrize("network", ["seed", "deep", "fourier"])
def test_what_is_loaded_is_what_was_saved(kind, likelihood, network, tmp_path, x, y, z):
    saved = make(model=kind, likelihood=likelihood, network=network)
    checkpoint.write(tmp_path / "some.name", saved)
    found = checkpoint.read(tmp_path / "some.name")
    x, y, z = x.cpu().float(), y.cpu(), z.cpu().float()
    assert found.config == saved.config
    assert torch.equal(found.codes, saved.codes)
    assert torch.equal(found.labels, saved.labels)
    assert torch.equal(found.model.encode(x, y), saved.model.encode(x, y))
    assert torch.equal(found.model.decode(z, y), saved.model.decode(z, y))
    assert torch.equal(found.model.likelihood(z, y).log_prob(x), saved.model.likelihood(z, y).log_prob(x))
    assert not found.model.training
    assert not any(weight.requires_grad for weight in found.model.parameters())


def test_names_are_those_of_models_and_of_what_cannot_be_read(path):
    folder = path.parent
    checkpoint.write(folder / "b.2", make())
    shutil.copy(SHIPPED / "classifier.json", folder)
    (folder / "notes.json").write_text("[1, 2]")
    (folder / "half.json").write_text('{"format": 1, "run')
    assert stored.names(folder) == ["b.2", "half", "notes", "vae"]
    assert stored.names(folder, "vae") == ["b.2", "vae"]
    assert stored.names(folder, "cvae") == []
    assert stored.names(folder / "nowhere") == []


def truncated(path):
    file = Path(f"{path}.pt")
    file.write_bytes(file.read_bytes()[:-5_000])


def rewrite(path, change):
    file = Path(f"{path}.json")
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))


def repack(path, change):
    tensors = torch.load(f"{path}.pt", weights_only=True)
    change(tensors)
    torch.save(tensors, f"{path}.pt")


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


SPOIL = {
    "no .pt": lambda path: os.remove(f"{path}.pt"),
    "no .json": lambda path: os.remove(f"{path}.json"),
    "truncated .pt": truncated,
    "empty .pt": lambda path: Path(f"{path}.pt").write_bytes(b""),
    "text for .pt": lambda path: Path(f"{path}.pt").write_text("not tensors at all"),
    "code in .pt": lambda path: Path(f"{path}.pt").write_bytes(pickle.dumps(Bomb(), protocol=2)),
    "another's .pt": lambda path: torch.save([1, 2, 3], f"{path}.pt"),
    "truncated .json": lambda path: Path(f"{path}.json").write_text('{"format": 1, "run'),
    "another's .json": lambda path: Path(f"{path}.json").write_text('{"name": "something"}'),
    "a later format": lambda path: rewrite(path, lambda record: record.update(format=2)),
    "two runs": lambda path: rewrite(path, lambda record: record.update(run_id="another")),
    "no configuration": lambda path: rewrite(path, lambda record: record.pop("config")),
    "odd configuration": lambda path: rewrite(path, lambda record: record["config"].update(network="wide")),
    "other size": lambda path: rewrite(path, lambda record: record["config"].update(latent_dim=3)),
    "huge size": lambda path: rewrite(path, lambda record: record["config"].update(latent_dim=10**9)),
    "other network": lambda path: rewrite(path, lambda record: record["config"].update(network="deep")),
    "no weights": lambda path: repack(path, lambda tensors: tensors.pop("weights")),
    "codes cut": lambda path: repack(path, lambda tensors: tensors.update(codes=tensors["codes"][:5])),
    "codes not numbers": lambda path: repack(path, lambda tensors: tensors["codes"].fill_(float("nan"))),
    "labels too high": lambda path: repack(path, lambda tensors: tensors["labels"].fill_(10)),
}


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL.keys())
def test_a_spoilt_checkpoint_is_refused_in_one_sentence_that_names_file_and_command(path, spoil, monkeypatch):
    monkeypatch.chdir(path.parent)
    spoil(path)
    with pytest.raises(vae.CheckpointError) as caught:
        vae.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert f"`python -m vae.train --model vae --folder {path.parent}`" in message
    assert "\n" not in message
    assert not Path("exploded").exists()


def test_the_command_is_short_where_the_defaults_hold():
    with pytest.raises(CheckpointError, match=r"`python -m vae.train --name nothing`"):
        vae.load("checkpoints/nothing")


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_killed_while_writing_the_old_pair_or_the_new_one_is_whole(path, monkeypatch, cut):
    """The writer stops dead before its cut-th change to the disk's names or before its flush to the disk."""
    done = []

    def until_cut(real):
        def call(*arguments):
            done.append(real)
            if len(done) >= cut:
                raise SystemExit("killed")
            return real(*arguments)

        return call

    monkeypatch.setattr(os, "replace", until_cut(os.replace))
    monkeypatch.setattr(os, "fsync", until_cut(os.fsync))
    with pytest.raises(SystemExit):
        checkpoint.write(path, make(run_id="two", seed=5))
    monkeypatch.undo()
    found = checkpoint.read(path)
    seed = {"one": 0, "two": 5}[found.record["run_id"]]
    assert found.config.seed == seed
    assert torch.equal(found.model.decoder[0].weight, build(TrainConfig(seed=seed)).decoder[0].weight)
    checkpoint.write(path, make(run_id="three"))
    assert checkpoint.read(path).record["run_id"] == "three"


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_a_shipped_model_is_what_its_name_says(name):
    shipped = checkpoint.read(SHIPPED / name)
    expected = TrainConfig(model=name, epochs=shipped.config.epochs)
    assert dataclasses.replace(shipped.config, learning_rate=expected.learning_rate) == expected
    assert shipped.codes.shape == (10_000, 2)
    assert len(shipped.record["history"]) == shipped.config.epochs
    assert {"python", "torch", "vae"} <= set(shipped.record["versions"])


def test_the_shipped_models_reach_their_targets():
    test = {name: checkpoint.read(SHIPPED / name).record["test"] for name in SHIPPED_MODELS}
    assert test["ae"]["squared_error"] <= 31.7
    assert test["vae"]["squared_error_plus_kl"] <= 37.7
    assert test["cvae"]["class_agreement"] >= 0.99
    assert test["cvae"]["class_agreement_n"] == 10_000


@pytest.mark.parametrize("name", ["vae-best", "cvae-best"])
def test_the_best_models_reach_their_targets(name):
    shipped = checkpoint.read(SHIPPED / name)
    test, config = shipped.record["test"], shipped.config
    assert (config.model, config.likelihood, config.objective) == (name.split("-")[0], "bernoulli", "exact")
    assert test["n"] == len(shipped.codes) == 10_000
    assert test["log_px_nats"] > {"vae-best": -111, "cvae-best": -108}[name]
    assert test["log_px_error_nats"] < 0.01
    assert test["refined_elbo_nats"] > -118
    assert test["log_px_nats"] > test["refined_elbo_nats"] > test["elbo_nats"]


def test_the_family_is_one_network_along_sigma_and_a_pair_along_beta():
    family = [checkpoint.read(SHIPPED / "family" / name) for name in stored.names(SHIPPED / "family")]
    sigmas = sorted(each.config.sigma for each in family if each.config.likelihood == "gaussian")
    betas = sorted(each.config.beta for each in family if each.config.likelihood == "bernoulli")
    assert len(sigmas) >= 5
    assert (sigmas[0], sigmas[-1]) == (0.1, 1.0)
    assert betas == [0.1, 1.0]
    assert len({(each.config.network, each.config.epochs, each.config.seed) for each in family}) == 1
    # the larger sigma, the more the KL weighs beside the error: the code carries less, the error grows
    along = sorted(
        (each for each in family if each.config.likelihood == "gaussian"), key=lambda each: each.config.sigma
    )
    kls = [each.record["test"]["kl_nats"] for each in along]
    assert kls == sorted(kls, reverse=True)


def test_the_folder_is_small():
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*.*")) < 60_000_000


@pytest.mark.mnist
@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_the_recorded_figures_are_those_of_the_shipped_weights(name, mnist):
    shipped = checkpoint.read(SHIPPED / name)
    judge = classifier.load(SHIPPED / classifier.NAME) if name == "cvae" else None
    found = evaluate.measure(shipped.model, shipped.config, mnist, judge)
    assert found == pytest.approx({name: shipped.record["test"][name] for name in found}, rel=1e-3)
    codes = evaluate.encode(shipped.model, shipped.config, mnist.test_images, mnist.test_labels)
    torch.testing.assert_close(codes, shipped.codes, rtol=1e-4, atol=1e-4)
    assert torch.equal(mnist.test_labels, shipped.labels.long())


@pytest.mark.mnist
@pytest.mark.parametrize("name", ["vae-best", "cvae-best"])
def test_a_best_model_has_the_log_p_and_the_codes_that_are_recorded(name, mnist):
    shipped = checkpoint.read(SHIPPED / name)
    few = mnist.test_images[:10], mnist.test_labels[:10]
    torch.testing.assert_close(evaluate.encode(shipped.model, shipped.config, *few), shipped.codes[:10])
    x = torch.cat([x for x, _ in evaluate._blocks(shipped.config, mnist.test_images, mnist.test_labels)][:1])[:10]
    y = few[1] if shipped.model.conditional else None
    log_px = quadrature.log_evidence(shipped.model, x, y).log_px_nats
    test = shipped.record["test"]
    assert abs(log_px.mean() - test["log_px_nats"]) < 4 * test["log_px_nats_se"] * (test["n"] / 10) ** 0.5
