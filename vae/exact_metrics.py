"""The metrics of a VAE or CVAE that its encoder alone cannot tell, each with its error and its n.

    log_px_nats              log p(x), for a CVAE log p(x|y), by quadrature; _se over images, _error_nats of the grid
    iw500_nats               the importance-weighted bound with 500 draws: log p(x) less iw500_below_nats
    gap_nats                 log p(x) - elbo = what the best diagonal normal loses + what amortisation adds; of the best
                             that was found, so the first part errs upwards if at all; gap_error_nats of the grids
    refined_elbo_nats        the ELBO of that best normal, q refined for each image: log p(x) less what the family loses
    code_*_bits              the two-part code of an image
    aggregate_kl_nats        KL of the aggregate posterior of the training images to the prior, and its holes; of q, but
                             of the exact p(z|x) where the decoder was trained without q
    log_px_summed_nats       a CVAE's log p(x) = log sum_y p(x|y) / C: log p(x|y) less log_px_summed_below_nats;
                             log_px_summed_error_nats of the grids; and bayes_accuracy of argmax_y p(x|y)
    cas                      accuracy on real test images of a classifier that was trained on samples only; the same
                             network trained on real images has the classifier_accuracy of `evaluate`

Quadrature needs D <= 2; with more dimensions only the importance-weighted bound and the code are left. What is dear is
taken on as many images as the metric's _n says, spread evenly over the test set, whose first half is easier than its
second. Images differ from each other by far more than two metrics of one image do. So of log p(x) and what stands
beside it the difference is taken on those images, and subtracted from the log p(x) of all; its error is the metric's.

Ravuri and Vinyals, Classification accuracy score for conditional generative models, 2019.
"""

import math

import torch
from torch import Tensor

from vae import classifier
from vae.images.tensors import ImageSet
from vae.inference import aggregate, estimators, quadrature
from vae.inference.inference_gap import gap
from vae.inference.two_part_code import two_part_code_bits
from vae.measured import Measured, Metrics
from vae.models import CVAE, LatentVariableModel

SEED = 0
IMAGES = 2_000  # that dear metrics are taken on
GAP_IMAGES = 250  # and those for which one image takes a second
DRAWS = 500
HARDEST = 12
SUMMED_TOLERANCE_NATS = 0.05
SAMPLES_PER_CLASS = 6_000  # as many as MNIST has training images
_BLOCK = 1_000


@torch.no_grad()
def of_images(model: LatentVariableModel, x: Tensor, y: Tensor, measured: Measured) -> None:
    """What the integrals over z say of test images x (N, 1, 28, 28) with labels y, as the likelihood takes them."""
    labels = y if model.conditional else None
    few, some = spread(len(x), IMAGES), spread(len(x), GAP_IMAGES)
    iw = measured.attempt(
        f"importance-weighted bound, {DRAWS} draws",
        lambda: estimators.importance(model, x[few], DRAWS, _generator(), _of(labels, few)).nats,
    )
    if iw is not None:
        measured.keep(_mean("iw500_nats", iw) | {"iw500_n": len(few)})
    if model.latent_dim > 2:
        return
    evidence = measured.attempt("log p(x) by quadrature", lambda: quadrature.log_evidence(model, x, labels))
    if evidence is not None:
        measured.keep(_mean("log_px_nats", evidence.log_px_nats))
        measured.keep({"log_px_error_nats": evidence.error_nats.mean().item(), "log_px_step": evidence.step})
    if evidence is not None and iw is not None:
        below = _mean("iw500_below_nats", evidence.log_px_nats[few] - iw)
        measured.keep(below | _less("iw500_nats", measured.metrics, below, "iw500_below_nats"))
    measured.take("the gap and its two parts", lambda: _gap(model, x, labels, some, measured.metrics))
    if isinstance(model, CVAE):
        measured.take(
            "log p(x) with the label summed out", lambda: summed_out(model, x[some], labels[some], measured.metrics)
        )


def spread(count: int, most: int) -> Tensor:
    """The ranks of at most so many of `count` images, spread evenly."""
    return torch.arange(min(count, most)) * count // min(count, most)


def _gap(model: LatentVariableModel, x: Tensor, y: Tensor | None, some: Tensor, before: Metrics) -> Metrics:
    """The gap of some images and its parts, and the refined bound if log p(x) is among the metrics of `before`."""
    parts, found = gap(model, x[some], _of(y, some)), {}
    for name in ("gap_nats", "approximation_gap_nats", "amortization_gap_nats"):
        found |= _mean(name, getattr(parts, name))
    found |= {"gap_error_nats": parts.error_nats.mean().item()}
    found |= {"gap_median_nats": parts.gap_nats.median().item(), "gap_n": len(some)}
    found |= _less("refined_elbo_nats", before, found, "approximation_gap_nats")
    return found | {"hardest": some[parts.gap_nats.topk(min(HARDEST, len(some))).indices].tolist()}


@torch.no_grad()
def summed_out(model: CVAE, x: Tensor, y: Tensor, before: Metrics) -> Metrics:
    """log p(x) = log 1/C sum_y p(x|y), all C classes alike, and how often the class of highest p(y|x) is the label.

    log p(x) is told of all images, if log p(x|y) is among the metrics of `before`.
    """
    each = [
        quadrature.log_evidence(model, x, torch.full_like(y, label), SUMMED_TOLERANCE_NATS)
        for label in range(model.classes)
    ]
    log_px, errors = (torch.stack([getattr(one, name) for one in each], 1) for name in ("log_px_nats", "error_nats"))
    joint = log_px - math.log(model.classes)  # (N, C)
    given = log_px.gather(1, y.cpu()[:, None])[:, 0]
    error = (joint.softmax(1) * errors).sum(1)  # by which each p(x|y) moves their sum
    found = _mean("log_px_summed_below_nats", given - joint.logsumexp(1))
    found |= _less("log_px_summed_nats", before, found, "log_px_summed_below_nats")
    right = (joint.argmax(1) == y.cpu()).double()
    found |= {"log_px_summed_error_nats": error.mean().item(), "log_px_summed_n": len(x)}
    return found | _mean("bayes_accuracy", right)


def _less(name: str, before: Metrics, found: Metrics, difference: str) -> Metrics:
    """The log p(x) of all images less a mean difference from it, with the error of the difference."""
    if "log_px_nats" not in before:
        return {}
    return {name: before["log_px_nats"] - found[difference], f"{name}_se": found[f"{difference}_se"]}


def _of(y: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if y is None else y[rows]


@torch.no_grad()
def of_codes(model: LatentVariableModel, x: Tensor, y: Tensor, exact: bool, measured: Measured) -> None:
    """Aggregate posterior and holes of training images x (N, 1, 28, 28) with labels y, of the exact p(z|x) or of q."""
    if exact:

        def of(rows: Tensor) -> aggregate.Aggregate:
            return aggregate.exact_aggregate(model, x[rows], _generator(), y[rows])

    else:
        blocks = zip(x.split(_BLOCK), y.split(_BLOCK), strict=True)
        posteriors = [model.posterior(*block) for block in blocks]
        mean, std = (torch.cat([getattr(q, part) for q in posteriors]) for part in ("mean", "stddev"))

        def of(rows: Tensor) -> aggregate.Aggregate:
            return aggregate.aggregate_posterior(mean[rows], std[rows])

    whole = of(torch.arange(len(x)))
    measured.keep({"aggregate_kl_nats": whole.kl_to_prior_nats, "holes": whole.holes, "aggregate_n": len(x)})
    excess = measured.attempt(
        "what few images add to the KL", lambda: aggregate.kl_excess_nats(whole, of, _generator())
    )
    if excess is not None:
        measured.keep({"aggregate_kl_excess_nats": excess})


def code_bits(before: Metrics, step: float) -> Metrics:
    """The two-part code of the average image.

    Args:
        before: what is measured already: log_likelihood_nats, kl_nats and, if it is known, log_px_nats.
        step: distance of two pixel values, as of `two_part_code.two_part_code_bits`.
    """
    log_likelihood, kl, log_px = (_scalar(before, name) for name in ("log_likelihood_nats", "kl_nats", "log_px_nats"))
    if log_likelihood is None or kl is None:
        return {}
    code = two_part_code_bits(log_likelihood, kl, log_px, step)
    return {f"code_{name}": value.item() for name, value in code._asdict().items() if value is not None}


def _scalar(metrics: Metrics, name: str) -> Tensor | None:
    return torch.tensor(metrics[name], dtype=torch.float64) if name in metrics else None


def classification_accuracy_score(model: CVAE, data: ImageSet) -> float:
    """CAS: the share of real test images that a classifier trained on the model's samples alone gets right."""
    asked = torch.arange(len(data.class_names)).repeat_interleave(SAMPLES_PER_CLASS)
    z = torch.randn(len(asked), model.latent_dim, generator=_generator())
    with torch.no_grad():
        means = [model.decode(*pair) for pair in zip(z.split(_BLOCK), asked.split(_BLOCK), strict=True)]
    images = (torch.cat(means)[:, 0] * 255).round().to(torch.uint8)
    image_classifier = classifier.train(data._replace(train_images=images, train_labels=asked))
    return classifier.accuracy(image_classifier, data.test_images, data.test_labels)


def _mean(name: str, values: Tensor) -> Metrics:
    """The mean over images and its standard error."""
    return {name: values.mean().item(), f"{name}_se": values.std().item() / math.sqrt(len(values))}


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)
