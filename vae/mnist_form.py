"""A grey image brought to the form of MNIST's, which is the only form that the models have seen.

    ink     how far a pixel is from the paper towards the pen, whichever of the two is the darker, in [0, 1]
    crop    to the smallest box that holds all ink
    fit     one scale for both axes makes the box's longer side 20 pixels; a new pixel is the mean over its area
    place   in 28 x 28, moved by whole pixels until the centre of mass is within the pixel (14, 14), counted from 0
    peak    the brightest pixel is 255

So were MNIST's own images made, and all of them keep to it: of the 10,000 test images 9,997 are 20 pixels long,
all have their centre of mass in that pixel, and the peak of each is 255 or 254. Their form is therefore themselves, to
within one grey level.

LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998, section III.A.
"""

import math

import numpy as np

SIDE = 28
BOX = 20
CENTRE = 14

LEAST_CONTRAST = 24  # grey levels between paper and pen, below which there is nothing to read
_PAPER, _PEN = 0.15, 0.75  # of the contrast: where ink begins and where it is full, if the paper is not of one grey


def mnist_form(image: np.ndarray) -> np.ndarray:
    """The image (H, W) uint8 of a digit, of any size, as MNIST would have it: (28, 28) uint8, light on dark.

    What is drawn may be dark on light or light on dark; its place, its size and any margin make no difference. Raises
    ValueError for another shape or type, and for an image without ink.
    """
    image = np.asarray(image)
    if image.ndim != 2 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"an image must be (H, W) uint8, got {image.shape} {image.dtype}")
    return place(fit(crop(ink(image))))


def ink(image: np.ndarray) -> np.ndarray:
    """How much of each pixel of a grey image (H, W) uint8 is ink, in [0, 1].

    The paper's grey is the median along the border. Where half of the border has that very grey, the image is drawn or
    scanned, and whatever differs is ink in proportion. Else it is a photograph, with shade and noise: the paper is then
    the plane through the border's greys, and ink begins at 15 % of the contrast and is full at 75 %.
    Raises ValueError where there is no ink.
    """
    grey = image.astype(np.float64)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = np.median(border)
    photograph = np.median(np.abs(border - paper)) > 0
    away = grey - (_plane_through_border(grey) if photograph else paper)
    if -away.min() > away.max():
        away = -away
    contrast = away.max()
    if contrast < LEAST_CONTRAST:
        raise ValueError("the image is empty: it shows nothing that stands out from its paper")
    low, high = (_PAPER, _PEN) if photograph else (0.0, 1.0)
    return np.clip((away / contrast - low) / (high - low), 0, 1)


def crop(values: np.ndarray) -> np.ndarray:
    """The smallest box of values (H, W) that holds all that are above 0."""
    rows, columns = (np.flatnonzero(values.any(axis=axis)) for axis in (1, 0))
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


def _plane_through_border(grey: np.ndarray) -> np.ndarray:
    """The greys (H, W) of paper lit from one side: least squares along the border, without what ink may touch it."""
    rows, columns = (np.linspace(-1, 1, length) for length in grey.shape)
    terms = np.stack(np.broadcast_arrays(1.0, rows[:, None], columns), axis=-1)  # (H, W, 3)
    along = [np.concatenate([each[0], each[-1], each[:, 0], each[:, -1]]) for each in (terms, grey)]
    kept = np.full(len(along[1]), True)
    for _ in range(3):
        plane = np.linalg.lstsq(along[0][kept], along[1][kept], rcond=None)[0]
        off = np.abs(along[1] - along[0] @ plane)
        kept = off <= 3 * np.median(off) + 1e-9
    return terms @ plane


def _overlaps(length: int, step: float) -> np.ndarray:
    """What share of each new pixel, `step` old ones wide, every old pixel covers: (new, length), the rest is paper."""
    count = math.ceil(length / step - 1e-9)
    edges = (np.arange(count + 1) - count / 2) * step + length / 2  # of the new pixels, counted in old ones
    old = np.arange(length)
    shared = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return shared.clip(min=0) / step
