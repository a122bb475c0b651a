"""What is computed from checkpoints and images, each result once for all visitors. All of it needs PyTorch.

Results are kept under the version of the model or the images, as in `checkpoints`.
"""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import streamlit as st

from explorer import access, extent, figures
from explorer.browser import packing
from explorer.cache import checkpoints
from explorer.cache.checkpoints import Opened, Resource, opened, resource, version
from explorer.cache.versions import Version, cached
from explorer.extent import Point
from explorer.markup import images
from explorer.quantities import bound, magnification, noise, overlap, own_image, paths, points, training_preview
from explorer.quantities.bound import Analysis
from explorer.quantities.magnification import Magnification
from explorer.quantities.overlap import Overlap
from explorer.quantities.own_image import Classification, OwnCode
from explorer.quantities.paths import Travel
from explorer.quantities.points import Hole
from explorer.quantities.training_preview import Preview
from explorer.trainings import jobs
from explorer.trainings.jobs import Training
from vae import nearness, snapshots
from vae.geodesics import Graph
from vae.images import sources
from vae.images.tensors import DataError, Split, fingerprint
from vae.nearness import Nearness
from vae.storage import file_pair
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import CheckpointError, suffixed

SHEET_COLUMNS = 100  # images in a row of the sheet of test images
LESSON_SHARE = 5  # of so many images of a replay, the lesson shows one


class Blob(NamedTuple):
    """Bytes for the browser, and the name by which pages refer to them."""

    id: str
    blob: bytes


# Maps


@cached()
def radius(model: Resource) -> float:
    """The distance on a map within which codes are near, see `points.radius`."""
    return points.radius(model.stored.codes, figures.fine(figures.box(model.figure)))


@cached()
def typically_near(model: Resource) -> int:
    """How many other codes a typical one has within `radius`."""
    return points.typically_near(model.stored.codes, radius(model))


@cached()
def start(model: Resource) -> Point:
    """The point of a map that is pinned at first: where its codes are densest, and it decodes to an image."""
    return points.start(model.stored.codes, radius(model))


@cached()
def hole(model: Resource) -> Hole | None:
    """The widest hole of a map, see `points.hole`."""
    return points.hole(model.stored.codes, radius(model))


@cached()
def largest_overlap(model: Resource) -> Overlap | None:
    """The two classes of a map that overlap most, see `overlap.largest`."""
    return overlap.largest(model.stored.codes, model.stored.labels)


@cached()
def near_middle(model: Resource) -> int:
    """How many codes lie near the point (0, 0)."""
    return int(points.codes_near(model.stored.codes, np.zeros((1, 2)), radius(model))[0])


@cached("Measuring the magnification, once for each model …")
def magnification_map(model: Resource, label: int) -> Magnification:
    """The magnification of all that a map shows at first, and of a margin around it.

    Args:
        model: A checkpoint with a plane.
        label: The class that is decoded, see `Opened.asked`.
    """
    window = extent.surroundings(model.stored.codes, model.stored.config.has_prior)
    return magnification.measure(model.checkpoint, label, window)


# Paths


@cached("Measuring the plane, once for each model …")
def graph(model: Resource, label: int) -> Graph | None:
    """The graph on which geodesics are found, see `paths.graph`.

    Args:
        model: A checkpoint with a plane.
        label: The class that is decoded, see `Opened.asked`.
    """
    return paths.graph(model.checkpoint, label)


@cached("Measuring where codes lie, once for each model …")
def near_codes(model: Resource) -> Nearness:
    """How near codes are to each point of a plane; raises ValueError if all are the same point."""
    return nearness.measure(model.checkpoint.codes)


@cached()
def graph_near_codes(model: Resource, label: int) -> Graph | None:
    """The same where steps count more far from codes; arguments as of `graph`."""
    grid = graph(model, label)
    return grid and grid.stretched(near_codes(model).stretch)


@cached()
def travel(model: Resource, label: int, kind: str, start: Point, end: Point) -> Travel:
    """A path between two points of a plane, see `paths.travel`.

    Args:
        model: A checkpoint with a plane.
        label: The class that is decoded, see `Opened.asked`.
        kind: "line", "arc", "geodesic" or "near codes".
        start: Where the path begins.
        end: Where it ends.
    """
    grid = stretch = None
    if kind == "geodesic":
        grid = graph(model, label)
    elif kind == "near codes" and (grid := graph_near_codes(model, label)):
        stretch = near_codes(model).stretch
    return paths.travel(model.checkpoint, label, kind, start, end, grid, stretch)


# Replays


class PackedReplay(NamedTuple):
    """The replay of a training, as the browser fetches it piece by piece."""

    checkpoint: Checkpoint
    id: str
    codes: bytes  # of all snapshots, see `packing.pack_codes`
    few_codes: bytes  # the same of fewer images, for the lesson
    decoders: list[bytes]  # one a snapshot, see `packing.pack_snapshot`
    epochs: list[float]  # of the snapshots
    metrics: dict[str, list[float]]  # on the test images, by name, one a snapshot
    views: list[extent.Box]  # the part of the plane that holds the codes, one a snapshot
    last_view: extent.Box  # the same at the end, with room for a prior's rings
    start: Point  # that is pinned at first


def replayed() -> list[str]:
    """The checkpoints beside which a replay lies."""
    return [name for name in checkpoints.checkpoint_names() if snapshots.exists(checkpoints.FOLDER / name)]


def _replay_version(name: str) -> Version:
    files = version(name, (*checkpoints.PAIR, snapshots.SUFFIX))
    return files._replace(subject=f"{name}{snapshots.SUFFIX}")


@cached("Opening the replay …", version_of=_replay_version)
def replay(name: str) -> PackedReplay:
    """The replay of a checkpoint; raises what `resource` and `vae.snapshots.read` raise."""
    identity, model = _replay_version(name).id, resource(name)
    stored, recorded = model.stored, snapshots.read(checkpoints.FOLDER / name, model.checkpoint)
    codes = [snapshot.codes.float().numpy() for snapshot in recorded.snapshots]
    return PackedReplay(
        checkpoint=model.checkpoint,
        id=identity,
        codes=packing.pack_codes(recorded, stored.labels, f"{identity}-codes"),
        few_codes=packing.pack_codes(recorded, stored.labels, f"{identity}-few-codes", LESSON_SHARE),
        decoders=[packing.pack_snapshot(recorded, rank, stored, f"{identity}-{rank}") for rank in range(len(codes))],
        epochs=[snapshot.epoch for snapshot in recorded.snapshots],
        metrics={
            metric: [snapshot.metrics[metric] for snapshot in recorded.snapshots]
            for metric in recorded.snapshots[0].metrics
        },
        views=[extent.extent(moment, prior=False) for moment in codes],
        last_view=extent.extent(codes[-1], prior=stored.config.has_prior),
        start=start(model),
    )


# Images of one's own


@cached(version_of=version)
def encoder(name: str) -> Blob | None:
    """A checkpoint's encoder for the browser; None for a model that has none."""
    model = opened(name)
    identity = f"{model.version.id}-encoder"
    if not model.stored.config.has_encoder:
        return None
    return Blob(identity, packing.pack_encoder(model.stored, identity))


@cached()
def own_code(model: Resource, pixels: bytes, label: int) -> OwnCode:
    """Where a drawing lies in a plane, see `own_image.own_code`.

    Args:
        model: A checkpoint with a plane.
        pixels: 784 grey levels.
        label: The class that a conditional model is told.
    """
    return own_image.own_code(model.checkpoint, own_image.as_image(pixels), label)


@cached()
def classification(model: Resource, pixels: bytes) -> Classification:
    """The class of a drawing by Bayes' rule, see `own_image.classify`.

    Args:
        model: A conditional model.
        pixels: 784 grey levels.
    """
    return own_image.classify(model.checkpoint, own_image.as_image(pixels))


@cached()
def codes_given_classes(model: Resource, pixels: bytes) -> list[Point]:
    """The code of a drawing given each class, see `own_image.codes_given_classes`.

    Args:
        model: A conditional model.
        pixels: 784 grey levels.
    """
    return own_image.codes_given_classes(model.checkpoint, own_image.as_image(pixels))


# The page Bound


@dataclass(frozen=True)
class BoundModel(Opened):
    """A checkpoint of any number of latent dimensions, as the browser needs it to compute likelihoods."""

    blob: bytes  # see `packing.pack`
    id: str  # names the blob in the browser


@dataclass(frozen=True)
class BoundImage:
    """The image that the page Bound shows."""

    key: str  # tells it from all others
    source: Literal["test", "drawn", "decoded"]
    pixels: np.ndarray = field(compare=False)  # (28, 28) uint8
    label: int
    index: int = -1  # among the test images
    noise: float = 0.0  # see `noise.noisy`
    clean: np.ndarray | None = field(default=None, compare=False)  # the pixels without that noise

    def with_noise(self, amount: float, flips: bool) -> "BoundImage":
        """The same image with noise, see `noise.noisy`.

        Args:
            amount: How much; 0 for none.
            flips: Whether pixels are flipped.
        """
        if not amount:
            return self
        pixels = noise.noisy(self.pixels, amount, flips)
        return replace(self, key=f"{self.key} noise {amount}", pixels=pixels, noise=amount, clean=self.pixels)


@cached(version_of=version)
def bound_model(name: str) -> BoundModel:
    """A checkpoint with its decoder to the last digit; raises what `stored_checkpoint.read` raises."""
    model = opened(name)
    identity = f"{model.version.id}-exact"
    return BoundModel(model.version, model.stored, packing.pack(model.stored, identity, exact=True), identity)


@cached()
def analysis(model: BoundModel, image: BoundImage) -> Analysis:
    """All that the page Bound shows of an image under a model, see `bound.analyse`.

    Args:
        model: A model with a prior and a plane.
        image: The image, with the class that a conditional model is told.
    """
    return bound.analyse(model.checkpoint, image.pixels, image.label)


@cached(most=20)
def draws(model: BoundModel, image: BoundImage) -> tuple[np.ndarray, np.ndarray]:
    """What the estimates of log p(x) are made of; arguments as of `analysis`, and the draws as of `bound.draws`."""
    return bound.draws(model.checkpoint, image.pixels, image.label, analysis(model, image).q)


@st.cache_resource(show_spinner=False)
def _ahead() -> tuple[ThreadPoolExecutor, list[Future]]:
    return ThreadPoolExecutor(1, "ahead"), []


def analyse_ahead(pairs: Iterable[tuple[BoundModel, BoundImage]]) -> None:
    """Analyse images under models in the background, instead of those that were asked for before and wait."""
    workers, waiting = _ahead()
    for future in waiting:
        future.cancel()
    waiting[:] = [workers.submit(analysis, model, image) for model, image in pairs]


# Test images


@dataclass(frozen=True)
class _TestImages:
    """The test images (N, 28, 28) uint8 of a set."""

    version: Version
    name: str  # tells them from all others, as `Checkpoint.test_set` does
    images: np.ndarray


def _split_version(dataset: str) -> Version:
    """A set as it is now; a folder is known by the times at which it and its subfolders changed."""
    stamps = ()
    if dataset not in sources.SOURCES:
        with suppress(OSError):
            stamps = tuple(map(file_pair.stamp, [Path(dataset), *sorted(Path(dataset).iterdir())]))
    return Version((dataset, sources.data_dir()), stamps)


@cached("Reading the images …", version_of=_split_version)
def _test_split(dataset: str) -> Split | None:
    try:
        return sources.load_test_split(dataset, sources.data_dir())
    except (DataError, OSError):
        if dataset in sources.SOURCES:
            raise  # and look again the next time
        return None  # a folder is not searched again until it changes


@cached(most=4, version_of=_split_version)
def _matching(dataset: str, sha256: str) -> _TestImages | None:
    """The test images of a set, if they are those of a fingerprint."""
    split = _test_split(dataset)
    if split is None or fingerprint(split.images) != sha256:
        return None
    version = Version((dataset, sources.data_dir(), sha256), _split_version(dataset).stamp)
    return _TestImages(version, f"{sha256} {len(split.images)}", split.images.numpy())


def _test_images(of: Checkpoint) -> _TestImages | None:
    try:
        test = _matching(of.config.dataset, of.test_sha256)
    except (DataError, OSError):
        return None
    return test if test and test.name == of.test_set else None


@cached()
def _black_or_white(test: _TestImages) -> np.ndarray:
    return bound.black_or_white(test.images)


@cached("Packing the test images …")
def _sheet(test: _TestImages) -> Blob:
    identity = f"test-images {test.name}"
    picture = images.webp(images.sheet(test.images, SHEET_COLUMNS))
    return Blob(identity, packing.pack_sheet(picture, SHEET_COLUMNS, identity))


def test_images(of: Checkpoint) -> np.ndarray | None:
    """The test images (N, 28, 28) uint8 that a checkpoint's codes are of; None where this machine has not the same."""
    test = _test_images(of)
    return test and test.images


def black_or_white_images(of: Checkpoint) -> np.ndarray | None:
    """The same with each pixel drawn as 0 or 255, or None."""
    test = _test_images(of)
    return None if test is None else _black_or_white(test)


def test_sheet(of: Checkpoint) -> Blob | None:
    """All test images of a checkpoint for the browser, of MNIST 1.5 MB; None where this machine has not the same."""
    test = _test_images(of)
    return test and _sheet(test)


def title(of: Checkpoint) -> str:
    """The name of the images that a model was trained on, as a person reads it."""
    return sources.title(of.config.dataset)


def to_fetch(of: Checkpoint) -> str | None:
    """What to download for a checkpoint's test images, with its size; None where that is impossible or not allowed."""
    source = sources.SOURCES.get(of.config.dataset)
    if source is None or access.read_only() or sources.has_test_images(of.config.dataset):
        return None
    return f"{source.title} ({source.megabytes} MB)"


def fetch(dataset: str) -> None:
    """Download a named data set; raises `vae.images.tensors.DataError` without a network, or if that is not allowed."""
    if access.read_only():
        raise DataError(access.SENTENCE)
    sources.load_dataset(dataset, sources.data_dir(), download=True)


# Trainings


def trainings() -> list[Training]:
    """All trainings that were begun from the page, the last one first."""
    return jobs.trainings(checkpoints.FOLDER)


def _epoch_version(training: Training) -> Version:
    """A training's model after its last whole epoch."""
    images = _split_version(training.config.dataset)
    return Version(
        ("training", training.name),
        (training.created, training.story.run_id, training.model, len(training.story.rows), images),
    )


@cached(version_of=_epoch_version)
def _preview(training: Training) -> Preview | None:
    if training.model:
        return training_preview.trained(opened(training.name).checkpoint)
    split = _test_split(training.config.dataset)
    if split is None:
        return None
    if training.story.rows:
        return training_preview.after_epoch(suffixed(checkpoints.FOLDER / training.name, ".resume.pt"), split)
    return training_preview.untrained(training.config, split)


def preview(training: Training) -> Preview | None:
    """What a training's model makes of the test images after its last whole epoch; None where that is not here."""
    try:
        return _preview(training)
    except (CheckpointError, DataError, OSError):  # its images are not here, or it was just now replaced or removed
        return None
