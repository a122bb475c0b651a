"""What an HTML file says of its models and shows first, of plain values alone."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from explorer import figures
from explorer.extent import Point, extent
from explorer.state import ExplorerState, plane, unpacked
from vae.storage.stored_checkpoint import Stored

MODELS = ("left", "right", "middle", "style", "bound_model", "replay_left", "replay_right")  # fields that name one


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


def entry(mapped: Mapped, radius: float, near: int, z: Point, **more: Any) -> dict[str, Any]:
    """A model as the pages of a file know it.

    Args:
        mapped: What is on its map.
        radius: The distance within which codes are near.
        near: How many codes a typical one has near.
        z: The point that is pinned at first.
        more: What only some models have: `character` (HTML, how its map differs from others), `conditional`, `encoder`
            (the id of the blob), `likelihood` and `surface` (as `alone/` reads them), `colours` (of its codes)
            and `regions` (what a classifier reads, of each class that can be asked for).
    """
    x, y = extent(mapped.codes, mapped.prior)
    return {
        "id": mapped.id,
        "title": mapped.title,
        "facts": mapped.facts,
        "classes": [figures.short(name) for name in mapped.class_names],
        "count": len(mapped.codes),
        "x": x,
        "y": y,
        "dot": figures.dot(len(mapped.codes)),
        "radius": radius,
        "near": near,
        "z": z,
        **{
            "character": "",
            "conditional": False,
            "encoder": None,
            "likelihood": None,
            "surface": None,
            "colours": {},
            "regions": [],
            **more,
        },
    }


def view(state: ExplorerState, names: Sequence[str]) -> dict[str, Any]:
    """What a file shows first: `state`, its fields, and `planes`, the fields of the points of each plane.

    Args:
        state: What is shown; where it names a model that the file lacks, another one takes its place.
        names: Of the models in the file.
    """
    shown = {name: value for name, value in asdict(state).items() if not name.startswith("train")}
    for rank, field in enumerate(MODELS):
        if shown[field] and shown[field] not in names:
            shown[field] = names[rank % len(names)] if field in ("left", "right") else ""
    for field in ("drawing", "erased"):
        shown[field] = base64.b64encode(unpacked(shown[field]) if shown[field] else b"").decode()
    return {"state": {"page": "", **shown}, "planes": {field: list(plane(field)) for field in MODELS}}
