"""The trainings: where the one that is watched stands, its curves, its map; and the list of all, whoever began them."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from explorer import access, browser, figures, session
from explorer.browser import payloads
from explorer.cache import checkpoints, results
from explorer.markup import images
from explorer.quantities import training_preview
from explorer.state import plane, to_query
from explorer.trainings import jobs, plan
from explorer.trainings.jobs import Job, JobError
from explorer.views import parts
from vae.storage.file_pair import CheckpointError

KIND_NAMES = {"ae": "Autoencoder", "vae": "VAE", "cvae": "Conditional VAE"}
LIKELIHOOD_NAMES = {
    "gaussian": "Gaussian, σ fixed",
    "gaussian-shared": "Gaussian, one σ learned",
    "gaussian-pixel": "Gaussian, σ of each pixel",
    "bernoulli-grey": "Bernoulli, grey pixels",
    "bernoulli": "Bernoulli, black or white",
}
FLAGS = {"--learning-rate": "the learning rate (under more)", "--sigma": "σ"}  # as the page calls them
POINTS = 300  # of a curve, at most
SHOWN = 8  # trainings, before one asks for all
REFUSED = "train_refused"  # where the session keeps why a click came to nothing


def states_of(trainings: Sequence[Job]) -> dict[float, str]:
    """Of each training, by when it was begun, whether it runs or what has become of it."""
    return {job.created: job.state for job in trainings}


def attempt(change: Any, name: str, *more: Any) -> None:
    """Change a training, and watch one that is begun or brought back; keep the sentence that says why it cannot be."""
    try:
        change(checkpoints.FOLDER, name, *more)
    except JobError as error:
        st.session_state[REFUSED] = parts.sentence(error)
        return
    if change in (jobs.start, jobs.resume, jobs.restore):
        session.update(job=name)
    elif change is jobs.remove and session.current().job == name:
        session.update(job="")


def nothing(value: Any) -> None:
    """Take what the browser sends: nothing is picked on this page."""


def show_stage(states: dict[float, str]) -> None:
    """The training that is watched, and the list of all; drawn anew by itself as long as one of them runs."""
    trainings = results.trainings()
    if states_of(trainings) != states:
        st.rerun()  # all of the page: there are other names to be had, and more or nothing to wait for
    if REFUSED in st.session_state:
        st.warning(st.session_state.pop(REFUSED))
    job = watched(trainings)
    if job:
        show_training(job)
    else:
        parts.say("Nothing has been trained here yet. The curves, the map and what the model decodes will be here.")
    if trainings and trainings != [job]:
        show_list(trainings, job)


def watched(trainings: Sequence[Job]) -> Job | None:
    """The training that the state names, else one that runs, else the last one."""
    shown = [job for job in trainings if job.state != "removed"]
    named = [job for job in shown if job.name == session.current().job]
    return next(iter([*named, *(job for job in shown if job.state == "running"), *shown]), None)


def show_training(job: Job) -> None:
    """Where a training stands, its curves, its map, and what it decodes."""
    story = job.story
    on = f" · {story.parameters:,} parameters · {story.device}" if story.parameters else ""
    with st.container(horizontal=True, vertical_alignment="center", key="train_head"):
        what = f"<strong>{escape(job.name)}</strong> {escape(summary(job) + on)}"
        st.html(f'<div class="latent-job">{what}</div>', width="stretch")
        offer_actions(job, "head")
    done = story.epoch if job.state == "running" else len(story.rows)
    st.progress(min(1.0, done / job.config.epochs), standing(job))
    if job.state == "failed":
        st.error(f"{job.name} ended too early: {in_words(job.said)}.")
    if job.config.latent_dim != 2:
        parts.say(f"No map: that needs 2 latent dimensions, and {escape(job.name)} has {job.config.latent_dim}.")
    browser.bridge("train", curves_payload(job), nothing, part="_curves")
    preview = results.preview(job)
    if preview:
        browser.bridge("train", preview_payload(job, preview), nothing, part="_map")
    if job.state == "done":
        show_result(job)


def summary(job: Job) -> str:
    """What a training trains, in one line."""
    config = job.config
    dataset = plan.TITLES.get(config.dataset, config.dataset)
    facts = [dataset, KIND_NAMES[config.model], config.network, LIKELIHOOD_NAMES[config.likelihood]]
    if config.has_prior and config.likelihood == "gaussian":
        facts[-1] = f"Gaussian, σ {config.sigma:.4g}"
    facts += [f"β {config.beta:g}"] if config.beta != 1 else []
    facts += [f"{config.latent_dim}-dimensional"] if config.latent_dim != 2 else []
    return " · ".join(facts)


def standing(job: Job) -> str:
    """How far a training is, in words."""
    story, epochs = job.story, job.config.epochs
    done = f"{len(story.rows)} of {epochs} epochs"
    match job.state:
        case "done":
            return f"Trained: {done}"
        case "stopped" | "failed":
            return f"{job.state.capitalize()} after {done}"
        case "removed":
            return "Deleted"
    if story.measuring:
        return f"Measuring on the test images: {story.measuring}"
    if not story.epochs:
        return "Starting"
    left = "" if story.seconds_left is None else f" · {duration(story.seconds_left)} left"
    return f"Epoch {min(len(story.rows) + 1, epochs)} of {epochs}{left}"


def duration(seconds: float) -> str:
    """Seconds as a person says them, never fewer than one."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    return f"{minutes} min {whole % 60} s" if hours == 0 else f"{hours} h {minutes % 60} min"


def in_words(said: str) -> str:
    """What the command said, with the page's names for its flags."""
    for flag, words in FLAGS.items():
        said = said.replace(flag, words)
    return parts.sentence(said.rstrip("."))


def offer_actions(job: Job, where: str) -> None:
    """The buttons for what can be done with a training, unless the server is read-only."""
    if access.read_only():
        return

    def button(label: str, change: Any, text: str) -> None:
        key = f"{label.lower()}_{where}_{job.name}"
        st.button(label, key=key, help=text, on_click=attempt, args=(change, job.name))

    if job.state == "running":
        button("Stop", jobs.stop, "It can be resumed after its last whole epoch")
    if job.resumes:
        button("Resume" if job.state == "stopped" else "Try again", jobs.resume, "Go on after the last whole epoch")
    if job.state == "removed":
        button("Undo", jobs.restore, "Bring it back")
    elif job.state != "running":
        button("Delete", jobs.remove, "With the model that it made; it can be undone for a day")


def curves_payload(job: Job) -> payloads.TrainCurves:
    """The figures of the objective over the epochs, as the browser draws them."""
    named = [("loss", "loss_nats"), ("reconstruction −log p(x|z)", "log_likelihood_nats"), ("KL", "kl_nats")]
    if not job.config.has_prior:
        named = [("loss −log p(x|z)", "loss_nats"), ("squared error", "squared_error")]
    elif job.config.objective != "elbo":
        named = [("loss −log p(x), estimated from draws: too high on average", "loss_nats")]
    step = -(-len(job.story.within) // POINTS) or 1
    within = job.story.within[::-1][::step][::-1]  # the last one always

    def points(rows: Sequence[dict[str, float]], name: str) -> list[list[float]]:
        sign = -1 if name == "log_likelihood_nats" else 1
        return [[row["epoch"], round(sign * row[name], 3)] for row in rows if name in row]

    return payloads.TrainCurves(
        part="curves",
        job=f"{job.name} {job.created}",
        epochs=job.config.epochs,
        curves=[
            payloads.TrainCurve(
                title=title,
                unit="nats" if name.endswith("_nats") else "",
                within=points(within, name),
                rows=points(job.story.rows, name),
            )
            for title, name in named
        ],
    )


def preview_payload(job: Job, preview: training_preview.Preview) -> payloads.TrainPicture | payloads.TrainMap:
    """The codes of the test images and what the model decodes, as the browser draws them."""
    decoded = payloads.TrainPicture(
        part="map",
        job=f"{job.name} {job.created}",
        epoch=preview.epoch,
        picture=images.data_url(images.joined(preview.images)),
        caption=preview.caption,
    )
    if preview.window is None:
        return decoded
    codes, scale = training_preview.quantised(preview)
    return payloads.TrainMap(
        **decoded,
        codes=b64encode(codes).decode(),
        scale=scale,
        labels=b64encode(preview.labels.astype(np.uint8).tobytes()).decode(),
        window=preview.window,
        prior=job.config.has_prior,
        palette=figures.PALETTE,
        classes=preview.class_names,
    )


def show_result(job: Job) -> None:
    """What a finished model came to, and where to go with it."""
    if not job.model:
        parts.say("Its model is not there any more.")
        return
    try:
        test = checkpoints.opened(job.name).stored.record["test"]
    except (CheckpointError, ValueError) as error:
        st.error(parts.sentence(error))
        return
    said = f"On the test images: {metrics_line(test)}."
    where = f" See it on {' · '.join(links(job))}." if links(job) else ""
    st.html(f'<div class="latent-said">{said}{where}</div>')


def metrics_line(test: Mapping[str, Any]) -> str:
    """The figures of a model on the test images, in one line."""
    shown = {"squared_error": ("squared error", ".1f", ""), "kl_nats": ("KL", ".2f", " nats")}
    shown |= {"elbo_nats": ("ELBO", ".1f", " nats"), "knn5_accuracy": ("5-NN", ".1%", "")}
    return " · ".join(parts.metrics_of(test, shown)) or "no figures"


def links(job: Job) -> list[str]:
    """Links to the pages that can show a model, with it in its place."""
    state, name = session.current(), job.name
    flat, right = job.config.latent_dim == 2, {"right": name, **dict.fromkeys(plane("right"))}
    places = [("Maps", ".", right), ("Interpolate", "interpolate", right)] if flat else []
    places += [("Classes", "classes", {"style": name})] if flat and job.config.conditional else []
    places += [("Bound", "bound", {"bound_model": name})] if job.config.has_prior else []
    return [
        f'<a href="{page}?{urlencode(to_query(replace(state, **changes)))}" target="_self">{title}</a>'
        for title, page, changes in places
    ]


# All trainings


def show_list(trainings: Sequence[Job], shown: Job | None) -> None:
    """A line for each training, with what can be done; those of long ago are folded."""
    st.html('<div class="latent-said"><strong>Trained here</strong></div>')
    with st.container(key="train_list", gap="xxsmall"):
        for job in trainings[:SHOWN]:
            show_line(job, shown)
    if len(trainings) > SHOWN:
        with st.expander(f"{len(trainings) - SHOWN} earlier"):
            for job in trainings[SHOWN:]:
                show_line(job, shown)


def show_line(job: Job, shown: Job | None) -> None:
    """One training in the list."""
    current = bool(shown) and job.name == shown.name and job.state != "removed"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            job.name,
            key=f"watch_{job.state == 'removed'}_{job.name}",
            type="tertiary",
            width=150,
            disabled=current or job.state == "removed",
            on_click=session.update,
            kwargs={"job": job.name},
        )
        st.html(f'<div class="latent-said">{escape(summary(job))}</div>', width="stretch")
        st.html(f'<div class="latent-said">{escape(standing(job))}</div>', width="content")
        if not current:
            offer_actions(job, "list")
