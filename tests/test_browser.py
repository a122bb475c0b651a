"""The app in a real Chromium: what a person does, and what must then be on the screen."""

import base64
import io
import math
import re

import numpy as np
import pytest
import torch
from browser import CHROMIUM, LAUNCH, READY, ROOT, explorer
from PIL import Image

import compute
import evidence
from vae import quadrature
from vae.checkpoint import read
from vae.data import to_pixels

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
PAGES = {"": "map_left", "interpolate": "path_left", "classes": "style_map", "bound": "bound_map"}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with explorer(tmp_path_factory.mktemp("explorer") / "log") as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(**LAUNCH)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


def visit(page, address, *charts):
    """Open a page, and wait until its charts can be touched."""
    page.set_default_timeout(30_000)
    page.goto(address)
    for chart in charts:
        page.wait_for_selector(f".st-key-{chart} .latent-layers", state="attached")
    page.wait_for_selector(READY)


def settle(page, expression, argument=None):
    page.wait_for_function(expression, arg=argument)
    page.wait_for_selector(READY)


def plane(page, chart):
    return page.locator(f".st-key-{chart} .nsewdrag").bounding_box()


def ranges(page, chart):
    script = "(key) => { const l = document.querySelector(`.st-key-${key} .js-plotly-plot`)._fullLayout;"
    return page.evaluate(script + "return [l.xaxis.range, l.yaxis.range] }", chart)


def place(page, chart, across, up):
    """The screen position and the latent point at a fraction of a chart's width and height."""
    box = plane(page, chart)
    x, y = ranges(page, chart)
    at = (round(box["x"] + across * box["width"]), round(box["y"] + (1 - up) * box["height"]))
    z1 = x[0] + (at[0] - box["x"]) / box["width"] * (x[1] - x[0])
    z2 = y[1] - (at[1] - box["y"]) / box["height"] * (y[1] - y[0])
    return at, (z1, z2)


def pinned(page, side):
    return tuple(float(page.get_by_label(f"{side} {axis}").input_value()) for axis in ("z1", "z2"))


def picture(page, side):
    """The grey levels of the server's picture of a pinned point."""
    source = page.locator(f".st-key-decoded_{side} img.digit").get_attribute("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))


def canvas_pixels(page, selector):
    """The grey levels drawn on one 28 x 28 canvas."""
    script = "(s) => Array.from(document.querySelector(s).getContext('2d').getImageData(0, 0, 28, 28).data)"
    return np.array(page.evaluate(script, selector)).reshape(28, 28, 4)[..., 0]


def pick(page, chart, side, across, up):
    """Click a place of a map, and give the point that is pinned then."""
    at, z = place(page, chart, across, up)
    page.mouse.click(*at)
    shows = (
        "([side, z1]) => Math.abs(document.querySelector(`.st-key-z1_${side} input`).value - z1) < 0.02 * Math.abs(z1)"
    )
    settle(page, shows, [side, z[0]])
    return z


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_click_on_the_empty_plane_shows_what_torch_decodes_there(page, address, side):
    visit(page, address, "map_left", "map_right")
    aimed = pick(page, f"map_{side}", side, 0.06, 0.93)
    z = pinned(page, side)
    assert math.dist(z, aimed) < 0.02 * max(1, math.hypot(*aimed))
    model = read(ROOT / "checkpoints" / {"left": "ae", "right": "vae"}[side]).model
    assert (picture(page, side) == compute.decode(model, np.array([z]))[0]).all()


@pytest.mark.parametrize("name", ["ae", "vae", "cvae", "vae-best", "cvae-best"])
def test_the_browser_decodes_as_torch_does(page, address, name):
    visit(page, f"{address}/?left={name}", "map_left", "map_right")
    model = read(ROOT / "checkpoints" / name).model
    z = np.random.default_rng(0).uniform(-3, 3, size=(8, 2))
    script = "([id, z]) => latentExplorer.bankOf(id).then((b) => z.map((p) => Array.from(b.decode(p, 7))))"
    drawn = np.array(page.evaluate(script, [page.evaluate("latentExplorer.bankIds()")[0], z.tolist()]))
    with torch.inference_mode():
        labels = torch.full((8,), 7) if model.conditional else None
        decoded = model.decode(torch.tensor(z, dtype=torch.float32), labels).flatten(1).numpy()
    assert np.abs(drawn - decoded).max() < 5e-3


def test_the_lens_shows_the_point_under_the_pointer_and_the_image_on_both_maps(page, address):
    visit(page, address, "map_left", "map_right")
    at, z = place(page, "map_right", 0.55, 0.4)
    page.mouse.move(*at)
    page.wait_for_function("document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 2")
    model = read(ROOT / "checkpoints" / "vae").model
    drawn = canvas_pixels(page, ".st-key-map_right .latent-lens canvas").astype(int)
    assert np.abs(drawn - compute.decode(model, np.array([z]))[0].astype(int)).max() <= 3
    other = read(ROOT / "checkpoints" / "ae")
    index = int(torch.cdist(torch.tensor([z]), read(ROOT / "checkpoints" / "vae").codes).argmin())
    drawn = canvas_pixels(page, ".st-key-map_left .latent-lens canvas").astype(int)
    assert np.abs(drawn - compute.decode(other.model, other.codes[index].numpy())[0].astype(int)).max() <= 3
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 0")


def test_three_maps_share_one_cursor_and_the_third_can_be_clicked(page, address):
    visit(page, f"{address}/?middle=vae&right=vae-best", "map_left", "map_middle", "map_right")
    page.mouse.move(*place(page, "map_middle", 0.5, 0.5)[0])
    lenses = "[...document.querySelectorAll('.latent-lens')]"
    settle(page, f"() => {lenses}.filter((lens) => lens.style.visibility === 'visible').length === 3")
    aimed = pick(page, "map_right", "right", 0.4, 0.45)
    assert math.dist(pinned(page, "right"), aimed) < 0.02 * max(1, math.hypot(*aimed))
    model = read(ROOT / "checkpoints" / "vae-best").model
    assert (picture(page, "right") == compute.decode(model, np.array([pinned(page, "right")]))[0]).all()


def test_zoom_survives_clicks_toggles_and_the_other_map(page, address):
    visit(page, address, "map_left", "map_right")
    at, _ = place(page, "map_left", 0.5, 0.5)
    before = ranges(page, "map_left")
    page.mouse.move(*at)
    page.mouse.wheel(0, -300)
    narrower = "(x) => document.querySelector('.st-key-map_left .js-plotly-plot')._fullLayout.xaxis.range[1] < x"
    settle(page, narrower, before[0][1])
    page.wait_for_timeout(400)  # Plotly settles the wheel after a pause of its own
    zoomed = ranges(page, "map_left")
    assert zoomed[0][1] - zoomed[0][0] < 0.95 * (before[0][1] - before[0][0])
    pick(page, "map_left", "left", 0.3, 0.4)
    pick(page, "map_right", "right", 0.7, 0.4)
    page.get_by_text("manifold", exact=True).click()
    page.wait_for_selector(".latent-with-tiles")
    page.wait_for_selector(READY)
    assert ranges(page, "map_left") == zoomed


def test_a_double_click_is_one_pick_and_a_drag_is_none(page, address):
    visit(page, address, "map_left", "map_right")
    page.evaluate("latentExplorer.picks = 0")
    at, _ = place(page, "map_right", 0.3, 0.3)
    page.mouse.dblclick(*at)
    page.wait_for_timeout(600)
    assert page.evaluate("latentExplorer.picks") == 1
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 60, at[1] + 20, steps=5)
    page.mouse.up()
    page.wait_for_timeout(600)
    assert page.evaluate("latentExplorer.picks") == 1


def test_keys_do_what_the_pointer_does(page, address):
    visit(page, address, "map_left", "map_right")
    before = pinned(page, "right")
    page.locator(".st-key-map_right .latent-stage").focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    page.wait_for_selector(".st-key-map_right .latent-lens[style*='visible']")
    page.keyboard.press("Enter")
    settle(page, "(z) => Number(document.querySelector('.st-key-z1_right input').value) !== z", before[0])
    model = read(ROOT / "checkpoints" / "vae").model
    assert (picture(page, "right") == compute.decode(model, np.array([pinned(page, "right")]))[0]).all()


def test_the_pointer_takes_over_from_the_keys_on_the_other_map(page, address):
    visit(page, address, "map_left", "map_right")
    page.locator(".st-key-map_left .latent-stage").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.st-key-map_left .latent-lens')?.textContent.startsWith('z')")
    at, _ = place(page, "map_right", 0.5, 0.4)
    page.mouse.move(*at)
    page.wait_for_function("document.querySelector('.st-key-map_right .latent-lens').textContent.startsWith('z')")
    page.wait_for_function("document.querySelector('.st-key-map_left .latent-lens').textContent === 'same image'")


def test_of_many_fast_clicks_the_last_one_counts(page, address):
    visit(page, address, "map_left", "map_right")
    for i in range(8):
        at, z = place(page, "map_right", 0.2 + 0.07 * i, 0.3 + 0.05 * i)
        page.mouse.click(*at)
    shows = "(z1) => Math.abs(document.querySelector('.st-key-z1_right input').value - z1) < 0.05"
    settle(page, shows, z[0])
    model = read(ROOT / "checkpoints" / "vae").model
    assert np.abs(picture(page, "right") - grey(model, pinned(page, "right"))).max() == 0


def grey(model, z, label=None):
    """Torch's decode of one point as grey levels (28, 28) int; `label` is a class or ten weights."""
    if label is not None:
        label = torch.tensor([label])
    with torch.inference_mode():
        pixels = model.decode(torch.tensor(np.array([z]), dtype=torch.float32), label)
    return compute.greys(pixels)[0].astype(int)


def test_a_dragged_end_moves_the_path_and_its_frames_are_decoded(page, address):
    visit(page, f"{address}/interpolate?snap=0&z1_left=1", "path_left", "path_right")
    ae, vae = (read(ROOT / "checkpoints" / name) for name in ("ae", "vae"))
    start = vae.codes[2].tolist()
    box, (x, y) = plane(page, "path_right"), ranges(page, "path_right")
    at = (
        box["x"] + (start[0] - x[0]) / (x[1] - x[0]) * box["width"],
        box["y"] + (y[1] - start[1]) / (y[1] - y[0]) * box["height"],
    )
    to, aimed = place(page, "path_right", 0.4, 0.2)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(*to, steps=4)
    page.mouse.up()
    page.wait_for_function("location.search.includes('a1_right=')")
    page.wait_for_selector(READY)
    assert ranges(page, "path_right") == [x, y]
    query = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    moved = float(query["a1_right"]), float(query["a2_right"])
    assert math.dist(moved, aimed) < 0.05
    first = canvas_pixels(page, ".latent-strip:nth-child(2) figure:first-child canvas")
    assert np.abs(first - grey(vae.model, moved)).max() <= 3
    last = canvas_pixels(page, ".latent-strip:nth-child(1) figure:last-child canvas")
    assert np.abs(last - grey(ae.model, ae.codes[7].tolist())).max() <= 3


def test_the_player_plays_and_the_scrubber_decodes_where_it_stands(page, address):
    visit(page, f"{address}/interpolate", "path_left", "path_right")
    scrubber = page.get_by_label("Place on the path, from A to B")
    page.get_by_label("Play").click()
    page.wait_for_function("document.querySelector('.latent-controls input').value > 0.7")
    page.get_by_label("Pause").click()
    scrubber.fill("0.25")
    vae = read(ROOT / "checkpoints" / "vae")
    path = compute.path("line", *(tuple(vae.codes[index].tolist()) for index in (2, 7)))
    shown = canvas_pixels(page, ".latent-bar > canvas:last-child")
    assert np.abs(shown - grey(vae.model, path[len(path) // 4])).max() <= 3


def test_the_path_downloads_as_a_gif(page, address):
    visit(page, f"{address}/interpolate", "path_left", "path_right")
    with page.expect_download() as downloading:
        page.get_by_text("GIF of vae").click()
    film = Image.open(downloading.value.path())
    assert film.format == "GIF"
    assert film.n_frames > 50
    assert film.size == (168, 168)


def test_a_style_is_shown_in_all_ten_classes_and_morphs(page, address):
    visit(page, f"{address}/classes?digit=3&morph=8", "style_map")
    model = read(ROOT / "checkpoints" / "cvae").model
    at, z = place(page, "style_map", 0.6, 0.6)
    page.mouse.move(*at)
    page.wait_for_function("latentExplorer.frames > 1")
    page.mouse.click(*at)
    page.wait_for_function("location.search.includes('z1_style=')")
    page.wait_for_selector(READY)
    page.mouse.move(5, 5)
    z = tuple(float(page.get_by_label(f"style {axis}").input_value()) for axis in ("z1", "z2"))
    for digit in range(10):
        shown = canvas_pixels(page, f".latent-ten figure:nth-child({digit + 1}) canvas")
        assert np.abs(shown - grey(model, z, digit)).max() <= 3
    page.get_by_label("Label, from the first class to the second").fill("0.25")
    weights = [0.0] * 10
    weights[3], weights[8] = 0.75, 0.25
    assert np.abs(canvas_pixels(page, ".latent-morph canvas") - grey(model, z, weights)).max() <= 3


def image_of(mnist, name, index):
    """A test image as a model sees it, (1, 1, 28, 28), with its label where the model is given it."""
    checkpoint = read(ROOT / "checkpoints" / name)
    images = mnist.test_images.numpy()
    images = evidence.black_or_white(images) if checkpoint.config.likelihood == "bernoulli" else images
    label = mnist.test_labels[index : index + 1] if checkpoint.model.conditional else None
    return checkpoint, to_pixels(torch.from_numpy(images[index : index + 1])), label


def visit_bound(page, address, query=""):
    visit(page, f"{address}/bound{query}", "bound_map")
    page.set_default_timeout(60_000)  # for what is integrated and drawn
    page.wait_for_selector(".latent-drawn figure:nth-child(8)")


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


@pytest.mark.mnist
@pytest.mark.parametrize("name", ["vae", "cvae", "vae-best"])
def test_the_browsers_likelihood_is_torchs(page, address, mnist, name):
    visit_bound(page, address, f"?bound={name}&image_bound=18")
    checkpoint, x, label = image_of(mnist, name, 18)
    lens = page.locator(".st-key-bound_map .latent-lens")
    for across, up in ((0.5, 0.5), (0.45, 0.4), (0.55, 0.7)):
        before = lens.inner_text() if lens.count() else ""
        at, z = place(page, "bound_map", across, up)
        page.mouse.move(*at)
        changed = "(old) => (document.querySelector('.st-key-bound_map .latent-lens')?.textContent ?? old) !== old"
        page.wait_for_function(changed, arg=before)
        with torch.inference_mode():
            likelihood = checkpoint.model.likelihood(torch.tensor([z], dtype=torch.float32), label)
        assert number(lens.inner_text().removeprefix("log p ")) == pytest.approx(
            likelihood.log_prob(x).item(), abs=0.02
        )


@pytest.mark.mnist
def test_the_estimates_come_to_the_exact_value(page, address, mnist):
    visit_bound(page, address, "?image_bound=5")
    finished = "document.querySelector('.latent-estimates').textContent.includes('4,096 of 4,096')"
    page.wait_for_function(finished, timeout=120_000)
    said = page.locator(".latent-estimates .latent-legend").inner_text()
    exact, importance, naive = (
        number(re.search(pattern, said)[1])
        for pattern in (r"exact (−[\d.,]+) ±", r"IW-4,096 (−[\d.,]+)", r"prior: (−[\d.,]+) at K = 4,096")
    )
    checkpoint, x, _ = image_of(mnist, "vae", 5)
    assert exact == pytest.approx(quadrature.log_evidence(checkpoint.model, x).log_px_nats.item(), abs=0.02)
    assert importance == pytest.approx(exact, abs=0.1)
    assert naive == pytest.approx(exact, abs=0.7)


@pytest.mark.mnist
def test_the_posterior_is_drawn_where_it_is(page, address, mnist):
    visit_bound(page, address, "?image_bound=18")
    checkpoint, x, _ = image_of(mnist, "vae", 18)
    mode = quadrature.moments(checkpoint.model, x).mode[0].tolist()
    script = """([z1, z2]) => {
      const { xaxis, yaxis } = document.querySelector('.st-key-bound_map .js-plotly-plot')._fullLayout;
      const canvas = document.querySelector('.st-key-bound_map .latent-under');
      const ratio = canvas.width / canvas.clientWidth;
      const at = [xaxis._offset + xaxis.d2p(z1), yaxis._offset + yaxis.d2p(z2)].map((p) => Math.round(ratio * p));
      const { data } = canvas.getContext('2d').getImageData(at[0] - 1, at[1] - 1, 3, 3);
      let [redness, opacity] = [0, 0];
      for (let i = 0; i < 36; i += 4) {
        redness += (data[i] - data[i + 2]) / 9;
        opacity += data[i + 3] / 9;
      }
      return [redness, opacity];
    }"""
    page.wait_for_function(f"(z) => ({script})(z)[1] > 120", arg=mode)
    assert page.evaluate(script, mode)[0] > 60  # orange: more red than blue
    assert page.evaluate(script, [mode[0] + 1.5, mode[1] - 1.5])[1] < 60  # and nothing there


@pytest.mark.mnist
def test_encoding_again_draws_another_code_and_decodes_it(page, address, mnist):
    visit_bound(page, address, "?image_bound=18")
    captions = page.locator(".latent-drawn figcaption")
    drawn = "[...document.querySelectorAll('.latent-drawn canvas')].map((canvas) => canvas.toDataURL())"
    before, pictures = captions.all_inner_texts(), page.evaluate(drawn)
    page.get_by_role("button", name="encode again").click()
    assert captions.all_inner_texts()[1:] == before[:-1]
    assert page.evaluate(drawn)[1:] == pictures[:-1]
    assert page.evaluate(drawn)[0] != pictures[0]


@pytest.mark.mnist
def test_a_click_takes_the_test_image_whose_code_is_nearest(page, address, mnist):
    visit_bound(page, address, "?image_bound=18")
    before = page.locator(".latent-terms").inner_text()
    at, z = place(page, "bound_map", 0.6, 0.35)
    page.mouse.click(*at)
    nearest = int(torch.cdist(torch.tensor([z]), read(ROOT / "checkpoints" / "vae").codes).argmin())
    page.wait_for_function(f"location.search.includes('image_bound={nearest}')")
    settle(page, "(old) => document.querySelector('.latent-terms').innerText !== old", before)
    assert page.get_by_label("Test image", exact=True).input_value() == str(nearest)


@pytest.mark.mnist
def test_units_change_the_numbers_and_nothing_is_drawn_anew(page, address, mnist):
    visit_bound(page, address, "?image_bound=18")
    term, caption = page.locator(".latent-term strong").first, page.locator(".latent-drawn figcaption").first
    page.wait_for_function("document.querySelector('.latent-estimates').dataset.draws > 500")
    nats = number(term.inner_text()), number(caption.inner_text())
    page.get_by_role("radio", name="bits").click()
    settle(page, "() => document.querySelector('.latent-ticks em').textContent === 'bits'")
    assert int(page.locator(".latent-estimates").get_attribute("data-draws")) > 500
    bits = number(term.inner_text()), number(caption.inner_text())
    assert bits == pytest.approx([value / math.log(2) for value in nats], abs=0.02)


@pytest.mark.mnist
def test_the_knob_redraws_all_but_the_image(page, address, mnist):
    visit_bound(page, address, "?bound=family&sigma=0.45&image_bound=18")
    before = page.locator(".latent-terms").inner_text()
    pictures = page.locator(".st-key-bound_images img.digit")
    image, reconstruction = (pictures.nth(i).get_attribute("src") for i in range(2))
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("location.search.includes('sigma=0.3')")
    settle(page, "(old) => document.querySelector('.latent-terms').innerText !== old", before)
    assert pictures.nth(0).get_attribute("src") == image
    assert pictures.nth(1).get_attribute("src") != reconstruction


@pytest.mark.mnist
def test_the_close_up_zooms_under_the_wheel_and_comes_back(page, address, mnist):
    visit_bound(page, address, "?image_bound=18")
    box = page.locator(".latent-window").bounding_box()
    drawn = "document.querySelector('.latent-window .latent-under').toDataURL()"
    page.wait_for_function(f"{drawn}.length > 3000")
    page.wait_for_timeout(500)  # until nothing moves any more
    before = page.evaluate(drawn)
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"(old) => {drawn} !== old", arg=before)
    page.mouse.dblclick(box["x"] + 60, box["y"] + box["height"] - 6)  # below the axis, where nothing is picked
    page.wait_for_function(f"(old) => {drawn} === old", arg=before)


@pytest.mark.mnist
def test_whoever_wants_no_motion_gets_the_estimates_at_once(browser, address, mnist):
    with browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce") as context:
        page = context.new_page()
        visit_bound(page, address, "?image_bound=5")
        counts = page.evaluate("""() => new Promise((resolve) => {
          const seen = new Set();
          const look = () => {
            seen.add(document.querySelector('.latent-count').textContent);
            if ([...seen].some((text) => text.startsWith('4,096'))) resolve([...seen]);
            else requestAnimationFrame(look);
          };
          look();
        })""")
        assert len(counts) <= 3


def test_a_link_reopens_the_view(page, address):
    visit(page, address, "map_left", "map_right")
    pick(page, "map_left", "left", 0.2, 0.7)
    page.get_by_text("manifold", exact=True).click()
    page.wait_for_function("location.search.includes('manifold=1')")
    z = pinned(page, "left")
    visit(page, page.url, "map_left", "map_right")
    assert pinned(page, "left") == z
    page.wait_for_selector(".latent-with-tiles")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 900])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_without_an_error(browser, address, name, scheme, width):
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        visit(page, f"{address}/{name}", PAGES[name])
        background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
        lightness = sum(int(part) for part in background.strip("rgba()").split(",")[:3])
        assert (lightness > 384) == (scheme == "light")
        assert page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert errors == []
