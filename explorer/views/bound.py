"""Bound: one image's exact posterior beside the encoder's guess, and what stands between log p(x) and the ELBO."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from explorer import browser, figures, session
from explorer.browser import payloads
from explorer.cache import checkpoints, results
from explorer.cache.checkpoints import Family
from explorer.cache.results import BoundImage, BoundModel
from explorer.extent import pair
from explorer.markup import bars, formulas, images
from explorer.markup.bars import Part
from explorer.markup.terms import term
from explorer.quantities import bound, decode, own_image, points, posterior_map
from explorer.quantities.bound import Analysis
from explorer.quantities.noise import squared_error
from explorer.state import NOISES, TEST_IMAGES, UNITS, coordinate, plane, point, unpacked, whole
from explorer.views import completion, export_menu, parts
from explorer.views.export_menu import File
from explorer.views.pins import offer_images
from vae.storage.file_pair import CheckpointError

FAMILY = "family"
PLANE = 3.8  # the 3 sigma of a prior, with a margin
STEP = 0.1
FAMILY_PLANE = 6.0  # a small sigma spreads the codes
HEIGHT = 350
HELP = (
    f"Shaded: where this image's {term('code')} must be (the {term('posterior')}). Ellipse: where the encoder puts it "
    f"({term('q')}). Click a map for another image."
)
SCALE = 4
IMAGES = 236  # pixels of the screen, of two images and the gap between them


def render() -> None:
    """Draw the page."""
    head = parts.first_line(completion.HELP if session.current().complete else HELP)
    with head:
        parts.offer_complete("A part of the image is unknown: see what it may be")
        st.segmented_control("Unit", UNITS, label_visibility="collapsed", required=True, **session.bind("unit"))
        parts.offer_shapes()
    names, family = checkpoints.with_posterior(), checkpoints.family()
    if not names and not family.sigmas:
        st.error("There is no model with a posterior to show. Train a VAE on the page Train.")
        return
    chosen, problem = None, ""
    with st.container(horizontal=True, vertical_alignment="center", key="bound_controls"):
        name = choose_model(names, family)
        try:
            model = results.bound_model(name)
            chosen = model, with_noise(model, choose_image(model))
            choose_noise(model)
        except (CheckpointError, ValueError) as error:
            problem = parts.sentence(error)
    for left_out in family.problems if session.current().bound_model == FAMILY else []:
        st.warning(parts.sentence(left_out))
    if not chosen:
        st.error(problem)
    elif chosen[0].checkpoint.model.latent_dim != 2:
        show_estimates(*chosen)
    elif session.current().complete:
        completion.show(*chosen, map_of(chosen[0]), picked)
        with head:
            export_menu.offer(partial(completion.offer_files, *chosen))
    else:
        show_analysis(*chosen, family)
        with head:
            export_menu.offer(partial(offer_files, *chosen))


def map_of(model: BoundModel) -> figures.Figure:
    """A plane as wide as the prior, or wider where a small sigma spreads the codes."""
    reach = FAMILY_PLANE if session.current().bound_model == FAMILY else PLANE
    return checkpoints.plane(HEIGHT, reach, model.checkpoint.class_names)


def picked(value: Any) -> None:
    """Take the test image or the point that was clicked in the browser; anything else is dropped."""
    try:
        if set(value) == {"image"}:
            session.update(image_bound=whole(TEST_IMAGES)(value["image"]), drawn_bound=False)
        elif set(value) == {"z"}:
            z1, z2 = point(value["z"])
            session.update(z1_bound=z1, z2_bound=z2, drawn_bound=False)
    except (TypeError, ValueError):
        return


# Controls


def choose_model(names: list[str], family: Family) -> str:
    """Choose a model, and a sigma where the family is chosen; gives the name of the checkpoint."""
    names = [name for name in names if name != FAMILY] + [FAMILY] * bool(family.sigmas)
    parts.keep_within("bound_model", names)

    def label(name: str) -> str:
        return "VAEs along σ" if name == FAMILY else parts.label(name)

    widget = session.bind("bound_model")
    st.selectbox("Model", names, format_func=label, label_visibility="collapsed", width=200, **widget)
    name = session.current().bound_model
    return choose_sigma(family) if name == FAMILY else name


def choose_sigma(family: Family) -> str:
    """Choose a member of the family by its sigma, at first the one nearest to what a link asks for; gives its name."""
    sigmas = list(family.sigmas)
    sigma = session.current().sigma
    if sigma is None or sigma not in sigmas:
        asked = sigma or 0.3
        sigma = min(sigmas, key=lambda each: abs(each - asked))
        session.update(sigma=sigma)
    if len(sigmas) > 1:
        widget = session.bind("sigma", clears=plane("bound_model"))
        st.select_slider(
            "Sigma",
            sigmas,
            format_func=lambda s: f"σ {s:.2g} · β {2 * s * s:.2g}",
            label_visibility="collapsed",
            width=240,
            **widget,
        )
    return family.sigmas[sigma]


def choose_image(model: BoundModel) -> BoundImage:
    """Choose an image: the drawing, a test image, or a decoded point where the test images are missing."""
    if session.current().drawn_bound and session.current().drawing:
        return drawn_image(model)
    images = results.test_images(model.checkpoint)
    if images is None:
        return decoded_image(model)
    parts.say("test image")
    with st.container(horizontal=True, wrap=False, gap="xxsmall", width="content", vertical_alignment="center"):
        parts.choose_image("image_bound", "Test image", len(images), 90)
        offer_step("previous", "chevron_left", -1, len(images))
        offer_step("next", "chevron_right", 1, len(images))
        go_anywhere = any_image(len(images))
        title = "Any test image"
        st.button(title, icon=":material/shuffle:", help=title, key="any_image", on_click=go_anywhere)
    offer_widest(model)
    return test_image(model, session.current().image_bound)


def choose_noise(model: BoundModel) -> None:
    """A choice of how much noise lies on the image: flipped pixels where they are black and white, else Gaussian."""
    flips = black_and_white(model)
    parts.say(term("noise"))
    st.select_slider(
        "Noise",
        NOISES,
        format_func=lambda amount: f"{amount:.0%} flipped" if flips else f"σ {amount:g}",
        label_visibility="collapsed",
        width=150,
        **session.bind("noise"),
    )


def with_noise(model: BoundModel, image: BoundImage) -> BoundImage:
    """An image with the noise that is chosen."""
    return image.with_noise(session.current().noise, black_and_white(model))


def black_and_white(model: BoundModel) -> bool:
    """Whether the images of a model are in black and white; noise then flips pixels."""
    return model.checkpoint.config.likelihood == "bernoulli"


def drawn_image(model: BoundModel) -> BoundImage:
    """The drawing from the page Draw, grey or in black and white like the images of the model.

    The visitor chooses the class that a conditional model is told.
    """
    conditional = model.checkpoint.config.conditional
    parts.say("your drawing" + ", taken for a" * conditional)
    if conditional:
        parts.choose_class("label_bound", "Class of the drawing", model.checkpoint.class_names)
    state = session.current()  # as a link may ask for a class that this model does not have
    st.button("Test images", on_click=lambda: session.update(drawn_bound=False))
    image, label = own_image.as_image(unpacked(state.drawing)), state.label_bound if conditional else 0
    if black_and_white(model):
        image = bound.black_or_white(image[None])[0]
    return BoundImage(f"drawn {state.drawing} {label}", "drawn", image, label)


def test_image(model: BoundModel, index: int) -> BoundImage:
    """A test image, grey or in black and white like the images of the model.

    Raises ValueError if the images have disappeared since the page was opened.
    """
    grey = not black_and_white(model)
    images = (results.test_images if grey else results.black_or_white_images)(model.checkpoint)
    if images is None:
        raise ValueError("The test images have just disappeared from the server: restore them, or reload the page.")
    return BoundImage(f"test {index} {grey}", "test", images[index], int(model.checkpoint.labels[index]), index)


def class_name(model: BoundModel, label: int) -> str:
    """A class as a person reads it."""
    return model.checkpoint.class_names[label]


def offer_step(name: str, icon: str, by: int, count: int) -> None:
    """A button that goes to a neighbouring test image."""

    def go() -> None:
        session.update(image_bound=(session.current().image_bound + by) % count)

    title = f"The {name} test image"
    st.button(title, icon=f":material/{icon}:", help=title, key=f"{name}_image", on_click=go)


def any_image(count: int) -> Callable[[], None]:
    """A click that goes to a random one of `count` test images."""
    return lambda: session.update(image_bound=random.randrange(count))


def offer_widest(model: BoundModel) -> None:
    """Offer the test images with the widest gap, where the model's record names them."""
    images = widest_gaps(model.checkpoint.record)
    if not images:
        return
    index = session.current().image_bound
    st.session_state["widest_bound"] = index if index in images else None

    def label(image: int) -> str:
        return f"Gap no. {images.index(image) + 1}: {class_name(model, int(model.checkpoint.labels[image]))} ({image})"

    def go() -> None:
        if st.session_state["widest_bound"] in images:
            session.update(image_bound=st.session_state["widest_bound"])

    st.selectbox(
        "Test images with the widest gap",
        images,
        format_func=label,
        placeholder="Widest gaps",
        label_visibility="collapsed",
        width=190,
        key="widest_bound",
        on_change=go,
    )


def widest_gaps(record: dict[str, Any]) -> list[int]:
    """The indices of the test images with the widest gap; empty if the record names none."""
    return list(dict.fromkeys(record["test"].get("hardest", [])))


def decoded_image(model: BoundModel) -> BoundImage:
    """The image decoded at a point that the visitor chooses, in black and white where the images of the model are."""
    state, checkpoint = session.current(), model.checkpoint
    code = checkpoint.codes[state.image_bound % len(checkpoint.codes)].numpy()
    z = points.rounded(code, float(checkpoint.codes.numpy().std(axis=0).min()) / 100)
    label = 0
    if checkpoint.model.latent_dim == 2:
        chosen = state.z1_bound, state.z2_bound
        z = pair(coordinate(old if value is None else value) for value, old in zip(chosen, z, strict=True))
        parts.say("the image decoded at")
        parts.choose_point("bound", z, STEP)
    else:
        parts.say("the first code, decoded")
    if checkpoint.config.conditional:
        parts.choose_class("label_bound", "Class to decode", checkpoint.class_names)
        label = session.current().label_bound
    offer_images(model)
    image = decode.at(checkpoint.model, np.array([z]), label)
    if black_and_white(model):
        image = bound.black_or_white(image)
    return BoundImage(f"decoded {z} {label}", "decoded", image[0], label)


# Results


def show_analysis(model: BoundModel, image: BoundImage, family: Family) -> None:
    """The image, its posterior on the plane and close up, the terms, the estimators and the formulas."""
    with st.spinner("Integrating over the plane …"):
        analysis = results.analysis(model, image)
    state = session.current()
    browser.banks({model.id: model.blob})
    show_planes(model, image, analysis)
    with st.container(gap="xsmall"):
        conditional = model.checkpoint.config.conditional
        equation, cuts = formulas.terms(analysis, state.unit, conditional), formulas.cuts(analysis, conditional)
        split = bars.total(*formulas.gap(analysis), state.unit)
        st.html(bars.equation(equation, state.unit) + split + bars.bar(*cuts, state.unit))
        browser.bridge("bound", {"part": "live"}, picked, part="_live")
    show_bernoulli_pair(model, image, family)
    if not model.checkpoint.config.has_encoder:
        parts.say("This model was trained on log p(x) itself and has no encoder: its q is read from its own decoder.")
    if not analysis.terms.settled:
        error = f"± {bars.number(analysis.terms.error, state.unit)} {state.unit}"
        st.warning(
            f"log p(x) has not settled: it is known to {error}. This decoder changes so fast from point to point that "
            "a finer grid would take too long. The posterior and all that is computed from log p(x) are as uncertain."
        )
    with st.expander("Every term: its formula, a sentence, and this image's numbers"):
        show_formulas(model, image, analysis)
    analyse_next(model, image, family)


def offer_files(model: BoundModel, image: BoundImage) -> None:
    """The map's files, its close-up, and the numbers."""
    which = image.source if image.index < 0 else f"{image.source}-{image.index}"
    which += f"-noise-{image.noise:g}" if image.noise else ""
    numbers = File("numbers", f"{which}.csv", partial(numbers_file, model, image))
    export_menu.offer_maps({"bound_map": model}, "posterior", {"bound_map": [numbers]}, {"bound_map": "bound_close"})


def numbers_file(model: BoundModel, image: BoundImage) -> bytes:
    """The terms of one image as CSV."""
    has = results.analysis(model, image).terms
    nats = has._asdict() | {"gap": has.log_px - has.elbo}
    return export_menu.table_file({"quantity": list(nats), "nats": list(nats.values())})


def show_planes(model: BoundModel, image: BoundImage, analysis: Analysis) -> None:
    """The image, and beside it the plane from afar and close up."""
    with st.container(horizontal=True, wrap=False, key="bound_planes"):
        with st.container(width=IMAGES, key="bound_seen"):
            show_images(model, image, analysis)
            browser.bridge("bound", {"part": "again"}, picked, part="_again")
        with st.container():
            middle, right = st.columns(2)  # at the same time: a chart that is first wide and then narrow zooms out
            with middle:
                st.plotly_chart(map_of(model), key="bound_map", config=figures.CONFIG)
            with right:
                browser.bridge("bound", close_payload(model, image, analysis), session.undoable(picked), part="_close")


def analyse_next(model: BoundModel, image: BoundImage, family: Family) -> None:
    """Analyse in the background what the visitor may want next: the image under the rest of the family, or the next."""
    if session.current().bound_model == FAMILY:
        results.analyse_ahead([(other, image) for other in readable_members(family.sigmas.values())])
    elif image.source == "test":
        following = (image.index + 1) % len(model.checkpoint.codes)
        with suppress(ValueError):
            results.analyse_ahead([(model, with_noise(model, test_image(model, following)))])


def readable_members(names: Iterable[str]) -> Iterator[BoundModel]:
    """The members of a family that can still be read."""
    for name in names:
        with suppress(CheckpointError):
            yield results.bound_model(name)


def show_images(model: BoundModel, image: BoundImage, analysis: Analysis) -> None:
    """The image and its reconstruction, side by side."""
    names = {
        "test": f"image {image.index}: {class_name(model, image.label)}",
        "drawn": "your drawing",
        "decoded": "decoded at z",
    }
    shown = [(image.pixels, names[image.source]), (analysis.reconstruction, "decoded at q's mean")]
    errors = ["", ""]
    if image.clean is not None:
        errors = [f", error {squared_error(pixels, image.clean):.1f}" for pixels, _ in shown] + [""]
        shown.append((image.clean, "without noise"))
    columns = [
        images.column([images.img(pixels, SCALE, name)], name + error)
        for (pixels, name), error in zip(shown, errors, strict=True)
    ]
    with st.container(key="bound_images"):
        st.html(images.strip(columns))


def close_payload(model: BoundModel, image: BoundImage, analysis: Analysis) -> payloads.BoundClose:
    """What the page's controller needs to draw the plane and to sample."""
    config = model.checkpoint.config
    sigma = bound.shared_sigma(model.checkpoint)
    data: payloads.BoundClose = {
        "part": "close",
        "bank": model.id,
        "subject": image.key,
        "label": image.label,
        "image": images.data_url(image.pixels),
        "likelihood": {
            "bernoulli": config.likelihood.startswith("bernoulli"),
            "sigma": sigma,
            "linear": config.network == "linear",
        },
        "q": payloads.Normal(mean=analysis.q.mean, std=analysis.q.std),
        "best": payloads.Normal(mean=analysis.best.mean, std=analysis.best.std),
        "posterior": [
            {"window": part.window, "shades": images.data_url(part.shades), "levels": part.levels_nats}
            for part in (analysis.posterior.wide, analysis.posterior.close)
        ],
        "shades_a_nat": posterior_map.SHADES_A_NAT,
        "view": analysis.view,
        "log_px": analysis.terms.log_px,
        "error": analysis.terms.error,
        "settled": analysis.terms.settled,
        "draws": bound.DRAWS,
        "unit": {"name": session.current().unit, "nats": bars.NATS[session.current().unit]},
        "dot": figures.dot(len(model.checkpoint.codes)) / figures.dot(10_000),
        "pick": "z" if results.test_images(model.checkpoint) is None else "image",
    }
    if not data["likelihood"]["bernoulli"] and sigma is None:  # the browser has no sigma of each pixel
        data["drawn"] = [values.round(3).tolist() for values in results.draws(model, image)]
    return data


def show_formulas(model: BoundModel, image: BoundImage, analysis: Analysis) -> None:
    """Every formula with its sentence, in two columns."""
    network = model.checkpoint.model
    label = f"y = {image.label}" if network.conditional else ""
    sigma = bound.shared_sigma(model.checkpoint)
    columns = st.columns(2, gap="large")
    for rank, (tex, sentence) in enumerate(formulas.formulas(analysis, session.current().unit, label, sigma)):
        with columns[rank % 2]:
            st.latex(tex)
            st.html(f'<div class="latent-sentence">{sentence}</div>')


def show_bernoulli_pair(model: BoundModel, image: BoundImage, family: Family) -> None:
    """Say, with this image's numbers, why black-and-white pixels have no sigma to choose."""
    if session.current().bound_model != FAMILY or len(family.betas) < 2 or image.source != "test" or image.noise:
        return
    numbers = []
    for other in readable_members(family.betas.values()):
        if other.checkpoint.test_set != model.checkpoint.test_set:
            continue
        log_px = results.analysis(other, test_image(other, image.index)).terms.log_px
        beta = other.checkpoint.config.beta
        numbers.append(f"β = {beta:g}: <strong>{bars.number(log_px, session.current().unit)}</strong>")
    parts.say(
        "β = 2σ² here, so any σ is a true likelihood. Black-and-white pixels have no σ: another β there only makes the "
        f"model worse at the one likelihood there is. log p of this image in black and white, {', '.join(numbers)} "
        f"{session.current().unit}."
    )


def show_estimates(model: BoundModel, image: BoundImage) -> None:
    """A model without a plane: estimates, and the integral where there is one."""
    dimensions, unit = model.checkpoint.model.latent_dim, session.current().unit
    if dimensions == 1:
        said = "This model has one latent dimension, so that there is no plane to draw, but log p(x) is exact."
    else:
        said = (
            f"This model has {dimensions} latent dimensions. Quadrature needs D ≤ 2, and so log p(x) is only bounded "
            f"here, by {bound.DRAWS:,} draws each."
        )
    said += " What is drawn is low on average. The scatter of the draws does not say by how much."
    st.html(f'<div class="latent-said">{said}</div>')
    with st.spinner("Sampling …"):
        estimates = bound.estimate(model.checkpoint, image.pixels, image.label)
    drawn = {
        "ELBO": ("ELBO", estimates.elbo),
        f"IW of {bound.DRAWS:,} draws": ("IW", estimates.importance),
        "simple Monte Carlo": ("simple Monte Carlo", estimates.simple_monte_carlo),
    }
    terms = [
        ("", Part(name, nats, term=known), f"its draws scatter by {bars.number(error, unit)} {unit}")
        for name, (known, (nats, error)) in drawn.items()
    ]
    if estimates.log_px is not None:
        nats, error = estimates.log_px
        known = "exact, by quadrature"
        if not error <= bound.TOLERANCE_NATS:
            known = f"by quadrature, not settled, ± {bars.number(error, unit)} {unit}"
        terms.insert(0, ("", Part("log p(x)", nats, "exact", "log p(x)"), known))
    with st.container(horizontal=True):
        st.html(images.img(image.pixels, SCALE, "the image"), width="content")
        st.html(bars.equation(terms, unit))
