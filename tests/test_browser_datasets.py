"""A model of one's own images in a real Chromium: its names and its images are on the screen, and nobody else's."""

import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from chromium import HEADLESS, canvas_pixels, explorer, place, settle, visit
from files import SVG, download, open_files
from own_images import NAMES, copy_of_the_app, draw_pets, train_on

from explorer.quantities import decode
from vae.storage import checkpoint

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A copy of the project with models of a folder `pets` beside those of MNIST."""
    if HEADLESS is None:
        pytest.skip("no Chromium on this machine")
    place = copy_of_the_app(tmp_path_factory.mktemp("own") / "app")
    draw_pets(place / "pets")
    train_on(place / "pets", place / "checkpoints", "ae", "vae", "cvae")
    return place


@pytest.fixture(scope="module")
def own_address(app):
    with explorer(app / "log", app) as address:
        yield address


def legend(page, chart):
    return page.locator(f".st-key-{chart} .legendtext").all_text_contents()


def test_maps_shows_a_folders_names_and_rings_its_images(page, own_address):
    visit(page, f"{own_address}/?left=pets-ae&right=pets-vae", "map_left", "map_right")
    for side in ("left", "right"):
        assert [name.strip() for name in legend(page, f"map_{side}")] == list(NAMES)
        captions = page.locator(f".st-key-near_{side} figcaption").all_inner_texts()
        assert len(captions) == 5
        assert set(captions) <= set(NAMES)
    assert page.locator(".st-key-near_left img[alt*=': ']").count() == 5
    page.mouse.move(*place(page, "map_left", 0.5, 0.5)[0])
    settle(page, "() => document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 2")


@pytest.mark.fault("a name was taken for markup, or written as if it were")
def test_a_picture_has_the_names_as_they_are(page, own_address):
    visit(page, f"{own_address}/?left=pets-ae&right=pets-vae", "map_left", "map_right")
    open_files(page)
    tree = ElementTree.fromstring(download(page, "svg_map_left")[0])
    assert {circle.get("data-class") for circle in tree.iter(f"{SVG}circle")} == set(NAMES)
    assert set(NAMES) <= {"".join(text.itertext()).strip() for text in tree.iter(f"{SVG}text")}


def test_no_image_of_one_set_is_ringed_on_the_map_of_another(page, own_address):
    visit(page, f"{own_address}/?left=pets-ae&right=vae", "map_left", "map_right")
    for side in ("left", "right"):
        page.mouse.move(*place(page, f"map_{side}", 0.5, 0.5)[0])
        settle(page, f"() => document.querySelector('.st-key-map_{side} .latent-lens[style*=\"visible\"]')")
        assert page.locator(".latent-lens[style*=visible]").count() == 1
        page.mouse.move(5, 5)
        settle(page, "() => !document.querySelector('.latent-lens[style*=\"visible\"]')")


def test_classes_shows_a_screen_and_a_choice_for_each_class(page, own_address, app):
    visit(page, f"{own_address}/classes?style=pets-cvae&label=0&morph=2", "style_map")
    assert page.locator(".latent-ten figcaption").all_inner_texts() == list(NAMES)
    for name in ("From class", "Into class"):
        assert page.get_by_label(name).locator("option").all_inner_texts() == list(NAMES)
    model = checkpoint.read(app / "checkpoints" / "pets-cvae").model
    for label in range(3):
        drawn = canvas_pixels(page, f".latent-ten figure:nth-child({label + 1}) canvas").astype(int)
        assert np.abs(drawn - decode.at(model, np.zeros((1, 2)), label)[0]).max() <= 3
    page.get_by_label("From class").select_option("dog")
    page.wait_for_url(re.compile("label=1"))


def test_bound_draws_a_folders_image_and_its_three_classes(page, own_address):
    visit(page, f"{own_address}/bound?bound_model=pets-vae&image_bound=3", "bound_map")
    page.wait_for_selector(".st-key-bound_images figcaption")
    caption = page.locator(".st-key-bound_images figcaption").first.inner_text()
    assert caption in {f"image 3: {name}" for name in NAMES}
    assert len(legend(page, "bound_map")) == 3
    box = page.locator(".st-key-bound_map .nsewdrag").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function(
        "() => !location.search.includes('image_bound=3&') && location.search.includes('image_bound')"
    )


def test_the_folder_may_go_while_the_app_runs(page, own_address, app):
    shutil.move(app / "pets", app / "gone")
    try:
        visit(page, f"{own_address}/?left=pets-ae&right=pets-vae", "map_left", "map_right")
        page.get_by_text(re.compile("The test images of .*pets are not shown")).wait_for()
        assert page.locator(".st-key-near_left img").count() == 5  # the reconstructions alone
    finally:
        shutil.move(app / "gone", app / "pets")
