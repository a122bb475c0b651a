"""Every button of every page in a real Chromium, pressed once: none breaks the page, the scripts or the server."""

import shutil

import pytest
from chromium import ROOT, drawn, explorer, ready

pytestmark = [pytest.mark.browser, pytest.mark.mnist]
PAGES = {  # page: some of its buttons, so that a page that has lost them is not taken for one that works
    "": ["Two maps", "AE | VAE | best"],
    "learn": ["Next", "Any test image"],
    "interpolate": ["geodesic", "Play", "Pause"],
    "classes": ["Reshuffle"],
    "bound?complete=1": ["Top", "None", "Any test image", "bits", "Draw a z from q and decode it"],
    "draw": ["Undo", "Clear", "probability"],
    "replay": ["Play"],
    "train": ["Train", "Stop", "Resume", "Delete", "Undo"],
}

# The buttons that can be pressed now, each with a name of its own on the page: the last first, since the first ones
# often take away what stands below them; a term that stands in several places once. Not a field's own arrows, and not
# what has a test of its own: the files in a menu (`test_export_menu`), the toggles (`test_browser_state`), and the ways
# to other pages (`test_browser_draw`, `test_browser_learn`).
BUTTONS = """() => {
  const pressable = (each) => {
    const { width, height } = each.getBoundingClientRect();
    const others = "[data-testid=stNumberInput], [data-testid=stSelectbox], [class*=st-key-send_], .latent-lesson-link";
    const own = !each.closest(others);
    return own && width && height && !each.disabled && getComputedStyle(each).visibility === "visible";
  };
  const counted = {};
  const named = [...document.querySelectorAll("[data-testid=stMain] button")].filter(pressable).map((each) => {
    const { term } = each.dataset;
    if (term) return [`term ${term}`, each];
    const place = each.closest("[class*=st-key-]")?.className.match(/st-key-[\\w-]+/)?.[0] ?? "";
    const word = (each.ariaLabel || each.title || each.innerText).trim().split("\\n").at(-1);
    const name = `${place} ${word}`.replace(/\\d+/g, "#");
    counted[name] = (counted[name] ?? 0) + 1;
    return [`${name} ${counted[name]}`, each];
  });
  globalThis.buttons = Object.fromEntries(named);
  return Object.keys(buttons).reverse();
}"""

# The middle of a button, scrolled into view: null while something else lies over it, "gone" where it is no more.
PLACE = f"""(name) => {{
  ({BUTTONS})();
  const button = buttons[name];
  if (!button) return "gone";
  button.scrollIntoView({{ block: "center" }});
  const {{ x, y, width, height }} = button.getBoundingClientRect();
  const at = [x + width / 2, y + height / 2];
  const top = document.elementFromPoint(...at);
  return button.contains(top) || top?.contains(button) ? at : null;
}}"""


@pytest.fixture
def own_explorer(tmp_path_factory):
    """An explorer of its own, whose models may be trained, stopped and deleted, and its log."""
    root = tmp_path_factory.mktemp("buttons")
    for part in ("explorer", "vae", "checkpoints"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "jobs"))
    with explorer(root / "log", root) as address:
        yield address, root / "log"


@pytest.fixture
def shared_explorer(address, log):
    """The explorer of all tests, which no button of the other pages changes, and its log."""
    return address, log


def open_page(page, address):
    page.goto(address)
    page.wait_for_selector("[data-testid=stMainBlockContainer] button")
    ready(page)


def draw_a_stroke(page):
    box = page.locator(".latent-pad canvas").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_function("location.search.includes('drawing')")
    ready(page)


def not_yet(page, pressed):
    """The buttons that have not been pressed; what a page shows last has a second to come."""
    for wait in (0, 1000):
        page.wait_for_timeout(wait)
        fresh = [name for name in page.evaluate(BUTTONS) if name not in pressed]
        if fresh:
            return fresh
    return []


def press(page, name):
    """Press a button where it stands, unless it has gone meanwhile: a training ends, a page is drawn again."""
    place = page.wait_for_function(PLACE, arg=name).json_value()
    if place == "gone":
        return False
    page.mouse.click(*place)
    drawn(page)
    if page.locator(".latent-explanation").is_visible():  # of a term, which would lie over other buttons
        page.keyboard.press("Escape")
    ready(page)
    return True


@pytest.mark.fault("a button of a page called what was no longer there")
@pytest.mark.parametrize("path", PAGES)
def test_every_button_can_be_pressed(page, request, path):
    address, log = request.getfixturevalue("own_explorer" if path == "train" else "shared_explorer")
    said_before = len(log.read_text(encoding="utf-8"))
    page.set_default_timeout(60_000)
    page.on("filechooser", lambda chooser: None)  # of an upload, which other tests try
    open_page(page, f"{address}/{path}")
    if path == "draw":
        draw_a_stroke(page)
    pressed = []
    while fresh := not_yet(page, pressed):
        pressed += fresh[:1] if press(page, fresh[0]) else []
        assert page.get_by_test_id("stException").count() == 0, fresh[0]
        assert len(pressed) < 300, "there are ever more buttons"
    missing = [word for word in PAGES[path] if not any(f" {word}" in name for name in pressed)]
    assert missing == [], pressed
    assert "Traceback" not in log.read_text(encoding="utf-8")[said_before:]
