"""What is exported, in a real Chromium: pictures of what is on the screen, and the explorer as one file, offline."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from chromium import ROOT, drawn, place, ranges, settle, visit
from files import SVG, download, open_files
from PIL import Image

from explorer import figures
from explorer.quantities import decode
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser
RIGHT_EDGE = "document.querySelector('.st-key-map_right .js-plotly-plot')._fullLayout.xaxis.range[1]"


def frame(page, chart):
    """Where a chart's axes begin and how long they are, in its own pixels."""
    script = "(key) => { const l = document.querySelector(`.st-key-${key} .js-plotly-plot`)._fullLayout;"
    return page.evaluate(script + "return [l.xaxis, l.yaxis].flatMap((a) => [a._offset, a._length]) }", chart)


def expected_circles(page, chart, codes):
    """Where on a chart the codes (N, 2) that it shows must lie."""
    (x0, x1), (y0, y1) = ranges(page, chart)
    left, width, top, height = frame(page, chart)
    seen = (codes[:, 0] >= x0) & (codes[:, 0] <= x1) & (codes[:, 1] >= y0) & (codes[:, 1] <= y1)
    across, down = (codes[seen, 0] - x0) / (x1 - x0), (y1 - codes[seen, 1]) / (y1 - y0)
    return np.stack([left + across * width, top + down * height], axis=1)


def assert_each_code_has_its_circle(page, chart, tree, model, hidden=()):
    (group,) = (group for group in tree.iter(f"{SVG}g") if group.get("class") == "codes")
    codes, labels = model.codes.double().numpy(), model.labels.numpy()
    names = np.array([circle.get("data-class") for circle in group])
    places = np.array([[float(circle.get("cx")), float(circle.get("cy"))] for circle in group])
    assert set(names) == {str(digit) for digit in range(10)} - set(hidden)
    assert [circle.get("fill") for circle in group] == [figures.PALETTES["light"][int(name)] for name in names]
    for name in set(names):
        drawn, expected = places[names == name], expected_circles(page, chart, codes[labels == int(name)])
        assert len(drawn) == len(expected)
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(expected, axis=0), atol=0.01)
    assert (names[1:] != names[:-1]).mean() > 0.6  # in mixed order, so that no class hides another


def test_the_svg_has_a_circle_for_each_code_where_the_zoomed_map_has_it(page, address):
    visit(page, f"{address}/?manifold=1", "map_left", "map_right")
    at, _ = place(page, "map_right", 0.4, 0.6)
    before = ranges(page, "map_right")[0][1]
    page.mouse.move(*at)
    page.mouse.wheel(0, -300)
    settle(page, f"(x) => {RIGHT_EDGE} < x", before)
    page.wait_for_timeout(400)  # Plotly settles the wheel after a pause of its own
    page.locator(".st-key-map_right .legendtoggle").nth(3).click()
    settle(page, "document.querySelector('.st-key-map_right .js-plotly-plot')._fullData[3].visible !== true")
    open_files(page)
    content, name = download(page, "svg_map_right")
    assert name == "vae-map.svg"
    tree = ElementTree.fromstring(content)
    assert_each_code_has_its_circle(page, "map_right", tree, read(ROOT / "checkpoints" / "vae"), hidden={"3"})
    said = [text.text for text in tree.iter(f"{SVG}text")]
    assert {"1σ", "2σ", "3σ"} <= set(said)
    assert [text for text in said if text.isdigit()][-10:] == [str(digit) for digit in range(10)]  # the legend
    (tiles,) = tree.iter(f"{SVG}image")
    assert tiles.get("href").startswith("data:image/png;base64,")
    ticks = page.locator(".st-key-map_right .xtick text, .st-key-map_right .ytick text").all_text_contents()
    assert set(ticks) <= set(said)


def test_the_png_is_the_picture_twice_as_fine_on_the_pages_own_paper_light_or_dark(page, address):
    visit(page, address, "map_left", "map_right")
    open_files(page)
    assert_png_is_the_picture(page, "light", (255, 255, 255))
    page.emulate_media(color_scheme="dark")
    settle(page, "getComputedStyle(document.querySelector('.stApp')).backgroundColor === 'rgb(17, 19, 23)'")
    page.locator("[class*='st-key-png_map_left']").wait_for()
    assert_png_is_the_picture(page, "dark", (17, 19, 23))


def assert_png_is_the_picture(page, scheme, paper):
    content, name = download(page, "png_map_left")
    box = page.locator(".st-key-map_left .js-plotly-plot").bounding_box()
    assert name == "ae-map.png"
    image = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert image.shape[:2] == (2 * box["height"], 2 * box["width"])
    assert tuple(image[-1, -1]) == paper
    checkpoint = read(ROOT / "checkpoints" / "ae")
    codes, labels = checkpoint.codes.double(), checkpoint.labels
    alone = torch.cdist(codes, codes).fill_diagonal_(torch.inf).min(1).values > 0.5
    for digit in range(10):
        colour = np.array([int(figures.PALETTES[scheme][digit][i : i + 2], 16) for i in (1, 3, 5)])
        circles = expected_circles(page, "map_left", codes[alone & (labels == digit)].numpy())
        pixels = [image[round(2 * y), round(2 * x)] for x, y in circles if y > 60 and x > 60]
        near = np.abs(np.array(pixels) - colour).max(1) < 8
        assert near.mean() > 0.9, digit


def test_the_image_is_the_decode_of_the_point_that_was_pinned_last(page, address):
    visit(page, address, "map_left", "map_right")
    at, z = place(page, "map_right", 0.3, 0.3)
    page.mouse.click(*at)
    settle(page, "(z1) => Math.abs(document.querySelector('.st-key-z1_right input').value - z1) < 0.02", z[0])
    shown = [[float(page.get_by_label(f"right {axis}").input_value()) for axis in ("z1", "z2")]]
    open_files(page)
    content, name = download(page, "pin_png_map_right")
    assert name == "vae-pin.png"
    image = np.asarray(Image.open(io.BytesIO(content)))
    assert image.shape == (280, 280)
    decoded = decode.at(read(ROOT / "checkpoints" / "vae").model, np.array(shown))[0]
    assert (image == decoded.repeat(10, axis=0).repeat(10, axis=1)).all()


@pytest.mark.parametrize(
    ("path", "chart", "mark"),
    [("interpolate", "path_right", "A"), ("classes", "style_map", "2σ"), ("bound", "bound_map", "3σ")],
)
def test_every_map_can_be_exported_with_its_marks(page, address, path, chart, mark):
    visit(page, f"{address}/{path}", chart)
    open_files(page)
    tree = ElementTree.fromstring(download(page, f"svg_{chart}")[0])
    assert mark in [text.text for text in tree.iter(f"{SVG}text")]
    codes = sum(1 for group in tree.iter(f"{SVG}g") if group.get("class") == "codes" for _ in group)
    assert codes > 9_000 or (path == "bound" and codes == 0)  # Bound paints them itself, with the posterior
    under = [image.get("href") for image in tree.iter(f"{SVG}image")]
    assert len(under) == (path == "bound")
    assert download(page, f"csv_{chart}")[0].startswith(b"index,label,z1,z2,log_")


@pytest.mark.parametrize(
    ("path", "key", "stage", "name"),
    [
        ("bound", "png_bound_close", ".latent-window", "vae-posterior-close-up.png"),
        ("replay", "png_replay_right", ".latent-panel.right .latent-theatre", "vae-replay.png"),
    ],
)
def test_what_is_on_a_canvas_of_our_own_is_exported_as_it_is_on_the_screen(page, address, path, key, stage, name):
    visit(page, f"{address}/{path}")
    page.wait_for_selector(f"{stage} .latent-layers", state="attached")
    drawn(page)
    seen = np.asarray(Image.open(io.BytesIO(page.locator(stage).screenshot())).convert("RGB")).astype(int)
    open_files(page)
    content, named = download(page, key)
    assert named == name
    image = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert image.shape == seen.shape
    assert (np.abs(image - seen).max(axis=-1) < 40).mean() > 0.98
    assert (image.max(axis=-1) < 128).mean() > 0.002  # lines and labels are there


def test_a_picture_asks_nothing_of_the_server(page, address):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    visit(page, address, "map_left", "map_right")
    open_files(page)
    assert sent
    sent.clear()
    for key in ("svg_map_left", "png_map_right"):
        download(page, key)
    page.wait_for_timeout(300)
    assert sent == []
