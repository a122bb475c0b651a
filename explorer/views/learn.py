"""Learn: the lesson, one step at a time, each with a live figure. All that moves is computed in the browser."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st

from explorer import browser, session
from explorer.browser import payloads
from explorer.cache import checkpoints, results
from explorer.cache.checkpoints import Resource
from explorer.cache.results import Blob, PackedReplay
from explorer.markup import lesson
from explorer.memory import memory
from explorer.state import TEST_IMAGES, Side, limits, whole, within
from explorer.views import parts, replay
from explorer.views.likelihood import likelihood
from vae.storage.file_pair import CheckpointError

BEST = "vae-best"
FILMS: dict[Side, str] = {"left": "ae", "right": "vae"}
MODELS = ("ae", "vae", "cvae", "ppca")
ENCODING = ("ae", "vae", "ppca")  # of these, those that have an image to encode


def render() -> None:
    """Draw the page."""
    try:
        models = {name: checkpoints.resource(name) for name in MODELS}
    except (CheckpointError, ValueError) as error:
        st.error(f"The lesson needs the models {', '.join(MODELS)}. {parts.sentence(error)}")
        return
    sheet = results.test_sheet(models["vae"].checkpoint)
    if not sheet:
        st.error("The lesson needs the test images of MNIST. Restore vae/images/mnist-test.png.")
        return
    encoders = {name: results.encoder(name) for name in ENCODING}
    blobs = [*models.values(), *encoders.values(), sheet]
    browser.banks({blob.id: blob.blob for blob in blobs if blob})
    show_lesson(models, encoders, sheet.id)
    browser.bridge("learn", trainings(address_of), part="_trainings")


@session.fragment
def show_lesson(models: dict[str, Resource], encoders: dict[str, Blob | None], sheet: str) -> None:
    """The step that is chosen, or the page where it leads; the models stay as they are."""
    page, memory().leave_for = memory().leave_for, ""
    if page:
        session.go(page)
    data = payloads.Lesson(
        step=session.current().step,
        image=session.current().image_learn,
        steps=[told(step) for step in lesson.STEPS],
        models={name: model_payload(model, encoders.get(name)) for name, model in models.items()},
        sheet=sheet,
    )
    browser.bridge("learn", data, picked)


def trainings(place: Callable[[str, bytes], str]) -> payloads.LessonTrainings:
    """The trainings of the AE and the VAE, and the VAEs along sigma; to open them all takes a moment.

    Args:
        place: Puts a blob where the browser finds it, given its id, and says where that is.
    """
    sides: dict[Side, payloads.LessonFilm] = {}
    curves: list[payloads.ReplayCurve] = []
    with suppress(CheckpointError):
        replays: dict[Side, PackedReplay] = {side: results.replay(name) for side, name in FILMS.items()}
        for side, each in replays.items():
            codes, prior = place(f"{each.id}-few-codes", each.few_codes), each.checkpoint.config.has_prior
            sides[side] = payloads.LessonFilm(codes=codes, views=each.views, prior=prior)
        curves = replay.curves(replays)
    return payloads.LessonTrainings(
        part="trainings", sides=sides, curves=curves, family=family(place), best=best(place)
    )


def family(place: Callable[[str, bytes], str]) -> list[payloads.LessonMember]:
    """The VAEs along sigma that can be read; `place` as of `trainings`."""
    members = []
    for sigma, name in checkpoints.family().sigmas.items():
        with suppress(CheckpointError):
            model = checkpoints.resource(name)
            test, address = model.stored.record["test"], place(model.id, model.blob)
            members.append(
                payloads.LessonMember(sigma=sigma, address=address, kl=test["kl_nats"], error=test["squared_error"])
            )
    return members


def best(place: Callable[[str, bytes], str]) -> payloads.LessonBest | None:
    """The best VAE, if it can be read; `place` as of `trainings`."""
    with suppress(CheckpointError):
        model = checkpoints.resource(BEST)
        return payloads.LessonBest(address=place(model.id, model.blob), likelihood=likelihood(model))
    return None


def address_of(identity: str, blob: bytes) -> str:
    """Where the browser finds a blob, by its id; "" without a server."""
    return browser.served({identity: blob}).get(identity, "")


def told(step: lesson.Step) -> payloads.LessonStep:
    """What the browser shows of a step."""
    return payloads.LessonStep(
        figure=step.figure,
        title=step.title,
        words=lesson.unbroken(step.words),
        formula=lesson.in_lines(step.formula),
        question=step.question,
        answers=step.answers,
        page=step.page.title(),
    )


def model_payload(model: Resource, encoder: Blob | None) -> payloads.LessonModel:
    """What the lesson needs of a model."""
    return payloads.LessonModel(
        bank=model.id,
        encoder=encoder and encoder.id,
        radius=results.radius(model),
        likelihood=likelihood(model),
        knn5=model.stored.record["test"].get("knn5_accuracy"),
    )


def picked(value: Any) -> None:
    """Take the step or the image that was chosen in the browser, or open its page; anything else is dropped."""
    try:
        step = within(*limits("step"))(value["step"])
        image = whole(TEST_IMAGES)(value["image"])
        leave = bool(value.get("open"))
    except (AttributeError, KeyError, TypeError, ValueError):
        return
    session.update(step=step, image_learn=image)
    if leave:
        memory().leave_for, choices = lesson.opened(int(step), image)
        session.update(**choices)
