"""Measure every page on every screen: `python tests/bench/measure_screens.py` prints what `explorer/README.md` has.

    largest map    the shorter side of the largest map, in CSS pixels, at each size of the window
    overflow       the most pixels by which a page is wider than its window
    axe            what axe-core finds against WCAG 2.1 A and AA, at all these sizes, light and dark

And on an emulated phone: frames a second while something moves over a map, and from a tap on a map until the image that
the server decodes there is drawn; the same with a processor a quarter as fast.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from measure_app import MOVE_FRAMES, ROOT, SECONDS
from playwright.sync_api import Browser, Page, sync_playwright

sys.path[:0] = [str(ROOT / "tests")]

from chromium import CHARTS, LAUNCH, READY, drawn, explorer, place, visit  # noqa: E402

WINDOWS = ((360, 740), (390, 844), (820, 1180), (1024, 768), (1366, 650), (1400, 900), (1920, 1080), (2560, 1440))
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
SLOWER = (1, 4)
TAPS = 12
SIDES = (
    "[...document.querySelectorAll('.latent-stage')].map((stage) => Math.min(stage.clientWidth, stage.clientHeight))"
)
WIDER = "document.querySelector('[data-testid=stMain]').scrollWidth - innerWidth"
IMAGE = ".st-key-decoded_left img.decoded"


def settle(page: Page) -> None:
    """Wait until the page has taken its new size."""
    page.wait_for_timeout(600)
    page.wait_for_selector(READY)
    drawn(page)


def screens(browser: Browser, address: str, name: str) -> tuple[list[int], int, set[str]]:
    """Of one page the side of the largest map in each window, the most overflow, and the rules that it breaks."""
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{address}/{'' if name == 'maps' else name}")
    page.wait_for_selector("[data-testid=stMainBlockContainer] button")
    sides, overflow, broken = [], 0, set()
    for width, height in WINDOWS:
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            settle(page)
            broken |= {violation["id"] for violation in Axe().run(page, options=RULES).response["violations"]}
        sides.append(max(page.evaluate(SIDES), default=0))
        overflow = max(overflow, page.evaluate(WIDER))
    page.close()
    return sides, overflow, broken


def phone(browser: Browser, address: str, slower: int) -> tuple[float, float]:
    """Frames a second under a moving finger, and the median milliseconds of a tap."""
    with browser.new_context(**PHONE) as context:
        page = context.new_page()
        visit(page, address, "map_left", "map_right")
        session = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        frames = page.evaluate(MOVE_FRAMES, [".st-key-map_left .nsewdrag", SECONDS])
        page.locator(".st-key-map_left .latent-stage").scroll_into_view_if_needed()
        taps = []
        for count in range(TAPS):
            at, _ = place(page, "map_left", 0.2 + 0.05 * count, 0.3 + 0.04 * (count % 5))
            before, start = page.locator(IMAGE).get_attribute("src"), time.perf_counter()
            page.touchscreen.tap(*at)
            page.wait_for_function(f"(old) => document.querySelector('{IMAGE}')?.src !== old", arg=before)
            taps.append(1e3 * (time.perf_counter() - start))
            page.wait_for_timeout(500)  # two quick taps are a double tap
    return frames, statistics.median(taps)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(**LAUNCH)
        with explorer(Path(folder) / "log") as address:
            sizes = [f"{width} × {height}" for width, height in WINDOWS]
            print(f"| page | {' | '.join(sizes)} | overflow | axe |")
            print(f"| --- |{' ---: |' * (len(sizes) + 2)}")
            for name in (*CHARTS, "learn"):
                sides, overflow, broken = screens(browser, address, name)
                print(f"| {name} | {' | '.join(map(str, sides))} | {overflow} | {', '.join(sorted(broken)) or 0} |")
            print("\n| a phone, 390 × 844 | frames a second | a tap, median |\n| --- | ---: | ---: |")
            for slower in SLOWER:
                frames, tap = phone(browser, address, slower)
                processor = "processor as it is" if slower == 1 else f"processor 1/{slower} as fast"
                print(f"| {processor} | {frames:.0f} | {tap:.0f} ms |")
        browser.close()


if __name__ == "__main__":
    main()
