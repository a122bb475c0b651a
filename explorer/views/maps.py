"""Maps: two latent spaces or three side by side; move to see a digit, click to keep it."""

from functools import partial
from html import escape
from typing import Any

import numpy as np
import streamlit as st

import components
import compute
import pictures
import resources
import results
from resources import Resource
from results import Precise
from state import coordinate, one_of, plane, point
from vae.data import DataError
from views import parts, session, takeaway

SIDES = ("left", "middle", "right")
PRESET = {"left": "ae", "middle": "vae", "right": "vae-best"}
SCALE = 4


def render() -> None:
    """Draw the page."""
    head = parts.first_line("Move over a map to see the image at that point. Click to keep it.")
    with head:
        offer_preset()
        st.toggle("manifold", **session.bound("manifold"))
        st.toggle("prior", **session.bound("prior"))
        st.toggle("magnification", **session.bound("magnification"))
    sides = [side for side in SIDES if getattr(session.current(), side)]
    shown = parts.maps("map", sides, below=parts.figures_line)
    if session.current().magnification:
        for side, resource in shown.items():
            magnified(side, resource)
    for side, column in zip(sides, st.columns(len(sides)), strict=True):
        if side in shown:
            with column:
                pinned(side, shown[side])
    if shown:
        with head:
            takeaway.offer(partial(files, shown))
    offer_images(*shown.values())


def offer_preset() -> None:
    """One click to the three models whose maps tell most beside each other, and one back to two maps."""
    if session.current().middle:
        st.button("two maps", on_click=lambda: arrange(middle="", right="vae"))
    elif set(PRESET.values()) <= set(resources.checkpoint_names()):
        st.button("AE | VAE | best", on_click=lambda: arrange(**PRESET))


def arrange(**models: str) -> None:
    """Show these models; what was pinned on the planes of those that they replace is given up."""
    state = session.current()
    replaced = [side for side, name in models.items() if getattr(state, side) != name]
    session.update(**models, **{field: None for side in replaced for field in plane(side)})


def pin(side: str, resource: Resource) -> tuple[float, float]:
    """The pinned point of a side; at first the checkpoint's own starting point."""
    state = session.current()
    z = getattr(state, f"z1_{side}"), getattr(state, f"z2_{side}")
    if None in z:
        z = tuple(
            coordinate(first if value is None else value)
            for value, first in zip(z, results.start(resource), strict=True)
        )
    return z


def picked(value: Any) -> None:
    """Keep the point that was clicked in the browser; what is no point is dropped."""
    try:
        side = one_of(*SIDES)(value["side"])
        z1, z2 = point(value["z"])
    except (KeyError, TypeError, ValueError):
        return
    session.update(**{f"z1_{side}": z1, f"z2_{side}": z2})


def files(shown: dict[str, Resource]) -> None:
    """The files of each map, its pinned digit among them, and the whole view as one."""
    state = session.current()
    pins = {side: (pin(side, resource), getattr(state, f"digit_{side}")) for side, resource in shown.items()}
    charts = {f"map_{side}": resource for side, resource in shown.items()}
    takeaway.maps(charts, {f"map_{side}": partial(at, resource, *pins[side]) for side, resource in shown.items()})
    takeaway.page(shown, pins)


def at(resource: Resource, z: tuple[float, float], digit: int) -> np.ndarray:
    """The digit (28, 28) uint8 that is decoded at a point."""
    return compute.decode(resource.checkpoint.model, np.array([z]), digit)[0]


def magnified(side: str, resource: Resource) -> None:
    """How much a side's decoder stretches each place, as a picture for the browser that no click sends anew."""
    digit = getattr(session.current(), f"digit_{side}")
    found = results.magnification(resource, digit)
    picture = {"window": found.window, "shades": pictures.data_url(found.shades), "low": found.low, "high": found.high}
    components.bridge("maps", {"part": "heat", "side": side, **picture}, picked, part=f"_heat_{side}")


@st.fragment
def pinned(side: str, resource: Resource) -> None:
    """A pinned point: its digit decoded by torch, its coordinates, how usual it is, and the test images nearest it.

    A fragment of its own for each side: a click draws that side anew, and nothing else.
    """
    state = session.current()
    z, digit = pin(side, resource), getattr(state, f"digit_{side}")
    shown = {"side": side, "bank": resource.id, "digit": digit, "z": z}
    components.bridge("maps", {**shown, "manifold": state.manifold, "prior": state.prior}, picked, part=f"_{side}")
    here = compute.point(resource.checkpoint, z, digit, results.radius(resource))
    with st.container(horizontal=True, vertical_alignment="top"):
        with st.container(key=f"decoded_{side}", width=112):
            image = pictures.digit(here.digit, SCALE, f"decoded at {z[0]:g}, {z[1]:g}")
            st.html(f'<div class="latent-picture">{image}</div>')
        with st.container(width=204, gap="xsmall"):
            with st.container(horizontal=True, gap="xxsmall", wrap=False):
                parts.coordinates(side, z)
            parts.said(usual(here, compute.typically_near(resource.stored.codes)))
        with st.container(key=f"near_{side}"):
            neighbours(resource, here)
    session.mirror()


def usual(here: compute.Point, typical: int) -> str:
    """How usual a point is, in words."""
    said = f"<strong>{here.codes_near}</strong> codes near (typically {typical})"
    if here.sigmas is not None:
        said += f"<br><strong>{here.sigmas:.2f} σ</strong> out, {here.farther:.0%} of prior beyond"
    if here.codes_near == 0:
        said += '<br><strong class="latent-warning">extrapolated: no code lies near</strong>'
    return said


def neighbours(resource: Resource, here: compute.Point) -> None:
    """The test images whose codes are nearest, each over its reconstruction."""
    originals = results.test_images(resource.checkpoint)
    columns = []
    for index, label, reconstruction in zip(here.neighbours, here.labels, here.reconstructions, strict=True):
        name = resource.checkpoint.class_names[label]
        images = [] if originals is None else [pictures.digit(originals[index], 2, f"test image {index}: {name}")]
        images.append(pictures.digit(reconstruction, 2, f"test image {index}, reconstructed"))
        columns.append(pictures.column(images, name))
    st.html(pictures.strip(columns))


def offer_images(*shown: Resource | Precise) -> None:
    """Where the test images of a model are missing, a button that fetches them, or what is the matter."""
    for dataset, model in {each.checkpoint.config.dataset: each.checkpoint for each in shown}.items():
        if results.test_images(model) is not None:
            continue
        offer = results.to_fetch(model)
        if not offer:
            parts.said(f"The test images of {escape(dataset)} are not shown: it is not here, or not as it was.")
        elif st.button(f"Fetch {offer} to see the test images", key=f"fetch_{dataset}"):
            fetch(dataset)


def fetch(dataset: str) -> None:
    """Fetch a named data set, and draw the page anew."""
    with st.spinner("Fetching the images …"):
        try:
            results.fetch(dataset)
        except DataError as error:
            st.error(str(error))
            return
    st.rerun()
