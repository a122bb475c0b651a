"""The only caches: checkpoints, what is drawn from them, and the test images, each made once for all visitors.

A checkpoint is cached under its files' modification times, so that one trained anew is read anew.
"""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

import compute
import evidence
import figures
from evidence import Evidence
from vae import data
from vae.checkpoint import Checkpoint, names, read
from vae.files import read_record

FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"
FAMILY = "family"  # a folder within it


class Resource(NamedTuple):
    """A checkpoint and what every visitor sees of it."""

    checkpoint: Checkpoint
    radius: float  # the distance within which a typical code has `compute.NEAR` others
    start: tuple[float, float]  # the point that is pinned at first
    architecture: str
    figure: figures.Figure
    blob: bytes  # what the browser needs, see `compute.pack`
    id: str  # names the blob in the browser


def with_posterior() -> list[str]:
    """The checkpoints whose encoder gives a distribution."""
    return sorted([*names(FOLDER, "vae"), *names(FOLDER, "cvae")])


class Precise(NamedTuple):
    """A checkpoint as the browser needs it to compute likelihoods."""

    checkpoint: Checkpoint
    blob: bytes  # see `compute.pack`
    id: str  # names the blob in the browser


class Family(NamedTuple):
    """The names of checkpoints that differ in one number."""

    sigmas: dict[float, str]  # of a Gaussian likelihood, by its sigma, from small to large
    betas: dict[float, str]  # of a Bernoulli likelihood, by the weight of the KL, from large to small


class Subject(NamedTuple):
    """The image that is looked at, and what tells it from all others."""

    key: tuple
    image: np.ndarray  # (28, 28) uint8
    label: int


def checkpoint_names(kind: str | None = None) -> list[str]:
    """The checkpoints that can be chosen, or those of one kind ("ae", "vae", "cvae")."""
    return names(FOLDER, kind)


@st.cache_resource(show_spinner="Opening the checkpoint …")
def _checkpoint(path: Path, stamp: tuple[int, ...]) -> Checkpoint:
    return read(path)


@st.cache_resource(show_spinner="Opening the checkpoint …")
def _resource(name: str, stamp: tuple[int, ...]) -> Resource:
    checkpoint = _checkpoint(FOLDER / name, stamp)
    if checkpoint.model.latent_dim != 2:
        raise ValueError(f"{name} has {checkpoint.model.latent_dim} latent dimensions; the maps show models with 2.")
    codes = checkpoint.codes.numpy()
    prior = hasattr(checkpoint.model, "prior")
    radius = compute.radius(codes)
    # A model without a prior has holes that it cannot tell of; one with a prior has its likely places.
    start = compute.densest(codes, radius) if prior else compute.emptiest(codes)
    identity = f"{name}-{abs(hash(stamp)):x}"
    return Resource(
        checkpoint=checkpoint,
        radius=radius,
        start=tuple(start.tolist()),
        architecture=compute.architecture(checkpoint.model),
        figure=figures.latent_map(codes, checkpoint.labels.numpy(), prior),
        blob=compute.pack(checkpoint, identity),
        id=identity,
    )


def resource(name: str) -> Resource:
    """Everything of one checkpoint; raises what `vae.checkpoint.read` raises, and ValueError unless it is 2-D."""
    return _resource(name, _stamp(name))


def _stamp(name: str) -> tuple[int, ...]:
    files = [FOLDER / f"{name}{suffix}" for suffix in (".pt", ".json")]
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


def checkpoint(name: str) -> Checkpoint:
    """A checkpoint of any number of latent dimensions; raises what `vae.checkpoint.read` raises."""
    return _checkpoint(FOLDER / name, _stamp(name))


@st.cache_resource(show_spinner=False)
def _precise(name: str, stamp: tuple[int, ...]) -> Precise:
    checkpoint = _checkpoint(FOLDER / name, stamp)
    identity = f"{name.replace('/', '-')}-{abs(hash(stamp)):x}-exact"
    return Precise(checkpoint, compute.pack(checkpoint, identity, exact=True), identity)


def precise(name: str) -> Precise:
    """A checkpoint with its decoder to the last digit; raises what `vae.checkpoint.read` raises."""
    return _precise(name, _stamp(name))


def family() -> Family:
    """The VAEs of the folder `FAMILY`, empty where there is none."""
    sigmas, betas = {}, {}
    for name in names(FOLDER / FAMILY, "vae"):
        config = read_record(FOLDER / FAMILY / f"{name}.json")["config"]
        if config.get("likelihood") == "gaussian":
            sigmas[config["sigma"]] = f"{FAMILY}/{name}"
        elif config.get("likelihood") == "bernoulli":
            betas[config["beta"]] = f"{FAMILY}/{name}"
    return Family(dict(sorted(sigmas.items())), dict(sorted(betas.items(), reverse=True)))


@st.cache_resource(show_spinner=False, max_entries=1000)
def _evidence(identity: str, key: tuple, _checkpoint: Checkpoint, _subject: Subject) -> Evidence:
    return evidence.look(_checkpoint, _subject.image, _subject.label)


def look(model: Precise, subject: Subject) -> Evidence:
    """What `evidence.look` finds, once for each model and image."""
    return _evidence(model.id, subject.key, model.checkpoint, subject)


@st.cache_resource(show_spinner=False, max_entries=100)
def _draws(identity: str, key: tuple, _checkpoint: Checkpoint, _subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    guess = _evidence(identity, key, _checkpoint, _subject).q
    return evidence.draws(_checkpoint, _subject.image, _subject.label, guess)


def draws(model: Precise, subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """What `evidence.draws` finds, once for each model and image."""
    return _draws(model.id, subject.key, model.checkpoint, subject)


@st.cache_resource(show_spinner=False)
def plane(height: int, reach: float) -> figures.Figure:
    """The one figure of a page that draws the rest itself."""
    return figures.plane(height, reach)


@st.cache_resource(show_spinner=False)
def _aside() -> tuple[ThreadPoolExecutor, list[Future]]:
    return ThreadPoolExecutor(1, "foresee"), []


def foresee(next_looks: Iterable[tuple[Precise, Subject]]) -> None:
    """Look at these images under these models while the visitor looks elsewhere; earlier foresight is given up."""
    workers, waiting = _aside()
    for future in waiting:
        future.cancel()
    waiting[:] = [workers.submit(look, model, subject) for model, subject in next_looks]


@st.cache_resource(show_spinner=False)
def _test_images(folder: Path) -> np.ndarray:
    return data.load_mnist(folder, download=False).test_images.numpy()


def test_images() -> np.ndarray | None:
    """The MNIST test images (10000, 28, 28) uint8, or None where the data set is not on this machine."""
    try:
        return _test_images(data.data_dir())
    except data.DataError:
        return None


@st.cache_resource(show_spinner=False)
def _black_or_white(folder: Path) -> np.ndarray:
    return evidence.black_or_white(_test_images(folder))


def black_or_white_images() -> np.ndarray | None:
    """The test images with each pixel drawn as 0 or 255, or None where the data set is not on this machine."""
    return None if test_images() is None else _black_or_white(data.data_dir())


def fetch_test_images() -> None:
    """Download MNIST; raises `vae.data.DataError` without a network."""
    data.load_mnist(data.data_dir(), download=True)
