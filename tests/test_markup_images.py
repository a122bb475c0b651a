"""Laws of pictures: no grey level is lost, pixels are enlarged whole, text is escaped."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from explorer.markup import images

IMAGES = np.random.default_rng(0).integers(0, 256, size=(6, 28, 28), dtype=np.uint8)


def test_a_png_keeps_every_grey_level():
    assert (np.asarray(Image.open(io.BytesIO(images.png(IMAGES[0])))) == IMAGES[0]).all()


def test_a_webp_keeps_every_grey_level():
    assert (np.asarray(Image.open(io.BytesIO(images.webp(IMAGES[0]))).convert("L")) == IMAGES[0]).all()


def test_a_png_is_enlarged_by_whole_pixels():
    large = np.asarray(Image.open(io.BytesIO(images.png(IMAGES[0], 7))))
    assert (large == np.kron(IMAGES[0], np.ones((7, 7), np.uint8))).all()


def test_a_gif_plays_all_frames_enlarged():
    film = Image.open(io.BytesIO(images.gif(IMAGES, 3, 20)))
    frames = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == len(IMAGES)
    for frame, image in zip(frames, IMAGES, strict=True):
        assert (frame[1::3, 1::3] == image).all()
        assert (frame[::3] == frame[2::3]).all()


def test_a_digit_says_what_it_is_and_escapes_it():
    html = images.img(IMAGES[0], 2, '"><script>')
    assert 'width="56"' in html
    assert "<script>" not in html


def file_of(image, kind, **how):
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def test_an_image_of_any_depth_reads_as_its_grey_levels():
    grey = Image.fromarray(IMAGES[0])
    deep = Image.fromarray(IMAGES[0].astype(np.uint16) * 257)
    for image in (grey, grey.convert("RGB"), grey.convert("RGBA"), deep):
        assert np.abs(images.read(file_of(image, "png")).astype(int) - IMAGES[0]).max() <= 1


@pytest.mark.parametrize(("pen", "paper"), [(0, 255), (255, 0)])
def test_what_is_transparent_is_the_paper_of_the_pen(pen, paper):
    opacity = np.zeros((28, 28), dtype=np.uint8)
    opacity[5:9, 3:20] = 255
    image = Image.merge("LA", [Image.fromarray(np.full((28, 28), pen, np.uint8)), Image.fromarray(opacity)])
    read = images.read(file_of(image, "png"))
    assert (read == np.where(opacity, pen, paper)).all()


def test_a_photograph_is_turned_as_the_camera_says_and_made_smaller():
    image = np.zeros((1500, 3000), dtype=np.uint8)
    image[:700] = 255  # the upper half, that is to be on the right
    turned = Image.Exif()
    turned[0x0112] = 6
    read = images.read(file_of(Image.fromarray(image), "jpeg", exif=turned))
    assert max(read.shape) <= images.LONGEST
    assert read.shape[0] > read.shape[1]
    assert read[:, -50:].mean() > 250
    assert read[:, :50].mean() < 5


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(50), b"%PDF-1.7"])
def test_what_is_no_image_is_refused_in_one_sentence(content):
    with pytest.raises(ValueError, match="not an image in a format that can be read"):
        images.read(content)


def test_a_sheet_holds_every_image_in_its_place():
    sheet = images.sheet(IMAGES, 4)
    assert sheet.shape == (56, 112)
    for i, image in enumerate(IMAGES):
        top, left = 28 * (i // 4), 28 * (i % 4)
        assert (sheet[top : top + 28, left : left + 28] == image).all()
