"""A running explorer, a real Chromium, and ways about a page: for the browser tests and `measure_app.py`."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HEADLESS = shutil.which("chromium-headless-shell") or CHROMIUM  # the same engine without the windows around it
LAUNCH = {
    "executable_path": CHROMIUM,
    "args": [
        "--no-sandbox",
        "--no-first-run",
        "--disable-quic",
        "--disable-sync",
        "--disable-component-update",
        "--disable-background-networking",
        "--enable-unsafe-swiftshader",
    ],
}
CHARTS = {  # of each page, by their keys; the maps of Replay and Train are canvases without one
    "maps": ("map_left", "map_right"),
    "interpolate": ("path_left", "path_right"),
    "classes": ("style_map",),
    "bound": ("bound_map",),
    "draw": ("draw_left", "draw_right"),
    "replay": (),
    "train": (),
}
READY = "[data-testid=stApp][data-test-script-state=notRunning]"
SERVER_SECONDS = 60


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def explorer(log: Path, root: Path = ROOT) -> Iterator[str]:
    """Run the app as the README says, in a copy of the project or in itself, and give its address."""
    with app(log, root, "explorer/app.py") as (address, _):
        yield address


@contextlib.contextmanager
def app(
    log: Path, root: Path, script: str, *arguments: str, settings: Sequence[str] = (), path: str = ""
) -> Iterator[tuple[str, int]]:
    """Run any Streamlit script in a folder, with arguments of its own, and give its address and its process.

    `settings` are more flags of Streamlit; `path` is where they put the app below the server's address.
    """
    port = free_port()
    flags = ["--server.port", str(port), "--server.headless", "true", *settings]
    command = [sys.executable, "-m", "streamlit", "run", script, *flags, "--", *arguments]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=root, stdout=output, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}{path}"
            wait_for(f"{address}/_stcore/health", server, log)
            yield address, server.pid
        finally:
            server.terminate()
            server.wait(SERVER_SECONDS)  # what it computes for visitors ends first


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Return once the address answers; raise RuntimeError with the server's log if it never does."""
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the explorer did not start:\n{log.read_text(encoding='utf-8')}")


def ready(page):
    """Wait until the server has nothing more to say, and what it said is drawn."""
    page.wait_for_selector(READY)
    drawn(page)


def drawn(page):
    """Wait until what was asked for has been drawn: two frames on."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def visit(page, address, *charts):
    """Open a page, and wait until its charts can be touched and all is there."""
    page.set_default_timeout(30_000)
    page.goto(address)
    for chart in charts:
        page.wait_for_selector(f".st-key-{chart} .latent-layers", state="attached")
        if chart.startswith("map_"):  # on a server that has just started, what is pinned on it comes later
            page.wait_for_selector(f".st-key-{chart.replace('map', 'decoded')}")
    ready(page)


def go_to(page, name):
    """Go to another page of the app by its link, as a visitor does, which loads nothing anew."""
    page.get_by_role("link", name=name.title(), exact=True).click()
    arrive(page, name)


def arrive(page, name):
    """Wait until a page of the app is there, and its charts can be touched."""
    page.wait_for_url(lambda url: urlsplit(url).path.strip("/") == ("" if name == "maps" else name))
    for chart in CHARTS.get(name, ()):
        page.wait_for_selector(f".st-key-{chart} .latent-layers", state="attached")
    ready(page)


@contextlib.contextmanager
def tab(context, width: int = 1400, height: int = 900, **media) -> Iterator:
    """A new tab of a visitor who has never been here; a JavaScript error in it is an error here.

    `media` is what `page.emulate_media` takes, such as the colour scheme.
    """
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": width, "height": height})
    if media:
        page.emulate_media(**media)
    try:
        yield page
        assert errors == [], errors
    finally:
        context.set_offline(False)
        if page.url.startswith("http"):
            page.evaluate("localStorage.clear()")
        page.close()


class Held:
    """The messages between a page and its server: noted, and what the server says held back while `late`.

    To be made before the page is opened.
    """

    def __init__(self, page):
        self.late, self.asked, self.answers = False, [], []
        page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, socket):
        server = socket.connect_to_server()
        server.on_message(lambda message: (self.answers.append if self.late else socket.send)(message))
        socket.on_message(lambda message: (self.asked.append(message), server.send(message)))
        self.socket = socket

    def release(self):
        """Let the page have what was held back."""
        while self.answers:
            self.socket.send(self.answers.pop(0))


def wait_until(page, condition):
    """Return once a condition of ours holds, while the page goes on."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def settle(page, expression, argument=None):
    """Wait until an expression holds in the page, and then until the page is ready."""
    page.wait_for_function(expression, arg=argument)
    ready(page)


def plane(page, chart):
    """Where on the screen a chart's axes are."""
    return page.locator(f".st-key-{chart} .nsewdrag").bounding_box()


def ranges(page, chart):
    """What a chart's axes show."""
    script = "(key) => { const l = document.querySelector(`.st-key-${key} .js-plotly-plot`)._fullLayout;"
    return page.evaluate(script + "return [l.xaxis.range, l.yaxis.range] }", chart)


def place(page, chart, across, up):
    """The screen position and the latent point at a fraction of a chart's width and height."""
    box = plane(page, chart)
    x, y = ranges(page, chart)
    at = (round(box["x"] + across * box["width"]), round(box["y"] + (1 - up) * box["height"]))
    z1 = x[0] + (at[0] - box["x"]) / box["width"] * (x[1] - x[0])
    z2 = y[1] - (at[1] - box["y"]) / box["height"] * (y[1] - y[0])
    return at, (z1, z2)


def canvas_pixels(page, selector):
    """The grey levels drawn on one 28 x 28 canvas."""
    script = "(s) => Array.from(document.querySelector(s).getContext('2d').getImageData(0, 0, 28, 28).data)"
    return np.array(page.evaluate(script, selector)).reshape(28, 28, 4)[..., 0]
