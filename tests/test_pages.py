"""All pages without a browser: each runs, takes picks, and survives what is broken, gone or forbidden."""

import os
import shutil
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import written
from app import CHARTS, DRAWING, DRAWN, errors, payload, rewrite, run, run_page
from forbidden import forbid

from explorer.cache import checkpoints, versions
from explorer.views import parts
from vae.images import sources

pytestmark = pytest.mark.usefixtures("coarse", "hasty")


@pytest.mark.parametrize("page", CHARTS)
def test_every_page_runs(page):
    app = run_page(page)
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == CHARTS[page]


@pytest.mark.parametrize(
    ("page", "pick", "query"),
    [
        ("maps", {"side": "left", "z": [1.25, -2]}, {"z1_left": "1.25", "z2_left": "-2.0"}),
        ("interpolate", {"end": "b", "image": 77}, {"image_b": "77"}),
        ("interpolate", {"side": "right", "end": "a", "z": [1, 2]}, {"a1_right": "1.0", "a2_right": "2.0"}),
        ("classes", {"z": [0.5, 0.25]}, {"z1_style": "0.5", "z2_style": "0.25"}),
        ("classes", {"label": 4, "morph": 9}, {"label": "4", "morph": "9"}),
        ("bound", {"image": 18}, {"image_bound": "18"}),
        ("bound", {"z": [0.5, -1]}, {"z1_bound": "0.5", "z2_bound": "-1.0"}),
        ("draw", {"form": DRAWN, "label": None}, {"drawing": DRAWING}),
        ("draw", {"form": DRAWN, "label": 4}, {"drawing": DRAWING, "label_drawing": "4"}),
        ("draw", {"form": "", "label": None}, {}),
        ("replay", {"side": "left", "z": [0.5, -1]}, {"z1_replay_left": "0.5", "z2_replay_left": "-1.0"}),
        ("replay", {"epoch": 0.031983}, {"epoch": "0.031983"}),
    ],
)
def test_a_pick_reaches_the_url(page, pick, query):
    app = run_page(page, pick)
    assert errors(app) == []
    assert dict(app.query_params) == query


@pytest.mark.parametrize(("page", "broken", "maps"), [("maps", "", 2), ("interpolate", "ae", 1), ("classes", "", 1)])
def test_the_files_of_each_map_are_offered_when_they_are_asked_for(own_folder, page, broken, maps):
    if broken:
        (own_folder / f"{broken}.pt").write_bytes(b"no")

    app = run_page(page)
    assert not any(button.key.startswith("svg_") for button in app.button if button.key)
    app.session_state["export"] = True
    app.run()
    assert not app.exception
    offered = [button.proto.label for button in app.get("download_button")]
    assert sum(button.label == "SVG" for button in app.button) == offered.count("npz") == maps <= offered.count("CSV")
    assert ("Explorer as HTML" in offered) == (page == "maps")


WRONG = {
    "no test figures": lambda record: record.pop("test"),
    "test figures that are none": lambda record: record.update(test=None),
    "a figure that is a word": lambda record: record["test"].update(squared_error="x"),
    "a figure that is missing its value": lambda record: record["test"].update(knn5_accuracy=None),
    "hardest images that are not there": lambda record: record["test"].update(hardest=[10**9]),
    "too many classes": lambda record: record.update(class_names=[str(number) for number in range(11)]),
    "classes without a name": lambda record: record.update(class_names=[""] * 10),
    "a configuration that is none": lambda record: record["config"].update(latent_dim="2"),
}


@pytest.mark.fault("the JSON of a checkpoint was believed")
@pytest.mark.parametrize(
    ("page", "change"),  # every defect on one page, and one on every page
    [*(("maps", name) for name in WRONG), *((page, "no test figures") for page in CHARTS if page != "maps")],
)
def test_a_record_that_is_wrong_is_one_sentence_in_its_panel_of_every_page(own_folder, page, change):
    name = "cvae" if page == "classes" else "vae"
    rewrite(own_folder / f"{name}.json", WRONG[change])
    app = run_page(page)
    (message,) = errors(app)
    assert message.startswith(f"{own_folder.name}/{name}")
    assert f"make it again with `python -m vae.train --model={name}" in message or "restore it" in message
    assert len(app.get("plotly_chart")) == max(0, CHARTS[page] - 1)
    if page == "replay":
        assert list(payload(app, page="replay")["sides"]) == ["left"]
    other = {"bound": ("bound_model", "cvae"), "classes": ("style", "cvae-best"), "replay": ("replay_right", "ae")}
    field, value = other.get(page, ("right", "cvae"))
    app.selectbox(field).set_value(value).run()
    assert errors(app) == []


@pytest.mark.fault("the JSON of a checkpoint was believed")
@pytest.mark.parametrize("page", CHARTS)
def test_a_model_without_any_figure_is_shown_all_the_same(own_folder, page):
    for file in own_folder.glob("*vae*.json"):
        rewrite(file, lambda record: record.update(test={}))
    app = run_page(page)
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == CHARTS[page]


@pytest.mark.fault("a strange file in the folder of checkpoints hung or slowed every page")
@pytest.mark.parametrize("name", ["pipe", "folder", "link"])
def test_what_is_no_file_hangs_no_page(own_folder, name):
    {"pipe": os.mkfifo, "folder": os.mkdir, "link": lambda file: os.symlink(file, file)}[name](own_folder / "odd.json")
    (own_folder / "family" / "long.json").touch()
    os.truncate(own_folder / "family" / "long.json", 200_000_000)
    began = time.perf_counter()
    for page in ("maps", "bound"):
        assert errors(run_page(page)) == []
    assert time.perf_counter() - began < 30
    assert "odd" not in checkpoints.checkpoint_names()


@pytest.mark.fault("what vanished, or might not be read any more, took a page down")
@pytest.mark.parametrize("page", [*CHARTS, "train"])
def test_a_folder_that_is_gone_or_may_not_be_looked_into_is_one_sentence(own_folder, monkeypatch, page):
    def forbidden(folder):
        raise PermissionError(13, "Permission denied")

    app, sentences = run_page(page), {"replay": 2, "train": 0}.get(page, 1)
    assert errors(app) == []
    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", forbidden)
        assert len(errors(app.run())) == sentences
    shutil.rmtree(own_folder)
    assert len(errors(app.run())) == sentences


@pytest.mark.fault("what vanished, or might not be read any more, took a page down")
@pytest.mark.parametrize("page", CHARTS)
@pytest.mark.parametrize("lost", [".pt", ".json", ".replay.pt", "images", "all"])
def test_what_may_not_be_read_any_more_takes_no_page_with_it(own_folder, monkeypatch, page, lost):
    app = run_page(page)
    assert errors(app) == []
    raw = sources.data_dir().absolute() / "MNIST"
    for name in ("vae", "cvae"):
        forbid(monkeypatch, {"images": raw, "all": own_folder}.get(lost, own_folder / f"{name}{lost}"))
    assert not app.run().exception
    monkeypatch.setattr(versions, "_results", OrderedDict())  # as after a restart, until the test ends
    assert not app.run().exception
    assert bool(app.error) == (lost in (".pt", ".json", "all") or (page, lost) == ("replay", ".replay.pt"))


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
@pytest.mark.parametrize("shape", ["one code", "all alike", "on a line", "far out", "one class"])
@pytest.mark.parametrize("model", ["ae", "vae"])
def test_codes_that_have_collapsed_or_are_few_are_shown(own_folder, shape, model):
    written.write_untrained(own_folder / "odd", model=model)
    found = torch.load(own_folder / "odd.pt", weights_only=True)
    codes, labels = found["codes"], found["labels"]
    codes, labels = {
        "one code": (codes[:1], labels[:1]),
        "all alike": (codes * 0 + 1.5, labels),
        "on a line": (codes[:, :1].repeat(1, 2), labels),
        "far out": (codes * 3e3 / codes.abs().max(), labels),
        "one class": (codes, labels * 0),
    }[shape]
    torch.save(found | {"codes": codes, "labels": labels}, own_folder / "odd.pt")
    app = run(left="odd", manifold="1")
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 2
    assert np.isfinite(app.number_input("z1_left").value)
    app = run_page("bound") if model == "ae" else run_page("bound", bound_model="odd")
    assert errors(app) == []


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
@pytest.mark.parametrize("page", ["maps", "learn", "interpolate", "classes", "bound", "draw", "replay"])
def test_what_is_broken_is_named_without_the_folders_of_the_server(own_folder, page):
    for file in [*own_folder.glob("*.pt"), *own_folder.glob("*.replay.pt")]:
        file.unlink()
        file.write_bytes(b"no")
    found = errors(run_page(page))
    assert found
    assert all("checkpoints" in message and str(own_folder.parent) not in message for message in found)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/srv/app/checkpoints/vae.pt is broken", "checkpoints/vae.pt is broken"),
        ("MNIST is not in /home/ann/data/MNIST/raw: set", "MNIST is not in raw: set"),
        ("it is in C:\\Users\\ann\\data", "it is in data"),
        ("see “/tmp/log”, or 1/2, and/or http://localhost/a/b", "see “log”, or 1/2, and/or http://localhost/a/b"),
    ],
)
def test_a_sentence_keeps_the_names_and_drops_the_folders(said, shown, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", Path("/srv/app/checkpoints"))
    assert parts.sentence(said) == shown


def test_without_any_checkpoint_the_app_names_the_command(own_folder):
    shutil.rmtree(own_folder)
    own_folder.mkdir()
    (message,) = errors(run())
    assert "python -m vae.train" in message
