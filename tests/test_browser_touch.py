"""Fingers on a small screen in a real Chromium: one scrolls, taps, rests and hovers, or drags; two zoom and pan."""

import numpy as np
import pytest
from chromium import drawn, place, plane, ranges, ready, tab, visit

from explorer.markup import lesson

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
LENS = ".st-key-map_left .latent-lens[style*='visible']"


@pytest.fixture(scope="module")
def window(browser):
    """As `conftest.window`, on a phone."""
    with browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2) as context:
        yield context


@pytest.fixture
def phone(window):
    """A tab on a phone, and what its fingers do: `fingers([(x, y)], ...)`, place after place; None lifts them."""
    with tab(window, **PHONE) as page:
        session = window.new_cdp_session(page)

        def fingers(*places, pause=16):
            down = False
            for at in (*places, []):
                kind = "End" if not at else "Move" if down else "Start"
                points = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(at)]
                session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
                page.wait_for_timeout(pause)
                down = bool(at)

        yield page, fingers


def scrolled(page):
    return page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")


def pinned(page, side="left"):
    return tuple(float(page.get_by_label(f"{side} {axis}").input_value()) for axis in ("z1", "z2"))


def slide(start, end, steps=12):
    return [[tuple(at)] for at in np.linspace(start, end, steps)]


def test_one_finger_scrolls_the_page_and_leaves_the_map_as_it_is(phone, address):
    page, fingers = phone
    visit(page, address, "map_left")
    before, pin = ranges(page, "map_left"), pinned(page)
    (x, y), _ = place(page, "map_left", 0.5, 0.2)
    fingers(*slide((x, y), (x, y - 200)))
    page.wait_for_timeout(500)
    assert scrolled(page) > 100
    assert ranges(page, "map_left") == before
    assert pinned(page) == pin


def test_a_tap_pins_and_shows_at_once_and_two_go_back(phone, address):
    page, fingers = phone
    visit(page, address, "map_left")
    home, first = ranges(page, "map_left"), pinned(page)
    (x, y), z = place(page, "map_left", 0.3, 0.7)
    fingers([(x, y)])
    page.wait_for_selector(LENS)
    page.wait_for_function(f"Math.abs(document.querySelector('.st-key-z1_left input').value - {z[0]}) < 0.2")
    ready(page)
    assert page.locator(LENS).count() == 1
    fingers([(x - 60, y), (x + 60, y)], [(x - 120, y), (x + 120, y)])
    ready(page)
    assert ranges(page, "map_left") != home
    second = pinned(page)
    fingers([(x + 30, y + 30)])
    fingers([(x + 30, y + 30)])
    page.wait_for_timeout(600)
    ready(page)
    assert np.allclose(ranges(page, "map_left"), home, rtol=1e-6)
    assert pinned(page) == second != first


def test_two_fingers_zoom_about_what_lies_between_them_and_pan(phone, address):
    page, fingers = phone
    visit(page, address, "map_left")
    (x, y), z = place(page, "map_left", 0.5, 0.5)
    before = np.array(ranges(page, "map_left"))
    fingers(*[[(x - 40 - 5 * step, y), (x + 40 + 5 * step, y)] for step in range(9)])
    ready(page)
    after = np.array(ranges(page, "map_left"))
    assert np.allclose(np.diff(after), np.diff(before) / 2, rtol=0.05)
    assert np.allclose(place(page, "map_left", 0.5, 0.5)[1], z, atol=0.05 * np.diff(before).max())
    fingers(*[[(x - 40 + 6 * step, y), (x + 40 + 6 * step, y)] for step in range(9)])
    ready(page)
    moved = np.array(ranges(page, "map_left"))
    width = plane(page, "map_left")["width"]
    assert np.allclose(moved[0], after[0] - 48 / width * np.diff(after)[0], atol=0.03 * np.diff(after)[0])
    assert scrolled(page) == 0


def test_a_finger_that_rests_and_slides_hovers_and_does_not_scroll(phone, address):
    page, fingers = phone
    visit(page, address, "map_left")
    pin = pinned(page)
    (x, y), _ = place(page, "map_left", 0.3, 0.3)
    seen = []
    page.expose_function("seen", lambda text: seen.append(text))
    page.evaluate(
        "new MutationObserver(() => seen(document.querySelector('.st-key-map_left .latent-lens').textContent))"
        ".observe(document.querySelector('.st-key-map_left .latent-layers'), "
        "{ childList: true, subtree: true, characterData: true })"
    )
    fingers(*[[(x, y)]] * 5, *slide((x, y), (x + 40, y - 120)), pause=80)
    assert len(set(seen)) > 5
    assert scrolled(page) == 0
    assert page.locator(LENS).count() == 0
    assert pinned(page) == pin


# Notes who asks for styles or sizes, or gives a canvas another size.
NOTE_READS = """() => {
  globalThis.reads = [];
  const note = (name) => reads.push(`${name} ${new Error().stack}`);
  const wrap = (owner, name, kind) => {
    const property = Object.getOwnPropertyDescriptor(owner, name);
    const own = property[kind];
    property[kind] = function (...given) {
      note(name);
      return own.apply(this, given);
    };
    Object.defineProperty(owner, name, property);
  };
  wrap(window, "getComputedStyle", "value");
  wrap(Element.prototype, "getBoundingClientRect", "value");
  for (const name of ["clientWidth", "clientHeight"]) wrap(Element.prototype, name, "get");
  for (const name of ["offsetWidth", "offsetHeight"]) wrap(HTMLElement.prototype, name, "get");
  for (const name of ["width", "height"]) wrap(HTMLCanvasElement.prototype, name, "set");
}"""


@pytest.mark.fault("each frame of hovering laid the page out twice, so that slow telephones fell behind the finger")
def test_while_a_finger_hovers_nothing_is_read_of_the_page_and_it_is_laid_out_once_a_frame(phone, window, address):
    page, fingers = phone
    visit(page, address, "map_left", "map_right")
    ready(page)
    (x, y), _ = place(page, "map_left", 0.2, 0.3)
    path = np.linspace((x, y), (x + 200, y - 100), 40)
    fingers(*[[(x, y)]] * 20, *([tuple(at)] for at in path))  # each size is asked once
    page.evaluate(NOTE_READS)
    session = window.new_cdp_session(page)
    session.send("Performance.enable")

    def touch(kind, at):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": at[0], "y": at[1]}]})
        drawn(page)

    def counted():
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        return metrics["LayoutCount"], page.evaluate("latentExplorer.frames")

    touch("touchStart", (x, y))
    page.wait_for_selector(LENS)
    touch("touchMove", (x, y))
    page.evaluate("reads.length = 0")
    before = counted()
    for at in path:
        touch("touchMove", at)
    layouts, frames = np.subtract(counted(), before)
    assert frames > len(path) / 2
    assert page.evaluate("reads") == []
    assert layouts <= len(path)


def test_a_finger_drags_an_end_of_a_path(phone, address):
    page, fingers = phone
    visit(page, f"{address}/interpolate?snap=0&a1_left=5&a2_left=-5&b1_left=15&b2_left=-15", "path_left")
    box, (x, y) = plane(page, "path_left"), ranges(page, "path_left")
    start = (
        box["x"] + (5 - x[0]) / (x[1] - x[0]) * box["width"],
        box["y"] + (y[1] + 5) / (y[1] - y[0]) * box["height"],
    )
    fingers(*slide(start, (start[0] + 30, start[1] + 40)))
    page.wait_for_function("Math.abs(new URLSearchParams(location.search).get('a1_left') - 5) > 1")
    moved = 5 + 30 / box["width"] * (x[1] - x[0])
    assert float(page.evaluate("new URLSearchParams(location.search).get('a1_left')")) == pytest.approx(moved, abs=0.5)
    assert scrolled(page) == 0


def test_a_finger_erases_a_part_of_an_image(phone, address):
    page, fingers = phone
    visit(page, f"{address}/bound?complete=1", "complete_map")
    eraser = page.locator(".latent-eraser")
    eraser.scroll_into_view_if_needed()
    box, before = eraser.bounding_box(), scrolled(page)
    y = box["y"] + 0.2 * box["height"]
    fingers(*slide((box["x"] + 20, y), (box["x"] + box["width"] - 20, y), 4))
    page.wait_for_function("location.search.includes('erased=')")
    seen = page.evaluate("Array.from(latentExplorer.controllerOf('completion').eraser.seen)")
    assert 392 - 160 < sum(seen) < 392 - 60
    assert scrolled(page) == before


@pytest.mark.parametrize(("figure", "point"), [("squeeze", "z"), ("encoder", "q.mean")])
def test_a_finger_drags_what_a_step_of_the_lesson_has_to_drag(phone, address, figure, point):
    page, fingers = phone
    step = [each.figure for each in lesson.STEPS].index(figure) + 1
    visit(page, f"{address}/learn?step={step}")
    page.wait_for_selector(f".latent-{figure} .latent-layers", state="attached")
    page.locator(".latent-lesson-figure .latent-stage").scroll_into_view_if_needed()
    ready(page)
    where = "latentExplorer.controllerOf('learn').figure"
    x, y = page.evaluate(f"""() => {{
      const {{ view }} = {where}.map;
      const {{ left, top }} = view.stage.getBoundingClientRect();
      const at = view.toPixel({where}.{point});
      return [left + at[0], top + at[1]];
    }}""")
    before = page.evaluate(f"{where}.{point}")
    fingers(*slide((x, y), (x + 40, y - 20), 5))
    ready(page)
    after = page.evaluate(f"{where}.{point}")
    assert after[0] > before[0]
    assert after[1] > before[1]
