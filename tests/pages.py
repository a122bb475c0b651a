"""One page of the app, without a browser."""

import json
from typing import Any

from streamlit.testing.v1 import AppTest


def show(page: str, seconds: float = 60, **query: str) -> AppTest:
    """A page that is opened by a link, without an exception; it may take so many seconds."""

    def script(page):
        import importlib

        importlib.import_module(f"explorer.views.{page}").render()

    app = AppTest.from_function(script, args=(page,), default_timeout=seconds)
    app.query_params.update(query)
    app.run()
    assert not app.exception
    return app


def payloads(app: AppTest, **facts: Any) -> list[dict[str, Any]]:
    """What a page hands its controllers in the browser, of those mounts whose data say so."""
    sent = [json.loads(each.proto.json) for each in app.get("bidi_component") if each.proto.json]
    return [data for data in sent if data.items() >= facts.items()]
