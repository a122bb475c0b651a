"""Samples under a map: images that its model makes up, whose places light up on the map."""

from typing import Any

import streamlit as st

from explorer import browser, session
from explorer.browser import payloads
from explorer.cache.checkpoints import Resource
from explorer.state import SAMPLE_PIXELS, SEEDS, SOURCES, Side, one_of, whole
from explorer.views import parts
from explorer.views.likelihood import likelihood


def show(side: Side, resource: Resource) -> None:
    """The samples of a side's model, which the browser draws; all maps have the same choices, and the same seed."""
    if not resource.stored.config.has_prior:
        with st.container(key=f"no_samples_{side}"):
            parts.say("No samples: an autoencoder has no prior to draw from.")
        return
    state = session.current()
    shown = payloads.MapSamples(
        part="samples",
        side=side,
        bank=resource.id,
        label=getattr(state, f"label_{side}"),
        likelihood=likelihood(resource),
        source=state.sample_from,
        pixels=state.sample_pixels,
        seed=state.seed,
    )
    browser.bridge("maps", shown, picked, part=f"_samples_{side}")


def picked(value: Any) -> None:
    """Keep what was chosen in the browser; anything else is dropped."""
    try:
        source, pixels = one_of(*SOURCES)(value["source"]), one_of(*SAMPLE_PIXELS)(value["pixels"])
        session.update(sample_from=source, sample_pixels=pixels, seed=whole(SEEDS)(value["seed"]))
    except (KeyError, TypeError, ValueError):
        return
