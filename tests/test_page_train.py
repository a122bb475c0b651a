"""The page Train without a browser: what is chosen is trained, found again, stopped, resumed, removed, brought back."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
import training
from app import errors, fine, html, payloads, press, run, show
from chromium import ROOT
from forbidden import forbid
from observing import OnEpoch
from PIL import Image
from training import over, the, wait

from explorer.cache import checkpoints
from explorer.trainings import jobs
from vae import train
from vae.config import TrainConfig
from vae.images.sources import load_dataset
from vae.storage import checkpoint, stored_checkpoint
from vae.storage.file_pair import CheckpointError

QUICK = {"train_network": "small", "train_batch_size": "32"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two shipped models, trainings of a second, and nothing that runs in the end."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for file in ("ae.pt", "ae.json", "vae.pt", "vae.json"):
        shutil.copy(ROOT / "checkpoints" / file, folder)
    monkeypatch.setattr(checkpoints, "FOLDER", folder)
    monkeypatch.setattr(jobs, "PROGRAM", training.program(tmp_path))
    yield folder
    for job in jobs.trainings(folder):
        jobs.stop(folder, job.name)


@pytest.fixture
def at_once(monkeypatch):
    """A training is over as soon as its button is pressed, with all that one in a process of its own leaves."""
    training.in_this_process(monkeypatch)


def visit(**query):
    return show("train", **query)


def bar(app):
    """What stands over the bar of the training that is watched."""
    return app.get("progress")[0].proto.text


def sent(app, part):
    """What the page sends to one part of its controller; None where it has none."""
    return next(iter(payloads(app, part=part)), None)


def test_what_is_chosen_is_trained_and_is_then_in_every_selector(folder):
    app = visit(**QUICK, train_epochs="2", train_model="vae", train_seed="3", train_corruption="0.25")
    fine(app.selectbox("train_corruption_kind").set_value("flip").run())
    assert "of your training, its map" in html(app)
    press(app, "Train vae-1")
    assert dict(app.query_params)["training"] == "vae-1"
    assert wait(folder, "vae-1", over).state == "done"
    fine(app.run())
    assert bar(app) == "Trained: 2 of 2 epochs"
    made = checkpoint.read(folder / "vae-1")
    usual = TrainConfig(network="small", batch_size=32, epochs=2, seed=3, sigma=0.7071)
    assert made.config == replace(usual, corruption=0.25, corruption_kind="flip")
    assert "25% of pixels inverted" in html(app)
    assert f"from noisy images {made.record['test']['squared_error_from_noisy']:.1f}" in html(app)
    curves = {curve["title"]: curve["rows"] for curve in sent(app, "curves")["curves"]}
    assert curves["loss"] == [[row["epoch"], round(row["loss_nats"], 3)] for row in made.record["history"]]
    assert curves["KL"][-1][1] == pytest.approx(made.record["history"][-1]["kl_nats"], abs=1e-3)
    assert sent(app, "map")["epoch"] == 2
    other = run(right="vae-1")
    assert errors(other) == []
    assert "vae-1" in other.selectbox("left").options
    assert other.selectbox("right").value == "vae-1"


def test_another_visitor_finds_it_stops_it_and_the_first_goes_on(folder):
    press(visit(**QUICK, train_epochs="10000"), "Train vae-1")
    wait(folder, "vae-1", lambda job: job.story.rows)
    other = visit()
    assert bar(other).startswith("Epoch ")
    press(other, "Stop")
    stopped = bar(other)
    assert stopped.startswith("Stopped after ")
    again = visit()
    assert bar(again) == stopped
    press(again, "Resume")
    assert the(folder, "vae-1").state == "running"
    done = len(the(folder, "vae-1").story.rows)
    assert wait(folder, "vae-1", lambda job: len(job.story.rows) > done).state == "running"


def test_a_click_too_late_is_answered_in_one_sentence(folder):
    one, other = (visit(**QUICK, train_epochs="10000") for _ in range(2))
    for app in (one, other):
        fine(app.text_input("train_name").set_value("mine").run())
    press(one, "Train mine")
    press(other, "Train mine")
    assert other.warning[0].value.startswith("There is a training mine already")
    assert len(jobs.trainings(folder)) == 1


@pytest.mark.parametrize("name", ["vae", "../up", "family"])
def test_a_name_that_cannot_be_had_is_told_before_the_click(folder, name):
    app = visit()
    fine(app.text_input("train_name").set_value(name).run())
    assert next(button for button in app.button if button.label.startswith("Train")).disabled
    (warning,) = app.warning
    assert "name" in warning.value


def test_choices_that_do_not_go_together_are_told_in_place_of_the_button(folder):
    app = visit(train_network="linear", train_likelihood="bernoulli")
    (warning,) = app.warning
    assert "network linear needs likelihood gaussian or gaussian-shared, got bernoulli" in warning.value
    assert not [button for button in app.button if button.label.startswith("Train")]
    fine(app.selectbox("train_likelihood").set_value("gaussian-shared").run())
    assert not app.warning
    assert [button for button in app.button if button.label.startswith("Train")]


def test_a_place_that_is_gone_is_told_where_it_was_asked_for(folder, monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE", 1)
    press(visit(**QUICK, train_epochs="10000"), "Train vae-1")
    app = press(visit(**QUICK, train_epochs="10000"), "Stop")
    press(visit(**QUICK, train_epochs="10000"), "Train vae-2")
    press(app, "Resume")
    assert [warning.value for warning in app.warning] == [
        "This machine takes one training at once, now vae-2: wait for one to end, or stop it."
    ]


def test_what_is_deleted_can_be_brought_back(folder, at_once):
    press(visit(**QUICK, train_epochs="1"), "Train vae-1")
    wait(folder, "vae-1", over)
    app = press(visit(), "Delete")
    assert stored_checkpoint.names(folder) == ["ae", "vae"]
    assert "training" not in app.query_params
    press(app, "Undo")
    assert bar(app) == "Trained: 1 of 1 epochs"
    assert stored_checkpoint.names(folder) == ["ae", "vae", "vae-1"]


def test_only_what_was_trained_here_can_be_deleted(folder):
    assert [button.label for button in visit().button] == ["Train vae-1"]


def test_a_training_that_diverges_says_what_to_change_in_the_words_of_the_page(folder, at_once):
    press(visit(**QUICK, train_learning_rate="10000"), "Train vae-1")
    wait(folder, "vae-1", over)
    app = visit()
    (message,) = errors(app)
    assert message.startswith("vae-1 ended too early: the loss, a weight or a code is not finite in epoch 1")
    assert "lower the learning rate (under More), now 10000, or raise σ, now 0.7071." in message
    assert bar(app) == "Failed after 0 of 20 epochs"
    assert "Try again" in [button.label for button in app.button]
    (sent,) = [each.proto.json for each in app.get("bidi_component") if '"curves"' in each.proto.json]
    json.loads(sent, parse_constant=pytest.fail)  # NaN is no JSON, and the browser would show a traceback


@pytest.mark.parametrize("latent_dim", [2, 3])
def test_what_a_training_has_made_is_offered_as_files_and_a_picture_of_its_map_where_it_has_one(
    folder, at_once, monkeypatch, latent_dim
):
    offered = {}
    monkeypatch.setattr(
        st, "download_button", lambda label, data, file_name, *_, **__: offered.update({file_name: data})
    )
    app = visit(**QUICK)
    app.session_state["export"] = True
    fine(app.run())
    assert "Nothing is there yet" in html(app)
    assert offered == {}
    app = visit(**QUICK, train_epochs="2", train_model="ae", train_latent_dim=str(latent_dim))
    press(app, "Train ae-1")
    assert wait(folder, "ae-1", over).state == "done"
    app.session_state["export"] = True
    fine(app.run())
    assert ("PNG" in [button.label for button in app.button]) == (latent_dim == 2)
    ends = ("codes.csv", "codes.npz", "decoded.png", "curves.csv")
    assert set(offered) == {f"ae-1-training-{end}" for end in ends}
    made = {name.removeprefix("ae-1-training-"): data() for name, data in offered.items()}
    codes = checkpoint.read(folder / "ae-1").codes
    arrays = np.load(io.BytesIO(made["codes.npz"]))
    assert (arrays["z"] == codes.numpy()).all()
    assert np.isfinite(arrays["log_kernel_density_nats"]).all()
    assert made["codes.csv"].count(b"\n") == 1 + len(codes)
    assert Image.open(io.BytesIO(made["decoded.png"])).size == (2800, 2800)
    assert made["curves.csv"].startswith(b"epoch,")
    assert made["curves.csv"].count(b"\n") == 3
    press(app, "Delete")
    with pytest.raises(CheckpointError, match="not there any more"):
        offered["ae-1-training-curves.csv"]()


@pytest.mark.parametrize("model", ["ae", "vae", "cvae"])
def test_a_model_without_a_plane_trains_and_the_page_says_that_maps_need_one(folder, at_once, model):
    app = visit(**QUICK, train_epochs="1", train_model=model, train_latent_dim="3")
    assert "they need a latent size of 2" in html(app)
    press(app, f"Train {model}-1")
    assert wait(folder, f"{model}-1", over).state == "done"
    fine(app.run())
    assert f"No map: that needs 2 latent dimensions, and {model}-1 has 3" in html(app)
    assert "codes" not in sent(app, "map")
    assert ("bound?" in html(app)) == (model != "ae")
    assert "interpolate?" not in html(app)


def test_an_autoencoder_is_asked_for_nothing_that_it_has_not(folder):
    app = visit(train_model="ae")
    keys = {widget.key for widget in [*app.number_input, *app.selectbox]}
    assert not keys & {"train_sigma", "train_beta", "train_kl"}
    fine(app.selectbox("train_model").set_value("vae").run())
    keys = {widget.key for widget in [*app.number_input, *app.selectbox]}
    assert keys >= {"train_sigma", "train_beta", "train_kl"}
    fine(app.selectbox("train_likelihood").set_value("bernoulli").run())
    assert "train_sigma" not in {number.key for number in app.number_input}


@pytest.mark.parametrize("junk", ["0", "-1", "1e-9", "nan", "inf", "1e400", "99999999999", "x", ""])
def test_junk_in_the_address_leaves_the_defaults(folder, junk):
    app = visit(**{f"train_{name}": junk for name in ("epochs", "sigma", "learning_rate", "batch_size", "latent_dim")})
    values = {number.key: number.value for number in app.number_input}
    assert values["train_epochs"] == 20
    assert values["train_sigma"] == 0.7071
    assert values["train_learning_rate"] == 0.004


def test_without_any_checkpoint_one_can_still_be_trained(folder):
    for file in folder.glob("*.*"):
        file.unlink()
    assert "Train vae-1" in [button.label for button in visit().button]


WRONG = [b"", b"null", b"{}", b"[1]", b"\xff", b'{"config": {}, "created": 1, "threads": 1}', b'{"created": "x"}']


@pytest.mark.fault("what vanished, or might not be read any more, took a page down")
@pytest.mark.parametrize("content", WRONG)
def test_a_broken_training_takes_nobody_with_it(folder, content):
    for name, text in (("whole", json.dumps(JOB).encode()), ("broken", content)):
        (folder / "jobs" / name).mkdir(parents=True)
        (folder / "jobs" / name / "job.json").write_bytes(text)
        (folder / "jobs" / name / "progress.jsonl").write_bytes(content + b"\n")
    app = visit(training="broken")
    assert bar(app) == "Stopped after 0 of 3 epochs"
    fine(app.text_input("train_name").set_value("broken").run())
    assert "whose files cannot be read" in app.warning[0].value


JOB = {"config": TrainConfig(network="small", epochs=3).to_dict(), "created": 1.0, "threads": 1, "stopped": True}


@pytest.mark.fault("what vanished, or might not be read any more, took a page down")
@pytest.mark.parametrize("lost", ["images", "a class", "state", "job", "jobs", "checkpoints"])
@pytest.mark.parametrize("how", ["gone", "forbidden"])
def test_what_goes_away_while_a_training_is_watched_is_only_missing(folder, tmp_path, monkeypatch, lost, how):
    pets = tmp_path / "pets"
    images_of(pets)
    config = TrainConfig(dataset=str(pets), network="small", epochs=3, batch_size=32)

    def cut(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(config, load_dataset(str(pets)), observers=[OnEpoch(cut)], resume_file=folder / "mine.resume.pt")
    (folder / "jobs" / "mine").mkdir(parents=True)
    (folder / "jobs" / "mine" / "job.json").write_text(
        json.dumps({**JOB, "config": config.to_dict()}), encoding="utf-8"
    )
    line = {"event": "epoch", "seconds": 1, "row": {"epoch": 1, "loss_nats": 2}}
    (folder / "jobs" / "mine" / "progress.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    app = visit(training="mine")
    assert sent(app, "map")["epoch"] == 1
    place = {
        "images": pets, "a class": pets / "one", "state": folder / "mine.resume.pt", "job": folder / "jobs" / "mine",
        "jobs": folder / "jobs", "checkpoints": folder,
    }[lost]  # fmt: skip
    if how == "gone":
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    else:
        forbid(monkeypatch, place)
    fine(app.run())
    if (lost, how) == ("images", "gone"):
        assert sent(app, "map") is None
        assert bar(app).startswith("Stopped after 1")


def images_of(folder):
    """A folder of images of two classes."""
    for name, row in (("one", 8), ("two", 18)):
        (folder / name).mkdir(parents=True)
        for index in range(12):
            image = np.zeros((28, 28), np.uint8)
            image[row, 4 : 8 + index] = 200
            Image.fromarray(image).save(folder / name / f"{index}.png")
