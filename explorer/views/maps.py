"""Maps: two latent spaces or three side by side; move to see an image, click to keep it.

The maps need no PyTorch, but what is pinned on them does. So a server that has just started shows the maps first, and
the rest once PyTorch is imported.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from explorer import browser, session, startup
from explorer.browser import payloads
from explorer.cache import checkpoints
from explorer.cache.checkpoints import Resource
from explorer.extent import Point
from explorer.memory import memory
from explorer.state import ExplorerState, Side, one_of, plane, point
from explorer.views import colouring, export_menu, parts
from explorer.views.export_menu import File, image_file

SIDES: tuple[Side, ...] = ("left", "middle", "right")
BACKGROUNDS = ("magnification", "regions")  # of which the maps have one at most
PRESET: dict[Side, str] = {"left": "ae", "middle": "vae", "right": "vae-best"}


def render() -> None:
    """Draw the page."""
    head = parts.first_line("Move over a map to see the image at that point. Click to keep it.")
    with head:
        offer_preset()
        st.toggle("Manifold", **session.bind("manifold"))
        st.toggle("Prior", **session.bind("prior"))
        offer_backgrounds()
        st.toggle("Samples", **session.bind("sampling"))
        parts.offer_shapes()
    sides: list[Side] = [side for side in SIDES if getattr(session.current(), side)]
    shown, places = parts.show_maps("map", sides, below=parts.show_facts)
    if shown:
        with head:
            colouring.offer(shown.values())
            export_menu.offer(partial(offer_files, shown))
    parts.say_misnamed()
    if shown:
        browser.bridge("maps", payloads.MapsPanel(part="panel"), part="_panel")
    if startup.first_sight():
        for side, resource in shown.items():
            with places[side]:
                tie(side, resource, payloads.NOTHING_YET, announce=side == list(shown)[-1])
                parts.say("Starting PyTorch …")
        return
    startup.import_rest()
    from explorer.views import pins, regions, samples

    for side, resource in shown.items():
        with places[side]:
            if session.current().magnification and not pins.show_magnification(side, resource):
                parts.say("No magnification: the decoder makes the same image everywhere.")
            pins.show_character(resource)
            parts.show_collapse(resource)
            if session.current().sampling:
                samples.show(side, resource)
            pins.show_pin(side, resource, tie)
    if session.current().regions:
        for side, resource in shown.items():
            with places[side]:  # where a spinner stands while the plane is read
                regions.show(side, resource)
    pins.offer_images(*shown.values())


def offer_preset() -> None:
    """A button that shows three models whose maps tell most beside each other, or one that goes back to two maps."""
    if session.current().middle:
        st.button("Two maps", on_click=two)
    elif set(PRESET.values()) <= set(checkpoints.checkpoint_names()):
        st.button("AE | VAE | best", on_click=three)


def offer_backgrounds() -> None:
    """A switch for each background; of two that a link asks for, the last is shown."""
    on = [field for field in BACKGROUNDS if getattr(session.current(), field)]
    session.update(**dict.fromkeys(on[:-1], False))
    for field in BACKGROUNDS:
        bound = session.bind(field)
        bound["on_change"] = partial(show_alone, field, bound["on_change"])
        st.toggle(field.capitalize(), **bound)


def show_alone(field: str, changed: Callable[[], None]) -> None:
    """Take a change of a switch of a background, and where it is on, switch off the others.

    Args:
        field: That the switch is bound to.
        changed: Takes the change.
    """
    changed()
    if getattr(session.current(), field):
        session.update(**dict.fromkeys(set(BACKGROUNDS) - {field}, False))


def three() -> None:
    """Show the preset, and keep what was shown."""
    memory().before_preset = session.current()
    arrange(PRESET)


def two() -> None:
    """Show the two models from before the preset; after a link to three maps, show the first two of them."""
    state, before = session.current(), memory().before_preset
    left, right = (before.left, before.right) if before else (state.left, state.middle)
    arrange({"left": left, "middle": "", "right": right}, before)


def arrange(models: dict[Side, str], before: ExplorerState | None = None) -> None:
    """Show models, each with the class and points that it has now or had `before`, on the same side or on another."""
    changes: dict[str, Any] = {**models}
    for side, name in models.items():
        known = [(state, place) for place in (side, *SIDES) for state in (session.current(), before) if state]
        state, place = next((each for each in known if getattr(*each) == name), (ExplorerState(), side))
        for field in (f"label_{side}", *plane(side)):
            changes[field] = getattr(state, field.replace(side, place), None)
    session.update(**changes)


def tie(side: Side, resource: Resource, known: payloads.OfPlane, announce: bool = False) -> None:
    """Tie a map to its controller, which with `announce` asks for a run once the map can be touched."""
    state = session.current()
    shown = payloads.Map(
        side=side,
        bank=resource.id,
        label=getattr(state, f"label_{side}"),
        manifold=state.manifold,
        prior=state.prior,
        colour=colouring.of(resource, state.colour, colouring.on_server),
        announce=announce,
        **known,
    )
    browser.bridge("maps", shown, session.undoable(picked), part=f"_{side}")


def picked(value: Any) -> None:
    """Keep the point that was clicked in the browser; anything else is dropped."""
    try:
        side = one_of(*SIDES)(value["side"])
        z1, z2 = point(value["z"])
    except (KeyError, TypeError, ValueError):
        return
    session.update(**{f"z1_{side}": z1, f"z2_{side}": z2})


def offer_files(shown: dict[Side, Resource]) -> None:
    """The files of each map, among them its pinned image, and the whole view as one file."""
    from explorer.views import pins, single_file

    state = session.current()
    charts = {f"map_{side}": resource for side, resource in shown.items()}
    kept: dict[Side, tuple[Point, int]] = {
        side: (pins.pin(side, resource), getattr(state, f"label_{side}")) for side, resource in shown.items()
    }
    pinned = {
        f"map_{side}": [
            File("image at the pin", "pin.png", partial(image_file, partial(pins.image_at, resource, *kept[side])))
        ]
        for side, resource in shown.items()
    }
    export_menu.offer_maps(charts, "map", pinned)
    single_file.offer([resource.checkpoint.name for resource in shown.values()])
