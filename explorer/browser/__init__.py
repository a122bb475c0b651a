"""The browser side of the app: the ES modules in `js/`, and the three components that carry them.

`runtime` holds the decoder, the maps' overlays and one controller a page; it is mounted once and its data never change.
`bank` hands the browser one checkpoint's decoder and codes, once. `bridge` ties a page to its controller: its data say
what to show, and its one state value, `picks`, says what the visitor did. A bridge is sent again with every change of
its data, and so it holds no code of its own.

Streamlit is imported when the first component is mounted: what makes files does without it, in a notebook too.
"""

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from explorer.browser import modules
from explorer.browser.payloads import Payload
from explorer.markup import terms

SHELL = Path(__file__).parent / "js" / "shell"


@cache
def _component(name: str) -> Callable[..., Any]:
    """One of the three; its styles are the page's."""
    from streamlit.components import v2 as components

    script = modules.joined(SHELL / f"mount_{name}.js")
    return components.component(f"explorer_{name}", js=script, isolate_styles=False)


LATTICE_WORKER = modules.joined(SHELL / "lattice_worker.js")  # the script of a worker, which has no imports either


def standalone() -> str:
    """The script of a page that has neither Streamlit nor Plotly: maps and paths, and what stands in for both."""
    return modules.joined(SHELL / "standalone.js")


def runtime() -> None:
    """Mount what all pages share; it asks for a run when the browser is back after a lost connection."""
    data = {"terms": terms.told(), "lattice_worker": LATTICE_WORKER}
    _component("runtime")(key="runtime", data=data, on_reconnected_change=lambda: None)


def banks(blobs: Mapping[str, bytes]) -> None:
    """Hand the browser checkpoints, each packed by `packing.pack` under its id.

    The key is a hash, since an id contains a name and Streamlit refuses keys with `__` in them.
    """
    for identity, blob in blobs.items():
        _component("bank")(key=f"bank_{sha256(identity.encode()).hexdigest()[:16]}", data=blob)


def served(blobs: Mapping[str, bytes]) -> dict[str, str]:
    """The address of each blob, relative to the app, for the browser to fetch it if and when it needs it.

    Streamlit keeps them as it keeps the images of a page: until the visitor leaves it. Empty without a server.
    """
    from streamlit import runtime as server

    if not server.exists():
        return {}
    files = server.get_instance().media_file_mgr
    return {name: files.add(blob, "application/octet-stream", name).lstrip("/") for name, blob in blobs.items()}


def ignore(pick: Any) -> None:
    """Take what the browser sends where there is nothing to pick."""


def bridge(page: str, data: Payload, on_pick: Callable[[Any], None] = ignore, part: str = "") -> None:
    """Tie a page, or a part of it, to its controller in the browser, and say whether classes have shapes.

    Args:
        page: The name of the page.
        data: What the controller is to show.
        on_pick: Is called with each thing that the browser has sent, unchecked, in order, before the rerun.
        part: Names the part, with an underscore first; empty for a page that is one part.
    """
    import streamlit as st

    from explorer.memory import memory

    key = f"bridge_{page}{part}"

    def changed() -> None:
        seen = memory().picks_seen
        for number, pick in unseen(st.session_state[key].get("picks"), seen.get(key, 0)):
            seen[key] = number
            on_pick(pick)

    state = memory().state
    shapes = bool(state and state.shapes)
    _component("bridge")(key=key, data={"page": page, "shapes": shapes, **data}, on_picks_change=changed)


def unseen(picks: Any, last: int) -> list[tuple[int, Any]]:
    """The numbered picks that are newer than the last that was seen, oldest first.

    Args:
        picks: What the browser has sent, which may be anything.
        last: The number of the last pick that was seen.
    """
    newer = {}
    for numbered in picks if isinstance(picks, list) else []:
        match numbered:
            case [int(number), pick] if number > last:
                newer[number] = pick
    return sorted(newer.items(), key=lambda item: item[0])
