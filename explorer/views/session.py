"""The one declared state of a visitor, between the widgets, the session and the URL.

A widget is bound to a field of `ExplorerState` by `bound(field)`: it starts from the field, and a change of it changes
the field and the URL with it. Streamlit forgets a widget that a page does not draw; the state does not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from state import ExplorerState, from_query, to_query

STATE = "explorer_state"
MIRRORED = "explorer_query"  # what `mirror` wrote last


def current() -> ExplorerState:
    """The visitor's state; at the start of a session it is read from the URL."""
    if STATE not in st.session_state:
        st.session_state[STATE] = from_query(st.query_params)
    return st.session_state[STATE]


def update(**changes: Any) -> None:
    """Change fields of the state, and the widgets bound to them; None lets a widget start anew."""
    st.session_state[STATE] = replace(current(), **changes)
    for field, value in changes.items():
        if value is not None:
            st.session_state[field] = value
        elif field in st.session_state:
            del st.session_state[field]


def mirror() -> None:
    """Write the state into the URL, if it says anything else.

    `st.query_params` are what the browser showed when it asked for this run. What was written last may still be on its
    way to it, and would then remain.
    """
    query = to_query(current())
    if not st.query_params.to_dict() == query == st.session_state.get(MIRRORED, query):
        st.query_params.from_dict(query)
    st.session_state[MIRRORED] = query


def bound(
    field: str, first: Any = None, read: Callable[[Any], Any] = lambda value: value, clears: Iterable[str] = ()
) -> Mapping[str, Any]:
    """The arguments that bind a widget to a field of the state.

    `first` is shown while the field is None; `read` brings what was entered into the field's form; a change of the
    widget empties the fields in `clears`. What no link could say, which only a forged message brings, is dropped.
    """
    if field not in st.session_state:
        value = getattr(current(), field)
        st.session_state[field] = first if value is None else value

    def changed() -> None:
        entered = st.session_state[field]
        try:
            asked = replace(current(), **{field: None if entered is None else read(entered)})
            valid = from_query(to_query(asked)) == asked
        except (TypeError, ValueError):
            valid = False
        if valid:
            update(**{field: getattr(asked, field)}, **dict.fromkeys(clears))
        else:
            update(**{field: getattr(current(), field)})

    return {"key": field, "on_change": changed}
