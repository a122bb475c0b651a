"""Bound with a part of the image erased: where its code may be, given what is seen, and what the rest may be."""

import base64
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from explorer import browser, figures, session
from explorer.browser import payloads
from explorer.cache import results
from explorer.cache.results import BoundImage, BoundModel
from explorer.markup import bars, images
from explorer.markup.terms import term
from explorer.state import mask, packed, unpacked
from explorer.views import export_menu
from explorer.views.export_menu import File, image_file
from explorer.views.likelihood import likelihood

HELP = (
    f"Hatched: unknown. Shaded: where the {term('code')} may be, given the rest. Drag over the image to erase, or to "
    "give back."
)
ERASER = 224  # pixels of the screen


def show(model: BoundModel, image: BoundImage, figure: figures.Figure, picked: Callable[[Any], None]) -> None:
    """The image with an eraser, the plane, and what the erased part may be.

    Args:
        model: A model with a prior and a plane.
        image: The whole image.
        figure: The plane.
        picked: Takes what else is clicked in the browser.
    """
    known = likelihood(model)
    if not known:
        st.info("This model has a σ for each pixel, which the browser does not compute. Choose another model.")
        return
    with st.spinner("Integrating over the plane …"):
        log_px = results.analysis(model, image).terms.log_px
    state = session.current()
    eraser = payloads.CompletionEraser(
        part="eraser",
        bank=model.id,
        label=image.label,
        likelihood=known,
        image=images.data_url(image.pixels),
        erased=base64.b64encode(unpacked(state.erased)).decode(),
        log_px=log_px,
        dot=figures.dot(len(model.checkpoint.codes)) / figures.dot(10_000),
        unit=payloads.Unit(name=state.unit, nats=bars.NATS[state.unit]),
        prior=state.prior,
    )
    browser.banks({model.id: model.blob})
    with st.container(horizontal=True, wrap=False, key="complete_planes"):
        with st.container(width=ERASER, key="complete_eraser"):
            browser.bridge("completion", eraser, session.undoable(partial(erased_or, picked)), part="_eraser")
        with st.container():
            middle, right = st.columns(2)
            with middle:
                st.plotly_chart(figure, key="complete_map", config=figures.CONFIG)
            with right:
                browser.bridge("completion", {"part": "panel"}, part="_panel")


def erased_or(picked: Callable[[Any], None], value: Any) -> None:
    """Take what is erased from the browser, or leave it to `picked`; what is neither is dropped.

    Args:
        picked: Takes what is not about the eraser.
        value: As the browser sent it.
    """
    try:
        if set(value) == {"erased"}:
            session.update(erased=mask(packed(base64.b64decode(value["erased"], validate=True))))
            return
    except (TypeError, ValueError):
        return
    picked(value)


def offer_files(model: BoundModel, image: BoundImage) -> None:
    """The map's files, and the image."""
    pixels = File("image", f"{image.source}.png", partial(image_file, lambda: image.pixels))
    export_menu.offer_maps({"complete_map": model}, "completion", {"complete_map": [pixels]})
