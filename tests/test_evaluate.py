"""Laws of the reported figures."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Independent

from vae import evaluate, metrics, train
from vae.config import TrainConfig
from vae.models import build
from vae.storage import checkpoint, stored_checkpoint
from vae.storage.file_pair import write_record


@pytest.mark.parametrize("dimensions", [1, 2, 9])
def test_knn_accuracy_is_that_of_looking_at_every_distance(dimensions, generator, device):
    codes, test_codes = torch.randn(2, 300, dimensions, generator=generator, device=device)
    labels, test_labels = torch.randint(10, (2, 300), generator=generator, device=device)
    right = 0
    for code, label in zip(test_codes.cpu().numpy(), test_labels.tolist(), strict=True):
        order = np.argsort(((codes.cpu().numpy().astype(float) - code) ** 2).sum(1))[:5]
        voters = labels.cpu().numpy()[order].tolist()
        most = max(voters.count(voter) for voter in voters)
        winner = next(voter for voter in voters if voters.count(voter) == most)  # the nearest of those that tie
        right += winner == label
    near = metrics.nearest_labels(codes, labels, test_codes, 5)
    assert metrics.knn_accuracy(near, test_labels) == pytest.approx(right / 300, rel=1e-12)


def test_knn_is_sure_of_separate_clusters(generator, device):
    labels = torch.arange(500, device=device) % 10
    codes = 100.0 * labels[:, None] + torch.randn(500, 2, generator=generator, device=device)
    near = metrics.nearest_labels(codes[:400], labels[:400], codes[400:], 5)
    assert metrics.knn_accuracy(near, labels[400:]) == 1


def test_class_agreement_is_one_for_a_classifier_that_is_told_and_a_tenth_for_one_that_always_says_the_same():
    class Pixels:
        """Draws the asked class as the brightness of a pixel."""

        classes, has_prior = 10, True
        prior = build(TrainConfig(model="cvae")).prior

        def likelihood(self, z, y):
            return Independent(Bernoulli(torch.nn.functional.one_hot(y, 784).float().reshape(-1, 1, 28, 28)), 3)

    assert metrics.class_agreement(Pixels(), lambda x: x.flatten(1)[:, :10]) == 1
    assert metrics.class_agreement(Pixels(), lambda x: torch.eye(10)[3].expand(len(x), 10)) == 0.1


def brightest(x):
    """Logits of ten classes of images (B, 1, 28, 28): how bright each of ten bands is."""
    return x[:, 0, :20].reshape(-1, 10, 56).sum(2)


def test_a_measurement_repeats_and_adds_up(kind, likelihood, digits):
    config = TrainConfig(model=kind, likelihood=likelihood)
    model = build(config)
    measured, repeated = (evaluate.measure(model, config, digits, image_classifier=brightest) for _ in range(2))
    first, again = measured.metrics, repeated.metrics
    assert first == again
    assert first["n"] == len(digits.test_images)
    codes = metrics.encode(model, digits.test_images, digits.test_labels)
    images = digits.test_images.float() / 255
    error = (images - model.decode(codes, digits.test_labels)[:, 0]).square().sum((1, 2)).mean().item()
    assert first["squared_error_at_code"] == pytest.approx(error, rel=1e-5)
    of_images = measured.of_images
    assert of_images.keys() - {"kl_nats"} == {"squared_error_at_code", "classifier_label"}
    seen = brightest(model.decode(codes, digits.test_labels)).argmax(1)
    assert torch.equal(of_images["classifier_label"], seen.to(torch.uint8))
    for name in of_images.keys() & first.keys():
        assert of_images[name].double().mean().item() == pytest.approx(first[name], rel=2**-11)
    assert ("kl_nats" in of_images) == (kind != "ae")
    if kind != "ae":
        assert sum(first["kl_by_dimension_nats"]) == pytest.approx(first["kl_nats"])
        near = 4 * first["mutual_information_error_nats"]
        assert -near < first["mutual_information_nats"] < min(first["kl_nats"], math.log(first["n"])) + near
        assert first["squared_error_plus_kl"] == pytest.approx(first["squared_error"] + first["kl_nats"])
        assert first["elbo_nats"] == pytest.approx(first["log_likelihood_nats"] - first["kl_nats"])
    elif likelihood != "bernoulli":
        assert first["squared_error"] == pytest.approx(error, rel=1e-5)


def given_up(model, axes):
    """The model after its encoder has given up some axes of the latent space; the others tell images apart."""
    last = model.encoder[-1].requires_grad_(False)
    last.weight[: model.latent_dim] *= 30
    last.bias[model.latent_dim :] -= 3
    for axis in axes:
        for row in (axis, model.latent_dim + axis):
            last.weight[row] = last.bias[row] = 0
    return model


@pytest.mark.parametrize("axes", [[], [0], [1, 2], [0, 1, 2]])
def test_an_axis_that_the_encoder_gives_up_is_seen_in_all_that_tells_a_collapse(axes, digits):
    config = TrainConfig(network="small", latent_dim=3)
    found = evaluate.measure(given_up(build(config), axes), config, digits, image_classifier=None).metrics
    assert found["active_units"] == found["used_dimensions"] == 3 - len(axes)
    assert [i for i, kl in enumerate(found["kl_by_dimension_nats"]) if kl == 0] == axes
    assert (found["mutual_information_nats"] < 1e-9) == (len(axes) == 3)


def test_of_many_images_some_tell_how_much_codes_tell(digits, monkeypatch):
    config = TrainConfig(network="small")
    model = given_up(build(config), [])
    monkeypatch.setattr(evaluate, "INFORMATION_IMAGES", 7)
    found = evaluate.measure(model, config, digits, image_classifier=None).metrics
    assert found["mutual_information_n"] == 7
    assert 1 < found["mutual_information_nats"] <= math.log(7) + 1e-9


@pytest.fixture
def few(digits, monkeypatch):
    """The set with so many test images that their figures take a moment, as the one that the command loads."""
    few = digits._replace(test_images=digits.test_images[:12], test_labels=digits.test_labels[:12])
    monkeypatch.setattr(evaluate, "load_dataset", lambda *_: few)
    return few


@pytest.fixture
def folder(few, tmp_path):
    for name, likelihood in (("one", "gaussian"), ("two", "bernoulli")):
        trained = train.train(TrainConfig(likelihood=likelihood, network="small", epochs=1), few)
        checkpoint.write(tmp_path / name, trained)
    return tmp_path


def test_the_table_prints_what_is_recorded_and_keeps_likelihoods_apart(folder, capsys):
    evaluate.main(["--table", "--folder", str(folder)])
    tables = capsys.readouterr().out.split("Likelihood: ")[1:]
    of_subject = [table.split(".")[0].split(",")[0] for table in tables]
    assert of_subject == ["gaussian", "bernoulli"] * (len(tables) // 2)
    for table, name in zip(tables, ("one", "two") * (len(tables) // 2), strict=True):
        rows = [line for line in table.splitlines() if line.startswith(("| one ", "| two "))]
        assert [row.split()[1] for row in rows] == [name]
    for table, name in zip(tables, ("one", "two"), strict=False):
        assert f"| {checkpoint.read(folder / name).record['test']['squared_error']:.2f} |" in table


def test_the_tables_are_narrow_and_say_what_each_column_is(folder, capsys):
    evaluate.main(["--table", "--folder", str(folder)])
    said = capsys.readouterr().out
    heads = [line for line in said.splitlines() if line.startswith("| model ")]
    assert max(head.count("|") - 1 for head in heads) <= 8
    assert all(f"- *{column.strip()}*: " in said for head in heads for column in head.split("|")[2:-1])


def test_the_command_measures_what_was_recorded(folder, capsys):
    evaluate.main([str(folder / "two"), "--quick", "--json", str(folder / "figures")])
    found = json.loads((folder / "figures").read_text(encoding="utf-8"))
    recorded = checkpoint.read(folder / "two").record["test"]
    assert found["two"].keys() == recorded.keys()
    assert all(found["two"][name] == pytest.approx(value) for name, value in recorded.items())
    assert f"{found['two']['kl_nats']:.4f}" in capsys.readouterr().out


def test_figures_are_recorded_only_when_asked_and_nothing_else_changes(folder):
    before = checkpoint.read(folder / "two")
    evaluate.main([str(folder / "two")])
    assert checkpoint.read(folder / "two").record == before.record
    evaluate.main([str(folder / "two"), "--record"])
    after = checkpoint.read(folder / "two")
    assert after.record["test"].keys() > before.record["test"].keys()
    assert {**after.record, "test": None} == {**before.record, "test": None}
    assert torch.equal(after.codes, before.codes)
    assert after.image_metrics.keys() == stored_checkpoint.IMAGE_METRICS.keys()
    assert all(torch.equal(after.image_metrics[name], kept) for name, kept in before.image_metrics.items())
    assert f"| {after.record['test']['log_px_nats']:.2f} |" in evaluate.table([after])


def test_codes_can_be_put_in_anew_and_nothing_else_changes(folder, capsys):
    before = checkpoint.read(folder / "two")
    checkpoint.write(folder / "two", replace(before, codes=before.codes + 1))
    evaluate.main([str(folder / "two"), "--codes"])
    after = checkpoint.read(folder / "two")
    assert torch.equal(after.codes, before.codes)
    assert after.record == before.record
    assert before.image_metrics.keys() - after.image_metrics.keys() == {"squared_error_at_code"}
    said = capsys.readouterr().out
    assert f"{len(after.codes)} codes moved" in said
    assert "squared_error_at_code of each image were of the old codes" in said
    evaluate.main([str(folder / "two"), "--codes"])
    assert checkpoint.read(folder / "two").image_metrics.keys() == after.image_metrics.keys()


def test_the_figures_of_the_lattice_can_be_put_in_and_nothing_else_changes(folder):
    before = checkpoint.read(folder / "two")
    evaluate.main([str(folder / "two"), "--lattice", "--record"])
    after = checkpoint.read(folder / "two")
    added = {name: value for name, value in after.record["test"].items() if name not in before.record["test"]}
    assert added["lattice_n"] == before.record["test"]["n"]
    assert all(name.startswith("lattice_") for name in added)
    assert after.record == before.record | {"test": before.record["test"] | added}
    assert torch.equal(after.codes, before.codes)
    assert before.image_metrics
    assert all(torch.equal(after.image_metrics[name], kept) for name, kept in before.image_metrics.items())


def test_the_error_from_noisy_images_can_be_put_in_and_nothing_else_changes(folder):
    before = checkpoint.read(folder / "two")
    measured = dict(before.record["test"])
    without = {name: measured[name] for name in measured if name not in ("squared_error_from_noisy", "noise_share")}
    assert len(without) == len(measured) - 2
    write_record(folder / "two", before.record | {"test": without})
    evaluate.main([str(folder / "two"), "--noisy", "--record"])
    after = checkpoint.read(folder / "two")
    assert after.record == before.record
    assert f"| {measured['squared_error_from_noisy']:.2f} |" in evaluate.table([after])


def test_a_missing_checkpoint_is_one_sentence(tmp_path):
    with pytest.raises(SystemExit, match=r"python -m vae\.train"):
        evaluate.main([str(tmp_path / "vae")])
