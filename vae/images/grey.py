"""An image file in grey levels, as a person sees it: the only place where an untrusted image is decoded.

Pillow recognises a file by its first bytes, whatever its name, and some formats that it knows are programs: it hands
PostScript to Ghostscript, which runs it. So only the decoders of `FORMATS` are used, whose files hold nothing but
pixels, and every exception of a decoder becomes one error here.

    size      read from the head of the file before any pixel is decoded; above MOST_BYTES the file is refused
    frame     if there are several (GIF, APNG, TIFF, ...), the first that is not all one grey
    depth     pixels of more than 8 bits keep their upper 8; with `stretch` their own range becomes black to white
    opacity   transparent parts become white, or black where the drawing is light
    upright   turned as the camera noted
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, ImageSequence

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "AVIF", "TIFF", "PPM")
MOST_BYTES = 200_000_000  # that the decoder of one image may fill: 50 megapixels of colour, 200 of grey
MOST_FRAMES = 20  # that are searched for one that is not blank
MOST_SCANNED = 2_000_000_000  # pixels times scans of a progressive JPEG: some seconds of work

_SCAN = b"\xff\xda"  # begins each scan of a JPEG
_ORIENTATION = 0x0112  # the tag under which a camera notes how it was held
_TILE_SIDES = 322, 323  # the tags of a TIFF with the width and height of a tile, which may be larger than the image
_ROWS = 64  # of the shrunk image that are worked on at once


class Unusable(ValueError):
    """A file that cannot be read as an image; the message is the reason, a phrase that can follow a colon."""


def read(
    source: Path | bytes, longest: int | None = None, draft: int | None = None, stretch: bool = False
) -> np.ndarray:
    """The grey levels (H, W) uint8 of an image file, or of its content.

    Args:
        source: a file, or the bytes of one.
        longest: an image with a longer side is shrunk by a whole number, each new pixel the mean of those it covers.
        draft: a JPEG may be decoded in a fraction of its size, no side below this.
        stretch: see `depth` above.

    Raises:
        Unusable: for a file that is broken, too large, or no image of `FORMATS`.
    """
    try:
        content = source if isinstance(source, bytes) else _content(source)
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            turn = _turn(image)
            if image.info.get("progressive"):
                _check_progressive(image, content)
            if draft:
                image.draft("L", (draft, draft))
            return _upright(_first_drawn(image, longest, stretch), turn)
    except Unusable:
        raise
    except Image.DecompressionBombError as error:
        raise Unusable("it has too many pixels") from error
    except FileNotFoundError as error:
        raise Unusable("it is no longer there") from error
    except PermissionError as error:
        raise Unusable("it may not be read") from error
    except Exception as error:  # a file that is not an image can raise anything, and all of it means the same
        raise Unusable("it is damaged, or not an image in a format that can be read") from error


def suffixes() -> frozenset[str]:
    """The endings, with their dot, that the names of files of `FORMATS` have."""
    return frozenset(ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS)


def _content(file: Path) -> bytes:
    if file.stat().st_size > MOST_BYTES:
        raise Unusable("its file is too large")
    return file.read_bytes()


def _turn(image: Image.Image) -> object:
    """The orientation tag, which tells how the camera was held; None where there is none that can be read."""
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # the metadata can be damaged in any way while the image is whole
        return None


def _check_progressive(image: Image.Image, content: bytes) -> None:
    """Raise Unusable for a JPEG of too many scans, or one whose coefficients, six bytes a pixel, fill too much."""
    pixels = image.width * image.height
    if 6 * pixels > MOST_BYTES or pixels * content.count(_SCAN) > MOST_SCANNED:
        raise Unusable(f"its {image.width:,} x {image.height:,} pixels are too many for a progressive JPEG")


def _check_size(image: Image.Image) -> None:
    """Raise Unusable where a decoder would fill more than MOST_BYTES, by what the head of the file says."""
    tiles = getattr(image, "tag_v2", {})
    width, height = (max(side, int(tiles.get(tag, 0))) for side, tag in zip(image.size, _TILE_SIDES, strict=True))
    bytes_each = 1 if image.mode in ("1", "L", "P") else 2 if image.mode.startswith("I;16") else 4
    if image.format in ("WEBP", "AVIF"):  # these keep two more pictures of the same size
        bytes_each = 12
    if width * height * bytes_each > MOST_BYTES:
        raise Unusable(f"its {image.width:,} x {image.height:,} pixels are too many")


def _first_drawn(image: Image.Image, longest: int | None, stretch: bool) -> np.ndarray:
    """The first frame that is not all one grey, or else the very first."""
    blank = None
    for rank, frame in enumerate(ImageSequence.Iterator(image)):
        if blank is not None and (rank >= MOST_FRAMES or 4 * rank * frame.width * frame.height > MOST_BYTES):
            break
        _check_size(frame)
        frame.load()
        factor = -(-max(frame.size) // longest) if longest else 1
        deep = frame.mode.startswith("I") or frame.mode == "F"
        grey = _shallow(frame, factor, stretch) if deep else _opaque(frame, factor)
        if grey.min() < grey.max():
            return grey
        blank = grey if blank is None else blank
    if blank is None:
        raise Unusable("it has no frame")
    return blank


def _bands(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    """The image in bands from top to bottom, so that no second copy of all of it is made."""
    rows = _ROWS * factor
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _opaque(image: Image.Image, factor: int) -> np.ndarray:
    """Grey levels (H, W) uint8 of an image of 8 bits, shrunk by a factor, nothing of it transparent."""
    if not image.has_transparency_data:
        return np.vstack([np.asarray(_grey(band).reduce(factor)) for band in _bands(image, factor)])
    bands = [np.asarray(_grey(band, opacity=True).reduce(factor)) for band in _bands(image, factor)]
    levels, opacity = (np.vstack([band[..., i] for band in bands]).astype(np.float32) for i in (0, 1))
    light = opacity.any() and np.average(levels, weights=opacity) > 127
    paper = 0 if light else 255
    return (paper + (levels - paper) * opacity / 255).round().astype(np.uint8)


def _grey(image: Image.Image, opacity: bool = False) -> Image.Image:
    """An image of any mode of 8 bits in mode L, or LA with its opacity."""
    if image.mode == "LAB":
        image = image.getchannel("L")
    if not opacity:
        return image.convert("L")
    return image.convert("LA" if image.mode == "La" else "RGBA").convert("LA")


def _shallow(image: Image.Image, factor: int, stretch: bool) -> np.ndarray:
    """Grey levels (H, W) uint8 of an image of 16 or 32 bits or of fractions, shrunk by a factor; see `depth` above.

    Raises Unusable for fractions without `stretch`: nothing says which of them is white.
    """
    values = np.asarray(image)
    if not stretch and image.mode == "F":
        raise Unusable("its pixels are fractions")
    low, high = _range(values) if stretch else (0.0, 65_536.0)
    bands = []
    for top in range(0, len(values), _ROWS * factor):
        band = values[top : top + _ROWS * factor].astype(np.float64)
        share = np.nan_to_num((band - low) / (high - low), nan=0.0)
        bands.append(np.asarray(Image.fromarray((share * 256).clip(0, 255).astype(np.uint8)).reduce(factor)))
    return np.vstack(bands)


def _range(values: np.ndarray) -> tuple[float, float]:
    """The least and the greatest finite value, never the same."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return low, high if high > low else low + 1


def _upright(grey: np.ndarray, turn: object) -> np.ndarray:
    """The levels turned as an orientation tag says; an unknown tag is ignored."""
    image = Image.fromarray(grey)
    if turn in range(2, 9):
        image.getexif()[_ORIENTATION] = turn
    return np.asarray(ImageOps.exif_transpose(image))
