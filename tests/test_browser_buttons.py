"""Every button of every page in a real Chromium, pressed once: none breaks the page, the scripts or the server."""

import shutil

import pytest
from chromium import ROOT, drawn, explorer, ready

pytestmark = [pytest.mark.browser, pytest.mark.mnist]
PAGES = {  # page: some of its buttons, so that a page that has lost them is not taken for one that works
    "": ["two maps", "AE | VAE | best", "SVG", "PNG", "CSV", "npz", "Explorer as HTML", "manifold"],
    "interpolate": ["geodesic", "Play", "GIF", "SVG"],
    "classes": ["Reshuffle", "PNG"],
    "bound": ["shuffle", "bits", "CSV", "Draw a z from q and decode it"],
    "draw": ["undo", "clear", "Upload", "Bound", "Path A", "Path B"],
    "replay": ["Play"],
    "train": ["Train", "Stop", "Resume", "Delete", "Undo"],
}

# The buttons that can be pressed now, each with a name of its own on the page. Those of an open menu come first, since
# any other press closes it; then the last of the page, since the first ones often take away what stands below them.
BUTTONS = """() => {
  const menu = document.querySelector("[data-testid=stPopoverBody]");
  const pressable = (each) => {
    const { width, height } = each.getBoundingClientRect();
    return width && height && !each.disabled && getComputedStyle(each).visibility === "visible";
  };
  const parts = ["stMain] button", "stMain] [role=switch]", "stPopoverBody] button"];
  const places = parts.map((part) => `[data-testid=${part}`);
  const counted = {};
  const named = [...document.querySelectorAll(places)].filter(pressable).map((each) => {
    const place = each.closest("[class*=st-key-]")?.className.match(/st-key-[\\w-]+/)?.[0] ?? "";
    const word = (each.ariaLabel || each.title || each.innerText).trim().split("\\n").at(-1);
    const name = `${place} ${word}`.replace(/\\d+/g, "#");
    counted[name] = (counted[name] ?? 0) + 1;
    return [`${name} ${counted[name]}`, each];
  });
  globalThis.buttons = Object.fromEntries(named);
  return named.reverse().sort(([, a], [, b]) => menu ? menu.contains(b) - menu.contains(a) : 0).map(([name]) => name);
}"""


@pytest.fixture(scope="module")
def own_explorer(tmp_path_factory):
    """An explorer of its own, whose models may be trained, stopped and deleted, and its log."""
    root = tmp_path_factory.mktemp("buttons")
    for part in ("explorer", "vae", "checkpoints"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "jobs"))
    with explorer(root / "log", root) as address:
        yield address, root / "log"


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


def press(page, name):
    button = page.evaluate_handle("(name) => buttons[name]", name).as_element()
    button.scroll_into_view_if_needed()
    button.click(force=True)
    drawn(page)
    ready(page)
    if page.locator("[role=listbox]").count():  # of a choice, which only had to open
        page.keyboard.press("Escape")


@pytest.mark.fault("a button of a page called what was no longer there")
@pytest.mark.parametrize("path", PAGES)
def test_every_button_can_be_pressed(page, own_explorer, path):
    address, log = own_explorer
    page.set_default_timeout(60_000)
    page.on("filechooser", lambda chooser: None)  # of an upload, which other tests try
    open_page(page, f"{address}/{path}")
    if path == "draw":
        draw_a_stroke(page)
    start, home, pressed = page.url, page.evaluate("location.pathname"), []
    while fresh := [name for name in page.evaluate(BUTTONS) if name not in pressed]:
        press(page, fresh[0])
        pressed.append(fresh[0])
        assert page.get_by_test_id("stException").count() == 0, fresh[0]
        assert len(pressed) < 300, "there are ever more buttons"
        if page.evaluate("location.pathname") != home:
            open_page(page, start)
    missing = [word for word in PAGES[path] if not any(f" {word}" in name for name in pressed)]
    assert missing == [], pressed
    assert "Traceback" not in log.read_text(encoding="utf-8")
