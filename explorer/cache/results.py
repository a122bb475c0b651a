"""What is computed of checkpoints and images, each once for all visitors. All of it needs PyTorch.

Results are kept under what identifies model and image, as in `checkpoints`.
"""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from explorer import access, extent, figures
from explorer.browser import packing
from explorer.cache import checkpoints
from explorer.cache.checkpoints import Resource, checkpoint, contents, version
from explorer.cache.versions import Version, kept
from explorer.extent import Point, pair
from explorer.markup import images
from explorer.quantities import bound, own_image, paths, points, training_preview
from explorer.quantities.bound import Evidence
from explorer.quantities.magnification import Magnification, measure_magnification
from explorer.quantities.own_image import Reading
from explorer.quantities.paths import Travel
from explorer.quantities.training_preview import Glimpse
from explorer.trainings import jobs
from explorer.trainings.jobs import Job
from vae import snapshots
from vae.geodesics import Graph
from vae.images import sources
from vae.images.tensors import DataError, Split, fingerprint
from vae.storage import file_pair
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import CheckpointError, suffixed
from vae.storage.stored_checkpoint import Stored

SHEET_COLUMNS = 100


class Precise(NamedTuple):
    """A checkpoint as the browser needs it to compute likelihoods."""

    version: Version
    checkpoint: Checkpoint
    blob: bytes  # see `packing.pack`
    id: str  # names the blob in the browser


class Film(NamedTuple):
    """The replay of a checkpoint's training, as the browser fetches it piece by piece."""

    checkpoint: Checkpoint
    id: str
    codes: bytes  # of all moments, see `packing.pack_codes`
    decoders: list[bytes]  # one a moment, see `packing.pack_moment`
    figures: dict[str, list[float]]  # on the test images, by name, one a moment
    views: list[extent.Box]  # the part of the plane that holds the codes, one a moment
    last_view: extent.Box  # the same at the end, with room for a prior's rings
    start: tuple[float, float]  # the point that is pinned at first


class Blob(NamedTuple):
    """Bytes for the browser, and the name by which pages refer to them."""

    id: str
    blob: bytes


class Subject(NamedTuple):
    """The image that is looked at, and what tells it from all others."""

    key: tuple
    image: np.ndarray  # (28, 28) uint8
    label: int


@kept()
def _near(version: Version, _resource: Resource) -> tuple[float, int]:
    codes = _resource.stored.codes
    within = points.radius(codes, figures.fine(_resource.figure))
    return within, points.typically_near(codes, within)


def radius(resource: Resource) -> float:
    """The distance on a map within which codes are near, see `points.radius`."""
    return _near(resource.version, resource)[0]


def typically_near(resource: Resource) -> int:
    """How many other codes a typical one has within `radius`."""
    return _near(resource.version, resource)[1]


@kept()
def _start(version: Version, _resource: Resource) -> Point:
    return pair(points.rounded(points.densest(_resource.stored.codes, radius(_resource)), radius(_resource)))


def start(resource: Resource) -> Point:
    """The point of a map that is pinned at first: where its codes are densest, and it decodes to an image."""
    return _start(resource.version, resource)


def replayed() -> list[str]:
    """The checkpoints beside which a replay lies."""
    return [name for name in checkpoints.checkpoint_names() if snapshots.exists(checkpoints.FOLDER / name)]


@kept(partial(st.spinner, "Opening the replay …"))
def _film(version: Version, _resource: Resource) -> Film:
    checkpoint, stored = _resource.checkpoint, _resource.stored
    replay = snapshots.read(checkpoints.FOLDER / _resource.version.subject, checkpoint)
    identity = version.id
    moments = range(len(replay.snapshots))
    codes = [snapshot.codes.float().numpy() for snapshot in replay.snapshots]
    return Film(
        checkpoint=checkpoint,
        id=identity,
        codes=packing.pack_codes(replay, stored.labels, f"{identity}-codes"),
        decoders=[packing.pack_moment(replay, index, stored, f"{identity}-{index}") for index in moments],
        figures={
            figure: [snapshot.metrics[figure] for snapshot in replay.snapshots]
            for figure in replay.snapshots[0].metrics
        },
        views=[extent.extent(each, prior=False) for each in codes],
        last_view=extent.extent(codes[-1], prior=stored.config.has_prior),
        start=start(_resource),
    )


def film(name: str) -> Film:
    """The replay of a checkpoint; raises what `resource` and `vae.snapshots.read` raise."""
    of_all = version(name, (*checkpoints.PAIR, snapshots.SUFFIX))
    return _film(of_all._replace(subject=f"{name}{snapshots.SUFFIX}"), checkpoints.resource(name))


@kept()
def _precise(version: Version, _checkpoint: Checkpoint, _stored: Stored) -> Precise:
    identity = f"{version.id}-exact"
    return Precise(version, _checkpoint, packing.pack(_stored, identity, exact=True), identity)


def precise(name: str) -> Precise:
    """A checkpoint with its decoder to the last digit; raises what `stored_checkpoint.read` raises."""
    return _precise(version(name), checkpoint(name), contents(name))


@kept()
def _encoder(version: Version, _stored: Stored) -> Blob:
    identity = f"{version.id}-encoder"
    return Blob(identity, packing.pack_encoder(_stored, identity))


def encoder(name: str) -> Blob | None:
    """A checkpoint's encoder for the browser; None where it is not the encoder that says where an image's code is."""
    return None if checkpoint(name).config.codes_are_modes else _encoder(version(name), contents(name))


@kept()
def _reading(version: Version, pixels: bytes, label: int | None, _checkpoint: Checkpoint) -> Reading:
    return own_image.read(_checkpoint, own_image.as_image(pixels), label)


def reading(resource: Resource, pixels: bytes, label: int | None) -> Reading:
    """What `own_image.read` finds, once for each model, drawing and label."""
    return _reading(resource.version, pixels, label, resource.checkpoint)


@kept()
def _classes(version: Version, pixels: bytes, _checkpoint: Checkpoint) -> own_image.Classes:
    return own_image.classes(_checkpoint, own_image.as_image(pixels))


def classes(resource: Resource, pixels: bytes) -> own_image.Classes:
    """What `own_image.classes` finds, once for each conditional model and drawing."""
    return _classes(resource.version, pixels, resource.checkpoint)


@kept()
def _evidence(version: Version, key: tuple, _checkpoint: Checkpoint, _subject: Subject) -> Evidence:
    return bound.look(_checkpoint, _subject.image, _subject.label)


def look(model: Precise, subject: Subject) -> Evidence:
    """What `bound.look` finds, once for each model and image."""
    return _evidence(model.version, subject.key, model.checkpoint, subject)


@kept(most=20)
def _draws(version: Version, key: tuple, _checkpoint: Checkpoint, _subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    guess = _evidence(version, key, _checkpoint, _subject).q
    return bound.draws(_checkpoint, _subject.image, _subject.label, guess)


def draws(model: Precise, subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """What `bound.draws` finds, once for each model and image."""
    return _draws(model.version, subject.key, model.checkpoint, subject)


@kept(partial(st.spinner, "Measuring the plane, once for each model …"))
def _graph(version: Version, digit: int, _checkpoint: Checkpoint) -> Graph | None:
    return paths.graph(_checkpoint, digit)


@kept()
def _travel(version: Version, digit: int, kind: str, start: Point, end: Point, _checkpoint: Checkpoint) -> Travel:
    grid = _graph(version, digit, _checkpoint) if kind == "geodesic" else None
    return paths.travel(_checkpoint, digit, kind, start, end, grid)


def travel(model: Resource, digit: int, kind: str, start: Point, end: Point) -> Travel:
    """What `paths.travel` finds, once for each model, kind of path and pair of ends."""
    digit = digit if model.stored.config.conditional else 0
    return _travel(model.version, digit, kind, start, end, model.checkpoint)


@kept(partial(st.spinner, "Measuring the magnification, once for each model …"))
def _magnification(version: Version, digit: int, _checkpoint: Checkpoint) -> Magnification:
    prior = _checkpoint.config.has_prior
    return measure_magnification(_checkpoint, digit, extent.surroundings(_checkpoint.codes.numpy(), prior))


def magnification(model: Resource, digit: int) -> Magnification:
    """What `measure_magnification` finds of all that a map shows at first and a little more, once for each model."""
    return _magnification(model.version, digit if model.stored.config.conditional else 0, model.checkpoint)


@st.cache_resource(show_spinner=False)
def _aside() -> tuple[ThreadPoolExecutor, list[Future]]:
    return ThreadPoolExecutor(1, "foresee"), []


def foresee(next_looks: Iterable[tuple[Precise, Subject]]) -> None:
    """Look at these images under these models while the visitor looks elsewhere; earlier foresight is given up."""
    workers, waiting = _aside()
    for future in waiting:
        future.cancel()
    waiting[:] = [workers.submit(look, model, subject) for model, subject in next_looks]


@kept(partial(st.spinner, "Reading the images …"))
def _test_split(version: Version) -> Split | None:
    dataset, place = version.subject
    try:
        return sources.load_test_split(dataset, place)
    except (DataError, OSError):
        if dataset in sources.SOURCES:
            raise  # and look again the next time
        return None  # a folder is not searched again until it changes


@kept(most=4)
def _test_images(version: Version, sha256: str) -> np.ndarray | None:
    split = _test_split(version)
    return split.images.numpy() if split and fingerprint(split.images) == sha256 else None


def test_images(of: Checkpoint) -> np.ndarray | None:
    """The test images (N, 28, 28) uint8 that a checkpoint's codes are of; None where this machine has not the same."""
    try:
        images = _test_images(_images_version(of.config.dataset), of.test_sha256)
    except (DataError, OSError):
        return None
    return images if images is not None and len(images) == len(of.codes) else None


def _images_version(dataset: str) -> Version:
    """A set as it is now; a folder is known by the times at which it and its subfolders changed."""
    stamps = ()
    if dataset not in sources.SOURCES:
        with suppress(OSError):
            stamps = tuple(map(file_pair.stamp, [Path(dataset), *sorted(Path(dataset).iterdir())]))
    return Version((dataset, sources.data_dir()), stamps)


@kept(most=4)
def _black_or_white(version: Version, test_set: str, _images: np.ndarray) -> np.ndarray:
    return bound.black_or_white(_images)


def black_or_white_images(of: Checkpoint) -> np.ndarray | None:
    """The same with each pixel drawn as 0 or 255, or None."""
    images = test_images(of)
    return None if images is None else _black_or_white(_images_version(of.config.dataset), of.test_set, images)


def title(of: Checkpoint) -> str:
    """The name of the images that a checkpoint has seen, as a person reads it."""
    return sources.title(of.config.dataset)


def to_fetch(of: Checkpoint) -> str | None:
    """What to download for a checkpoint's test images, with its size; None where that is impossible or not allowed."""
    source = sources.SOURCES.get(of.config.dataset)
    if source is None or access.read_only() or sources.is_here(of.config.dataset):
        return None
    return f"{source.title} ({source.megabytes} MB)"


def fetch(dataset: str) -> None:
    """Download a named data set; raises `vae.images.tensors.DataError` without a network, or if that is not allowed."""
    if access.read_only():
        raise DataError(access.SENTENCE)
    sources.load_dataset(dataset, sources.data_dir(), download=True)


@kept()
def _glimpse(version: Version, _job: Job) -> Glimpse | None:
    if _job.model:
        return training_preview.trained(checkpoint(_job.name))
    split = _test_split(_images_version(_job.config.dataset))
    if split is None:
        return None
    state_file = suffixed(checkpoints.FOLDER / _job.name, ".resume.pt")
    return (
        training_preview.after_epoch(state_file, split)
        if _job.story.rows
        else training_preview.untrained(_job.config, split)
    )


def seen(job: Job) -> Glimpse | None:
    """What can be seen of a training's model after its last whole epoch; None where that is not on this machine."""
    images = _images_version(job.config.dataset)
    stamp = (job.created, job.story.run_id, job.model, len(job.story.rows), images)
    try:
        return _glimpse(Version(("training", job.name), stamp), job)
    except (CheckpointError, DataError, OSError):  # its images are not here, or it was just now replaced or removed
        return None


@kept(partial(st.spinner, "Packing the test images …"), most=4)
def _test_sheet(version: Version, test_set: str, _images: np.ndarray) -> Blob:
    sheet, identity = images.png(images.sheet(_images, SHEET_COLUMNS)), f"test-images {test_set}"
    return Blob(identity, packing.pack_sheet(sheet, SHEET_COLUMNS, identity))


def test_sheet(of: Checkpoint) -> Blob | None:
    """All test images of a checkpoint for the browser, of MNIST 1.6 MB; None where this machine has not the same."""
    images = test_images(of)
    return None if images is None else _test_sheet(_images_version(of.config.dataset), of.test_set, images)


def trainings() -> list[Job]:
    """All trainings that were begun from the page, the last one first."""
    return jobs.jobs(checkpoints.FOLDER)
