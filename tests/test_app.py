"""The app without a browser: every page runs, bad input is dropped, a broken checkpoint keeps to its own panel."""

import base64
import io
import json
import os
import re
import shutil
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import written
from chromium import ROOT
from forbidden import forbid
from pages import payloads
from PIL import Image
from streamlit.testing.v1 import AppTest

import vae
from explorer.cache import checkpoints, results, versions
from explorer.quantities import bound, paths, points
from explorer.state import ExplorerState, from_query, packed, unpacked
from explorer.views import parts
from vae.images import sources
from vae.images.mnist_form import mnist_form
from vae.inference import adaptive, gauss_hermite
from vae.storage import checkpoint
from vae.storage.checkpoint import Checkpoint

PAGES = {"maps": 2, "interpolate": 2, "classes": 1, "bound": 1, "draw": 2, "replay": 0}  # and their charts
SECONDS = 60


def run(**query):
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=SECONDS)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def run_page(page, *picks):
    """One page alone, after the browser has sent it some picks."""

    def script(page, picks):
        import importlib

        view = importlib.import_module(f"explorer.views.{page}")
        for value in picks:
            view.picked(value)
        view.render()

    return AppTest.from_function(script, args=(page, picks), default_timeout=SECONDS).run()


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A copy of the shipped checkpoints that a test may break; the replays, which are large, are links."""
    shutil.copytree(ROOT / "checkpoints", tmp_path / "checkpoints", ignore=shutil.ignore_patterns("*.replay.pt"))
    for file in (ROOT / "checkpoints").glob("*.replay.pt"):
        (tmp_path / "checkpoints" / file.name).symlink_to(file)
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


def errors(app):
    assert not app.exception
    return [error.value for error in app.error]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_runs(page):
    app = run_page(page)
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == PAGES[page]


ZERO = base64.b64encode(bytes([0] * 300 + [255, 90] * 20 + [0] * 444)).decode()  # some image, for a drawing


@pytest.mark.parametrize(
    ("page", "pick", "query"),
    [
        ("maps", {"side": "left", "z": [1.25, -2]}, {"z1_left": "1.25", "z2_left": "-2.0"}),
        ("interpolate", {"end": "b", "image": 77}, {"image_b": "77"}),
        ("interpolate", {"side": "right", "end": "a", "z": [1, 2]}, {"a1_right": "1.0", "a2_right": "2.0"}),
        ("classes", {"z": [0.5, 0.25]}, {"z1_style": "0.5", "z2_style": "0.25"}),
        ("classes", {"digit": 4, "morph": 9}, {"digit": "4", "morph": "9"}),
        ("bound", {"image": 18}, {"image_bound": "18"}),
        ("bound", {"z": [0.5, -1]}, {"z1_bound": "0.5", "z2_bound": "-1.0"}),
        ("draw", {"form": ZERO, "digit": None}, {"drawing": packed(base64.b64decode(ZERO))}),
        ("draw", {"form": ZERO, "digit": 4}, {"drawing": packed(base64.b64decode(ZERO)), "digit_drawing": "4"}),
        ("draw", {"form": "", "digit": None}, {}),
        ("replay", {"side": "left", "z": [0.5, -1]}, {"z1_replay_left": "0.5", "z2_replay_left": "-1.0"}),
        ("replay", {"epoch": 0.031983}, {"epoch": "0.031983"}),
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


@pytest.mark.parametrize(("page", "broken", "maps"), [("maps", "", 2), ("interpolate", "ae", 1), ("classes", "", 1)])
def test_the_files_of_each_map_are_offered_when_they_are_asked_for(own_folder, page, broken, maps):
    if broken:
        (own_folder / f"{broken}.pt").write_bytes(b"no")

    def script(page):
        import importlib

        importlib.import_module(f"explorer.views.{page}").render()

    app = AppTest.from_function(script, args=(page,), default_timeout=SECONDS).run()
    assert not any(button.key.startswith("svg_") for button in app.button if button.key)
    app.session_state["take_away"] = True
    app.run()
    assert not app.exception
    offered = [button.proto.label for button in app.get("download_button")]
    assert sum(button.label == "SVG" for button in app.button) == offered.count("CSV") == offered.count("npz") == maps
    assert ("Explorer as HTML" in offered) == (page == "maps")


def test_one_click_shows_the_three_maps_that_tell_most_and_one_goes_back():
    app = run(left="vae", z1_left="0.5")
    preset = next(button for button in app.button if button.label == "AE | VAE | best")
    preset.click().run()
    assert errors(app) == []
    assert [app.selectbox(side).value for side in ("left", "middle", "right")] == ["ae", "vae", "vae-best"]
    assert len(app.get("plotly_chart")) == 3
    assert dict(app.query_params) == {"middle": "vae", "right": "vae-best", "z1_middle": "0.5"}  # the point moves too
    next(button for button in app.button if button.label == "two maps").click().run()
    assert len(app.get("plotly_chart")) == 2
    assert dict(app.query_params) == {"left": "vae", "z1_left": "0.5"}


@pytest.mark.fault("two maps again had other models and points than before")
@pytest.mark.parametrize(
    ("query", "two"),
    [
        ({"right": "cvae", "digit_right": "3", "z1_right": "1.5", "b1_left": "2"}, None),
        ({"left": "vae-best", "right": "ae", "z1_left": "1", "z2_right": "-2"}, None),
        ({"middle": "cvae", "right": "vae-best", "z1_middle": "0.25"}, {"right": "cvae", "z1_right": "0.25"}),
    ],
)
def test_two_maps_again_have_the_models_and_the_points_that_one_had(query, two):
    app = run(**query)
    if not two:
        next(button for button in app.button if button.label == "AE | VAE | best").click().run()
    next(button for button in app.button if button.label == "two maps").click().run()
    assert errors(app) == []
    assert from_query(dict(app.query_params)) == from_query(two or query)


@pytest.mark.fault("a link to a model that is not there showed another without a word")
def test_a_link_to_what_is_not_there_says_so_as_long_as_something_else_is_shown():
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=SECONDS)
    app.query_params.update(left="no-such", path="curve")
    for _ in range(2):
        app.run()
        assert len(app.warning) == 1
        assert all(word in app.warning[0].value for word in ("no-such", "Autoencoder", "path", "curve"))
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=SECONDS)
    app.query_params.update(left="vae", path="arc", utm_source="mail")
    assert not app.run().warning


def test_another_model_gives_up_the_points_of_the_plane_before_on_every_page():
    app = run(z1_right="0.5", a1_right="1", a2_right="-1", b1_left="2", snap="0")
    app.selectbox("right").set_value("vae-best").run()
    assert errors(app) == []
    assert dict(app.query_params) == {"right": "vae-best", "b1_left": "2.0", "snap": "0"}


def test_a_number_field_decodes_its_point(monkeypatch):
    app = run()
    asked = []
    real = points.point
    monkeypatch.setattr(points, "point", lambda *given: asked.append(given[1]) or real(*given))
    app.number_input("z1_right").set_value(1.23456).run()
    assert errors(app) == []
    assert asked[-1][0] == app.number_input("z1_right").value == 1.23456  # the shown z is the decoded z
    assert app.query_params["z1_right"] == "1.23456"


def bridged(app, field):
    """What the page sends to its controller, in every mount whose data have a field."""
    return [data for data in payloads(app) if field in data]


def test_the_magnification_is_sent_once_and_only_while_it_is_asked_for():
    app = run()
    assert bridged(app, "shades") == []
    next(toggle for toggle in app.toggle if toggle.label == "magnification").set_value(True).run()
    assert errors(app) == []
    assert app.query_params["magnification"] == "1"
    assert [data["side"] for data in bridged(app, "shades")] == ["left", "right"]
    assert all("shades" not in data for data in bridged(app, "z"))  # which a click sends anew


@pytest.mark.parametrize("chosen", ["line", "arc", "geodesic"])
def test_all_three_lengths_stand_beside_each_other_and_the_chosen_path_is_drawn(chosen):
    def script(chosen):
        import streamlit as st

        from explorer.views import interpolate

        st.query_params["path"] = chosen
        interpolate.render()

    app = AppTest.from_function(script, args=(chosen,), default_timeout=SECONDS).run()
    assert errors(app) == []
    (data,) = bridged(app, "sides")
    tables = [html.value for html in app.get("html") if "latent-table" in html.value]
    for name, table in zip(("ae", "vae"), tables, strict=True):
        lengths, steps = (
            [float(cell) for cell in re.findall(r"<td[^>]*>([\d.]+)</td>", row)] for row in table.split("<tr>")[2:]
        )
        assert lengths[2] < min(lengths[:2])
        assert steps[2] < min(steps[:2])
        assert table.count('class="chosen"') == 3
        side = data["sides"]["left" if name == "ae" else "right"]
        images = paths.surface(checkpoint.read(ROOT / "checkpoints" / name), 0).embed(torch.tensor(side["path"]))
        drawn = float(images.diff(dim=0).norm(dim=1).sum())
        assert drawn == pytest.approx(lengths[["line", "arc", "geodesic"].index(chosen)], rel=0.01)


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


def rewrite(file, change):
    record = json.loads(file.read_text(encoding="utf-8"))
    change(record)
    file.write_text(json.dumps(record), encoding="utf-8")


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
    [*(("maps", name) for name in WRONG), *((page, "no test figures") for page in PAGES if page != "maps")],
)
def test_a_record_that_is_wrong_is_one_sentence_in_its_panel_of_every_page(own_folder, page, change):
    name = "cvae" if page == "classes" else "vae"
    rewrite(own_folder / f"{name}.json", WRONG[change])
    app = run_page(page)
    (message,) = errors(app)
    assert message.startswith(f"{own_folder.name}/{name}")
    assert f"make it again with `python -m vae.train --model={name}" in message or "restore it" in message
    assert len(app.get("plotly_chart")) == max(0, PAGES[page] - 1)
    if page == "replay":
        assert list(replayed(app)["sides"]) == ["left"]
    other = {"bound": ("bound", "cvae"), "classes": ("style", "cvae-best"), "replay": ("replay_right", "ae")}
    field, value = other.get(page, ("right", "cvae"))
    app.selectbox(field).set_value(value).run()
    assert errors(app) == []


@pytest.mark.fault("the JSON of a checkpoint was believed")
@pytest.mark.parametrize("page", PAGES)
def test_a_model_without_any_figure_is_shown_all_the_same(own_folder, page):
    for file in own_folder.glob("*vae*.json"):
        rewrite(file, lambda record: record.update(test={}))
    app = run_page(page)
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == PAGES[page]


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
@pytest.mark.parametrize("page", [*PAGES, "train"])
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
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lost", [".pt", ".json", ".replay.pt", "images", "all"])
def test_what_may_not_be_read_any_more_takes_no_page_with_it(own_folder, monkeypatch, page, lost):
    app = run_page(page)
    assert errors(app) == []
    raw = sources.data_dir().absolute() / "MNIST"
    for name in ("vae", "cvae"):
        forbid(monkeypatch, {"images": raw, "all": own_folder}.get(lost, own_folder / f"{name}{lost}"))
    assert not app.run().exception
    monkeypatch.setattr(versions, "_kept", OrderedDict())  # as after a restart
    assert not app.run().exception
    assert bool(app.error) == (lost in (".pt", ".json", "all") or (page, lost) == ("replay", ".replay.pt"))


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
@pytest.mark.parametrize("shape", ["one code", "all alike", "on a line", "far out", "one class"])
@pytest.mark.parametrize("model", ["ae", "vae"])
def test_codes_that_have_collapsed_or_are_few_are_shown(own_folder, shape, model):
    untrained(own_folder / "odd", model=model)
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
    app = run_page("bound") if model == "ae" else run_bound("odd")
    assert errors(app) == []


def run_bound(name):
    def script(name):
        from explorer import session
        from explorer.views import bound

        session.update(bound=name)
        bound.render()

    return AppTest.from_function(script, args=(name,), default_timeout=SECONDS).run()


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
@pytest.mark.parametrize("page", ["maps", "interpolate", "classes", "bound", "draw", "replay"])
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


def untrained(path, **settings):
    """A model that was never trained, as a checkpoint of ten thousand codes."""
    config = vae.TrainConfig(**settings)
    codes = torch.randn(10_000, config.latent_dim, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(10_000).remainder(10).to(torch.uint8)
    record = {
        "format": 1,
        "run_id": path.name,
        "config": config.to_dict(),
        "test": {"squared_error": 1.0, "knn5_accuracy": 0.1},
    }
    path.parent.mkdir(exist_ok=True)
    checkpoint.write(path, Checkpoint(path.name, config, vae.build(config), codes, labels, record))


def test_a_model_that_is_not_two_dimensional_says_so_in_its_panel(own_folder):
    untrained(own_folder / "solid", latent_dim=3)
    app = run(left="solid")
    (message,) = errors(app)
    assert "2 latent dimensions, and solid has 3" in message
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
    monkeypatch.setattr(results, "test_images", lambda *_: None)
    monkeypatch.setattr(sources, "is_here", lambda *_: False)
    app = run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 2
    assert any("Fetch MNIST" in button.label for button in app.button)


def said(app):
    return " ".join(html.value for html in app.get("html"))


def sent(app, part):
    """What the page sends to one part of its controller."""
    return payloads(app, part=part)[0]


@pytest.mark.mnist
def test_bound_shows_what_is_found_of_the_image(mnist):
    app = run_page("bound", {"image": 18})
    assert errors(app) == []
    model = checkpoint.read(ROOT / "checkpoints" / "vae")
    found = bound.look(model, mnist.test_images[18].numpy(), 3)
    for nats in found.terms[:6]:
        assert f"{abs(nats):.2f}" in said(app)
    assert found.terms.log_px == pytest.approx(sent(app, "close")["log_px"])
    assert len(app.latex) >= 12
    assert any(f"{found.terms.amortisation:.2f}" in latex.value for latex in app.latex)


@pytest.mark.mnist
def test_bits_are_nats_divided_by_log_2(mnist):
    app = run_page("bound")
    nats = sent(app, "close")["log_px"]
    app.get("button_group")[0].set_value("bits").run()
    assert errors(app) == []
    assert app.query_params["unit"] == "bits"
    assert f"{abs(nats) / np.log(2):.2f}" in said(app)
    assert sent(app, "close")["log_px"] == nats


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
    assert "ae" not in run_page("bound").selectbox("bound").options


@pytest.mark.mnist
def test_the_hardest_images_are_offered_where_the_record_names_them(own_folder, mnist):
    record = json.loads((own_folder / "vae.json").read_text(encoding="utf-8"))
    record["test"]["hardest"] = [380, 61]
    (own_folder / "vae.json").write_text(json.dumps(record), encoding="utf-8")
    app = run_page("bound")
    app.selectbox("hardest_bound").select_index(0).run()
    assert errors(app) == []
    assert app.query_params["image_bound"] == "380"
    app.button("next_image").click().run()
    assert app.selectbox("hardest_bound").value is None


@pytest.fixture
def family(own_folder):
    shutil.rmtree(own_folder / "family", ignore_errors=True)
    for name, settings in {
        "sigma-1": {"sigma": 1.0}, "sigma-03": {"sigma": 0.3}, "sigma-05": {"sigma": 0.5},
        "beta-1": {"likelihood": "bernoulli"}, "beta-01": {"likelihood": "bernoulli", "beta": 0.1},
    }.items():  # fmt: skip
        untrained(own_folder / "family" / name, **settings)
    return own_folder / "family"


@pytest.mark.mnist
def test_the_knob_walks_the_family(family, mnist):
    app = run_page("bound")
    app.selectbox("bound").set_value("family").run()
    assert errors(app) == []
    knob = app.select_slider("sigma")
    assert [float(option.split()[1]) for option in knob.options] == [0.3, 0.5, 1.0]
    shown = {}
    for sigma in (0.5, 1.0):
        app.select_slider("sigma").set_value(sigma).run()
        assert errors(app) == []
        assert app.query_params["sigma"] == str(sigma)
        shown[sigma] = sent(app, "close")
        assert shown[sigma]["likelihood"]["sigma"] == pytest.approx(sigma)
    assert shown[0.5]["bank"] != shown[1.0]["bank"]
    assert shown[0.5]["log_px"] != shown[1.0]["log_px"]
    assert said(app).count("β = ") >= 3  # and what another beta does to black and white pixels


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
    app = run_bound("family")
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
    def script():
        from explorer.views import bound

        bound.render()

    app = AppTest.from_function(script, default_timeout=SECONDS)
    app.query_params.update(bound="family", sigma="0.44")
    assert errors(app.run()) == []
    assert app.select_slider("sigma").value == 0.5


@pytest.mark.parametrize("data", ["here", "elsewhere"])
@pytest.mark.parametrize("dimensions", [1, 3])
def test_bound_says_plainly_that_quadrature_needs_a_plane(own_folder, monkeypatch, dimensions, data):
    if data == "elsewhere":
        monkeypatch.setattr(results, "test_images", lambda of: None)
    untrained(own_folder / "other", latent_dim=dimensions)
    app = run_page("bound")
    app.selectbox("bound").set_value("other").run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 0
    assert ("Quadrature needs D ≤ 2" in said(app)) == (dimensions == 3)
    assert ("exact, by quadrature" in said(app)) == (dimensions == 1)
    assert f"IW-{bound.DRAWS:,}" in said(app)


@pytest.mark.fault("a request had no bound in time or memory")
@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_a_decoder_that_no_grid_is_fine_enough_for_is_shown_as_far_as_it_is_known(
    own_folder, monkeypatch, dimensions, likelihood
):
    monkeypatch.setattr(adaptive, "MOST_POINTS", 10_000 if dimensions == 1 else 50_000)
    monkeypatch.setattr(gauss_hermite, "MOST_NODES", 4_000)
    untrained(own_folder / "wild", latent_dim=dimensions, likelihood=likelihood)
    wild = checkpoint.read(own_folder / "wild")
    generator = torch.Generator().manual_seed(0)
    for weight in wild.model.decoder.parameters():
        weight.copy_(1e3 * torch.randn(weight.shape, generator=generator) / weight.shape[-1] ** 0.5)
    checkpoint.write(own_folder / "wild", wild)
    app = run_page("bound")
    app.selectbox("bound").set_value("wild").run()
    assert errors(app) == []
    words = said(app) + " ".join(warning.value for warning in app.warning)
    assert "not settled" in words
    assert ("finer grid would take too long" in words) == (dimensions == 2)


def test_a_broken_model_leaves_the_choice_of_another(own_folder):
    (own_folder / "vae.pt").write_bytes(b"no")
    app = run_page("bound")
    (message,) = errors(app)
    assert "vae.pt" in message
    app.selectbox("bound").set_value("cvae").run()
    assert errors(app) == []
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.parametrize("model", ["cvae", "black"])
def test_without_the_data_set_a_decoded_point_is_the_image(own_folder, monkeypatch, model):
    monkeypatch.setattr(results, "test_images", lambda *_: None)
    monkeypatch.setattr(sources, "is_here", lambda *_: False)
    untrained(own_folder / "black", likelihood="bernoulli")
    app = run_page("bound")
    app.selectbox("bound").set_value(model).run()
    app.number_input("z1_bound").set_value(0.75).run()
    assert errors(app) == []
    assert app.query_params["z1_bound"] == "0.75"
    shown = sent(app, "close")
    assert shown["pick"] == "z"
    assert shown["label"] == (7 if model == "cvae" else 0)
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["image"].split(",")[1]))))
    assert (set(np.unique(image)) <= {0, 255}) == (model == "black")


def test_the_browser_gets_the_draws_that_it_cannot_make(own_folder, monkeypatch):
    monkeypatch.setattr(results, "test_images", lambda *_: None)
    monkeypatch.setattr(sources, "is_here", lambda *_: False)
    untrained(own_folder / "pixel", likelihood="gaussian-pixel")
    app = run_page("bound")
    assert "drawn" not in sent(app, "close")
    app.selectbox("bound").set_value("pixel").run()
    assert errors(app) == []
    drawn = sent(app, "close")["drawn"]
    assert [len(values) for values in drawn] == [bound.DRAWS] * 2


def pad(app):
    """What the page Draw sends to its pad."""
    return sent(app, "pad")


def file_of(image, kind="png"):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not an image at all", "not an image in a format that can be read"),
        (b"", "not an image in a format that can be read"),
        (file_of(np.full((60, 60), 255, dtype=np.uint8)), "empty"),
        (b"P6 9000 9000 255 ", "9,000 x 9,000 pixels"),
        (
            file_of(np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8))[:900],
            "it is damaged",
        ),
    ],
    ids=["no image", "no bytes", "white", "too large", "cut short"],
)
def test_what_is_no_digit_gets_one_clear_sentence(content, told):
    def script():
        from explorer.views import draw

        draw.render()

    app = AppTest.from_function(script, default_timeout=SECONDS)
    app.query_params["drawing"] = packed(base64.b64decode(ZERO))
    app.run()
    app.file_uploader[0].set_value(("digit.png", content, "image/png")).run()
    (message,) = errors(app)
    assert told in message
    assert pad(app)["form"] == ZERO  # what was drawn is still there
    app.file_uploader[0].set_value(("digit.png", file_of(dark_bar()), "image/png")).run()
    assert errors(app) == []


def dark_bar():
    """A slanted bar with a foot, dark on light."""
    image = np.full((200, 150), 240, dtype=np.uint8)
    for row in range(30, 170):
        image[row, 50 + row // 5 : 65 + row // 5] = 20
    image[152:170, 70:90] = 20
    return image


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "webp"])
def test_an_uploaded_image_is_the_drawing(kind):
    app = run_page("draw")
    assert pad(app)["loaded"] == 0
    app.file_uploader[0].set_value((f"digit.{kind}", file_of(dark_bar(), kind), f"image/{kind}")).run()
    assert errors(app) == []
    form = np.frombuffer(unpacked(app.query_params["drawing"]), np.uint8).reshape(28, 28)
    expected = mnist_form(dark_bar()).astype(int)
    assert np.abs(form - expected).mean() < (1 if kind in ("png", "bmp", "gif") else 6)
    assert pad(app)["loaded"] == 1
    assert base64.b64decode(pad(app)["form"]) == form.tobytes()


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
def test_what_else_an_uploaded_picture_shows_is_said_until_the_next_drawing():
    framed = np.pad(dark_bar(), 8, constant_values=0)
    app = run_page("draw")

    def said():
        return [caption.value for caption in app.caption if "Something else is in the picture" in caption.value]

    app.file_uploader[0].set_value(("digit.png", file_of(framed), "image/png")).run()
    assert len(said()) == 1
    form = np.frombuffer(unpacked(app.query_params["drawing"]), np.uint8).reshape(28, 28)
    assert np.abs(form.astype(int) - mnist_form(dark_bar())).mean() < 4
    app.file_uploader[0].set_value(("digit.png", file_of(dark_bar()), "image/png")).run()
    assert said() == errors(app) == []
    app.file_uploader[0].set_value(("digit.png", file_of(framed), "image/png")).run()
    assert len(said()) == 1
    app.file_uploader[0].set_value(("digit.png", b"", "image/png")).run()
    assert (len(errors(app)), said()) == (1, [])  # one message at a time


def test_what_only_the_server_can_find_comes_with_the_drawing(own_folder):
    def script(form):
        from explorer import session
        from explorer.views import draw

        session.current()
        draw.picked({"form": form, "digit": None})
        session.update(left="cvae-best")
        draw.render()

    app = AppTest.from_function(script, args=(ZERO,), default_timeout=SECONDS).run()
    assert errors(app) == []
    left, right = (pad(app)["sides"][side] for side in ("left", "right"))
    assert left["encoder"] is None
    assert len(left["code"]) == len(left["q"]["std"]) == 2
    assert right["encoder"]
    assert "code" not in right
    assert sum(pad(app)["classes"]["probabilities"]) == pytest.approx(1)
    assert len(pad(app)["classes"]["codes"]) == 10


def test_without_a_conditional_model_the_maps_still_follow(own_folder):
    for name in ("cvae", "cvae-best"):
        (own_folder / f"{name}.json").unlink()
    app = run_page("draw", {"form": ZERO, "digit": None})
    assert errors(app) == []
    assert pad(app)["style"] is None
    assert set(pad(app)["sides"]) == {"left", "right"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples", "x"), ("sampled", "1"), ("image_bound", "7"), ("train_learning_rate", float("nan")),
        ("train_latent_dim", 10**9), ("train_network", "<b>"), ("unit", []), ("path", None), ("left", "../x"),
    ],
)  # fmt: skip
def test_a_widget_s_forged_value_leaves_the_state_as_it_was(field, value):
    def script(field, value):
        import streamlit as st

        from explorer import session

        changed = session.bound(field)["on_change"]
        st.session_state[field] = value
        changed()

    app = AppTest.from_function(script, args=(field, value), default_timeout=SECONDS).run()
    assert errors(app) == []
    assert app.session_state["explorer_state"] == ExplorerState()
    assert app.session_state[field] == getattr(ExplorerState(), field)


@pytest.mark.parametrize("model", ["vae", "cvae", "vae-best"])
def test_bound_looks_at_the_drawing(model):
    def script(form, model):
        from explorer import session
        from explorer.views import bound, draw

        draw.picked({"form": form, "digit": None})
        session.update(drawn_bound=True, bound=model, digit_bound=6)
        bound.render()

    app = AppTest.from_function(script, args=(ZERO, model), default_timeout=SECONDS).run()
    assert errors(app) == []
    assert "your drawing" in said(app)
    shown = sent(app, "close")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["image"].split(",")[1]))))
    if model == "vae-best":
        assert set(np.unique(image)) == {0, 255}
    else:
        assert image.tobytes() == base64.b64decode(ZERO)
    assert shown["label"] == (6 if model == "cvae" else 0)


def test_bound_takes_the_drawing_for_a_class_that_the_model_has(own_folder):
    written.write(own_folder / "pets", model="cvae", network="small", class_names=("cat", "dog"))

    def script(form):
        from explorer import session
        from explorer.views import bound, draw

        draw.picked({"form": form, "digit": None})
        session.update(drawn_bound=True, bound="pets", digit_bound=7)
        bound.render()

    app = AppTest.from_function(script, args=(ZERO,), default_timeout=SECONDS).run()
    assert errors(app) == []
    assert sent(app, "close")["label"] == 0


def replayed(app):
    """What the page sends to the browser."""
    return payloads(app, page="replay")[0]


def test_replay_offers_only_trainings_that_were_kept_and_says_how_to_keep_others():
    app = run_page("replay")
    assert errors(app) == []
    assert app.selectbox("replay_left").options == app.selectbox("replay_right").options
    assert len(app.selectbox("replay_left").options) == 2
    assert [app.selectbox(f"replay_{side}").value for side in ("left", "right")] == ["ae", "vae"]
    assert "vae-best" in app.caption[0].value
    assert "--snapshots" in app.caption[0].value
    sides = replayed(app)["sides"]
    for side, name in (("left", "ae"), ("right", "vae")):
        film = results.film(name)
        assert len(film.decoders) == len(sides[side]["views"]) == len(film.figures["loss_nats"])
    titles = {curve["title"]: set(curve["lines"]) for curve in replayed(app)["curves"]}
    assert titles == {"squared error": {"left", "right"}, "KL, nats": {"right"}, "loss, nats": {"left", "right"}}


def test_a_link_to_a_model_without_a_replay_names_the_command_that_makes_one(own_folder):
    def script():
        from explorer.views import replay

        replay.render()

    app = AppTest.from_function(script, default_timeout=SECONDS)
    app.query_params.update(replay_left="cvae", replay_right="vae")
    (message,) = errors(app.run())
    assert "cvae has no replay" in message
    assert "`python -m vae.train --model=cvae --name cvae --snapshots" in message
    assert list(replayed(app)["sides"]) == ["right"]
    app.selectbox("replay_left").set_value("ae").run()
    assert errors(app) == []
    assert list(replayed(app)["sides"]) == ["left", "right"]


def test_without_any_replay_the_page_names_the_command(own_folder):
    for file in own_folder.glob("*.replay.pt"):
        file.unlink()
    messages = errors(run_page("replay"))
    assert all("python -m vae.train" in message and "--snapshots" in message for message in messages)
    assert messages


def test_a_replay_of_another_training_is_not_shown(own_folder):
    (own_folder / "vae.replay.pt").unlink()
    (own_folder / "vae.replay.pt").symlink_to(ROOT / "checkpoints" / "ae.replay.pt")
    (message,) = errors(run_page("replay"))
    assert "vae.replay.pt is of another run" in message


def test_losses_under_different_likelihoods_share_no_curve(own_folder):
    for name, sigma in (("ae", 0.5), ("vae", 1.0)):
        record = json.loads((own_folder / f"{name}.json").read_text(encoding="utf-8"))
        record["config"]["sigma"] = sigma
        (own_folder / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
    app = run_page("replay")
    assert errors(app) == []
    losses = [curve["lines"] for curve in replayed(app)["curves"] if curve["title"].startswith("loss")]
    assert sorted(map(list, losses)) == [["left"], ["right"]]
