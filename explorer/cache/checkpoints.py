"""The checkpoints on the disk and their maps, each made once for all visitors; none of it needs PyTorch.

A checkpoint is kept under the times and sizes of its files, so that one that is trained again is read again, see
`versions`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from explorer import figures
from explorer.browser import packing
from explorer.cache.versions import Version, cached
from explorer.markup.facts import facts
from explorer.planes import check_plane
from explorer.state import NAME
from vae.config import MNIST
from vae.storage import file_pair, stored_checkpoint
from vae.storage.file_pair import suffixed
from vae.storage.stored_checkpoint import Stored, names

if TYPE_CHECKING:
    from vae.storage.checkpoint import Checkpoint

FOLDER = Path(__file__).resolve().parents[2] / "checkpoints"
FAMILY = "family"  # a folder within it
PAIR = (".pt", ".json")

_OPENING = "Opening the checkpoint …"


@dataclass(frozen=True)
class Opened:
    """A checkpoint as it was when it was opened, whatever has become of its files since."""

    version: Version
    stored: Stored

    @property
    def checkpoint(self) -> "Checkpoint":
        """The checkpoint with its networks in PyTorch, which is imported for it."""
        return _with_networks(self)

    def asked(self, label: int) -> int:
        """The class that is asked of the model: the label, or 0 for all labels where a model takes none."""
        return label if self.stored.config.conditional else 0


@dataclass(frozen=True)
class Resource(Opened):
    """A checkpoint with a plane, and what every visitor sees of it."""

    facts: str  # the line under its map
    figure: figures.Figure
    blob: bytes  # what the browser needs, see `packing.pack`
    id: str  # names the blob in the browser


def with_posterior() -> list[str]:
    """The checkpoints whose encoder gives a distribution, and those that cannot be read, of which it is not known."""
    return sorted({*checkpoint_names()} - {*checkpoint_names("ae")})


class Family(NamedTuple):
    """The names of checkpoints that differ in one number."""

    sigmas: dict[float, str]  # of a Gaussian likelihood, by its sigma, from small to large
    betas: dict[float, str]  # of a Bernoulli likelihood, by the weight of the KL, from large to small
    problems: list[str]  # a sentence for each member that is left out


def checkpoint_names(kind: str | None = None) -> list[str]:
    """The checkpoints that can be chosen, or those of one kind ("ae", "vae", "cvae")."""
    return [name for name in names(FOLDER, kind) if re.fullmatch(NAME, name)]


def misnamed() -> list[str]:
    """The checkpoints that cannot be chosen, because their names do not fit into a link."""
    return sorted({*names(FOLDER)} - {*checkpoint_names()})


def nothing() -> str:
    """The message where there is no checkpoint at all."""
    return (
        f"There is no checkpoint to show in {FOLDER.name}, or the app may not read that folder. Train one on the page "
        "Train or with `python -m vae.train --model vae`."
    )


def version(name: str, suffixes: Iterable[str] = PAIR) -> Version:
    """A checkpoint as its files are now.

    Args:
        name: The path of its files within the folder, without a suffix.
        suffixes: Those of the files that count.
    """
    return Version(name, tuple(file_pair.stamp(suffixed(FOLDER / name, suffix)) for suffix in suffixes))


@cached(_OPENING, version_of=version)
def opened(name: str) -> Opened:
    """A checkpoint of any number of latent dimensions; raises what `stored_checkpoint.read` raises."""
    now = version(name)  # before the files are read: what has changed since is read again the next time
    return Opened(now, stored_checkpoint.read(FOLDER / name))


@cached(_OPENING)
def _with_networks(opened: Opened) -> "Checkpoint":
    from vae.storage.checkpoint import from_stored

    return from_stored(opened.stored)


@cached(_OPENING, version_of=version)
def resource(name: str) -> Resource:
    """A checkpoint with its map; raises what `stored_checkpoint.read` raises, and ValueError unless it is 2-D."""
    model = opened(name)
    version, stored, config = model.version, model.stored, model.stored.config
    check_plane(stored)
    return Resource(
        version=version,
        stored=stored,
        facts=facts(stored),
        figure=figures.empty_map(stored.codes, config.has_prior, stored.class_names),
        blob=packing.pack(stored, version.id),
        id=version.id,
    )


def family() -> Family:
    """The VAEs of MNIST with a plane in the folder `FAMILY` that can be read, empty where there is none."""
    members = Family({}, {}, [])
    for name in names(FOLDER / FAMILY):
        try:
            _add(members, opened(f"{FAMILY}/{name}").stored, f"{FAMILY}/{name}")
        except ValueError as error:
            members.problems.append(str(error))
    sigmas, betas = sorted(members.sigmas.items()), sorted(members.betas.items(), reverse=True)
    return Family(dict(sigmas), dict(betas), members.problems)


def _add(family: Family, member: Stored, name: str) -> None:
    """Add a member by its sigma or beta; raises ValueError if it has none, or another member has the same."""
    config = member.config
    if (config.model, config.dataset, config.latent_dim) != ("vae", MNIST, 2):
        return
    along = {"gaussian": ("sigma", family.sigmas), "bernoulli": ("beta", family.betas)}.get(config.likelihood)
    if along is None:
        return
    field, places = along
    value = getattr(config, field)
    if field not in member.record["config"]:
        raise ValueError(f"{name} is left out: its configuration has no {field}.")
    if value in places:
        raise ValueError(f"{name} is left out: {places[value]} has the same {field}, {value:g}.")
    places[value] = name


@st.cache_resource(show_spinner=False, max_entries=100)
def plane(height: int, reach: float, class_names: tuple[str, ...]) -> figures.Figure:
    """A figure without codes, for a page that draws the rest itself; arguments as of `figures.plane`."""
    return figures.plane(height, reach, class_names)
