"""A decoder that is not ours, as a table: its images at the crossings of as many lines each way across the plane.

The browser cannot run it, and so reads between the crossings: with a and b in [0, 1] the place of z between two columns
and two rows,

    x(z) = (1 - b) ((1 - a) x_00 + a x_01) + b ((1 - a) x_10 + a x_11).

The lines are close where a map shows its codes, and reach, farther apart, to all that one can pan to and to every code.
How far such an image is from the decoder's own is measured at codes and told beside the map.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from explorer import extent
from vae.architecture import PIXELS

LINES = 128
EDGE = 1 / 8  # of the lines, on either side of those that are close
BATCH = 512
MEASURED = 1000  # codes, at most
SHAPES = "(B, 28, 28), (B, 1, 28, 28) or (B, 784)"
ROUNDING = 1e-5  # by which a pixel may lie beyond [0, 1]


class Table(NamedTuple):
    """The images, and how well one reads between them."""

    across: np.ndarray  # (L,) float32, the z1 of the columns, rising
    up: np.ndarray  # (L,) float32, the z2 of the rows, rising
    levels: np.ndarray  # (784, L, L) uint8, of each pixel its rows
    error: float  # of a pixel at a code: the mean distance from the decoder's own
    largest_error: float


def array(values: Any) -> np.ndarray:
    """An array, or a tensor from any device, as an array."""
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def tabulate(decode: Callable[[Any], Any], codes: np.ndarray, prior: bool, lines: int = LINES) -> Table:
    """Decode the plane around some codes, with a progress bar if it takes long.

    Args:
        decode: Takes points (B, 2) and returns images, `SHAPES`, in [0, 1]. A module, or a method of one, is given
            tensors on its device and is in its evaluation mode meanwhile; any other function is given float32 arrays,
            or tensors if it fails with arrays.
        codes: (N, 2) float32.
        prior: Whether the map has room for a prior's rings.
        lines: L, how many each way.

    Raises:
        ValueError: `decode` fails, or returns something else.
    """
    inner, outer = extent.extent(codes, prior), extent.surroundings(codes, prior)
    across, up = (_lines(inner[axis], outer[axis], codes[:, axis], lines) for axis in (0, 1))
    crossings = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    measured = codes[:: -(-len(codes) // MEASURED)]
    z = np.concatenate([crossings, measured])
    images = np.empty((len(z), PIXELS), np.uint8)
    with _asked(decode) as ask:
        batches = range(0, len(z), BATCH)
        own = []
        for start in tqdm(batches, desc="decoding the plane", unit="batch", delay=1, leave=False):
            block = slice(start, start + BATCH)
            pixels = checked(ask(z[block]), z[block])
            images[block] = np.rint(255 * pixels)
            own.append(pixels[max(len(crossings) - start, 0) :])
    levels = images[: len(crossings)].T.reshape(PIXELS, lines, lines)
    table = Table(across, up, levels, 0.0, 0.0)
    error = np.abs(between(table, measured) - np.concatenate(own))
    return table._replace(error=float(error.mean()), largest_error=float(error.max()))


def between(table: Table, z: np.ndarray) -> np.ndarray:
    """The images (B, 784) in [0, 1] that are read from a table, beyond whose last line that line's counts.

    Args:
        table: The images.
        z: (B, 2), the points.
    """
    (column, a), (row, b) = (_between(lines, z[:, axis]) for axis, lines in enumerate((table.across, table.up)))
    x = table.levels
    low = (1 - a) * x[:, row, column] + a * x[:, row, column + 1]
    high = (1 - a) * x[:, row + 1, column] + a * x[:, row + 1, column + 1]
    return ((1 - b) * low + b * high).T / 255


def _between(lines: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The line before each place, and which part of the way to the next lies between them."""
    before = np.clip(np.searchsorted(lines, places, side="right") - 1, 0, len(lines) - 2)
    part = (places - lines[before]) / (lines[before + 1] - lines[before])
    return before, np.clip(part, 0, 1)


def _lines(inner: extent.Range, outer: extent.Range, codes: np.ndarray, count: int) -> np.ndarray:
    """Where the lines of one axis are: close within `inner`, and beyond it as far as `outer` and every code."""
    ends = [min(outer[0], float(codes.min())), *inner, max(outer[1], float(codes.max()))]
    return np.interp(np.linspace(0, 1, count), [0, EDGE, 1 - EDGE, 1], ends).astype(np.float32)


@contextmanager
def _asked(decode: Callable[[Any], Any]) -> Iterator[Callable[[np.ndarray], Any]]:
    """A function of arrays (B, 2), whatever `decode` takes."""
    owner = decode if isinstance(decode, torch.nn.Module) else getattr(decode, "__self__", None)
    module = owner if isinstance(owner, torch.nn.Module) else torch.nn.Module()
    weight = next(module.parameters(), torch.empty(0))

    def with_tensor(z: np.ndarray) -> Any:
        return decode(torch.from_numpy(z).to(weight.device, weight.dtype))

    ways = {"a tensor": with_tensor} if module is owner else {"an array": decode, "a tensor": with_tensor}

    def ask(z: np.ndarray) -> Any:
        failures = []
        for given, way in list(ways.items()):
            try:
                return way(z)
            except Exception as error:  # whatever a stranger's code raises
                failures.append(f"for {given} it raised {type(error).__name__}: {error}")
        raise ValueError(f"decode must take points z of shape {z.shape}; {'; '.join(failures)}.")

    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield ask
    finally:
        for part, mode in modes.items():
            part.training = mode


def checked(images: Any, z: np.ndarray) -> np.ndarray:
    """What a decoder returned, as (B, 784) float32 in [0, 1]; raises ValueError if it is not that.

    Args:
        images: What it returned.
        z: (B, 2), the points it was asked for.
    """
    if not isinstance(images, (torch.Tensor, np.ndarray)):
        raise ValueError(f"decode must return a tensor or an array {SHAPES}; it returned a {type(images).__name__}.")
    count = len(z)
    if tuple(images.shape) not in {(count, 28, 28), (count, 1, 28, 28), (count, PIXELS)}:
        raise ValueError(
            f"decode must return images of 28 x 28 pixels, {SHAPES}; for B = {count} it returned {tuple(images.shape)}."
        )
    plain = images.float() if isinstance(images, torch.Tensor) else images.astype(np.float32)
    pixels = array(plain).reshape(count, PIXELS)
    finite = np.isfinite(pixels).all(axis=1)
    if not finite.all():
        where = ", ".join(f"{value:g}" for value in z[~finite][0])
        raise ValueError(f"decode must return pixels in [0, 1]; at z = ({where}) it returned NaN or infinity.")
    least, most = float(pixels.min()), float(pixels.max())
    if least < -ROUNDING or most > 1 + ROUNDING:
        raise ValueError(
            f"decode must return pixels in [0, 1]; it returned {least:.3g} to {most:.3g}. "
            "Let it end in a sigmoid, or divide grey levels by 255."
        )
    return np.clip(pixels, 0, 1)
