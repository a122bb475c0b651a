"""Laws of what is read of pictures as people make them: nothing beside the digit changes it, or a word is said."""

import numpy as np
import pytest
import torch
from chromium import ROOT
from disturbed import DISTURBANCES, clean, digits, grey, pen
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vae import classifier
from vae.images.mnist_form import already_fitted, form_of
from vae.images.tensors import to_pixels

TOLD = {"thin_frame", "thick_frame", "cell", "desk", "scanner_edge", "rules", "tilted_rules", "squares"}


def box(form):
    """The first and last row and column of what weighs."""
    rows, columns = np.nonzero(form >= 0.15 * 255)
    return np.array([rows.min(), rows.max(), columns.min(), columns.max()])


def trimmed(image):
    """An image without what is empty around its ink."""
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def centre(form):
    rows, columns = np.indices(form.shape)
    return np.array([np.average(rows, weights=form), np.average(columns, weights=form)])


@pytest.fixture(scope="module")
def pens(mnist):
    """The ink of twelve real digits, enlarged with smooth edges."""
    images = mnist.test_images.numpy()
    return [pen(images[index]) for index in digits(images, mnist.test_labels.numpy())]


@pytest.fixture(scope="module")
def clean_forms(pens):
    return [form_of(grey(clean(ink))) for ink in pens]


@pytest.fixture(scope="module")
def read_classes():
    """Gives the classes (N,) that the classifier, which was trained on real images, sees in forms."""
    reader = classifier.of_dataset(ROOT / "checkpoints", "mnist")

    @torch.inference_mode()
    def classes(forms):
        return reader(to_pixels(torch.from_numpy(np.stack(forms)))).argmax(1).numpy()

    return classes


@pytest.fixture(scope="module")
def clean_classes(clean_forms, read_classes):
    return read_classes([form.image for form in clean_forms])


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
@pytest.mark.mnist
def test_nothing_is_said_of_a_clean_picture(clean_forms):
    assert all(form.alone and form.clear for form in clean_forms)


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
@pytest.mark.mnist
@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_disturbed_picture_is_read_as_the_clean_one(name, pens, clean_forms, clean_classes, read_classes):
    """Each disturbance of four of the digits, in turn, so that all have been through a third of them."""
    which = (np.arange(4) * 3 + list(DISTURBANCES).index(name)) % len(pens)
    pictures = [grey(DISTURBANCES[name](pens[index], np.random.default_rng(index))) for index in which]
    forms = [form_of(picture) for picture in pictures]
    for form, index in zip(forms, which, strict=True):
        expected = clean_forms[index].image
        assert np.abs(box(form.image) - box(expected)).max() <= 2
        assert np.abs(centre(form.image) - centre(expected)).max() <= 2
        assert not form.alone or name not in TOLD
    classes = read_classes([form.image for form in forms])
    assert (classes == clean_classes[which]).all()


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
@pytest.mark.mnist
def test_what_may_be_read_wrongly_is_told(pens):
    one, seven, eight = (grey(clean(pens[digit])) for digit in (1, 7, 8))
    assert not form_of(np.concatenate([one, seven], axis=1)).alone
    assert not form_of(np.concatenate([seven[:, 40:], eight[:, 40:240]], axis=1)).alone
    light = np.clip((np.arange(280) - 100) / 80, 0, 1) / 2 + 0.5  # the shadow of a hand
    shadowed = form_of(grey(clean(pens[5]) * light))
    assert not (shadowed.alone and shadowed.clear)
    across = np.hypot(*(np.mgrid[:280, :280] - 139.5))
    for digit in (2, 5, 6):  # on a round sheet
        small = np.pad(clean(pens[digit])[::2, ::2], 70, constant_values=245)
        told = form_of(grey(np.where(across < 84, small, 90)))
        assert not (told.alone and told.clear)
    rng = np.random.default_rng(0)
    assert not form_of(grey(240 + rng.normal(0, 5, (200, 200)))).clear  # a blank scan


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
def test_two_digits_are_two_also_where_they_fill_the_box_of_one(mnist):
    """What has a box of 20 pixels already is not fitted again, but looked at all the same."""
    images = mnist.test_images.numpy()
    for one, other in zip(images[:6], images[20:26], strict=True):
        left, right = (trimmed(image[::2, ::2]) for image in (one, other))
        picture = np.zeros((32, 44), np.uint8)
        picture[8 : 8 + len(left), 8 : 8 + left.shape[1]] = left
        picture[8 : 8 + len(right), 28 - right.shape[1] : 28] = right
        assert already_fitted(picture) is not None
        for enlarged in (1, 5):
            assert not form_of(np.kron(picture, np.ones((enlarged, enlarged), np.uint8))).alone


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
def test_one_line_is_a_digit_and_many_are_paper():
    for height, first in [(200, 20), (200, 0)]:
        image = np.full((height, 100), 255, dtype=np.uint8)
        image[first : height - first, 50] = 0
        assert (form_of(image).image > 127).sum() == 20
    ruled = np.full((280, 280), 245, dtype=np.uint8)
    ruled[20::40] = 120
    with pytest.raises(ValueError, match="empty"):
        form_of(ruled)


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
@pytest.mark.mnist
@pytest.mark.parametrize("digit", range(10))
def test_margins_do_not_matter(digit, pens, clean_forms):
    """A tight crop, whose strokes touch all sides, is read as well as a tiny digit in a large sheet."""
    ink = pens[digit]
    rows, columns = np.nonzero(ink > 0.15)
    tight = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    tiny = np.zeros((900, 700))
    tiny[600:656, 100:156] = ink.reshape(56, 5, 56, 5).mean(axis=(1, 3))
    for picture in (tight, tiny):
        form = form_of(grey(clean(picture))).image
        assert np.abs(box(form) - box(clean_forms[digit].image)).max() <= 2
        assert np.abs(centre(form) - centre(clean_forms[digit].image)).max() <= 2


def form_if_any(image):
    """None of an image that is refused as empty; any other error is one."""
    try:
        return form_of(image).image
    except ValueError as error:
        if "the image is empty" not in str(error):
            raise
        return None


@pytest.mark.fault("what lay beside the digit in a picture was read as the digit")
@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 60), st.integers(1, 60)),
        elements=st.integers(0, 255),
        fill=st.sampled_from([0, 7, 128, 255]),
    )
)
def test_any_picture_has_a_form_or_is_empty(image):
    form = form_if_any(image)
    if form is not None:
        assert (form.shape, form.dtype, form.max()) == ((28, 28), np.uint8, 255)
