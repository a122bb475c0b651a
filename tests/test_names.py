"""Names of models, classes and machines: one rule for what a link can hold, and none is taken for markup anywhere."""

import json
import re
import shutil
import time

import pytest
import written
from app import errors, fine, html, run, show
from chromium import ROOT
from files import contents

from explorer.cache import checkpoints, results
from explorer.state import ExplorerState, from_query

pytestmark = pytest.mark.usefixtures("coarse", "hasty")

EVIL = '<img src=x onerror="evil()">&amp;'
RAW = re.compile(r"<img src=x|onerror=\"evil")
GOOD = ["a", "0", "vae-best", "A_b-9", "two__lines", "x" * 40]
BAD = ["größe", "my model", "a.b", "-a", "_a", "x" * 41, "a/b", "a\n", "", "٣", "<b>"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with two shipped models."""
    for file in ("ae.pt", "ae.json", "vae.pt", "vae.json"):
        shutil.copy(ROOT / "checkpoints" / file, tmp_path)
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.fault("names of models had four rules, and some broke a page or a link")
@pytest.mark.parametrize("name", GOOD)
def test_a_link_holds_every_good_name(name):
    read = from_query({"left": name, "training": name})
    assert (read.left, read.training) == (name, name)


@pytest.mark.fault("names of models had four rules, and some broke a page or a link")
@pytest.mark.parametrize("name", BAD)
def test_a_link_holds_no_other_name(name):
    assert from_query({"left": name, "bound_model": name, "training": name}) == ExplorerState()


@pytest.mark.fault("names of models had four rules, and some broke a page or a link")
@pytest.mark.parametrize("page", ["maps", "interpolate", "bound", "draw"])
def test_a_model_of_every_good_name_is_shown(folder, page):
    for name in GOOD:
        written.write(folder / name)
    for name in ("two__lines", "A_b-9"):
        app = show(page, left=name, right="0", bound_model=name)
        assert errors(app) == []
        assert app.selectbox("bound_model" if page == "bound" else "left").value == name


@pytest.mark.fault("names of models had four rules, and some broke a page or a link")
def test_a_component_s_key_says_nothing_of_the_name(folder):
    written.write(folder / "two__lines")
    app = show("maps", left="two__lines")
    assert "two__lines" not in " ".join(each.proto.id for each in app.get("bidi_component"))


@pytest.mark.fault("names of models had four rules, and some broke a page or a link")
def test_files_of_other_names_are_not_offered_and_one_line_says_why(folder):
    for name in ("größe", "my model", "a.b", "<b>"):
        written.write(folder / name, model="cvae")
    app = show("maps")
    assert app.selectbox("left").options == ["Autoencoder (ae)", "VAE (vae)"]
    (line,) = [each.value for each in app.get("html") if "Not shown" in each.value]
    assert "&lt;b&gt;, a.b, größe, my model" in line
    assert "Rename" in line
    assert errors(app) == []
    assert checkpoints.with_posterior() == ["vae"]


def test_where_there_are_no_others_the_line_stands_beside_the_way_to_a_model(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    written.write(tmp_path / "größe")
    app = fine(run())
    assert "no checkpoint to show" in app.error[0].value
    assert "Not shown: größe" in html(app)


def test_without_such_files_nothing_is_said(folder):
    assert "Not shown" not in html(show("maps"))


@pytest.mark.fault("a name was taken for markup, or written as if it were")
@pytest.mark.parametrize("page", ["maps", "learn", "interpolate", "classes", "bound", "draw", "replay"])
def test_no_class_name_is_taken_for_markup(folder, page):
    names = [f"{EVIL}{digit}" for digit in range(3)]
    for name in ("ae", "vae", "cvae"):
        written.write(folder / name, class_names=names, model=name)
    app = show(page, z1_left="0.5", z2_left="0.5")
    assert not RAW.search(html(app))
    for chart in app.get("plotly_chart"):
        assert not RAW.search(chart.proto.spec)


@pytest.mark.fault("a name was taken for markup, or written as if it were")
def test_the_page_s_own_file_has_class_names_as_they_are(folder):
    written.write(folder / "vae", class_names=["<b>", "a & b"])
    assert contents("vae").spec["models"]["vae"]["classes"] == ["<b>", "a & b"]


@pytest.mark.fault("a name was taken for markup, or written as if it were")
def test_no_machine_dataset_or_training_is_taken_for_markup(folder, monkeypatch):
    monkeypatch.setattr(results, "preview", lambda job: None)
    place = folder / "jobs" / EVIL.replace("/", "")
    place.mkdir(parents=True)
    facts = {"config": {"model": "vae", "network": "tutorial", "dataset": EVIL}, "created": time.time(), "threads": 1}
    (place / "job.json").write_text(json.dumps(facts), encoding="utf-8")
    began = {"event": "run", "epochs": 20, "steps": 4, "parameters": 7, "device": EVIL, "history": []}
    measuring = {"event": "measuring", "what": EVIL}
    (place / "progress.jsonl").write_text(f"{json.dumps(began)}\n{json.dumps(measuring)}\n", encoding="utf-8")
    (place.parent / "calm").mkdir()
    (place.parent / "calm" / "job.json").write_text(json.dumps(facts | {"created": 0}), encoding="utf-8")
    app = show("train")
    assert "&lt;img" in html(app)
    assert html(app).count("7 parameters") == 1
    assert not RAW.search(html(app))
