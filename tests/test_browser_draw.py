"""The page Draw in a real Chromium: a digit drawn with the mouse, and what is then on the screen."""

import base64
import math
import re

import numpy as np
import pytest
import torch
from chromium import ROOT, Held, canvas_pixels, ready, settle, visit, wait_until

from explorer import state
from explorer.quantities import decode, own_image
from vae.images.mnist_form import crop, fit, mnist_form, place
from vae.images.tensors import to_pixels
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser

ONE = [(150, 40), (146, 90), (140, 140), (136, 190), (132, 240)]
ZERO = [(140 + 60 * math.sin(t / 3), 140 - 90 * math.cos(t / 3)) for t in range(20)]


def visit_draw(page, address, query=""):
    visit(page, f"{address}/draw{query}", "draw_left", "draw_right")
    page.set_default_timeout(60_000)
    page.wait_for_selector(".latent-drawn-ten button:nth-child(10)")


@pytest.fixture(scope="module")
def opened(shared_page, address):
    """Draw in one tab."""
    visit_draw(shared_page, address)
    return shared_page


@pytest.fixture
def empty_pad(opened):
    """Draw with nothing on its pad and in its address, after whatever another test has drawn."""
    if opened.get_by_role("button", name="Clear").is_enabled():
        opened.get_by_role("button", name="Clear").click()
    settle(opened, "!/drawing=/.test(location.search)")
    return opened


def stroke(page, points):
    """Draw a stroke on the pad; the points are in its pixels, and may lie outside."""
    box = page.locator(".latent-pad canvas").first.bounding_box()
    at = [(box["x"] + x, box["y"] + y) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point)
    page.mouse.up()


def answered(page):
    """Wait until the class of the drawing is found, and the drawing stands in the address."""
    found = """() => {
      const draw = latentExplorer.controllerOf('draw');
      const key = `${draw.data.style.bank} all classes`;
      const serial = draw.lattices.images.get(key)?.serial;
      return serial && draw.bayes[key]?.serial === serial && location.search.includes('drawing=');
    }"""
    settle(page, found)


def form(page):
    return canvas_pixels(page, ".latent-form").astype(np.uint8)


def in_the_address(page):
    query = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    return own_image.as_image(state.unpacked(query["drawing"]))


def test_the_form_of_a_drawing_and_of_any_ink_is_pythons(empty_pad):
    page = empty_pad
    stroke(page, ONE)
    stroke(page, [(100, 242), (170, 244)])
    answered(page)
    script = """() => {
      const { data } = document.querySelector('.latent-ink').getContext('2d').getImageData(0, 0, 280, 280);
      return btoa(Array.from({ length: 280 * 280 }, (_, i) => String.fromCharCode(data[4 * i + 3])).join(''));
    }"""
    ink = np.frombuffer(base64.b64decode(page.evaluate(script)), np.uint8).reshape(280, 280)
    expected = mnist_form(ink).astype(int)
    assert np.abs(form(page) - expected).max() <= 1
    assert (in_the_address(page) == form(page)).all()
    assert 50 < expected.sum() / 255 < 130  # as much ink as an MNIST image has
    rng = np.random.default_rng(0)
    for height, width in [(28, 28), (40, 13), (9, 120), (77, 50), (5, 3)]:
        image = np.where(rng.random((height, width)) < 0.3, rng.integers(1, 256, (height, width)), 0).astype(np.uint8)
        image = np.pad(image, ((7, 3), (4, 9)))
        script = "([values, width, height]) => Array.from(latentExplorer.mnistForm(values, width, height))"
        shown = page.evaluate(script, [image.ravel().tolist(), image.shape[1], image.shape[0]])
        assert np.abs(np.array(shown).reshape(28, 28) - place(fit(crop(image / 255)))).max() <= 1


def test_a_drawn_digit_is_read_and_shown_in_all_ten_and_a_click_asks_for_another(empty_pad):
    page = empty_pad
    stroke(page, ONE)
    answered(page)
    assert_read_and_shown(page, 1)
    page.get_by_role("button", name="Clear").click()
    settle(page, "!location.search.includes('drawing=')")
    stroke(page, ZERO)
    answered(page)
    assert_read_and_shown(page, 0)

    page.locator(".latent-choice").nth(6).click()
    settle(page, "location.search.includes('label_drawing=6')")
    assert page.locator(".latent-choice").nth(6).get_attribute("aria-pressed") == "true"
    style = read(ROOT / "checkpoints" / "cvae")
    z = own_image.own_code(style, in_the_address(page), 6).code
    page.wait_for_timeout(300)
    shown = canvas_pixels(page, ".latent-choice:nth-child(6) canvas").astype(int)
    assert np.abs(shown - decode.at(style.model, np.array([z]), 5)[0]).max() <= 3
    page.locator(".latent-choice").nth(6).click()  # and another click leaves it to Bayes
    settle(page, "!location.search.includes('label_drawing')")
    assert page.locator(".latent-choice").nth(0).get_attribute("aria-pressed") == "true"


def assert_read_and_shown(page, digit):
    drawn = in_the_address(page)
    pressed = page.locator(".latent-choice[aria-pressed=true]")
    assert pressed.get_attribute("aria-label").startswith(f"{digit}, with probability")
    for side in ("left", "right"):
        checkpoint = read(ROOT / "checkpoints" / {"left": "ae", "right": "vae"}[side])
        code = own_image.own_code(checkpoint, drawn).code
        shown = canvas_pixels(page, f".st-key-bridge_draw_{side} .latent-screen").astype(int)
        assert np.abs(shown - decode.at(checkpoint.model, np.array([code]))[0]).max() <= 3
        distances = torch.cdist(torch.tensor([code]), checkpoint.codes)[0]
        title = page.locator(f".st-key-bridge_draw_{side} .column canvas").first.get_attribute("title")
        shown_first = int(re.match(r"test image (\d+), ", title)[1])
        assert distances[shown_first] <= distances.min() + 0.01 * checkpoint.codes.std()  # two may be as near
    style = read(ROOT / "checkpoints" / "cvae")
    codes = own_image.codes_given_classes(style, drawn)
    page.wait_for_timeout(300)
    for asked in range(10):
        shown = canvas_pixels(page, f".latent-choice:nth-child({asked + 1}) canvas").astype(int)
        assert np.abs(shown - decode.at(style.model, np.array([codes[digit]]), asked)[0]).max() <= 3


def test_undo_and_clear_and_the_edge_of_the_pad(empty_pad):
    page = empty_pad
    stroke(page, [(140, 60), (140, 200)])
    first = form(page)
    stroke(page, [(60, 140), (330, 150), (200, 230)])  # out beyond the edge, and back
    assert (form(page) != first).any()
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    assert (form(page) == first).all()
    page.get_by_role("button", name="Clear").click()
    assert not form(page).any()
    settle(page, "!location.search.includes('drawing=')")
    page.get_by_role("button", name="Undo").click()
    assert (form(page) == first).all()


def test_a_late_answer_does_not_leave_a_cleared_drawing_in_the_address(page, address):
    held = Held(page)
    visit_draw(page, address)
    held.late = True
    stroke(page, ONE)
    wait_until(page, lambda: any(b"drawing=" in message for message in held.answers))
    before = len(held.asked)
    page.get_by_role("button", name="Clear").click()
    wait_until(page, lambda: len(held.asked) > before)
    held.late = False
    held.release()
    settle(page, "!location.search.includes('drawing=')")


def test_the_maps_have_their_place_before_the_pad_has_come(page, address):
    page.add_init_script("""
      const [places, padding] = [new Set(), '[data-testid=stMainBlockContainer]'];
      globalThis.places = places;
      const look = () => {
        const parts = [...document.querySelectorAll('.st-key-draw_top > *')];
        const maps = parts.find((part) => part.querySelector('.st-key-panel_draw_left'));
        const styled = maps && getComputedStyle(document.querySelector(padding)).paddingLeft === '32px';
        if (styled) places.add(Math.round(maps.getBoundingClientRect().x));
        requestAnimationFrame(look);
      };
      look();
    """)
    visit_draw(page, address)
    assert page.evaluate("[...places]") == [32 + 280 + 16]


def test_a_finger_draws_too(browser, address):
    with browser.new_context(viewport={"width": 1400, "height": 900}, has_touch=True) as context:
        page = context.new_page()
        visit_draw(page, address)
        box = page.locator(".latent-pad canvas").first.bounding_box()
        session = context.new_cdp_session(page)
        for kind, x, y in [("Start", 140, 50), ("Move", 140, 130), ("Move", 140, 230), ("End", 0, 0)]:
            touches = [] if kind == "End" else [{"x": box["x"] + x, "y": box["y"] + y}]
            session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches})
        page.wait_for_function("location.search.includes('drawing=')")
        assert form(page).any()


def test_the_browsers_encoders_are_torchs(empty_pad, mnist):
    page = empty_pad
    x = to_pixels(mnist.test_images[:40])
    find = "(name) => latentExplorer.bankIds().find((id) => id.startsWith(name + '-') && id.endsWith('-encoder'))"
    script = """([id, x]) => latentExplorer.bankOf(id).then(
        (bank) => x.map((pixels) => latentExplorer.encode(bank, pixels, 7).code))"""
    for name in ("ae", "vae", "cvae"):  # of both maps and of the ten classes
        checkpoint = read(ROOT / "checkpoints" / name)
        shown = torch.tensor(page.evaluate(script, [page.evaluate(find, name), x.flatten(1).tolist()]))
        codes = checkpoint.model.encode(x, torch.full((40,), 7))
        assert ((shown - codes).abs() < 5e-3 * checkpoint.codes.std(dim=0)).all(), name


def test_it_goes_to_a_path_and_by_a_link_reopened_to_bound(page, address, mnist):
    visit_draw(page, address)
    stroke(page, ZERO)
    answered(page)
    drawn, url, before = in_the_address(page), page.url, form(page)
    assert len(url) < 1000
    page.get_by_role("button", name="Path B").click()
    page.wait_for_url("**/interpolate**")
    ready(page)
    query = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    z = own_image.own_code(read(ROOT / "checkpoints" / "ae"), drawn).code
    assert (float(query["b1_left"]), float(query["b2_left"])) == pytest.approx(z, abs=1e-3)
    visit_draw(page, url.split("/draw")[0], url.split("/draw")[1])
    answered(page)
    assert (form(page) == before).all()
    page.get_by_role("button", name="Bound").click()
    page.wait_for_selector(".latent-drawn figure:nth-child(8)")
    assert "your drawing" in page.locator(".st-key-bound_images").inner_text()
    assert "drawn_bound=1" in page.url
