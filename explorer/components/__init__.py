"""The browser side of the app: plain JavaScript beside this file, and the three components that carry it.

`runtime` holds the decoder, the maps' overlays and one controller a page; it is mounted once and its data never change.
`bank` hands the browser one checkpoint's decoder and codes, once. `bridge` ties a page to its controller: its data say
what to show, its one state value, `picks`, says what the person did last. A bridge is resent with every change of its
data, and so it holds no code of its own.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import runtime as server

HERE = Path(__file__).parent
MAPS = (
    *("door", "pages", "element", "decoder", "cloud", "chart", "marks", "tiles", "heat", "maps", "paths"),
    *("svg", "axes"),
)
RUNTIME = (
    *MAPS,
    *("styles", "closeup", "landscape", "ladder", "estimates", "bound", "mnist_form", "pad", "draw", "train"),
    *("mosaic", "film", "timeline", "replay", "picture", "numbers", "runtime", "connection"),
)


def _source(*names: str) -> str:
    """The named files joined to one script: the parts share a scope, and a file's newlines mark it as code."""
    return "\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in names)


_runtime = st.components.v2.component("explorer_runtime", js=_source(*RUNTIME), isolate_styles=False)
_bank = st.components.v2.component("explorer_bank", js=_source("door", "bank"), isolate_styles=False)
_bridge = st.components.v2.component("explorer_bridge", js=_source("door", "bridge"), isolate_styles=False)


def standalone() -> str:
    """The script of a page that has neither Streamlit nor Plotly: maps and paths, and what stands in for both.

    That has a scope of its own, in which its names are its own as well.
    """
    return f"{_source(*MAPS, 'runtime')}\n{{\n{_source('plot', 'standalone')}\n}}\n"


def runtime() -> None:
    """Mount what all pages share; it asks for a run when the browser is back after a lost connection."""
    _runtime(key="runtime", on_reconnected_change=lambda: None)


def banks(blobs: Mapping[str, bytes]) -> None:
    """Hand the browser checkpoints, each packed by `packing.pack` under its id.

    The key is a hash, since an id contains a name and Streamlit refuses keys with `__` in them.
    """
    for identity, blob in blobs.items():
        _bank(key=f"bank_{sha256(identity.encode()).hexdigest()[:16]}", data=blob)


def served(blobs: Mapping[str, bytes]) -> dict[str, str]:
    """The address of each blob, relative to the app, for the browser to fetch it if and when it needs it.

    Streamlit keeps them as it keeps the images of a page: until the visitor leaves it. Empty without a server.
    """
    if not server.exists():
        return {}
    files = server.get_instance().media_file_mgr
    return {name: files.add(blob, "application/octet-stream", name).lstrip("/") for name, blob in blobs.items()}


def bridge(page: str, data: dict[str, Any], on_pick: Callable[[Any], None], part: str = "") -> None:
    """Tie a page, or the named part of it, to its controller.

    `on_pick` is called with each thing that the browser sent, unchecked, in order, before the rerun.
    """
    key = f"bridge_{page}{part}"
    seen = f"{key}_seen"  # the number of the newest pick that was

    def changed() -> None:
        for number, pick in unseen(st.session_state[key].get("picks"), st.session_state.get(seen, 0)):
            st.session_state[seen] = number
            on_pick(pick)

    _bridge(key=key, data={"page": page, **data}, on_picks_change=changed)


def unseen(picks: Any, last: int) -> list[tuple[int, Any]]:
    """Those of the numbered picks from the browser that are newer than the last that was seen, oldest first."""
    found = {}
    for each in picks if isinstance(picks, list) else []:
        match each:
            case [int(number), pick] if number > last:
                found[number] = pick
    return sorted(found.items(), key=lambda item: item[0])
