"""Let visitors use the app for half an hour and watch what it costs: `python tests/bench/soak.py`, on Linux.

    python tests/bench/soak.py --minutes 30 --visitors 10 --seed 0

A real server, on this machine only. Each visitor opens a page, does on it what its page offers (clicks, draws, uploads
pictures, chooses models, looks at images, moves the ends of paths), goes on to another page, and after a few minutes
leaves; another comes in its place. Once a minute the server's memory is printed, with what the visitors have done so
far and what has failed; in the end by how much the last third held more than the third before. The exit status is 1
where something failed or memory still grows.
"""

import argparse
import asyncio
import base64
import collections
import contextlib
import io
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from chromium import app  # noqa: E402
from visitors import Crowd, Visitor  # noqa: E402

PAGES = ("", "interpolate", "classes", "bound", "draw", "replay", "train")
STAYS_SECONDS = (30, 240)  # a visitor
PAUSE_SECONDS = (0.5, 3.0)  # between two things that a visitor does
LEVEL = 0.05  # of the memory: growth from the middle third to the last that counts as none
MODELS = ("ae", "vae", "cvae", "vae-best", "cvae-best")
WITH_POSTERIOR = ("vae", "cvae", "vae-best", "cvae-best")


class Tally:
    """What all visitors have done, and what has failed."""

    def __init__(self) -> None:
        self.done: collections.Counter[str] = collections.Counter()
        self.errors: list[str] = []
        self.seconds: list[float] = []


def point(chance: random.Random) -> tuple[float, float]:
    """Somewhere that the maps show at first."""
    return round(chance.uniform(-3, 3), 3), round(chance.uniform(-3, 3), 3)


def picture(chance: random.Random) -> bytes:
    """A photograph of a stroke, or now and then no picture at all."""
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(1, 200_000))
    side = chance.randrange(30, 1500)
    pixels = np.full((side, side), 230, np.uint8)
    left, width = chance.randrange(side // 2), max(2, side // 8)
    pixels[side // 5 : -side // 5, left : left + width] = 20
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, chance.choice(("png", "jpeg")))
    return file.getvalue()


def drawing(chance: random.Random) -> str:
    """A stroke in MNIST's form, as the pad sends it."""
    pixels = np.zeros((28, 28), np.uint8)
    row, column = chance.randrange(4, 12), chance.randrange(6, 20)
    pixels[row : row + chance.randrange(6, 14), column : column + 3] = chance.randrange(128, 256)
    return base64.b64encode(pixels.tobytes()).decode()


async def on_maps(visitor: Visitor, chance: random.Random) -> None:
    """Click, or choose another model."""
    if chance.random() < 0.7:
        await visitor.pick(f"bridge_maps_{chance.choice(('left', 'right'))}", pick_of(chance, "side", visitor))
    else:
        await visitor.change(chance.choice(("left", "right")), string_value=chance.choice(MODELS))


def pick_of(chance: random.Random, kind: str, visitor: Visitor) -> dict:
    """A click on a side's plane."""
    return {kind: chance.choice(("left", "right")), "z": point(chance)}


async def on_interpolate(visitor: Visitor, chance: random.Random) -> None:
    """Move an end of the path, to a test image."""
    await visitor.pick("bridge_interpolate", {"end": chance.choice("ab"), "image": chance.randrange(10_000)})


async def on_classes(visitor: Visitor, chance: random.Random) -> None:
    """Choose a style, or a class."""
    ends = {"label": chance.randrange(10), "morph": chance.randrange(10)}
    await visitor.pick("bridge_classes", {"z": point(chance)} if chance.random() < 0.7 else ends)


async def on_bound(visitor: Visitor, chance: random.Random) -> None:
    """Look at another image, or through another model."""
    if chance.random() < 0.8:
        await visitor.pick("bridge_bound_close", {"image": chance.randrange(10_000)})
    else:
        await visitor.change("bound_model", string_value=chance.choice(WITH_POSTERIOR))


async def on_draw(visitor: Visitor, chance: random.Random) -> None:
    """Draw, or upload a picture."""
    if chance.random() < 0.6:
        await visitor.pick("bridge_draw_pad", {"form": drawing(chance), "label": None})
    else:
        await visitor.upload("upload_drawing", "digit.png", picture(chance))


async def on_replay(visitor: Visitor, chance: random.Random) -> None:
    """Keep a point, or go to another moment."""
    pick = {"side": "left", "z": point(chance)} if chance.random() < 0.5 else {"epoch": round(chance.uniform(0, 20), 3)}
    await visitor.pick("bridge_replay", pick)


async def on_train(visitor: Visitor, chance: random.Random) -> None:
    """Choose what would be trained."""
    await visitor.change("train_model", string_value=chance.choice(("ae", "vae", "cvae")))


ACTS: dict[str, Callable[[Visitor, random.Random], Awaitable[None]]] = {
    "": on_maps,
    "interpolate": on_interpolate,
    "classes": on_classes,
    "bound": on_bound,
    "draw": on_draw,
    "replay": on_replay,
    "train": on_train,
}


async def stay(address: str, chance: random.Random, tally: Tally, until: float) -> None:
    """One visitor, from coming to leaving."""
    crowd = Crowd(address)
    leaves = min(until, time.monotonic() + chance.uniform(*STAYS_SECONDS))
    try:
        visitor = await crowd.come()
        while time.monotonic() < leaves:
            page = chance.choice(PAGES)
            await visitor.open(page)
            tally.done[page or "maps"] += 1
            for _ in range(chance.randrange(1, 8)):
                await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
                start = time.perf_counter()
                await ACTS[page](visitor, chance)
                tally.seconds.append(time.perf_counter() - start)
                tally.done["acts"] += 1
                if time.monotonic() > leaves:
                    break
    finally:
        await crowd.leave()


async def seat(address: str, chance: random.Random, tally: Tally, until: float) -> None:
    """One visitor after another."""
    while time.monotonic() < until:
        tally.done["visitors"] += 1
        try:
            await stay(address, chance, tally, until)
        except Exception as error:  # whatever it is, it is what we look for
            tally.errors.append(f"{type(error).__name__}: {error}"[:300])
            await asyncio.sleep(1)


def memory(process: int) -> float:
    """What a process holds in memory, in MB."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1e3


async def watch(process: int, tally: Tally, log: Path, begin: float, until: float) -> list[float]:
    """Print a line a minute; the memory at each."""
    held = []
    while time.monotonic() < until:
        await asyncio.sleep(min(60, max(0.0, until - time.monotonic())))
        held.append(memory(process))
        minutes, broken = (
            (time.monotonic() - begin) / 60,
            log.read_text(errors="replace", encoding="utf-8").count("Traceback"),
        )
        slow = f"{1e3 * statistics.median(tally.seconds):.0f}" if tally.seconds else "-"
        print(
            f"{minutes:5.1f} min  {held[-1]:6.0f} MB  {tally.done['visitors']:4d} visitors  "
            f"{tally.done['acts']:5d} acts, median {slow} ms  {len(tally.errors) + broken} errors",
            flush=True,
        )
    return held


async def soak(address: str, process: int, log: Path, flags: argparse.Namespace, tally: Tally) -> list[float]:
    """All seats taken for the whole time."""
    begin = time.monotonic()
    until = begin + 60 * flags.minutes
    seats = [seat(address, random.Random(flags.seed + rank), tally, until) for rank in range(flags.visitors)]
    held, *_ = await asyncio.gather(watch(process, tally, log, begin, until), *seats)
    return held


def main() -> None:
    """Soak, and say whether memory levels off."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--visitors", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with app(log, ROOT, "explorer/app.py") as (address, process):
            print(f"{memory(process):.0f} MB before the first visitor", flush=True)
            held = asyncio.run(soak(address, process, log, flags, tally))
        said = log.read_text(errors="replace", encoding="utf-8")
    print("pages opened:", ", ".join(f"{name} {count}" for name, count in sorted(tally.done.items())))
    for error, count in collections.Counter(tally.errors).most_common(10):
        print(f"{count} times: {error}")
    broken = said.count("Traceback")
    if broken:
        print(said[-5000:])
    third = max(1, len(held) // 3)
    before, late = statistics.mean(held[-2 * third : -third] or held), statistics.mean(held[-third:])
    level = late - before <= LEVEL * before
    print(
        f"the last third held {late:.0f} MB on average, {late - before:+.0f} MB against the third before: "
        f"{'level' if level else 'still growing'}"
    )
    sys.exit(bool(tally.errors or broken or not level))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
