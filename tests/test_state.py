"""Laws of the state and its URL."""

import dataclasses
import zlib
from base64 import urlsafe_b64encode

import pytest

import state
from state import ExplorerState, from_query, to_query

CHOSEN = ExplorerState(
    left="vae", right="vae-25", digit_left=0, z1_left=-3.125, z2_left=0.0, manifold=True, prior=False, path="geodesic",
    snap=False, image_a=9999, b1_right=12.5, b2_right=-1e4, style="cvae-best", digit=9, seed=2**31 - 1,
    bound="family", sigma=0.1, image_bound=0, z1_bound=-0.5, unit="bits",
    job="mine", train_dataset="kmnist", train_model="cvae", train_sigma=0.125, train_beta=0.0, train_epochs=10_000,
    train_batch_size=1,
    drawing=state.packed(bytes([0, 7] * 392)), digit_drawing=3, drawn_bound=True,
    replay_left="vae", z2_replay_right=0.25, epoch=0.031983, fit=False,
)  # fmt: skip


@pytest.mark.parametrize("chosen", [ExplorerState(), CHOSEN])
def test_a_link_reopens_the_same_view(chosen):
    assert from_query(to_query(chosen)) == chosen


def test_the_default_view_has_a_bare_url():
    assert to_query(ExplorerState()) == {}


@pytest.mark.parametrize(
    "junk", ["", "nan", "inf", "-1e9", "../x", "a/b", "<b>", "10", "-1", "1.5", "\x00", "9" * 5000]
)
def test_junk_falls_back_field_by_field(junk):
    names = [field.name for field in dataclasses.fields(ExplorerState)]
    read = from_query({**dict.fromkeys(names, junk), "digit": "3", "unknown": "1"})
    assert read.digit == 3
    assert from_query(to_query(read)) == read
    for name in ("path", "manifold", "left"):
        assert getattr(read, name) in (getattr(ExplorerState(), name), junk)
    for name in ("z1_left", "b2_right"):
        assert getattr(read, name) in (None, 10.0, -1.0, 1.5)


def test_every_field_is_a_widget_the_parsers_know():
    names = {field.name for field in dataclasses.fields(ExplorerState)}
    assert set(state.PARSERS) <= names
    assert all(name[1:2] in "12" for name in names - set(state.PARSERS)), "only coordinates are parsed as coordinates"


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
