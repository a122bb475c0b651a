"""The two charts of the start page and nothing else, which `measure_app.py` holds the explorer against.

`streamlit run tests/bench/bare_page.py -- FOLDER`, with the charts as `left.json` and `right.json` in the folder.
"""

import sys
from pathlib import Path

import plotly.io
import streamlit as st
from plotly.graph_objects import Figure


@st.cache_resource(show_spinner=False)
def figure(side: str) -> Figure:
    """A chart, read once."""
    return plotly.io.read_json(Path(sys.argv[1]) / f"{side}.json")


st.set_page_config(layout="wide")
for side, column in zip(("left", "right"), st.columns(2), strict=True):
    with column:
        st.plotly_chart(figure(side), key=f"map_{side}", config={"scrollZoom": True, "displayModeBar": False})
