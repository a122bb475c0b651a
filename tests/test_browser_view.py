"""What only the browser keeps of a view, in a real Chromium: zoom, hidden classes, places; by button, key and link."""

import numpy as np
import pytest
from chromium import drawn, place, plane, ranges, ready, visit

from explorer.cache import checkpoints, results

pytestmark = pytest.mark.browser
SIDES = ("map_left", "map_right")


def at_rest(page):
    """Wait until the address says what is shown."""
    page.wait_for_timeout(350)
    drawn(page)


def stage(page, chart):
    return page.locator(f".st-key-{chart} .latent-stage")


def widths(page, chart):
    return np.ptp(ranges(page, chart), axis=1)


def hidden(page, chart):
    pressed = page.locator(f".st-key-{chart} .legend .traces").evaluate_all(
        "all => all.map((each) => each.ariaPressed)"
    )
    return [label for label, state in enumerate(pressed) if state == "false"]


def test_buttons_and_keys_zoom_and_go_home_and_a_link_reopens_it_all(page, address, new_tab):
    visit(page, address, *SIDES)
    home = ranges(page, "map_left")
    box = plane(page, "map_left")
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    buttons = page.locator(".st-key-map_left .latent-zoom button")
    buttons.first.click()
    at_rest(page)
    assert widths(page, "map_left") == pytest.approx(np.ptp(home, axis=1) / 1.6)
    assert "map_left=" in page.url
    assert "z1_left" not in page.url  # a button is no place of the plane
    page.locator(".st-key-map_left").get_by_label("Whole map").click()
    at_rest(page)
    assert ranges(page, "map_left") == [pytest.approx(axis) for axis in home]
    assert "map_left" not in page.url

    stage(page, "map_right").focus()
    for key in "++-":
        page.keyboard.press(key)
    page.locator(".st-key-map_left .legend .traces").nth(3).focus()
    page.keyboard.press("Enter")
    at_rest(page)
    zoomed = ranges(page, "map_right")
    assert hidden(page, "map_left") == hidden(page, "map_right") == [3]

    page.get_by_role("link", name="Classes", exact=True).click()
    page.get_by_label("Label, from the first class to the second").fill("0.25")
    ready(page)
    at_rest(page)
    page.get_by_role("link", name="Interpolate", exact=True).click()
    page.get_by_label("Place on the path, from A to B").fill("0.8")
    ready(page)
    at_rest(page)
    page.wait_for_selector(".st-key-path_left .latent-layers")
    assert hidden(page, "path_left") == [3]

    other = new_tab()
    visit(other, page.url, "path_left")
    assert other.get_by_label("Place on the path, from A to B").input_value() == "0.8"
    assert hidden(other, "path_left") == [3]
    other.get_by_role("link", name="Classes", exact=True).click()
    assert other.get_by_label("Label, from the first class to the second").input_value() == "0.25"
    other.get_by_role("link", name="Maps", exact=True).click()
    other.wait_for_selector(".st-key-map_right .latent-layers")
    ready(other)
    assert ranges(other, "map_right") == [pytest.approx(axis, rel=1e-4, abs=1e-4) for axis in zoomed]
    assert ranges(other, "map_left") == [pytest.approx(axis, rel=1e-6) for axis in home]
    assert hidden(other, "map_right") == [3]


def test_what_there_is_to_see_stays_in_view_however_one_zooms_and_drags(page, address):
    visit(page, address, *SIDES)
    home, box = np.array(ranges(page, "map_left")), plane(page, "map_left")
    corner, far = [(box["x"] + part * box["width"], box["y"] + part * box["height"]) for part in (0.1, 0.9)]
    page.mouse.move(*corner)
    for _ in range(25):
        page.mouse.wheel(0, 400)
        drawn(page)
    across = "document.querySelector('.st-key-map_left .js-plotly-plot')._fullLayout.xaxis.range"
    page.wait_for_function(f"(most) => Math.abs({across}[1] - {across}[0]) > most", arg=1.5 * np.ptp(home, axis=1)[0])
    at_rest(page)  # Plotly forgets a zoom whose drawing a drag interrupts
    for _ in range(6):
        page.mouse.move(*corner)
        page.mouse.down()
        page.mouse.move(*far, steps=3)
        page.mouse.up()
    at_rest(page)
    seen = np.array(ranges(page, "map_left"))
    assert (np.ptp(seen, axis=1) > 1.5 * np.ptp(home, axis=1)).any()  # it did zoom out
    assert (np.ptp(seen, axis=1) < 5 * np.ptp(home, axis=1)).all()
    middle = seen.mean(axis=1)
    edge = 1e-6 * np.ptp(home, axis=1)
    assert (home[:, 0] - edge <= middle).all()
    assert (middle <= home[:, 1] + edge).all()


@pytest.mark.parametrize("chart", ["map_left", "style_map"])
def test_the_pointer_is_told_where_no_code_lies_near(page, address, chart):
    """Beside the picture under the pointer on Maps, under the ten classes on Classes."""
    name, path, warning = {
        "map_left": ("ae", "", ".st-key-map_left .latent-lens .latent-warning"),
        "style_map": ("cvae", "classes", ".latent-styles > .latent-warning"),
    }[chart]
    visit(page, f"{address}/{path}", chart)
    shown = page.locator(warning)
    model = checkpoints.resource(name)
    codes, radius, told = model.stored.codes, results.radius(model), []
    for across, up in ((0.02, 0.02), (0.5, 0.5), (0.35, 0.6), (0.9, 0.05)):
        at, z = place(page, chart, across, up)
        page.mouse.move(*at)
        drawn(page)
        told.append(shown.is_visible())
        assert told[-1] == (np.hypot(*(codes - z).T).min() > radius), (across, up)
    assert set(told) == {True, False}
