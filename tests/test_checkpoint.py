"""Laws of checkpoints: what is read is what was written, and anything else is refused in one sentence."""

import argparse
import dataclasses
import json
import os
import pickle
import re
import shlex
import shutil
import socket
import time
from functools import reduce
from operator import getitem
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vae
from explorer import figures
from explorer.markup.facts import facts
from explorer.views import bound, trainings
from vae import classifier, evaluate, flags, metrics
from vae.config import TrainConfig
from vae.inference import quadrature
from vae.models import build
from vae.storage import checkpoint, stored_checkpoint, torch_zip
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import CheckpointError, checked_name

SHIPPED = Path(__file__).parent.parent / stored_checkpoint.FOLDER
SHIPPED_MODELS = ("ae", "vae", "cvae")


def make(run_id="one", network="small", **settings):
    config = TrainConfig(network=network, **settings)
    model = build(config)
    codes = torch.randn(12, config.latent_dim, generator=torch.Generator().manual_seed(0))
    record = {"run_id": run_id, "config": config.to_dict(), "history": [], "test": {}}
    labels = torch.arange(12).to(torch.uint8) % 10
    image_metrics = {"kl_nats": codes.square().sum(1).half(), "classifier_label": 9 - labels}
    return Checkpoint(config.model, config, model, codes, labels, record, image_metrics)


@pytest.fixture
def path(tmp_path):
    """A checkpoint `vae` in a folder of its own."""
    checkpoint.write(tmp_path / "vae", make())
    return tmp_path / "vae"


@pytest.mark.parametrize("network", ["tutorial", "deep", "fourier"])
def test_what_is_loaded_is_what_was_saved(kind, likelihood, network, tmp_path, x, y, z):
    saved = make(model=kind, likelihood=likelihood, network=network)
    checkpoint.write(tmp_path / "some.name", saved)
    found = checkpoint.read(tmp_path / "some.name")
    x, y, z = x.cpu().float(), y.cpu(), z.cpu().float()
    assert found.config == saved.config
    assert torch.equal(found.codes, saved.codes)
    assert torch.equal(found.labels, saved.labels)
    assert same(found.image_metrics, saved.image_metrics)
    assert torch.equal(found.model.encode(x, y), saved.model.encode(x, y))
    assert torch.equal(found.model.decode(z, y), saved.model.decode(z, y))
    assert torch.equal(found.model.likelihood(z, y).log_prob(x), saved.model.likelihood(z, y).log_prob(x))
    assert not found.model.training
    assert not any(weight.requires_grad for weight in found.model.parameters())


def test_a_file_of_a_model_that_had_an_encoder_beside_the_objective_exact_is_read_without_it(path):
    checkpoint.write(path, make(likelihood="bernoulli"))
    rewrite(path, lambda record: record["config"].update(objective="exact"))
    found = checkpoint.read(path)
    assert found.model.encoder is None
    assert {name.partition(".")[0] for name in found.model.state_dict()} == {"decoder"}
    assert torch.equal(found.model.decoder[0].weight, make(likelihood="bernoulli").model.decoder[0].weight)


def test_a_file_without_metrics_of_images_is_read_and_those_of_a_later_version_are_let_through(path):
    repack(path, lambda tensors: tensors["image_metrics"].update(more="words"))
    assert stored_checkpoint.read(path).image_metrics.keys() == {"kl_nats", "classifier_label"}
    repack(path, lambda tensors: tensors.pop("image_metrics"))
    assert stored_checkpoint.read(path).image_metrics == {}


def test_names_are_those_of_models_and_of_what_cannot_be_read(path):
    folder = path.parent
    checkpoint.write(folder / "b.2", make())
    shutil.copy(SHIPPED / "classifier.json", folder)
    (folder / "notes.json").write_text("[1, 2]", encoding="utf-8")
    (folder / "half.json").write_text('{"format": 1, "run', encoding="utf-8")
    assert stored_checkpoint.names(folder) == ["b.2", "half", "notes", "vae"]
    assert stored_checkpoint.names(folder, "vae") == ["b.2", "vae"]
    assert stored_checkpoint.names(folder, "cvae") == []
    assert stored_checkpoint.names(folder / "nowhere") == []


def truncated(path):
    file = Path(f"{path}.pt")
    file.write_bytes(file.read_bytes()[:-5_000])


def rewrite(path, change):
    file = Path(f"{path}.json")
    record = json.loads(file.read_text(encoding="utf-8"))
    change(record)
    file.write_text(json.dumps(record), encoding="utf-8")


def repack(path, change):
    tensors = torch.load(f"{path}.pt", weights_only=True)
    change(tensors)
    torch.save(tensors, f"{path}.pt")


def of_images(tensors, change):
    tensors["image_metrics"]["kl_nats"] = change(tensors["image_metrics"]["kl_nats"])


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


SPOIL = {
    "no .pt": lambda path: os.remove(f"{path}.pt"),
    "no .json": lambda path: os.remove(f"{path}.json"),
    "truncated .pt": truncated,
    "empty .pt": lambda path: Path(f"{path}.pt").write_bytes(b""),
    "text for .pt": lambda path: Path(f"{path}.pt").write_text("not tensors at all", encoding="utf-8"),
    "code in .pt": lambda path: Path(f"{path}.pt").write_bytes(pickle.dumps(Bomb(), protocol=2)),
    "another's .pt": lambda path: torch.save([1, 2, 3], f"{path}.pt"),
    "truncated .json": lambda path: Path(f"{path}.json").write_text('{"format": 1, "run', encoding="utf-8"),
    "another's .json": lambda path: Path(f"{path}.json").write_text('{"name": "something"}', encoding="utf-8"),
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
    "metrics of fewer images": lambda path: repack(path, lambda tensors: of_images(tensors, lambda kl: kl[:5])),
    "metrics in a column": lambda path: repack(path, lambda tensors: of_images(tensors, lambda kl: kl[:, None])),
    "metrics in another type": lambda path: repack(path, lambda tensors: of_images(tensors, torch.Tensor.float)),
    "metrics not numbers": lambda path: repack(path, lambda tensors: of_images(tensors, lambda kl: kl / 0)),
    "metrics no tensor": lambda path: repack(path, lambda tensors: of_images(tensors, torch.Tensor.tolist)),
    "metrics in a list": lambda path: repack(path, lambda tensors: tensors.update(image_metrics=["kl_nats"])),
    "a class seen that is none": lambda path: repack(
        path, lambda tensors: tensors["image_metrics"]["classifier_label"].fill_(10)
    ),
}


NO_CONFIG = {"no .json", "truncated .json", "another's .json", "a later format"}
NO_CONFIG |= {"no configuration", "odd configuration", "huge size"}


def configured(command):
    """The configuration, name and folder that a command gives, which the command line must take."""
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "vae.train"]
    parser = argparse.ArgumentParser()
    flags.add_config(parser)
    parser.add_argument("--name")
    parser.add_argument("--folder", default=stored_checkpoint.FOLDER)
    given = parser.parse_args(words[3:])
    assert re.fullmatch(r"[\w-]+", given.name)
    assert not given.name.startswith(classifier.NAME)
    return flags.config_of(given), given.name, given.folder


@pytest.mark.fault("the cure in a sentence trained another model")
@pytest.mark.parametrize("spoil", SPOIL.items(), ids=SPOIL.keys())
def test_a_spoilt_checkpoint_is_refused_in_one_sentence_that_names_file_and_way_out(tmp_path, spoil, monkeypatch):
    name, change = spoil
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine"
    checkpoint.write(path, make(model="cvae", likelihood="bernoulli", learning_rate=1e-3))
    change(path)
    known = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))["config"] if name not in NO_CONFIG else None
    with pytest.raises(vae.CheckpointError) as caught:
        vae.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "restore it, or " in message
    assert "\n" not in message
    config, name, folder = configured(message.split("`")[1])
    assert (name, folder) == ("mine", str(tmp_path))
    assert config == (TrainConfig(**known) if known else TrainConfig())
    assert ("and the settings it had" in message) == (known is None)
    assert not Path("exploded").exists()


@pytest.mark.fault("the cure in a sentence trained another model")
@pytest.mark.parametrize("name", ["vae", "b.2", "-x", "a b", "classifier-x", "größe"])
def test_the_way_out_is_a_command_that_is_taken(name, tmp_path):
    with pytest.raises(CheckpointError) as caught:
        vae.load(tmp_path / name)
    _, given, folder = configured(str(caught.value).split("`")[1])
    assert folder == str(tmp_path)
    assert checked_name(given) == given
    assert name in ("b.2", "-x", "a b", "classifier-x", "größe") or given == name


@pytest.mark.fault("the cure in a sentence trained another model")
@pytest.mark.parametrize("suffix", [".pt", ".json"])
def test_either_file_of_a_checkpoint_stands_for_both(path, suffix):
    found = vae.read(f"{path}{suffix}")
    assert (found.name, found.record) == ("vae", vae.read(path).record)


def test_the_command_is_short_where_the_defaults_hold():
    with pytest.raises(CheckpointError, match=r"`python -m vae.train --model=vae --name nothing`"):
        vae.load("checkpoints/nothing")


def refused(path, file):
    """The sentence with which a checkpoint is refused, which names the file."""
    with pytest.raises(CheckpointError) as caught:
        stored_checkpoint.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}{file}")
    assert "python -m vae.train" in message
    assert "\n" not in message
    return message


GONE = object()
WRONG = {
    "test": [GONE, None, 7, "x", [], [1]],
    "run_id": [GONE, "", 7, None],
    "config": [GONE, None, [], "x", {}, {"model": "vae"}, {"model": "vae", "network": "tutorial", "sigma": "x"}],
    "class_names": [None, [], "0123456789", [str(rank) for rank in range(11)], [*"012345678", ""], ["1"] * 10,
                    [*range(10)], ["a", "b"]],
    "test_sha256": [None, 7],
    "versions": [None, [], {"python": 3}],
    "device": [None, 1],
    "seconds": [None, "1", -1],
    "created": [None, 7],
    "history": [None, {}, [7], [{"epoch": "x"}], [{"loss_nats": None}]],
}  # fmt: skip


@pytest.mark.fault("the JSON of a checkpoint was believed")
@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_each_field_that_is_not_what_it_must_be_is_named(path, field, value):
    rewrite(path, lambda record: record.pop(field) if value is GONE else record.update({field: value}))
    file = ".pt" if value == ["a", "b"] else ".json"  # other classes are other weights
    message = refused(path, file)
    assert field in message or field == "run_id" or file == ".pt"


LISTS = ("hardest", "kl_by_dimension_nats")
SHOWN = [field.name for field in msgspec.structs.fields(stored_checkpoint.Metrics)]


@pytest.mark.fault("the JSON of a checkpoint was believed")
@pytest.mark.parametrize("figure", SHOWN)
@pytest.mark.parametrize("value", [None, "x", True, {}, [[]], [-1], [12], [1e9], ["x"]])
def test_each_figure_that_is_shown_is_a_number_and_the_hardest_are_images(path, figure, value):
    rewrite(path, lambda record: record["test"].update({figure: value}))
    too_many = {"hardest": [[12]], "kl_by_dimension_nats": [[-1], [12], [1e9]]}.get(figure, [])  # for this model
    message = refused(path, ".pt" if value in too_many else ".json")
    assert figure in message


def test_a_record_with_the_names_of_before_reads_as_one_with_those_of_now(path):
    checkpoint.write(path, make(network="tutorial"))
    before = {"gap_family_nats": 1.0, "gap_amortisation_nats_se": 2.0, "code_fine_bits": 3.0, "judge_accuracy": 0.5}
    rewrite(path, lambda record: (record["config"].update(network="seed"), record["test"].update(before)))
    found = checkpoint.read(path)
    assert found.config == TrainConfig(network="tutorial") == stored_checkpoint.summary(path).config
    now = ("approximation_gap_nats", "amortization_gap_nats_se", "code_excess_bits", "classifier_accuracy")
    assert found.record["test"] == dict(zip(now, before.values(), strict=True))


def test_every_column_of_the_table_is_a_figure_that_is_checked(path):
    rewrite(path, lambda record: record.update(test={name: 1.5 for name in SHOWN if name not in LISTS}))
    lines = evaluate.table([checkpoint.read(path)]).splitlines()
    cells = [
        cell for line in lines if line.startswith(f"| {Path(path).name} ") for cell in line.strip("| ").split(" | ")[1:]
    ]
    assert len([cell for cell in cells if cell.startswith(("1.5", "150.0"))]) == len(cells) > 10


@pytest.mark.fault("the JSON of a checkpoint was believed")
@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "1" + "0" * 400])
def test_a_number_that_is_not_finite_is_refused(path, number):
    file = Path(f"{path}.json")
    file.write_text(
        file.read_text(encoding="utf-8").replace('"test": {}', f'"test": {{"squared_error": {number}}}'),
        encoding="utf-8",
    )
    refused(path, ".json")


def test_what_a_later_version_adds_is_let_through(path):
    rewrite(path, lambda record: record.update(more=[None, {"a": "b"}]))
    rewrite(path, lambda record: record["test"].update(more="words", hardest=[11, 0]))
    assert stored_checkpoint.read(path).record["more"] == [None, {"a": "b"}]


FOREIGN = {
    "nested deep": b"[" * 100_000,
    "nested deep within": b'{"format": 1, "run_id": "one", "test": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"format": 1, "run_id": "\xff\xfe"}',
    "half a character": b'{"format": 1, "run_id": "\\ud800"}',
    "with a mark before it": b'\xef\xbb\xbf{"format": 1, "run_id": "one"}',
    "UTF-16": '{"format": 1, "run_id": "one"}'.encode("utf-16"),
    "empty": b"",
    "binary": bytes(range(256)) * 100,
}


@pytest.mark.fault("the JSON of a checkpoint was believed")
@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_foreign_bytes_in_place_of_the_json_are_refused(path, content):
    Path(f"{path}.json").write_bytes(content)
    refused(path, ".json")
    assert stored_checkpoint.names(path.parent) == ["vae"]
    assert stored_checkpoint.names(path.parent, "vae") == []


NO_FILE = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "device": lambda file: os.symlink("/dev/zero", file),
    "link to itself": lambda file: os.symlink(file, file),
    "link to nothing": lambda file: os.symlink("nowhere", file),
    "socket": lambda file: socket.socket(socket.AF_UNIX).bind(file.name),
}


@pytest.mark.fault("a strange file in the folder of checkpoints hung or slowed every page")
@pytest.mark.parametrize("suffix", [".json", ".pt"])
@pytest.mark.parametrize("put", NO_FILE.values(), ids=NO_FILE.keys())
def test_what_is_no_file_is_neither_waited_for_nor_read(path, suffix, put, monkeypatch):
    monkeypatch.chdir(path.parent)
    checkpoint.write(path.parent / "other", make())
    file = Path(f"{path}{suffix}")
    file.unlink()
    put(file)
    refused(path, suffix)
    assert stored_checkpoint.names(path.parent) == (["other"] if suffix == ".json" else ["other", "vae"])


@pytest.mark.fault("a strange file in the folder of checkpoints hung or slowed every page")
def test_a_json_that_is_too_long_is_not_read(path):
    os.truncate(f"{path}.json", 200_000_000)
    began = time.perf_counter()
    assert "longer than 16 MB" in refused(path, ".json")
    for _ in range(100):
        stored_checkpoint.names(path.parent, "vae")
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("suffix", [".json", ".pt"])
def test_what_may_not_be_read_is_told_so(path, suffix, monkeypatch):
    def forbidden(self, *arguments, **more):
        if self.suffix == suffix:
            raise PermissionError(13, "Permission denied")
        return whole(self, *arguments, **more)

    for method in ("open", "stat"):
        whole = getattr(Path, method)
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, forbidden)
            assert "may not be read (Permission denied)" in refused(path, suffix)
    monkeypatch.setattr(os, "listdir", lambda folder: forbidden(Path(f"x{suffix}")))
    assert stored_checkpoint.names(path.parent) == []


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
@pytest.mark.parametrize("content", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("tensor", ["decoder.0.weight", "encoder.2.bias"])
def test_weights_that_are_not_finite_are_refused(path, tensor, content):
    repack(path, lambda tensors: tensors["weights"][tensor].flatten()[-1:].fill_(content))
    assert "a weight is not finite" in refused(path, ".pt")


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
@pytest.mark.parametrize("far", [1.1e12, 3e38, float("inf"), float("nan")])
def test_codes_too_far_out_to_be_drawn_are_refused(path, far):
    repack(path, lambda tensors: tensors["codes"][3].fill_(far))
    assert "a code is not finite or beyond 1e+12" in refused(path, ".pt")


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
def test_without_codes_there_is_no_model_and_with_one_there_is(path):
    def few(count):
        return lambda tensors: tensors.update(codes=tensors["codes"][:count], labels=tensors["labels"][:count])

    repack(path, lambda tensors: tensors.pop("image_metrics"))
    repack(path, few(1))
    assert stored_checkpoint.read(path).codes.shape == (1, 2)
    repack(path, few(0))
    assert "it has no codes" in refused(path, ".pt")


def test_a_summary_is_read_once_and_anew_when_the_file_is(path, monkeypatch):
    reads = []
    whole = stored_checkpoint.read_record
    monkeypatch.setattr(stored_checkpoint, "read_record", lambda file: reads.append(file) or whole(file))
    for _ in range(3):
        assert stored_checkpoint.names(path.parent, "vae") == ["vae"]
    assert len(reads) == 1
    rewrite(path, lambda record: record["config"].update(model="cvae", seed=11))
    assert stored_checkpoint.names(path.parent, "cvae") == ["vae"]
    assert stored_checkpoint.summary(path).config.seed == 11
    assert len(reads) == 2


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(content, before=()):
    """The paths to all values within JSON."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        yield (*before, key)
        yield from places(value, (*before, key))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A checkpoint with a record as a training writes it, of which a test may change a copy of the JSON."""
    path = tmp_path_factory.mktemp("pair") / "vae"
    record = json.loads((SHIPPED / "vae-best.json").read_text(encoding="utf-8"))
    record["test"]["hardest"], record["history"] = [3, 1], record["history"][:2]
    config = dataclasses.replace(TrainConfig.from_dict(record["config"]), network="small")
    made = make(**{key: record["config"][key] for key in ("likelihood", "objective", "epochs")})
    checkpoint.write(path, dataclasses.replace(made, record=record | {"config": config.to_dict()}))
    return path


@pytest.mark.fault("the JSON of a checkpoint was believed")
@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(data=st.data(), value=ANYTHING)
def test_whatever_a_json_says_it_is_refused_or_all_that_shows_it_can(pair, data, value):
    whole = Path(f"{pair}.json").read_bytes()
    record = json.loads(whole)
    *parents, last = data.draw(st.sampled_from(sorted(places(record), key=str)))
    reduce(getitem, parents, record)[last] = value
    try:
        Path(f"{pair}.json").write_text(json.dumps(record), encoding="utf-8")
        found = checkpoint.read(pair)
    except CheckpointError:
        return
    finally:
        Path(f"{pair}.json").write_bytes(whole)
    evaluate.table([found])  # empty where no metric is known
    kept = stored_checkpoint.Stored("vae", found.config, {}, found.codes.numpy(), found.labels.numpy(), found.record)
    assert facts(kept)
    assert trainings.metrics_line(found.record["test"])
    assert all(0 <= image < 12 for image in bound.widest_gaps(found.record))
    assert figures.latent_map(kept.codes, kept.labels, kept.config.has_prior, kept.class_names)


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return np.array_equal(one, other) and np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.fault("bytes that lie took gigabytes, or a flipped bit went unnoticed")
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(bit=st.integers(0, 10**9))
def test_a_bit_that_has_flipped_is_noticed_or_changes_nothing(pair, bit):
    whole = Path(f"{pair}.pt").read_bytes()
    known = torch_zip.read(Path(f"{pair}.pt"))
    changed = bytearray(whole)
    bit %= 8 * len(whole)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        Path(f"{pair}.pt").write_bytes(changed)
        found = torch_zip.read(Path(f"{pair}.pt"))
        stored_checkpoint.read(pair)
    except Exception:
        with pytest.raises(CheckpointError, match=r"vae\.pt"):
            stored_checkpoint.read(pair)
        return
    finally:
        Path(f"{pair}.pt").write_bytes(whole)
    assert same(found, known)


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
    assert torch.equal(found.model.decoder[0].weight, make(seed=seed).model.decoder[0].weight)
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
    assert test["log_px_nats"] > {"vae-best": -109, "cvae-best": -101}[name]
    assert test["log_px_error_nats"] < 0.01
    # the lattices of the ten classes are coarse for `cvae-best`, see `PER_AXIS_OF_CLASS`
    gap, of_mixture = {"vae-best": (0.4, 0.2), "cvae-best": (0.45, 0.3)}[name]
    assert test["log_px_nats"] - test["elbo_nats"] < gap
    assert test["lattice_n"] == 10_000
    assert test["lattice_gap_nats"] < gap
    assert test["lattice_mixture_gap_nats"] < of_mixture
    assert test.get("class_agreement", 1) >= 0.995


@pytest.mark.parametrize(("name", "least"), [("vae", -0.15), ("cvae", 0)])
def test_hardly_an_image_loses_by_the_normal_of_a_lattice(name, least):
    assert checkpoint.read(SHIPPED / name).record["test"]["lattice_least_gain_nats"] > least


def test_the_family_is_one_network_along_sigma_and_a_pair_along_beta():
    family = [checkpoint.read(SHIPPED / "family" / name) for name in stored_checkpoint.names(SHIPPED / "family")]
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
    model = classifier.load(SHIPPED / classifier.NAME) if name == "cvae" else None
    found = evaluate.measure(shipped.model, shipped.config, mnist, model).metrics
    recorded = shipped.record["test"]
    assert recorded.keys() >= {"squared_error", "knn5_accuracy"}
    for figure in found.keys() & recorded.keys():  # it may have been recorded before others were measured
        assert found[figure] == pytest.approx(recorded[figure], rel=1e-3), figure
    codes = metrics.encode(shipped.model, mnist.test_images, mnist.test_labels)
    torch.testing.assert_close(codes, shipped.codes, rtol=1e-4, atol=1e-4)
    assert torch.equal(mnist.test_labels, shipped.labels.long())


@pytest.mark.mnist
@pytest.mark.parametrize("name", ["vae-best", "cvae-best"])
def test_a_best_model_has_the_log_p_and_the_codes_that_are_recorded(name, mnist):
    shipped = checkpoint.read(SHIPPED / name)
    rows = (mnist.test_labels == 7).nonzero()[:10, 0]  # of one class, for which one plane is decoded
    few = mnist.test_images[rows], mnist.test_labels[rows]
    label = few[1] if shipped.model.conditional else None
    torch.testing.assert_close(shipped.codes[rows], metrics.encode(shipped.model, *few), atol=2e-3, rtol=0)
    x = torch.cat([x for x, _ in metrics.likelihood_inputs(shipped.config, mnist.test_images, mnist.test_labels)])[rows]
    log_px = quadrature.log_evidence(shipped.model, x, label).log_px_nats
    test = shipped.record["test"]
    assert abs(log_px.mean() - test["log_px_nats"]) < 4 * test["log_px_nats_se"] * (test["n"] / 10) ** 0.5
