"""What an HTML file of maps starts with: its planes and its view, of plain values alone."""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from explorer import figures
from explorer.browser.export import Plane
from explorer.extent import Point, extent
from explorer.state import ExplorerState
from vae.storage.stored_checkpoint import Stored

# Of the state, which an HTML file starts with.
FIELDS = (
    "manifold",
    "prior",
    "shapes",
    "path",
    "snap",
    "image_a",
    "image_b",
)


class Mapped(NamedTuple):
    """A decoder and its codes, as the browser reads them and a person."""

    title: str
    facts: str  # the line under the map
    id: str  # names the blob
    blob: bytes  # see `packing`
    codes: np.ndarray  # (N, 2)
    class_names: Sequence[str]
    prior: bool  # whether N(0, I) is the prior


def check_plane(stored: Stored) -> None:
    """Raise ValueError unless a checkpoint has a plane."""
    dimensions = stored.config.latent_dim
    if dimensions != 2:
        raise ValueError(f"The maps show models with 2 latent dimensions, and {stored.name} has {dimensions}.")


def plane(mapped: Mapped, radius: float, near: int, z: Point, label: int = 0) -> Plane:
    """One map of a file.

    Args:
        mapped: What is on it.
        radius: The distance within which codes are near.
        near: How many codes a typical one has near.
        z: The pinned point.
        label: The class asked of a conditional model.
    """
    x, y = extent(mapped.codes, mapped.prior)
    return Plane(
        title=mapped.title,
        facts=mapped.facts,
        id=mapped.id,
        blob=mapped.blob,
        classes=[figures.short(name) for name in mapped.class_names],
        x=x,
        y=y,
        dot=figures.dot(len(mapped.codes)),
        radius=radius,
        near=near,
        z=z,
        label=label,
    )


def view(state: ExplorerState) -> dict[str, Any]:
    """The view of a file that starts with what a state shows."""
    return {field: getattr(state, field) for field in FIELDS} | {"ends": ends(state)}


def ends(state: ExplorerState) -> dict[str, dict[str, Point]]:
    """The ends of paths that are not test images, by side and by end."""
    apart: dict[str, dict[str, Point]] = {"left": {}, "right": {}}
    for side, end in product(apart, "ab"):
        z = getattr(state, f"{end}1_{side}"), getattr(state, f"{end}2_{side}")
        if None not in z:
            apart[side][end] = z
    return apart
