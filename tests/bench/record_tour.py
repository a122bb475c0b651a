"""Record the animation of the README in a real Chromium: `python tests/bench/record_tour.py explorer/tour.gif`.

The pointer moves over both maps, pins a point, shows the decoded plane behind the codes, and plays an interpolation on
the next page. What one sees is the app itself; only the pointer is drawn in, because a screenshot has none.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from chromium import LAUNCH, drawn, explorer, plane, ready, visit  # noqa: E402

WINDOW = {"width": 1180, "height": 940}
SCALE = 0.68  # of the animation, against the window
FRAME_MS = 90
COLOURS = 128
PAUSE = 9  # frames

Point = tuple[float, float]


class Recorder:
    """The frames of the animation, and the pointer."""

    def __init__(self, page: Page) -> None:
        self.page, self.frames, self.at = page, [], (WINDOW["width"] / 2, WINDOW["height"] * 0.5)

    def take(self, count: int = 1) -> None:
        """Add what the page shows now, for `count` frames."""
        drawn(self.page)
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        x, y = self.at
        arrow = [(x, y), (x, y + 17), (x + 4.5, y + 13), (x + 12, y + 12)]
        ImageDraw.Draw(shot).polygon(arrow, fill="black", outline="white")
        size = round(shot.width * SCALE), round(shot.height * SCALE)
        self.frames += [shot.resize(size, Image.Resampling.LANCZOS)] * count

    def move(self, *path: Point, frames: int) -> None:
        """Move the pointer along corners on the screen, so many frames in all."""
        for at in along([self.at, *path], frames):
            self.at = at
            self.page.mouse.move(*at)
            self.take()

    def save(self, file: Path) -> None:
        """Write the frames with one palette, and equal ones as one that lasts longer."""
        palette = Image.new("RGB", (self.frames[0].width, 3 * self.frames[0].height))
        for row, share in enumerate((0.2, 0.6, 0.95)):
            palette.paste(self.frames[int(share * len(self.frames))], (0, row * self.frames[0].height))
        palette = palette.quantize(COLOURS, dither=Image.Dither.NONE)
        frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames]
        frames[0].save(file, save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0, optimize=True)


def along(corners: list[Point], count: int) -> Iterator[Point]:
    """`count` points along straight lines between corners, slower at the ends of the whole."""
    x, y = np.array(corners).T
    passed = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    at = passed[-1] * (1 - np.cos(np.pi * np.arange(1, count + 1) / count)) / 2
    yield from zip(np.interp(at, passed, x).tolist(), np.interp(at, passed, y).tolist(), strict=True)


def on(page: Page, chart: str, *places: Point) -> list[Point]:
    """Where shares of a chart's width and height, from its lower left corner, are on the screen."""
    box = plane(page, chart)
    return [(box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]) for across, up in places]


def middle(page: Page, text: str) -> Point:
    """Where a word on the page is, on the screen."""
    box = page.get_by_text(text, exact=True).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def press(recorder: Recorder, at: Point) -> None:
    """Move to a place and click it."""
    recorder.move(at, frames=7)
    recorder.page.mouse.click(*at)
    ready(recorder.page)
    recorder.take(PAUSE)


def maps(recorder: Recorder) -> None:
    """Hover on both maps, pin a point, and lay the decoded plane behind."""
    page = recorder.page
    recorder.take(PAUSE)
    recorder.move(*on(page, "map_left", (0.75, 0.5), (0.4, 0.85), (0.25, 0.35), (0.6, 0.3)), frames=34)
    recorder.move(*on(page, "map_right", (0.25, 0.5), (0.5, 0.8), (0.72, 0.45), (0.5, 0.25)), frames=34)
    press(recorder, on(page, "map_right", (0.42, 0.38))[0])
    press(recorder, middle(page, "Manifold"))
    recorder.take(PAUSE)


def interpolate(recorder: Recorder) -> None:
    """Go to the next page and play the path there."""
    page = recorder.page
    press(recorder, middle(page, "Interpolate"))
    page.wait_for_selector(".st-key-path_right .latent-layers", state="attached")
    ready(page)
    recorder.take(PAUSE)
    button = page.get_by_role("button", name="Play").bounding_box()
    press(recorder, (button["x"] + button["width"] / 2, button["y"] + button["height"] / 2))
    for _ in range(40):
        page.wait_for_timeout(FRAME_MS)
        recorder.take()


def main() -> None:
    """Record, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    with (
        tempfile.TemporaryDirectory() as folder,
        explorer(Path(folder) / "log") as address,
        sync_playwright() as driver,
    ):
        page = driver.chromium.launch(**LAUNCH).new_page(viewport=WINDOW)
        visit(page, f"{address}/interpolate", "path_left", "path_right")  # so that PyTorch is there
        visit(page, address, "map_left", "map_right")
        recorder = Recorder(page)
        maps(recorder)
        interpolate(recorder)
    recorder.save(file)
    print(f"{file}: {len(recorder.frames)} frames, {file.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
