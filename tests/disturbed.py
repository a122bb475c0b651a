"""Pictures of twelve real digits as people make them: clean ones, and the ways in which they are disturbed."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

CLEAN = 280  # pixels of a clean picture's side, ten for each of MNIST's
PAPER, PEN = 245.0, 25.0

Disturb = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def digits(images: np.ndarray, labels: np.ndarray) -> list[int]:
    """Which test images: the first of each class, and then the next ones, twelve in all."""
    first = [int(np.flatnonzero(labels == label)[0]) for label in range(10)]
    return first + [index for index in range(len(images)) if index not in first][:2]


def pen(image: np.ndarray) -> np.ndarray:
    """How much of each pixel of the large picture is ink, in [0, 1]: the digit enlarged with smooth edges."""
    large = Image.fromarray(image).resize((CLEAN, CLEAN), Image.Resampling.BICUBIC)
    return np.asarray(large) / 255


def clean(ink: np.ndarray) -> np.ndarray:
    """Dark on light, as floats that a disturbance goes on from."""
    return PAPER + (PEN - PAPER) * ink


def grey(picture: np.ndarray) -> np.ndarray:
    return picture.round().clip(0, 255).astype(np.uint8)


def one_level(ink, rng):
    picture = clean(ink)
    picture[3, 5] -= 1
    return picture


def specks(ink, rng):
    picture = clean(ink)
    for row, column in rng.integers(4, CLEAN - 8, (12, 2)):
        picture[row : row + 3, column : column + 3] = 60
    return picture


def pepper(ink, rng):
    picture = clean(ink)
    hit = rng.random(picture.shape)
    picture[hit < 0.015] = 0
    picture[hit > 0.985] = 255
    return picture


def noise(ink, rng):
    return clean(ink) + 10 + rng.normal(0, 12, ink.shape)


def strong_noise(ink, rng):
    return clean(ink) + rng.normal(0, 30, ink.shape)


def jpeg(ink, rng):
    file = io.BytesIO()
    Image.fromarray(grey(clean(ink))).save(file, "jpeg", quality=20)
    return np.asarray(Image.open(file)).astype(float)


def rules(ink, rng):
    picture = clean(ink)
    for row in range(20, CLEAN, 40):
        picture[row : row + 2] = np.minimum(picture[row : row + 2], 120)
    return picture


def tilted_rules(ink, rng):
    picture = clean(ink)
    down = np.arange(CLEAN)[:, None] - 0.02 * np.arange(CLEAN)
    return np.minimum(picture, np.where(np.abs((down + 13) % 45 - 22) < 1.2, 110, 255))


def squares(ink, rng):
    picture = clean(ink)
    for at in range(15, CLEAN, 30):
        picture[at : at + 1] = np.minimum(picture[at : at + 1], 150)
        picture[:, at : at + 1] = np.minimum(picture[:, at : at + 1], 150)
    return picture


def thin_frame(ink, rng):
    picture = clean(ink)
    picture[[0, -1]] = picture[:, [0, -1]] = 0
    return picture


def thick_frame(ink, rng):
    return np.pad(clean(ink), 30, constant_values=20)


def cell(ink, rng):
    return np.pad(np.pad(clean(ink), 3, constant_values=30), 20, constant_values=PAPER)


def dark_corner(ink, rng):
    down, across = np.mgrid[:CLEAN, :CLEAN]
    return clean(ink) * np.clip((down + across) / 90, 0.1, 1)


def vignette(ink, rng):
    down, across = np.mgrid[:CLEAN, :CLEAN] / CLEAN - 0.5
    return clean(ink) * (1 - 1.2 * (down**2 + across**2))


def scanner_edge(ink, rng):
    picture = clean(ink)
    picture[:, -14:] = 8
    return picture


def crumbs(ink, rng):
    picture = np.pad(clean(ink), 60, constant_values=PAPER)
    for row, column in [(20, 30), (360, 90), (40, 350), (370, 380)]:
        picture[row : row + 14, column : column + 11] = 70
    return picture


def desk(ink, rng):
    sheet = Image.fromarray(np.pad(grey(clean(ink)), 20, constant_values=int(PAPER))).convert("RGBA")
    turned = np.asarray(sheet.rotate(7, Image.Resampling.BILINEAR, expand=True)).astype(float)
    opaque = turned[..., 3] / 255
    wood = 90 + 12 * np.sin(np.arange(480) / 9)[:, None] + rng.normal(0, 5, (480, 480))
    top, left = (480 - opaque.shape[0]) // 2, (480 - opaque.shape[1]) // 2
    part = wood[top : top + opaque.shape[0], left : left + opaque.shape[1]]
    part += opaque * (turned[..., 0] - part)
    return wood


def shade(ink, rng):
    light = np.add.outer(np.linspace(0.55, 0.9, CLEAN), np.linspace(0, 0.1, CLEAN))
    return clean(ink) * light + rng.normal(0, 3, ink.shape)


def inverted(ink, rng):
    return 255 - clean(ink)


def inverted_frame(ink, rng):
    return 255 - thin_frame(ink, rng)


def margins(ink, rng):
    return np.pad(clean(ink), ((40, 400), (300, 20)), constant_values=PAPER)


def low_contrast(ink, rng):
    return 180 - 30 * ink


def faint(ink, rng):
    return 128 - 10 * ink


def faint_with_speck(ink, rng):
    picture = low_contrast(ink, rng)
    picture[12:15, 250:253] = 0
    return picture


DISTURBANCES: dict[str, Disturb] = {
    each.__name__: each
    for each in (
        *(one_level, specks, pepper, noise, strong_noise, jpeg, rules, tilted_rules, squares, thin_frame, thick_frame),
        *(cell, dark_corner, vignette, scanner_edge, crumbs, desk, shade, inverted, inverted_frame, margins),
        *(low_contrast, faint, faint_with_speck),
    )
}
