"""Laws of pictures: no grey level is lost, pixels are enlarged whole, text is escaped."""

import io

import numpy as np
from PIL import Image, ImageSequence

import pictures

IMAGES = np.random.default_rng(0).integers(0, 256, size=(6, 28, 28), dtype=np.uint8)


def test_a_png_keeps_every_grey_level():
    assert (np.asarray(Image.open(io.BytesIO(pictures.png(IMAGES[0])))) == IMAGES[0]).all()


def test_a_gif_plays_all_frames_enlarged():
    film = Image.open(io.BytesIO(pictures.gif(IMAGES, 3, 20)))
    frames = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == len(IMAGES)
    for frame, image in zip(frames, IMAGES, strict=True):
        assert (frame[1::3, 1::3] == image).all()
        assert (frame[::3] == frame[2::3]).all()


def test_a_digit_says_what_it_is_and_escapes_it():
    html = pictures.digit(IMAGES[0], 2, '"><script>')
    assert 'width="56"' in html
    assert "<script>" not in html
