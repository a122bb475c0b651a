"""A trained model on the disk, read without PyTorch: everything that a map shows.

    <name>.pt     weights; codes and labels of the test set, so that a map needs no data set; and, since 2026-11-27,
                  metrics of each of its images: `IMAGE_METRICS`
    <name>.json   format, run id, configuration, class names, versions, device, seconds, history per epoch, test metrics

The JSON alone decides the architecture; the weights are read by a reader that runs no code. The configuration names
the data set, a folder as it was named on the command line; `test_sha256` tells whether the set has changed since.
`checkpoint` makes a model of it.
"""

import os
import re
import shlex
from collections.abc import Sized
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from vae.architecture import DIGITS, MOST_CLASSES, DenseLayer, Part, dense_layers, shapes
from vae.config import TrainConfig
from vae.flags import arguments_of
from vae.storage import file_pair
from vae.storage.file_pair import (
    RESERVED_PREFIX,
    CheckpointError,
    Stamp,
    bare,
    checked_name,
    read_pair,
    read_record,
    suffixed,
)

FOLDER = "checkpoints"
MNIST_TEST_SHA256 = "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"  # as of `tensors.fingerprint`
FARTHEST = 1e12  # the largest distance of a code from 0; no map is drawn beyond

IMAGE_METRICS: dict[str, type[np.generic]] = {
    "log_px_nats": np.float16,  # log p(x), for a CVAE log p(x|y); D <= 2
    "gap_nats": np.float16,  # log p(x) less the ELBO of the model's own q; D <= 2
    "kl_nats": np.float16,  # of that q to the prior
    "squared_error_at_code": np.float16,  # of the grey image, summed over the 784 pixels
    "classifier_label": np.uint8,  # the class that a classifier sees in what the code decodes to
}
"""What may be kept of each test image, under the name of its mean in the record, and its type.

float16 has 11 binary digits. So a log p(x) between -64 and -128 nats is kept to 1/32 nat, one between -256 and -512, as
of Gaussian pixels, to 1/8, which is enough for a colour: images of a set scatter by ten nats and more. It is not enough
for a difference of two such numbers; the gap, which is a small difference of large ones, is therefore kept itself. The
mean over images is nearer to the exact one, since rounding errs either way.
"""

Metric = float | UnsetType
Name = Annotated[str, Meta(pattern=r"\S")]
ClassNames = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=MOST_CLASSES)]
Form = TypeVar("Form", bound=msgspec.Struct)
Codes = TypeVar("Codes", bound=Sized)


class Metrics(msgspec.Struct):
    """The metrics on the test images that a page or a table shows; a record may have others, of any kind."""

    squared_error: Metric = UNSET
    squared_error_at_code: Metric = UNSET
    kl_nats: Metric = UNSET
    elbo_nats: Metric = UNSET
    refined_elbo_nats: Metric = UNSET
    refined_elbo_nats_se: Metric = UNSET
    iw500_nats: Metric = UNSET
    iw500_nats_se: Metric = UNSET
    log_px_nats: Metric = UNSET
    log_px_summed_nats: Metric = UNSET
    log_px_summed_nats_se: Metric = UNSET
    aggregate_kl_nats: Metric = UNSET
    lattice_gap_nats: Metric = UNSET
    lattice_mixture_gap_nats: Metric = UNSET
    lattice_least_gain_nats: Metric = UNSET
    lattice_ms: Metric = UNSET
    lattice_seconds: Metric = UNSET
    holes: Metric = UNSET
    mutual_information_nats: Metric = UNSET
    active_units: Metric = UNSET
    kl_by_dimension_nats: list[float] = []  # one for each latent dimension
    knn5_accuracy: Metric = UNSET
    bayes_accuracy: Metric = UNSET
    bayes_accuracy_se: Metric = UNSET
    class_agreement: Metric = UNSET
    cas: Metric = UNSET
    classifier_accuracy: Metric = UNSET
    hardest: list[Annotated[int, Meta(ge=0)]] = []  # indices of test images


class Record(msgspec.Struct):
    """What a JSON must have; other fields are ignored.

    A field that has a default was added later, or is missing in a model that was not trained by `vae.train`.
    """

    run_id: str
    config: dict[str, Any]  # see `TrainConfig.from_dict`
    test: Metrics
    class_names: ClassNames = DIGITS
    test_sha256: str = MNIST_TEST_SHA256
    versions: dict[str, str] = {}
    device: str = ""
    seconds: Annotated[float, Meta(ge=0)] = 0.0
    created: str = ""
    history: list[dict[str, float]] = []

    def __post_init__(self) -> None:
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError("expected class_names that differ from one another")


_OLD_METRICS = {
    "gap_family_nats": "approximation_gap_nats",
    "gap_family_nats_se": "approximation_gap_nats_se",
    "gap_amortisation_nats": "amortization_gap_nats",
    "gap_amortisation_nats_se": "amortization_gap_nats_se",
    "code_fine_bits": "code_excess_bits",
    "judge_accuracy": "classifier_accuracy",
}  # what a metric is called now, by its former name


class RecordedData(Generic[Codes]):
    """The data set of a checkpoint as its record describes it; an old record that says nothing of it means MNIST."""

    record: dict[str, Any]  # the JSON
    codes: Codes  # of the test images

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels."""
        return tuple(self.record.get("class_names", DIGITS))

    @property
    def test_sha256(self) -> str:
        """The `tensors.fingerprint` of the test images."""
        return self.record.get("test_sha256", MNIST_TEST_SHA256)

    @property
    def test_set(self) -> str:
        """An identity of the test images: if two models have the same, their i-th codes are of the same image."""
        return f"{self.test_sha256} {len(self.codes)}"


@dataclass(frozen=True)
class Stored(RecordedData[np.ndarray]):
    """A checkpoint as arrays."""

    name: str
    config: TrainConfig
    weights: dict[str, np.ndarray]  # float32, as `architecture.shapes` names them
    codes: np.ndarray  # (N, D) float32, the posterior means of the test images; for an AE their codes
    labels: np.ndarray  # (N,) uint8, the test labels
    record: dict[str, Any]
    image_metrics: dict[str, np.ndarray] = field(default_factory=dict)  # some of `IMAGE_METRICS`, (N,) each

    def layers(self, part: Part = "decoder") -> list[DenseLayer]:
        """The layers of encoder or decoder, as `architecture.dense_layers` has them."""
        return dense_layers(self.weights, self.config.network, part)


def read(path: str | Path) -> Stored:
    """The whole of a checkpoint, from the path of either file or without an ending.

    Raises:
        CheckpointError: in one sentence that names the file and the way out, if a file is missing, damaged or foreign,
            if the two are of different runs, if the JSON is not a `Record`, or if weights, codes, labels and metrics of
            images do not fit its configuration.
    """
    path = bare(path)
    content, record = read_pair(path, partial(cure, path))
    record = _with_current_names(record)
    try:
        facts = conforming(record, Record)
        config = _config(facts)
    except ValueError as error:
        raise CheckpointError(f"{suffixed(path, '.json')}: {error}; {cure(path, record)}") from error
    try:
        weights, codes, labels = (content[name] for name in ("weights", "codes", "labels"))
        if not config.has_encoder:  # but before 2026-11-26 such a model had one, of no use
            weights = {name: weight for name, weight in weights.items() if not name.startswith("encoder.")}
        _check(weights, codes, labels, config, facts)
        image_metrics = _image_metrics(content.get("image_metrics", {}), len(labels), len(facts.class_names))
    except KeyError as error:
        raise CheckpointError(f"{suffixed(path, '.pt')} has no {error.args[0]}: {cure(path, record)}") from error
    except (TypeError, AttributeError, ValueError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it does not hold a model"
        said = f"{suffixed(path, '.pt')} does not fit its configuration ({reason})"
        raise CheckpointError(f"{said}: {cure(path, record)}") from error
    return Stored(path.name, config, weights, codes, labels, record, image_metrics)


def _with_current_names(record: dict[str, Any]) -> dict[str, Any]:
    """A record whose test metrics have the names of today, whenever it was written."""
    test = record.get("test")
    if not isinstance(test, dict):
        return record
    return record | {"test": {_OLD_METRICS.get(name, name): value for name, value in test.items()}}


def names(folder: str | Path = FOLDER, kind: str | None = None) -> list[str]:
    """The names of the models in a folder, sorted.

    Args:
        folder: of the checkpoints.
        kind: ae, vae or cvae, for models of that kind only. Without it a JSON that cannot be read is listed as well, so
            that reading it says what is wrong.
    """
    try:
        files = [name for name in os.listdir(folder) if name.endswith(".json") and name.isprintable()]
    except OSError:  # it is not there, or this process may not read it
        return []
    models = sorted(file.removesuffix(".json") for file in files if os.path.isfile(Path(folder) / file))
    models = [name for name in models if name and not name.startswith((".", RESERVED_PREFIX))]
    return [name for name in models if kind is None or summary(Path(folder) / name).kind == kind]


class Summary(NamedTuple):
    """What a JSON says about a model, read without checking the rest."""

    kind: str = ""
    run_id: str = ""
    config: TrainConfig | None = None


def summary(path: str | Path) -> Summary:
    """The summary of a checkpoint; its JSON is read again only when it has changed."""
    file = suffixed(path, ".json")
    return _summary(file, file_pair.stamp(file))


@lru_cache(maxsize=1024)
def _summary(file: Path, stamp: Stamp) -> Summary:
    record = read_record(file) or {}
    config = record.get("config")
    kind = config.get("model") if isinstance(config, dict) else None
    kind = kind if isinstance(kind, str) else ""
    try:
        return Summary(kind, record["run_id"], TrainConfig.from_dict(config))
    except (KeyError, ValueError):
        return Summary(kind, record.get("run_id", ""))


def cure(path: Path, record: dict[str, Any] | None) -> str:
    """What to do about a checkpoint that cannot be read: the command that makes it again, if its record tells it.

    Args:
        path: of the checkpoint, without an ending.
        record: its JSON, if that can be read.
    """
    try:
        config = TrainConfig.from_dict((record or {}).get("config"))
    except ValueError:
        known = TrainConfig(model=path.name) if path.name in ("ae", "vae", "cvae") else TrainConfig()
        if known.model == path.name:
            return f"restore it, or train the model again with `{command(path, known)}`"
        return f"restore it, or train another with `{command(path, known)}` and the settings it had"
    return f"restore it, or make it again with `{command(path, config)}`"


def command(path: Path, config: TrainConfig, *more: str) -> str:
    """The command that trains a model again in the same way, under its name or one close to it that is allowed.

    Args:
        path: of the checkpoint, without an ending.
        config: of the model.
        more: further arguments.
    """
    name = re.sub(r"[^A-Za-z0-9_-]", "-", path.name)[:40]
    try:
        checked_name(name)
    except ValueError:
        name = f"model-{name}"[:40]
    folder = [] if path.parent.resolve() == Path(FOLDER).resolve() else ["--folder", str(path.parent)]
    arguments = [*arguments_of(config), "--name", name, *more, *folder]
    return f"python -m vae.train {shlex.join(arguments)}"


def conforming(record: dict[str, Any], form: type[Form]) -> Form:
    """A record, converted to the form that it must have.

    Args:
        record: the JSON.
        form: of it.

    Raises:
        ValueError: which names the field and what was expected.
    """
    try:
        return msgspec.convert(record, form)
    except msgspec.ValidationError as error:
        what, _, where = str(error).replace("`", "").partition(" - at $.")
        raise ValueError(f"{where or 'the record'} is wrong ({what[0].lower()}{what[1:]})") from error


def _config(facts: Record) -> TrainConfig:
    try:
        return TrainConfig.from_dict(facts.config)
    except ValueError as error:
        raise ValueError(f"config is wrong ({error})") from error


def _check(
    weights: dict[str, np.ndarray], codes: np.ndarray, labels: np.ndarray, config: TrainConfig, facts: Record
) -> None:
    """Raise ValueError unless all of them have the shapes, types and ranges that a map needs."""
    if {name: weight.shape for name, weight in weights.items()} != shapes(config, len(facts.class_names)):
        raise ValueError("its weights have other names or shapes")
    if any(array.dtype != np.float32 for array in (codes, *weights.values())) or labels.dtype != np.uint8:
        raise ValueError("weights, codes or labels have a wrong type")
    if labels.ndim != 1 or codes.shape != (len(labels), config.latent_dim):
        raise ValueError("its codes or labels have a wrong shape")
    if not len(codes):
        raise ValueError("it has no codes")
    if not all(np.isfinite(weight).all() for weight in weights.values()):
        raise ValueError("a weight is not finite")
    if not (np.abs(codes) <= FARTHEST).all():  # a NaN fails this too
        raise ValueError(f"a code is not finite or beyond {FARTHEST:g}")
    if (labels >= len(facts.class_names)).any():
        raise ValueError("a label has no class")
    if max(facts.test.hardest, default=0) >= len(codes):
        raise ValueError("its hardest images are not all test images")
    if len(facts.test.kl_by_dimension_nats) not in (0, config.latent_dim):
        raise ValueError("its kl_by_dimension_nats are not one for each latent dimension")


def _image_metrics(content: Any, n: int, classes: int) -> dict[str, np.ndarray]:
    """Those of `IMAGE_METRICS` that there are; raises unless each is n finite numbers of its type, or n classes."""
    if not isinstance(content, dict):
        raise TypeError
    image_metrics = {name: content[name] for name in IMAGE_METRICS if name in content}
    for name, values in image_metrics.items():
        if values.shape != (n,) or values.dtype != IMAGE_METRICS[name]:
            raise ValueError(f"{name} of each image has a wrong shape or type")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} of an image is not finite")
        if name == "classifier_label" and (values >= classes).any():
            raise ValueError(f"{name} of an image has no class")
    return image_metrics
