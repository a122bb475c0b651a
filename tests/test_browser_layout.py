"""How the app fills a window of any size, the present mode, and the link to a view."""

import math

import pytest
from app import DRAWING
from chromium import CHARTS, drawn, go_to, place, settle, tab, visit

pytestmark = pytest.mark.browser

WINDOWS = ((360, 740), (820, 1180), (900, 900), (1366, 650), (1920, 1080), (2560, 1440))
LEAST = {  # pixels of the shorter side of each page's largest map, in each of these windows
    "maps": (320, 365, 380, 400, 650, 900),
    "interpolate": (320, 365, 400, 285, 500, 750),
    "classes": (270, 310, 340, 400, 700, 1000),
    "bound": (280, 365, 360, 285, 450, 700),
    "draw": (320, 365, 295, 285, 500, 750),
    "replay": (280, 365, 400, 285, 650, 900),
}
SHAPES = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const kept = all(".latent-choice:not([hidden]), .latent-ten figure, .latent-strip figure, .strip img");
  return {
    map: Math.max(...all(".latent-stage").map((each) => Math.min(each.clientWidth, each.clientHeight))),
    wide: document.querySelector("[data-testid=stMain]").scrollWidth,
    cut: kept.filter((each) => each.getBoundingClientRect().right > innerWidth).length,
    menu: document.querySelector("[data-testid=stMainMenuButton]").getBoundingClientRect().right,
    type: parseFloat(getComputedStyle(document.documentElement).fontSize),
  };
}"""


def resized(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    settle(page, "([width, height]) => innerWidth === width && innerHeight === height", [width, height])
    page.wait_for_timeout(300)  # Streamlit lays charts out anew after a pause of its own
    drawn(page)


def test_the_maps_of_every_page_fill_any_window_and_nothing_is_cut(page, address):
    visit(page, address)
    for name, leasts in LEAST.items():
        go_to(page, name)
        page.wait_for_selector(".latent-layers canvas")
        assert page.title() == f"{name.title()} · Latent space explorer"
        for (width, height), least in zip(WINDOWS, leasts, strict=True):
            resized(page, width, height)
            shapes = page.evaluate(SHAPES)
            assert shapes["map"] >= least, (name, width, shapes)
            assert shapes["wide"] <= width, name
            assert shapes["cut"] == 0, (name, width)
            assert shapes["menu"] <= width, name
            assert (shapes["type"] > 20) == (width == 2560), name


def in_window(page, selector):
    """Whether all of an element can be seen without scrolling."""
    box, size = page.locator(selector).bounding_box(), page.viewport_size
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= size["width"]
        and (box["y"] + box["height"] <= size["height"])
    )


@pytest.mark.fault("what a click or a tap decodes lay below the fold")
def test_the_answer_to_a_click_and_to_a_tap_is_in_view(browser, address):
    with browser.new_context(viewport={"width": 1366, "height": 650}, has_touch=True) as context:
        page = context.new_page()
        visit(page, address, "map_left", "map_right")
        for side in ("left", "right"):
            at, z = place(page, f"map_{side}", 0.6, 0.4)
            page.mouse.click(*at)
            shows = "([side, z]) => Math.abs(document.querySelector(`.st-key-z1_${side} input`).value - z) < 0.1"
            settle(page, shows, [side, z[0]])
            for part in ("map", "decoded", "words", "near"):
                assert in_window(page, f".st-key-{part}_{side}"), (part, side)
        page.get_by_text("Samples", exact=True).click()
        page.locator(".latent-sample").nth(15).wait_for()
        page.wait_for_timeout(300)
        for part in (".st-key-map_right", ".st-key-words_right", ".latent-samples"):
            assert in_window(page, part), part
        page.get_by_text("Samples", exact=True).click()
        page.locator(".latent-samples").wait_for(state="detached")
        resized(page, 390, 844)
        for scrolled in (0, 250):
            page.evaluate(f"document.querySelector('[data-testid=stMain]').scrollTo(0, {scrolled})")
            at, z = place(page, "map_left", 0.3, 0.3 if scrolled else 0.8)
            page.touchscreen.tap(*at)
            settle(page, shows, ["left", z[0]])
            assert in_window(page, ".st-key-decoded_left")
            assert in_window(page, ".st-key-words_left")
            assert page.locator(".st-key-answer_left").bounding_box()["y"] > at[1]


PURPOSES = {  # of each page the parts that are to be seen at once, by how many there are
    "interpolate": {".stPlotlyChart": 2, ".latent-strip": 2, ".latent-player": 1},
    "classes": {".stPlotlyChart": 1, ".latent-ten figure": 10, ".latent-morph": 1},
    "bound": {".stPlotlyChart": 1, ".latent-window": 1, ".latent-terms": 1, ".latent-stack": 1},
    "draw": {".latent-pad": 1, ".st-key-draw_send": 1, ".stPlotlyChart": 2, ".latent-panel": 2},
    "replay": {".latent-theatre": 2, ".latent-bar": 1, ".latent-timeline": 1},
    "train": {".st-key-train_form [data-testid=stBaseButton-primary]": 1},
}


DARK = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === 'rgb(17, 19, 23)'"


@pytest.fixture(scope="module")
def laptop(window, address):
    """The app in the window of a small laptop, with a drawing, where the tests of pages go from one to the next."""
    with tab(window, width=1366, height=650) as page:
        visit(page, f"{address}/draw?drawing={DRAWING}", *CHARTS["draw"])
        yield page


@pytest.mark.fault("what a page is for lay below the fold of a small laptop")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PURPOSES)
def test_what_a_page_is_for_is_in_the_window_of_a_small_laptop(laptop, name, scheme):
    page = laptop
    page.emulate_media(color_scheme=scheme)
    go_to(page, name)
    settle(page, f"({DARK}) === {str(scheme == 'dark').lower()}")
    for selector, count in PURPOSES[name].items():
        page.locator(selector).nth(count - 1).wait_for()
    drawn(page)
    for selector, count in PURPOSES[name].items():
        parts = page.locator(selector)
        assert parts.count() == count, selector
        for i in range(count):
            assert in_window(page, f"{selector} >> nth={i}"), (selector, parts.nth(i).bounding_box())


NEAREST = """() => {
  const parts = [...document.querySelectorAll(".latent-pad-line :is(button, canvas)")]
    .map((each) => each.getBoundingClientRect());
  const gaps = parts.flatMap((a, i) => parts.slice(i + 1).map((b) =>
    Math.max(b.left - a.right, a.left - b.right, b.top - a.bottom, a.top - b.bottom)));
  return Math.min(...gaps);
}"""


@pytest.mark.fault("a button touched the picture beside it")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_beside_the_pad_no_button_touches_another_or_the_picture(laptop, scheme):
    page = laptop
    page.emulate_media(color_scheme=scheme)
    go_to(page, "draw")
    settle(page, f"({DARK}) === {str(scheme == 'dark').lower()}")
    page.locator(".latent-pad-line figure").wait_for()
    for width, height in ((390, 844), (820, 1180), (900, 900), (1024, 768), (1400, 900), (1366, 650)):
        resized(page, width, height)
        assert page.evaluate(NEAREST) >= 6, width


@pytest.mark.fault("Draw's maps lay below the pad on a phone, out of sight of whoever drew")
def test_on_a_phone_the_pad_stays_in_view_over_the_map_that_follows_the_pen(new_tab, address):
    page = new_tab(width=390, height=844)
    visit(page, f"{address}/draw", *CHARTS["draw"])
    page.locator(".st-key-draw_right .latent-stage").evaluate("(map) => map.scrollIntoView({ block: 'end' })")
    drawn(page)
    pad = page.locator(".latent-pad canvas").first.bounding_box()
    assert in_window(page, ".latent-pad")
    page.mouse.move(pad["x"] + 0.5 * pad["width"], pad["y"] + 0.2 * pad["height"])
    page.mouse.down()
    page.mouse.move(pad["x"] + 0.5 * pad["width"], pad["y"] + 0.8 * pad["height"], steps=4)
    code = page.evaluate(
        "(({ charts, found }) => charts.right.view.toPixel(found.right.code))(latentExplorer.controllerOf('draw'))"
    )
    stage = page.locator(".st-key-draw_right .latent-stage").bounding_box()
    below = page.locator(".st-key-bridge_draw_pad").bounding_box()
    assert below["y"] + below["height"] < stage["y"] + code[1] < 844
    page.mouse.up()


@pytest.mark.fault("the player's choice of speed lay under an image, and a choice of class pushed one map of two down")
@pytest.mark.parametrize("width", [390, 900])
def test_no_part_of_a_row_is_covered_or_on_a_line_of_its_own(new_tab, address, width):
    page = new_tab(width=width, height=900)
    visit(page, f"{address}/interpolate?right=cvae", *CHARTS["interpolate"])
    for name in ("Play", "Place on the path", "Speed", "Loop"):
        part = page.get_by_label(name).first
        part.scroll_into_view_if_needed()
        shown = "(e) => { const b = e.getBoundingClientRect(); const [x, y] = [b.x + b.width - 3, b.y + b.height / 2]; "
        assert part.evaluate(shown + "return b.width > 10 && e.contains(document.elementFromPoint(x, y)) }"), name
    for name in ("interpolate", "draw"):
        if name == "draw":
            resized(page, 1400, 900)  # in a narrow window a menu has the links
            go_to(page, name)
            resized(page, width, 900)
        tops = [page.locator(f".st-key-{chart} .latent-stage").bounding_box()["y"] for chart in CHARTS[name]]
        assert (tops[0] == tops[1]) == (width == 900)
        export, shapes = (page.locator(f".st-key-{key}").first.bounding_box() for key in ("export", "shapes"))
        assert export["y"] < shapes["y"] + shapes["height"], name


PRESENTING = "document.documentElement.classList.contains('latent-presenting')"


def test_the_present_mode_gives_the_maps_the_screen_until_it_is_left(page, address):
    visit(page, address, "map_left", "map_right")
    before = page.evaluate(SHAPES)
    field = page.locator(".st-key-z1_left input")
    field.focus()
    page.keyboard.press("p")
    assert not page.evaluate(PRESENTING)
    page.keyboard.press("Escape")
    page.locator(".st-key-map_left .latent-stage").focus()
    page.keyboard.press("p")
    assert page.get_by_text("Escape or P leaves").is_visible()
    page.wait_for_timeout(300)
    after = page.evaluate(SHAPES)
    assert after["type"] == 1.5 * before["type"]
    assert after["map"] > 1.15 * before["map"]
    assert after["wide"] <= 1400
    assert not page.locator("[data-testid=stHeader]").is_visible()
    at, z = place(page, "map_right", 0.3, 0.7)
    page.mouse.click(*at)
    settle(page, "(z) => Math.abs(document.querySelector('.st-key-z1_right input').value - z) < 0.05", z[0])
    assert page.evaluate(PRESENTING)
    assert in_window(page, ".st-key-decoded_right")
    page.get_by_text("Escape or P leaves").wait_for(state="detached")
    page.keyboard.press("Escape")
    assert not page.evaluate(PRESENTING)
    page.get_by_role("button", name="Present").click()
    assert page.evaluate(PRESENTING)
    page.get_by_text("Escape or P leaves").click()
    assert not page.evaluate(PRESENTING)


def test_a_button_copies_the_link_or_shows_it_to_copy(browser, address):
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        visit(page, f"{address}/classes?label=3", "style_map")
        page.get_by_role("button", name="Copy link").click()
        page.get_by_text("Link copied.").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == page.url
        page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        page.get_by_role("button", name="Copy link").click()
        assert page.get_by_label("Link to this view, to copy").input_value() == page.url
        assert page.evaluate("document.activeElement.selectionEnd - document.activeElement.selectionStart") == len(
            page.url
        )
        page.keyboard.press("Escape")
        assert page.get_by_label("Link to this view, to copy").count() == 0


HOLE = "latentExplorer.controllerOf('maps').sides.left.hole"


def test_a_hole_is_marked_until_it_is_tried_and_not_where_a_link_pins_a_point(page, address):
    visit(page, address, "map_left", "map_right")
    assert page.locator(".st-key-words_left .latent-warning").count() == 0
    hole = page.evaluate(HOLE)
    assert page.evaluate(HOLE.replace("left", "right")) is None
    page.mouse.click(*place(page, "map_left", 0.2, 0.2)[0])
    settle(page, "location.search.includes('z1_left=')")
    assert page.evaluate(HOLE) == hole
    at = page.evaluate(f"latentExplorer.controllerOf('maps').charts.left.view.toPixel({hole})")
    stage = page.locator(".st-key-map_left .latent-stage").bounding_box()
    page.mouse.click(stage["x"] + at[0] + 3, stage["y"] + at[1] - 3)
    settle(page, f"{HOLE} === null")
    assert page.locator(".st-key-words_left .latent-warning").count() == 1
    assert math.dist([float(page.get_by_label(f"left z{axis}").input_value()) for axis in (1, 2)], hole) < 1
    visit(page, f"{address}/?z1_right=0.5&z2_right=0.5", "map_left", "map_right")
    assert page.evaluate(HOLE) is None
