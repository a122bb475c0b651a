"""Laws of MNIST's form."""

import math

import numpy as np
import pytest

from vae.images.mnist_form import CENTRE, mnist_form, place


def drawn(height=150, width=90, at=(40, 30), size=(300, 300)):
    """A slanted, hooked stroke of no symmetry, light on dark, (300, 300) uint8, with soft edges."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    image = np.zeros(size)
    for t in np.linspace(0, 1, 200):
        r = at[0] + height * t
        c = at[1] + width * (0.5 + 0.5 * math.cos(4 * t) * (1 - 0.6 * t))
        image = np.maximum(image, np.clip(9 - np.hypot(rows - r, columns - c), 0, 1))
    return (255 * image).astype(np.uint8)


@pytest.mark.mnist
def test_the_form_of_an_mnist_image_is_itself(mnist):
    """9,997 of 10,000 to within one grey level; the others are 19 pixels long."""
    images = mnist.test_images.numpy()
    moved = np.array([np.abs(mnist_form(image).astype(int) - image).max() for image in images])
    assert (moved > 1).sum() == 3
    assert (moved == 0).mean() > 0.89


@pytest.mark.mnist
def test_it_is_read_back_from_any_whole_enlargement_dark_or_light_and_from_any_place(mnist):
    rng = np.random.default_rng(0)
    for image in mnist.test_images[:60].numpy():
        form = mnist_form(image)
        factor = rng.integers(2, 12)
        large = np.pad(image.repeat(factor, 0).repeat(factor, 1), rng.integers(0, 90, (2, 2)))
        assert (mnist_form(large) == form).all()
        assert (mnist_form(255 - large) == form).all()
        faint = (70 + 0.4 * (255.0 - large)).astype(np.uint8)
        assert np.abs(mnist_form(faint).astype(int) - form).max() <= 3


def test_the_form_of_a_form_is_itself():
    for height, width in [(200, 20), (30, 160), (150, 90), (20, 9), (260, 250)]:
        form = mnist_form(drawn(height, width, at=(20, 25)))
        assert (mnist_form(form) == form).all()


def test_it_has_the_box_the_centre_and_the_peak_of_mnist():
    for height, width in [(200, 20), (30, 160), (150, 90)]:
        form = mnist_form(drawn(height, width)).astype(float)
        box = [np.flatnonzero(form.any(axis=axis)) for axis in (1, 0)]
        assert max(inside[-1] - inside[0] + 1 for inside in box) == 20
        for axis in (0, 1):
            middle = form.sum(axis=1 - axis) @ (np.arange(28) + 0.5) / form.sum()
            assert CENTRE <= middle < CENTRE + 1
        assert form.max() == 255


def test_neither_place_nor_margin_matters():
    form = mnist_form(drawn())
    for at, size in [((10, 12), (170, 120)), ((99, 150), (300, 300)), ((40, 30), (512, 333))]:
        assert (mnist_form(drawn(at=at, size=size)) == form).all()


def test_size_hardly_matters():
    large = np.zeros((900, 900), dtype=np.uint8)
    large[:900, :900] = drawn().repeat(3, 0).repeat(3, 1)
    shrunk = drawn().reshape(150, 2, 150, 2).mean(axis=(1, 3)).astype(np.uint8)
    form = mnist_form(drawn()).astype(int)
    assert (mnist_form(large) == form).all()
    assert np.abs(mnist_form(shrunk).astype(int) - form).mean() < 4


def test_the_aspect_is_kept():
    image = np.zeros((400, 400), dtype=np.uint8)
    image[50:350, 100:205] = 255  # 20 : 7
    form = mnist_form(image)
    assert (form > 127).sum() == 20 * 7
    assert form.any(axis=0).sum() == 7


def test_one_sided_ink_stops_at_the_edge():
    values = np.full((20, 20), 1e-3)
    values[:, 0] = 1
    form = place(values)
    assert np.flatnonzero(form[4] == 255).tolist() == [28 - 20]


@pytest.mark.mnist
def test_a_photograph_is_read_in_spite_of_shade_and_noise(mnist):
    rng = np.random.default_rng(0)
    shade = np.add.outer(np.linspace(150, 200, 336), np.linspace(0, 25, 336))
    alike = []
    for image in mnist.test_images[:20].numpy():
        pen = image.repeat(12, 0).repeat(12, 1) / 255
        photograph = shade * (1 - 0.85 * pen) + rng.normal(0, 4, shade.shape)
        read = mnist_form(photograph.clip(0, 255).astype(np.uint8)).astype(float)
        shifts = [np.roll(read, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        alike.append(max(np.corrcoef(each.ravel(), image.ravel())[0, 1] for each in shifts))
    assert np.median(alike) > 0.98
    assert min(alike) > 0.9


@pytest.mark.parametrize("image", [np.zeros((28, 28)), np.zeros((28, 28, 3), np.uint8), np.zeros((0, 5), np.uint8)])
def test_what_is_no_grey_image_is_refused(image):
    with pytest.raises(ValueError, match=r"\(H, W\) uint8"):
        mnist_form(image)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_image_without_ink_says_so(grey):
    with pytest.raises(ValueError, match="empty"):
        mnist_form(np.full((50, 60), grey, dtype=np.uint8))
