"""The only caches: checkpoints, what is drawn from them, and the test images, each made once for all visitors.

A checkpoint is cached under its files' modification times, so that one trained anew is read anew.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

import compute
import figures
from vae import data
from vae.checkpoint import Checkpoint, names, read

FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"


class Resource(NamedTuple):
    """A checkpoint and what every visitor sees of it."""

    checkpoint: Checkpoint
    radius: float  # the distance within which a typical code has `compute.NEAR` others
    start: tuple[float, float]  # the point that is pinned at first
    architecture: str
    figure: figures.Figure
    blob: bytes  # what the browser needs, see `compute.pack`
    id: str  # names the blob in the browser


def checkpoint_names(kind: str | None = None) -> list[str]:
    """The checkpoints that can be chosen, or those of one kind ("ae", "vae", "cvae")."""
    return names(FOLDER, kind)


@st.cache_resource(show_spinner="Opening the checkpoint …")
def _resource(name: str, stamp: tuple[int, ...]) -> Resource:
    checkpoint = read(FOLDER / name)
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
    files = [FOLDER / f"{name}{suffix}" for suffix in (".pt", ".json")]
    return _resource(name, tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files))


@st.cache_resource(show_spinner=False)
def _test_images(folder: Path) -> np.ndarray:
    return data.load_mnist(folder, download=False).test_images.numpy()


def test_images() -> np.ndarray | None:
    """The MNIST test images (10000, 28, 28) uint8, or None where the data set is not on this machine."""
    try:
        return _test_images(data.data_dir())
    except data.DataError:
        return None


def fetch_test_images() -> None:
    """Download MNIST; raises `vae.data.DataError` without a network."""
    data.load_mnist(data.data_dir(), download=True)
