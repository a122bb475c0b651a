"""The metrics of a VAE or CVAE that take integrals over the latent space, each with its error and its n.

    log_px_nats              log p(x), for a CVAE log p(x|y), by quadrature; _se over images, _error_nats of the grid
    iw500_nats               the importance-weighted bound with 500 draws: log p(x) less iw500_below_nats
    gap_nats                 log p(x) - elbo = approximation_gap_nats + amortization_gap_nats (see `inference_gap`); of
                             the best q that was found, so the first part errs upwards if at all; gap_error_nats of the
                             grids
    refined_elbo_nats        the ELBO of the best diagonal normal for each image: log p(x) less the approximation gap
    lattice_gap_nats         log p(x) - ELBO of the normal that `DecodedLattice` gives without an encoder, and
                             lattice_mixture_gap_nats of its mixture; by ELBO_DRAWS draws for each image, with their
                             standard errors lattice_*_error_nats
    lattice_least_gain_nats  the least by which its ELBO is above that of the encoder's q, over all images; only where
                             the decoder was trained with the encoder
    lattice_ms               processor time for the normal of an image; lattice_seconds to decode the points
    code_*_bits              the two-part code of an image
    aggregate_kl_nats        KL of the aggregate posterior of the training images to the prior, and its holes; of q, but
                             of the exact p(z|x) where the decoder was trained without q
    log_px_summed_nats       a CVAE's log p(x) = log sum_y p(x|y) / C: log p(x|y) less log_px_summed_below_nats;
                             log_px_summed_error_nats of the grids; and bayes_accuracy of argmax_y p(x|y)
    cas                      accuracy on real test images of a classifier that was trained on samples only; the same
                             network trained on real images has the classifier_accuracy of `evaluate`

Quadrature needs D <= 2; with more dimensions there are only the importance-weighted bound and the code. An expensive
metric uses as many images as its _n says, spread evenly over the test set, whose first half is easier than its second.
Images differ from each other by far more than two metrics of one image do. So for a metric that is close to log p(x),
the difference to log p(x) is measured on those images and subtracted from the log p(x) of all images; the error of the
difference is the metric's.

Ravuri and Vinyals, Classification accuracy score for conditional generative models, 2019.
"""

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from vae import classifier, samples
from vae.distributions import DiagonalNormal
from vae.images.tensors import ImageSet
from vae.inference import aggregate, estimators, quadrature
from vae.inference.decoded_lattice import DecodedLattice
from vae.inference.inference_gap import expected_elbo, gap
from vae.inference.joint import labels_of, log_joint
from vae.inference.peak_normals import NormalMixture
from vae.inference.two_part_code import two_part_code_bits
from vae.measured import Measured, Metrics
from vae.models import CVAE
from vae.protocols import LatentVariableModel

SEED = 0
IMAGES = 2_000  # for an expensive metric
GAP_IMAGES = 250  # for a metric that takes a second for one image
DRAWS = 500
HARDEST = 12
ELBO_DRAWS = 64  # for each image
LOWEST, NEAR_NATS = 100, 0.3  # images whose two ELBOs are nearest by draws, and all nearer than this, have integrals
SUMMED_TOLERANCE_NATS = 0.05
SAMPLES_PER_CLASS = 6_000  # together as many as MNIST has training images
_BLOCK = 1_000


@torch.no_grad()
def of_images(model: LatentVariableModel, x: Tensor, y: Tensor, measured: Measured) -> None:
    """Measure what the integrals over z say of test images; log p(x) and the gap of each are kept as well.

    Args:
        model: with a prior, on the CPU.
        x: (N, 1, 28, 28) images, as the likelihood takes them.
        y: (N,) int64 labels, which only a conditional model uses.
        measured: keeps the metrics.
    """
    some, of_gap = spread(len(x), IMAGES), spread(len(x), GAP_IMAGES)
    labels = y if model.conditional else None
    iw = measured.attempt(
        f"importance-weighted bound, {DRAWS} draws",
        lambda: estimators.importance(model, x[some], DRAWS, _generator(), labels_of(model, y, some)).nats,
    )
    if iw is not None:
        measured.keep(_mean("iw500_nats", iw) | {"iw500_n": len(some)})
    if model.latent_dim > 2:
        return
    evidence = measured.attempt("log p(x) by quadrature", lambda: quadrature.log_evidence(model, x, labels))
    if evidence is not None:
        measured.keep(_mean("log_px_nats", evidence.log_px_nats))
        measured.keep({"log_px_error_nats": evidence.error_nats.mean().item(), "log_px_step": evidence.step})
        measured.keep_of_images("log_px_nats", evidence.log_px_nats)
        measured.attempt(
            "the gap of each image", lambda: _gap_of_images(model, x, labels, evidence.log_px_nats, measured)
        )
    if evidence is not None and iw is not None:
        below = _mean("iw500_below_nats", evidence.log_px_nats[some] - iw)
        measured.keep(below | _less("iw500_nats", measured.metrics, below, "iw500_below_nats"))
    measured.take("the gap and its two parts", lambda: _gap(model, x, labels, of_gap, measured.metrics))
    if isinstance(model, CVAE):
        measured.take(
            "log p(x) with the label summed out", lambda: summed_out(model, x[of_gap], y[of_gap], measured.metrics)
        )


def spread(count: int, most: int) -> Tensor:
    """The numbers of some images, spread evenly, (K,) int64.

    Args:
        count: how many images there are.
        most: how many are taken at most.
    """
    return torch.arange(min(count, most)) * count // min(count, most)


def _gap(model: LatentVariableModel, x: Tensor, y: Tensor | None, rows: Tensor, before: Metrics) -> Metrics:
    """The gap of some images and its parts, and the refined bound if log p(x) is among the metrics of `before`."""
    parts = gap(model, x[rows], labels_of(model, y, rows))
    measured: Metrics = {}
    for name in ("gap_nats", "approximation_gap_nats", "amortization_gap_nats"):
        measured |= _mean(name, getattr(parts, name))
    measured |= {"gap_error_nats": parts.error_nats.mean().item()}
    measured |= {"gap_median_nats": parts.gap_nats.median().item(), "gap_n": len(rows)}
    measured |= _less("refined_elbo_nats", before, measured, "approximation_gap_nats")
    measured["hardest"] = rows[parts.gap_nats.topk(min(HARDEST, len(rows))).indices].tolist()
    return measured


def _gap_of_images(
    model: LatentVariableModel, x: Tensor, y: Tensor | None, log_px_nats: Tensor, measured: Measured
) -> None:
    """Keep log p(x) - ELBO of the model's own q for each image."""
    elbo = expected_elbo(model, x, model.posterior(x, y), y).nats
    measured.keep_of_images("gap_nats", log_px_nats.to(elbo) - elbo)


@torch.no_grad()
def of_lattice(model: LatentVariableModel, x: Tensor, y: Tensor, encoder: bool, before: Metrics) -> Metrics:
    """How near the normals of a `DecodedLattice` come to log p(x), and how long they take.

    Args:
        model: with a prior and D <= 2, on the CPU.
        x: (N, 1, 28, 28) images, as the likelihood takes them.
        y: (N,) int64 labels, which only a conditional model uses.
        encoder: whether the decoder was trained with the encoder, so that the two are worth comparing.
        before: what is measured already; if log p(x) of these images is in it, the gaps are given.
    """
    labels = y if model.conditional else None
    started = time.process_time()
    lattice = DecodedLattice(model)
    lattice.decode_all(labels)
    decoded = time.process_time()
    q = lattice.posterior(x, labels)
    ended = time.process_time()
    mixture = lattice.mixture(x, labels)
    measured: Metrics = {"lattice_n": len(x), "lattice_seconds": decoded - started}
    measured["lattice_ms"] = 1e3 * (ended - decoded) / len(x)
    for name, normals in (("gap", q), ("mixture_gap", mixture)):
        values = _log_weights(model, x, labels, normals)
        error = (values.var(1).sum() / ELBO_DRAWS).sqrt().item() / len(x)
        log_px = before.get("log_px_nats")
        if isinstance(log_px, float):
            measured[f"lattice_{name}_nats"] = log_px - values.mean().item()
            measured[f"lattice_{name}_error_nats"] = error
    if encoder:
        measured["lattice_least_gain_nats"] = _least_gain(model, x, labels, q)
    return measured


def _log_weights(model: LatentVariableModel, x: Tensor, y: Tensor | None, q: DiagonalNormal | NormalMixture) -> Tensor:
    """log p(x, z) - log q(z|x) at draws of q, (N, ELBO_DRAWS) float64, whose mean is the ELBO."""
    z = q.sample((ELBO_DRAWS,), generator=_generator())  # (ELBO_DRAWS, N, D)
    return log_joint(model, x, z.transpose(0, 1), y) - q.log_prob(z).T.double()


def _least_gain(model: LatentVariableModel, x: Tensor, y: Tensor | None, q: DiagonalNormal) -> float:
    """The least ELBO of q less that of the encoder's q over images: by integrals where draws say it is little."""
    encoder = model.posterior(x, y)
    gain = _log_weights(model, x, y, q).mean(1) - _log_weights(model, x, y, encoder).mean(1)
    near = gain.argsort()[: max(LOWEST, int((gain < NEAR_NATS).sum()))]
    given = None if y is None else y[near]
    pair = (DiagonalNormal(each.mean[near], each.log_std[near]) for each in (q, encoder))
    ours, theirs = (expected_elbo(model, x[near], each, given).nats for each in pair)
    gain[near] = ours - theirs
    return gain.min().item()


@torch.no_grad()
def summed_out(model: CVAE, x: Tensor, y: Tensor, before: Metrics) -> Metrics:
    """log p(x) = log 1/C sum_y p(x|y), all C classes alike, and how often the class of highest p(y|x) is the label.

    Args:
        model: with D <= 2.
        x: (N, 1, 28, 28) images.
        y: (N,) int64 labels.
        before: what is measured already; if log p(x|y) of all images is in it, log p(x) is given for all of them.
    """
    given_label = [
        quadrature.log_evidence(model, x, torch.full_like(y, label), SUMMED_TOLERANCE_NATS)
        for label in range(model.classes)
    ]
    log_px = torch.stack([evidence.log_px_nats for evidence in given_label], 1)  # (N, C)
    errors = torch.stack([evidence.error_nats for evidence in given_label], 1)
    joint = log_px - math.log(model.classes)  # (N, C)
    of_label = log_px.gather(1, y.cpu()[:, None])[:, 0]
    error = (joint.softmax(1) * errors).sum(1)  # by which each p(x|y) moves their sum
    measured = _mean("log_px_summed_below_nats", of_label - joint.logsumexp(1))
    measured |= _less("log_px_summed_nats", before, measured, "log_px_summed_below_nats")
    right = (joint.argmax(1) == y.cpu()).double()
    measured |= {"log_px_summed_error_nats": error.mean().item(), "log_px_summed_n": len(x)}
    return measured | _mean("bayes_accuracy", right)


def _less(name: str, before: Metrics, measured: Metrics, difference: str) -> Metrics:
    """The log p(x) of all images less a mean difference from it, with the error of the difference."""
    log_px, less = before.get("log_px_nats"), measured[difference]
    if not isinstance(log_px, float) or not isinstance(less, float):
        return {}
    return {name: log_px - less, f"{name}_se": measured[f"{difference}_se"]}


@torch.no_grad()
def of_codes(model: LatentVariableModel, x: Tensor, y: Tensor, exact: bool, measured: Measured) -> None:
    """Measure the aggregate posterior of training images and its holes.

    Args:
        model: with D = 2, on the CPU.
        x: (N, 1, 28, 28) images, as the likelihood takes them.
        y: (N,) int64 labels, which only a conditional model uses.
        exact: of the exact p(z|x), and not of q.
        measured: keeps the metrics.
    """
    of = _exact_aggregate_of(model, x, y) if exact else _aggregate_of(model, x, y)
    whole = of(torch.arange(len(x)))
    measured.keep({"holes": whole.holes, "aggregate_n": len(x)})
    if whole.kl_to_prior_nats is not None:
        measured.keep({"aggregate_kl_nats": whole.kl_to_prior_nats})
    excess = measured.attempt(
        "what few images add to the KL", lambda: aggregate.kl_excess_nats(whole, of, _generator())
    )
    if excess is not None:
        measured.keep({"aggregate_kl_excess_nats": excess})


def _exact_aggregate_of(model: LatentVariableModel, x: Tensor, y: Tensor) -> Callable[[Tensor], aggregate.Aggregate]:
    return lambda rows: aggregate.exact_aggregate(model, x[rows], _generator(), y[rows])


def _aggregate_of(model: LatentVariableModel, x: Tensor, y: Tensor) -> Callable[[Tensor], aggregate.Aggregate]:
    blocks = zip(x.split(_BLOCK), y.split(_BLOCK), strict=True)
    posteriors = [model.posterior(*block) for block in blocks]
    mean, std = torch.cat([q.mean for q in posteriors]), torch.cat([q.stddev for q in posteriors])
    return lambda rows: aggregate.aggregate_posterior(mean[rows], std[rows])


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
    """CAS: the share of real test images that a classifier trained on the model's samples alone gets right.

    Args:
        model: a conditional model.
        data: the set on which it was trained.
    """
    asked = torch.arange(len(data.class_names)).repeat_interleave(SAMPLES_PER_CLASS)
    made = samples.from_prior(model, len(asked), _generator(), asked)
    images = (made.images[:, 0] * 255).round().clamp(0, 255).to(torch.uint8)
    trained = classifier.train(data._replace(train_images=images, train_labels=asked))
    return classifier.accuracy(trained, data.test_images, data.test_labels)


def _mean(name: str, values: Tensor) -> Metrics:
    """The mean over images and its standard error."""
    return {name: values.mean().item(), f"{name}_se": values.std().item() / math.sqrt(len(values))}


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)
