"""What stands on a page while a server that has just started imports what its pages need: two maps, still empty.

Meanwhile the browser fetches and starts Plotly, for which it would wait otherwise.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import figures

WITH_MAPS = ("", "interpolate", "draw", "replay")  # the pages, by their addresses; the first has none


@contextmanager
def shown(place: DeltaGenerator, address: str) -> Iterator[None]:
    """Stand in the place, on the page with this address, while the block runs."""
    with place.container():
        st.html('<div class="latent-help">Starting …</div>')
        st.container(height=44, border=False)
        for side, column in enumerate(st.columns(2) if address in WITH_MAPS else ()):
            column.plotly_chart(figures.blank(), key=f"opening_{side}", config=figures.CONFIG)
    yield
    place.empty()
