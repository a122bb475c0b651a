"""Replay: two trainings from before the first step to the last; their maps, images and losses at the same moment."""

from functools import partial
from typing import Any

import streamlit as st

from explorer import browser, session
from explorer.browser import payloads
from explorer.cache import checkpoints, results
from explorer.cache.results import PackedReplay
from explorer.extent import pair
from explorer.state import Side, coordinate, epoch, one_of, plane, point
from explorer.views import export_menu, parts
from explorer.views.export_menu import File
from vae.storage.file_pair import CheckpointError

SIDES: tuple[Side, Side] = ("left", "right")
HELP = "Press play, or drag through time. Click a map to keep a point and watch its image take shape."
CURVES = {"squared_error": "squared error", "kl_nats": "KL, nats", "loss_nats": "loss, nats"}


def render() -> None:
    """Draw the page."""
    head = parts.first_line(HELP)
    with head:
        st.toggle("Manifold", **session.bind("manifold"))
        st.toggle("Prior", **session.bind("prior"))
        st.toggle("Fit to codes", **session.bind("fit"))
        parts.offer_shapes()
    names = results.replayed()
    shown: dict[Side, PackedReplay] = {}
    for side, column in zip(SIDES, st.columns(2), strict=True):
        with column:
            replay = choose(side, names)
            if replay:
                shown[side] = replay
    if shown:
        addresses: dict[Side, dict[str, Any]] = {side: addresses_of(replay) for side, replay in shown.items()}
        show_replays(shown, addresses)
        with head:
            export_menu.offer(partial(offer_files, shown))
    others = [name for name in checkpoints.checkpoint_names() if name not in names]
    if others:
        st.caption(f"Without a replay: {', '.join(others)}. Every training on the page Train keeps one.")


def choose(side: Side, names: list[str]) -> PackedReplay | None:
    """A choice of training; None, with the reason below, where it cannot be shown.

    A model that a link asks for is offered without a replay too, so that the visitor reads how to make one.
    """
    field = f"replay_{side}"
    asked = getattr(session.current(), field)
    offered = sorted({*names, asked} & set(checkpoints.checkpoint_names()))
    if not offered:
        st.error("There is no replay to show. Train a model on the page Train: it keeps one.")
        return None
    resource = parts.choose(field, offered, f"label_replay_{side}")
    if resource is None:
        return None
    try:
        return results.replay(resource.checkpoint.name)
    except CheckpointError as error:
        st.error(parts.sentence(error))
        return None


def offer_files(shown: dict[Side, PackedReplay]) -> None:
    """The files of each map at the moment that is shown, and the curves of its training."""
    files = {}
    for side, replay in shown.items():
        table = {"epoch": replay.epochs, **replay.metrics}
        files[f"replay_{side}"] = [File("curves", "curves.csv", partial(export_menu.table_file, table))]
    export_menu.offer_maps({f"replay_{side}": each for side, each in shown.items()}, "replay", files)


def addresses_of(replay: PackedReplay) -> dict[str, Any]:
    """Where the browser finds the codes of a training, and the decoder of each snapshot."""
    blobs = {f"{replay.id}-codes": replay.codes} | {f"{replay.id}-{i}": each for i, each in enumerate(replay.decoders)}
    at = browser.served(blobs)
    codes, *decoders = (at.get(name, "") for name in blobs)
    return {"codes": codes, "decoders": decoders}


def picked(value: Any) -> None:
    """Keep the point or the moment that was chosen in the browser; anything else is dropped."""
    try:
        if "epoch" in value:
            session.update(epoch=epoch(value["epoch"]))
        else:
            side = one_of(*SIDES)(value["side"])
            session.update(**dict(zip(plane(f"replay_{side}"), point(value["z"]), strict=True)))
    except (KeyError, TypeError, ValueError):
        return


@session.fragment
def show_replays(shown: dict[Side, PackedReplay], addresses: dict[Side, dict[str, Any]]) -> None:
    """Maps, decoded images and curves, which the browser draws and moves by itself."""
    state = session.current()
    sides = {}
    for side, replay in shown.items():
        z1, z2 = (getattr(state, field) for field in plane(f"replay_{side}"))
        sides[side] = payloads.ReplaySide(
            **addresses[side],
            id=replay.id,
            name=replay.checkpoint.name,
            classes=replay.checkpoint.class_names,
            test_set=replay.checkpoint.test_set,
            prior=replay.checkpoint.config.has_prior,
            label=getattr(state, f"label_replay_{side}"),
            z=pair(map(coordinate, replay.start)) if None in (z1, z2) else (z1, z2),
            views=replay.views,
            last_view=replay.last_view,
        )
    told = payloads.Replay(
        sides=sides,
        curves=curves(shown),
        epoch=state.epoch,
        visit=session.visit(),
        prior=state.prior,
        manifold=state.manifold,
        fit=state.fit,
    )
    browser.bridge("replay", told, session.undoable(picked))


def curves(shown: dict[Side, PackedReplay]) -> list[payloads.ReplayCurve]:
    """The curves over time: the values of each metric at each snapshot, on each side that has it.

    Losses under different likelihoods are no measure of each other, and get a curve each.
    """
    rows: list[payloads.ReplayCurve] = []
    for metric, title in CURVES.items():
        lines: dict[Side, list[float]] = {
            side: replay.metrics[metric] for side, replay in shown.items() if metric in replay.metrics
        }
        alone = metric == "loss_nats" and len({likelihood(replay) for replay in shown.values()}) > 1
        groups: list[dict[Side, list[float]]] = [{side: values} for side, values in lines.items()] if alone else [lines]
        rows += [payloads.ReplayCurve(title=title, falls=metric != "kl_nats", lines=group) for group in groups if group]
    return rows


def likelihood(replay: PackedReplay) -> tuple[str, float, float]:
    """The likelihood with its settings, which two losses must share to be compared."""
    config = replay.checkpoint.config
    return config.likelihood, config.sigma, config.beta
