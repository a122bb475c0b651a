"""The app without a browser: the whole of it or one page, and what they put on the screen or send to the browser."""

import io
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from chromium import ROOT
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer.state import packed

SECONDS = 60  # that a run may take
CHARTS = {"maps": 2, "interpolate": 2, "classes": 1, "bound": 1, "draw": 2, "replay": 0}  # of each page
DRAWN = b64encode(bytes([0] * 300 + [255, 90] * 20 + [0] * 444)).decode()  # some drawing, as the browser sends it
DRAWING = packed(b64decode(DRAWN))  # the same, as a link has it


def run(seconds: float = SECONDS, **query: str) -> AppTest:
    """The whole app, opened by a link."""
    app = AppTest.from_file(str(ROOT / "explorer" / "app.py"), default_timeout=seconds)
    app.query_params.update(query)
    return app.run()


def run_page(page: str, *picks: Any, seconds: float = SECONDS, **query: str) -> AppTest:
    """One page alone, opened by a link, after the browser has sent it some picks."""

    def script(page, picks):  # run from its text, without the imports of this file
        import importlib

        from explorer import session

        session.current()
        view = importlib.import_module(f"explorer.views.{page}")
        for value in picks:
            view.picked(value)
        view.render()
        session.mirror()

    app = AppTest.from_function(script, args=(page, picks), default_timeout=seconds)
    app.query_params.update(query)
    return app.run()


def show(page: str, seconds: float = SECONDS, **query: str) -> AppTest:
    """One page alone, without an exception."""
    return fine(run_page(page, seconds=seconds, **query))


def fine(app: AppTest) -> AppTest:
    """The app, in which no exception was raised."""
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    """The app after a click on the button with a label."""
    return fine(next(button for button in app.button if button.label == label).click().run())


def errors(app: AppTest) -> list[str]:
    """The messages of errors on the screen; an exception is none of them."""
    return [error.value for error in fine(app).error]


def html(app: AppTest) -> str:
    """All HTML on the screen."""
    return " ".join(element.value for element in app.get("html"))


def payloads(app: AppTest, **facts: Any) -> list[dict[str, Any]]:
    """What a page hands its controllers in the browser, of those mounts whose data say so."""
    sent = [json.loads(mount.proto.json) for mount in app.get("bidi_component") if mount.proto.json]
    return [data for data in sent if data.items() >= facts.items()]


def payloads_with(app: AppTest, field: str) -> list[dict[str, Any]]:
    """What a page hands its controllers, of those mounts whose data have a field."""
    return [data for data in payloads(app) if field in data]


def payload(app: AppTest, **facts: Any) -> dict[str, Any]:
    """What a page hands the first of these mounts."""
    return payloads(app, **facts)[0]


def rewrite(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the record in a JSON file."""
    record = json.loads(file.read_text(encoding="utf-8"))
    change(record)
    file.write_text(json.dumps(record), encoding="utf-8")


def file_of(image: np.ndarray, kind: str = "png") -> bytes:
    """An image (H, W) uint8 as a file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()
