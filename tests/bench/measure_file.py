"""Measure the one file in a real Chromium, from the disk and without a network: `python tests/bench/measure_file.py`.

first digit   from the beginning of the navigation until a map answers the pointer, which moves without pause, with a
              decoded digit, and what came before that: until the page has drawn its maps
hover         frames a second while the pointer moves over a map without pause
answer        from a movement of the pointer until the digit at its place has been drawn
"""

import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from chromium import LAUNCH  # noqa: E402
from measure_app import MOVE_FRAMES, quantiles  # noqa: E402

from explorer import export  # noqa: E402

OPENINGS = 7
SECONDS = 5  # of hovering
MOVES = 100

# Moves the pointer over the first map there is, frame by frame, and notes when maps and the first digit are there.
OPENING = """
  globalThis.opening = {};
  const move = (now) => {
    const plane = document.querySelector(".st-key-map_left .latent-layers");
    if (plane) {
      opening.maps ??= now;
      const box = plane.getBoundingClientRect();
      const [clientX, clientY] = [box.x + box.width * (0.4 + 0.1 * Math.sin(now)), box.y + box.height / 2];
      plane.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerId: 1, bubbles: true }));
    }
    const lens = document.querySelector(".st-key-map_left .latent-lens");
    if (lens && getComputedStyle(lens).visibility === "visible") opening.digit = performance.now();
    else requestAnimationFrame(move);
  };
  requestAnimationFrame(move);
"""

# The milliseconds from each of some movements until the frame is drawn in which the lens has another digit.
ANSWERS = """async ([selector, moves]) => {
  const plane = document.querySelector(selector);
  const box = plane.getBoundingClientRect();
  const frame = () => new Promise(requestAnimationFrame);
  const canvas = document.querySelector(".st-key-map_left .latent-lens canvas");
  const digit = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
  const times = [];
  for (let i = 0; i < moves; i++) {
    const clientX = box.x + box.width * (0.1 + (0.8 * (i * 0.618)) % 0.8);
    const clientY = box.y + box.height * (0.1 + (0.8 * (i * 0.382)) % 0.8);
    const before = digit();
    await new Promise((next) => setTimeout(next, 30 + (7 * i) % 16));
    const start = performance.now();
    plane.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerId: 1, bubbles: true }));
    for (let n = 0; n < 60 && digit() === before; n++) await frame();
    await frame();
    times.push(performance.now() - start);
  }
  return times;
}"""


def measure(browser: Browser, address: str) -> None:
    """Open the file some times, then hover over it."""
    maps, digits = [], []
    for _ in range(OPENINGS):
        page = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True).new_page()
        page.add_init_script(OPENING)
        page.goto(address)
        page.wait_for_function("() => globalThis.opening.digit", timeout=120_000)
        opening = page.evaluate("opening")
        maps.append(opening["maps"] / 1000)
        digits.append(opening["digit"] / 1000)
        page.context.close()
    print(
        f"opening, n = {OPENINGS}: maps {statistics.median(maps):.2f} s, first digit {statistics.median(digits):.2f} s"
    )
    page = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True).new_page()
    page.goto(address)
    page.wait_for_selector(".st-key-map_right .latent-layers", state="attached")
    page.wait_for_timeout(3000)
    plane = ".st-key-map_left .latent-layers"
    print(f"hover: {page.evaluate(MOVE_FRAMES, [plane, SECONDS]):.1f} frames a second over {SECONDS} s")
    print(f"answer to a movement: {quantiles(page.evaluate(ANSWERS, [plane, MOVES]))}")
    page.context.close()


def main() -> None:
    """Write the file as the command does, and measure it."""
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "explorer.html"
        export.main(["--out", str(file)])
        with sync_playwright() as driver:
            browser = driver.chromium.launch(**LAUNCH)
            measure(browser, file.as_uri())
            browser.close()


if __name__ == "__main__":
    main()
