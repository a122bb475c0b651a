"""Parts of several pages: a choice of checkpoint, its map and metrics, and the message where it is broken."""

import math
import os
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer import browser, figures, session
from explorer.cache import checkpoints
from explorer.cache.checkpoints import Resource
from explorer.markup import terms
from explorer.markup.facts import label, metrics_of
from explorer.memory import memory
from explorer.state import FARTHEST, FIELDS, SIGNIFICANT, Side, coordinate
from vae.storage.file_pair import CheckpointError

NEAR_NOTHING_NATS = 0.1  # a KL below this

PLACE = re.compile(r"(?<![\w.~:/\\])(?:[A-Za-z]:)?[/\\](?:[^\s/\\`“”]+[/\\])+")  # the folders of an absolute path


def sentence(said: object) -> str:
    """An error's message for visitors: files by their place in the project or their name, without other folders."""
    return PLACE.sub("", str(said).replace(f"{checkpoints.FOLDER.parent}{os.sep}", ""))


def first_line(text: str) -> DeltaGenerator:
    """The one line that a first-time visitor needs, and to its right a place for what belongs to the whole page."""
    with st.container(horizontal=True, vertical_alignment="center", key="first_line"):
        st.html(f'<div class="latent-help">{text}</div>', width="stretch")
        return st.container(horizontal=True, vertical_alignment="center", width="content", wrap=False)


def offer_shapes() -> None:
    """A switch, of all pages together, for eyes that do not tell the colours of the classes apart."""
    st.toggle("Shapes", help="Each class has its own shape beside its colour", **session.bind("shapes"))


def offer_complete(help: str) -> None:
    """A switch by which what is not seen of an image is unknown, and to be completed."""
    st.toggle("Complete", help=help, **session.bind("complete"))


def row(name: str) -> DeltaGenerator:
    """A row of widgets, as high as a widget even where it has none."""
    return st.container(horizontal=True, vertical_alignment="center", key=f"row_{name}")


def choose(field: str, names: Sequence[str], label_field: str | None = None) -> Resource | None:
    """A row with a choice of checkpoint, bound to a field of the state; None, with the reason below, if it is broken.

    For a conditional model the row also has a choice of class, bound to `label_field`.
    """
    keep_within(field, names)
    resource, problem = None, None
    try:
        resource = checkpoints.resource(getattr(session.current(), field))
    except (CheckpointError, ValueError) as error:
        problem = sentence(error)
    with row(field):
        bound = session.bind(field)
        title = f"Model, {field.replace('_', ' ')}"
        st.selectbox(title, names, format_func=label, label_visibility="collapsed", width=260, **bound)
        if resource and resource.stored.config.conditional and label_field:
            choose_class(label_field, "Class to decode", resource.stored.class_names)
    if problem:
        st.error(problem)
    return resource


def keep_within(field: str, names: Sequence[str]) -> None:
    """Show another model where the field names one that is not among these names; `say_missing` tells the visitor."""
    asked, default = getattr(session.current(), field), str(FIELDS[field].default)
    if asked not in names:
        instead = default if default in names else names[0]
        session.update(**{field: instead})
        memory().absent[field] = asked, instead, session.visit()


def say_missing() -> None:
    """Say what the link asks for that is not here, as long as something else is shown in its place."""
    said = [f"{field} = {value[:40]!r} means nothing here." for field, value in session.not_understood().items()]
    for field, (asked, instead, visit) in memory().absent.items():
        if visit == session.visit() and getattr(session.current(), field) == instead:
            said.append(f"There is no model {asked!r}; {label(instead)} is shown instead.")
    if said:
        st.warning("Not all that this link asks for is here. " + re.sub(r"([^\w\s.,;()'-])", r"\\\1", " ".join(said)))


def choose_class(field: str, title: str, class_names: Sequence[str]) -> None:
    """A choice of class bound to a field of the state."""
    keep_below(field, len(class_names))
    width = 76 if max(map(len, class_names)) <= 2 else 150
    bound = session.bind(field)
    name = class_names.__getitem__
    st.selectbox(title, range(len(class_names)), format_func=name, label_visibility="collapsed", width=width, **bound)


def keep_below(field: str, count: int, otherwise: int | None = 0) -> None:
    """Give a field another value if it is not one of `count` classes or images; None may stay."""
    chosen = getattr(session.current(), field)
    if chosen is not None and chosen >= count:
        session.update(**{field: otherwise})


def choose_image(field: str, title: str, count: int, width: int) -> None:
    """A choice of one of `count` test images bound to a field of the state."""
    keep_below(field, count)
    bound = session.bind(field)
    st.number_input(title, 0, count - 1, label_visibility="collapsed", width=width, **bound)


class Maps(NamedTuple):
    """The maps of a page; a side whose checkpoint is broken has none."""

    shown: dict[Side, Resource]
    places: dict[Side, DeltaGenerator]  # under each map, for what belongs to it


def show_maps(charts: str, sides: Sequence[Side], below: Callable[[Resource], None] | None = None) -> Maps:
    """Maps side by side, `<charts>_<side>`, each under its choice of model; `below` draws under a map."""
    names = checkpoints.checkpoint_names()
    maps = Maps({}, {})
    if not names:  # the files have vanished since the run began
        st.error(checkpoints.nothing())
        return maps
    for side, column in zip(sides, st.columns(len(sides)), strict=True):
        maps.places[side] = column.container(key=f"panel_{charts}_{side}")
        with maps.places[side]:
            resource = choose(side, names, f"label_{side}")
            if resource:
                maps.shown[side] = resource
                show_chart(f"{charts}_{side}", resource)
                if below:
                    below(resource)
    browser.banks({resource.id: resource.blob for resource in maps.shown.values()})
    return maps


def show_chart(key: str, resource: Resource) -> None:
    """A checkpoint's map; what moves over it is drawn by the page's bridge."""
    st.plotly_chart(resource.figure, key=key, config=figures.CONFIG)


def say(html: str) -> None:
    """A few words, as wide as they are."""
    st.html(f'<div class="latent-said">{html}</div>', width="content")


def choose_point(side: str, z: tuple[float, float], step: float) -> None:
    """The two number fields of the point z that is pinned on a side's plane; the arrow keys move it by a step."""
    form = {"format": f"%.{SIGNIFICANT}g", "label_visibility": "collapsed", "width": 100}
    for axis, value in zip(("z1", "z2"), z, strict=True):
        bound = session.bind(f"{axis}_{side}", first=value, read=coordinate)
        label = f"{side} {axis}"
        st.number_input(label, -FARTHEST, FARTHEST, step=step, **form, **bound)


def say_misnamed() -> None:
    """The models that are not offered because of their names, if there are any."""
    names = checkpoints.misnamed()
    if names:
        say(
            f"Not shown: {escape(', '.join(names))}. A model's name is 1 to 40 letters without accents, digits, - "
            "and _, and begins with a letter or digit. Rename its files to see it."
        )


def show_facts(resource: Resource) -> None:
    """The line of facts under a map."""
    said = terms.mark(escape(resource.facts), *terms.OF_FACTS)
    st.html(f'<div class="latent-figures">{said}</div>')


def show_collapse(resource: Resource) -> None:
    """Where the KL is near nothing, how much its codes tell of the images, as far as the record knows."""
    test, axes = resource.stored.record["test"], resource.stored.config.latent_dim
    if not test.get("kl_nats", math.inf) < NEAR_NOTHING_NATS:
        return
    known = metrics_of(
        test,
        {
            "mutual_information_nats": ("mutual information", ".3f", " nats"),
            "active_units": ("active units", "g", f" of {axes}"),
        },
    )
    if by_axis := test.get("kl_by_dimension_nats"):
        known.append(f"KL by dimension {' and '.join(f'{kl:.3f}' for kl in by_axis)} nats")
    said = ", ".join(["The KL is near nothing, so a code tells next to nothing of its image", *known])
    st.html(f'<div class="latent-figures">{terms.mark(said, "KL", "mutual information", "active units")}.</div>')
