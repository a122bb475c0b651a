"""The page Bound without a browser: the image, the family of sigmas, and models without a plane."""

import base64
import io
import json
import os
import re
import shutil

import numpy as np
import pytest
import torch
import written
from app import DRAWING, DRAWN, errors, html, payload, rewrite, run_page
from chromium import ROOT
from PIL import Image

from explorer.cache import checkpoints, results
from explorer.markup import images
from explorer.quantities import bound, noise
from vae import ppca
from vae.images import sources
from vae.images.tensors import to_pixels
from vae.inference import adaptive, gauss_hermite
from vae.storage import checkpoint

pytestmark = pytest.mark.usefixtures("coarse")


@pytest.mark.mnist
def test_bound_shows_what_is_found_of_the_image(mnist):
    app = run_page("bound", {"image": 18})
    assert errors(app) == []
    model = checkpoint.read(ROOT / "checkpoints" / "vae")
    found = bound.analyse(model, mnist.test_images[18].numpy(), 3)
    for nats in found.terms[:6]:
        assert f"{abs(nats):.2f}" in html(app)
    assert found.terms.log_px == pytest.approx(payload(app, part="close")["log_px"])
    assert len(app.latex) >= 12
    assert any(f"{found.terms.amortization_gap:.2f}" in latex.value for latex in app.latex)


@pytest.mark.mnist
def test_bound_has_no_gap_under_probabilistic_pca_whose_log_p_is_the_closed_form(mnist):
    app = run_page("bound", {"image": 18}, bound_model="ppca")
    assert errors(app) == []
    close, x = payload(app, part="close"), to_pixels(mnist.test_images[18:19])
    exact = ppca.of_model(checkpoint.read(ROOT / "checkpoints" / "ppca").model)
    assert close["likelihood"] == {"bernoulli": False, "sigma": pytest.approx(exact.sigma, rel=1e-6), "linear": True}
    assert close["log_px"] == pytest.approx(exact.log_px(x).item(), abs=1e-3)
    assert close["q"]["mean"] == pytest.approx(exact.posterior(x).mean[0].tolist(), abs=0.02)
    assert close["q"]["std"] == pytest.approx(close["best"]["std"], rel=0.05)


@pytest.mark.mnist
def test_bits_are_nats_divided_by_log_2(mnist):
    app = run_page("bound")
    nats = payload(app, part="close")["log_px"]
    app.get("button_group")[0].set_value("bits").run()
    assert errors(app) == []
    assert app.query_params["unit"] == "bits"
    assert f"{abs(nats) / np.log(2):.2f}" in html(app)
    assert payload(app, part="close")["log_px"] == nats


@pytest.mark.mnist
def test_the_images_go_round(mnist):
    app = run_page("bound")
    app.number_input("image_bound").set_value(9999).run()
    app.button("next_image").click().run()
    assert app.number_input("image_bound").value == 0
    app.button("previous_image").click().run()
    assert app.number_input("image_bound").value == 9999
    app.button("any_image").click().run()
    assert errors(app) == []


def test_a_model_without_a_posterior_is_not_offered():
    assert "ae" not in run_page("bound").selectbox("bound_model").options


@pytest.mark.mnist
def test_the_hardest_images_are_offered_where_the_record_names_them(own_folder, mnist):
    record = json.loads((own_folder / "vae.json").read_text(encoding="utf-8"))
    record["test"]["hardest"] = [380, 61]
    (own_folder / "vae.json").write_text(json.dumps(record), encoding="utf-8")
    app = run_page("bound")
    app.selectbox("widest_bound").select_index(0).run()
    assert errors(app) == []
    assert app.query_params["image_bound"] == "380"
    app.button("next_image").click().run()
    assert app.selectbox("widest_bound").value is None


@pytest.mark.mnist
def test_noise_is_shown_beside_what_is_decoded_and_the_image_without_it(mnist):
    app = run_page("bound")
    assert "without noise" not in html(app)
    app.select_slider("noise").set_value(0.2).run()
    assert errors(app) == []
    assert app.query_params["noise"] == "0.2"
    clean = results.test_images(checkpoints.resource("vae").checkpoint)[77]
    shown = noise.noisy(clean, 0.2, flips=False)
    given, decoded = (float(number) for number in re.findall(r"error (\d+\.\d)", html(app)))
    assert given == pytest.approx(noise.squared_error(shown, clean), abs=0.051)
    assert decoded > given
    assert images.data_url(clean) in html(app)
    assert images.data_url(shown) in html(app)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    folder = tmp_path_factory.mktemp("family")
    for name, settings in {
        "sigma-1": {"sigma": 1.0}, "sigma-03": {"sigma": 0.3}, "sigma-05": {"sigma": 0.5},
        "beta-1": {"likelihood": "bernoulli"}, "beta-01": {"likelihood": "bernoulli", "beta": 0.1},
    }.items():  # fmt: skip
        written.write_untrained(folder / name, network="small", **settings)
    return folder


@pytest.fixture
def family(own_folder, members):
    """A copy of the members that a test may break; what is known of those that stay whole is known in all tests."""
    shutil.rmtree(own_folder / "family", ignore_errors=True)
    return shutil.copytree(members, own_folder / "family")


@pytest.mark.mnist
def test_the_knob_walks_the_family(family, mnist):
    app = run_page("bound")
    app.selectbox("bound_model").set_value("family").run()
    assert errors(app) == []
    knob = app.select_slider("sigma")
    assert [float(option.split()[1]) for option in knob.options] == [0.3, 0.5, 1.0]
    shown = {}
    for sigma in (0.5, 1.0):
        app.select_slider("sigma").set_value(sigma).run()
        assert errors(app) == []
        assert app.query_params["sigma"] == str(sigma)
        shown[sigma] = payload(app, part="close")
        assert shown[sigma]["likelihood"]["sigma"] == pytest.approx(sigma)
    assert shown[0.5]["bank"] != shown[1.0]["bank"]
    assert shown[0.5]["log_px"] != shown[1.0]["log_px"]
    assert html(app).count("β = ") >= 3  # and what another beta does to black and white pixels


def cut(path):
    file = path.with_name(f"{path.name}.pt")
    file.write_bytes(file.read_bytes()[:-100])


BROKEN = {
    "no sigma": lambda path: rewrite(path.with_name("sigma-1.json"), lambda record: record["config"].pop("sigma")),
    "a word": lambda path: rewrite(path.with_name("sigma-1.json"), lambda record: record["config"].update(sigma="x")),
    "a list": lambda path: rewrite(path.with_name("sigma-1.json"), lambda record: record["config"].update(sigma=[1])),
    "no number": lambda path: rewrite(
        path.with_name("sigma-1.json"), lambda record: record["config"].update(sigma=float("nan"))
    ),
    "another's": lambda path: rewrite(
        path.with_name("sigma-1.json"), lambda record: record["config"].update(sigma=0.3)
    ),
    "weights cut": cut,
    "no weights": lambda path: path.with_name("sigma-1.pt").unlink(),
    "a pipe": lambda path: (path.with_name("sigma-1.pt").unlink(), os.mkfifo(path.with_name("sigma-1.pt"))),
    "foreign": lambda path: path.with_name("sigma-1.json").write_text("[1]", encoding="utf-8"),
}


@pytest.mark.fault("the JSON of a checkpoint was believed")
@pytest.mark.mnist
@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_member_is_left_out_of_the_family_with_a_sentence(family, mnist, spoil):
    spoil(family / "sigma-1")
    app = run_page("bound", bound_model="family")
    assert errors(app) == []
    assert [float(option.split()[1]) for option in app.select_slider("sigma").options] == [0.3, 0.5]
    (warning,) = app.warning
    assert "sigma-1" in warning.value
    app.select_slider("sigma").set_value(0.5).run()
    assert errors(app) == []
    cut(family / "beta-1")
    assert errors(app.run()) == []
    assert len(app.warning) == 2


@pytest.mark.mnist
def test_a_link_to_a_sigma_that_is_not_there_opens_the_nearest(family, mnist):
    app = run_page("bound", bound_model="family", sigma="0.44")
    assert errors(app) == []
    assert app.select_slider("sigma").value == 0.5


@pytest.mark.parametrize("data", ["here", "elsewhere"])
@pytest.mark.parametrize("dimensions", [1, 3])
def test_bound_says_plainly_that_quadrature_needs_a_plane(own_folder, monkeypatch, dimensions, data):
    if data == "elsewhere":
        monkeypatch.setattr(results, "test_images", lambda of: None)
    written.write_untrained(own_folder / "other", network="small", latent_dim=dimensions)
    app = run_page("bound")
    app.selectbox("bound_model").set_value("other").run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 0
    assert ("Quadrature needs D ≤ 2" in html(app)) == (dimensions == 3)
    assert ("exact, by quadrature" in html(app)) == (dimensions == 1)
    assert f"IW of {bound.DRAWS:,} draws" in html(app)


@pytest.mark.fault("a request had no bound in time or memory")
@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_a_decoder_that_no_grid_is_fine_enough_for_is_shown_as_far_as_it_is_known(
    own_folder, monkeypatch, dimensions, likelihood
):
    monkeypatch.setattr(adaptive, "MOST_POINTS", 10_000 if dimensions == 1 else 50_000)
    monkeypatch.setattr(gauss_hermite, "MOST_NODES", 4_000)
    written.write_untrained(own_folder / "wild", network="small", latent_dim=dimensions, likelihood=likelihood)
    wild = checkpoint.read(own_folder / "wild")
    generator = torch.Generator().manual_seed(0)
    for weight in wild.model.decoder.parameters():
        weight.copy_(1e3 * torch.randn(weight.shape, generator=generator) / weight.shape[-1] ** 0.5)
    checkpoint.write(own_folder / "wild", wild)
    app = run_page("bound")
    app.selectbox("bound_model").set_value("wild").run()
    assert errors(app) == []
    words = html(app) + " ".join(warning.value for warning in app.warning)
    assert "not settled" in words
    assert ("finer grid would take too long" in words) == (dimensions == 2)


def test_a_broken_model_leaves_the_choice_of_another(own_folder):
    (own_folder / "vae.pt").write_bytes(b"no")
    app = run_page("bound")
    (message,) = errors(app)
    assert "vae.pt" in message
    app.selectbox("bound_model").set_value("cvae").run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.parametrize("model", ["cvae", "black"])
def test_without_the_data_set_a_decoded_point_is_the_image(own_folder, monkeypatch, model):
    monkeypatch.setattr(results, "test_images", lambda *_: None)
    monkeypatch.setattr(sources, "has_test_images", lambda *_: False)
    written.write_untrained(own_folder / "black", network="small", likelihood="bernoulli")
    app = run_page("bound")
    app.selectbox("bound_model").set_value(model).run()
    app.number_input("z1_bound").set_value(0.75).run()
    assert errors(app) == []
    assert app.query_params["z1_bound"] == "0.75"
    shown = payload(app, part="close")
    assert shown["pick"] == "z"
    assert shown["label"] == (7 if model == "cvae" else 0)
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["image"].split(",")[1]))))
    assert (set(np.unique(image)) <= {0, 255}) == (model == "black")


def test_the_browser_gets_the_draws_that_it_cannot_make(own_folder, monkeypatch):
    monkeypatch.setattr(results, "test_images", lambda *_: None)
    monkeypatch.setattr(sources, "has_test_images", lambda *_: False)
    written.write_untrained(own_folder / "pixel", network="small", likelihood="gaussian-pixel")
    app = run_page("bound")
    assert "drawn" not in payload(app, part="close")
    app.selectbox("bound_model").set_value("pixel").run()
    assert errors(app) == []
    drawn = payload(app, part="close")["drawn"]
    assert [len(values) for values in drawn] == [bound.DRAWS] * 2


@pytest.mark.parametrize("model", ["vae", "cvae", "black"])
def test_bound_looks_at_the_drawing(own_folder, model):
    written.write_untrained(own_folder / "black", network="small", likelihood="bernoulli")
    app = run_page("bound", drawing=DRAWING, drawn_bound="1", bound_model=model, label_bound="6")
    assert errors(app) == []
    assert "your drawing" in html(app)
    shown = payload(app, part="close")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["image"].split(",")[1]))))
    if model == "black":
        assert set(np.unique(image)) == {0, 255}
    else:
        assert image.tobytes() == base64.b64decode(DRAWN)
    assert shown["label"] == (6 if model == "cvae" else 0)


def test_bound_takes_the_drawing_for_a_class_that_the_model_has(own_folder):
    written.write(own_folder / "pets", model="cvae", network="small", class_names=("cat", "dog"))

    app = run_page("bound", drawing=DRAWING, drawn_bound="1", bound_model="pets", label_bound="7")
    assert errors(app) == []
    assert payload(app, part="close")["label"] == 0
