"""All pages in Firefox and in WebKit: they open without an error, maps decode, and what was chosen is kept."""

import time

import pytest
from chromium import CHARTS, READY
from engines import ENGINES, SECONDS

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


@pytest.fixture(params=ENGINES)
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
