"""Laws of the paths' lengths and of the map of the magnification."""

import numpy as np
import pytest
import torch
from chromium import ROOT

from explorer.quantities import magnification, paths, points
from vae.storage.checkpoint import read

KINDS = ("line", "arc", "geodesic")


@pytest.fixture(scope="module", params=["ae", "vae", "cvae", "vae-best"])
def checkpoint(request):
    return read(ROOT / "checkpoints" / request.param)


def ends(checkpoint, a=2, b=7):
    return tuple(tuple(checkpoint.codes[index].tolist()) for index in (a, b))


def test_no_path_is_shorter_than_the_geodesic_nor_has_smaller_steps(checkpoint):
    grid = paths.graph(checkpoint, 7)
    for a, b in ((2, 7), (0, 1), (5, 300)):
        found = {kind: paths.travel(checkpoint, 7, kind, *ends(checkpoint, a, b), grid) for kind in KINDS}
        assert found["geodesic"].length <= min(found["line"].length, found["arc"].length)
        assert found["geodesic"].largest_step <= min(found["line"].largest_step, found["arc"].largest_step)
        assert found["geodesic"].largest_step < 1.3 * found["geodesic"].length / (points.PATH_POINTS - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_is_measured_finer_than_it_is_shown_and_swapping_its_ends_reverses_it(checkpoint, kind):
    there = paths.travel(checkpoint, 7, kind, *ends(checkpoint))
    back = paths.travel(checkpoint, 7, kind, *reversed(ends(checkpoint)))
    assert np.abs(there.points - back.points[::-1]).max() < 1e-4
    assert there.points.shape == (points.PATH_POINTS, 2)
    with torch.no_grad():
        coarse = float(paths.surface(checkpoint, 7).length(torch.from_numpy(there.points).float()))
    assert 0.97 * there.length < coarse <= there.length * (1 + 1e-5)
    assert there.largest_step >= coarse / (points.PATH_POINTS - 1)


def test_only_a_conditional_model_s_lengths_depend_on_the_class(checkpoint):
    three, four = (paths.travel(checkpoint, digit, "line", *ends(checkpoint)).length for digit in (3, 4))
    assert (three != four) == checkpoint.model.conditional


def test_the_map_of_the_magnification_shows_each_place_its_own(checkpoint):
    window = ((-3.0, 3.0), (-1.0, 2.0))
    found = magnification.measure(checkpoint, 7, window)
    height, width = found.shades.shape
    (x0, x1), (y0, y1) = found.window
    assert (x1 - x0) / width == pytest.approx((y1 - y0) / height, rel=1e-3)  # square cells
    assert np.abs(np.array(found.window) - window).max() <= (x1 - x0) / width
    for row, column in ((0, 0), (5, 100), (height - 1, width - 1), (40, 17)):
        z = (x0 + (column + 0.5) / width * (x1 - x0), y1 - (row + 0.5) / height * (y1 - y0))
        true = float(paths.surface(checkpoint, 7).magnification(torch.tensor([z], dtype=torch.float32)))
        share = np.log(np.clip(true, found.low, found.high) / found.low) / np.log(found.high / found.low)
        assert found.shades[row, column] == pytest.approx(255 * share, abs=1)


def test_the_scale_holds_what_the_codes_have(checkpoint):
    found = magnification.measure(checkpoint, 7, ((-3.0, 3.0), (-3.0, 3.0)))
    at_codes = paths.surface(checkpoint, 7).magnification(checkpoint.codes[::7]).detach()
    assert (at_codes >= 0.9 * found.low).float().mean() > 0.95
    assert 0 < found.low < found.high
