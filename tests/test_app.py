"""The app without a browser: every page runs, bad input is dropped, a broken checkpoint keeps to its own panel."""

import json
import shutil

import numpy as np
import pytest
import torch
from browser import ROOT
from streamlit.testing.v1 import AppTest

import compute
import resources
import vae
from vae import checkpoint
from vae.checkpoint import Checkpoint

PAGES = {"maps": 2, "interpolate": 2, "classes": 1}  # and their charts
SECONDS = 30


def run(**query):
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=SECONDS)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def run_page(page, *picks):
    """One page alone, after the browser has sent it some picks."""

    def script(page, picks):
        import importlib

        view = importlib.import_module(f"views.{page}")
        for value in picks:
            view.picked(value)
        view.render()

    return AppTest.from_function(script, args=(page, picks), default_timeout=SECONDS).run()


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A copy of the shipped checkpoints that a test may break."""
    shutil.copytree(ROOT / "checkpoints", tmp_path / "checkpoints")
    monkeypatch.setattr(resources, "FOLDER", tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


def errors(app):
    assert not app.exception
    return [error.value for error in app.error]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_runs(page):
    app = run_page(page)
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == PAGES[page]


JUNK = [None, 7, "x", [], {}, {"z": None}, {"side": "left", "z": [float("nan"), 0]}, {"side": "left", "z": [1, 2, 3]},
        {"end": "a", "image": -1}, {"end": "c", "image": 3}, {"digit": 3, "morph": 11},
        {"side": "left", "end": "a", "z": [10**400, 0]}, {"end": "b", "image": 1e400},
        {"side": "left", "end": "a", "z": ["1e400", 0]}, {"side": "up", "end": "a", "z": [[0], 0]}]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_what_no_browser_of_ours_sends_is_dropped(page):
    app = run_page(page, *JUNK)
    assert errors(app) == []
    assert not app.query_params


@pytest.mark.parametrize(
    ("page", "pick", "query"),
    [
        ("maps", {"side": "left", "z": [1.25, -2]}, {"z1_left": "1.25", "z2_left": "-2.0"}),
        ("interpolate", {"end": "b", "image": 77}, {"image_b": "77"}),
        ("interpolate", {"side": "right", "end": "a", "z": [1, 2]}, {"a1_right": "1.0", "a2_right": "2.0"}),
        ("classes", {"z": [0.5, 0.25]}, {"z1_style": "0.5", "z2_style": "0.25"}),
        ("classes", {"digit": 4, "morph": 9}, {"digit": "4", "morph": "9"}),
    ],
)
def test_a_pick_reaches_the_url(page, pick, query):
    app = run_page(page, pick)
    assert errors(app) == []
    assert dict(app.query_params) == query


def test_maps_shows_two_maps_and_two_pinned_points():
    app = run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 2
    assert {number.key for number in app.number_input} == {"z1_left", "z2_left", "z1_right", "z2_right"}


def test_a_number_field_decodes_its_point(monkeypatch):
    app = run()
    asked = []
    real = compute.point
    monkeypatch.setattr(compute, "point", lambda *given: asked.append(given[1]) or real(*given))
    app.number_input("z1_right").set_value(1.23456).run()
    assert errors(app) == []
    assert asked[-1][0] == app.number_input("z1_right").value == 1.235  # the shown z is the decoded z
    assert app.query_params["z1_right"] == "1.235"


def test_junk_in_the_url_falls_back_to_the_defaults():
    app = run(left="nothing-here", right="../../etc", z1_left="nan", z2_left="1e99", manifold="perhaps", path="")
    assert errors(app) == []
    assert app.selectbox("right").value == "vae"
    assert np.isfinite(app.number_input("z1_left").value)


def test_a_checkpoint_that_is_not_there_gives_way_to_its_sides_default():
    app = run(left="nothing-here", right="nothing-here")
    assert errors(app) == []
    assert (app.selectbox("left").value, app.selectbox("right").value) == ("ae", "vae")


@pytest.mark.parametrize("file", ["ae.pt", "ae.json"])
def test_a_broken_checkpoint_keeps_to_its_own_panel(own_folder, file):
    whole = (own_folder / file).read_bytes()
    (own_folder / file).write_bytes(whole[: len(whole) // 2])
    app = run()
    (message,) = errors(app)
    assert file in message
    assert "python -m vae.train" in message
    assert len(app.get("plotly_chart")) == 1
    assert {number.key for number in app.number_input} == {"z1_right", "z2_right"}


def test_a_model_that_is_not_two_dimensional_says_so_in_its_panel(own_folder):
    config = vae.TrainConfig(latent_dim=3)
    model = vae.build(config)
    record = json.loads((own_folder / "vae.json").read_text()) | {"run_id": "three", "config": config.to_dict()}
    codes, labels = torch.zeros(10, 3), torch.zeros(10, dtype=torch.uint8)
    checkpoint.write(own_folder / "solid", Checkpoint("solid", config, model, codes, labels, record))
    app = run(left="solid")
    (message,) = errors(app)
    assert "solid has 3 latent dimensions" in message
    assert len(app.get("plotly_chart")) == 1


def test_reshuffling_draws_other_samples_and_the_seed_brings_them_back():
    app = run_page("classes")

    def samples():
        return next(html.value for html in app.get("html") if "50 samples of 7" in html.value)

    first = samples()
    app.button[0].click().run()
    assert app.query_params["seed"] == "1"
    assert samples() != first
    app.number_input("seed").set_value(0).run()
    assert samples() == first


def test_without_any_checkpoint_the_app_names_the_command(own_folder):
    shutil.rmtree(own_folder)
    own_folder.mkdir()
    (message,) = errors(run())
    assert "python -m vae.train" in message


def test_without_the_data_set_only_the_originals_are_missing(monkeypatch):
    monkeypatch.setattr(resources, "test_images", lambda: None)
    app = run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 2
    assert any("Fetch MNIST" in button.label for button in app.button)
