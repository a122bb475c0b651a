"""Latent Space Explorer: `streamlit run explorer/app.py`."""

import gc
import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))  # Streamlit puts this folder on the path, but not the one that holds `vae`

import components  # noqa: E402
import resources  # noqa: E402
from views import bound, classes, draw, interpolate, maps, replay, train  # noqa: E402


@st.cache_resource(show_spinner=False)
def freeze_imports() -> None:
    """Take what the imports made out of every later garbage collection."""
    gc.collect()
    gc.freeze()


st.set_page_config(page_title="Latent Space Explorer", page_icon="🔵", layout="wide")
st.html(HERE / "style.css")
components.runtime()
freeze_imports()
page = st.navigation(
    [
        st.Page(maps.render, title="Maps", url_path="maps", default=True),
        st.Page(interpolate.render, title="Interpolate", url_path="interpolate"),
        st.Page(classes.render, title="Classes", url_path="classes"),
        st.Page(bound.render, title="Bound", url_path="bound"),
        st.Page(draw.render, title="Draw", url_path="draw"),
        st.Page(replay.render, title="Replay", url_path="replay"),
        st.Page(train.render, title="Train", url_path="train"),
    ],
    position="top",
)
if resources.checkpoint_names() or page.url_path == "train":
    page.run()
else:
    st.error("There is no checkpoint to show. Train one, on the page Train or with `python -m vae.train --model vae`.")
