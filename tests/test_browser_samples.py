"""Samples under the maps in a real Chromium: what the browser draws, and the link to it."""

import numpy as np
import pytest
from chromium import ROOT, drawn, settle, visit

from explorer.quantities import decode
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser
GRID = "latentExplorer.controllerOf('maps').samples.right.grid"
PIXELS = """() => [...document.querySelectorAll("[class*=samples_right] .latent-sample canvas")].map((canvas) =>
  [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0))"""


def samples(page):
    """The points (16, 2) and the images (16, 28, 28) of the right map."""
    images = np.array(page.evaluate(PIXELS)).reshape(-1, 28, 28)
    return np.array(page.evaluate(f"{GRID}.places")), images


def test_samples_are_what_torch_decodes_at_their_points_and_a_link_shows_the_same(page, address):
    visit(page, f"{address}/?sampling=1", "map_left", "map_right")
    page.locator(".latent-sample").nth(15).wait_for()
    model = read(ROOT / "checkpoints" / "vae")
    first, images = samples(page)
    assert np.abs(images - decode.at(model.model, first).astype(int)).max() <= 3
    page.get_by_role("button", name="Reshuffle").click()
    settle(page, "location.search.includes('seed=1')")
    assert (samples(page)[0] != first).all()
    page.get_by_label("Samples from").select_option("codes")
    page.get_by_label("Pixels as").select_option("draw")
    settle(page, "location.search.includes('sample_pixels=draw')")
    places, noisy = samples(page)
    assert set(map(tuple, places.tolist())) <= set(map(tuple, model.codes.double().tolist()))
    off = noisy / 255 - decode.at(model.model, places) / 255
    inner = (noisy > 0) & (noisy < 255)  # the rest is cut off, as a screen does
    assert 0.2 < np.abs(off[inner]).mean() < 0.7  # sigma is 0.71
    visit(page, page.url, "map_left", "map_right")
    page.locator(".latent-sample").nth(15).wait_for()
    again = samples(page)
    assert (again[0] == places).all()
    assert (again[1] == noisy).all()


def test_a_sample_that_is_pointed_at_is_ringed_and_one_that_is_pressed_is_pinned(page, address):
    visit(page, address, "map_left", "map_right")
    assert page.locator(".latent-samples").count() == 0
    page.get_by_text("Samples", exact=True).click()
    tile = page.locator(".latent-sample").nth(6)
    tile.wait_for()
    drawn(page)
    canvas = page.locator(".st-key-map_right .latent-layers canvas").first
    bare = canvas.screenshot()
    tile.focus()
    drawn(page)
    assert page.evaluate(f"{GRID}.pointed") == 6
    assert canvas.screenshot() != bare
    place = page.evaluate(f"{GRID}.places[6]")
    page.keyboard.press("Enter")
    settle(page, "(z) => Math.abs(document.querySelector('.st-key-z1_right input').value - z) < 0.02", place[0])
    page.get_by_text("Samples", exact=True).click()
    page.locator(".latent-samples").wait_for(state="detached")
    settle(page, "!latentExplorer.controllerOf('maps').samples.right")
