"""Interpolate: a path between two points, what each point on it decodes to, and whether codes lie near it."""

from contextlib import suppress
from functools import partial
from html import escape
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from explorer import browser, session
from explorer.browser import payloads
from explorer.cache import checkpoints, readings, results
from explorer.cache.checkpoints import Resource
from explorer.extent import Point, pair
from explorer.markup import images, tables, terms
from explorer.quantities import decode, paths, points
from explorer.quantities.paths import Travel
from explorer.state import PATHS, TEST_IMAGES, ExplorerState, Side, coordinate, one_of, point, rounded, whole
from explorer.views import export_menu, parts, regions
from explorer.views.export_menu import File, image_file
from vae.storage.file_pair import CheckpointError

DRAG = "Drag A and B, or click near one. Below each frame: "
COUNTED = f"how many {terms.term('codes near', 'codes lie near')} it."
READ = f"what {terms.term('readings', 'a classifier reads')}; orange: {terms.term('codes near', 'no code lies near')}."
SIDES: tuple[Side, Side] = ("left", "right")
FILM = 11  # frames
GIF_SCALE = 6
GIF_RATE = 20
UNSEEN = 0.005  # a length that the table shows as 0


def render() -> None:
    """Draw the page."""
    head = parts.first_line(DRAG + (READ if is_read(session.current()) else COUNTED))
    with head:
        st.segmented_control("Path", PATHS, label_visibility="collapsed", required=True, **session.bind("path"))
        snap = st.empty()
        parts.offer_shapes()
    shown, _ = parts.show_maps("path", SIDES)
    with snap:
        same = same_images(shown)
        help = None if same else "The two models have different images, so that each map has ends of its own."
        st.toggle("Test images", disabled=not same, help=help, **session.bind("snap"))
    if shown:
        with head:
            export_menu.offer(partial(offer_files, shown))
    show_paths(shown)


def is_read(state: ExplorerState) -> bool:
    """Whether there is a classifier for what a model that is asked for decodes."""
    for side in SIDES:
        with suppress(CheckpointError, ValueError):
            readings.reader(checkpoints.resource(getattr(state, side)))
            return True
    return False


def same_images(shown: dict[Side, Resource]) -> bool:
    """Whether the maps show codes of the same test images."""
    return len({resource.checkpoint.test_set for resource in shown.values()}) <= 1


def snaps(shown: dict[Side, Resource], state: ExplorerState) -> bool:
    """Whether the ends of all paths are test images."""
    return state.snap and same_images(shown)


def ends(side: Side, resource: Resource, state: ExplorerState, snap: bool) -> tuple[Point, Point]:
    """A and B on one side: the codes of the two chosen test images, unless free points were set."""
    codes = resource.checkpoint.codes
    chosen = (codes[index % len(codes)].tolist() for index in (state.image_a, state.image_b))
    a, b = (pair(map(coordinate, code)) for code in chosen)
    if snap:
        return a, b
    a1, a2, b1, b2 = (getattr(state, f"{end}{axis}_{side}") for end in "ab" for axis in (1, 2))
    return a if None in (a1, a2) else (a1, a2), b if None in (b1, b2) else (b1, b2)


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


class Route(NamedTuple):
    """The path that is wanted on one map: its model, the class that is decoded, and both ends."""

    resource: Resource
    label: int
    a: Point
    b: Point

    def travel(self, kind: str) -> Travel:
        """The path of a kind, and how far it is in decoded images."""
        return results.travel(self.resource, self.label, kind, self.a, self.b)

    def near(self, kind: str) -> np.ndarray:
        """How many codes lie near each point of that path."""
        codes, radius = self.resource.checkpoint.codes.numpy(), results.radius(self.resource)
        return points.codes_near(codes, self.travel(kind).points, radius)


def wanted(shown: dict[Side, Resource], state: ExplorerState) -> dict[Side, Route]:
    """The path of each side."""
    snap = snaps(shown, state)
    return {
        side: Route(resource, resource.asked(getattr(state, f"label_{side}")), *ends(side, resource, state, snap))
        for side, resource in shown.items()
    }


@session.fragment
def show_paths(shown: dict[Side, Resource]) -> None:
    """Both paths, the codes near them, and their files; this part runs again when an end has moved."""
    snap = snaps(shown, session.current())
    count = min((len(resource.checkpoint.codes) for resource in shown.values()), default=TEST_IMAGES)
    if snap:
        parts.keep_below("image_a", count)
        parts.keep_below("image_b", count, otherwise=count - 1)
    state = session.current()
    columns = dict(zip(SIDES, st.columns(2), strict=True))
    routes = wanted(shown, state)
    drawn: dict[Side, payloads.Path] = {}
    for side, route in routes.items():
        with columns[side]:  # where a spinner stands while the plane is measured
            drawn[side] = path_payload(route, state.path)
    payload = payloads.Interpolate(sides=drawn, kind=state.path, snap=snap, prior=state.prior)
    browser.bridge("interpolate", payload, session.undoable(picked))
    for side, route in routes.items():
        with columns[side]:
            if snap and route.resource.stored.config.conditional:
                say_class(route, state)
            show_lengths(route, state.path)
    with st.container(horizontal=True, vertical_alignment="center"):
        if snap:
            for end in "ab":
                field = f"image_{end}"
                parts.say(f"{end.upper()} is test image")
                parts.choose_image(field, f"Test image {end.upper()}", count, 120)


def path_payload(route: Route, kind: str) -> payloads.Path:
    """One map's path as the browser draws it, and how many codes lie near each of its points."""
    path = route.travel(kind).points.tolist()
    return payloads.Path(
        bank=route.resource.id,
        label=route.label,
        a=route.a,
        b=route.b,
        path=[pair(map(rounded, z)) for z in path],
        radius=results.radius(route.resource),
        near=route.near(kind).tolist(),
        readings=regions.payload(route.resource, route.label, map(pair, path)),
    )


def say_class(route: Route, state: ExplorerState) -> None:
    """Say what a conditional model makes of two test images of other classes: it keeps only their styles."""
    labels, names = route.resource.checkpoint.labels.tolist(), route.resource.stored.class_names
    a, b = (escape(names[labels[index % len(labels)]]) for index in (state.image_a, state.image_b))
    asked = escape(names[route.label])
    parts.say(f"Decoded as {asked} all along: A is the style of a test image of {a}, B that of one of {b}.")


def show_lengths(route: Route, chosen: str) -> None:
    """The decoded lengths of all kinds of path, their largest steps, and how much of each is far from codes."""
    travels = {kind: route.travel(kind) for kind in PATHS}
    unit, meaning = paths.unit(route.resource.checkpoint)
    rows = {
        f"length ({unit})": [f"{travel.length:.2f}" for travel in travels.values()],
        "largest step": [f"{travel.largest_step:.2f}" for travel in travels.values()],
        "no code near": [f"{np.mean(route.near(kind) == 0):.0%}" for kind in PATHS],
    }
    st.html(tables.table(list(PATHS), rows, chosen, meaning))
    if max(travel.length for travel in travels.values()) < UNSEEN:
        parts.say("No geodesic: the decoded image does not change from A to B, so no path is shorter than another.")


def offer_files(shown: dict[Side, Resource]) -> None:
    """The files of each map, and of the path on it."""
    state = session.current()
    files = {f"path_{side}": files_of(route, state.path) for side, route in wanted(shown, state).items()}
    export_menu.offer_maps({f"path_{side}": each for side, each in shown.items()}, "path", files)


def files_of(route: Route, kind: str) -> list[File]:
    """The points of a path, and what they decode to as a strip and as an animation."""
    model = route.resource.checkpoint.model

    def points_of_path() -> np.ndarray:
        return np.vectorize(rounded)(route.travel(kind).points)  # as the browser shows them

    def table() -> bytes:
        shown = path_payload(route, kind)
        z = np.array(shown["path"])
        columns = {"t": np.linspace(0, 1, len(z)).round(6).tolist(), "z1": z[:, 0].tolist(), "z2": z[:, 1].tolist()}
        columns["codes_near"] = list(shown["near"])
        if read := shown["readings"]:
            columns["read"] = [route.resource.stored.class_names[label] for label in read["labels"]]
            columns["probability"] = list(read["probabilities"])
        return export_menu.table_file(columns)

    def film() -> np.ndarray:
        z = points_of_path()
        return images.joined(
            decode.at(model, z[np.linspace(0, len(z) - 1, FILM).round().astype(int)], route.label)[None]
        )

    def gif() -> bytes:
        return images.gif(decode.there_and_back(model, points_of_path(), route.label), GIF_SCALE, GIF_RATE)

    name = kind.replace(" ", "-")
    return [
        File("path", f"{name}.csv", table),
        File("film", f"{name}.png", partial(image_file, film)),
        File("", f"{name}.gif", gif),
    ]
