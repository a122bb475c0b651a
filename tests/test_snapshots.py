"""Laws of snapshots: states of the very run, even in the logarithm of time, that cost next to no grey level."""

import argparse
import math
import os
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from observing import OnEpoch

from explorer.quantities import decode
from vae import flags, metrics, snapshots, train
from vae.config import TrainConfig
from vae.distributions import squared_error
from vae.images.tensors import to_pixels
from vae.models import build
from vae.snapshots import Recorder
from vae.storage import checkpoint, stored_checkpoint
from vae.storage.file_pair import CheckpointError, read_tensors
from vae.train import TrainingError

SHIPPED = Path(__file__).parent.parent / stored_checkpoint.FOLDER
QUICK = {"batch_size": 32, "epochs": 4}


def recorded(config, digits, count=6, observers=(), **more):
    recorder = Recorder(count)
    return train.train(config, digits, observers=[recorder, *observers], **more), recorder


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.step, a.epoch, a.metrics) == (b.step, b.epoch, b.metrics)
        assert torch.equal(a.codes, b.codes)
        assert a.weights.keys() == b.weights.keys()
        assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)


@pytest.mark.parametrize(("epochs", "steps_per_epoch", "count"), [(60, 469, 15), (20, 59, 30), (1, 7, 15), (1, 1, 2)])
def test_snapshots_run_from_before_the_first_step_to_the_last_in_equal_ratios(epochs, steps_per_epoch, count):
    found = snapshots.due_steps(epochs * steps_per_epoch, steps_per_epoch, count)
    assert (found[0], found[-1]) == (0, epochs * steps_per_epoch)
    assert found == sorted(set(found))
    assert len(found) <= count
    if (epochs, steps_per_epoch) == (60, 469):
        assert len(found) == count
        assert sum(0 < step < steps_per_epoch for step in found) >= 5  # the first epoch is where most happens
        ratios = [math.log(b / a) for a, b in pairwise(found[1:])]
        assert max(ratios) - min(ratios) < 0.08  # as even as whole steps can be: the first of them is 15


def test_no_moment_is_kept_unless_asked_for_and_one_alone_is_refused(digits, tmp_path):
    trained, recorder = recorded(TrainConfig(**QUICK), digits, count=0)
    assert recorder.taken == []
    for count in (-1, 1, 10**9):
        with pytest.raises(ValueError, match="snapshots must be 0, or from 2"):
            Recorder(count)
    checkpoint.write(tmp_path / "vae", trained)
    (tmp_path / "vae.replay.pt").write_bytes(b"of an earlier run")
    snapshots.write(tmp_path / "vae", trained, recorder)
    assert not snapshots.exists(tmp_path / "vae")


@pytest.mark.parametrize("likelihood", ["gaussian-shared", "gaussian-pixel", "bernoulli"], indirect=True)
def test_a_replay_goes_from_the_first_weights_to_the_trained_ones(kind, likelihood, digits, tmp_path):
    config = TrainConfig(model=kind, likelihood=likelihood, **QUICK)
    trained, recorder = recorded(config, digits)
    plain = train.train(config, digits)
    for name, weight in plain.model.state_dict().items():
        assert torch.equal(weight, trained.model.state_dict()[name])  # the training has not noticed
    checkpoint.write(tmp_path / "some", trained)
    snapshots.write(tmp_path / "some", trained, recorder)
    found = snapshots.read(tmp_path / "some", checkpoint.read(tmp_path / "some"))
    assert_same(found.snapshots, recorder.taken)
    z = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    y = torch.arange(20) % 10
    for index, model in ((0, build(config).eval()), (-1, trained.model)):
        assert (found.model(index).decode(z, y) - model.decode(z, y)).abs().max() < 5e-3
        codes = metrics.encode(model, digits.test_images, digits.test_labels)
        torch.testing.assert_close(found.snapshots[index].codes.float(), codes, rtol=2**-10, atol=1e-6)
    end = recorder.taken[-1].metrics
    assert end == pytest.approx({name: trained.record["test"][name] for name in end})
    assert recorder.taken[0].metrics["loss_nats"] > end["loss_nats"]


def test_a_resumed_run_has_the_snapshots_of_one_that_was_never_cut(kind, digits, tmp_path):
    config, file = TrainConfig(model=kind, **QUICK), tmp_path / "some.resume.pt"

    def cut(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded(config, digits, observers=[OnEpoch(cut)], resume_file=file)
    resumed, pieces = recorded(config, digits, resume_file=file, resume=True)
    whole, at_once = recorded(config, digits)
    assert_same(pieces.taken, at_once.taken)
    assert [snapshot.step for snapshot in pieces.taken] == snapshots.due_steps(28, 7, 6)
    for path, trained, recorder in ((tmp_path / "a", resumed, pieces), (tmp_path / "b", whole, at_once)):
        checkpoint.write(path, trained)
        snapshots.write(path, trained, recorder)
    a, b = (snapshots.read(tmp_path / name, checkpoint.read(tmp_path / name)) for name in "ab")
    assert_same(a.snapshots, b.snapshots)
    with pytest.raises(TrainingError, match="snapshots is 6, not 0"):
        train.train(config, digits, resume_file=file, resume=True)


def test_the_command_line_keeps_a_replay(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "load_dataset", lambda *_: digits)
    settings = ["--quick", "--batch-size", "32", "--epochs", "2", "--device", "cpu", "--folder", str(tmp_path)]
    train.main([*settings, "--snapshots", "4"])
    found = snapshots.read(tmp_path / "vae", checkpoint.read(tmp_path / "vae"))
    assert [snapshot.step for snapshot in found.snapshots] == snapshots.due_steps(14, 7, 4)
    assert stored_checkpoint.names(tmp_path) == ["vae"]
    train.main(settings)
    assert not snapshots.exists(tmp_path / "vae")


@pytest.fixture
def path(digits, tmp_path):
    """A checkpoint `some` with a replay, in a folder of its own."""
    trained, recorder = recorded(TrainConfig(sigma=0.3, **QUICK), digits, count=3)
    checkpoint.write(tmp_path / "some", trained)
    snapshots.write(tmp_path / "some", trained, recorder)
    return tmp_path / "some"


def repack(path, change):
    file = Path(f"{path}.replay.pt")
    content = torch.load(file, weights_only=True)
    change(content)
    torch.save(content, file)


SPOIL = {
    "missing": lambda path: Path(f"{path}.replay.pt").unlink(),
    "truncated": lambda path: Path(f"{path}.replay.pt").write_bytes(Path(f"{path}.replay.pt").read_bytes()[:-5000]),
    "of another run": lambda path: repack(path, lambda content: content.update(run_id="another")),
    "of another network": lambda path: repack(path, lambda content: content["config"].update(network="deep")),
    "without weights": lambda path: repack(path, lambda content: content["snapshots"][1]["weights"].clear()),
    "out of order": lambda path: repack(path, lambda content: content["snapshots"].reverse()),
    "codes cut": lambda path: repack(path, lambda content: content["snapshots"][0].update(codes=torch.zeros(3, 2))),
    "not finite": lambda path: repack(path, lambda content: content["snapshots"][1]["codes"].fill_(float("inf"))),
    "weights not finite": lambda path: repack(
        path, lambda content: content["snapshots"][0]["weights"]["decoder.0.bias"].fill_(float("nan"))
    ),
    "a figure that is a word": lambda path: repack(
        path, lambda content: content["snapshots"][0]["metrics"].update(loss_nats="x")
    ),
    "a figure fewer": lambda path: repack(path, lambda content: content["snapshots"][1]["metrics"].popitem()),
    "a time that is none": lambda path: repack(path, lambda content: content["snapshots"][1].update(epoch=None)),
    "of a network alike in shape": lambda path: repack(path, lambda content: content["config"].update(model="cvae")),
    "a list": lambda path: torch.save([1], f"{path}.replay.pt"),
    "a pipe": lambda path: (Path(f"{path}.replay.pt").unlink(), os.mkfifo(f"{path}.replay.pt")),
    "no snapshots": lambda path: repack(path, lambda content: content.pop("snapshots")),
}


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL.keys())
def test_a_replay_that_is_not_the_checkpoints_own_is_refused_with_the_command_that_makes_one(path, spoil):
    spoil(path)
    with pytest.raises(CheckpointError) as caught:
        snapshots.read(path, checkpoint.read(path))
    message = str(caught.value)
    assert "some" in message
    assert "\n" not in message
    command = message.split("`")[1].removeprefix("python -m vae.train ")
    parser = argparse.ArgumentParser()
    flags.add_config(parser)
    parser.add_argument("--name")
    parser.add_argument("--folder")
    parser.add_argument("--snapshots", type=int)
    given = parser.parse_args(shlex.split(command))
    assert flags.config_of(given) == checkpoint.read(path).config  # trained again just as it was
    assert (given.name, given.snapshots) == ("some", snapshots.SNAPSHOTS)


@pytest.fixture(scope="module")
def kept(digits, tmp_path_factory):
    """A checkpoint with a replay and the state of its run, and a function that reads either anew."""
    path = tmp_path_factory.mktemp("kept") / "some"
    config, resume = TrainConfig(network="small", **QUICK), Path(f"{path}.resume.pt")
    trained, recorder = recorded(config, digits, count=2, resume_file=resume)
    checkpoint.write(path, trained)
    snapshots.write(path, trained, recorder)
    return {
        ".replay.pt": (Path(f"{path}.replay.pt"), lambda: snapshots.read(path, trained).snapshots),
        ".resume.pt": (resume, lambda: read_tensors(resume, "python -m vae.train")),
    }


def equal(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.mark.fault("bytes that lie took gigabytes, or a flipped bit went unnoticed")
@pytest.mark.parametrize("suffix", [".replay.pt", ".resume.pt"])
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(bit=st.integers(0, 10**9))
def test_a_bit_that_has_flipped_is_noticed_or_changes_nothing(kept, suffix, bit):
    file, read = kept[suffix]
    whole, known = file.read_bytes(), read()
    changed = bytearray(whole)
    changed[bit // 8 % len(whole)] ^= 1 << bit % 8
    try:
        file.write_bytes(changed)
        found = read()
    except CheckpointError as error:
        found = known if str(file) in str(error) else None
    finally:
        file.write_bytes(whole)
    assert equal(found, known)


def test_what_is_read_of_a_state_is_what_torch_loads(kept):
    file, read = kept[".resume.pt"]
    assert equal(read(), torch.load(file, weights_only=True))


@pytest.fixture(scope="module", params=["ae", "vae"])
def shipped(request):
    """A shipped checkpoint and its replay."""
    found = checkpoint.read(SHIPPED / request.param)
    return found, snapshots.read(SHIPPED / request.param, found)


def test_the_shipped_replays_end_in_the_shipped_models(shipped):
    found, replay = shipped
    assert [snapshot.step for snapshot in replay.snapshots] == snapshots.due_steps(28_140, 469, snapshots.SNAPSHOTS)
    torch.testing.assert_close(replay.snapshots[-1].codes.float(), found.codes, rtol=2**-10, atol=1e-5)
    test = found.record["test"]
    assert replay.snapshots[-1].metrics == pytest.approx({n: test[n] for n in replay.snapshots[-1].metrics}, rel=1e-3)
    losses = [snapshot.metrics["loss_nats"] for snapshot in replay.snapshots]
    assert losses == sorted(losses, reverse=True)


def test_half_precision_costs_next_to_no_grey_level(shipped):
    """Of the digits decoded at the codes, under 1 % of the grey levels differ by one, and hardly any by two."""
    found, replay = shipped
    exact, kept = (decode.at(model, found.codes.numpy()).astype(int) for model in (found.model, replay.model(-1)))
    off = abs(exact - kept)
    assert off.max() <= 2
    assert (off > 0).mean() < 0.01
    assert (off > 1).mean() < 1e-5


@pytest.mark.mnist
def test_between_two_snapshots_mixed_weights_are_better_than_a_jump(shipped, mnist):
    """Halfway, at codes halfway, the squared error is less than at the earlier snapshot, and than after a jump."""
    _, replay = shipped
    x = to_pixels(mnist.test_images[:1000])

    def error(model, codes):
        return squared_error(x, model.decode(codes[:1000].float())).mean().item()

    for before, (one, other) in enumerate(pairwise(replay.snapshots)):
        codes = (one.codes.float() + other.codes.float()) / 2
        neighbours = [replay.model(before), replay.model(before + 1)]
        mixed, after = replay.model(before), neighbours[1].state_dict()
        mixed.load_state_dict(
            {name: (mixed.state_dict()[name] + after[name]) / 2 for name in one.weights}, strict=False
        )
        found = error(mixed, codes)
        assert found < error(neighbours[0], one.codes)
        assert found < 1.001 * sum(error(model, codes) for model in neighbours) / 2
