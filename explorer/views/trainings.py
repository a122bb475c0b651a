"""The trainings: the progress, curves and map of the one that is watched, and the list of all visitors' trainings."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from explorer import access, browser, session
from explorer.browser import payloads
from explorer.browser.export import Codes
from explorer.cache import checkpoints, results
from explorer.markup import images, terms
from explorer.markup.facts import metrics_of
from explorer.memory import memory
from explorer.quantities import training_preview
from explorer.state import plane, to_query
from explorer.trainings import jobs, plan
from explorer.trainings.jobs import Training, TrainingError
from explorer.views import export_menu, parts
from explorer.views.export_menu import File
from vae.storage.file_pair import CheckpointError

KIND_NAMES = {"ae": "Autoencoder", "vae": "VAE", "cvae": "Conditional VAE"}
LIKELIHOOD_NAMES = {
    "gaussian": "Gaussian, σ fixed",
    "gaussian-shared": "Gaussian, one σ learned",
    "gaussian-pixel": "Gaussian, σ of each pixel",
    "bernoulli-grey": "Bernoulli, grey pixels",
    "bernoulli": "Bernoulli, black or white",
}
CORRUPTION_NAMES = {"drop": "set to black", "flip": "inverted"}
FLAGS = {"--learning-rate": "the learning rate (under More)", "--sigma": "σ"}  # and what the page calls them
POINTS = 300  # of a curve, at most
INVITATION = (
    '<div class="latent-invitation"><p>The curves of your training, its map and what the model decodes grow here.</p>'
    '<p>See how that looks: <a href="replay" target="_self">recorded trainings</a>.</p></div>'
)
SHOWN = 8  # trainings in the list; earlier ones are folded


def states_of(trainings: Sequence[Training]) -> dict[float, str]:
    """The state of each training, by the time at which it began."""
    return {training.created: training.state for training in trainings}


def attempt(change: Callable[..., None], name: str, *more: Any, then_watch: str | None = None) -> None:
    """Change a training, or keep the sentence that says why that is impossible.

    Args:
        change: A function of `jobs`.
        name: The training.
        more: What else `change` takes.
        then_watch: The training that is watched after the change; None leaves it as it is.
    """
    try:
        change(checkpoints.FOLDER, name, *more)
    except TrainingError as error:
        memory().training_refused = parts.sentence(error)
        return
    if then_watch is not None:
        session.update(training=then_watch)


def taken_refusal() -> str:
    """Why the last click had no effect, which is then forgotten; empty where it had one."""
    refused, memory().training_refused = memory().training_refused, ""
    return refused


def show_stage(states: dict[float, str]) -> None:
    """The training that is watched, and the list of all; while one of them runs, this part runs again by itself."""
    trainings = results.trainings()
    if states_of(trainings) != states:
        st.rerun()  # the whole page: names are taken or free again, and another training runs or none
    if refused := taken_refusal():
        st.warning(refused)
    training = watched(trainings)
    if training:
        show_training(training)
    else:
        st.html(INVITATION)
    if trainings and trainings != [training]:
        show_list(trainings, training)


def watched(trainings: Sequence[Training]) -> Training | None:
    """The training that the state names, else one that runs, else the last one."""
    shown = [training for training in trainings if training.state != "removed"]
    named = [training for training in shown if training.name == session.current().training]
    return next(iter([*named, *(training for training in shown if training.state == "running"), *shown]), None)


def show_training(training: Training) -> None:
    """The progress of a training, its curves, its map, and what it decodes."""
    story = training.story
    on = f" · {story.parameters:,} parameters · {story.device}" if story.parameters else ""
    with st.container(horizontal=True, vertical_alignment="center", key="train_head"):
        what = f"<strong>{escape(training.name)}</strong> {escape(summary(training) + on)}"
        st.html(f'<div class="latent-job">{what}</div>', width="stretch")
        offer_actions(training, "head")
    done = story.epoch if training.state == "running" else len(story.rows)
    st.progress(min(1.0, done / training.config.epochs), standing(training))
    if training.state == "failed":
        st.error(f"{training.name} ended too early: {in_words(training.reason)}.")
    if training.config.latent_dim != 2:
        parts.say(
            f"No map: that needs 2 latent dimensions, and {escape(training.name)} has {training.config.latent_dim}."
        )
    browser.bridge("train", curves_payload(training), part="_curves")
    preview = results.preview(training)
    if preview:
        browser.bridge("train", preview_payload(training, preview), part="_map")
    if training.state == "done":
        show_result(training)


def offer_files() -> None:
    """The files of the training that is watched: its map, codes and decoded images by now, and its curves."""
    training = watched(results.trainings())
    preview = results.preview(training) if training else None
    if not training or not preview:
        parts.say("Nothing is there yet: the files come with the map of a training.")
        return
    name, pictures = training.name, {}
    decoded = File("decoded", "training-decoded.png", partial(decoded_file, training))
    curves = File("curves", "training-curves.csv", partial(curves_file, training))
    with export_menu.files_of("train_map", name):
        if preview.window:
            pictures = export_menu.offer_picture("train_map", f"{name}-training", "map")
        export_menu.offer_codes("train_map", partial(codes_of, training), f"{name}-training-codes")
        export_menu.offer_more("train_map", name, [decoded, curves])
    browser.bridge("pictures", {"charts": pictures})


def current(training: Training) -> Training:
    """A training as it is by now; raises CheckpointError if it is not there any more."""
    for each in results.trainings():
        if (each.name, each.created) == (training.name, training.created) and each.state != "removed":
            return each
    raise CheckpointError(f"the training {training.name} is not there any more")


def seen(training: Training) -> training_preview.Preview:
    """What a training has come to by now; raises CheckpointError if that cannot be had any more."""
    preview = results.preview(current(training))
    if preview is None:
        raise CheckpointError(f"what {training.name} makes of the test images is not here any more")
    return preview


def codes_of(training: Training) -> Codes:
    """The codes on the map of a training, with the density at each."""
    preview = seen(training)
    return export_menu.with_density(preview.codes, preview.labels, training.config.has_prior)


def decoded_file(training: Training) -> bytes:
    """What a training decodes by now, as PNG."""
    return export_menu.image_file(lambda: images.joined(seen(training).images))


def curves_file(training: Training) -> bytes:
    """What was measured after each epoch of a training, as CSV."""
    rows = current(training).story.rows
    columns = dict.fromkeys(name for row in rows for name in row)
    return export_menu.table_file({name: [row.get(name, "") for row in rows] for name in columns})


def summary(training: Training) -> str:
    """The settings of a training, in one line."""
    config = training.config
    dataset = plan.TITLES.get(config.dataset, config.dataset)
    facts = [dataset, KIND_NAMES[config.model], config.network, LIKELIHOOD_NAMES[config.likelihood]]
    if config.has_prior and config.likelihood == "gaussian":
        facts[-1] = f"Gaussian, σ {config.sigma:.4g}"
    facts += [f"β {config.beta:g}"] if config.beta != 1 else []
    facts += [f"{config.latent_dim}-dimensional"] if config.latent_dim != 2 else []
    if config.corruption:
        facts.append(f"{100 * config.corruption:.3g}% of pixels {CORRUPTION_NAMES[config.corruption_kind]}")
    return " · ".join(facts)


def standing(training: Training) -> str:
    """How far a training is, in words."""
    story, epochs = training.story, training.config.epochs
    done = f"{len(story.rows)} of {epochs} epochs"
    match training.state:
        case "done":
            return f"Trained: {done}"
        case "stopped" | "failed":
            return f"{training.state.capitalize()} after {done}"
        case "removed":
            return "Deleted"
    if story.measuring:
        return f"Measuring on the test images: {story.measuring}"
    if not story.epochs:
        return "Starting"
    left = "" if story.seconds_left is None else f" · {duration(story.seconds_left)} left"
    return f"Epoch {min(len(story.rows) + 1, epochs)} of {epochs}{left}"


def duration(seconds: float) -> str:
    """A time in words, at least one second."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours = whole // 60, whole // 3600
    return f"{minutes} min {whole % 60} s" if hours == 0 else f"{hours} h {minutes % 60} min"


def in_words(message: str) -> str:
    """A message of the command, with the page's names for its flags."""
    for flag, words in FLAGS.items():
        message = message.replace(flag, words)
    return parts.sentence(message.rstrip("."))


def offer_actions(training: Training, where: str) -> None:
    """The buttons for what can be done with a training, unless the server is read-only."""
    if access.read_only():
        return

    name = training.name

    def button(label: str, change: Callable[..., None], text: str, then_watch: str | None = None) -> None:
        click = partial(attempt, change, name, then_watch=then_watch)
        st.button(label, key=f"{label.lower()}_{where}_{name}", help=text, on_click=click)

    if training.state == "running":
        button("Stop", jobs.stop, "It can be resumed after its last whole epoch")
    if training.resumes:
        again = "Resume" if training.state == "stopped" else "Try again"
        button(again, jobs.resume, "Go on after the last whole epoch", then_watch=name)
    if training.state == "removed":
        button("Undo", jobs.restore, "Bring it back", then_watch=name)
    elif training.state != "running":
        after = "" if session.current().training == name else None
        button("Delete", jobs.remove, "With the model that it made; it can be undone for a day", then_watch=after)


def curves_payload(training: Training) -> payloads.TrainCurves:
    """The parts of the objective over the epochs, as the browser draws them."""
    named = [("loss", "loss_nats"), ("reconstruction −log p(x|z)", "log_likelihood_nats"), ("KL", "kl_nats")]
    if not training.config.has_prior:
        named = [("loss −log p(x|z)", "loss_nats"), ("squared error", "squared_error")]
    elif training.config.objective != "elbo":
        named = [("loss −log p(x), estimated from draws: too high on average", "loss_nats")]
    step = -(-len(training.story.within) // POINTS) or 1
    within = training.story.within[::-1][::step][::-1]  # the last one always

    def points(rows: Sequence[dict[str, float]], name: str) -> list[list[float]]:
        sign = -1 if name == "log_likelihood_nats" else 1
        return [[row["epoch"], round(sign * row[name], 3)] for row in rows if name in row]

    return payloads.TrainCurves(
        part="curves",
        job=f"{training.name} {training.created}",
        epochs=training.config.epochs,
        curves=[
            payloads.TrainCurve(
                title=title,
                unit="nats" if name.endswith("_nats") else "",
                within=points(within, name),
                rows=points(training.story.rows, name),
            )
            for title, name in named
        ],
    )


def preview_payload(training: Training, preview: training_preview.Preview) -> payloads.TrainPicture | payloads.TrainMap:
    """The codes of the test images and what the model decodes, as the browser draws them."""
    decoded = payloads.TrainPicture(
        part="map",
        job=f"{training.name} {training.created}",
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
        prior=training.config.has_prior,
        classes=preview.class_names,
    )


def show_result(training: Training) -> None:
    """The metrics of a finished model, and links to the pages that show it."""
    if not training.model:
        parts.say("Its model is not there any more.")
        return
    try:
        test = checkpoints.opened(training.name).stored.record["test"]
    except (CheckpointError, ValueError) as error:
        st.error(parts.sentence(error))
        return
    said = f"On the test images: {terms.mark(escape(metrics_line(test)), 'squared error', 'KL', 'ELBO', '5-NN')}."
    where = f" See it on {' · '.join(links(training))}." if links(training) else ""
    st.html(f'<div class="latent-said">{said}{where}</div>')


def metrics_line(test: Mapping[str, Any]) -> str:
    """The metrics of a model on the test images, in one line."""
    shown = {"squared_error": ("squared error", ".1f", ""), "kl_nats": ("KL", ".2f", " nats")}
    shown |= {"elbo_nats": ("ELBO", ".1f", " nats"), "knn5_accuracy": ("5-NN", ".1%", "")}
    shown |= {"squared_error_from_noisy": ("from noisy images", ".1f", "")}
    return " · ".join(metrics_of(test, shown)) or "no figures"


def links(training: Training) -> list[str]:
    """Links that open a model on the pages that can show it."""
    state, name = session.current(), training.name
    flat, right = training.config.latent_dim == 2, {"right": name, **dict.fromkeys(plane("right"))}
    places = [("Maps", ".", right), ("Interpolate", "interpolate", right)] if flat else []
    places += [("Classes", "classes", {"style": name})] if flat and training.config.conditional else []
    places += [("Bound", "bound", {"bound_model": name})] if training.config.has_prior else []
    return [
        f'<a href="{page}?{urlencode(to_query(replace(state, **changes)))}" target="_self">{title}</a>'
        for title, page, changes in places
    ]


# All trainings


def show_list(trainings: Sequence[Training], shown: Training | None) -> None:
    """A line for each training, with its buttons; earlier ones are folded."""
    st.html('<div class="latent-said"><strong>Trained here</strong></div>')
    with st.container(key="train_list", gap="xxsmall"):
        for training in trainings[:SHOWN]:
            show_line(training, shown)
    if len(trainings) > SHOWN:
        with st.expander(f"{len(trainings) - SHOWN} earlier"):
            for training in trainings[SHOWN:]:
                show_line(training, shown)


def show_line(training: Training, shown: Training | None) -> None:
    """One training in the list."""
    current = bool(shown) and training.name == shown.name and training.state != "removed"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            training.name,
            key=f"watch_{training.state == 'removed'}_{training.name}",
            type="tertiary",
            width=150,
            disabled=current or training.state == "removed",
            on_click=session.update,
            kwargs={"training": training.name},
        )
        st.html(f'<div class="latent-said">{escape(summary(training))}</div>', width="stretch")
        st.html(f'<div class="latent-said">{escape(standing(training))}</div>', width="content")
        if not current:
            offer_actions(training, "list")
