"""Interpolate: a way between two points, what each place on it decodes to, and whether codes lie near it."""

from functools import partial
from html import escape
from typing import Any

import streamlit as st

from explorer import browser, session
from explorer.browser import payloads
from explorer.cache import results
from explorer.cache.checkpoints import Resource
from explorer.markup import images, tables
from explorer.quantities import decode, paths, points
from explorer.state import PATHS, TEST_IMAGES, ExplorerState, coordinate, one_of, point, rounded, whole
from explorer.views import parts, takeaway

SIDES = ("left", "right")
GIF_SCALE = 6
GIF_RATE = 20
UNSEEN = 0.005  # a length that the table shows as 0

Point = tuple[float, float]


def render() -> None:
    """Draw the page."""
    head = parts.first_line("Drag A and B, or click near one. Below each frame: the codes near it.")
    with head:
        st.segmented_control("Path", PATHS, label_visibility="collapsed", required=True, **session.bound("path"))
        snap = st.empty()
    shown = parts.maps("path", SIDES)
    with snap:
        same = same_images(shown)
        help = None if same else "The two models have different images, so that each map has ends of its own."
        st.toggle("test images", disabled=not same, help=help, **session.bound("snap"))
    if shown:
        with head:
            takeaway.offer(partial(takeaway.maps, {f"path_{side}": each for side, each in shown.items()}))
    travelled(shown)


def same_images(shown: dict[str, Resource]) -> bool:
    """Whether the maps show codes of the same test images."""
    return len({resource.checkpoint.test_set for resource in shown.values()}) <= 1


def ends(side: str, resource: Resource, state: ExplorerState, snap: bool) -> tuple[Point, Point]:
    """A and B on one side: the codes of the two chosen test images, unless free points were set."""
    codes = resource.checkpoint.codes
    chosen = (index % len(codes) for index in (state.image_a, state.image_b))
    images = tuple(tuple(map(coordinate, codes[index].tolist())) for index in chosen)
    if snap:
        return images
    a1, a2, b1, b2 = (getattr(state, f"{end}{axis}_{side}") for end in "ab" for axis in (1, 2))
    return (images[0] if None in (a1, a2) else (a1, a2)), (images[1] if None in (b1, b2) else (b1, b2))


def picked(value: Any) -> None:
    """Move the end that was set in the browser: to a test image on both maps, or to a point of one."""
    try:
        end = one_of("a", "b")(value["end"])
        if "image" in value:
            session.update(**{f"image_{end}": whole(TEST_IMAGES)(value["image"])})
        else:
            side = one_of(*SIDES)(value["side"])
            z1, z2 = point(value["z"])
            session.update(**{f"{end}1_{side}": z1, f"{end}2_{side}": z2})
    except (KeyError, TypeError, ValueError):
        return


@st.fragment
def travelled(shown: dict[str, Resource]) -> None:
    """The part that answers a moved end: both paths, the codes near them, and the files to take away."""
    snap = session.current().snap and same_images(shown)
    count = min((len(resource.checkpoint.codes) for resource in shown.values()), default=TEST_IMAGES)
    if snap:
        parts.keep_below("image_a", count)
        parts.keep_below("image_b", count, otherwise=count - 1)
    state = session.current()
    sides = {}
    places = dict(zip(SIDES, st.columns(2), strict=True))
    for side, resource in shown.items():
        a, b = ends(side, resource, state, snap)
        digit = getattr(state, f"digit_{side}")
        with places[side]:
            path = results.travel(resource, digit, state.path, a, b).points
        sides[side] = payloads.Path(
            bank=resource.id,
            digit=digit,
            a=a,
            b=b,
            path=[list(map(rounded, z)) for z in path.tolist()],
            radius=results.radius(resource),
            near=points.codes_near(resource.checkpoint.codes.numpy(), path, results.radius(resource)).tolist(),
        )
    told = payloads.Interpolate(sides=sides, kind=state.path, snap=snap, prior=state.prior)
    browser.bridge("interpolate", told, session.undoable(picked))
    for side, resource in shown.items():
        with places[side]:
            if snap and resource.stored.config.conditional:
                decoded_as(resource, state, sides[side]["digit"])
            compared(resource, sides[side], state.path)
    with st.container(horizontal=True, vertical_alignment="center"):
        if snap:
            for end in "ab":
                field = f"image_{end}"
                parts.said(f"{end.upper()} is test image")
                parts.choose_image(field, field, count, 120)
        for side, resource in shown.items():
            download(side, resource, sides[side])
    takeaway.problems("path")
    session.mirror()


def decoded_as(resource: Resource, state: ExplorerState, digit: int) -> None:
    """What a conditional model makes of two test images of other classes: of each it keeps the style."""
    labels, names = resource.checkpoint.labels.tolist(), resource.stored.class_names
    a, b = (escape(names[labels[index % len(labels)]]) for index in (state.image_a, state.image_b))
    asked = escape(names[digit])
    parts.said(f"Decoded as {asked} all along: A is the style of a test image of {a}, B that of one of {b}.")


def compared(resource: Resource, shown: payloads.Path, chosen: str) -> None:
    """The decoded lengths of all kinds of path between the ends, and their largest steps, beside each other."""
    travels = {kind: results.travel(resource, shown["digit"], kind, shown["a"], shown["b"]) for kind in PATHS}
    unit, meaning = paths.unit(resource.checkpoint)
    st.html(
        tables.table(
            list(PATHS),
            {
                f"length ({unit})": [f"{each.length:.2f}" for each in travels.values()],
                "largest step": [f"{each.largest_step:.2f}" for each in travels.values()],
            },
            chosen,
            meaning,
        )
    )
    if max(each.length for each in travels.values()) < UNSEEN:
        parts.said("No geodesic: the decoded image does not change from A to B, so no path is shorter than another.")


def download(side: str, resource: Resource, shown: payloads.Path) -> None:
    """A button that makes the GIF of one path when it is pressed."""
    name = resource.checkpoint.name

    def film() -> bytes:
        frames = decode.there_and_back(resource.checkpoint.model, shown["path"], shown["digit"])
        return images.gif(frames, GIF_SCALE, GIF_RATE)

    takeaway.file(f"GIF of {name}", f"gif_{side}", film, f"{name}-path.gif", "image/gif", ":material/download:")
