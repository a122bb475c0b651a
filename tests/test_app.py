"""The app without a browser: every page runs, bad input is dropped, a broken checkpoint keeps to its own panel."""

import shutil

import numpy as np
import pytest
from browser import ROOT
from streamlit.testing.v1 import AppTest

import compute
import resources

PAGES = {"maps": 2, "interpolate": 2, "classes": 1}
SECONDS = 30


def run(page="maps", **query):
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=SECONDS)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    if page != "maps":
        app.switch_page(f"views/{page}.py").run()
    return app


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A copy of the shipped checkpoints that a test may break."""
    shutil.copytree(ROOT / "checkpoints", tmp_path / "checkpoints")
    monkeypatch.setattr(resources, "FOLDER", tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


def errors(app):
    assert not app.exception
    return [error.value for error in app.error]


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
    app.number_input("z1_right").set_value(1.25).run()
    assert errors(app) == []
    assert asked[-1][0] == 1.25
    assert app.query_params["z1_right"] == ["1.25"]


def test_junk_in_the_url_falls_back_to_the_defaults():
    app = run(left="nothing-here", right="../../etc", z1_left="nan", z2_left="1e99", manifold="perhaps", path="")
    assert errors(app) == []
    assert app.selectbox("right").value == "vae"
    assert np.isfinite(app.number_input("z1_left").value)


def test_a_broken_checkpoint_keeps_to_its_own_panel(own_folder):
    whole = (own_folder / "ae.pt").read_bytes()
    (own_folder / "ae.pt").write_bytes(whole[: len(whole) // 2])
    app = run()
    (message,) = errors(app)
    assert "ae.pt" in message
    assert "python -m vae.train" in message
    assert len(app.get("plotly_chart")) == 1
    assert {number.key for number in app.number_input} == {"z1_right", "z2_right"}


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
