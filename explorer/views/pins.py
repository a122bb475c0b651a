"""A pinned point: its decoded image, its coordinates, how usual it is, and the test images nearest to it."""

import math
from collections.abc import Callable
from html import escape
from typing import get_args

import numpy as np
import streamlit as st

from explorer import browser, figures, session
from explorer.browser import payloads
from explorer.cache import results
from explorer.cache.checkpoints import Resource
from explorer.cache.results import BoundModel
from explorer.extent import Point
from explorer.markup import images, terms
from explorer.memory import memory
from explorer.quantities import decode, points
from explorer.quantities.points import PinnedPoint
from explorer.state import Side, coordinate, plane
from explorer.views import parts, regions
from vae.images.tensors import DataError

SCALE = 4


def pin(side: Side, resource: Resource) -> Point:
    """The pinned point of a side; at first the map's own starting point."""
    state = session.current()
    z1, z2 = getattr(state, f"z1_{side}"), getattr(state, f"z2_{side}")
    if z1 is None or z2 is None:
        start1, start2 = results.start(resource)
        z1, z2 = coordinate(start1 if z1 is None else z1), coordinate(start2 if z2 is None else z2)
    return z1, z2


def hole_to_try(resource: Resource, z: Point) -> Point | None:
    """A hole of an autoencoder's map, until it is pinned; a link that pins a point asks for no such thing."""
    kept, state = memory(), session.current()
    if kept.hole_untried is None:
        kept.hole_untried = all(getattr(state, field) is None for side in get_args(Side) for field in plane(side))
    if not kept.hole_untried or resource.stored.config.has_prior:
        return None
    hole = results.hole(resource)
    if hole and math.dist(z, hole.z) <= hole.radius:
        kept.hole_untried = False
    return hole.z if hole and kept.hole_untried else None


def image_at(resource: Resource, z: Point, label: int) -> np.ndarray:
    """The image (28, 28) uint8 that is decoded at a point."""
    return decode.at(resource.checkpoint.model, np.array([z]), label)[0]


def show_magnification(side: Side, resource: Resource) -> bool:
    """Hand the browser the magnification of a side's decoder as a picture, which a click does not send again.

    False if the decoder makes the same image everywhere, so that there is no picture.
    """
    label = getattr(session.current(), f"label_{side}")
    heat = results.magnification_map(resource, resource.asked(label))
    if not heat.high:
        return False
    shown = payloads.Heat(
        part="heat",
        side=side,
        window=heat.window,
        shades=images.data_url(heat.shades),
        low=heat.low,
        high=heat.high,
    )
    browser.bridge("maps", shown, part=f"_heat_{side}")
    return True


def show_character(resource: Resource) -> None:
    """How a map differs from others, under it."""
    st.html(f'<div class="latent-figures">{character(resource)}</div>')


def character(resource: Resource) -> str:
    """How a map differs from others: which classes overlap most, its widest hole, and its middle; as HTML."""
    conditional, names = resource.stored.config.conditional, resource.stored.class_names
    overlap, hole = results.largest_overlap(resource), results.hole(resource)
    if conditional:
        said = "All classes share the plane, since the class is told apart from the code."
    elif overlap:
        first, second = (f"<strong>{escape(names[label])}</strong>" for label in overlap.classes)
        said = f"{first} and {second} {terms.term('overlap')} most, by {overlap.share:.0%}."
    else:
        said = "No two classes overlap."
    size = f"Widest {terms.term('hole')} {hole.radius / results.radius(resource):.1f}" if hole else "No hole"
    near = results.near_middle(resource)
    middle = f"{near} {terms.term('codes near', 'code near' if near == 1 else 'codes near')} the middle"
    return f"{said} {size}, {middle}."


@session.fragment
def show_pin(side: Side, resource: Resource, tie: Callable[[Side, Resource, payloads.OfPlane], None]) -> None:
    """All of a side's pinned point; `tie` hands it to the map, with what else is known of the plane.

    Each side is a fragment of its own, so that a click draws only that side again.
    """
    z, label = pin(side, resource), getattr(session.current(), f"label_{side}")
    radius = results.radius(resource)
    here = points.describe(resource.checkpoint, z, label, radius)
    hole, sheet = hole_to_try(resource, z), results.test_sheet(resource.checkpoint)
    address = browser.served({sheet.id: sheet.blob}).get(sheet.id) if sheet else None
    read = regions.in_words(resource, label, z) if session.current().regions else ""
    said = f"{aloud(resource, here)} {read}".strip()
    tie(side, resource, payloads.OfPlane(z=z, said=said, radius=radius, hole=hole, sheet=address))
    with st.container(horizontal=True, vertical_alignment="top", key=f"answer_{side}"):
        with st.container(key=f"decoded_{side}", width="content"):
            image = images.img(here.image, SCALE, f"decoded at {z[0]:g}, {z[1]:g}")
            st.html(f'<div class="latent-picture">{image}</div>')
        with st.container(gap="xsmall", key=f"words_{side}"):
            with st.container(horizontal=True, gap="xxsmall", wrap=False):
                parts.choose_point(side, z, figures.step(resource.figure))
            parts.say(usual(here, results.typically_near(resource)) + (read and f"<br>{escape(read)}"))
    with st.container(key=f"near_{side}"):
        show_neighbours(resource, here)


def usual(here: PinnedPoint, typical: int) -> str:
    """How usual a point is, in words."""
    near = terms.term("codes near", "code near" if here.codes_near == 1 else "codes near")
    said = f"<strong>{here.codes_near}</strong> {near} (typically {typical})"
    if here.sigmas is not None:
        sigma = terms.term("σ of the prior", "σ")
        said += f"<br><strong>{here.sigmas:.2f}</strong> {sigma} out, {here.mass_beyond:.0%} of the prior beyond"
    if here.codes_near == 0:
        word = terms.term("extrapolated")
        said += f'<br><strong class="latent-warning">{word}: no code lies near</strong>'
    return said


def aloud(resource: Resource, here: PinnedPoint) -> str:
    """What lies near a point, for those who do not see it."""
    classes = ", ".join(resource.stored.class_names[label] for label in here.labels)
    return f"{here.codes_near} code{'s' * (here.codes_near != 1)} near. Nearest test images: {classes}."


def show_neighbours(resource: Resource, here: PinnedPoint) -> None:
    """The test images whose codes are nearest, each over its reconstruction."""
    originals = results.test_images(resource.checkpoint)
    columns = []
    for index, label, reconstruction in zip(here.neighbours, here.labels, here.reconstructions, strict=True):
        name = resource.stored.class_names[label]
        pair = [] if originals is None else [images.img(originals[index], 2, f"test image {index}: {name}")]
        pair.append(images.img(reconstruction, 2, f"test image {index}, reconstructed"))
        columns.append(images.column(pair, name))
    st.html(images.strip(columns))


def offer_images(*shown: Resource | BoundModel) -> None:
    """Where the test images of a model are missing, a button that fetches them, or the reason why they are missing."""
    for dataset, model in {model.checkpoint.config.dataset: model.checkpoint for model in shown}.items():
        if results.test_images(model) is not None:
            continue
        offer = results.to_fetch(model)
        if not offer:
            name = escape(results.title(model))
            parts.say(f"The test images of {name} are not shown: they are not on this server, or have changed.")
        elif st.button(f"Fetch {offer} to see the test images", key=f"fetch_{dataset}"):
            fetch(dataset)


def fetch(dataset: str) -> None:
    """Fetch a named data set, and run the page again."""
    with st.spinner("Fetching the images …"):
        try:
            results.fetch(dataset)
        except DataError as error:
            st.error(parts.sentence(error))
            return
    st.rerun()
