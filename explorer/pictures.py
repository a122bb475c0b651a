"""Grey images as what a page or a file can hold: PNG, GIF, and HTML that shows crisp pixels.

A digit is 28 x 28 pixels, white on black in both themes, and is only ever enlarged by a whole number.
"""

import io
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image


def png(image: np.ndarray) -> bytes:
    """A grey image (H, W) uint8 as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


def gif(frames: np.ndarray, scale: int, frames_per_second: float) -> bytes:
    """Grey frames (T, H, W) uint8 as a looping GIF, enlarged by a whole number."""
    enlarged = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    first, *rest = (Image.fromarray(frame) for frame in enlarged)
    file = io.BytesIO()
    duration = round(1000 / frames_per_second)
    first.save(file, "gif", save_all=True, append_images=rest, duration=duration, loop=0)
    return file.getvalue()


def data_url(image: np.ndarray) -> str:
    """A grey image (H, W) uint8 as a URL that holds it."""
    return f"data:image/png;base64,{b64encode(png(image)).decode()}"


def digit(image: np.ndarray, scale: int, title: str = "") -> str:
    """One grey image (H, W) uint8 as an HTML image of `scale` screen pixels a pixel, with its text alternative."""
    height, width = image.shape
    source = data_url(image)
    size = f'width="{width * scale}" height="{height * scale}"'
    return f'<img class="digit" src="{source}" {size} alt="{escape(title)}" title="{escape(title)}">'


def column(images: Sequence[str], caption: str) -> str:
    """Images above one another with a caption below them, as HTML."""
    return f'<figure class="column">{"".join(images)}<figcaption>{escape(caption)}</figcaption></figure>'


def strip(columns: Sequence[str]) -> str:
    """Columns side by side in one line that never grows a second, as HTML."""
    return f'<div class="strip">{"".join(columns)}</div>'


def grid(rows: np.ndarray, title: str) -> str:
    """Grey images (R, C, 28, 28) uint8 joined to one picture without gaps, which the page enlarges as it has room."""
    height, width = rows.shape[0] * rows.shape[2], rows.shape[1] * rows.shape[3]
    source = data_url(rows.swapaxes(1, 2).reshape(height, width))
    size = f"--width: {width}; --height: {height}"
    return f'<img class="digit grid" src="{source}" style="{size}" alt="{escape(title)}">'
