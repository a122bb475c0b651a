"""What is selected and found on the maps, in a real Chromium: by mouse, key and finger, in the app and in its file."""

import csv
import io
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from chromium import ROOT, canvas_pixels, drawn, place, ranges, ready, settle, visit
from files import html_file

from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser
MAPS = "latentExplorer.controllerOf('maps')"
SQUARE = ((0.4, 0.35), (0.6, 0.35), (0.6, 0.55), (0.4, 0.55))  # as parts of a plane's width and height
STAR = ((0, 1), (0.6, -0.8), (-1, 0.3), (1, 0.3), (-0.6, -0.8))  # crosses itself: its middle is wound around twice


def within(polygon, codes):
    """The codes around which a polygon winds: the angles under which its sides are seen add up to whole turns."""
    corners = np.array(polygon)
    seen = (corners[None, :] - codes[:, None]) @ np.array([1, 1j])
    turns = np.angle(np.roll(seen, -1, axis=1) / seen).sum(1) / (2 * np.pi)
    return np.flatnonzero(np.round(turns) != 0)


def kept(page, name):
    """What stands behind the # of the address."""
    page.wait_for_timeout(400)
    return parse_qs(urlsplit(page.url).fragment).get(name, [None])[0]


def lasso(page):
    """Whose the lasso is, and its corners."""
    of, *ends = kept(page, "lasso").split(",")
    return of, np.array(ends, dtype=float).reshape(-1, 2)


def selected(page):
    settle(page, "!document.querySelector('.latent-selection').hidden")
    return page.evaluate(f"{MAPS}.selected.indices")


def tally(page):
    rows = page.locator(".latent-tally li").evaluate_all(
        "all => all.map((row) => [...row.querySelectorAll('span')].map((each) => each.textContent))"
    )
    return {int(name): int(count.replace(",", "")) for name, count in rows}


def draw(page, places):
    page.mouse.move(*places[0])
    page.mouse.down()
    for at in (*places[1:], places[0]):  # it ends where it began, which is no click
        page.mouse.move(*at, steps=4)
    page.mouse.up()


def on_canvas(page, side, z):
    """The colours that are drawn over a map around a point of the plane, (H, W, 4)."""
    script = f"""([side, z]) => {{ const {{ view, over }} = {MAPS}.charts[side]; const [x, y] = view.toPixel(z);
      const at = [x - 12, y - 12].map((each) => Math.round(each * devicePixelRatio));
      const size = Math.round(24 * devicePixelRatio);
      return Array.from(over.getContext('2d').getImageData(...at, size, size).data) }}"""
    pixels = np.array(page.evaluate(script, [side, list(map(float, z))]))
    side = int((len(pixels) / 4) ** 0.5)
    return pixels.reshape(side, side, 4)


@pytest.mark.mnist
def test_what_is_drawn_around_found_and_zoomed_in_on(page, address, mnist):
    visit(page, address, "map_left", "map_right")
    models = {name: read(ROOT / "checkpoints" / name) for name in ("ae", "vae")}
    codes, labels = models["vae"].codes.double().numpy(), models["vae"].labels.numpy()

    page.mouse.move(*place(page, "map_right", 0.5, 0.5)[0])
    page.locator(".st-key-map_right .latent-rope").click()
    corners = [place(page, "map_right", *at) for at in SQUARE]
    draw(page, [at for at, _ in corners])
    inside = selected(page)
    of, polygon = lasso(page)
    pixel = np.ptp(ranges(page, "map_right")[0]) / page.locator(".st-key-map_right .nsewdrag").bounding_box()["width"]
    assert of == "vae"
    assert all(np.abs(polygon - z).max(1).min() < 2.5 * pixel for _, z in corners)
    assert inside == within(polygon, codes).tolist()
    assert "z1_right" not in page.url
    assert tally(page) == {label: int((labels[inside] == label).sum()) for label in set(labels[inside].tolist())}
    lit = np.array(page.evaluate(f"Array.from({MAPS}.selected.lit.left.codes)")).reshape(-1, 2)
    np.testing.assert_allclose(lit, models["ae"].codes.numpy()[inside])
    assert page.locator(".st-key-map_left .latent-stage.latent-dimmed").count() == 1

    page.wait_for_function("document.querySelector('.latent-selection figcaption').textContent === 'mean'")
    originals = mnist.test_images[inside].numpy().astype(float)
    for rank, expected in enumerate((originals.mean(0), 2 * originals.std(0))):
        shown = canvas_pixels(page, f".latent-selection figure:nth-of-type({rank + 1}) canvas").astype(int)
        assert np.abs(shown - expected.squeeze()).max() <= 1
    with page.expect_download() as file:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(file.value.path().read_text(encoding="utf-8"))))
    assert [int(row["index"]) for row in rows] == inside
    table = np.array([[float(row[f"{axis}_{name}"]) for name in models for axis in ("z1", "z2")] for row in rows])
    np.testing.assert_array_equal(
        table.astype(np.float32), np.hstack([model.codes.numpy()[inside] for model in models.values()])
    )

    image = page.locator(".latent-gallery-page button").nth(3)
    assert image.get_attribute("aria-label") == f"Test image {inside[3]}: {labels[inside[3]]}"
    image.hover()
    drawn(page)
    ring = page.locator(".st-key-map_left .latent-ring")
    assert ring.evaluate("(ring) => ring.style.visibility") == "visible"
    image.click()
    field = "document.querySelector('.st-key-z1_{} input').value"
    for side, name in (("left", "ae"), ("right", "vae")):
        z1 = float(models[name].codes[inside[3], 0])
        settle(page, f"(z1) => Math.abs({field.format(side)} - z1) < 1e-6", z1)

    gone = int(np.bincount(labels[inside]).argmax())
    page.locator(".st-key-map_left .legendtoggle").nth(gone).click()
    settle(page, f"(many) => {MAPS}.selected.indices.length < many", len(inside))
    assert selected(page) == [index for index in inside if labels[index] != gone]
    page.locator(".st-key-map_left .legendtoggle").nth(gone).click()

    star = [[0.8 * x, 0.8 * y] for x, y in STAR]
    page.evaluate(f"(star) => {{ {MAPS}.lasso.hold('vae', star); {MAPS}.lassoed() }}", star)
    settle(page, f"(many) => {MAPS}.selected.indices.length !== many", len(inside))
    assert selected(page) == within(star, codes).tolist()

    stage = page.locator(".st-key-map_right .latent-stage")
    stage.focus()
    page.mouse.move(5, 5)
    for key in ("s", "Shift+ArrowRight", "ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    ready(page)
    _, rectangle = lasso(page)
    x, y = (np.mean(axis) for axis in ranges(page, "map_right"))
    half = np.array([24 + 40 + 8, 24 + 8]) * pixel
    assert np.abs(np.ptp(rectangle, axis=0) - 2 * half).max() < pixel
    assert np.abs(rectangle.mean(0) - [x, y]).max() < pixel
    assert selected(page) == within(rectangle, codes).tolist()
    page.get_by_role("button", name="Clear").click()
    settle(page, "document.querySelector('.latent-selection').hidden")
    assert kept(page, "lasso") is None

    index = page.get_by_label("Test image", exact=True)
    index.fill("12000")
    index.press("Enter")
    page.get_by_text("12000 is not within 0 to 9999").wait_for()
    assert kept(page, "find") is None
    index.fill("77")
    index.press("Enter")
    assert kept(page, "find") == "77"
    for side, name in (("left", "ae"), ("right", "vae")):
        white = on_canvas(page, side, models[name].codes[77].tolist()).min(-1) > 200
        assert white.sum() > 20, side
    page.get_by_label("or one of class").select_option("4")
    page.get_by_role("button", name="Show me one").click()
    assert labels[int(kept(page, "find"))] == 4

    assert page.evaluate(f"{MAPS}.images.right.count") == 0
    for _ in range(7):
        stage.press("+")
    page.wait_for_function(f"{MAPS}.images.right.count > 20")
    ready(page)
    shown, side = page.evaluate(f"[{MAPS}.images.right.indices, {MAPS}.images.right.side]")
    pixel = np.ptp(ranges(page, "map_right")[0]) / page.locator(".st-key-map_right .nsewdrag").bounding_box()["width"]
    apart = np.abs(codes[shown][:, None] - codes[shown][None]).max(-1) / pixel
    assert apart[~np.eye(len(shown), dtype=bool)].min() > side + 4  # two frames, of 2 pixels each
    assert side >= 20
    middle = [np.mean(axis) for axis in ranges(page, "map_right")]
    nearest = shown[int(np.hypot(*(codes[shown] - middle).T).argmin())]
    drawing = on_canvas(page, "right", codes[nearest])[..., :3]
    ratio = page.evaluate("devicePixelRatio")
    assert (drawing.max(-1) - drawing.min(-1) <= 2).all()  # all of it lies within the image, which is grey
    assert drawing.shape[0] == 24 * ratio
    assert drawing.max() > 200
    at, _ = place(page, "map_right", 0.5, 0.5)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 40, at[1] + 20, steps=4)
    page.mouse.up()
    ready(page)
    assert page.evaluate(f"{MAPS}.images.right.indices") == shown


def test_the_file_selects_with_a_finger_and_finds_what_its_link_asks_for(browser, tmp_path):
    file = tmp_path / "explorer.html"
    file.write_bytes(html_file("ae", "vae"))
    looks = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "offline": True}
    with browser.new_context(**looks) as context:
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{file.as_uri()}#find=10000")
        page.wait_for_selector(".st-key-map_left .latent-layers", state="attached")
        page.get_by_text("there are only those from 0 to 9,999").wait_for()
        page.get_by_label("Test image", exact=True).fill("3")
        page.keyboard.press("Enter")
        page.locator(".latent-found button canvas").nth(1).wait_for()
        page.evaluate("scrollTo(0, 0)")
        page.locator(".st-key-map_left .latent-rope").tap()
        box = page.locator(".st-key-map_left .latent-plot").bounding_box()
        corners = [(0.3, 0.3), (0.3, 0.8), (0.7, 0.8), (0.7, 0.3), (0.3, 0.3)]
        path = np.concatenate([np.linspace(a, b, 6) for a, b in pairwise(corners)])
        session = context.new_cdp_session(page)
        for i, (across, down) in enumerate(path):
            at = {"x": box["x"] + across * box["width"], "y": box["y"] + down * box["height"]}
            touch = {"type": "touchMove" if i else "touchStart", "touchPoints": [at]}
            session.send("Input.dispatchTouchEvent", touch)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.locator(".latent-selection").wait_for()
        assert page.evaluate("scrollY") == 0
        of, polygon = lasso(page)
        inside = within(polygon, read(ROOT / "checkpoints" / of).codes.double().numpy())
        assert of == "ae"
        assert f"{len(inside):,} of 10,000 images" in page.locator(".latent-selection").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert errors == []
