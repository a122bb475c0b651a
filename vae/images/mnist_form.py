"""Brings a grey image to the form of MNIST's images, which is the only form that the models have seen.

    ink     how far a pixel of the digit is from the paper towards the pen, see `ink`
    crop    to the smallest box that holds all ink that is not faint
    fit     one scale for both axes makes the box's longer side 20 pixels; a new pixel is the mean over its area
    place   in 28 x 28, moved by whole pixels until the centre of mass is within the pixel (14, 14), counted from 0
    peak    the brightest pixel is 255

MNIST's own images were made in this way, and all of them keep to it: of the 10,000 test images 9,997 are 20 pixels
long, all have their centre of mass in that pixel, and the peak of each is 255 or 254. So they are their own form, to
within one grey level: an image whose box is 20 pixels long already, even if each pixel is enlarged to a square, keeps
that box, down to the weakest ink at its edges.

LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998, section III.A.
"""

import math
from typing import NamedTuple

import numpy as np

from vae.images.ink import FAINT_INK, LEAST_CONTRAST, digit_ink

SIDE = 28
BOX = 20
CENTRE = 14


class Form(NamedTuple):
    """A digit in MNIST's form, and what may be wrong about it."""

    image: np.ndarray  # (28, 28) uint8
    alone: bool  # the picture shows nothing heavy beside the digit
    clear: bool  # it is clearly one digit: made of strokes, and well above its paper


def mnist_form(image: np.ndarray) -> np.ndarray:
    """The image (H, W) uint8 of a digit, of any size, as MNIST would have it: (28, 28) uint8, light on dark.

    What is drawn may be dark on light or light on dark; its place, its size and any margin make no difference. Raises
    ValueError for another shape or type, and for an image without ink.
    """
    image = _own_image(image)
    values = already_fitted(image)
    return place(fit(crop(digit_ink(image).values)) if values is None else values)


def form_of(image: np.ndarray) -> Form:
    """The same, and whether the digit is alone and clear in its picture; raises what `mnist_form` raises."""
    image = _own_image(image)
    values, ink = already_fitted(image), digit_ink(image)
    return Form(place(fit(crop(ink.values)) if values is None else values), ink.alone, ink.clear)


def _own_image(image: np.ndarray) -> np.ndarray:
    """An image in its own pixels; raises ValueError for another shape or type than (H, W) uint8."""
    image = np.asarray(image)
    if image.ndim != 2 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"an image must be (H, W) uint8, got {image.shape} {image.dtype}")
    return own_pixels(image)


def own_pixels(image: np.ndarray) -> np.ndarray:
    """An image (H, W) in its original pixels if each was enlarged to a square of whole size, else as it is."""
    steps = [np.flatnonzero((np.diff(image.astype(int), axis=axis) != 0).any(axis=1 - axis)) + 1 for axis in (0, 1)]
    side = math.gcd(*(int(step - along[0]) for along in steps for step in along[1:]))
    if side < 2:
        return image
    first = [along[0] % side if len(along) else 0 for along in steps]
    rows, columns = (
        np.arange(start - side, length, side).clip(min=0) for start, length in zip(first, image.shape, strict=True)
    )
    return image[np.ix_(rows, columns)]


def already_fitted(image: np.ndarray) -> np.ndarray | None:
    """The box of all ink (h, w) if it is already `BOX` pixels long and lies on paper of one grey, else None."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    paper = np.median(border)
    away = np.abs(image - paper)
    if 2 * (border == paper).sum() < len(border) or away.max() < LEAST_CONTRAST:
        return None
    rows, columns = (np.flatnonzero(away.any(axis=axis)) for axis in (1, 0))
    box = away[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return box if max(box.shape) == BOX else None


def crop(values: np.ndarray) -> np.ndarray:
    """The smallest box of values (H, W) that holds all ink of at least `FAINT_INK` of the peak."""
    counts = values >= FAINT_INK * values.max()
    rows, columns = (np.flatnonzero(counts.any(axis=axis)) for axis in (1, 0))
    return values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def fit(values: np.ndarray) -> np.ndarray:
    """Values (h, w) on a raster on which the longer side is `BOX`, each the mean over the area of its pixel."""
    step = max(values.shape) / BOX
    rows, columns = (_overlaps(length, step) for length in values.shape)
    return rows @ values @ columns.T


def place(values: np.ndarray) -> np.ndarray:
    """Values (h, w), neither above `BOX`, as grey levels (28, 28) uint8 with peak and centre of mass where they belong.

    Where the box would stick out for the sake of its centre of mass, it stops at the edge.
    """
    total = values.sum()
    corner = []
    for axis, length in enumerate(values.shape):
        middle = values.sum(axis=1 - axis) @ (np.arange(length) + 0.5) / total
        corner.append(min(max(CENTRE - math.floor(middle + 1e-9), 0), SIDE - length))
    form = np.zeros((SIDE, SIDE), dtype=np.uint8)
    (top, left), (height, width) = corner, values.shape
    form[top : top + height, left : left + width] = np.floor(255 * values / values.max() + 0.5)
    return form


def _overlaps(length: int, step: float) -> np.ndarray:
    """The share of each new pixel, `step` old ones wide, that every old pixel covers, (new, length)."""
    count = math.ceil(length / step - 1e-9)
    edges = (np.arange(count + 1) - count / 2) * step + length / 2  # of the new pixels, counted in old ones
    old = np.arange(length)
    shared = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return shared.clip(min=0) / step
