"""The page Maps without a browser."""

import re

import pytest
import written
from app import errors, html, payloads_with, rewrite, run

from explorer.cache import results
from explorer.quantities import points
from explorer.state import from_query
from vae.images import sources

pytestmark = pytest.mark.usefixtures("coarse")


def test_maps_shows_two_maps_and_two_pinned_points():
    app = run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 2
    assert {number.key for number in app.number_input} == {"z1_left", "z2_left", "z1_right", "z2_right"}


def test_one_click_shows_the_three_maps_that_tell_most_and_one_goes_back():
    app = run(left="vae", z1_left="0.5")
    preset = next(button for button in app.button if button.label == "AE | VAE | best")
    preset.click().run()
    assert errors(app) == []
    assert [app.selectbox(side).value for side in ("left", "middle", "right")] == ["ae", "vae", "vae-best"]
    assert len(app.get("plotly_chart")) == 3
    assert dict(app.query_params) == {"middle": "vae", "right": "vae-best", "z1_middle": "0.5"}  # the point moves too
    next(button for button in app.button if button.label == "Two maps").click().run()
    assert len(app.get("plotly_chart")) == 2
    assert dict(app.query_params) == {"left": "vae", "z1_left": "0.5"}


@pytest.mark.fault("two maps again had other models and points than before")
@pytest.mark.parametrize(
    ("query", "two"),
    [
        ({"right": "cvae", "label_right": "3", "z1_right": "1.5", "b1_left": "2"}, None),
        ({"left": "vae-best", "right": "ae", "z1_left": "1", "z2_right": "-2"}, None),
        ({"middle": "cvae", "right": "vae-best", "z1_middle": "0.25"}, {"right": "cvae", "z1_right": "0.25"}),
    ],
)
def test_two_maps_again_have_the_models_and_the_points_that_one_had(query, two):
    app = run(**query)
    if not two:
        next(button for button in app.button if button.label == "AE | VAE | best").click().run()
    next(button for button in app.button if button.label == "Two maps").click().run()
    assert errors(app) == []
    assert from_query(dict(app.query_params)) == from_query(two or query)


def test_a_number_field_decodes_its_point(monkeypatch):
    app = run()
    asked = []
    real = points.describe
    monkeypatch.setattr(points, "describe", lambda *given: asked.append(given[1]) or real(*given))
    app.number_input("z1_right").set_value(1.23456).run()
    assert errors(app) == []
    assert asked[-1][0] == app.number_input("z1_right").value == 1.23456  # the shown z is the decoded z
    assert app.query_params["z1_right"] == "1.23456"


def test_the_magnification_is_sent_once_and_only_while_it_is_asked_for():
    app = run()
    assert payloads_with(app, "shades") == []
    next(toggle for toggle in app.toggle if toggle.label == "Magnification").set_value(True).run()
    assert errors(app) == []
    assert app.query_params["magnification"] == "1"
    assert [data["side"] for data in payloads_with(app, "shades")] == ["left", "right"]
    assert all("shades" not in data for data in payloads_with(app, "z"))  # which a click sends anew


def test_where_the_kl_is_near_nothing_the_page_says_how_much_codes_tell(own_folder):
    told = "so a code tells next to nothing of its image"
    assert told not in html(run())
    low = {
        "kl_nats": 0.02,
        "mutual_information_nats": 0.0117,
        "active_units": 1,
        "kl_by_dimension_nats": [0.019, 0.001],
    }
    rewrite(own_folder / "vae.json", lambda record: record["test"].update(low))
    said = re.sub("<[^>]*>", "", html(run()))
    assert told + ", mutual information 0.012 nats, active units 1 of 2, KL by dimension 0.019 and 0.001 nats." in said
    rewrite(own_folder / "vae.json", lambda record: record["test"].pop("kl_by_dimension_nats"))
    assert "active units 1 of 2." in re.sub("<[^>]*>", "", html(run()))


def test_samples_are_asked_for_under_each_map_with_a_prior_as_the_link_has_them():
    app = run()
    assert payloads_with(app, "source") == []
    app.toggle("sampling").set_value(True).run()
    asked = {"sampling": "1", "sample_from": "codes", "sample_pixels": "draw", "seed": "7"}
    assert app.query_params["sampling"] == "1"
    linked = run(middle="cvae", label_middle="3", **asked)
    assert errors(linked) == []
    assert "an autoencoder has no prior" in html(linked)
    for side, data in zip(("middle", "right"), payloads_with(linked, "source"), strict=True):
        assert data["side"] == side
        assert (data["source"], data["pixels"], data["seed"]) == ("codes", "draw", 7)
        assert data["label"] == (3 if side == "middle" else 7)
        assert data["likelihood"]["sigma"] == pytest.approx(0.5**0.5)


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
    written.write_untrained(own_folder / "solid", latent_dim=3)
    app = run(left="solid")
    (message,) = errors(app)
    assert "2 latent dimensions, and solid has 3" in message
    assert len(app.get("plotly_chart")) == 1


def test_without_the_data_set_only_the_originals_are_missing(monkeypatch):
    monkeypatch.setattr(results, "test_images", lambda *_: None)
    monkeypatch.setattr(sources, "has_test_images", lambda *_: False)
    app = run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 2
    assert any("Fetch MNIST" in button.label for button in app.button)


def test_on_a_machine_that_has_fetched_nothing_every_code_has_its_original(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_DATA_DIR", str(tmp_path))
    app = run(z1_left="0", z2_left="0")
    assert errors(app) == []
    assert "Fetch" not in " ".join(button.label for button in app.button)
    assert "reconstructed" in html(app)
    assert re.search(r"alt=.test image \d+: \d", html(app))
    assert list(tmp_path.iterdir()) == []
