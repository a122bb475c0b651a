"""Every reported number of a model, from one function, with its n and its seed.

    squared_error           sum over pixels of (x - E[x|z])^2, at z ~ q(z|x) as in training; an AE: at its code
    squared_error_at_code   the same of the grey image at the code the maps show: the mean of q, or the exact mode
    kl_nats                 KL(q(z|x) || N(0, I)), closed form
    squared_error_plus_kl   the objective under a Gaussian of variance 1/2, less its constant
    log_likelihood_nats     log p(x|z) at the drawn z; of one likelihood, comparable with no other
    elbo_nats               log_likelihood_nats - kl_nats
    knn1_accuracy, knn5_    share of test codes whose 1 or 5 nearest training codes vote for their label
    class_agreement         share of a CVAE's samples in which a classifier sees the class that was asked for
    classifier_accuracy          share of real test images that it gets right: about the most that CAS could be
    used_dimensions         in how many directions the codes vary, see `collapse`; if fewer than D, some have collapsed
    code_holes              of an AE: share of a normal with its codes' mean and covariance that no code covers

All are means over the test set; with dynamic binarization, over binary images drawn once from the seed. What takes
minutes, log p(x) itself before all, is in `exact_metrics`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from vae import classifier, commands, exact_metrics, flags
from vae.collapse import used_dimensions
from vae.config import TrainConfig
from vae.distributions import squared_error
from vae.images.sources import MNIST, load_dataset
from vae.images.tensors import DataError, ImageSet, binarize, fingerprint, to_pixels
from vae.inference import aggregate, map_codes
from vae.matmul_precision import use_fast_float32
from vae.measured import Measured, Metrics, Tell
from vae.models import AE, CVAE, VAE
from vae.objectives import Terms, metrics
from vae.storage import checkpoint, stored_checkpoint
from vae.storage.checkpoint import Checkpoint
from vae.storage.file_pair import CheckpointError, bare, expanded, locked

Model = AE | VAE | CVAE

SEED = 0
CODE_STEPS = {"bernoulli": 1.0, "gaussian": 1 / 255}  # between two values of a pixel, where x has a code
SAMPLES_PER_CLASS = 1_000
OF_SOME = ("refined_elbo_nats", "iw500_nats", "log_px_summed_nats", "bayes_accuracy")  # of the test images
NEIGHBOURS = (1, 5)  # that vote for a label
_BLOCK = 1_000


def measure(
    model: Model,
    config: TrainConfig,
    data: ImageSet,
    image_classifier: nn.Module | None,
    thorough: bool = False,
    tell: Tell = lambda what: None,
    on_objective: Callable[[Metrics], object] = lambda found: None,
) -> Metrics:
    """The metrics of a model on the test set, on the CPU; if `thorough`, those of `exact_metrics` as well, in minutes.

    `judge` is the classifier, None where there is none; `tell` is called with what is being measured, `on_objective`
    with the first metrics, which take next to no time and memory, before any other. A metric that cannot be measured is
    left out, and standard error says why.
    """
    measured = Measured(tell)
    measured.take("objective", lambda: _of_objective(model, config, data))
    on_objective(dict(measured.metrics))
    measured.attempt("codes", lambda: _of_codes(model, config, data, measured))
    if isinstance(model, CVAE) and image_classifier is not None:
        measured.take("class agreement", lambda: _class_agreement(model, image_classifier, data))
    if thorough and isinstance(model, VAE):
        measured.attempt("the metrics that need integrals", lambda: _theory(model, config, data, measured))
    return measured.metrics


def _of_objective(model: Model, config: TrainConfig, data: ImageSet) -> Metrics:
    found = metrics(terms(model, config, data.test_images, data.test_labels), config.beta)
    if model.has_prior:
        found["squared_error_plus_kl"] = found["squared_error"] + found["kl_nats"]
    return {"n": len(data.test_images), "seed": SEED, **found}


def _of_codes(model: Model, config: TrainConfig, data: ImageSet, measured: Measured) -> None:
    """The metrics of the codes of both parts of a set."""
    test = data.test_images, data.test_labels
    codes, test_codes = (encode(model, config, *part) for part in ((data.train_images, data.train_labels), test))
    measured.take("used dimensions", lambda: {"used_dimensions": used_dimensions(test_codes.numpy(), model.has_prior)})
    measured.take("neighbours", lambda: _knn(codes, data.train_labels, test_codes, data.test_labels))
    measured.take(
        "errors at the codes", lambda: {"squared_error_at_code": squared_error_at_code(model, *test, test_codes)}
    )
    if not model.has_prior and model.latent_dim == 2:
        measured.take("holes between the codes", lambda: {"code_holes": aggregate.density_of_codes(codes).holes})


def _knn(codes: Tensor, labels: Tensor, test_codes: Tensor, test_labels: Tensor) -> Metrics:
    near = nearest_labels(codes, labels, test_codes, max(NEIGHBOURS))
    return {f"knn{k}_accuracy": knn_accuracy(near[:, :k], test_labels) for k in NEIGHBOURS}


def _class_agreement(model: CVAE, image_classifier: nn.Module, data: ImageSet) -> Metrics:
    return {
        "class_agreement": class_agreement(model, image_classifier),
        "class_agreement_n": SAMPLES_PER_CLASS * model.classes,
        "classifier_accuracy": classifier.accuracy(image_classifier, data.test_images, data.test_labels),
    }


def collapse(config: TrainConfig, found: Metrics) -> str:
    """How far a model with these metrics has collapsed, in one sentence; empty if it has not."""
    used = found.get("used_dimensions", config.latent_dim)
    if used == config.latent_dim:
        return ""
    return (
        f"collapsed: the codes use {used} of {config.latent_dim} dimensions, and hardly vary along the others; or the "
        "model has not been trained for long enough"
    )


def _theory(model: VAE, config: TrainConfig, data: ImageSet, measured: Measured) -> None:
    """The metrics of `exact_metrics`."""
    x, y = (torch.cat(part) for part in zip(*_blocks(config, data.test_images, data.test_labels), strict=True))
    exact_metrics.of_images(model, x, y, measured)
    if model.latent_dim == 2:
        blocks = list(_blocks(config, data.train_images, data.train_labels))
        images, labels = (torch.cat(part) for part in zip(*blocks, strict=True))
        measured.attempt(
            "aggregate posterior",
            lambda: exact_metrics.of_codes(model, images, labels, config.codes_are_modes, measured),
        )
    if config.likelihood in CODE_STEPS:
        found, step = measured.metrics, CODE_STEPS[config.likelihood]
        nats = [found.get(name) for name in ("log_likelihood_nats", "kl_nats", "log_px_nats")]
        measured.take("the two-part code", lambda: exact_metrics.code_bits(*nats, step))
    if isinstance(model, CVAE):
        measured.take(
            "a classifier trained on samples only",
            lambda: {"cas": exact_metrics.classification_accuracy_score(model, data)},
        )


@torch.inference_mode()
def terms(model: Model, config: TrainConfig, images: Tensor, labels: Tensor) -> list[Terms]:
    """The parts of the objective for uint8 images (N, 28, 28), in blocks, the noise always from the same seed."""
    noise = torch.Generator(images.device).manual_seed(SEED)
    return [
        model.terms(x, one_hot(y, model.classes).float() if model.conditional else None, noise)
        for x, y in _blocks(config, images, labels)
    ]


@torch.inference_mode()
def squared_error_at_code(model: Model, images: Tensor, labels: Tensor, codes: Tensor) -> float:
    """The mean over uint8 images (N, 28, 28) of the squared error between an image and its code (N, D) decoded."""
    blocks = zip(images.split(_BLOCK), labels.split(_BLOCK), codes.split(_BLOCK), strict=True)
    errors = [squared_error(to_pixels(block), model.decode(z, y)) for block, y, z in blocks]
    return torch.cat(errors).double().mean().item()


@torch.no_grad()
def encode(model: Model, config: TrainConfig, images: Tensor, labels: Tensor) -> Tensor:
    """The codes (N, D) of uint8 images (N, 28, 28), grey as they are.

    The encoder's; but of a model that was trained on log p(x) itself, where D <= 2, the modes of the exact posteriors:
    its decoder has never heard of its encoder, which is only the quicker way there.
    """
    if config.codes_are_modes and isinstance(model, VAE):
        return map_codes.posterior_modes(model, to_pixels(images), labels)
    return encoded(model, images, labels)


@torch.no_grad()
def encoded(model: Model, images: Tensor, labels: Tensor) -> Tensor:
    """The codes (N, D) that the encoder gives uint8 images (N, 28, 28)."""
    pairs = zip(images.split(_BLOCK), labels.split(_BLOCK), strict=True)
    return torch.cat([model.encode(to_pixels(block), y) for block, y in pairs])


def nearest_labels(codes: Tensor, labels: Tensor, test_codes: Tensor, k: int) -> Tensor:
    """The labels (N,) of the k codes (N, D) nearest to each test code (M, D), Euclidean, the nearest first: (M, k)."""
    k, codes = min(k, len(codes)), codes.double()
    blocks = test_codes.double().split(_BLOCK)
    return labels[torch.cat([torch.cdist(block, codes).topk(k, largest=False).indices for block in blocks])]


def knn_accuracy(nearest: Tensor, labels: Tensor) -> float:
    """Share of labels (M,) that those of the nearest codes (M, k) vote for; a tie goes to the nearest voter."""
    ranks = torch.arange(1, nearest.shape[1] + 1, device=nearest.device)
    weights = 1 + 0.1 * 0.5**ranks  # the excess decides ties only: it sums to less than 0.1
    votes = (one_hot(nearest) * weights[:, None]).sum(1)  # (M, C)
    return (votes.argmax(1) == labels).double().mean().item()


@torch.inference_mode()
def class_agreement(model: CVAE, image_classifier: nn.Module) -> float:
    """Share of samples (z ~ N(0, I), the decoder's mean) in which the classifier sees the class that was asked for."""
    asked = torch.arange(model.classes).repeat_interleave(SAMPLES_PER_CLASS)
    z = model.prior().rsample((len(asked),), generator=torch.Generator().manual_seed(SEED))  # (N, D)
    seen = [
        image_classifier(model.decode(*pair)).argmax(1)
        for pair in zip(z.split(_BLOCK), asked.split(_BLOCK), strict=True)
    ]
    return (torch.cat(seen) == asked).double().mean().item()


def table(checkpoints: list[Checkpoint]) -> str:
    """The recorded test metrics as Markdown, a table for each likelihood and data set: their nats share no column.

    All are of all test images. Where some of those had to do (`exact_metrics`), the standard error of that stands
    beside.
    """
    columns = {  # metric: (heading, format)
        "squared_error": ("squared error", ".2f"),
        "squared_error_at_code": ("at the code", ".2f"),
        "kl_nats": ("KL (nats)", ".2f"),
        "elbo_nats": ("ELBO (nats)", ".2f"),
        "refined_elbo_nats": ("ELBO, q refined", ".2f"),
        "iw500_nats": ("IW-500", ".2f"),
        "log_px_nats": ("log p(x), or p(x\\|y)", ".2f"),
        "log_px_summed_nats": ("log p(x), label summed out", ".2f"),
        "aggregate_kl_nats": ("aggregate KL", ".3f"),
        "holes": ("holes", ".1%"),
        "knn5_accuracy": ("5-NN", ".1%"),
        "bayes_accuracy": ("Bayes class", ".1%"),
        "class_agreement": ("class agreement", ".2%"),
        "cas": ("CAS", ".2%"),
        "classifier_accuracy": ("trained on real", ".2%"),
    }
    groups: dict[str, list[Checkpoint]] = {}
    for each in checkpoints:
        groups.setdefault(_likelihood(each.config) + _of_data(each.config), []).append(each)
    lines = []
    for comparable, group in groups.items():
        shown = {key: column for key, column in columns.items() if any(key in each.record["test"] for each in group)}
        header = ["model", "network", "objective", *(heading for heading, _ in shown.values())]
        lines += [f"Likelihood: {comparable}.", "", _row(header), _row(["---", "---", "---", *["---:"] * len(shown)])]
        for each in group:
            test, config = each.record["test"], each.config
            numbers = [_number(test, key, form) for key, (_, form) in shown.items()]
            lines.append(_row([each.name, config.network, config.objective, *numbers]))
        lines.append("")
    return "\n".join(lines).rstrip()


def _blocks(config: TrainConfig, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator(images.device).manual_seed(SEED + 1)  # other draws than the latent noise
    for block, y in zip(images.split(_BLOCK), labels.split(_BLOCK), strict=True):
        x = to_pixels(block)
        yield (binarize(x, generator) if config.likelihood == "bernoulli" else x), y


def _likelihood(config: TrainConfig) -> str:
    return f"gaussian, sigma = {config.sigma:.4g}" if config.likelihood == "gaussian" else config.likelihood


def _of_data(config: TrainConfig) -> str:
    return "" if config.dataset == MNIST else f"; data: {config.dataset}"


def _number(test: Metrics, key: str, form: str) -> str:
    """A metric, with its standard error if it is of some of the images."""
    if key not in test:
        return ""
    error = test.get(f"{key}_se") if key in OF_SOME else None
    return format(test[key], form) + ("" if error is None else f" ± {error:{form}}")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str] | None = None) -> None:
    """`python -m vae.evaluate checkpoints/vae`: measure anew; `--table`: print what is recorded as Markdown."""
    parser = commands.Parser(prog="python -m vae.evaluate", description="Measure models on the test set.")
    parser.add_argument(
        "paths",
        nargs="*",
        type=lambda path: bare(expanded(path)),
        help="such as checkpoints/vae; all of --folder if none is given",
    )
    parser.add_argument("--table", action="store_true", help="print what is recorded as Markdown, measuring nothing")
    parser.add_argument("--quick", action="store_true", help="only what takes seconds: no integral over z, no CAS")
    parser.add_argument("--codes", action="store_true", help="only put the codes into the checkpoint anew")
    parser.add_argument("--json", type=expanded, metavar="FILE", help="also write the measured metrics here")
    parser.add_argument("--record", action="store_true", help="put metrics and codes into the checkpoint as well")
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
        found = {each.name: each.record["test"] for each in checkpoints}
    elif given.codes:
        found = {path.name: _coded(path, sets, given.data_dir) for path in paths}
    else:
        use_fast_float32()
        found = {path.name: _measured(path, sets, given) for path in paths}
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _coded(path: Path, sets: dict[str, ImageSet], data_dir: str | Path) -> Metrics:
    """Put the codes of a model into its checkpoint anew; how far they moved, printed."""
    with locked(path):
        each = checkpoint.read(path)
        data = _data_of(each, sets, data_dir)
        codes = encode(each.model, each.config, data.test_images, data.test_labels)
        moved = (codes - each.codes).norm(dim=1)
        checkpoint.write(path, replace(each, codes=codes))
    print(f"{each.name}: {int((moved > 0).sum())} of {len(codes)} codes moved, by up to {moved.max():.4g}")
    return each.record["test"]


def _data_of(each: Checkpoint, sets: dict[str, ImageSet], data_dir: str | Path) -> ImageSet:
    """The data set that a model was trained on; `sets` are those read so far."""
    dataset = each.config.dataset
    if dataset not in sets:
        sets[dataset] = load_dataset(dataset, data_dir)
    check_same(each, sets[dataset])
    return sets[dataset]


def _measured(path: Path, sets: dict[str, ImageSet], given: argparse.Namespace) -> Metrics:
    """The metrics of a model, printed, and recorded where that is asked for; `sets` are the data sets read so far."""
    with locked(path) if given.record else nullcontext():  # so that nobody retrains it meanwhile
        each = checkpoint.read(path)
        data = _data_of(each, sets, given.data_dir)
        image_classifier = classifier_of(given.folder, each.config.dataset) if each.config.conditional else None
        found = measure(each.model, each.config, data, image_classifier, not given.quick, tell)
        print(f"{each.name}: {each.config.model}, likelihood {_likelihood(each.config)}{_of_data(each.config)}")
        for name, value in found.items():
            print(f"  {name:28}{value:>12.4f}" if isinstance(value, float) else f"  {name:28}{value!s:>12}")
        if given.record:
            codes = encode(each.model, each.config, data.test_images, data.test_labels)
            checkpoint.write(path, replace(each, codes=codes, record=each.record | {"test": found}))
    return found


def classifier_of(folder: str | Path, dataset: str) -> classifier.Classifier | None:
    """The judge of a data set; None, with the reason on standard error, where there is none."""
    try:
        return classifier.of_dataset(folder, dataset)
    except CheckpointError as error:
        print(f"class agreement will not be measured: {error}", file=sys.stderr)
        return None


def check_same(trained: Checkpoint, data: ImageSet) -> None:
    """Raise DataError unless a model's test images are those of the set that is there now, as far as is recorded."""
    known = trained.record.get("test_sha256")
    if data.class_names != trained.class_names or known not in (None, fingerprint(data.test_images)):
        raise DataError(
            f"{trained.config.dataset} is no longer what {trained.name} was trained on: bring it back as it was, or "
            "train anew"
        )


def tell(what: str) -> None:
    """Say on standard error what is being measured."""
    print(f"measuring: {what}", file=sys.stderr)


if __name__ == "__main__":
    main()
