"""Measure the running app in a real Chromium and under load: `python tests/bench/measure_app.py`, with MNIST at hand.

On the Maps page, with the codes of the 10,000 test images on each map and with those of all 70,000 images of MNIST:

    load     until both maps can be touched, on a server that has just started and on a warm one, and the bytes it took;
             in turns with a bare Streamlit page that has the same two charts and nothing else
    click    from a click on an empty place of the plane until the image decoded by the server is on the page
    hover    frames a second while the pointer moves without pause

On Draw, with the exact posteriors of two models: frames a second while the pen moves, how long the posterior of a move
takes, how soon the first one is there, and how far log p(x) of 50 test images is from quadrature. On Replay: frames a
second while it plays, and what that fetches. And with 1, 10 and 50 pages open on one server, each of which clicks once
a second: the time until the server has answered, and its memory. These pages are `visitors.py`, for fifty browsers
would measure themselves. Server, browser and this driver share the machine's cores.
"""

import asyncio
import base64
import dataclasses
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from chromium import LAUNCH, READY, app, visit  # noqa: E402
from visitors import Crowd  # noqa: E402

from explorer.figures import latent_map  # noqa: E402
from vae import metrics  # noqa: E402
from vae.images.sources import load_dataset  # noqa: E402
from vae.images.tensors import ImageSet, to_pixels  # noqa: E402
from vae.inference import quadrature  # noqa: E402
from vae.storage import checkpoint  # noqa: E402

MODELS = {"left": "ae", "right": "vae"}  # of the start page
STARTS = 5  # of each server
VISITS = 5  # of each warm server
CLICKS = 30
SECONDS = 5  # of hovering, drawing, playing
LOADED = 50  # test images
OPEN = (1, 10, 50)  # pages
TURNS = 20  # clicks of each
# What can be touched on a page, by its script as seen from the app's folder, whose settings then hold for both.
TOUCHABLE = {"app.py": ".latent-layers", "../tests/bench/bare_page.py": ".nsewdrag"}
IMAGE = ".st-key-decoded_left img.decoded"

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

# Moves the pointer once a frame for a while, as a hand does, and counts the frames in which something was drawn.
MOVE_FRAMES = """([selector, seconds]) => new Promise((resolve) => {
  const plane = document.querySelector(selector);
  const box = plane.getBoundingClientRect();
  const first = latentExplorer.frames;
  const start = performance.now();
  const step = (now) => {
    const t = (now - start) / 1000;
    const clientX = box.x + box.width * (0.5 + 0.4 * Math.sin(3 * t));
    const clientY = box.y + box.height * (0.5 + 0.4 * Math.sin(2 * t));
    plane.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerId: 1, bubbles: true }));
    if (t < seconds) requestAnimationFrame(step);
    else resolve((latentExplorer.frames - first) / t);
  };
  requestAnimationFrame(step);
})"""

# Counts the frames in which both maps were drawn.
PLAY_FRAMES = """(seconds) => new Promise((resolve) => {
  const [first, start] = [latentExplorer.frames, performance.now()];
  setTimeout(() => resolve((1000 * (latentExplorer.frames - first)) / (performance.now() - start)), 1000 * seconds);
})"""


# Notes how long the posterior of each drawing takes once its lattice is fine, from the question to the answer.
TIME_POSTERIORS = """() => {
  const { lattices } = latentExplorer.controllerOf("draw");
  const [asked, ask, hear] = [new Map(), lattices.ask.bind(lattices), lattices.hear.bind(lattices)];
  latentExplorer.posteriors = [];
  lattices.ask = (key, image) => {
    asked.set(image.serial, performance.now());
    ask(key, image);
  };
  lattices.hear = (answer) => {
    const { kind, size, serial } = answer;
    if (kind === "heat" && size >= 64) latentExplorer.posteriors.push(performance.now() - asked.get(serial));
    hear(answer);
  };
}"""

# Notes when both maps of Draw can be touched and when each has its first posterior.
NOTE_FIRST = """
  globalThis.firsts = {};
  const look = () => {
    const draw = globalThis.latentExplorer?.controllerOf?.("draw");
    if (document.querySelectorAll(".latent-layers").length > 1) firsts.touched ??= performance.now();
    for (const key of Object.keys(draw?.heats ?? {})) {
      firsts[key.split("-").slice(0, -1).join("-")] ??= performance.now();
    }
    requestAnimationFrame(look);
  };
  look();
"""

# Puts 784 grey levels in base64 on the pad.
LOAD = """(form) => {
  const levels = Uint8Array.from(atob(form), (character) => character.charCodeAt(0));
  latentExplorer.controllerOf("draw").pad.load(levels);
}"""

# log p(x) of the drawing under the model of a map, once no finer lattice is to come.
LOG_PX = """(side) => {
  const draw = latentExplorer.controllerOf("draw");
  const { bank, label } = draw.data.sides[side];
  const [guess, image] = [draw.guesses[`${bank} ${label}`], draw.lattices.images.get(`${bank} ${label}`)];
  return guess && guess.settled && guess.serial === image.serial && [guess.logPx];
}"""


def all_images(folder: Path, data: ImageSet) -> Path:
    """A copy of the project in which the models of the start page have the codes of all images."""
    for part in ("explorer", "vae", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    images, labels = (torch.cat(parts) for parts in (data[0:4:2], data[1:4:2]))
    for name in MODELS.values():
        shipped = checkpoint.read(ROOT / "checkpoints" / name)
        codes = metrics.encode(shipped.model, images, labels)
        (folder / "checkpoints").mkdir(exist_ok=True)
        more = dataclasses.replace(shipped, codes=codes, labels=labels.to(torch.uint8), image_metrics={})
        checkpoint.write(folder / "checkpoints" / name, more)
    return folder


def write_charts(root: Path, folder: Path) -> None:
    """The two charts of a project's start page, for the bare page."""
    for side, name in MODELS.items():
        read = checkpoint.read(root / "checkpoints" / name)
        prior = read.config.has_prior
        latent_map(read.codes.numpy(), read.labels.numpy(), prior, read.class_names).write_json(folder / f"{side}.json")


class Traffic:
    """The bytes of a page's websocket."""

    def __init__(self, page: Page) -> None:
        self.up = self.down = 0
        page.on("websocket", self._opened)

    def _opened(self, socket) -> None:
        socket.on("framesent", lambda frame: setattr(self, "up", self.up + len(frame)))
        socket.on("framereceived", lambda frame: setattr(self, "down", self.down + len(frame)))


def new_page(browser: Browser) -> Page:
    """A page of a visitor whom the server has not seen."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    return page


def load_seconds(browser: Browser, address: str, script: str) -> float:
    """How long it takes until both maps can be touched."""
    page, start = new_page(browser), time.perf_counter()
    page.goto(address)
    for side in MODELS:
        page.wait_for_selector(f".st-key-map_{side} {TOUCHABLE[script]}", state="attached")
    seconds = time.perf_counter() - start
    page.wait_for_selector(READY)
    page.context.close()
    return seconds


def load_bytes(browser: Browser, address: str) -> int:
    """How many bytes come down; on a visit of its own, for counting takes time."""
    page = new_page(browser)
    traffic = Traffic(page)
    page.goto(address)
    page.wait_for_selector(".js-plotly-plot")
    page.wait_for_selector(READY)
    page.context.close()
    return traffic.down


def loads(browser: Browser, root: Path, folder: Path) -> None:
    """Both pages in turns, on servers that have just started and on warm ones."""
    write_charts(root, folder)
    cold, warm, sent = {script: [] for script in TOUCHABLE}, {script: [] for script in TOUCHABLE}, {}
    for start in range(STARTS):
        for script in TOUCHABLE:
            with app(folder / "log", root / "explorer", script, str(folder)) as (address, _):
                cold[script].append(load_seconds(browser, address, script))
                if start == 0:
                    warm[script] += [load_seconds(browser, address, script) for _ in range(VISITS)]
                    sent[script] = load_bytes(browser, address)
    for name, found in (("just started", cold), ("warm", warm)):
        ours, bare = (statistics.median(found[script]) for script in TOUCHABLE)
        print(f"load, server {name}: {ours:.2f} s, a bare page {bare:.2f} s, ratio {ours / bare:.2f}")
    ours, bare = (sent[script] / 1e6 for script in TOUCHABLE)
    print(f"load: {ours:.2f} MB down, a bare page {bare:.2f} MB")


def click_milliseconds(page: Page) -> Iterable[float]:
    """The time of each of `CLICKS` clicks at places spread over the left map."""
    box = page.locator(".st-key-map_left .nsewdrag").bounding_box()
    for i in range(CLICKS):
        x = box["x"] + box["width"] * (0.1 + 0.8 * (i * 0.618 % 1))
        y = box["y"] + box["height"] * (0.1 + 0.8 * (i * 0.382 % 1))
        page.mouse.move(x, y)
        clicked = page.evaluate_handle(f"globalThis.clicked = ({CLICK_TO_IMAGE})(), null")
        clicked.dispose()
        page.mouse.down()
        page.mouse.up()
        yield page.evaluate("globalThis.clicked")
        page.wait_for_selector(READY)
        time.sleep(0.4)


def maps(browser: Browser, address: str) -> None:
    """Click and hover on the start page."""
    page = new_page(browser)
    traffic = Traffic(page)
    page.goto(address)
    page.wait_for_selector(IMAGE)
    page.wait_for_selector(READY)
    traffic.up = traffic.down = 0
    print("click to decoded digit:", quantiles(click_milliseconds(page)))
    print(f"a click: {traffic.up / CLICKS / 1e3:.1f} kB up, {traffic.down / CLICKS / 1e3:.1f} kB down")
    frames = page.evaluate(MOVE_FRAMES, [".st-key-map_left .nsewdrag", SECONDS])
    print(f"hover: {frames:.1f} frames a second over {SECONDS} s")
    page.context.close()


def quantiles(milliseconds: Iterable[float]) -> str:
    """Their median and 95th percentile, in words."""
    times = list(milliseconds)
    high = statistics.quantiles(times, n=20)[-1]
    return f"median {statistics.median(times):.0f} ms, 95th percentile {high:.0f} ms, n = {len(times)}"


def draw(browser: Browser, address: str, left: str, right: str) -> None:
    """Keep a pen moving under two models, and load test images."""
    page, models = new_page(browser), {"left": left, "right": right}
    visit(page, f"{address}/draw?left={left}&right={right}", *(f"draw_{side}" for side in models))
    page.wait_for_selector(".latent-drawn-ten button:nth-child(10)")
    box = page.locator(".latent-pad canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 4)
    page.mouse.up()
    for side in models:
        page.wait_for_function(LOG_PX, arg=side, timeout=180_000)
    page.evaluate(TIME_POSTERIORS)
    page.mouse.down()
    frames = page.evaluate(MOVE_FRAMES, [".latent-pad canvas", SECONDS])
    page.mouse.up()
    print(f"draw, {left} and {right}: {frames:.1f} frames a second over {SECONDS} s")
    print(f"posterior of a move: {quantiles(page.evaluate('latentExplorer.posteriors'))}")
    log_px(page, models)
    first_posteriors(page)
    page.context.close()


def log_px(page: Page, models: Mapping[str, str]) -> None:
    """Load test images into the pad, and compare log p(x) with quadrature."""
    images = load_dataset().test_images[:: 10_000 // LOADED]
    shown: dict[str, list[float]] = {side: [] for side in models}
    for image in images:
        form = base64.b64encode(image.numpy().tobytes()).decode()
        page.evaluate(LOAD, form)
        for side, values in shown.items():
            values += page.wait_for_function(LOG_PX, arg=side, timeout=180_000).json_value()
    for side, values in shown.items():
        model = checkpoint.read(ROOT / "checkpoints" / models[side]).model
        off = (quadrature.log_evidence(model, to_pixels(images)).log_px_nats - torch.tensor(values)).abs()
        high = f"90th percentile {off.quantile(0.9):.3f}, largest {off.max():.3f}"
        print(f"log p(x) of {models[side]}, off by: median {off.median():.3f} nats, {high}, n = {len(off)}")


def first_posteriors(page: Page) -> None:
    """Open the drawing anew, and print how long after the maps their posteriors come."""
    page.add_init_script(NOTE_FIRST)
    page.reload()
    page.wait_for_function("Object.keys(globalThis.firsts ?? {}).length > 2", timeout=60_000)
    firsts = page.evaluate("firsts")
    touched = firsts.pop("touched")
    for name, at in firsts.items():
        print(f"first posterior of {name}: {(at - touched) / 1000:.2f} s after the maps can be touched")


def replay(browser: Browser, address: str, query: str) -> None:
    """Open a replay, let it play, and print its bytes and its frames."""
    page, fetched = new_page(browser), []

    def answered(response) -> None:
        if response.url.startswith(f"{address}/media/"):
            fetched.append(int(response.headers["content-length"]))

    page.on("response", answered)
    page.goto(f"{address}/replay{query}")
    page.wait_for_selector(".latent-class")
    page.wait_for_selector(READY)
    films = "Object.values(latentExplorer.controllerOf('replay').films)"
    page.wait_for_function(f"{films}.filter((film) => film.banks[film.k]).length === 2")
    print(f"replay{query}: {sum(fetched) / 1e6:.2f} MB at first", end="")
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(1000)
    print(f", {page.evaluate(PLAY_FRAMES, SECONDS):.1f} frames a second over {SECONDS} s", end="")
    page.get_by_role("button", name="Pause").wait_for(state="detached", timeout=60_000)
    print(f", {sum(fetched) / 1e6:.1f} MB in all")
    page.context.close()


def memory(process: int) -> float:
    """What a process holds in memory, in MB; on Linux."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1e3


async def crowd(address: str, process: int) -> None:
    """Let more and more pages open and click."""
    pages = Crowd(address)
    opened, held = 0, 0.0
    for count in OPEN:
        await pages.grow(count)
        answers = await pages.click(TURNS, 1.0)
        before, held = held, memory(process)
        more = f"{(held - before) / (count - opened):.1f} MB for each page since" if opened else f"{held:.0f} MB in all"
        opened = count
        print(f"{count} open, a click a second each: {quantiles(1e3 * each.seconds for each in answers)}, {more}")
    await pages.leave()


def in_a_browser(roots: dict[int, Path], folder: Path) -> None:
    """What one visitor sees."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(**LAUNCH)
        for points, root in roots.items():
            print(f"\n{points:,} points on each map")
            loads(browser, root, folder)
            with app(folder / "log", root, "explorer/app.py") as (address, _):
                maps(browser, address)
        print("\nother pages")
        with app(folder / "log", ROOT, "explorer/app.py") as (address, _):
            draw(browser, address, "vae", "vae-best")
            for query in ("", "?manifold=1"):
                replay(browser, address, query)
        browser.close()


def under_load(roots: dict[int, Path], folder: Path) -> None:
    """What many see at once."""
    for points, root in roots.items():
        print(f"\nmany pages at once, {points:,} points on each map")
        with app(folder / "log", root, "explorer/app.py") as (address, process):
            asyncio.run(crowd(address, process))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        roots = {10_000: ROOT, 70_000: all_images(folder / "all", load_dataset())}
        in_a_browser(roots, folder)
        under_load(roots, folder)


if __name__ == "__main__":
    main()
