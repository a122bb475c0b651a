"""What colours the codes on the page Maps: their classes, or what was measured of each test image."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np
import streamlit as st

from explorer import browser, session
from explorer.browser import packing, payloads
from explorer.cache.checkpoints import Resource
from explorer.state import choices

BEYOND = 0.01  # the share of images that lie beyond either end of a scale, so that a few cannot take all colours


class Measure(NamedTuple):
    """A choice of what colours the codes."""

    metric: str  # as `stored_checkpoint.IMAGE_METRICS` has it
    title: str
    unit: str = ""
    kind: Literal["scale", "seen", "right"] = "scale"


MEASURES = {
    "log_px": Measure("log_px_nats", "log p(x)", "nats"),
    "gap": Measure("gap_nats", "gap", "nats"),
    "kl": Measure("kl_nats", "KL", "nats"),
    "error": Measure("squared_error_at_code", "squared error", "over 784 pixels"),
    "seen": Measure("classifier_label", "classifier's class", kind="seen"),
    "right": Measure("classifier_label", "right or wrong", kind="right"),
}
OF_CLASSES = "class"


def offer(shown: Iterable[Resource]) -> None:
    """A choice among what at least one of the models has; none where that is nothing but the classes."""
    known = {metric for resource in shown for metric in resource.stored.image_metrics}
    now = session.current().colour
    offered = [name for name in choices("colour") if name in (OF_CLASSES, now) or MEASURES[name].metric in known]
    if len(offered) > 1:
        bound = session.bind("colour")
        st.selectbox("Colour", offered, format_func=choice, label_visibility="collapsed", width=165, **bound)


def choice(name: str) -> str:
    """A choice as a person reads it."""
    return f"Colour: {OF_CLASSES if name == OF_CLASSES else MEASURES[name].title}"


def of(resource: Resource, chosen: str, place: Callable[[str, bytes], str | None]) -> payloads.Colour | None:
    """What colours the codes of a model; None for their classes.

    Args:
        resource: The model.
        chosen: A choice of `state.COLOURS`.
        place: Gives the address of bytes with an id, which the browser opens only if it has to.
    """
    measure = MEASURES.get(chosen)
    if not measure:
        return None
    title = "log p(x | y)" if resource.stored.config.conditional and chosen == "log_px" else measure.title
    colour = payloads.Colour(kind=measure.kind, title=title, unit=measure.unit, address=None, ends=None)
    values = resource.stored.image_metrics.get(measure.metric)
    if values is not None:
        identity = f"{resource.id} {measure.metric}"
        colour["address"] = place(identity, packing.pack_values(values, identity))
        colour["ends"] = ends(values) if measure.kind == "scale" else None
    return colour


def on_server(identity: str, blob: bytes) -> str | None:
    """The address of a blob on this server."""
    return browser.served({identity: blob}).get(identity)


def ends(values: np.ndarray) -> tuple[float, float]:
    """The ends of a scale of numbers."""
    low, high = np.quantile(values.astype(np.float32), [BEYOND, 1 - BEYOND]).tolist()
    return low, high
