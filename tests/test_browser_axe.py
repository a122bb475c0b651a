"""WCAG 2.1 A and AA: by axe-core on every page in both themes and at three widths, and what axe does not look for."""

import re

import pytest
from axe import assert_for_every_eye, violations
from chromium import CHARTS, go_to, ready, settle, visit

pytestmark = pytest.mark.browser
LONELY = "?z1_left=25&z2_left=15&sampling=1"  # a place of Maps where no code is near, and samples
WINDOWS = ((1400, 1800), (900, 2400), (390, 3600))  # no part of a page lies below them, where axe sees no colour
NAMES = """() => [...document.querySelectorAll("button, input, select, [role=application], [role=slider]")]
  .filter((node) => node.checkVisibility({ visibilityProperty: true }))
  .map((node) => {
    const shown = (node.labels?.[0] ?? node).cloneNode(true);
    for (const hidden of shown.querySelectorAll("[aria-hidden=true]")) hidden.remove();
    return node.getAttribute("aria-label") ?? shown.textContent;
  })"""


@pytest.fixture(scope="module")
def toured(shared_page, address):
    """The app at a lonely place, where the test of a page goes to it by its link."""
    visit(shared_page, f"{address}/{LONELY}", *CHARTS["maps"])
    return shared_page


def whole(page):
    """Wait until a page is there, all of it in the window."""
    ready(page)
    assert page.locator("[data-testid=stMain]").evaluate("(main) => main.scrollHeight <= main.clientHeight")


@pytest.mark.fault(
    "one text had a contrast of 4.29 : 1, no page had a heading, maps and buttons had no names of their own"
)
@pytest.mark.parametrize("name", [*CHARTS, "learn"])
def test_a_page_is_for_every_eye_and_for_none(toured, name):
    page = toured
    page.set_viewport_size({"width": 1400, "height": 900})
    page.emulate_media(color_scheme="light")
    go_to(page, name)
    page.wait_for_function("!document.querySelector('.latent-waiting')")
    page.wait_for_selector(f"h1:text-is('{name.title()}')", state="attached")
    headings = page.locator("h1, h2, h3").evaluate_all("all => all.map((each) => each.tagName + each.textContent)")
    assert headings[0] == f"H1{name.title()}"
    assert sum(heading.startswith("H1") for heading in headings) == 1
    assert page.get_by_role("main").count() == page.get_by_role("navigation").count() == 1
    names = page.evaluate(NAMES)
    assert not [each for each in names if re.search(r"\bicon\b|_|^\s*$", each)]
    maps = page.get_by_role("application").evaluate_all("all => all.map((each) => each.ariaLabel)")
    assert len(set(maps)) == len(maps) == {"classes": 1, "learn": 1, "train": 0}.get(name, 2)
    assert_for_every_eye(page, WINDOWS, whole)


def test_every_step_of_the_lesson_is_for_every_eye(new_tab, address):
    page = new_tab()
    visit(page, f"{address}/learn")
    page.wait_for_selector(".latent-dot")
    for step in range(1, page.locator(".latent-dot").count()):
        page.locator(".latent-dot").nth(step).click()
        page.locator(".latent-lesson-question button").first.click()
        ready(page)
        assert not violations(page), step


def test_a_part_erased_is_for_every_eye(new_tab, address):
    page = new_tab()
    visit(page, f"{address}/bound?complete=1", "complete_map")
    page.wait_for_selector(".latent-sum td:text('nats')")
    assert_for_every_eye(page, WINDOWS, whole)


def test_what_opens_is_for_every_eye_too(new_tab, address):
    page = new_tab()
    selected = "lasso=vae,0.5,0.1,0.56,0.1,0.56,0.2,0.5,0.2&find=77"
    visit(page, f"{address}/?shapes=1#{selected}", "map_left", "map_right")
    page.locator(".latent-gallery-page button").first.wait_for()
    page.locator(".st-key-map_left .legendtoggle").nth(3).click()
    page.get_by_role("button", name="Export").first.click()
    page.wait_for_selector("[class*='st-key-png_'] button")
    assert_for_every_eye(page, WINDOWS, whole)


def test_what_is_pinned_by_keys_is_read_out(page, address):
    visit(page, address, "map_left", "map_right")
    status = ".latent-unseen[role=status]"
    assert page.locator(status).text_content() == ""
    page.locator(".st-key-map_right .latent-stage").focus()
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    settle(page, f"document.querySelector('{status}').textContent.includes('near')")
    number = r"−?\d+\.\d+"
    said = rf"vae: pinned at z \({number}, {number}\)\. \d+ codes? near\. Nearest test images: \d, \d, \d, \d, \d\."
    assert re.fullmatch(said, page.locator(status).text_content())
    label = page.locator(".st-key-map_right .latent-stage").get_attribute("aria-label")
    shown = "Map of vae: codes of 10,000 test images in 10 classes"
    assert re.match(rf"{shown}, pinned at z \({number}, {number}\)\.", label)


@pytest.mark.fault("who could not tell the colours of two classes apart could not tell the classes apart")
def test_each_class_has_a_shape_of_its_own_on_the_map_and_in_the_legend(page, address):
    visit(page, address, "map_left", "map_right")
    marks = page.locator(".st-key-map_left .legendpoints path")

    def shapes():
        """Each mark of the legend, and how many pixels the codes of the left map cover."""
        count = """() => { const cloud = document.querySelector('.st-key-map_left .latent-cloud');
          const { data } = cloud.getContext('2d').getImageData(0, 0, cloud.width, cloud.height);
          return data.reduce((sum, value, i) => sum + (i % 4 === 3 && value > 128), 0) }"""
        return marks.evaluate_all("all => all.map((path) => path.getAttribute('d'))"), page.evaluate(count)

    dots, covered = shapes()
    assert len(set(dots)) == 1
    page.get_by_text("Shapes", exact=True).click()
    page.wait_for_url("**shapes=1**")
    ready(page)
    shaped, more = shapes()
    assert len(set(shaped)) == 10
    assert more > 1.5 * covered
    page.get_by_text("Shapes", exact=True).click()
    page.wait_for_function("!location.search.includes('shapes')")
    ready(page)
    assert shapes() == (dots, covered)
