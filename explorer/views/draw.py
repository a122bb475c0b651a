"""Draw: a drawn digit, its code on both maps while the pen moves, and the same style in all ten digits."""

import base64
import random
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile

from explorer import browser, session
from explorer.browser import payloads
from explorer.cache import checkpoints, results
from explorer.cache.checkpoints import Resource
from explorer.cache.results import Blob
from explorer.markup import images, terms
from explorer.memory import memory
from explorer.quantities import own_image
from explorer.state import Side, coordinate, packed, unpacked, whole
from explorer.views import export_menu, parts
from explorer.views.export_menu import File, image_file
from explorer.views.likelihood import likelihood

HELP = "Draw: the code of your drawing moves on both maps as the pen moves."
SIDES: tuple[Side, Side] = ("left", "right")
PAD = 280
NOT_ALONE = "Something else is in the picture."
NOT_CLEAR = "The digit is hard to make out in this picture."
CHECK = "The small image shows what was read. If that is wrong, crop the picture closer to the digit."
MEGABYTES = 20


def render() -> None:
    """Draw the page."""
    head = parts.first_line(HELP)
    with head:
        parts.offer_complete("What is not drawn is unknown, not paper: see what your strokes may become")
        parts.offer_shapes()
    with st.container(key="draw_top", horizontal=True, wrap=False):
        left, right = st.container(width=PAD, gap="xsmall", key="draw_pen"), st.container(gap="xsmall")
    left.empty()  # or the container took no room until the pad comes, and the maps stood in its place
    with right:
        shown, places = parts.show_maps("draw", SIDES)
        for side in shown:
            with places[side], st.container(key=f"evidence_{side}"):
                browser.bridge("draw", payloads.DrawPart(part=side), part=f"_{side}")
    style = show_ten()
    with left:
        show_pad(shown, style)
    if shown:
        with head:
            export_menu.offer(partial(offer_files, shown))


def picked(value: Any) -> None:
    """Take the drawing and the class asked for from the browser; anything else is dropped."""
    try:
        asked = value["label"]
        word = packed(base64.b64decode(value["form"], validate=True) or bytes(28 * 28))
        session.update(drawing=word, label_drawing=None if asked is None else whole(10)(asked))
    except (KeyError, TypeError, ValueError):
        return
    if not word:
        session.update(drawn_bound=False)
    memory().drawing_problem = ""


def pixels() -> bytes | None:
    """The 784 grey levels of the drawing, or None where there is none."""
    word = session.current().drawing
    return unpacked(word) if word else None


def show_ten() -> Resource | None:
    """The row of ten digits in the drawing's style, and the choice of the model that has styles."""
    names = checkpoints.checkpoint_names("cvae")
    if not names:
        return None
    with st.container(horizontal=True, key="draw_style", wrap=False):
        with st.container(width=PAD, gap="xsmall", key="draw_note"):
            st.html(f'<div class="latent-heading">Your {terms.term("style")} in every class</div>')
            style = parts.choose("style", names)
            browser.bridge("draw", {"part": "note"}, part="_note")
        if style:
            browser.bridge("draw", {"part": "ten"}, part="_ten")
    return style


def offer_files(shown: dict[Side, Resource]) -> None:
    """The files of each map, and the drawing."""
    levels = pixels()
    files: dict[str, list[File]] = {f"draw_{side}": [] for side in shown}
    if levels:
        drawing = partial(image_file, partial(own_image.as_image, levels))
        files[f"draw_{next(iter(shown))}"].append(File("drawing", "drawing.png", drawing))
    export_menu.offer_maps({f"draw_{side}": each for side, each in shown.items()}, "drawing", files)


@session.fragment
def show_pad(shown: dict[Side, Resource], style: Resource | None) -> None:
    """The pad, and what the server computes once the pen is lifted."""
    if style:
        parts.keep_below("label_drawing", style.checkpoint.model.classes, otherwise=None)
    state, levels = session.current(), pixels()
    used = {resource.checkpoint.name: resource for resource in [*shown.values(), style] if resource}
    blobs: list[Blob | Resource | None] = [
        *map(results.encoder, used),
        *(results.test_sheet(each.checkpoint) for each in shown.values()),
    ]
    if style and style.id not in {resource.id for resource in shown.values()}:
        blobs.append(style)
    browser.banks({blob.id: blob.blob for blob in blobs if blob})
    pad = payloads.DrawPad(
        part="pad",
        loaded=memory().drawings_loaded + session.visit(),
        form=base64.b64encode(levels or b"").decode(),
        asked=state.label_drawing,
        complete=state.complete,
        prior=state.prior,
        sides={side: side_payload(side, resource, levels) for side, resource in shown.items()},
        style=style and style_payload(style),
        classes=drawn_classes(style, levels) if style and levels else None,
    )
    browser.bridge("draw", pad, picked, part="_pad")
    with st.container(horizontal=True, gap="xxsmall", key="draw_load"):
        offer_upload()
        offer_example(list(used.values()))
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="draw_send"):
        offer_pages(shown, style, levels)
    doubt = memory().drawing_doubt.get(state.drawing)
    if memory().drawing_problem:
        st.error(memory().drawing_problem)
    elif levels and doubt:
        st.caption(f"{doubt} {CHECK}")


def side_payload(side: Side, resource: Resource, levels: bytes | None) -> payloads.DrawSide:
    """What one map's controller needs: the encoder, or the code where the browser cannot encode."""
    encoder, label = results.encoder(resource.checkpoint.name), getattr(session.current(), f"label_{side}")
    known = likelihood(resource)
    data = payloads.DrawSide(
        bank=resource.id,
        encoder=encoder and encoder.id,
        label=label,
        radius=results.radius(resource),
        sheet=getattr(results.test_sheet(resource.checkpoint), "id", None),
        likelihood=known,
    )
    if levels and not encoder and not known:
        reading = results.own_code(resource, levels, label)
        data["code"], data["q"] = reading.code, reading.q and payloads.Normal(**reading.q._asdict())
    return data


def style_payload(style: Resource) -> payloads.DrawStyle:
    """The conditional model, and the likelihood under which the browser finds the class."""
    encoder = results.encoder(style.checkpoint.name)
    return payloads.DrawStyle(bank=style.id, encoder=encoder and encoder.id, likelihood=likelihood(style))


def drawn_classes(style: Resource, levels: bytes) -> payloads.DrawnClasses | None:
    """The class of the drawing, where the browser cannot find it."""
    if likelihood(style):
        return None
    found = results.classification(style, levels)
    return payloads.DrawnClasses(probabilities=found.probabilities, codes=results.codes_given_classes(style, levels))


# From elsewhere, and to elsewhere


def offer_upload() -> None:
    """A place for an image file."""
    with st.popover("Upload", icon=":material/upload:"):
        st.file_uploader(
            "An image of one digit, dark on light or light on dark",
            key="upload_drawing",
            max_upload_size=MEGABYTES,
            on_change=uploaded,
        )


def uploaded() -> None:
    """Take an uploaded file as the drawing, or say what is wrong with it."""
    file = st.session_state["upload_drawing"]
    if isinstance(file, DeletedFile):  # it was read, and `content_of` removed it
        return
    memory().drawing_problem = ""
    if file is None:
        return
    try:
        form = own_image.in_mnist_form(images.read(content_of(file)))
    except ValueError as error:
        memory().drawing_problem = parts.sentence(error)
        return
    word = load(form.image)
    memory().drawing_doubt = {} if form.alone and form.clear else {word: NOT_CLEAR if form.alone else NOT_ALONE}


def load(image: np.ndarray) -> str:
    """Take an image (28, 28) uint8 as the drawing; gives its word."""
    memory().drawings_loaded += 1
    word = packed(image.tobytes())
    session.update(drawing=word, label_drawing=None)
    return word


def offer_example(models: list[Resource]) -> None:
    """A button that takes a random test image of one of the models as the drawing, if there are any."""
    found = (results.test_images(model.checkpoint) for model in models)
    examples = next((each for each in found if each is not None), None)
    if examples is None:
        return

    def take() -> None:
        memory().drawing_problem = ""
        load(examples[random.randrange(len(examples))])

    st.button("Example", icon=":material/shuffle:", help="A test image as the drawing", on_click=take)


def content_of(file: UploadedFile) -> bytes:
    """The content of an uploaded file, which is then removed from the server, because Streamlit keeps every upload."""
    content = file.getvalue()
    file.truncate(0)
    run = get_script_run_ctx()
    if run and isinstance(run.uploaded_file_mgr, MemoryUploadedFileManager):
        run.uploaded_file_mgr.remove_file(run.session_id, file.file_id)
    return content


def offer_pages(shown: dict[Side, Resource], style: Resource | None, levels: bytes | None) -> None:
    """Buttons that take the drawing to other pages."""
    parts.say("Show it on")
    to_bound = st.button("Bound", help="Its exact posterior, and the gap", disabled=not levels, key="send_bound")
    to_path = {}
    for end in "ab":
        title = f"Interpolate: make it end {end.upper()} on both maps"
        to_path[end] = st.button(f"Path {end.upper()}", help=title, disabled=not levels, key=f"send_{end}")
    if not levels:
        return
    if to_bound:
        asked = session.current().label_drawing
        if asked is None and style:
            asked = int(np.argmax(results.classification(style, levels).probabilities))
        session.update(drawn_bound=True, label_bound=asked or 0)
        session.go("bound")
    for end in (end for end, pressed in to_path.items() if pressed):
        for side, resource in shown.items():
            z = results.own_code(resource, levels, getattr(session.current(), f"label_{side}")).code
            session.update(**{f"{end}{axis}_{side}": coordinate(z[axis - 1]) for axis in (1, 2)})
        session.update(snap=False)
        session.go("interpolate")
