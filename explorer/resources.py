"""The only caches: checkpoints, what is drawn from them, and the test images, each made once for all visitors.

A checkpoint is cached under its files' modification times, so that one trained anew is read anew.
"""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

import compute
import drawing
import evidence
import figures
import glimpse
import jobs
import pictures
import shape
from drawing import Reading
from evidence import Evidence
from glimpse import Glimpse
from jobs import Job
from shape import Magnification, Travel
from vae import datasets, snapshots
from vae.checkpoint import Checkpoint, names, read
from vae.data import MNIST_TEST_SHA256, DataError, Split, fingerprint
from vae.files import CheckpointError, read_record, suffixed
from vae.geodesics import Graph

FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"
FAMILY = "family"  # a folder within it
SHEET_COLUMNS = 100
PAIR = (".pt", ".json")

Point = tuple[float, float]


@dataclass(frozen=True)
class Resource:
    """A checkpoint and what every visitor sees of it."""

    checkpoint: Checkpoint
    architecture: str
    dataset: str  # as a person reads it
    figure: figures.Figure
    blob: bytes  # what the browser needs, see `compute.pack`
    id: str  # names the blob in the browser

    @cached_property
    def radius(self) -> float:
        """The distance within which a typical code has `compute.NEAR` others."""
        return compute.radius(self.checkpoint.codes.numpy())

    @cached_property
    def start(self) -> Point:
        """The point that is pinned at first.

        A model without a prior has holes that it cannot tell of; one with a prior has its likely places.
        """
        codes, prior = self.checkpoint.codes.numpy(), hasattr(self.checkpoint.model, "prior")
        place = compute.densest(codes, self.radius) if prior else compute.emptiest(codes)
        return tuple(place.tolist())


def with_posterior() -> list[str]:
    """The checkpoints whose encoder gives a distribution."""
    return sorted([*names(FOLDER, "vae"), *names(FOLDER, "cvae")])


class Precise(NamedTuple):
    """A checkpoint as the browser needs it to compute likelihoods."""

    checkpoint: Checkpoint
    blob: bytes  # see `compute.pack`
    id: str  # names the blob in the browser


class Film(NamedTuple):
    """The replay of a checkpoint's training, as the browser fetches it piece by piece."""

    checkpoint: Checkpoint
    id: str
    codes: bytes  # of all moments, see `compute.pack_codes`
    decoders: list[bytes]  # one a moment, see `compute.pack_moment`
    figures: dict[str, list[float]]  # on the test images, by name, one a moment
    views: list[figures.Box]  # the part of the plane that holds the codes, one a moment
    last_view: figures.Box  # the same at the end, with room for a prior's rings
    start: tuple[float, float]  # the point that is pinned at first


class Family(NamedTuple):
    """The names of checkpoints that differ in one number."""

    sigmas: dict[float, str]  # of a Gaussian likelihood, by its sigma, from small to large
    betas: dict[float, str]  # of a Bernoulli likelihood, by the weight of the KL, from large to small


class Blob(NamedTuple):
    """Bytes for the browser, and the name by which pages refer to them."""

    id: str
    blob: bytes


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
    identity = f"{name}-{abs(hash(stamp)):x}"
    return Resource(
        checkpoint=checkpoint,
        architecture=compute.architecture(checkpoint.model),
        dataset=datasets.title(checkpoint.config.dataset),
        figure=figures.latent_map(codes, checkpoint.labels.numpy(), prior, checkpoint.class_names),
        blob=compute.pack(checkpoint, identity),
        id=identity,
    )


def resource(name: str) -> Resource:
    """Everything of one checkpoint; raises what `vae.checkpoint.read` raises, and ValueError unless it is 2-D."""
    return _resource(name, _stamp(name))


def replayed() -> list[str]:
    """The checkpoints beside which a replay lies."""
    return [name for name in names(FOLDER) if snapshots.exists(FOLDER / name)]


@st.cache_resource(show_spinner="Opening the replay …")
def _film(name: str, stamp: tuple[int, ...], _resource: Resource) -> Film:
    checkpoint = _resource.checkpoint
    replay = snapshots.read(FOLDER / name, checkpoint)
    identity = f"{name}-{abs(hash(stamp)):x}"
    moments = range(len(replay.snapshots))
    codes = [snapshot.codes.float().numpy() for snapshot in replay.snapshots]
    return Film(
        checkpoint=checkpoint,
        id=identity,
        codes=compute.pack_codes(replay, checkpoint.labels, f"{identity}-codes"),
        decoders=[compute.pack_moment(replay, index, checkpoint, f"{identity}-{index}") for index in moments],
        figures={
            figure: [snapshot.figures[figure] for snapshot in replay.snapshots]
            for figure in replay.snapshots[0].figures
        },
        views=[figures.extent(each, prior=False) for each in codes],
        last_view=figures.extent(codes[-1], prior=hasattr(checkpoint.model, "prior")),
        start=_resource.start,
    )


def film(name: str) -> Film:
    """The replay of a checkpoint; raises what `resource` and `vae.snapshots.read` raise."""
    return _film(name, _stamp(name, (*PAIR, snapshots.SUFFIX)), resource(name))


def _stamp(name: str, suffixes: Iterable[str] = PAIR) -> tuple[int, ...]:
    files = [FOLDER / f"{name}{suffix}" for suffix in suffixes]
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
        if config.get("dataset", datasets.MNIST) != datasets.MNIST:
            continue
        if config.get("likelihood") == "gaussian":
            sigmas[config["sigma"]] = f"{FAMILY}/{name}"
        elif config.get("likelihood") == "bernoulli":
            betas[config["beta"]] = f"{FAMILY}/{name}"
    return Family(dict(sorted(sigmas.items())), dict(sorted(betas.items(), reverse=True)))


@st.cache_resource(show_spinner=False)
def _encoder(name: str, stamp: tuple[int, ...]) -> Blob:
    identity = f"{name}-{abs(hash(stamp)):x}-encoder"
    return Blob(identity, compute.pack_encoder(_checkpoint(FOLDER / name, stamp), identity))


def encoder(name: str) -> Blob | None:
    """A checkpoint's encoder for the browser; None where it is not the encoder that says where an image's code is."""
    return None if evidence.fitted(checkpoint(name)) else _encoder(name, _stamp(name))


@st.cache_resource(show_spinner=False, max_entries=1000)
def _reading(identity: str, pixels: bytes, label: int | None, _checkpoint: Checkpoint) -> Reading:
    return drawing.read(_checkpoint, drawing.as_image(pixels), label)


def reading(resource: Resource, pixels: bytes, label: int | None) -> Reading:
    """What `drawing.read` finds, once for each model, drawing and label."""
    return _reading(resource.id, pixels, label, resource.checkpoint)


@st.cache_resource(show_spinner=False, max_entries=1000)
def _classes(identity: str, pixels: bytes, _checkpoint: Checkpoint) -> drawing.Classes:
    return drawing.classes(_checkpoint, drawing.as_image(pixels))


def classes(resource: Resource, pixels: bytes) -> drawing.Classes:
    """What `drawing.classes` finds, once for each conditional model and drawing."""
    return _classes(resource.id, pixels, resource.checkpoint)


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


@st.cache_resource(show_spinner="Measuring the plane, once for each model …")
def _graph(identity: str, digit: int, _checkpoint: Checkpoint) -> Graph:
    return shape.graph(_checkpoint, digit)


@st.cache_resource(show_spinner=False, max_entries=1000)
def _travel(identity: str, digit: int, kind: str, start: Point, end: Point, _checkpoint: Checkpoint) -> Travel:
    grid = _graph(identity, digit, _checkpoint) if kind == "geodesic" else None
    return shape.travel(_checkpoint, digit, kind, start, end, grid)


def travel(model: Resource, digit: int, kind: str, start: Point, end: Point) -> Travel:
    """What `shape.travel` finds, once for each model, kind of path and pair of ends."""
    digit = digit if model.checkpoint.model.conditional else 0
    return _travel(model.id, digit, kind, start, end, model.checkpoint)


@st.cache_resource(show_spinner="Measuring the magnification, once for each model …")
def _magnification(identity: str, digit: int, _checkpoint: Checkpoint) -> Magnification:
    prior = hasattr(_checkpoint.model, "prior")
    return shape.magnification(_checkpoint, digit, figures.surroundings(_checkpoint.codes.numpy(), prior))


def magnification(model: Resource, digit: int) -> Magnification:
    """What `shape.magnification` finds of all that a map shows at first and a little more, once for each model."""
    return _magnification(model.id, digit if model.checkpoint.model.conditional else 0, model.checkpoint)


@st.cache_resource(show_spinner=False)
def plane(height: int, reach: float, class_names: tuple[str, ...]) -> figures.Figure:
    """The one figure of a page that draws the rest itself."""
    return figures.plane(height, reach, class_names)


@st.cache_resource(show_spinner=False)
def _aside() -> tuple[ThreadPoolExecutor, list[Future]]:
    return ThreadPoolExecutor(1, "foresee"), []


def foresee(next_looks: Iterable[tuple[Precise, Subject]]) -> None:
    """Look at these images under these models while the visitor looks elsewhere; earlier foresight is given up."""
    workers, waiting = _aside()
    for future in waiting:
        future.cancel()
    waiting[:] = [workers.submit(look, model, subject) for model, subject in next_looks]


@st.cache_resource(show_spinner="Reading the images …")
def _test_split(dataset: str, place: Path, stamp: tuple[int, ...]) -> Split | None:
    try:
        return datasets.load_test_split(dataset, place)
    except DataError:
        if dataset in datasets.SOURCES:
            raise  # and look again the next time
        return None  # a folder is read through but once until it changes


@st.cache_resource(show_spinner=False)
def _test_images(dataset: str, place: Path, stamp: tuple[int, ...], sha256: str) -> np.ndarray | None:
    split = _test_split(dataset, place, stamp)
    return split.images.numpy() if split and fingerprint(split.images) == sha256 else None


def test_images(of: Checkpoint) -> np.ndarray | None:
    """The test images (N, 28, 28) uint8 that a checkpoint's codes are of; None where this machine has not the same."""
    dataset, sha256 = of.config.dataset, of.record.get("test_sha256", MNIST_TEST_SHA256)
    try:
        images = _test_images(dataset, datasets.data_dir(), _folder_stamp(dataset), sha256)
    except DataError:
        return None
    return images if images is not None and len(images) == len(of.codes) else None


def _folder_stamp(dataset: str) -> tuple[int, ...]:
    """The times at which a folder and its subfolders were changed."""
    folder = Path(dataset)
    if dataset in datasets.SOURCES or not folder.is_dir():
        return ()
    return tuple(each.stat().st_mtime_ns for each in (folder, *sorted(folder.iterdir())) if each.is_dir())


@st.cache_resource(show_spinner=False)
def _black_or_white(test_set: str, _images: np.ndarray) -> np.ndarray:
    return evidence.black_or_white(_images)


def black_or_white_images(of: Checkpoint) -> np.ndarray | None:
    """The same with each pixel drawn as 0 or 255, or None."""
    images = test_images(of)
    return None if images is None else _black_or_white(of.test_set, images)


def to_fetch(of: Checkpoint) -> str | None:
    """What can be downloaded to have a checkpoint's test images, with its size; None where nothing can."""
    source = datasets.SOURCES.get(of.config.dataset)
    if source is None or datasets.is_here(of.config.dataset):
        return None
    return f"{source.title} ({source.megabytes} MB)"


def fetch(dataset: str) -> None:
    """Download a named data set; raises `vae.data.DataError` without a network."""
    datasets.load_dataset(dataset, datasets.data_dir(), download=True)


@st.cache_resource(show_spinner=False, max_entries=20)
def _glimpse(name: str, epoch: int, identity: str, _job: Job) -> Glimpse | None:
    if _job.model:
        return glimpse.trained(checkpoint(name))
    dataset = _job.config.dataset
    split = _test_split(dataset, datasets.data_dir(), _folder_stamp(dataset))
    state_file = suffixed(FOLDER / name, ".resume.pt")
    return glimpse.after_epoch(state_file, split) if epoch else glimpse.untrained(_job.config, split)


def seen(job: Job) -> Glimpse | None:
    """What can be seen of a training's model after its last whole epoch; None where that is not on this machine."""
    try:
        return _glimpse(job.name, len(job.story.rows), f"{job.created}{job.story.run_id}", job)
    except (CheckpointError, DataError, OSError):  # its images are not here, or it was just now replaced or removed
        return None


@st.cache_resource(show_spinner="Packing the test images …")
def _test_sheet(test_set: str, _images: np.ndarray) -> Blob:
    sheet, identity = pictures.png(pictures.sheet(_images, SHEET_COLUMNS)), f"test-images {test_set}"
    return Blob(identity, compute.pack_sheet(sheet, SHEET_COLUMNS, identity))


def test_sheet(of: Checkpoint) -> Blob | None:
    """All test images of a checkpoint for the browser, of MNIST 1.6 MB; None where this machine has not the same."""
    images = test_images(of)
    return None if images is None else _test_sheet(of.test_set, images)


def trainings() -> list[Job]:
    """All trainings that were begun from the page, the last one first."""
    return jobs.jobs(FOLDER)
