"""What the classifier of a data set reads in what a model decodes, each result once for all visitors.

All of it needs PyTorch. Results are kept under the versions of both, of the model and of the classifier.
"""

from dataclasses import dataclass, field

from explorer import extent
from explorer.browser import packing
from explorer.cache import checkpoints
from explorer.cache.checkpoints import Opened, Resource
from explorer.cache.versions import Version, cached
from explorer.extent import Point
from explorer.quantities import regions
from explorer.quantities.regions import Reading, Regions
from vae import classifier
from vae.classifier import Classifier
from vae.storage.file_pair import CheckpointError


@dataclass(frozen=True)
class Reader:
    """A classifier as it was when it was opened."""

    version: Version
    classifier: Classifier = field(compare=False)


def _version(dataset: str) -> Version:
    return checkpoints.version(classifier.name(dataset))


@cached("Opening the classifier …", version_of=_version)
def _opened(dataset: str) -> Reader:
    return Reader(_version(dataset), classifier.of_dataset(checkpoints.FOLDER, dataset))


def reader(model: Opened) -> Reader:
    """The classifier of a model's data set.

    Raises:
        CheckpointError: if there is none, or one of other classes.
    """
    found = _opened(model.stored.config.dataset)
    if found.classifier.classes != len(model.stored.class_names):
        raise CheckpointError(
            f"the classifier knows {found.classifier.classes} classes, and {model.stored.name} has "
            f"{len(model.stored.class_names)}: make it again with `{classifier.COMMAND}`"
        )
    return found


@cached()
def packed(reader: Reader) -> bytes:
    """A classifier for the browser; pages refer to it by the id of its version."""
    weights = {name: weight.numpy() for name, weight in reader.classifier.state_dict().items()}
    return packing.pack_classifier(weights, classifier.GROUPS, reader.version.id)


@cached("Reading what the plane decodes to, once for each model …")
def regions_map(model: Resource, label: int, reader: Reader, coarser: int = 1) -> Regions:
    """What is read over all that a map shows at first, and over a margin around it.

    Args:
        model: A checkpoint with a plane.
        label: The class that is decoded, see `Opened.asked`.
        reader: The classifier.
        coarser: See `regions.measure`.
    """
    window = extent.surroundings(model.stored.codes, model.stored.config.has_prior)
    return regions.measure(model.checkpoint, label, reader.classifier, window, coarser)


@cached()
def reading_at(model: Resource, label: int, reader: Reader, points: tuple[Point, ...]) -> Reading:
    """What is read at some points.

    Args:
        model: A checkpoint with a plane.
        label: The class that is decoded, see `Opened.asked`.
        reader: The classifier.
        points: Of the plane.
    """
    return regions.read(model.checkpoint, label, reader.classifier, points)
