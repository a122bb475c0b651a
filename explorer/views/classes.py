"""Classes: what a conditional VAE decodes at a point of its plane in each class."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from explorer import browser, figures, session
from explorer.browser import export, payloads
from explorer.cache import checkpoints, results
from explorer.cache.checkpoints import Resource
from explorer.markup import images, terms
from explorer.quantities import decode, points
from explorer.state import CLASSES, SAMPLES, SEEDS, ExplorerState, point, whole
from explorer.views import export_menu, parts
from explorer.views.export_menu import File, image_file

COLUMNS = 10
STYLES = 10
ARCHIVED: Sequence[str] = ("file", "class", "z1", "z2", "seed")  # of each sample in the table of the zip


def render() -> None:
    """Draw the page."""
    names = checkpoints.checkpoint_names("cvae")
    if not names:
        st.error("There is no conditional VAE to show. Train one on the page Train.")
        return
    head = parts.first_line(f"Move over the map to see one {terms.term('style')} in every class. Click to keep it.")
    with head:
        parts.offer_shapes()
    left, right = st.columns(2)
    with left:
        resource = parts.choose("style", names)
        if not resource:
            return
        parts.show_chart("style_map", resource)
        parts.show_facts(resource)
        browser.banks({resource.id: resource.blob})
    with right:
        show_style(resource)
    left, right = st.columns(2)
    with left:
        show_samples(resource)
    with right:
        show_table(resource)
    with head:
        export_menu.offer(partial(offer_files, resource))


def offer_files(resource: Resource) -> None:
    """The map's files, with all classes at the pinned style in a row, the samples and the table."""
    state = session.current()
    z = np.array([pin(state)])
    drawn = resource.checkpoint.class_names[state.sampled]
    files = [
        File("every class", "classes.png", partial(image_file, partial(in_a_row, resource, z))),
        File(
            f"samples of {drawn}",
            f"samples-{state.sampled}-seed-{state.seed}.png",
            partial(image_file, lambda: images.joined(samples(resource, state))),
        ),
        File(f"{state.samples} of every class", f"samples-seed-{state.seed}.zip", partial(archive, resource, state)),
        File("table", "styles.png", partial(image_file, lambda: images.joined(table(resource)))),
    ]
    export_menu.offer_maps({"style_map": resource}, "style", {"style_map": files})


def in_a_row(resource: Resource, z: np.ndarray) -> np.ndarray:
    """The image (28, 28 C) uint8 of all C classes at a point z (1, 2), in a row."""
    return images.joined(decode.every_class(resource.checkpoint.model, z).swapaxes(0, 1))


def pin(state: ExplorerState) -> tuple[float, float]:
    """The pinned style; at first the middle of the prior."""
    return state.z1_style or 0.0, state.z2_style or 0.0


def picked(value: Any) -> None:
    """Keep the point that was clicked in the browser, or the two classes chosen there; anything else is dropped."""
    try:
        if "z" in value:
            z1, z2 = point(value["z"])
            session.update(z1_style=z1, z2_style=z2)
        else:
            session.update(label=whole(CLASSES)(value["label"]), morph=whole(CLASSES)(value["morph"]))
    except (KeyError, TypeError, ValueError):
        return


@session.fragment
def show_style(resource: Resource) -> None:
    """Every class at the pinned z, and the morph from one class to another."""
    count = resource.checkpoint.model.classes
    parts.keep_below("label", count)
    parts.keep_below("morph", count, otherwise=count - 1)
    state = session.current()
    z = pin(state)
    with parts.row("pinned"):
        parts.choose_point("style", z, figures.step(resource.figure))
    shown = payloads.Classes(
        bank=resource.id, z=z, radius=results.radius(resource), label=state.label, morph=state.morph
    )
    browser.bridge("classes", shown, session.undoable(picked))


@session.fragment
def show_samples(resource: Resource) -> None:
    """Samples of the chosen class, with their seed."""
    with st.container(horizontal=True, vertical_alignment="center"):  # on a narrow screen in two lines
        st.selectbox("Samples", SAMPLES, label_visibility="collapsed", width=80, **session.bind("samples"))
        parts.say("samples of")
        parts.choose_class("sampled", "Class to sample", resource.checkpoint.class_names)
        parts.say("seed")
        st.number_input("Seed", 0, SEEDS - 1, label_visibility="collapsed", width=130, **session.bind("seed"))
        st.button("Reshuffle", on_click=lambda: session.update(seed=(session.current().seed + 1) % SEEDS))
    state = session.current()
    with st.container(key="samples_grid"):
        name = resource.checkpoint.class_names[state.sampled]
        st.html(images.grid(samples(resource, state), f"{state.samples} samples of {name}"))


def samples(resource: Resource, state: ExplorerState) -> np.ndarray:
    """The samples that the state asks for, (R, COLUMNS, 28, 28) uint8."""
    drawn = drawn_of(resource, state, state.sampled)
    return drawn.images.reshape(-1, COLUMNS, 28, 28)


def drawn_of(resource: Resource, state: ExplorerState, label: int) -> decode.Samples:
    """As many samples of a class as the state asks for, from its seed."""
    return decode.samples(decode.variational(resource.checkpoint), label, state.samples, state.seed)


def archive(resource: Resource, state: ExplorerState) -> bytes:
    """The samples of every class as a zip: a folder of PNGs for each class, and a table of all."""
    files, rows = {}, []
    for label, name in enumerate(resource.checkpoint.class_names):
        drawn, folder = drawn_of(resource, state, label), export.folder_name(label, name)
        for rank, (image, z) in enumerate(zip(drawn.images, drawn.z, strict=True)):
            file = f"{folder}/{rank:0{len(str(state.samples - 1))}}.png"
            files[file] = images.png(image)
            rows.append((file, name, *z.tolist(), state.seed))
    columns = dict(zip(ARCHIVED, zip(*rows, strict=True), strict=True))
    return export.archive({"samples.csv": export_menu.table_file(columns), **files})


def show_table(resource: Resource) -> None:
    """All classes at `STYLES` points of the prior, from its middle outwards."""
    with parts.row("table"):
        parts.say("a class a row, a style a column, from the prior's middle outwards")
    with st.container(key="style_table"):
        rows = table(resource)
        st.html(images.grid(rows, f"{len(rows)} classes in {STYLES} styles"))


def table(resource: Resource) -> np.ndarray:
    """Every class in every style, (C, STYLES, 28, 28) uint8."""
    return decode.every_class(resource.checkpoint.model, points.sunflower(STYLES))
