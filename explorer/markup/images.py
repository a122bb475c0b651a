"""Grey images as what a page or a file can hold: PNG, GIF, and HTML that shows crisp pixels.

An image of a data set has 28 x 28 pixels, white on black in both themes, and is only enlarged by a whole number.
"""

import io
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from threading import Lock

import numpy as np
from PIL import Image

from vae.images import grey

LONGEST = 1_000  # pixels of the longer side of an image that is read
_ONE_AT_A_TIME = Lock()


def read(file: bytes) -> np.ndarray:
    """An image file that a visitor gave, in grey levels (H, W) uint8, at most LONGEST pixels long.

    One image is decoded at a time, so that many uploads take no more memory than one. Raises ValueError, with a
    sentence to show, for a file that is not an image, and for one that is too large.
    """
    with _ONE_AT_A_TIME:
        try:
            return grey.read(file, longest=LONGEST, draft=LONGEST, stretch=True)
        except grey.Unusable as error:
            raise ValueError(f"This file cannot be used: {error}. Take a PNG, JPEG, GIF, BMP, WebP or TIFF.") from error


def png(image: np.ndarray, scale: int = 1) -> bytes:
    """A grey image as a PNG file.

    Args:
        image: (H, W) uint8.
        scale: The whole number by which it is enlarged.
    """
    file = io.BytesIO()
    Image.fromarray(image.repeat(scale, axis=0).repeat(scale, axis=1)).save(file, "png")
    return file.getvalue()


def webp(image: np.ndarray) -> bytes:
    """A grey image as a lossless WebP file, which is a tenth smaller than a PNG or more.

    Args:
        image: (H, W) uint8.
    """
    file = io.BytesIO()
    Image.fromarray(image).convert("RGB").save(file, "webp", lossless=True, quality=50, method=4)
    return file.getvalue()


def gif(frames: np.ndarray, scale: int, frames_per_second: float) -> bytes:
    """Grey images as a looping GIF.

    Args:
        frames: (T, H, W) uint8.
        scale: The whole number by which they are enlarged.
        frames_per_second: The speed.
    """
    enlarged = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    first, *rest = (Image.fromarray(frame) for frame in enlarged)
    file = io.BytesIO()
    duration = round(1000 / frames_per_second)
    first.save(file, "gif", save_all=True, append_images=rest, duration=duration, loop=0)
    return file.getvalue()


def data_url(image: np.ndarray) -> str:
    """A grey image (H, W) uint8 as a URL that holds it."""
    return f"data:image/png;base64,{b64encode(png(image)).decode()}"


def small_url(image: np.ndarray) -> str:
    """The same as WebP, which takes fewer bytes, and somewhat longer to make."""
    return f"data:image/webp;base64,{b64encode(webp(image)).decode()}"


def img(image: np.ndarray, scale: int, title: str = "") -> str:
    """A grey image as an HTML image.

    Args:
        image: (H, W) uint8.
        scale: How many pixels of the screen a pixel takes.
        title: The text alternative.
    """
    height, width = image.shape
    source = data_url(image)
    size = f'width="{width * scale}" height="{height * scale}"'
    return f'<img class="decoded" src="{source}" {size} alt="{escape(title)}" title="{escape(title)}">'


def column(images: Sequence[str], caption: str) -> str:
    """Images above one another with a caption below them, as HTML.

    Args:
        images: Each as HTML.
        caption: Plain text.
    """
    return f'<figure class="column">{"".join(images)}<figcaption>{escape(caption)}</figcaption></figure>'


def strip(columns: Sequence[str]) -> str:
    """Columns side by side in one line that never grows a second, as HTML."""
    return f'<div class="strip">{"".join(columns)}</div>'


def grid(rows: np.ndarray, title: str) -> str:
    """Grey images joined to one picture, which the page enlarges as it has room, as HTML.

    Args:
        rows: (R, C, 28, 28) uint8.
        title: The text alternative.
    """
    picture = joined(rows)
    height, width = picture.shape
    size = f"--width: {width}; --height: {height}"
    return f'<img class="decoded grid" src="{data_url(picture)}" style="{size}" alt="{escape(title)}">'


def joined(rows: np.ndarray) -> np.ndarray:
    """Grey images (R, C, H, W) as one, without gaps, (R H, C W)."""
    return np.concatenate(np.concatenate(rows, axis=1), axis=1)


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Images as one picture, row by row, with the last row filled up with black.

    Args:
        images: (N, 28, 28) uint8.
        columns: How many stand in a row.
    """
    rows = -(-len(images) // columns)
    filled = np.zeros((rows * columns, *images.shape[1:]), dtype=np.uint8)
    filled[: len(images)] = images
    return joined(filled.reshape(rows, columns, *images.shape[1:]))
