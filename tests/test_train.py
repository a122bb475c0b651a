"""Laws of training: it learns, it repeats, and a run that was cut ends as the run that was not."""

import argparse
import dataclasses
import itertools
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from observing import OnEpoch
from torch.utils._python_dispatch import TorchDispatchMode

import vae
from vae import evaluate, exact_metrics, flags, metrics, snapshots, train
from vae.config import TrainConfig
from vae.images import tensors
from vae.images.tensors import VALIDATION_IMAGES, ImageSet
from vae.inference import aggregate, estimators, quadrature
from vae.inference.inference_gap import Gap
from vae.inference.quadrature import LogEvidence
from vae.storage import checkpoint
from vae.train import TrainingError

QUICK = {"network": "small", "batch_size": 32, "epochs": 4}
SETTINGS = ["--quick", "--network", "small", "--batch-size", "32", "--epochs", "1", "--device", "cpu"]
ROOT = Path(__file__).parent.parent


def weights(trained):
    return list(trained.model.state_dict().values())


def assert_same_weights(one, other):
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_training_lowers_the_loss(kind, likelihood, digits, device):
    config = TrainConfig(model=kind, likelihood=likelihood, network="small", batch_size=32, epochs=15)
    history = train.train(config, digits, device).record["history"]
    assert [row["epoch"] for row in history] == list(range(1, 16))
    assert history[-1]["loss_nats"] < history[0]["loss_nats"] - 20


class Apart(TorchDispatchMode):
    """Refuses what makes the host wait for the device, or sends the device a number."""

    REFUSED = ("_local_scalar_dense", "equal", "is_nonzero", "lift_fresh", "masked_select", "nonzero", "_unique2")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket.__name__ not in self.REFUSED
        return func(*args, **(kwargs or {}))


def corrupted(kind, objective):
    """The encoder of a model that has one sees images with noise, in either way."""
    return {"corruption": 0.0 if objective == "exact" else 0.3, "corruption_kind": "flip" if kind == "ae" else "drop"}


SAMPLED = [("ae", "elbo"), ("vae", "exact"), *itertools.product(("vae", "cvae"), ("elbo", "importance"))]


@pytest.mark.parametrize(("kind", "objective"), SAMPLED)  # an exact CVAE asks the device which labels a batch has
def test_no_step_waits_for_the_device(kind, likelihood, objective, digits, device, monkeypatch):
    here = digits.to(device)
    settings = {"network": "small", "batch_size": 64, **corrupted(kind, objective)}
    run = train.Run(TrainConfig(model=kind, likelihood=likelihood, objective=objective, **settings), device, here)
    monkeypatch.setattr(train.objectives, "metrics", lambda parts, beta: {})  # once an epoch, and that waits
    with Apart():
        run.epoch(here.train_images, here.train_labels, lambda step, terms: None)


class Anywhere(torch.Generator):
    """A generator for the device "meta", which has shapes and no numbers."""

    device = torch.device("meta")

    def __new__(cls, device=None):
        return super().__new__(cls)


@pytest.mark.parametrize(("kind", "objective"), SAMPLED)
def test_no_tensor_of_a_step_is_left_on_the_processor(kind, likelihood, objective, digits, monkeypatch):
    """As on a GPU, an operation of a tensor that is there and one that is not is refused."""
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(2, device="meta") * torch.ones(2)
    monkeypatch.setattr(torch, "Generator", Anywhere)
    monkeypatch.setattr(train.objectives, "metrics", lambda parts, beta: {})
    settings = {"batch_size": 64, "points": 64, **corrupted(kind, objective)}
    config = TrainConfig(model=kind, likelihood=likelihood, objective=objective, **settings)
    run, steps = train.Run(config, "meta", digits), []
    monkeypatch.setattr(run.optimizer, "step", lambda: steps.append(1))  # PyTorch's own, which has none for "meta"
    run.epoch(digits.train_images.to("meta"), digits.train_labels.to("meta"), lambda step, terms: None)
    assert len(steps) == 4
    assert all(weight.grad.shape == weight.shape for weight in run.model.decoder.parameters())


@pytest.mark.parametrize("setting", [{"weight_decay": 0.1}, {"adam_beta2": 0.9}, {"learning_rate": 1e-3}])
def test_a_setting_of_the_optimizer_changes_what_is_learned(setting, digits):
    usual, other = (train.train(TrainConfig(batch_size=50, epochs=1, **given), digits) for given in ({}, setting))
    assert not any(torch.equal(a, b) for a, b in zip(weights(usual), weights(other), strict=True))


@pytest.mark.parametrize("objective", ["importance", "exact"])
@pytest.mark.parametrize("kind", ["vae", "cvae"], indirect=True)
def test_the_other_objectives_raise_log_p(kind, objective, digits, device):
    settings = {"network": "small", "likelihood": "bernoulli", "batch_size": 40, "points": 256, "learning_rate": 4e-3}
    config, here = TrainConfig(model=kind, objective=objective, **settings), digits.to(device)
    run = train.Run(config, device, here)
    for _ in range(8):
        run.history.append(run.epoch(here.train_images, here.train_labels, lambda step, terms: None))
    history = run.history
    assert history[-1]["log_px_nats"] > history[0]["log_px_nats"] + 100


@pytest.mark.parametrize("objective", ["elbo", "importance", "exact"])
@pytest.mark.parametrize("likelihood", ["gaussian-pixel", "bernoulli"], indirect=True)
@pytest.mark.parametrize("kind", ["vae", "cvae"], indirect=True)
def test_coarse_products_end_near_where_exact_ones_do(kind, likelihood, objective, digits, device):
    settings = {"network": "small", "batch_size": 40, "epochs": 8, "points": 64, "samples": 2, "learning_rate": 2e-3}
    exact = TrainConfig(model=kind, likelihood=likelihood, objective=objective, **settings)
    reached = []
    for config in (exact, dataclasses.replace(exact, precision="bfloat16")):
        here, run = digits.to(device), train.Run(config, device, digits)
        first = [weight.clone() for weight in run.model.parameters()]
        rows = [run.epoch(here.train_images, here.train_labels, lambda step, terms: None) for _ in range(config.epochs)]
        assert not any(torch.equal(a, b) for a, b in zip(first, run.model.parameters(), strict=True))
        reached.append((rows[0]["loss_nats"], rows[-1]["loss_nats"]))
    (start, end), (coarse_start, coarse_end) = reached
    assert end != coarse_end
    assert abs(coarse_start - start) < 0.05 * (start - end)
    assert abs(coarse_end - end) < 0.05 * (start - end)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"], indirect=True)
def test_a_run_is_its_configurations_alone(kind, likelihood, digits, device):
    config = TrainConfig(model=kind, likelihood=likelihood, **QUICK)
    before = torch.get_rng_state()
    first, again = (train.train(config, digits, device) for _ in range(2))
    other = train.train(dataclasses.replace(config, seed=1), digits, device)
    assert torch.equal(torch.get_rng_state(), before)
    if device.type == "cpu":
        assert_same_weights(first, again)
    assert not torch.equal(weights(first)[-1], weights(other)[-1])
    assert first.record["run_id"] != again.record["run_id"]


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-shared", "bernoulli"], indirect=True)
def test_a_resumed_run_ends_as_one_that_was_never_cut(kind, likelihood, digits, tmp_path):
    config = TrainConfig(model=kind, likelihood=likelihood, kl="monte-carlo", corruption=0.2, **QUICK)
    file = tmp_path / "some.resume.pt"

    def cut(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(config, digits, observers=[OnEpoch(cut)], resume_file=file)
    resumed = train.train(config, digits, resume_file=file, resume=True)
    whole = train.train(config, digits)
    assert_same_weights(resumed, whole)
    assert resumed.record["history"] == whole.record["history"]
    assert resumed.record["test"] == whole.record["test"]
    assert torch.equal(resumed.codes, whole.codes)


def test_a_resumed_run_multiplies_as_it_did_before(digits, tmp_path):
    """Which library a process chooses is measured, so the process that goes on may have chosen the other."""
    config, file = TrainConfig(**QUICK), tmp_path / "some.resume.pt"
    torch.set_float32_matmul_precision("medium")
    train.train(config, digits, resume_file=file)
    torch.set_float32_matmul_precision("highest")
    train.train(config, digits, resume_file=file, resume=True)
    assert torch.get_float32_matmul_precision() == "medium"


def test_a_killed_process_leaves_the_old_checkpoint_and_can_be_resumed(digits, tmp_path, monkeypatch):
    """SIGKILL in the middle of a real command; `--resume` then gives the weights of the run that was never cut."""
    monkeypatch.setattr(train, "load_dataset", lambda *_: digits)
    monkeypatch.setattr(train, "use_fast_float32", lambda _: None)  # what it measures is not what the other measures
    settings = [*SETTINGS, "--epochs", "20", "--folder", str(tmp_path)]
    train.main([*settings, "--name", "whole"])
    train.main([*settings, "--name", "cut", "--seed", "9"])
    old = checkpoint.read(tmp_path / "cut")

    script = (
        "import time; from synthetic import synthetic_digits; from vae import train; from tqdm import tqdm\n"
        "train.load_dataset = lambda *_: synthetic_digits()\n"
        "train.use_fast_float32 = lambda _: None\n"
        "whole = train.Run.epoch\n"
        "train.Run.epoch = lambda *a: (time.sleep(0.05), whole(*a))[1]\n"  # slow enough to be hit between two epochs
        f"train.main({[*settings, '--name', 'cut']})"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL)
    saved = tmp_path / "cut.resume.pt"
    deadline = time.monotonic() + 120
    while not saved.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 1 <= len(torch.load(saved, weights_only=True)["history"]) < 20

    kept = checkpoint.read(tmp_path / "cut")
    assert kept.record == old.record
    assert_same_weights(kept, old)

    train.main([*settings, "--name", "cut", "--resume"])
    assert_same_weights(checkpoint.read(tmp_path / "cut"), checkpoint.read(tmp_path / "whole"))
    assert not saved.exists()


def test_ctrl_c_leaves_the_old_checkpoint_and_says_how_to_go_on(digits, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "load_dataset", lambda *_: digits)
    settings = [*SETTINGS, "--epochs", "2", "--folder", str(tmp_path)]
    train.main(settings)
    old = checkpoint.read(tmp_path / "vae")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train.Run, "epoch", interrupted)
        with pytest.raises(SystemExit) as stopped:
            train.main([*settings, "--seed", "3"])
    assert stopped.value.code == 130
    assert capsys.readouterr().err.endswith("\nstopped\n")  # there is no whole epoch to go on after
    assert checkpoint.read(tmp_path / "vae").record == old.record

    with monkeypatch.context() as patch:
        patch.setattr(train, "_check_finite", lambda run, *_: interrupted() if run.history else None)
        with pytest.raises(SystemExit) as stopped:
            train.main([*settings, "--seed", "3"])
    assert stopped.value.code == 130
    assert "with --resume goes on after the last whole epoch" in capsys.readouterr().err
    assert checkpoint.read(tmp_path / "vae").record == old.record


def test_a_run_that_was_cut_before_a_setting_was_added_goes_on(digits, device):
    config = TrainConfig(**QUICK)
    run, other = train.Run(config, device, digits), train.Run(config, device, digits)
    state = run.state()
    later = ("precision", "corruption", "corruption_kind")
    state["config"] = {name: value for name, value in config.to_dict().items() if name not in later}
    del state["generators"]["corruption"]
    other.restore(state)
    assert other.run_id == run.run_id
    with pytest.raises(TrainingError, match="precision is 'float32', not 'bfloat16'"):
        train.Run(dataclasses.replace(config, precision="bfloat16"), device, digits).restore(state)


def test_what_cannot_be_resumed_is_refused(digits, tmp_path):
    file = tmp_path / "some.resume.pt"
    config = TrainConfig(**QUICK)
    with pytest.raises(TrainingError, match=r"some\.resume\.pt is missing"):
        train.train(config, digits, resume_file=file, resume=True)
    train.train(config, digits, resume_file=file)
    with pytest.raises(TrainingError, match="epochs is 4, not 5"):
        train.train(dataclasses.replace(config, epochs=5), digits, resume_file=file, resume=True)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(vae.CheckpointError, match=r"some\.resume\.pt is truncated"):
        train.train(config, digits, resume_file=file, resume=True)
    torch.save({"run_id": "one", "weights": {}}, file)
    with pytest.raises(TrainingError, match="not the state of a run"):
        train.train(config, digits, resume_file=file, resume=True)


def test_a_loss_that_is_not_finite_stops_the_run_and_says_what_to_change(kind, digits, device, tmp_path):
    config = TrainConfig(model=kind, learning_rate=1e30, **QUICK)
    with pytest.raises(TrainingError, match=r"not finite in epoch 1 .*--learning-rate, now 1e\+30"):
        train.train(config, digits, device, resume_file=tmp_path / "some.resume.pt")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def command(digits, tmp_path, monkeypatch):
    """`python -m vae.train` on the small synthetic set, into a folder of its own."""
    monkeypatch.setattr(train, "load_dataset", lambda *_: digits)
    return lambda *arguments: train.main([*SETTINGS, "--folder", str(tmp_path), *arguments])


@pytest.mark.fault("a training lost its model to a figure that could not be had")
@pytest.mark.parametrize("rate", ["1e-3", "0.5", "1", "1e4"])
def test_whatever_the_step_size_an_autoencoder_is_written_and_says_what_has_collapsed(
    rate, likelihood, command, tmp_path, capsys
):
    command("--model", "ae", "--likelihood", likelihood, "--learning-rate", rate, "--snapshots", "3")
    found = checkpoint.read(tmp_path / "ae")
    assert {"n", "squared_error", "knn5_accuracy", "used_dimensions"} <= set(found.record["test"])
    snapshots.read(tmp_path / "ae", found)
    said = capsys.readouterr()
    flat = torch.linalg.matrix_rank(found.codes - found.codes.mean(0), rtol=1e-5) < 2
    assert ("collapsed: the codes use" in said.out) == (found.record["test"]["used_dimensions"] < 2)
    assert ("left out: holes between the codes (the codes lie on a line" in said.err) >= bool(flat)
    assert ("code_holes" in found.record["test"]) == ("left out: holes" not in said.err)


@pytest.mark.fault("a training lost its model to a figure that could not be had")
@pytest.mark.parametrize("kind", ["vae", "cvae"], indirect=True)
@pytest.mark.parametrize("rate", ["1e-3", "0.5", "1"])
def test_a_variational_model_is_written_or_its_loss_was_not_finite(kind, rate, likelihood, command, tmp_path):
    said = ""
    try:
        command("--model", kind, "--likelihood", likelihood, "--learning-rate", rate)
    except SystemExit as ended:
        said = ended.code
    if said:
        assert rate != "1e-3"
        assert said.startswith("error: the loss, a weight or a code is not finite in epoch 1")
        assert [file.name for file in tmp_path.iterdir()] == [".locks"]
    else:
        assert "elbo_nats" in checkpoint.read(tmp_path / kind).record["test"]


@pytest.mark.fault("a training lost its model to a figure that could not be had")
def test_codes_without_end_end_a_run_like_a_loss_without_end(digits):
    few = digits._replace(train_images=digits.train_images[:2], train_labels=digits.train_labels[:2])
    with pytest.raises(TrainingError, match="a code is not finite in epoch 1"):  # one step: its loss is the first one
        train.train(TrainConfig(model="ae", learning_rate=1e30, epochs=1), few)


def broken(*_, **__):
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte\nand more")


DEAR = [(metrics, name) for name in ("nearest_labels", "squared_error_at_code", "class_agreement")]
DEAR += [(evaluate, name) for name in ("used_dimensions", "_of_objective", "_of_codes", "mutual_information")]
DEAR += [(metrics, "posteriors")]
DEAR += [(estimators, "importance"), (exact_metrics, "gap")]
DEAR += [(quadrature, "log_evidence"), (aggregate, "aggregate_posterior"), (aggregate, "kl_excess_nats")]
DEAR += [(exact_metrics, "code_bits"), (exact_metrics, "summed_out")]


def thorough_figures(digits, patch, *without):
    """All figures of a model of next to no images; what takes minutes is not integrated but made up."""
    few = ImageSet(*(part[:2] for part in digits[:4]))
    config, said = TrainConfig(model="cvae", network="small", epochs=1), torch.eye(10)[3]
    patch.setattr(exact_metrics, "classification_accuracy_score", lambda *_: 0.5)
    patch.setattr(exact_metrics, "gap", lambda model, x, y: Gap(*torch.ones(4, len(x))))
    evidence = LogEvidence(torch.ones(2), torch.zeros(2), 0.1, 1)
    patch.setattr(quadrature, "log_evidence", lambda *_: evidence)
    if without:
        patch.setattr(*without, broken)
    trained = train.train(config, few, image_classifier=lambda x: said.expand(len(x), 10), thorough=True)
    return trained.record["test"]


@pytest.fixture(scope="module")
def whole(digits):
    """These figures where none is missing."""
    with pytest.MonkeyPatch.context() as patch:
        return thorough_figures(digits, patch)


@pytest.mark.fault("a training lost its model to a figure that could not be had")
@pytest.mark.parametrize(("module", "name"), DEAR, ids=[name for _, name in DEAR])
def test_a_figure_that_cannot_be_had_is_left_out_and_all_else_is_there(
    module, name, digits, whole, monkeypatch, capsys
):
    left = thorough_figures(digits, monkeypatch, module, name)
    said = capsys.readouterr().err
    assert re.search(r"^left out: .* \(there is not enough memory", said, re.MULTILINE)
    assert left.keys() < whole.keys()
    assert len(left) > 10
    same = left.keys() - {"lattice_ms", "lattice_seconds"}  # times of the processor
    assert all(left[name] == pytest.approx(whole[name], rel=1e-5) for name in same)


@pytest.mark.fault("a training lost its model to a figure that could not be had")
@pytest.mark.parametrize("ended", [KeyboardInterrupt, SystemExit])
def test_a_model_is_whole_before_it_is_measured_and_measuring_can_be_resumed(ended, command, tmp_path, monkeypatch):
    command("--name", "whole")
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "_of_codes", lambda *_: (_ for _ in ()).throw(ended("killed")))
        with pytest.raises(SystemExit):
            command("--name", "cut", "--snapshots", "3")
    whole, cut = (checkpoint.read(tmp_path / name) for name in ("whole", "cut"))
    assert_same_weights(whole, cut)
    assert torch.equal(whole.codes, cut.codes)
    assert cut.record["test"].items() < whole.record["test"].items()
    assert snapshots.read(tmp_path / "cut", cut).snapshots
    command("--name", "cut", "--snapshots", "3", "--resume")
    finished = checkpoint.read(tmp_path / "cut")
    assert finished.record["test"] == whole.record["test"]
    assert finished.record["run_id"] == cut.record["run_id"]
    assert not (tmp_path / "cut.resume.pt").exists()


@pytest.mark.fault("a training lost its model to a figure that could not be had")
@pytest.mark.parametrize(
    ("kind", "objective", "thorough"),
    [("ae", "elbo", False), ("vae", "elbo", True), ("vae", "exact", False), ("cvae", "elbo", False)],
)
@pytest.mark.parametrize(("train_count", "test_count"), [(1, 1), (1, 5), (5, 1)])
def test_few_images_of_one_class_make_a_model(kind, objective, thorough, train_count, test_count, digits):
    labels = torch.zeros(5, dtype=torch.int64)
    one_class = ImageSet(
        *(digits.train_images[:train_count], labels[:train_count]),
        *(digits.test_images[:test_count], labels[:test_count], ("only",)),
    )
    config = TrainConfig(model=kind, network="small", objective=objective, points=64, epochs=1, first_weights="he")
    test = train.train(config, one_class, thorough=thorough).record["test"]
    assert test["n"] == test_count
    assert test["knn5_accuracy"] == 1
    assert ("mutual_information_nats" in test) == (kind != "ae" and objective == "elbo")  # where there is an encoder
    assert ("squared_error_from_noisy" in test) == (objective == "elbo")
    assert all(math.isfinite(value) for value in test.values() if isinstance(value, float))


@pytest.mark.fault("a training lost its model to a figure that could not be had")
def test_too_few_images_are_refused_at_the_start(digits, monkeypatch):
    monkeypatch.setattr(train.Run, "epoch", broken)
    one = digits._replace(train_images=digits.train_images[:1], train_labels=digits.train_labels[:1])
    with pytest.raises(TrainingError, match="2 training images or more, of which --validation holds one out"):
        train.train(TrainConfig(validation=True), one)
    for none in (
        digits._replace(train_images=digits.train_images[:0], train_labels=digits.train_labels[:0]),
        digits._replace(test_images=digits.test_images[:0], test_labels=digits.test_labels[:0]),
    ):
        with pytest.raises(TrainingError, match="1 training image or more, and a test image"):
            train.train(TrainConfig(), none)


def test_the_validation_images_are_not_trained_on(digits, monkeypatch):
    monkeypatch.setattr(tensors, "VALIDATION_IMAGES", 40)
    config = TrainConfig(**QUICK)
    held_out = train.train(dataclasses.replace(config, validation=True), digits)
    rest = digits._replace(train_images=digits.train_images[:-40], train_labels=digits.train_labels[:-40])
    assert_same_weights(held_out, train.train(config, rest))
    swapped = ImageSet(digits.train_images, digits.train_labels, digits.train_images[-40:], digits.train_labels[-40:])
    assert held_out.record["history"][-1]["validation_squared_error"] == pytest.approx(
        train.train(config, swapped._replace(train_images=rest.train_images, train_labels=rest.train_labels)).record[
            "test"
        ]["squared_error"]
    )
    assert VALIDATION_IMAGES == 5_000


@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_the_step_size_rises_to_its_peak_once_and_falls_towards_zero(steps):
    sizes = [train.step_size(step, steps, peak=0.5) for step in range(steps)]
    top = sizes.index(max(sizes))
    assert max(sizes) == pytest.approx(0.5)
    assert min(sizes) > 0
    assert sizes[: top + 1] == sorted(sizes[: top + 1])
    assert sizes[top:] == sorted(sizes[top:], reverse=True)
    if steps == 1000:
        assert sizes[-1] < 0.001 * 0.5


def test_every_field_is_a_flag_with_help_and_the_same_default():
    parser = argparse.ArgumentParser()
    flags.add_config(parser)
    assert flags.config_of(parser.parse_args([])) == TrainConfig()
    help = parser.format_help()
    for field in dataclasses.fields(TrainConfig):
        assert "--" + field.name.replace("_", "-") in help
        assert field.metadata["help"][:20] in " ".join(help.split())
    given = parser.parse_args(["--model", "cvae", "--sigma", "0.2", "--latent-dim", "5", "--validation"])
    assert flags.config_of(given) == TrainConfig(model="cvae", sigma=0.2, latent_dim=5, validation=True)


@pytest.mark.parametrize(
    "config", [TrainConfig(), TrainConfig(model="cvae", sigma=1 / 3, learning_rate=1e-30, validation=True, seed=7)]
)
def test_a_configuration_goes_through_its_flags_and_comes_back(config):
    parser = argparse.ArgumentParser()
    flags.add_config(parser)
    assert flags.config_of(parser.parse_args(flags.arguments_of(config))) == config


def test_a_former_name_of_a_network_is_still_a_flag():
    parser = argparse.ArgumentParser()
    flags.add_config(parser)
    assert flags.config_of(parser.parse_args(["--network", "seed"])) == TrainConfig(network="tutorial")


def test_the_version_is_the_projects():
    assert f'version = "{vae.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
