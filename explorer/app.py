"""Latent Space Explorer: `streamlit run explorer/app.py`."""

import sys
from importlib import import_module
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
if str(HERE) in sys.path:  # Streamlit puts it there, but modules are imported as explorer.<name>, from the root
    sys.path[sys.path.index(str(HERE))] = str(HERE.parent)

from explorer import access, browser, figures, session, startup  # noqa: E402
from explorer.cache import checkpoints  # noqa: E402
from explorer.views import parts  # noqa: E402

NAMES = (session.FIRST, "learn", "interpolate", "classes", "bound", "draw", "replay", "train")


def page(name: str) -> st.Page:
    """A page; its module is imported when the page is first drawn."""
    return session.page_of_streamlit(name, lambda: import_module(f"explorer.views.{name}").render())


def by_name(first: st.Page) -> st.Page:
    """A hidden page at the first page's name that leads to the first page, and keeps the link's query."""

    def go() -> None:
        st.switch_page(first, query_params=st.query_params.to_dict())

    return st.Page(go, title=first.title, url_path=NAMES[0], visibility="hidden")


access.set_default(st.get_option("server.address"))
st.set_page_config(page_title="Latent Space Explorer", page_icon="🔵", layout="wide")
for sheet in ("style.css", "layout.css"):
    st.html(HERE / sheet)
st.html(f"<style>{figures.colour_styles()}</style>")
browser.runtime()
session.begin()
pages = [page(name) for name in NAMES]
chosen = st.navigation([*pages, by_name(pages[0])], position="top")
st.set_page_config(page_title=f"{chosen.title} · Latent space explorer")
st.html(f'<h1 class="latent-unseen">{chosen.title}</h1>')
session.arrive()
place = st.empty()  # in every run, so that what follows keeps its place
if chosen.url_path and not startup.over():  # the first page, which has no address, draws its maps before
    place.html('<div class="latent-help">Starting PyTorch …</div>')
    startup.import_rest()
    place.empty()

missing = st.container()
if checkpoints.checkpoint_names() or chosen.url_path == "train":
    chosen.run()
    with missing:
        parts.say_missing()
else:
    st.error(checkpoints.nothing())
    parts.say_misnamed()
session.mirror()
