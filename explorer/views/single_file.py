"""The explorer as one HTML file: what of the models, the lesson and the replays goes into it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from explorer import browser, figures, planes, session
from explorer.browser import export
from explorer.browser.export import Contents
from explorer.cache import checkpoints, readings, results
from explorer.cache.checkpoints import Resource
from explorer.markup import lesson
from explorer.markup.facts import label
from explorer.planes import Mapped
from explorer.state import ExplorerState, choices
from explorer.views import colouring, export_menu, learn, pins, regions, replay
from explorer.views.likelihood import likelihood
from vae.storage.file_pair import CheckpointError

PAGES = ("maps", "learn", "interpolate", "classes", "bound", "draw", "replay")


FAMILY_STEP = 3  # of the VAEs along sigma, the file has every third


class _Blobs(dict[str, bytes]):
    """The blobs of a file by their ids."""

    def place(self, identity: str, blob: bytes) -> str:
        """Take a blob; its address in the file is its id."""
        self[identity] = blob
        return identity


def offer(names: Sequence[str]) -> None:
    """A button for the file with the models on the screen, and all pages that these allow but Replay.

    Args:
        names: Of the checkpoints.
    """
    state = session.current()
    st.html('<div class="latent-said"><strong>All of it</strong> in one file that needs no server and no network</div>')

    def made() -> bytes:
        chosen = list(dict.fromkeys(names))
        pages = [page for page in PAGES if page != "replay"]
        lacks = lacking(chosen, pages)
        return html(gather(chosen, [page for page in pages if page not in lacks], state))

    name = "-".join(["latent-space", *dict.fromkeys(names)])
    export_menu.offer_file("Explorer as HTML", "html", made, f"{name}.html")


def html(contents: Contents) -> bytes:
    """The file.

    Args:
        contents: What is in it.
    """
    return export.html(contents, browser.standalone(), browser.LATTICE_WORKER, figures.colour_styles())


def gather(
    names: Sequence[str],
    pages: Sequence[str],
    state: ExplorerState,
    title: str = "Latent Space Explorer",
    announce: Callable[[str], object] = lambda what: None,
) -> Contents:
    """All that a file needs.

    Args:
        names: Of the checkpoints that can be chosen in it, at least one.
        pages: Of PAGES, those that it has, none of which lacks anything; the first is shown first.
        state: What it shows first.
        title: Of the file.
        announce: Is called with what is being packed.

    Raises:
        CheckpointError: A checkpoint cannot be read.
        ValueError: The models are of several data sets.
    """
    blobs = _Blobs()
    models = {}
    for name in names:
        announce(name)
        models[name] = checkpoints.resource(name)
    sheets = {each.checkpoint.test_set: results.test_sheet(each.checkpoint) for each in models.values()}
    if len(sheets) > 1:
        raise ValueError(f"the models {', '.join(names)} are not of one data set: choose those of one")
    announce("the test images")
    (sheet,) = sheets.values()
    if sheet:
        blobs.place(sheet.id, sheet.blob)
    spec: dict[str, Any] = {
        "title": title,
        "models": {name: _model(model, blobs) for name, model in models.items()},
        "sheet": sheet and sheet.id,
        **planes.view(state, names),
        "pages": list(pages),
        "colours": {},
        "classifier": _classifier(models.values(), blobs),
    }
    if "maps" in pages:
        announce("what was measured of the images")
        spec["colours"] = {choice: colouring.choice(choice) for choice in choices("colour")}
        for name, model in models.items():
            spec["models"][name]["colours"] = _colours(model, blobs)
            if spec["classifier"]:
                announce(f"what a classifier reads in {name}")
                spec["models"][name]["regions"] = regions.of_file(model)
    if "learn" in pages:
        announce("the lesson")
        spec["lesson"] = _lesson(models, blobs)
    if "replay" in pages:
        announce("the replays")
        spec["replays"] = _replays(names, blobs)
    return Contents(spec, blobs)


def lacking(names: Sequence[str], pages: Sequence[str]) -> dict[str, str]:
    """Of each page that a file of these models cannot have, what it lacks.

    Args:
        names: Of the checkpoints.
        pages: Of PAGES.
    """
    models = [checkpoints.resource(name) for name in names]
    lacks = {
        "learn": [name for name in learn.MODELS if name not in names],
        "classes": [] if any(each.stored.config.conditional for each in models) else ["a conditional model"],
        "bound": [] if any(likelihood(each) for each in models) else ["a model with a prior"],
        "replay": [] if {*names} & {*results.replayed()} else ["a model with a replay"],
    }
    if any(not results.test_sheet(each.checkpoint) for each in models):
        lacks = {**lacks, "learn": ["the test images"], "bound": ["the test images"]}
    return {page: ", ".join(lacks[page]) for page in pages if lacks.get(page)}


def _model(model: Resource, blobs: _Blobs) -> dict[str, Any]:
    """A model as the file's pages know it."""
    blobs.place(model.id, model.blob)
    encoder = results.encoder(model.checkpoint.name)
    config = model.stored.config
    mapped = Mapped(
        title=label(model.stored.name),
        facts=model.facts,
        id=model.id,
        blob=model.blob,
        codes=model.stored.codes,
        class_names=model.stored.class_names,
        prior=config.has_prior,
    )
    return planes.entry(
        mapped,
        results.radius(model),
        results.typically_near(model),
        results.start(model),
        character=pins.character(model),
        conditional=config.conditional,
        encoder=encoder and blobs.place(encoder.id, encoder.blob),
        likelihood=likelihood(model),
        surface={"bernoulli": config.likelihood.startswith("bernoulli"), "linear": config.network == "linear"},
    )


def _classifier(models: Iterable[Resource], blobs: _Blobs) -> str | None:
    """The id of the classifier of these models, which are of one data set; None where there is none."""
    try:
        (reader,) = {readings.reader(model) for model in models}
    except CheckpointError:
        return None
    return blobs.place(reader.version.id, readings.packed(reader))


def _colours(model: Resource, blobs: _Blobs) -> dict[str, Any]:
    """What can colour the codes of a model in place of their classes, by the choices of `state.COLOURS`."""
    known = {choice: colouring.of(model, choice, blobs.place) for choice in colouring.MEASURES}
    return {choice: colour for choice, colour in known.items() if colour}


def _lesson(models: Mapping[str, Resource], blobs: _Blobs) -> dict[str, Any]:
    """The page Learn, without what its state says."""
    told = {
        name: learn.model_payload(models[name], results.encoder(name) if name in learn.ENCODING else None)
        for name in learn.MODELS
    }
    steps = [{**learn.told(step), "choices": dict(step.choices)} for step in lesson.STEPS]
    all_of_them = _Blobs()
    trainings = learn.trainings(all_of_them.place)
    trainings["family"] = trainings["family"][::FAMILY_STEP]
    best, members = trainings["best"], trainings["family"]
    used = [film["codes"] for film in trainings["sides"].values()] + [member["address"] for member in members]
    for address in [*used, *([best["address"]] if best else [])]:
        blobs.place(address, all_of_them[address])
    return {"steps": steps, "models": told, "trainings": trainings}


def _replays(names: Sequence[str], blobs: _Blobs) -> dict[str, Any]:
    """The trainings of these models that were recorded."""
    sides = {}
    for name in results.replayed():
        if name not in names:
            continue
        each = results.replay(name)
        sides[name] = {
            "id": each.id,
            "name": name,
            "codes": blobs.place(f"{each.id}-codes", each.codes),
            "decoders": [blobs.place(f"{each.id}-{rank}", blob) for rank, blob in enumerate(each.decoders)],
            "classes": each.checkpoint.class_names,
            "test_set": each.checkpoint.test_set,
            "prior": each.checkpoint.config.has_prior,
            "z": each.start,
            "views": each.views,
            "last_view": each.last_view,
            "metrics": each.metrics,
            "comparable": str(replay.likelihood(each)),
        }
    curves = [{"key": key, "title": title, "falls": key != "kl_nats"} for key, title in replay.CURVES.items()]
    return {"sides": sides, "curves": curves}


def sizes(contents: Contents) -> dict[str, int]:
    """How many bytes each blob takes in the file, by its id."""
    return {name: len(export.packed(blob)) for name, blob in contents.blobs.items()}
