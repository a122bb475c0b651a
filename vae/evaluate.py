"""Every reported number of a model, from one function, with its n and its seed; and the command that reports them.

    squared_error           sum over pixels of (x - E[x|z])^2, at z ~ q(z|x) as in training; an AE: at its code
    squared_error_at_code   the same of the grey image at the code that the maps show, the mean of q
    squared_error_from_noisy
                            of a model with an encoder: the same, of the clean image, at the code of that image with
                            noise_share of its pixels dropped; the noise is the same for every model
    kl_nats                 KL(q(z|x) || N(0, I)), closed form
    squared_error_plus_kl   the objective under a Gaussian of variance 1/2, less its constant
    log_likelihood_nats     log p(x|z) at the drawn z; it compares with that of no other likelihood
    elbo_nats               log_likelihood_nats - kl_nats
    knn1_accuracy, knn5_    share of test codes whose 1 or 5 nearest training codes vote for their label
    class_agreement         share of a CVAE's samples in which a classifier sees the class that was asked for
    classifier_accuracy     share of real test images that it gets right: about the most that CAS could be
    used_dimensions         the number of directions in which the codes vary, see `collapse`; less than D: a collapse
    active_units            the number of axes of the latent space along which q's mean varies, see `collapse`
    kl_by_dimension_nats    the part of kl_nats of each axis
    mutual_information_nats what a draw of q(z|x) tells of which image x is, see `mutual_information`; _error_nats of
                            the draws. It is at most log n and kl_nats; what it is short of kl_nats is the KL of all q
                            together to the prior
    code_holes              of an AE: share of a normal with its codes' mean and covariance that no code covers

All are means over the test set; with dynamic binarization, over binary images drawn once from the seed. `exact_metrics`
has what takes minutes, above all log p(x) itself. What a map colours its points by is kept for each test image as well,
see `stored_checkpoint.IMAGE_METRICS`; its means are those above, but for the gap of an image, of which the table has
that of some images.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vae import classifier, commands, exact_metrics, flags, metrics, objectives
from vae.collapse import active_units, used_dimensions
from vae.config import TrainConfig
from vae.distributions import DiagonalNormal
from vae.images.sources import MNIST, load_dataset
from vae.images.tensors import DataError, ImageSet, fingerprint
from vae.inference import aggregate
from vae.inference.mutual_information import mutual_information
from vae.matmul_precision import use_fast_float32
from vae.measured import Measured, Metrics
from vae.models import CVAE, VAE, Model
from vae.storage import checkpoint, stored_checkpoint
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import CheckpointError, bare, expanded, locked, write_record

CODE_STEPS = {"bernoulli": 1.0, "gaussian": 1 / 255}  # distance of two pixel values, where x has a code
OF_SOME_IMAGES = ("refined_elbo_nats", "iw500_nats", "log_px_summed_nats", "bayes_accuracy")
AT_CODES = ("squared_error_at_code", "classifier_label")  # of each image
INFORMATION_IMAGES = 10_000  # the time grows with their square
NEIGHBOURS = (1, 5)  # that vote for a label


def measure(
    model: Model,
    config: TrainConfig,
    data: ImageSet,
    image_classifier: nn.Module | None,
    thorough: bool = False,
    announce: Callable[[str], object] = lambda what: None,
    on_objective: Callable[[Metrics], object] = lambda measured: None,
) -> Measured:
    """The metrics of a model on the test set, and of each image of it, on the CPU.

    A metric that cannot be measured is left out, and standard error says why.

    Args:
        model: in eval mode, on the CPU.
        config: of the model.
        data: the set on which it was trained.
        image_classifier: for the class agreement of a CVAE, and what it sees at each code; None leaves that out.
        thorough: those of `exact_metrics` as well, which take minutes.
        announce: is called with what is being measured.
        on_objective: is called with the first metrics, which take hardly any time or memory, before all others.
    """
    measured = Measured(announce)
    measured.take("objective", lambda: _of_objective(model, config, data, measured))
    on_objective(dict(measured.metrics))
    measured.attempt("codes", lambda: _of_codes(model, image_classifier, data, measured))
    _noise_metrics(model, config, data, measured)
    if isinstance(model, VAE) and config.has_encoder:
        measured.attempt("the encoder's q", lambda: _of_posteriors(model, config, data, measured))
    if isinstance(model, CVAE) and image_classifier is not None:
        measured.take("class agreement", lambda: _class_agreement(model, image_classifier, data))
    if thorough and isinstance(model, VAE):
        measured.attempt("the metrics that need integrals", lambda: _exact_metrics(model, config, data, measured))
    return measured


def _of_objective(model: Model, config: TrainConfig, data: ImageSet, measured: Measured) -> Metrics:
    terms = metrics.objective_terms(model, config, data.test_images, data.test_labels)
    means = objectives.metrics(terms, config.beta)
    if model.has_prior:
        means["squared_error_plus_kl"] = means["squared_error"] + means["kl_nats"]
        measured.keep_of_images("kl_nats", torch.cat([each.kl for each in terms if each.kl is not None]))
    return {"n": len(data.test_images), "seed": metrics.SEED, **means}


def _of_codes(model: Model, image_classifier: nn.Module | None, data: ImageSet, measured: Measured) -> None:
    """Keep the metrics of the codes of training and test images."""
    codes = metrics.encode(model, data.train_images, data.train_labels)
    test_codes = metrics.encode(model, data.test_images, data.test_labels)
    measured.take("used dimensions", lambda: {"used_dimensions": used_dimensions(test_codes.numpy(), model.has_prior)})
    measured.take("neighbours", lambda: _knn(codes, data.train_labels, test_codes, data.test_labels))
    measured.take("errors at the codes", lambda: _error_at_code(model, data, test_codes, measured))
    if image_classifier is not None:
        measured.attempt(
            "what the classifier sees at the codes",
            lambda: _classifier_label(model, image_classifier, data, test_codes, measured),
        )
    if not model.has_prior and model.latent_dim == 2:
        measured.take("holes between the codes", lambda: {"code_holes": aggregate.density_of_codes(codes).holes})


def _of_posteriors(model: VAE, config: TrainConfig, data: ImageSet, measured: Measured) -> None:
    """Keep what q(z|x) of the test images says of a collapse."""
    q = metrics.posteriors(model, config, data.test_images, data.test_labels)
    kl = objectives.kl_by_dimension(q).double().mean(0)
    measured.keep({"active_units": active_units(q.mean.numpy()), "kl_by_dimension_nats": kl.tolist()})
    measured.take("mutual information of image and code", lambda: _information(q))


def _information(q: DiagonalNormal) -> Metrics:
    some = exact_metrics.spread(len(q.mean), INFORMATION_IMAGES)
    q = DiagonalNormal(q.mean[some], q.log_std[some])
    information = mutual_information(q, torch.Generator().manual_seed(metrics.SEED))
    return {
        "mutual_information_nats": information.nats,
        "mutual_information_error_nats": information.error_nats,
        "mutual_information_n": len(some),
    }


def _knn(codes: Tensor, labels: Tensor, test_codes: Tensor, test_labels: Tensor) -> Metrics:
    nearest = metrics.nearest_labels(codes, labels, test_codes, max(NEIGHBOURS))
    return {f"knn{k}_accuracy": metrics.knn_accuracy(nearest[:, :k], test_labels) for k in NEIGHBOURS}


def _error_at_code(model: Model, data: ImageSet, test_codes: Tensor, measured: Measured) -> Metrics:
    error = metrics.squared_error_at_code(model, data.test_images, data.test_labels, test_codes)
    measured.keep_of_images("squared_error_at_code", error)
    return {"squared_error_at_code": error.double().mean().item()}


def _classifier_label(
    model: Model, image_classifier: nn.Module, data: ImageSet, test_codes: Tensor, measured: Measured
) -> None:
    seen = metrics.classifier_label(model, image_classifier, data.test_labels, test_codes)
    if seen.max() >= model.classes:
        raise ValueError(f"the classifier knows more than the {model.classes} classes of the model")
    measured.keep_of_images("classifier_label", seen)


def _noise_metrics(model: Model, config: TrainConfig, data: ImageSet, measured: Measured) -> None:
    """Keep the error from noisy images of a model that encodes them."""
    if config.has_encoder:
        measured.take("errors from noisy images", lambda: _error_from_noisy(model, data))


def _error_from_noisy(model: Model, data: ImageSet) -> Metrics:
    error = metrics.squared_error_from_noisy(model, data.test_images, data.test_labels)
    return {"squared_error_from_noisy": error, "noise_share": metrics.NOISE_SHARE}


def _class_agreement(model: CVAE, image_classifier: nn.Module, data: ImageSet) -> Metrics:
    return {
        "class_agreement": metrics.class_agreement(model, image_classifier),
        "class_agreement_n": metrics.SAMPLES_PER_CLASS * model.classes,
        "classifier_accuracy": classifier.accuracy(image_classifier, data.test_images, data.test_labels),
    }


def collapse(config: TrainConfig, measured: Metrics) -> str:
    """How far a model has collapsed, in one sentence; empty if it has not.

    Args:
        config: of the model.
        measured: its metrics.
    """
    used = measured.get("used_dimensions", config.latent_dim)
    if used == config.latent_dim:
        return ""
    return (
        f"collapsed: the codes use {used} of {config.latent_dim} dimensions, and hardly vary along the others; or the "
        "model has not been trained for long enough"
    )


def _exact_metrics(model: VAE, config: TrainConfig, data: ImageSet, measured: Measured) -> None:
    """Keep the metrics of `exact_metrics`."""
    x, y = _whole(config, data.test_images, data.test_labels)
    exact_metrics.of_images(model, x, y, measured)
    _lattice_metrics(model, config, x, y, measured)
    if model.latent_dim == 2:
        images, labels = _whole(config, data.train_images, data.train_labels)
        measured.attempt(
            "aggregate posterior",
            lambda: exact_metrics.of_codes(model, images, labels, not config.has_encoder, measured),
        )
    if config.likelihood in CODE_STEPS:
        step = CODE_STEPS[config.likelihood]
        measured.take("the two-part code", lambda: exact_metrics.code_bits(measured.metrics, step))
    if isinstance(model, CVAE):
        measured.take(
            "a classifier trained on samples only",
            lambda: {"cas": exact_metrics.classification_accuracy_score(model, data)},
        )


def _whole(config: TrainConfig, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """All images as the likelihood takes them, (N, 1, 28, 28), with their labels."""
    pixels, y = zip(*metrics.likelihood_inputs(config, images, labels), strict=True)
    return torch.cat(pixels), torch.cat(y)


class Column(NamedTuple):
    """A metric in the tables: its heading, how its numbers are written, and what it is."""

    heading: str
    form: str
    meaning: str


TABLES = {  # subject: its metrics
    "Images at their codes": {
        "squared_error": Column("squared error", ".2f", "summed over the 784 pixels, at a z drawn from q(z|x)"),
        "squared_error_at_code": Column("at the code", ".2f", "the same of the grey image, decoded at its code"),
        "squared_error_from_noisy": Column(
            "from noisy",
            ".2f",
            f"the same to the grey image, decoded at the code of that image with {metrics.NOISE_SHARE:.0%} of its "
            "pixels dropped",
        ),
        "knn5_accuracy": Column("5-NN", ".1%", "test codes whose 5 nearest training codes vote for their class"),
    },
    "Likelihood": {
        "log_px_nats": Column("log p(x)", ".2f", "the integral over the plane; of a CVAE, log p(x\\|y)"),
        "elbo_nats": Column("ELBO", ".2f", "with the model's q, the KL already taken off"),
        "kl_nats": Column("KL", ".2f", "of that q to the prior"),
        "refined_elbo_nats": Column("ELBO, best q", ".2f", "with the best diagonal normal found for each image"),
        "iw500_nats": Column("IW-500", ".2f", "the importance-weighted bound of 500 draws of that q"),
        "log_px_summed_nats": Column("label summed out", ".2f", "of a CVAE: log p(x), each class as likely as another"),
    },
    "What codes tell of images": {
        "mutual_information_nats": Column(
            "information", ".2f", "nats that a draw of the encoder's q tells of which image it is of, at most the KL"
        ),
        "active_units": Column("active units", "g", "axes of the latent space along which the codes vary"),
    },
    "Without an encoder": {
        "lattice_gap_nats": Column("gap", ".3f", "log p(x) less the ELBO of one diagonal normal for each image"),
        "lattice_mixture_gap_nats": Column("gap, mixture", ".3f", "of a mixture of at most four normals"),
        "lattice_least_gain_nats": Column(
            "least gain", ".3f", "how far the ELBO is above that of the encoder's q, of the image where it is least"
        ),
        "lattice_ms": Column("ms an image", ".1f", "processor time for the normal, on one core"),
        "lattice_seconds": Column("seconds before", ".2f", "processor time to decode the lattice, of a CVAE all ten"),
    },
    "The prior, and the label": {
        "aggregate_kl_nats": Column("aggregate KL", ".3f", "of all training images' posteriors together to the prior"),
        "holes": Column("holes", ".1%", "share of the prior that those posteriors leave nearly empty"),
        "bayes_accuracy": Column("Bayes class", ".1%", "images whose class has the greatest p(x\\|y)"),
        "class_agreement": Column(
            "agreement", ".2%", "samples that a separate classifier takes for the class asked for"
        ),
        "cas": Column("CAS", ".2%", "accuracy on real test images of a classifier trained on samples only"),
        "classifier_accuracy": Column(
            "trained on real", ".2%", "accuracy of the same classifier trained on real images"
        ),
    },
}


def table(checkpoints: list[Checkpoint]) -> str:
    """The recorded test metrics as Markdown: for each subject, a table for each likelihood and data set.

    Nats of different likelihoods share no column. All metrics are of all test images. Where only some of them were used
    (`exact_metrics`), the standard error stands beside the metric.
    """
    groups: dict[str, list[Checkpoint]] = {}
    for each in checkpoints:
        groups.setdefault(_likelihood(each.config) + _of_data(each.config), []).append(each)
    lines = []
    for subject, columns in TABLES.items():
        present = {
            key: column for key, column in columns.items() if any(key in each.record["test"] for each in checkpoints)
        }
        if not present:
            continue
        lines += [f"## {subject}", ""]
        for comparable, group in groups.items():
            lines += _rows(comparable, group, present)
        lines += [f"- *{column.heading}*: {column.meaning}." for column in present.values()] + [""]
    return "\n".join(lines).rstrip()


def _rows(comparable: str, group: list[Checkpoint], columns: dict[str, Column]) -> list[str]:
    """A table of models of one likelihood, less the columns that it would leave empty; no lines if that is all."""
    filled = {key: column for key, column in columns.items() if any(key in each.record["test"] for each in group)}
    rows = [
        _row([each.name, *(_number(each.record["test"], key, column.form) for key, column in filled.items())])
        for each in group
        if any(key in each.record["test"] for key in filled)
    ]
    if not rows:
        return []
    head = _row(["model", *(column.heading for column in filled.values())])
    return [f"Likelihood: {comparable}.", "", head, _row(["---", *["---:"] * len(filled)]), *rows, ""]


def _likelihood(config: TrainConfig) -> str:
    return f"gaussian, sigma = {config.sigma:.4g}" if config.likelihood == "gaussian" else config.likelihood


def _of_data(config: TrainConfig) -> str:
    return "" if config.dataset == MNIST else f"; data: {config.dataset}"


def _number(test: Metrics, key: str, form: str) -> str:
    """A metric, with its standard error if only some of the images were used."""
    if key not in test:
        return ""
    error = test.get(f"{key}_se") if key in OF_SOME_IMAGES else None
    return format(test[key], f"z{form}") + ("" if error is None else f" ± {error:{form}}")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> None:
    """`python -m vae.evaluate checkpoints/vae`: measure again; `--table`: print what is recorded as Markdown."""
    parser = commands.Parser(prog="python -m vae.evaluate", description="Measure models on the test set.")
    parser.add_argument(
        "paths",
        nargs="*",
        type=lambda path: bare(expanded(path)),
        help="such as checkpoints/vae; all of --folder if none is given",
    )
    parser.add_argument("--table", action="store_true", help="print what is recorded as Markdown, measuring nothing")
    parser.add_argument("--quick", action="store_true", help="only what takes seconds: no integral over z, no CAS")
    parser.add_argument("--codes", action="store_true", help="only put the codes into the checkpoint again")
    parser.add_argument("--lattice", action="store_true", help="only measure what the decoded lattice says of images")
    parser.add_argument("--noisy", action="store_true", help="only measure the error from noisy images")
    parser.add_argument("--json", type=expanded, metavar="FILE", help="also write the measured metrics here")
    parser.add_argument(
        "--record", action="store_true", help="put metrics, of each image too, and codes into the checkpoint as well"
    )
    flags.add_folder(parser, stored_checkpoint.FOLDER, "of models and classifier")
    flags.add_data_dir(parser)
    commands.run(parser, _run, arguments)


def _run(given: argparse.Namespace) -> None:
    paths = given.paths or [given.folder / name for name in stored_checkpoint.names(given.folder)]
    if not paths:
        raise CheckpointError(f"there is no model in {given.folder}: train one with `python -m vae.train`")
    checkpoints = [checkpoint.read(path) for path in paths]
    sets: dict[str, ImageSet] = {}
    if given.table:
        print(table(checkpoints))
        metrics_of = {each.name: each.record["test"] for each in checkpoints}
    elif given.codes:
        metrics_of = {path.name: _coded(path, sets, given.data_dir) for path in paths}
    else:
        use_fast_float32()
        metrics_of = {path.name: _measured(path, sets, given) for path in paths}
    if given.json:
        given.json.write_text(json.dumps(metrics_of, indent=1) + "\n", encoding="utf-8")


def _coded(path: Path, sets: dict[str, ImageSet], data_dir: str | Path) -> Metrics:
    """Put the codes of a model into its checkpoint again, and print how far they moved.

    What was measured of each image at a code that has moved is no longer true, and goes.
    """
    with locked(path):
        each = checkpoint.read(path)
        data = _data_of(each, sets, data_dir)
        codes = metrics.encode(each.model, data.test_images, data.test_labels)
        moved = (codes - each.codes).norm(dim=1)
        gone = {name for name in AT_CODES if name in each.image_metrics and moved.any()}
        kept = {name: values for name, values in each.image_metrics.items() if name not in gone}
        checkpoint.write(path, replace(each, codes=codes, image_metrics=kept))
    print(f"{each.name}: {int((moved > 0).sum())} of {len(codes)} codes moved, by up to {moved.max():.4g}")
    if gone:
        print(f"  {' and '.join(sorted(gone))} of each image were of the old codes and are gone: measure with --record")
    return each.record["test"]


def _data_of(each: Checkpoint, sets: dict[str, ImageSet], data_dir: str | Path) -> ImageSet:
    """The data set that a model was trained on; `sets` are those read so far."""
    dataset = each.config.dataset
    if dataset not in sets:
        sets[dataset] = load_dataset(dataset, data_dir)
    check_same(each, sets[dataset])
    return sets[dataset]


def _measured(path: Path, sets: dict[str, ImageSet], given: argparse.Namespace) -> Metrics:
    """Measure and print the metrics of a model, and record them if asked; `sets` are the data sets read so far."""
    with locked(path) if given.record else nullcontext():  # so that no other process replaces it meanwhile
        each = checkpoint.read(path)
        data = _data_of(each, sets, given.data_dir)
        some = given.lattice or given.noisy
        if some:
            measured = _with_some_anew(each, data, given)
        else:
            image_classifier = classifier_of(given.folder, each.config.dataset)
            measured = measure(each.model, each.config, data, image_classifier, not given.quick, _announce)
        print(f"{each.name}: {each.config.model}, likelihood {_likelihood(each.config)}{_of_data(each.config)}")
        for name, value in measured.metrics.items():
            print(f"  {name:30}{_written(value):>12}")
        if given.record:
            record = each.record | {"test": measured.metrics}
            if some:
                write_record(path, record)
            else:
                codes = metrics.encode(each.model, data.test_images, data.test_labels)
                checkpoint.write(path, replace(each, codes=codes, record=record, image_metrics=measured.of_images))
    return measured.metrics


def _written(value: float | int | list[int] | list[float]) -> str:
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _with_some_anew(each: Checkpoint, data: ImageSet, given: argparse.Namespace) -> Measured:
    """The recorded metrics of a model, and anew those that are asked for, as far as it has them."""
    measured = Measured(_announce)
    measured.keep(each.record["test"])
    if given.noisy:
        _noise_metrics(each.model, each.config, data, measured)
    if given.lattice and isinstance(each.model, VAE):
        x, y = _whole(each.config, data.test_images, data.test_labels)
        _lattice_metrics(each.model, each.config, x, y, measured)
    return measured


def _lattice_metrics(model: VAE, config: TrainConfig, x: Tensor, y: Tensor, measured: Measured) -> None:
    """Keep the metrics of the decoded lattice of a model that has one."""
    if model.latent_dim > 2:
        return
    together = config.objective != "exact"  # decoder and encoder were trained
    measured.take("the decoded lattice", lambda: exact_metrics.of_lattice(model, x, y, together, measured.metrics))


def classifier_of(folder: str | Path, dataset: str) -> classifier.Classifier | None:
    """The classifier of a data set; None, with the reason on standard error, if there is none.

    Args:
        folder: of the checkpoints.
        dataset: as `TrainConfig.dataset`.
    """
    try:
        return classifier.of_dataset(folder, dataset)
    except CheckpointError as error:
        print(f"what a classifier says of images will not be measured: {error}", file=sys.stderr)
        return None


def check_same(trained: Checkpoint, data: ImageSet) -> None:
    """Check that the data set is still the one that a model was trained on, as far as its record tells.

    Args:
        trained: the model.
        data: the set that is there now.

    Raises:
        DataError: if class names or test images differ.
    """
    known = trained.record.get("test_sha256")
    if data.class_names != trained.class_names or known not in (None, fingerprint(data.test_images)):
        raise DataError(
            f"{trained.config.dataset} is no longer what {trained.name} was trained on: bring it back as it was, or "
            "train again"
        )


def _announce(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr)


if __name__ == "__main__":
    main()
