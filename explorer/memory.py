"""What the server remembers of one visitor, until the session ends: the state, and beside it what stands in no link.

Widgets are apart: Streamlit keeps the value of each under the widget's key.
"""

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from explorer.state import ExplorerState

KEY = "explorer_memory"


@dataclass
class Memory:
    """Of one visitor."""

    # of `session`
    state: ExplorerState | None = None  # None until it is read from the URL
    junk: dict[str, str] = field(default_factory=dict)  # in that URL: by name, the values that cannot be understood
    mirrored: dict[str, str] = field(default_factory=dict)  # the query that was written into the URL last
    page: str | None = None  # of the run before
    visit: int = 0
    shown: dict[str, int] = field(default_factory=dict)  # by widget, the visit in which the browser last got its value
    before_pick: dict[str, Any] = field(default_factory=dict)  # the fields that the last pick changed, as they were

    # of `browser` and `startup`
    opened: bool = False  # whether the script has run for this visitor
    picks_seen: dict[str, int] = field(default_factory=dict)  # by bridge, the number of the newest pick that was taken

    # of the views
    absent: dict[str, tuple[str, str, int]] = field(default_factory=dict)  # by field, the model that a link asked for,
    # the one that is shown instead, and the visit
    file_problems: dict[str, str] = field(default_factory=dict)  # why files could not be made, by their names
    leave_for: str = ""  # the page that a step of the lesson opens
    hole_untried: bool | None = None  # whether Maps still marks a hole to try; None until it was shown
    before_preset: ExplorerState | None = None  # of Maps
    training_refused: str = ""  # why the last click on Train had no effect
    drawings_loaded: int = 0  # how many pictures were uploaded to Draw
    drawing_problem: str = ""  # why the last of them cannot be read
    drawing_doubt: dict[str, str] = field(default_factory=dict)  # what may be wrong with a drawing, by the drawing


def memory() -> Memory:
    """What is remembered of the visitor whose run this is."""
    return st.session_state.setdefault(KEY, Memory())
