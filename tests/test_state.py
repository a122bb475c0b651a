"""Laws of the state and its URL, and of what a browser may send to change it."""

import dataclasses
import importlib
import math
import re
import zlib
from base64 import b64encode, urlsafe_b64encode

import numpy as np
import pytest
import streamlit
from hypothesis import given, settings
from hypothesis import strategies as some

from explorer import session, state
from explorer.state import ExplorerState, from_query, to_query

CHOSEN = ExplorerState(
    left="vae", right="vae-25", label_left=0, z1_left=-3.125, z2_left=0.0, sampling=True,
    sample_from="codes", sample_pixels="draw", manifold=True, prior=False, path="geodesic",
    snap=False, image_a=9999, b1_right=12.5, b2_right=-1e12, style="cvae-best", label=9, seed=2**31 - 1,
    bound_model="family", sigma=0.1, image_bound=0, z1_bound=-0.5, unit="bits",
    training="mine", train_dataset="kmnist", train_model="cvae", train_sigma=0.125, train_beta=0.0, train_epochs=10_000,
    train_batch_size=1,
    drawing=state.packed(bytes([0, 7] * 392)), label_drawing=3, drawn_bound=True,
    replay_left="vae", z2_replay_right=0.25, epoch=0.031983, fit=False,
)  # fmt: skip
FIELDS = state.FIELDS
PARSERS = {name: field.metadata["parse"] for name, field in FIELDS.items()}
COORDINATES = [name for name, parser in PARSERS.items() if parser is state.coordinate]
NAMES = [name for name, parser in PARSERS.items() if parser is state.checkpoint_name]
FORMER = {field.metadata["former"]: name for name, field in FIELDS.items() if field.metadata["former"]}
CHOICES = {name: field.metadata["choices"] for name, field in FIELDS.items() if "choices" in field.metadata}
PAGES = ("maps", "interpolate", "classes", "bound", "draw", "replay")
TRIES = settings(max_examples=100, deadline=None)


def chosen_of(name):
    """Values that a field of the state may have."""
    if name in COORDINATES:
        return some.none() | some.floats(-1e12, 1e12).map(state.coordinate)
    if name in CHOICES:
        return some.sampled_from(CHOICES[name])
    if name in NAMES:
        return some.from_regex(re.compile(state.NAME, re.ASCII), fullmatch=True) | some.just(FIELDS[name].default)
    if isinstance(FIELDS[name].default, bool):
        return some.booleans()
    if name == "drawing":
        return (
            some.binary(min_size=784, max_size=784).map(lambda noise: bytes(noise[:40] + bytes(744))).map(state.packed)
        )
    if name == "erased":
        return some.binary(min_size=784, max_size=784).map(state.packed).map(state.mask)
    if name == "epoch":
        return some.floats(0, 1e4).map(state.epoch)
    if name == "sigma":
        return some.none() | some.floats(0, 1e4, exclude_min=True)
    if "limits" in FIELDS[name].metadata:
        least, most = state.limits(name)
        return some.integers(least, most) if isinstance(least, int) else some.floats(least, most)
    if name == "label_drawing":
        return some.none() | some.integers(0, 9)
    return some.integers(0, 2**31 - 1 if name == "seed" else 999_999 if name.startswith("image") else 9)


STATES = some.builds(ExplorerState, **{name: chosen_of(name) for name in FIELDS})
WORDS = some.text(max_size=40) | some.sampled_from(
    [
        "",
        "nan",
        "inf",
        "-inf",
        "1e9",
        "-1e13",
        "1e400",
        "../x",
        "<b>",
        "-1",
        "1.5",
        "\x00",
        "9" * 5000,
        "0x10",
        "1_0",
        "٣",
    ]
)


def assert_valid(chosen):
    for name in COORDINATES:
        value = getattr(chosen, name)
        assert value is None or (math.isfinite(value) and abs(value) <= 1e12), name
    for name in NAMES:
        value = getattr(chosen, name)
        assert value == FIELDS[name].default or re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,39}", value), name
    for name, field in FIELDS.items():
        value = getattr(chosen, name)
        assert value is None or field.default is None or type(value) is type(field.default), name
        assert value in CHOICES.get(name, (value,)), name
    assert len(state.unpacked(chosen.drawing)) == 784
    assert from_query(to_query(chosen)) == chosen


@pytest.mark.parametrize("chosen", [ExplorerState(), CHOSEN])
def test_a_link_reopens_the_same_view(chosen):
    assert from_query(to_query(chosen)) == chosen


@TRIES
@given(STATES)
def test_a_link_reopens_every_view(chosen):
    assert_valid(chosen)


@pytest.mark.fault("junk in an address or from a browser reached a page")
@TRIES
@given(some.dictionaries(some.sampled_from([*FIELDS, "unknown"]), WORDS, max_size=30))
def test_every_link_opens_a_view_in_which_what_is_junk_has_its_default(query):
    read = from_query({**query, "label": "3"})
    assert read.label == 3
    assert_valid(read)
    untouched = dataclasses.replace(read, **{name: FIELDS[name].default for name in query if name in FIELDS})
    assert untouched == ExplorerState(label=FIELDS["label"].default if "label" in query else 3)


def test_the_default_view_has_a_bare_url():
    assert to_query(ExplorerState()) == {}


@TRIES
@given(STATES)
def test_a_link_with_former_names_opens_the_same_view(chosen):
    query, now = to_query(chosen), {name: former for former, name in FORMER.items()}
    assert from_query({now.get(name, name): value for name, value in query.items()}) == chosen


def test_where_a_link_has_both_names_of_a_field_the_name_of_today_counts():
    assert from_query({"digit": "3", "label": "4", "bound_model": "cvae", "bound": "vae-best"}) == ExplorerState(
        label=4, bound_model="cvae"
    )
    assert from_query({"train_network": "seed"}) == from_query({"train_network": "tutorial"})


def test_the_points_of_a_plane_are_coordinates_that_name_the_model_of_the_plane():
    assert {name for model in FIELDS for name in state.plane(model)} == set(COORDINATES)
    assert state.plane("middle") == ("z1_middle", "z2_middle")
    assert len(state.plane("left")) == 6


@pytest.mark.fault("coordinates had one scale, whatever that of the codes")
@TRIES
@given(some.floats(-1e12, 1e12).map(np.float32).map(float).filter(lambda code: abs(code) <= 1e12))
def test_a_code_is_its_coordinates(code):
    assert np.float32(state.coordinate(code)) == np.float32(code)
    assert state.coordinate(state.coordinate(code)) == state.coordinate(code)


@TRIES
@given(some.integers(-(10**7), 10**7))
def test_a_link_of_three_decimals_reads_as_it_always_did(thousandths):
    assert from_query({"z1_left": f"{thousandths / 1000:.3f}"}).z1_left == thousandths / 1000


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.1e12, -1e13, "x", None, [1], 10**400])
def test_what_is_no_coordinate_is_refused(value):
    with pytest.raises(ValueError, match=r"coordinate|number|string"):
        state.coordinate(value)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=12),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
LIKELY = some.fixed_dictionaries(
    {},
    optional={
        "side": some.sampled_from(["left", "middle", "right", "up"]) | JSON,
        "end": some.sampled_from("abc") | JSON,
        "z": some.lists(some.floats() | JSON, min_size=1, max_size=3) | JSON,
        **dict.fromkeys(["image", "label", "morph"], some.integers(-3, 12) | JSON),
        "epoch": some.floats() | JSON,
        "source": some.sampled_from(["prior", "codes", "ae"]) | JSON,
        "pixels": some.sampled_from(["mean", "draw", ""]) | JSON,
        "seed": some.integers(-1, 2**31) | JSON,
        "form": some.sampled_from([b64encode(bytes([9] * 784)).decode(), "AAAA", "", "not base 64!"]) | JSON,
    },
)


@pytest.mark.fault("junk in an address or from a browser reached a page")
@pytest.mark.parametrize("page", [*PAGES, "samples"])
@TRIES
@given(picks=some.lists(JSON | LIKELY, max_size=4))
def test_whatever_a_browser_sends_the_view_stays_valid(page, picks):
    view = importlib.import_module(f"explorer.views.{page}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamlit, "session_state", {})
        patch.setattr(streamlit, "query_params", {})
        for value in picks:
            view.picked(value)
        assert_valid(session.current())


def test_a_drawing_fits_in_a_url_and_comes_back():
    pixels = bytes(max(0, 255 - (i % 28 - i // 28) ** 2 * 9) for i in range(784))
    word = state.packed(pixels)
    assert state.unpacked(word) == pixels
    assert len(word) < 500
    assert state.unpacked(state.packed(bytes(784))) == bytes(784)


@pytest.mark.parametrize("size", [783, 785, 10**6])
def test_no_word_unpacks_to_anything_but_an_image(size):
    word = urlsafe_b64encode(zlib.compress(bytes(size), 9, wbits=-15)).decode().rstrip("=")
    with pytest.raises(ValueError, match="not a drawing"):
        state.unpacked(word)
    with pytest.raises(ValueError, match="784"):
        state.packed(bytes(size))
