"""Measure the running app in a real Chromium: `python tests/measure_app.py`.

Prints, on the Maps page with 10,000 points a map: the time from a click on an empty place of the plane until the image
decoded by the server is on the page, the hover frames a second while the pointer moves without pause, and the bytes of
the websocket at load and for a click; and on the Replay page what is fetched before and while it plays, and the frames
a second meanwhile. Server, browser and this driver share the machine's cores.
"""

import statistics
import tempfile
import time
from pathlib import Path

from browser import LAUNCH, READY, explorer
from playwright.sync_api import Page, sync_playwright

CLICKS = 30
HOVER_SECONDS = 5
PLAY_SECONDS = 5
IMAGE = ".st-key-decoded_left img.digit"

# Resolves with the milliseconds from the next pointerup until the pinned image has changed and been drawn.
CLICK_TO_IMAGE = f"""() => new Promise((resolve) => {{
  const before = document.querySelector("{IMAGE}").src;
  addEventListener("pointerup", (event) => {{
    const look = () => {{
      const image = document.querySelector("{IMAGE}");
      if (image && image.src !== before && image.complete) resolve(performance.now() - event.timeStamp);
      else requestAnimationFrame(look);
    }};
    look();
  }}, {{ once: true, capture: true }});
}})"""

# Moves the pointer once a frame for a while, as a hand does, and counts the frames in which a digit was drawn.
HOVER_FRAMES = """(seconds) => new Promise((resolve) => {
  const plane = document.querySelector(".st-key-map_left .nsewdrag");
  const box = plane.getBoundingClientRect();
  const explorer = globalThis.latentExplorer;
  const first = explorer.frames;
  const start = performance.now();
  const step = (now) => {
    const t = (now - start) / 1000;
    const clientX = box.x + box.width * (0.5 + 0.4 * Math.sin(3 * t));
    const clientY = box.y + box.height * (0.5 + 0.4 * Math.sin(2 * t));
    plane.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    if (t < seconds) requestAnimationFrame(step);
    else resolve((explorer.frames - first) / t);
  };
  requestAnimationFrame(step);
})"""


def click_milliseconds(page: Page) -> list[float]:
    """The time of each of `CLICKS` clicks at places spread over the left map."""
    box = page.locator(".st-key-map_left .nsewdrag").bounding_box()
    times = []
    for i in range(CLICKS):
        x = box["x"] + box["width"] * (0.1 + 0.8 * (i * 0.618 % 1))
        y = box["y"] + box["height"] * (0.1 + 0.8 * (i * 0.382 % 1))
        page.mouse.move(x, y)
        clicked = page.evaluate_handle(f"globalThis.clicked = ({CLICK_TO_IMAGE})(), null")
        clicked.dispose()
        page.mouse.down()
        page.mouse.up()
        times.append(page.evaluate("globalThis.clicked"))
        page.wait_for_selector(READY)
        time.sleep(0.4)
    return times


# Counts the frames in which both maps were drawn.
PLAY_FRAMES = """(seconds) => new Promise((resolve) => {
  const explorer = globalThis.latentExplorer;
  const [first, start] = [explorer.frames, performance.now()];
  setTimeout(() => resolve((1000 * (explorer.frames - first)) / (performance.now() - start)), 1000 * seconds);
})"""


def replay(page: Page, address: str, query: str) -> None:
    """Open a replay, let it play, and print its bytes and its frames."""
    fetched = []

    def answered(response) -> None:
        if response.url.startswith(f"{address}/media/"):
            fetched.append(int(response.headers["content-length"]))

    page.on("response", answered)
    page.goto(f"{address}/replay{query}")
    page.wait_for_selector(".latent-class")
    page.wait_for_selector(READY)
    page.wait_for_function("Object.values(latentExplorer.replay.films).filter((f) => f.banks[f.k]).length === 2")
    print(f"replay{query}: {sum(fetched) / 1e6:.2f} MB at first", end="")
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(1000)
    print(f", {page.evaluate(PLAY_FRAMES, PLAY_SECONDS):.1f} frames a second over {PLAY_SECONDS} s", end="")
    page.get_by_role("button", name="Pause").wait_for(state="detached", timeout=60_000)
    print(f", {sum(fetched) / 1e6:.1f} MB in all")
    page.remove_listener("response", answered)


def main() -> None:
    """Measure and print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        explorer(Path(folder) / "log") as address,
        sync_playwright() as driver,
    ):
        page = driver.chromium.launch(**LAUNCH).new_page(viewport={"width": 1400, "height": 900})
        traffic = {"up": 0, "down": 0}

        def count(direction: str):
            return lambda frame: traffic.__setitem__(direction, traffic[direction] + len(frame))

        def opened(socket) -> None:
            socket.on("framesent", count("up"))
            socket.on("framereceived", count("down"))

        page.on("websocket", opened)
        for visit in ("cold", "warm"):
            traffic.update(up=0, down=0)
            start = time.perf_counter()
            page.goto(address)
            page.wait_for_selector(".st-key-map_left .latent-layers")
            page.wait_for_selector(IMAGE)
            print(f"load, {visit} server: {time.perf_counter() - start:.2f} s, {traffic['down'] / 1e6:.2f} MB down")
        page.wait_for_selector(READY)
        traffic.update(up=0, down=0)
        times = sorted(click_milliseconds(page))
        print(f"click to decoded digit: median {statistics.median(times):.0f} ms, ", end="")
        print(f"95th percentile {statistics.quantiles(times, n=20)[-1]:.0f} ms, n = {CLICKS}")
        print(f"a click: {traffic['up'] / CLICKS / 1e3:.1f} kB up, {traffic['down'] / CLICKS / 1e3:.1f} kB down")
        print(f"hover: {page.evaluate(HOVER_FRAMES, HOVER_SECONDS):.1f} frames a second over {HOVER_SECONDS} s")
        for query in ("", "?manifold=1"):
            replay(page, address, query)


if __name__ == "__main__":
    main()
