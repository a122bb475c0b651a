"""Models that training makes but seldom: codes far away, tiny, on a line, in one place; a decoder that hears nothing.

Every page shows them, says that they have collapsed, and reads each code back as it is.
"""

import math

import numpy as np
import pytest
import torch
import written
from app import errors, html, run_page
from files import contents

from explorer import figures
from explorer.cache import checkpoints, results
from explorer.quantities import decode, paths, points
from explorer.state import coordinate
from explorer.views import export_menu
from vae import snapshots
from vae.collapse import active_units, used_dimensions
from vae.snapshots import Recorder, Snapshot
from vae.storage.checkpoint import read

pytestmark = pytest.mark.usefixtures("coarse", "hasty")

SECONDS = 120
CODES = written.normal()
LINE = CODES * torch.tensor([1.0, 0.0])


def scaled(scale):
    """An edit after which the decoder makes of codes of a scale what it made of them before."""
    return lambda model: model.decoder[0].weight[:, :2].div_(scale)


def deaf(model):
    model.decoder[0].weight[:, :2].zero_()


MODELS = {  # codes, settings, edit, and how many dimensions they use
    "far": (1e8 * CODES, {"model": "ae"}, scaled(1e8), 2),
    "farther": (1e11 * CODES, {"model": "ae"}, scaled(1e11), 2),
    "tiny": (1e-6 * CODES, {"model": "ae"}, scaled(1e-6), 2),
    "away": (1e4 + CODES, {"model": "ae"}, scaled(1.0), 2),
    "line": (LINE + torch.tensor([0.0, 3.0]), {"model": "ae"}, scaled(1.0), 1),
    "diagonal": (LINE @ torch.tensor([[1.0, 2.0], [0.0, 0.0]]), {"model": "ae"}, scaled(1.0), 1),
    "far-line": (1e8 * LINE, {"model": "ae"}, scaled(1e8), 1),
    "place": (0 * CODES + torch.tensor([0.3, -7.0]), {"model": "ae"}, scaled(1.0), 0),
    "nearly": (torch.tensor([0.3, -7.0]) + 1e-6 * CODES, {"model": "ae"}, scaled(1.0), 0),
    "zero": (0 * CODES, {}, scaled(1.0), 0),
    "beta": (3e-4 * CODES, {"beta": 100.0}, scaled(1.0), 0),
    "half": (CODES * torch.tensor([1.0, 1e-3]), {"likelihood": "bernoulli-grey"}, scaled(1.0), 1),
    "deaf": (CODES, {}, deaf, 2),
    "deaf-ae": (CODES, {"model": "ae"}, deaf, 2),
    "zero-cvae": (0 * CODES, {"model": "cvae"}, deaf, 0),
    "one": (CODES[:1], {"model": "ae"}, scaled(1.0), 0),
}
STILL = ("place", "nearly", "zero", "beta", "one")  # the codes of two images decode to what looks the same
DEAF = ("deaf", "deaf-ae", "zero-cvae")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with all of them, and a replay of each."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, (codes, settings, edit, _) in MODELS.items():
        made = read(written.write(folder / name, codes, edit=edit, network="small", **settings))
        recorder = Recorder(2)
        weights = {each: value for each, value in made.model.state_dict().items() if not each.startswith("encoder.")}
        for step in (0, 1):
            recorder.taken.append(
                Snapshot(step, float(step), weights, snapshots._small(made.codes), {"loss_nats": 1.0})
            )
        snapshots.write(folder / name, made, recorder)
    return folder


@pytest.fixture(params=MODELS)
def name(request, folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", folder)
    monkeypatch.setattr(results, "test_images", lambda *_: None)
    monkeypatch.setattr(results, "to_fetch", lambda *_: None)
    return request.param


def show(page, **query):
    """A page alone, opened by a link, without an exception or an error."""
    app = run_page(page, seconds=SECONDS, **query)
    assert errors(app) == []
    return app


# Every page


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
@pytest.mark.parametrize("more", [{}, {"z1_left": "-1e9", "z2_left": "7e11", "magnification": "1"}])
def test_maps_shows_it_and_says_when_it_has_collapsed(name, more):
    app = show("maps", left=name, right=name, **more)
    used = MODELS[name][3]
    assert (f"collapsed: the codes use {used} of 2 dimensions" in html(app)) == (used < 2)
    assert "collapsed: the codes use 2" not in html(app)
    assert len(app.number_input) == 4
    assert ("No magnification" in html(app)) == (bool(more) and name in DEAF)


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
@pytest.mark.parametrize("path", ["arc", "geodesic"])
def test_interpolate_shows_every_path_or_says_why_there_is_no_geodesic(name, path):
    app = show("interpolate", left=name, right=name, path=path, image_a="0", image_b="1")
    assert ("No geodesic" in html(app)) == (name in (*DEAF, *STILL))
    assert html(app).count("latent-table") == 2


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
def test_interpolate_shows_points_that_were_set_anywhere(name):
    ends = {"a1_left": "-3", "a2_left": "1e-7", "b1_left": "8e8", "b2_left": "-2.5"}
    show("interpolate", left=name, right=name, path="geodesic", snap="0", **ends)


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
@pytest.mark.parametrize("page", ["draw", "replay"])
def test_draw_and_replay_show_it(name, page):
    show(page, left=name, right=name, replay_left=name, replay_right=name, manifold="1")


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
def test_bound_and_classes_show_those_that_they_can(name):
    if MODELS[name][1].get("model") != "ae":
        show("bound", bound_model=name)
    if MODELS[name][1].get("model") == "cvae":
        show("classes", style=name)


@pytest.mark.fault("weights or codes that cannot be drawn took a page down")
def test_all_of_it_can_be_taken_away(name):
    resource = checkpoints.resource(name)
    model = contents(name).spec["models"][name]
    assert all(low < high for low, high in (model["x"], model["y"]))
    for made in (export_menu.export.csv, export_menu.export.npz):
        assert made(export_menu.codes_of(resource))


# Laws


def assert_read_back(checkpoint, resource, index, digit=0):
    code = checkpoint.codes[index]
    z = tuple(map(coordinate, code.tolist()))
    read = decode.at(checkpoint.model, np.array([z]), digit).astype(int)
    assert np.abs(read - decode.at(checkpoint.model, code[None].numpy(), digit)).max() <= 1
    assert points.describe(checkpoint, z, digit, results.radius(resource)).codes_near > 0


@pytest.mark.fault("coordinates had one scale, whatever that of the codes")
def test_every_code_that_is_clicked_is_read_back_as_it_is_and_has_codes_near(name):
    resource = checkpoints.resource(name)
    for index in range(0, len(resource.checkpoint.codes), 400):
        assert_read_back(resource.checkpoint, resource, index)


@pytest.mark.parametrize("shipped", ["ae", "vae", "cvae", "vae-best", "cvae-best"])
def test_every_code_of_a_shipped_model_is_read_back_as_it_is_and_has_codes_near(shipped):
    resource = checkpoints.resource(shipped)
    for index in range(0, 10_000, 997):
        assert_read_back(resource.checkpoint, resource, index, 3)


@pytest.mark.fault("coordinates had one scale, whatever that of the codes")
def test_half_a_mark_beside_a_code_there_is_a_code_near(name):
    """What one sees as a code's mark is near it, however little its neighbours differ."""
    resource = checkpoints.resource(name)
    code, aside = resource.checkpoint.codes[0].double().numpy(), figures.fine(figures.box(resource.figure))
    for angle in np.linspace(0, 6, 7):
        z = code + 0.9 * aside * np.array([math.cos(angle), math.sin(angle)])
        z = tuple(map(coordinate, z))
        assert points.describe(resource.checkpoint, z, 0, results.radius(resource)).codes_near > 0


def test_the_first_pin_has_codes_near_on_a_model_with_a_prior_and_is_short(name):
    resource = checkpoints.resource(name)
    z = results.start(resource)
    if resource.stored.config.has_prior:
        assert points.describe(resource.checkpoint, z, 0, results.radius(resource)).codes_near > 0
    moved = points.rounded(np.array([0.123456789, -7.0]), results.radius(resource))
    assert abs(moved[0] - 0.123456789) <= max(0.1 * results.radius(resource), 1e-3)


def test_keys_move_a_point_by_a_step_that_one_can_see(name):
    resource = checkpoints.resource(name)
    (x0, x1), (y0, y1) = resource.figure.layout.xaxis.range, resource.figure.layout.yaxis.range
    size = max(x1 - x0, y1 - y0)
    assert size / 500 <= figures.step(resource.figure) <= size / 50


@pytest.mark.parametrize(("shipped", "step"), [("ae", 0.1), ("vae", 0.1), ("cvae-best", 0.1)])
def test_on_the_shipped_maps_the_step_is_a_tenth(shipped, step):
    assert figures.step(checkpoints.resource(shipped).figure) == pytest.approx(step)


@pytest.mark.fault("coordinates had one scale, whatever that of the codes")
def test_a_scale_changes_what_a_map_shows_in_nothing_but_its_numbers(folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", folder)
    written.write(folder / "usual", CODES, model="ae", network="small")
    one, usual = checkpoints.resource("far"), checkpoints.resource("usual")
    assert results.radius(one) == pytest.approx(1e8 * results.radius(usual), rel=1e-4)
    assert figures.step(one.figure) == pytest.approx(1e8 * figures.step(usual.figure))
    near = [results.magnification_map(each, 0) for each in (one, usual)]
    assert near[0].high == pytest.approx(1e-16 * near[1].high, rel=1e-3)
    assert np.abs(near[0].shades.astype(int) - near[1].shades).max() <= 1
    ways = [paths.travel(each.checkpoint, 0, "geodesic", *ends(each), results.graph(each, 0))
            for each in (one, usual)]  # fmt: skip
    assert ways[0].length == pytest.approx(ways[1].length, rel=1e-2)


def ends(resource):
    return tuple(tuple(map(coordinate, code)) for code in resource.checkpoint.codes[:2].tolist())


# How many dimensions


def turned(codes, angle):
    return codes @ np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


@pytest.mark.parametrize("angle", [0, 0.3, math.pi / 4, 2])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e8])
def test_turning_and_scaling_do_not_change_how_many_dimensions_an_autoencoder_uses(angle, scale):
    codes = CODES.double().numpy()
    for spread, used in (([1, 1], 2), ([1, 0.01], 2), ([1, 1e-4], 1), ([1, 0], 1), ([0, 0], 0)):
        assert used_dimensions(scale * turned(codes * spread, angle), prior=False) == used


@pytest.mark.parametrize("angle", [0, 0.3, math.pi / 4, 2])
def test_a_prior_gives_the_scale_below_which_a_dimension_has_collapsed(angle):
    codes = CODES.double().numpy()
    for spread, used in (([1, 1], 2), ([1, 0.2], 2), ([1, 0.05], 1), ([0.05, 0.05], 0), ([0, 0], 0)):
        assert used_dimensions(turned(codes * spread, angle), prior=True) == used


@pytest.mark.parametrize(("spread", "active"), [([1, 1], 2), ([1, 0.2], 2), ([0.05, 1], 1), ([0.05, 0], 0)])
def test_units_are_active_along_the_axes_of_the_latent_space(spread, active):
    """As many as the dimensions that codes use, unless the codes lie across the axes."""
    codes = CODES.double().numpy() * spread + [100, -7]
    assert active_units(codes) == used_dimensions(codes, prior=True) == active
    assert active_units(turned(codes, math.pi / 4)) == (2 if active else 0)


@pytest.mark.parametrize("shipped", ["ae", "vae", "cvae", "vae-best", "cvae-best"])
def test_no_shipped_model_has_collapsed(shipped):
    assert "collapsed" not in checkpoints.resource(shipped).facts
