"""What a classifier reads in the images that a plane decodes to: behind the points of a map, at a pin, along a path."""

from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np

from explorer import browser, session
from explorer.browser import payloads
from explorer.cache import readings
from explorer.cache.checkpoints import Resource
from explorer.extent import Point
from explorer.markup import images
from explorer.quantities.regions import Reading
from explorer.state import Side
from explorer.views import parts
from vae.storage.file_pair import CheckpointError

COARSER, LEVELS = 2, 31  # in a file: cells along each axis, and the levels of a probability above 0


def show(side: Side, resource: Resource) -> None:
    """Hand the browser what is read over a side's plane as two pictures; or say why there is no classifier."""
    try:
        reader = readings.reader(resource)
    except CheckpointError as error:
        parts.say(f"No regions: {escape(parts.sentence(error))}.")
        return
    label = resource.asked(getattr(session.current(), f"label_{side}"))
    window, reading = readings.regions_map(resource, label, reader)
    shown = payloads.Regions(
        part="regions",
        side=side,
        bank=resource.id,
        window=window,
        labels=images.data_url(reading.labels),
        probabilities=images.data_url(reading.grey_levels),
    )
    browser.bridge("maps", shown, part=f"_regions_{side}")


def of_file(resource: Resource) -> list[dict[str, Any]]:
    """The same for an HTML file, of each class that the model can be asked for, without side and bank.

    It has half of the cells, and fewer levels of probability, so that each takes about 15 kB.

    Args:
        resource: A checkpoint with a plane, and a classifier.
    """
    asked = range(len(resource.stored.class_names)) if resource.stored.config.conditional else [0]
    reader, told = readings.reader(resource), []
    for label in asked:
        window, reading = readings.regions_map(resource, label, reader, COARSER)
        levels = (LEVELS * reading.probabilities).round() * 255 / LEVELS
        probabilities = images.small_url(levels.round().astype(np.uint8))
        told.append({"window": window, "labels": images.small_url(reading.labels), "probabilities": probabilities})
    return told


def reading_at(resource: Resource, label: int, points: Iterable[Point]) -> Reading | None:
    """What is read at points of a plane; None where there is no classifier.

    Args:
        resource: A checkpoint with a plane.
        label: The class that a conditional model decodes.
        points: Of the plane.
    """
    try:
        reader = readings.reader(resource)
    except CheckpointError:
        return None
    return readings.reading_at(resource, resource.asked(label), reader, tuple(points))


def in_words(resource: Resource, label: int, z: Point) -> str:
    """What is read at a point, as a sentence; nothing where there is no classifier.

    Args:
        resource: A checkpoint with a plane.
        label: The class that a conditional model decodes.
        z: The point.
    """
    reading = reading_at(resource, label, [z])
    if reading is None:
        return ""
    name, probability = resource.stored.class_names[reading.labels[0]], reading.probabilities[0]
    return f"The classifier reads {name}, {100 * probability:.0f} %."


def payload(resource: Resource, label: int, points: Iterable[Point]) -> payloads.Readings | None:
    """What is read at points for the browser; arguments as of `reading_at`."""
    reading = reading_at(resource, label, points)
    if reading is None:
        return None
    return payloads.Readings(labels=reading.labels.tolist(), probabilities=reading.probabilities.round(4).tolist())
