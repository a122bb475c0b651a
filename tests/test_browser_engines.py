"""All pages in Firefox and in WebKit, of the app and of the one file: they open without an error, and maps decode."""

import time

import pytest
from chromium import CHARTS, READY
from engines import ENGINES, SECONDS
from files import html_file

pytestmark = pytest.mark.browser
DRAWN = "return !!document.querySelector(`.st-key-${arguments[0]} .latent-layers`)"
SETTLED = f"return !!document.querySelector('{READY}')"
BROKEN = "return document.querySelectorAll('[data-testid=stException], [data-testid=stAlert]').length"
FOLLOW = """
  const links = [...document.querySelectorAll('[data-testid=stTopNavLink]')];
  const link = links.find((each) => each.innerText.trim() === arguments[0]);
  link?.click();
  return !!link;
"""
PLANE = """
  const axes = document.querySelector('.st-key-map_right .nsewdrag').getBoundingClientRect();
  return [axes.x, axes.y, axes.width, axes.height];
"""
LENS = """
  const lens = document.querySelector('.st-key-map_right .latent-lens');
  if (!lens || getComputedStyle(lens).visibility !== 'visible') return null;
  const canvas = lens.querySelector('canvas');
  const pixels = [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data].join();
  return lens.innerText !== arguments[0] && pixels !== arguments[1] ? [lens.innerText, pixels] : null;
"""
PINNED = "return new URLSearchParams(location.search).get('z1_right')"
FIELD = "return Math.abs(document.querySelector('.st-key-z1_right input')?.value - arguments[0]) < 1e-3"


IN_FILE = ("maps", "learn", "interpolate", "classes", "bound", "draw")
FILE_PLANE = """
  const { left, top, width, height } = latentExplorer.viewportOf('map_right').frame();
  const plot = document.querySelector('.st-key-map_right .latent-plot').getBoundingClientRect();
  return [plot.x + left, plot.y + top, width, height];
"""
TURN = """
  const links = [...document.querySelectorAll('nav button')];
  links.find((each) => each.innerText.trim().toLowerCase() === arguments[0]).click();
"""


@pytest.fixture(params=ENGINES, scope="module")
def engine(request):
    """A new tab of an engine."""
    start, installed = ENGINES[request.param]
    if not installed:
        pytest.skip(f"no {request.param} on this machine")
    with start() as tab:
        yield tab


def until(engine, script, *arguments):
    """What a script in the page returns, once that is something."""
    deadline = time.monotonic() + SECONDS
    while not (value := engine.js(script, *arguments)):
        assert time.monotonic() < deadline, script
        time.sleep(0.1)
    return value


def shown(engine, page):
    """Wait until a page is drawn, and see that it says nothing of an error."""
    for chart in CHARTS.get(page, ()):
        until(engine, DRAWN, chart)
    until(engine, SETTLED)
    assert engine.js(BROKEN) == 0, page


def go(engine, page):
    """Go to a page by its link, as a visitor does, without loading the app again."""
    until(engine, FOLLOW, page.title())
    until(engine, "return location.pathname === arguments[0]", "/" if page == "maps" else f"/{page}")
    shown(engine, page)


def test_all_pages_open_maps_decode_and_a_choice_is_kept(engine, address):
    engine.load(f"{address}/?right=cvae")
    engine.js("window.errors = []; addEventListener('error', (event) => errors.push(event.message))")
    shown(engine, "maps")

    x, y, width, height = engine.js(PLANE)
    engine.move(x + 0.3 * width, y + 0.4 * height)
    first = until(engine, LENS, None, None)
    engine.move(x + 0.6 * width, y + 0.7 * height)
    until(engine, LENS, *first)

    engine.click(x + 0.6 * width, y + 0.7 * height)
    pinned = until(engine, PINNED)
    until(engine, FIELD, pinned)

    for page in (*list(CHARTS)[1:], "learn", "maps"):
        go(engine, page)
    until(engine, FIELD, pinned)
    assert "right=cvae" in engine.js("return location.search")
    assert engine.js("return errors") == []


def test_the_one_file_opens_from_the_disk_and_its_pages_work(engine, tmp_path, coarse):
    file = tmp_path / "explorer.html"
    file.write_bytes(html_file("ae", "vae", "cvae", "vae-best", "ppca", pages=IN_FILE))
    engine.load(file.as_uri())
    engine.js("window.errors = []; addEventListener('error', (event) => errors.push(event.message))")
    until(engine, "return document.querySelectorAll('.alone-page-maps .latent-layers').length === 2")
    x, y, width, height = engine.js(FILE_PLANE)
    engine.move(x + 0.3 * width, y + 0.4 * height)
    first = until(engine, LENS, None, None)
    engine.move(x + 0.6 * width, y + 0.7 * height)
    until(engine, LENS, *first)
    engine.click(x + 0.6 * width, y + 0.7 * height)
    until(engine, "return location.hash.includes('z1_right')")
    for page in (*IN_FILE[1:], "maps"):
        engine.js(TURN, page)
        until(engine, "return !!document.querySelector(`.alone-page-${arguments[0]}`)", page)
        time.sleep(0.5)  # for what is computed then
    assert engine.js("return errors") == []
