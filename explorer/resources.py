"""The checkpoints on the disk and their maps, each made once for all visitors; none of it needs PyTorch.

A checkpoint is cached under its files' modification times, so that one trained anew is read anew.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

import figures
import packing
from state import NAME
from vae import stored
from vae.architecture import decoder_name
from vae.collapse import used_dimensions
from vae.config import MNIST
from vae.files import read_record
from vae.stored import Stored, names

if TYPE_CHECKING:
    from vae.checkpoint import Checkpoint

FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"
FAMILY = "family"  # a folder within it
PAIR = (".pt", ".json")

Stamp = tuple[int, ...]


@dataclass(frozen=True)
class Resource:
    """A checkpoint and what every visitor sees of it."""

    path: Path
    stamp: Stamp
    stored: Stored
    architecture: str
    dataset: str  # as a person reads it, "" for MNIST
    used_dimensions: int  # of two, see `vae.collapse`
    figure: figures.Figure
    blob: bytes  # what the browser needs, see `packing.pack`
    id: str  # names the blob in the browser

    @property
    def checkpoint(self) -> "Checkpoint":
        """The checkpoint with its networks in PyTorch, which is imported for it."""
        return _checkpoint(self.path, self.stamp)


def with_posterior() -> list[str]:
    """The checkpoints whose encoder gives a distribution."""
    return sorted([*checkpoint_names("vae"), *checkpoint_names("cvae")])


class Family(NamedTuple):
    """The names of checkpoints that differ in one number."""

    sigmas: dict[float, str]  # of a Gaussian likelihood, by its sigma, from small to large
    betas: dict[float, str]  # of a Bernoulli likelihood, by the weight of the KL, from large to small


def checkpoint_names(kind: str | None = None) -> list[str]:
    """The checkpoints that can be chosen, or those of one kind ("ae", "vae", "cvae")."""
    return [name for name in names(FOLDER, kind) if re.fullmatch(NAME, name)]


def misnamed() -> list[str]:
    """The checkpoints that cannot be chosen, since no link can hold their names."""
    return sorted({*names(FOLDER)} - {*checkpoint_names()})


@st.cache_resource(show_spinner="Opening the checkpoint …")
def _stored(path: Path, stamp: Stamp) -> Stored:
    return stored.read(path)


@st.cache_resource(show_spinner="Opening the checkpoint …")
def _checkpoint(path: Path, stamp: Stamp) -> "Checkpoint":
    from vae.checkpoint import revive

    return revive(_stored(path, stamp))


@st.cache_resource(show_spinner="Opening the checkpoint …")
def _resource(name: str, stamp: Stamp) -> Resource:
    found = _stored(FOLDER / name, stamp)
    if found.config.latent_dim != 2:
        raise ValueError(f"{name} has {found.config.latent_dim} latent dimensions; the maps show models with 2.")
    identity = f"{name}-{abs(hash(stamp)):x}"
    return Resource(
        path=FOLDER / name,
        stamp=stamp,
        stored=found,
        architecture=decoder_name(found.config, len(found.class_names)),
        dataset=_title(found.config.dataset),
        used_dimensions=used_dimensions(found.codes, found.prior),
        figure=figures.latent_map(found.codes, found.labels, found.prior, found.class_names),
        blob=packing.pack(found, identity),
        id=identity,
    )


def _title(dataset: str) -> str:
    if dataset == MNIST:
        return ""
    from vae import datasets

    return datasets.title(dataset)


def resource(name: str) -> Resource:
    """Everything of one checkpoint; raises what `vae.stored.read` raises, and ValueError unless it is 2-D."""
    return _resource(name, stamp(name))


def contents(name: str) -> Stored:
    """What is stored of a checkpoint of any number of latent dimensions; raises what `vae.stored.read` raises."""
    return _stored(FOLDER / name, stamp(name))


def checkpoint(name: str) -> "Checkpoint":
    """A checkpoint of any number of latent dimensions, with its networks; raises what `vae.stored.read` raises."""
    return _checkpoint(FOLDER / name, stamp(name))


def stamp(name: str, suffixes: Iterable[str] = PAIR) -> Stamp:
    """When a checkpoint's files were written."""
    files = [FOLDER / f"{name}{suffix}" for suffix in suffixes]
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


def family() -> Family:
    """The VAEs of the folder `FAMILY`, empty where there is none."""
    sigmas, betas = {}, {}
    for name in names(FOLDER / FAMILY, "vae"):
        config = read_record(FOLDER / FAMILY / f"{name}.json")["config"]
        if config.get("dataset", MNIST) != MNIST:
            continue
        if config.get("likelihood") == "gaussian":
            sigmas[config["sigma"]] = f"{FAMILY}/{name}"
        elif config.get("likelihood") == "bernoulli":
            betas[config["beta"]] = f"{FAMILY}/{name}"
    return Family(dict(sorted(sigmas.items())), dict(sorted(betas.items(), reverse=True)))


@st.cache_resource(show_spinner=False)
def plane(height: int, reach: float, class_names: tuple[str, ...]) -> figures.Figure:
    """The one figure of a page that draws the rest itself."""
    return figures.plane(height, reach, class_names)
