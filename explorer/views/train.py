"""Train: choose a model and train it in a process of its own; beside the choices are all trainings (`trainings`)."""

from typing import Any

import streamlit as st

from explorer import access, session
from explorer.cache import checkpoints, results
from explorer.memory import memory
from explorer.state import choices, limits
from explorer.trainings import jobs, plan
from explorer.views import export_menu, parts, trainings
from explorer.views.trainings import CORRUPTION_NAMES, KIND_NAMES, LIKELIHOOD_NAMES

HELP = "Choose a model and train it. Training goes on when you leave, and the model is then in every list of models."
NETWORK_NAMES = {
    "tutorial": "tutorial, one layer of 512",
    "small": "small, one layer of 128",
    "deep": "deep, layers of 512",
    "fourier": "fourier, deep, on sines of z",
    "linear": "linear, one layer, as in PCA",
}
KL_NAMES = {"closed": "by formula", "monte-carlo": "at the drawn z"}
FORM_WIDTH = 230
SECONDS = 1.0  # from one look at the disk to the next
NAME = "train_name"  # where the session keeps what is typed as a name


def render() -> None:
    """Draw the page."""
    read_only = access.read_only()
    with parts.first_line(access.SENTENCE if read_only else HELP):
        parts.offer_shapes()
        export_menu.offer(trainings.offer_files)
    with st.container(horizontal=True, wrap=False, gap="medium", key="train_page"):
        if not read_only:
            with st.container(width=FORM_WIDTH, key="train_form", gap="xsmall"):
                show_form()
        with st.container(key="train_stage"):
            states = trainings.states_of(results.trainings())
            session.fragment(trainings.show_stage, run_every=SECONDS if "running" in states.values() else None)(states)


# What to train


def show_form() -> None:
    """The settings of a training, what it costs, and the button that begins it."""
    choose("dataset", plan.TITLES, "Images")
    choose("model", KIND_NAMES, "Model")
    choose("network", NETWORK_NAMES, "Network")
    choose("likelihood", LIKELIHOOD_NAMES, "Likelihood p(x | z)")
    state = session.current()
    if plan.has_prior(state):
        with st.container(horizontal=True, wrap=False):
            if plan.has_sigma(state):
                choose_number("sigma", "σ of a pixel", 0.05)
            choose_number("beta", "β of the KL", 0.1)
        choose("kl", KL_NAMES, "KL to the prior")
    with st.container(horizontal=True, wrap=False):
        choose_number("latent_dim", "Latent size")
        choose_number("epochs", "Epochs")
    with st.expander("More"):
        choose_number("batch_size", "Batch size")
        choose_number("learning_rate", "Learning rate", 0.001)
        choose_number("corruption", "Share of pixels corrupted", 0.05)
        if state.train_corruption:
            choose("corruption_kind", CORRUPTION_NAMES, "These pixels are")
        choose_number("seed", "Seed")
    offer_start()


def choose(setting: str, names: dict[str, str], title: str) -> None:
    """A choice for a setting of the training, each option by its name."""
    field = plan.PREFIX + setting
    st.selectbox(title, choices(field), format_func=names.__getitem__, **session.bind(field))


def choose_number(setting: str, title: str, step: float = 1) -> None:
    """A number for a setting of the training."""
    field, form = plan.PREFIX + setting, "%d" if step == 1 else "%.4g"
    st.number_input(title, *limits(field), step=step, format=form, **session.bind(field))


def offer_start() -> None:
    """The name and the button, with what a click would do, or why it cannot."""
    state = session.current()
    try:
        config = plan.config_of(state)
    except ValueError as error:
        st.warning(f"These do not go together: {error}.")
        return
    free = jobs.free_name(checkpoints.FOLDER, state.train_model)
    name = st.text_input("Name", placeholder=free, key=NAME).strip() or free
    taken, refused = jobs.why_not(checkpoints.FOLDER, name), trainings.taken_refusal()

    def start() -> None:
        if session.current().training == name and jobs.why_not(checkpoints.FOLDER, name):
            return  # the second half of a double-click
        trainings.attempt(jobs.start, name, config, then_watch=name)
        if not memory().training_refused:
            st.session_state[NAME] = ""

    show_plan(config)
    st.button(f"Train {name}", type="primary", width="stretch", on_click=start, disabled=bool(taken))
    if refused or taken:
        st.warning(refused or taken)


def show_plan(config: Any) -> None:
    """What the training costs, and what the pages cannot show of it."""
    ahead = plan.plan(config)
    said = (
        f"{ahead.parameters:,} parameters, decoder {ahead.decoder}<br>{config.epochs} epochs of {ahead.steps:,} steps"
    )
    if ahead.megabytes:
        said += f"<br>{ahead.megabytes} MB of images are fetched first."
    if config.latent_dim != 2:
        said += "<br><strong>No maps: they need a latent size of 2.</strong>"
        said += " Bound shows such a model too." if config.has_prior else ""
    parts.say(said)
