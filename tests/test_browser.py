"""The app in a real Chromium: what a person does, and what must then be on the screen."""

import base64
import io
import math
import re

import numpy as np
import pytest
import torch
from chromium import ROOT, Held, canvas_pixels, drawn, explorer, place, plane, ranges, ready, settle, visit, wait_until
from files import download, open_files
from PIL import Image

from explorer import figures
from explorer.quantities import decode, points
from vae.images.sources import load_test_split
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser
MODELS = {"left": "ae", "right": "vae"}  # of Maps, where a link asks for no others
PAGES = {"": "map_left", "interpolate": "path_left", "classes": "style_map", "bound": "bound_map", "draw": "draw_left"}


@pytest.fixture(scope="module")
def opened(shared_page, address):
    """Maps in one tab."""
    visit(shared_page, address, "map_left", "map_right")
    return shared_page


@pytest.fixture
def maps(opened):
    """Maps as another test has left it: whatever is pinned, the views are whole and no class is hidden."""
    opened.set_viewport_size({"width": 1400, "height": 900})
    opened.mouse.move(5, 5)
    ready(opened)
    return opened


def pinned(page, side):
    return tuple(float(page.get_by_label(f"{side} {axis}").input_value()) for axis in ("z1", "z2"))


def picture(page, side):
    """The grey levels of the server's picture of a pinned point."""
    source = page.locator(f".st-key-decoded_{side} img.decoded").get_attribute("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))


def pick(page, chart, side, across, up):
    """Click a place of a map, and give the point that is pinned then."""
    at, z = place(page, chart, across, up)
    page.mouse.click(*at)
    shows = (
        "([side, z1]) => Math.abs(document.querySelector(`.st-key-z1_${side} input`).value - z1) < 0.02 * Math.abs(z1)"
    )
    settle(page, shows, [side, z[0]])
    return z


def test_a_click_on_the_empty_plane_of_either_map_shows_what_torch_decodes_there(maps):
    page = maps
    for side, name in MODELS.items():
        aimed = pick(page, f"map_{side}", side, 0.06, 0.93)
        z = pinned(page, side)
        assert math.dist(z, aimed) < 0.02 * max(1, math.hypot(*aimed))
        model = read(ROOT / "checkpoints" / name).model
        assert (picture(page, side) == decode.at(model, np.array([z]))[0]).all(), side


@pytest.mark.parametrize("names", [("ae", "vae", "cvae"), ("vae-best", "cvae-best")])
def test_the_browser_decodes_as_torch_does(page, address, names):
    sides = ("left", "right", "middle")[: len(names)]
    query = "&".join(f"{side}={name}" for side, name in zip(sides, names, strict=True))
    visit(page, f"{address}/?{query}", *(f"map_{side}" for side in sides))
    z = np.random.default_rng(0).uniform(-3, 3, size=(8, 2))
    script = "([id, z]) => latentExplorer.bankOf(id).then((b) => z.map((p) => Array.from(b.decode(p, 7))))"
    banks = page.evaluate("latentExplorer.bankIds()")  # of all maps, in the order in which they came
    for name in names:
        (bank,) = (id for id in banks if re.fullmatch(rf"{name}-[0-9a-f]+", id))
        drawn = np.array(page.evaluate(script, [bank, z.tolist()]))
        model = read(ROOT / "checkpoints" / name).model
        with torch.inference_mode():
            labels = torch.full((8,), 7) if model.conditional else None
            decoded = model.decode(torch.tensor(z, dtype=torch.float32), labels).flatten(1).numpy()
        assert np.abs(drawn - decoded).max() < 5e-3, name


def test_the_lens_shows_the_point_under_the_pointer_and_the_image_on_both_maps(maps):
    page = maps
    at, z = place(page, "map_right", 0.55, 0.4)
    page.mouse.move(*at)
    page.wait_for_function("document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 2")
    model = read(ROOT / "checkpoints" / "vae").model
    drawn = canvas_pixels(page, ".st-key-map_right .latent-lens canvas").astype(int)
    assert np.abs(drawn - decode.at(model, np.array([z]))[0].astype(int)).max() <= 3
    other = read(ROOT / "checkpoints" / "ae")
    index = int(torch.cdist(torch.tensor([z]), read(ROOT / "checkpoints" / "vae").codes).argmin())
    drawn = canvas_pixels(page, ".st-key-map_left .latent-lens canvas").astype(int)
    assert np.abs(drawn - decode.at(other.model, other.codes[index].numpy())[0].astype(int)).max() <= 3
    page.wait_for_selector(".st-key-map_left .latent-pair .latent-original")
    original = canvas_pixels(page, ".st-key-map_left .latent-original")
    assert (original == load_test_split().images[index].numpy()).all()
    assert page.locator(".st-key-map_right .latent-pair").count() == 0  # a point has no original
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 0")


@pytest.mark.fault("the digit followed the pointer, while the words beside it were the pinned point's")
def test_while_hovering_each_picture_stands_beside_its_own_words(maps):
    page = maps
    for side, name in MODELS.items():
        assert_hovering_moves_no_panel(page, side, read(ROOT / "checkpoints" / name).model)


def assert_hovering_moves_no_panel(page, side, model):
    words = f".st-key-decoded_{side}, .st-key-near_{side}"

    def panel():
        return pinned(page, side), page.locator(words).evaluate_all("parts => parts.map((part) => part.innerHTML)")

    before = panel()
    assert (picture(page, side) == decode.at(model, np.array([pinned(page, side)]))[0]).all()
    for across, up in ((0.55, 0.4), (0.2, 0.8), (0.9, 0.1)):
        at, _ = place(page, f"map_{side}", across, up)
        page.mouse.move(*at, steps=5)
        ready(page)
        caption = page.locator(f".st-key-map_{side} .latent-lens span").first.inner_text()
        z = [float(number) for number in caption.replace("−", "-").strip("z ()\n").split(",")]
        drawn = canvas_pixels(page, f".st-key-map_{side} .latent-lens canvas").astype(int)
        step = 10.0 ** -len(caption.strip(") \n").rpartition(".")[2])  # of the numbers in its caption
        corners = np.array(z) + step * np.array([[0, 0], [-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])
        images = decode.at(model, corners).astype(int)
        assert np.abs(drawn - images[0]).max() <= 3 + np.abs(images - images[0]).max()
        assert panel() == before


def test_three_maps_share_one_cursor_and_the_third_can_be_clicked(page, address):
    visit(page, f"{address}/?middle=vae&right=vae-best", "map_left", "map_middle", "map_right")
    page.mouse.move(*place(page, "map_middle", 0.5, 0.5)[0])
    lenses = "[...document.querySelectorAll('.latent-lens')]"
    settle(page, f"() => {lenses}.filter((lens) => lens.style.visibility === 'visible').length === 3")
    aimed = pick(page, "map_right", "right", 0.4, 0.45)
    assert math.dist(pinned(page, "right"), aimed) < 0.02 * max(1, math.hypot(*aimed))
    model = read(ROOT / "checkpoints" / "vae-best").model
    assert (picture(page, "right") == decode.at(model, np.array([pinned(page, "right")]))[0]).all()


def zoom(page):
    """Turn the wheel over the left map, and give what its axes then show."""
    at, _ = place(page, "map_left", 0.5, 0.5)
    before = ranges(page, "map_left")
    page.mouse.move(*at)
    page.mouse.wheel(0, -300)
    narrower = "(x) => document.querySelector('.st-key-map_left .js-plotly-plot')._fullLayout.xaxis.range[1] < x"
    settle(page, narrower, before[0][1])
    page.wait_for_timeout(400)  # Plotly settles the wheel after a pause of its own
    after = ranges(page, "map_left")
    assert after[0][1] - after[0][0] < 0.95 * (before[0][1] - before[0][0])
    return after


def resized(page, width, height=900):
    page.set_viewport_size({"width": width, "height": height})
    settle(page, "(width) => innerWidth === width", width)
    page.wait_for_timeout(500)  # Streamlit lays charts out anew after a pause of its own


def middle(page, chart):
    return np.array(ranges(page, chart)).mean(1)


@pytest.mark.fault("each change of the window's size zoomed the maps out for good")
def test_a_map_zoomed_or_not_shows_the_same_after_the_window_or_a_third_map_took_its_room(page, address):
    visit(page, address, "map_left", "map_right")
    home = ranges(page, "map_left"), ranges(page, "map_right")
    assert_room_changes_no_view(page, home)
    zoom(page)
    assert_room_changes_no_view(page, home)


def assert_room_changes_no_view(page, home):
    """Neither of any window nor of a third map; a double-click then goes home, which is where this ends."""
    before = ranges(page, "map_left"), ranges(page, "map_right")
    for width, height in ((900, 900), (390, 844), (844, 390)):
        resized(page, width, height)
        np.testing.assert_allclose(middle(page, "map_left"), np.array(before[0]).mean(1), rtol=1e-6)
        resized(page, 1400)
        for side, shown in zip(("left", "right"), before, strict=True):
            np.testing.assert_allclose(ranges(page, f"map_{side}"), shown, rtol=1e-6)
    for button, other in (("AE | VAE | best", "Two maps"), ("Two maps", "AE | VAE | best")):
        page.get_by_text(button, exact=True).click()
        page.get_by_text(other, exact=True).wait_for()
        ready(page)
        page.wait_for_timeout(500)
    np.testing.assert_allclose(ranges(page, "map_left"), before[0], rtol=1e-6)
    resized(page, 390)
    page.mouse.dblclick(*place(page, "map_left", 0.5, 0.5)[0])
    ready(page)
    resized(page, 1400)
    np.testing.assert_allclose(ranges(page, "map_left"), home[0], rtol=1e-6)


NO_WEBGL = """for (const canvas of [HTMLCanvasElement, OffscreenCanvas]) {
  const made = canvas.prototype.getContext;
  canvas.prototype.getContext = function (kind, ...rest) {
    return /webgl/.test(kind) ? null : made.call(this, kind, ...rest);
  };
}"""
CLASSES = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in figures.PALETTES["light"]])


def painted(page, chart):
    """How many of a chart's pixels on the screen have the colour of each class."""
    page.mouse.move(5, 5)
    drawn(page)
    clip = plane(page, chart)
    image = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")).astype(int)
    return np.array([(np.abs(image - own).max(-1) <= 4).sum() for own in CLASSES])


@pytest.mark.fault("without WebGL the maps had no points, axes or legend")
def test_without_webgl_every_map_has_its_codes_axes_and_legend_and_a_class_can_be_hidden(page, address):
    page.add_init_script(NO_WEBGL)
    for path, chart in (("interpolate", "path_right"), ("draw", "draw_right")):
        visit(page, f"{address}/{path}?prior=0", chart)
        assert (painted(page, chart) > 100).all(), path
        assert page.locator(f".st-key-{chart} .legend .traces").count() == 10
        assert page.locator(f".st-key-{chart} .ytick text").count() >= 3
    page.locator(".st-key-draw_right .legendtoggle").nth(1).click()
    drawn(page)
    assert painted(page, "draw_right")[1] < 30


@pytest.mark.fault("classes were painted one over the other, so that a 4 lay hidden under a 9")
def test_where_classes_overlap_each_is_seen_as_its_codes_are_many(page, address):
    visit(page, f"{address}/?prior=0", "map_left", "map_right")
    entries = page.locator(".st-key-map_right .legendtoggle")
    entries.nth(4).dblclick()
    page.wait_for_timeout(500)  # else this were a third click
    entries.nth(9).click()
    both = painted(page, "map_right")
    assert 0.5 < both[4] / both[9] < 2


def legend(page, side):
    return page.evaluate(
        f"document.querySelector('.st-key-map_{side} .js-plotly-plot')._fullData.map((t) => t.visible === true)"
    )


def test_the_legend_filters_both_maps_and_its_tooltip_says_how(maps):
    page = maps
    entries = page.locator(".st-key-map_left .legendtoggle")
    entries.nth(4).click()
    expected = [digit != 4 for digit in range(10)]
    assert legend(page, "left") == legend(page, "right") == expected
    assert "this class alone" in page.locator(".st-key-map_left .traces title").first.text_content()
    page.wait_for_timeout(500)
    entries.nth(7).dblclick()
    assert legend(page, "left") == legend(page, "right") == [digit == 7 for digit in range(10)]
    page.wait_for_timeout(500)
    entries.nth(7).dblclick()
    assert all(legend(page, "left") + legend(page, "right"))
    page.locator(".st-key-map_right .traces").nth(2).focus()
    page.keyboard.press("Enter")
    assert legend(page, "left") == [digit != 2 for digit in range(10)]
    page.keyboard.press("Enter")
    assert all(legend(page, "left") + legend(page, "right"))


HIDES = (
    "document.querySelector('.st-key-map_{side} .js-plotly-plot')._fullData"
    ".every((trace, digit) => (trace.visible === true) === (digit !== {hidden}))"
)


def test_a_chain_parts_the_legends_and_ties_them_again_and_a_link_keeps_that(page, address):
    visit(page, address, "map_left", "map_right")
    without = [[digit != hidden for digit in range(10)] for hidden in range(10)]
    page.locator(".st-key-map_left .latent-stage").hover()
    page.locator(".st-key-map_left .latent-chain").click()
    page.locator(".st-key-map_left .legendtoggle").nth(4).click()
    page.locator(".st-key-map_right .legendtoggle").nth(9).click()
    assert [legend(page, side) for side in ("left", "right")] == [without[4], without[9]]
    settle(page, "location.hash.includes('parted=1') && location.hash.includes('hidden_map_right=9')")
    page.reload()
    visit(page, page.url, "map_left", "map_right")
    for side, hidden in (("left", 4), ("right", 9)):  # which a busy page does not do at once
        settle(page, HIDES.format(side=side, hidden=hidden))
    page.locator(".st-key-map_right .latent-stage").focus()
    page.keyboard.press("l")
    for side in ("left", "right"):
        settle(page, HIDES.format(side=side, hidden=9))
    assert [legend(page, side) for side in ("left", "right")] == [without[9], without[9]]
    settle(page, "location.hash === '#hidden=9'")


@pytest.mark.fault("a chart that Plotly drew a second time showed the classes that a link hides")
def test_what_is_hidden_stays_hidden_when_a_chart_is_drawn_again(page, address):
    visit(page, f"{address}#hidden=4", "map_left", "map_right")
    settle(page, HIDES.format(side="left", hidden=4))
    page.evaluate("""() => {
      const plot = document.querySelector('.st-key-map_left .js-plotly-plot');
      for (const trace of [...plot.data, ...plot._fullData]) trace.visible = true;
      plot.emit('plotly_afterplot');
    }""")
    settle(page, HIDES.format(side="left", hidden=4))


LABELS = """(key) => {
  const plot = document.querySelector(`.st-key-${key} .js-plotly-plot`);
  const within = plot.getBoundingClientRect();
  const labels = [...plot.querySelectorAll('.xtick text, .ytick text')].filter(({ style }) => style.display !== 'none');
  return labels.map((label) => {
    const { left, right, top, bottom } = label.getBoundingClientRect();
    const across = left >= within.left && right <= within.right;
    return [label.textContent, across && top >= within.top && bottom <= within.bottom];
  });
}"""


@pytest.mark.fault("the margin cut the minus off the labels of an axis")
def test_labels_stay_whole_at_every_zoom_and_both_maps_as_wide(page, address):
    visit(page, address, "map_left", "map_right")
    spot, _ = place(page, "map_left", 0.3, 0.2)
    page.mouse.move(*spot)
    for _ in range(6):
        for _ in range(8):
            page.mouse.wheel(0, -200)
        page.wait_for_timeout(300)
        labels = page.evaluate(LABELS, "map_left")
        assert len(labels) >= 4
        assert all(whole for _, whole in labels), labels
    assert max(len(text) for text, _ in labels) >= 6
    left, right = (plane(page, f"map_{side}") for side in ("left", "right"))
    assert (left["width"], left["height"]) == (right["width"], right["height"])


def show_manifold(page):
    page.get_by_text("Manifold", exact=True).click()
    page.wait_for_selector(".latent-with-tiles")
    ready(page)


def test_zoom_survives_clicks_toggles_and_the_other_map(page, address):
    visit(page, address, "map_left", "map_right")
    zoomed = zoom(page)
    pick(page, "map_left", "left", 0.3, 0.4)
    pick(page, "map_right", "right", 0.7, 0.4)
    show_manifold(page)
    assert ranges(page, "map_left") == zoomed


# Notes what is on the page when both maps can be touched.
AT_FIRST = """new MutationObserver(() => {
  if (globalThis.atFirst || document.querySelectorAll(".latent-layers").length < 2) return;
  const all = (selector) => [...document.querySelectorAll(selector)];
  globalThis.atFirst = { plots: all(".js-plotly-plot"), decoded: all("[class*=st-key-decoded_]").length };
}).observe(document, { childList: true, subtree: true })"""


def test_the_first_visitor_of_a_server_has_the_maps_before_pytorch_and_keeps_them(page, tmp_path):
    page.add_init_script(AT_FIRST)
    with explorer(tmp_path / "log") as address:
        page.goto(address)
        page.wait_for_function("globalThis.atFirst")
        zoomed = zoom(page)
        for side in ("left", "right"):
            page.locator(f".st-key-decoded_{side} img.decoded").wait_for()
        ready(page)
        assert page.evaluate("atFirst.decoded") == 0
        assert page.evaluate("atFirst.plots.length === 2 && atFirst.plots.every((plot) => plot.isConnected)")
        assert page.get_by_text("Starting PyTorch").count() == 0
        assert ranges(page, "map_left") == zoomed


def test_a_click_before_pytorch_is_there_is_not_lost(page, tmp_path):
    page.add_init_script(AT_FIRST)
    with explorer(tmp_path / "log") as address:
        page.goto(address)
        page.wait_for_function("globalThis.atFirst")
        at, z = place(page, "map_left", 0.3, 0.4)
        page.mouse.click(*at)
        settle(page, "(z1) => document.querySelector('.st-key-z1_left input')?.value === z1.toFixed(3)", z[0])
        model = read(ROOT / "checkpoints" / "ae").model
        assert (picture(page, "left") == decode.at(model, np.array([pinned(page, "left")]))[0]).all()


def test_the_first_visitor_of_another_page_sees_that_the_server_starts(page, tmp_path):
    held = Held(page)
    held.late = True
    with explorer(tmp_path / "log") as address:
        page.goto(f"{address}/classes")
        wait_until(page, lambda: any(b"Starting PyTorch" in message for message in held.answers))
        held.release()
        page.get_by_text("Starting PyTorch").wait_for()
        held.late = False
        held.release()
        page.wait_for_selector(".st-key-style_map .latent-layers", state="attached")
        ready(page)
        assert page.get_by_text("Starting PyTorch").count() == 0


@pytest.mark.fault("a double-click reset the view and moved the pin")
def test_a_double_click_goes_home_and_moves_no_pin_and_a_drag_is_no_pick(maps):
    page = maps
    page.evaluate("latentExplorer.picks = 0")
    at, _ = place(page, "map_right", 0.3, 0.3)
    where, kept, home = page.url, pinned(page, "right"), ranges(page, "map_right")
    page.mouse.move(*at)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(600)
    page.mouse.dblclick(*at)
    page.wait_for_timeout(600)
    ready(page)
    assert page.evaluate("latentExplorer.picks") == 1
    assert (page.url, pinned(page, "right")) == (where, kept)
    np.testing.assert_allclose(ranges(page, "map_right"), home, rtol=1e-6)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 60, at[1] + 20, steps=5)
    page.mouse.up()
    page.wait_for_timeout(600)
    assert page.evaluate("latentExplorer.picks") == 1


def test_keys_do_what_the_pointer_does_until_it_takes_over_on_the_other_map(maps):
    page = maps
    before = pinned(page, "right")
    page.locator(".st-key-map_right .latent-stage").focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    page.wait_for_selector(".st-key-map_right .latent-lens[style*='visible']")
    page.keyboard.press("Enter")
    settle(page, "(z) => Number(document.querySelector('.st-key-z1_right input').value) !== z", before[0])
    model = read(ROOT / "checkpoints" / "vae").model
    assert (picture(page, "right") == decode.at(model, np.array([pinned(page, "right")]))[0]).all()
    page.locator(".st-key-map_left .latent-stage").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.st-key-map_left .latent-lens')?.textContent.startsWith('z')")
    at, _ = place(page, "map_right", 0.5, 0.4)
    page.mouse.move(*at)
    page.wait_for_function("document.querySelector('.st-key-map_right .latent-lens').textContent.startsWith('z')")
    page.wait_for_function(
        "document.querySelector('.st-key-map_left .latent-lens').textContent === 'original · decoded'"
    )


def test_of_many_fast_clicks_the_last_one_counts(maps):
    page = maps
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
    return decode.grey_levels(pixels)[0].astype(int)


def test_a_film_is_reached_by_keys_played_decoded_where_it_stands_and_downloaded(page, address):
    visit(page, f"{address}/interpolate", "path_left", "path_right")
    page.get_by_role("group", name="Film of VAE").locator("figure[tabindex='0']").focus()
    scrubber = page.get_by_label("Place on the path, from A to B")
    for key, place_of in (
        ("Home", lambda before: 0),
        ("ArrowRight", lambda before: before + 0.1),
        ("End", lambda before: 1),
    ):
        before = float(scrubber.input_value())
        page.keyboard.press(key)
        assert float(scrubber.input_value()) == pytest.approx(place_of(before), abs=0.03), key
    focused = page.evaluate("[document.activeElement.role, document.activeElement.ariaLabel]")
    assert focused[0] == "button"
    assert focused[1].startswith("100 % of the way, ")
    assert page.locator(".latent-strip figure[tabindex='0']").count() == 2
    page.get_by_label("Play").click()
    page.wait_for_function("document.querySelector('.latent-controls input').value < 0.5")
    page.wait_for_function("document.querySelector('.latent-controls input').value > 0.7")
    page.get_by_label("Pause").click()
    scrubber.fill("0.25")
    vae = read(ROOT / "checkpoints" / "vae")
    path = points.path("line", *(tuple(vae.codes[index].tolist()) for index in (2, 7)))
    shown = canvas_pixels(page, ".latent-bar > canvas:last-child")
    assert np.abs(shown - grey(vae.model, path[len(path) // 4])).max() <= 3
    open_files(page)
    content, name = download(page, "line_gif_path_right")
    assert name == "vae-line.gif"
    film = Image.open(io.BytesIO(content))
    assert film.format == "GIF"
    assert film.n_frames > 50
    assert film.size == (168, 168)


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
    drawn(page)
    drawn(page)
    first = canvas_pixels(page, ".latent-strip:nth-child(2) figure:first-child canvas")
    assert np.abs(first - grey(vae.model, aimed)).max() <= 8  # while it is dragged
    page.mouse.up()
    page.wait_for_function("location.search.includes('a1_right=')")
    ready(page)
    assert ranges(page, "path_right") == [x, y]
    query = page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
    moved = float(query["a1_right"]), float(query["a2_right"])
    assert math.dist(moved, aimed) < 0.05
    first = canvas_pixels(page, ".latent-strip:nth-child(2) figure:first-child canvas")
    assert np.abs(first - grey(vae.model, moved)).max() <= 3
    last = canvas_pixels(page, ".latent-strip:nth-child(1) figure:last-child canvas")
    assert np.abs(last - grey(ae.model, ae.codes[7].tolist())).max() <= 3


def test_a_style_is_shown_in_all_ten_classes_and_morphs(page, address):
    visit(page, f"{address}/classes?label=3&morph=8", "style_map")
    model = read(ROOT / "checkpoints" / "cvae").model
    at, z = place(page, "style_map", 0.6, 0.6)
    page.mouse.move(*at)
    page.wait_for_function("latentExplorer.frames > 1")
    page.mouse.click(*at)
    page.wait_for_function("location.search.includes('z1_style=')")
    ready(page)
    page.mouse.move(5, 5)
    z = tuple(float(page.get_by_label(f"style {axis}").input_value()) for axis in ("z1", "z2"))
    for digit in range(10):
        shown = canvas_pixels(page, f".latent-ten figure:nth-child({digit + 1}) canvas")
        assert np.abs(shown - grey(model, z, digit)).max() <= 3
    page.get_by_label("Label, from the first class to the second").fill("0.25")
    weights = [0.0] * 10
    weights[3], weights[8] = 0.75, 0.25
    assert np.abs(canvas_pixels(page, ".latent-morph canvas") - grey(model, z, weights)).max() <= 3


def test_the_first_page_has_an_address_by_its_name_as_well(page, address):
    page.goto(f"{address}/maps?left=vae&z1_left=0.5&z2_left=-1.25")
    page.wait_for_url(f"{address}/?left=vae&z1_left=0.5&z2_left=-1.25")
    page.wait_for_selector(".st-key-map_left .js-plotly-plot")
    ready(page)
    assert pinned(page, "left") == (0.5, -1.25)
    assert page.get_by_role("dialog").count() == 0
    menu = page.get_by_test_id("stTopNavLink").all_inner_texts()
    assert menu.count("Maps") == 1


def test_an_address_of_nothing_shows_the_first_page_and_says_so(page, address):
    page.goto(f"{address}/nothing?right=cvae")
    page.wait_for_selector(".st-key-map_right .js-plotly-plot")
    assert "Page not found" in page.get_by_role("dialog").inner_text()
    page.wait_for_url(f"{address}/?right=cvae")


def test_a_link_reopens_the_view(page, address):
    visit(page, address, "map_left", "map_right")
    pick(page, "map_left", "left", 0.2, 0.7)
    page.get_by_text("Manifold", exact=True).click()
    page.wait_for_function("location.search.includes('manifold=1')")
    z = pinned(page, "left")
    visit(page, page.url, "map_left", "map_right")
    assert pinned(page, "left") == z
    page.wait_for_selector(".latent-with-tiles")


LIGHTNESS = """getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor.match(/[0-9.]+/g)
  .slice(0, 3).reduce((sum, part) => sum + Number(part), 0)"""


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_without_an_error_and_follows_the_theme(page, address, name):
    visit(page, f"{address}/{name}", PAGES[name])
    assert page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0
    for scheme, width in (("light", 1400), ("dark", 900), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        settle(page, f"{LIGHTNESS} {'>' if scheme == 'light' else '<'} 384")
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
        widths = page.evaluate("[...document.querySelectorAll('.latent-stage')].map((stage) => stage.clientWidth)")
        assert min(widths) >= 300


def test_what_is_pinned_on_one_map_stays_within_its_half_at_any_width(maps):
    page = maps
    for width in (900, 1040, 1180, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        drawn(page)
        near, other = (page.locator(f".st-key-{key}").bounding_box() for key in ("near_left", "decoded_right"))
        assert near["x"] + near["width"] < other["x"], width


FOCUSED = """() => {
  const { left, right } = document.activeElement.getBoundingClientRect();
  const shifted = [document.documentElement, document.body, document.querySelector('[data-testid=stMain]')];
  const inside = left >= -1 && right <= innerWidth + 1;
  return [document.activeElement.dataset.testid ?? "", inside && shifted.every((each) => each.scrollLeft === 0)];
}"""


@pytest.mark.fault("the title pushed the menu out of the window, and the ninth Tab shifted the page after it")
@pytest.mark.parametrize(("width", "paths"), [(1400, ("", "bound", "replay")), (390, ("",))])
def test_tab_goes_through_a_page_without_leaving_the_window(new_tab, address, width, paths):
    page = new_tab(width=width)
    for path in paths:
        page.goto(f"{address}/{path}")
        page.wait_for_selector("[data-testid=stMainBlockContainer] button")
        ready(page)
        seen = set()
        for _ in range(100):
            page.keyboard.press("Tab")
            focused, inside = page.evaluate(FOCUSED)
            assert inside, (path, focused)
            if page.evaluate("document.activeElement === document.body") and len(seen) > 5:
                break
            seen.add(focused)
        assert "stMainMenuButton" in seen
    page.get_by_test_id("stMainMenuButton").click()
    page.get_by_test_id("stMainMenuPopover").wait_for()
