"""The one declared state of a visitor, between the widgets, the session and the URL.

A widget is bound to a field of `ExplorerState` by `bind(field)`: it shows the field, and a change of it changes the
field. Streamlit forgets a widget that a page does not draw; the state does not. At the end of each run of the script,
and of each `fragment` that runs alone, the state is written into the URL.

Each change of the state is an entry in the browser's history. Back and forward ask for a run under an older URL, and
that is then the state.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.memory import memory
from explorer.state import ExplorerState, from_query, plane, read_query, to_query

P = ParamSpec("P")
FIRST = "maps"  # the page that the app begins with


def begin() -> None:
    """Bring state and URL together at the start of a run of the whole script, before Streamlit's navigation.

    After back or forward the URL decides. When the page changes, Streamlit empties the query; written before the
    navigation, it makes one entry in the history together with the page.
    """
    run = get_script_run_ctx()
    back = bool(run and run.is_history_navigation)
    if back:
        memory().state = None
    state, moved = current(), memory().page not in (None, page())
    if moved or back:
        memory().visit += 1
    if moved and not back:
        st.query_params.from_dict(to_query(state))


def arrive() -> None:
    """Note the page that Streamlit's navigation has chosen."""
    memory().page = page()


def page() -> str:
    """The page that is asked for, after the navigation the one that is shown."""
    run = get_script_run_ctx()
    return run.page_script_hash if run else ""


def visit() -> int:
    """How often the page changed or the visitor went back or forward.

    On a new visit the browser has forgotten the values of widgets. It then also takes from the server what it otherwise
    knows better, such as a drawing.
    """
    return memory().visit


def current() -> ExplorerState:
    """The visitor's state; at the start of a session it is read from the URL."""
    kept = memory()
    if kept.state is None:
        kept.state, junk = read_query(st.query_params)
        kept.junk = {name: st.query_params[name] for name in junk}
        kept.mirrored = to_query(kept.state)
    return kept.state


def not_understood() -> Mapping[str, str]:
    """What the link asks for and is not understood, value by name; nothing once the visitor has gone elsewhere."""
    current()
    return {} if visit() else memory().junk


def update(**changes: Any) -> None:
    """Change fields of the state, and the widgets bound to them; None takes a widget back to its start."""
    memory().state = replace(current(), **changes)
    for field, value in changes.items():
        if value is not None:
            st.session_state[field] = value
        elif field in st.session_state:
            del st.session_state[field]


def undoable(picked: Callable[[Any], None]) -> Callable[[Any], None]:
    """A taker of picks like `picked` that also undoes the last pick when the browser asks for that."""

    def take(value: Any) -> None:
        before = current()
        if isinstance(value, dict) and "undo" in value:
            update(**memory().before_pick)
            memory().before_pick = {}
        else:
            picked(value)
            changed = (name for name, now in vars(current()).items() if now != getattr(before, name))
            memory().before_pick = {name: getattr(before, name) for name in changed}

    return take


def mirror() -> None:
    """Write the state into the URL, if it says anything else.

    It is compared with what was written last, and not with `st.query_params`. Those are what the browser showed when it
    asked for this run; what was written since then may still be on its way.
    """
    query = to_query(current())
    if query != memory().mirrored:
        st.query_params.from_dict(query)
        memory().mirrored = query


def page_of_streamlit(name: str, draw: Callable[[], None]) -> st.Page:
    """A page of the app for Streamlit, which knows it by its address: its name, and nothing for the first page.

    Args:
        name: In lower case, as its address has it.
        draw: Draws the page.
    """
    first = name == FIRST
    return st.Page(draw, title=name.title(), url_path="" if first else name, default=first)


def go(name: str) -> None:
    """Show another page of the app, and the state with it."""
    st.switch_page(page_of_streamlit(name, lambda: None), query_params=to_query(current()))


def fragment(part: Callable[P, None], run_every: float | None = None) -> Callable[P, None]:
    """A part of a page that Streamlit can run alone, and that then writes the state into the URL.

    Args:
        part: Draws the part.
        run_every: Seconds between two runs of the part; None where it runs only when something in it changes.
    """

    @wraps(part)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        part(*args, **kwargs)
        mirror()

    return st.fragment(run, run_every=run_every)


def bind(
    field: str,
    first: Any = None,
    read: Callable[[Any], Any] = lambda value: value,
    clears: Iterable[str] | None = None,
) -> dict[str, Any]:
    """The arguments that bind a widget to a field of the state.

    A value that no link could have, such as an emptied number or what only a forged message brings, leaves the field
    as it was. On a new visit the browser has forgotten what the widget shows, even where the session still has a value
    for it.

    Args:
        field: The name of the field, and the key of the widget.
        first: What the widget shows while the field is None.
        read: Brings what was entered into the field's form.
        clears: The fields that a change of the widget empties; by default the points in the plane of the model that
            the field names.
    """
    emptied = tuple(plane(field) if clears is None else clears)
    value = getattr(current(), field)
    value = first if value is None else value
    shown = memory().shown
    if field not in st.session_state or st.session_state[field] != value or shown.get(field) != visit():
        st.session_state[field] = value
    shown[field] = visit()

    def changed() -> None:
        entered = st.session_state[field]
        try:
            asked = replace(current(), **{field: read(entered)})
            if entered is None or from_query(to_query(asked)) != asked:
                raise ValueError(f"{field} cannot be {entered!r}")
        except (TypeError, ValueError):
            st.session_state[field] = value
        else:
            update(**{field: getattr(asked, field)}, **dict.fromkeys(emptied))

    return {"key": field, "on_change": changed}
