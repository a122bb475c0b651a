"""What is exported, in a real Chromium: pictures of what is on the screen, and the explorer as one file, offline."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from chromium import ROOT, canvas_pixels, drawn, place, ranges, settle, visit
from files import SVG, download, html_file, open_files
from PIL import Image
from strangers import CODES, LABELS, Convolutions

import vae
from explorer import figures
from explorer.markup import terms
from explorer.quantities import decode, points, tabulated
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


@pytest.fixture
def alone(browser, tmp_path):
    """Opens an HTML file as a visitor without a network does; whatever else it asks for, or throws, fails the test."""
    with browser.new_context(viewport={"width": 1400, "height": 900}, offline=True) as context:
        page = context.new_page()
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)

        def open_file(content):
            (tmp_path / "explorer.html").write_bytes(content)
            page.set_default_timeout(30_000)
            page.goto((tmp_path / "explorer.html").as_uri())
            page.wait_for_selector(".st-key-map_left .latent-layers", state="attached")
            return page

        yield open_file
        assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {
            (tmp_path / "explorer.html").as_uri()
        }
        assert errors == []


def pinned(page):
    return tuple(float(page.get_by_label(f"right {axis}").input_value()) for axis in ("z1", "z2"))


def own_frame(page, chart):
    """The rectangle of the plane on a chart of the file's own, and the range of each axis."""
    return page.evaluate("(key) => latentExplorer.viewportOf(key).frame()", chart)


def at(page, chart, across, up):
    """The screen position and the latent point at a fraction of a chart of the file's own."""
    plane = own_frame(page, chart)
    box = page.locator(f".st-key-{chart} .latent-plot").bounding_box()
    left, top = box["x"] + plane["left"], box["y"] + plane["top"]
    (x0, x1), (y0, y1) = plane["x"], plane["y"]
    px, py = round(left + across * plane["width"]), round(top + (1 - up) * plane["height"])
    across, up = (px - left) / plane["width"], 1 - (py - top) / plane["height"]
    return (px, py), (x0 + across * (x1 - x0), y0 + up * (y1 - y0))


@pytest.mark.parametrize("names", [("ae", "vae"), ("cvae", "vae-best"), ("cvae-best", "vae")])
def test_the_file_decodes_as_torch_does(alone, names):
    content, planes = html_file(**dict(zip(("left", "right"), names, strict=True)))
    page = alone(content)
    z = np.random.default_rng(0).uniform(-3, 3, size=(8, 2))
    script = "([id, z]) => latentExplorer.bankOf(id).then((b) => z.map((p) => Array.from(b.decode(p, 7))))"
    for side, name in zip(("left", "right"), names, strict=True):
        model = read(ROOT / "checkpoints" / name).model
        drawn = np.array(page.evaluate(script, [planes[side].id, z.tolist()]))
        with torch.inference_mode():
            labels = torch.full((8,), 7) if model.conditional else None
            decoded = model.decode(torch.tensor(z, dtype=torch.float32), labels).flatten(1).numpy()
        assert np.abs(drawn - decoded).max() < 5e-3


def test_a_decoder_that_is_not_ours_is_read_from_its_table_as_python_reads_it(alone):
    module, title = Convolutions(), "Not ours"
    page = alone(vae.explore(module, CODES, LABELS, title=title, prior=True).html.encode())
    table = tabulated.tabulate(module, CODES, prior=True)
    z = np.concatenate([np.random.default_rng(0).uniform(-3, 3, size=(30, 2)), [[99, 0.3], [-99, -99], CODES[5]]])
    script = "([id, z]) => latentExplorer.bankOf(id).then((b) => z.map((p) => Array.from(b.decode(p))))"
    drawn = np.array(page.evaluate(script, [title, z.tolist()]))
    assert np.abs(drawn - tabulated.between(table, z)).max() < 1e-5
    with torch.no_grad():
        own = module(torch.tensor(z, dtype=torch.float32)).flatten(1).numpy()
    assert np.abs(drawn - own)[:30].max() < 0.02
    assert own[:30].std(axis=0).max() > 0.1
    said = page.locator("section").first.inner_text()
    assert f"a pixel off by {table.error:.1g} on average, {table.largest_error:.1g} at most" in said
    spot, there = at(page, "map_left", 0.55, 0.4)
    page.mouse.move(*spot)
    page.wait_for_selector(".st-key-map_left .latent-lens[style*='visible']")
    lens = canvas_pixels(page, ".st-key-map_left .latent-lens canvas").astype(float)
    assert np.abs(lens - 255 * tabulated.between(table, np.array([there]))[0].reshape(28, 28)).max() <= 3


def test_the_file_from_the_app_opens_with_what_was_pinned_and_describes_the_next_pin_as_the_app_does(
    page, address, alone
):
    visit(page, f"{address}/?z1_right=1.25&z2_right=-0.5&prior=0", "map_left", "map_right")
    open_files(page)
    content, name = download(page, "html")
    assert name == "latent-space-ae-vae.html"
    page = alone(content)
    assert pinned(page) == (1.25, -0.5)
    assert not page.get_by_label("Prior").is_checked()
    spot, z = at(page, "map_right", 0.55, 0.4)
    page.mouse.click(*spot)
    field = "document.querySelector('[aria-label=\"right z1\"]')"
    page.wait_for_function(f"(z1) => Math.abs({field}.value - z1) < 0.01", arg=z[0])
    model = read(ROOT / "checkpoints" / "vae")
    here = points.describe(model, pinned(page), 7, points.radius(model.codes.numpy()))
    described = page.locator("section").nth(1).inner_text()
    assert f"{here.codes_near} codes near" in described
    assert f"{here.sigmas:.2f} σ out, {here.mass_beyond:.0%} of the prior beyond" in described
    near = page.locator("section").nth(1).locator(".alone-near canvas")
    said = [near.nth(i).get_attribute("title") for i in range(points.NEIGHBOURS)]
    assert said == [f"test image {index}, reconstructed" for index in here.neighbours]
    page.mouse.move(*spot)
    page.wait_for_function("() => document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 2")
    lens = canvas_pixels(page, ".st-key-map_right .latent-lens canvas").astype(int)
    assert np.abs(lens - decode.at(model.model, np.array([z]))[0].astype(int)).max() <= 3


def test_the_files_maps_zoom_about_the_pointer_pan_with_it_and_go_back(alone):
    page = alone(html_file(left="ae", right="vae")[0])
    page.get_by_label("Manifold").check()
    page.wait_for_selector(".st-key-map_right .latent-with-tiles")
    spot, z = at(page, "map_right", 0.55, 0.4)
    first = own_frame(page, "map_right")
    (x0, x1), (y0, y1) = first["x"], first["y"]
    right_edge = "latentExplorer.viewportOf('map_right').frame().x[1]"
    page.mouse.move(*spot)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"(x) => {right_edge} < x", arg=x1)
    np.testing.assert_allclose(at(page, "map_right", 0.55, 0.4)[1], z, atol=1e-6)
    page.mouse.dblclick(*spot)
    page.wait_for_function(f"(x) => {right_edge} === x", arg=x1)
    page.mouse.down()
    page.mouse.move(spot[0] + 50, spot[1] - 30, steps=4)
    page.mouse.up()
    width, height = first["width"], first["height"]
    assert (x1 - x0) / width == pytest.approx((y1 - y0) / height)
    moved = at(page, "map_right", 0.55 + 50 / width, 0.4 + 30 / height)
    assert moved[0] == (spot[0] + 50, spot[1] - 30)
    np.testing.assert_allclose(moved[1], z, atol=1e-6)


def test_the_files_legend_filters_what_can_be_touched(alone):
    page = alone(html_file(left="ae", right="vae")[0])
    entries = page.locator(".st-key-map_right .traces")
    entries.nth(7).dblclick()
    drawn(page)
    assert [i for i in range(10) if entries.nth(i).get_attribute("aria-pressed") == "true"] == [7]
    model = read(ROOT / "checkpoints" / "vae")
    spot, z = at(page, "map_right", 0.35, 0.3)
    page.mouse.move(*spot)
    page.wait_for_function("() => document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 2")
    sevens = (model.labels == 7).nonzero()[:, 0]
    nearest = int(sevens[torch.cdist(torch.tensor([z]), model.codes[sevens]).argmin()])
    ae = read(ROOT / "checkpoints" / "ae")
    same = canvas_pixels(page, ".st-key-map_left .latent-lens canvas").astype(int)
    assert np.abs(same - decode.at(ae.model, ae.codes[nearest].numpy())[0].astype(int)).max() <= 3


def test_the_files_terms_explain_themselves_and_its_fields_read_a_comma(alone):
    page = alone(html_file(left="ae", right="vae")[0])
    for word, name in (("codes near", "codes near"), ("5-NN", "5-NN"), ("Manifold", "manifold")):
        page.get_by_text(word, exact=True).first.hover()
        page.get_by_text(terms.GLOSSARY[name].sentences).wait_for()
    field = page.get_by_label("right z1")
    for typed, taken in (("-0,25", "-0.25"), ("x", "-0.25"), ("1.5", "1.5")):
        field.fill(typed)
        field.press("Enter")
        assert field.input_value() == taken


def counts(page):
    """What stands under the frames of both strips."""
    strips = page.locator(".latent-strip")
    return [[int(text) for text in strips.nth(i).locator("figcaption").all_text_contents()] for i in range(2)]


def expected_counts(kind, a, b, frames):
    """The codes near each of some frames from test image a to b, on both maps."""
    found = []
    for name in ("ae", "vae"):
        codes = read(ROOT / "checkpoints" / name).codes.numpy()
        path = points.path(kind, *(tuple(codes[image].tolist()) for image in (a, b)))
        shown = [round(i / (frames - 1) * (len(path) - 1)) for i in range(frames)]
        found.append(points.codes_near(codes, path[shown], points.radius(codes)).tolist())
    return found


def test_the_files_paths_are_the_apps_and_follow_test_images_and_play(alone):
    page = alone(html_file(left="ae", right="vae")[0])
    page.get_by_role("button", name="Interpolate").click()
    page.wait_for_selector(".st-key-path_right .latent-layers", state="attached")
    page.wait_for_selector(".latent-strip figure >> nth=15")
    for kind in ("arc", "line"):
        page.get_by_role("button", name=kind, exact=True).click()
        page.wait_for_selector(f".alone-kinds [aria-pressed=true]:text-is('{kind}')")
        shown = counts(page)
        assert shown == expected_counts(kind, 2, 7, len(shown[0]))
    spot, z = at(page, "path_right", 0.3, 0.3)
    codes = read(ROOT / "checkpoints" / "vae").codes
    ends, clicked = {"a": 2, "b": 7}, torch.cdist(torch.tensor([z]), codes)[0]
    ends[min(ends, key=lambda end: clicked[ends[end]])] = int(clicked.argmin())
    page.mouse.click(*spot)
    page.wait_for_timeout(300)
    assert counts(page) == expected_counts("line", *ends.values(), len(shown[0]))
    started = page.get_by_label("Place on the path").input_value()
    page.get_by_label("Play").click()
    page.wait_for_function("(t) => document.querySelector('.latent-range').value !== t", arg=started)


def test_the_file_has_a_light_and_a_dark_side_and_fits_a_telephone(browser, tmp_path):
    (tmp_path / "explorer.html").write_bytes(html_file(left="ae", right="vae")[0])
    with browser.new_context(viewport={"width": 390, "height": 800}, offline=True) as context:
        page = context.new_page()
        page.goto((tmp_path / "explorer.html").as_uri())
        page.wait_for_selector(".st-key-map_left .latent-layers", state="attached")
        for scheme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(17, 19, 23)")):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function("(paper) => getComputedStyle(document.body).backgroundColor === paper", arg=paper)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
