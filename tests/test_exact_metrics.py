"""Laws that tie the reported figures to each other, on small models that were trained for a moment."""

import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from vae import classifier, evaluate, exact_metrics, metrics, train
from vae.config import TrainConfig
from vae.inference import estimators
from vae.inference.decoded_lattice import DecodedLattice
from vae.inference.inference_gap import expected_elbo
from vae.inference.quadrature import kl_to_posterior
from vae.measured import Measured
from vae.models import build

SETTINGS = {"likelihood": "bernoulli", "network": "small", "batch_size": 40, "epochs": 30}


@pytest.fixture(scope="module", autouse=True)
def fewest():
    """Fewer images are named as the hardest than there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_metrics, "HARDEST", 3)
        yield


@pytest.fixture(scope="module")
def few(digits):
    """The set with so many test images that all figures are of the same ones, and take seconds."""
    return digits._replace(test_images=digits.test_images[:8], test_labels=digits.test_labels[:8])


@pytest.fixture(scope="module", params=["vae", "cvae"])
def of_each(request, few):
    """A trained model with all that is measured of it."""
    trained = train.train(TrainConfig(model=request.param, **SETTINGS), few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_metrics, "classification_accuracy_score", lambda *_: 0.5)
        found = evaluate.measure(trained.model, trained.config, few, image_classifier=None, thorough=True)
    return trained, found


@pytest.fixture(scope="module")
def measured(of_each):
    trained, found = of_each
    return trained, found.metrics


def images(trained, data):
    """The test images as they are measured, and their labels for a CVAE."""
    blocks = metrics.likelihood_inputs(trained.config, data.test_images, data.test_labels)
    x, y = (torch.cat(part) for part in zip(*blocks, strict=True))
    return x, y if trained.model.conditional else None


def test_the_parts_add_up_to_log_p(measured, few):
    trained, found = measured
    assert found["gap_nats"] == pytest.approx(
        found["approximation_gap_nats"] + found["amortization_gap_nats"], abs=1e-6
    )
    x, y = images(trained, few)
    sampled = estimators.elbo(trained.model, x, 2_000, torch.Generator().manual_seed(1), y)
    error = sampled.standard_error.square().sum().sqrt().item() / len(x)
    assert found["log_px_nats"] - found["gap_nats"] == pytest.approx(sampled.nats.mean().item(), abs=4 * error + 0.01)
    assert found["refined_elbo_nats"] > found["log_px_nats"] - found["gap_nats"] - 0.01
    assert found["log_px_error_nats"] < 0.01


def test_what_is_kept_of_each_image_has_the_means_of_the_record(of_each, few):
    """To half precision; the gap of each image is measured apart from that of some, which here are all."""
    trained, found = of_each
    kept, means = found.of_images, found.metrics
    for name in ("log_px_nats", "kl_nats", "squared_error_at_code", "gap_nats"):
        values = kept[name].double()
        assert values.shape == (len(few.test_images),)
        off = means["gap_error_nats"] if name == "gap_nats" else 1e-4  # of float32
        assert abs(values.mean().item() - means[name]) <= values.abs().max().item() * 2**-11 + off
    x, y = images(trained, few)
    q = trained.model.posterior(x, y)
    torch.testing.assert_close(kept["kl_nats"].float(), kl_divergence(q, trained.model.prior()), rtol=2**-10, atol=1e-4)
    exact = kl_to_posterior(trained.model, x, y).nats
    torch.testing.assert_close(kept["gap_nats"].double(), exact, rtol=2**-10, atol=0.02)


def test_the_bounds_are_in_order(measured):
    _, found = measured
    assert found["log_px_nats"] - found["gap_nats"] < found["iw500_nats"] < found["log_px_nats"] + 0.02
    assert found["iw500_below_nats"] == pytest.approx(found["log_px_nats"] - found["iw500_nats"])


def test_the_gap_without_an_encoder_is_that_of_the_lattices_normals(measured, few):
    trained, found = measured
    x, y = images(trained, few)
    q = DecodedLattice(trained.model).posterior(x, y)
    ours, encoder = (expected_elbo(trained.model, x, each, y).nats for each in (q, trained.model.posterior(x, y)))
    error = found["lattice_gap_error_nats"]
    assert found["lattice_gap_nats"] == pytest.approx(found["log_px_nats"] - ours.mean().item(), abs=4 * error + 0.01)
    assert -0.01 < found["lattice_mixture_gap_nats"] < found["lattice_gap_nats"] + 4 * error
    assert found["lattice_least_gain_nats"] == pytest.approx((ours - encoder).min().item(), abs=0.02)
    assert found["lattice_least_gain_nats"] > -0.05
    assert found["lattice_n"] == len(x)


def test_figures_of_some_images_are_told_of_all(few, monkeypatch):
    """The first half of the images is dark, so that log p(x) is another one; the differences from it are not."""
    trained = train.train(TrainConfig(model="cvae", latent_dim=1, **SETTINGS), few)
    x, y = (part[:8] for part in images(trained, few))
    x[:4] *= 0.6

    def figures():
        measured = Measured(lambda what: None)
        exact_metrics.of_images(trained.model, x, y, measured)
        return measured.metrics

    whole = figures()
    for name in ("IMAGES", "GAP_IMAGES"):
        monkeypatch.setattr(exact_metrics, name, 4)
    part = figures()
    assert part["gap_n"] == part["iw500_n"] == part["log_px_summed_n"] == 4
    for name in evaluate.OF_SOME_IMAGES:
        assert abs(part[name] - whole[name]) < 4 * part[f"{name}_se"] + 0.01
    assert max(part["hardest"]) >= 4
    tables = evaluate.table([replace(trained, record={**trained.record, "test": part})])
    for name in evaluate.OF_SOME_IMAGES[:3]:
        assert f"| {part[name]:.2f} ± {part[f'{name}_se']:.2f} |" in tables


def test_the_bits_are_those_of_the_elbo(measured):
    _, found = measured
    assert found["code_total_bits"] == pytest.approx(-found["elbo_nats"] / math.log(2))
    assert found["code_excess_bits"] == pytest.approx((found["log_px_nats"] - found["elbo_nats"]) / math.log(2))


def test_the_hardest_images_are_those_of_the_largest_gap(measured, few):
    trained, found = measured
    gaps = exact_metrics.gap(trained.model, *images(trained, few)).gap_nats
    assert gaps[found["hardest"]].min() >= gaps.sort(descending=True).values[exact_metrics.HARDEST - 1]


def test_holes_and_the_aggregate_say_how_the_codes_fill_the_prior(measured):
    _, found = measured
    assert found["aggregate_kl_nats"] > 0
    assert 0 <= found["holes"] < 1


def test_a_label_is_summed_out_and_found_again(measured):
    trained, found = measured
    if not trained.model.conditional:
        assert "log_px_summed_nats" not in found
        return
    # p(x) >= p(x|y) / 10, whatever the label; a trained model that knows bars from each other comes close to that
    assert found["log_px_summed_nats"] > found["log_px_nats"] - math.log(10) - 0.1
    assert found["log_px_summed_nats"] == found["log_px_nats"] - found["log_px_summed_below_nats"]
    assert found["bayes_accuracy"] > 0.9
    assert 0 < found["log_px_summed_error_nats"] < exact_metrics.SUMMED_TOLERANCE_NATS


class Bars:
    """Draws class c as the bar that the synthetic digits show for the class `says(c)`."""

    has_prior = True
    prior = build(TrainConfig(model="cvae")).prior

    def __init__(self, says, spread=1):
        self.says, self.spread = says, spread

    def likelihood(self, z, y):
        bars = (torch.arange(28) >= 5) & (torch.arange(28) - 5 < (12 + 3 * z[:, :1].clamp(-2, 2)))  # (B, 28)
        images = torch.zeros(len(y), 1, 28, 28)
        images[torch.arange(len(y)), 0, 2 * self.says(y) + 4] = bars.float()
        return Independent(Normal(0.5 + self.spread * (images - 0.5), 1.0, validate_args=False), 3)


def test_cas_tells_samples_of_the_right_class_from_samples_of_another(digits, monkeypatch):
    monkeypatch.setattr(exact_metrics, "SAMPLES_PER_CLASS", 100)
    monkeypatch.setattr(classifier, "_shift", lambda x, _: x)  # the bars of two classes are two rows apart
    assert exact_metrics.classification_accuracy_score(Bars(lambda y: y), digits) > 0.95
    assert exact_metrics.classification_accuracy_score(Bars(lambda y: (y + 1) % 10), digits) < 0.1


def test_cas_takes_what_is_beyond_black_and_white_for_black_and_white(digits, monkeypatch):
    """A linear decoder may leave the range of the pixels."""
    monkeypatch.setattr(exact_metrics, "SAMPLES_PER_CLASS", 100)
    monkeypatch.setattr(classifier, "_shift", lambda x, _: x)
    assert exact_metrics.classification_accuracy_score(Bars(lambda y: y, spread=3), digits) > 0.95


def test_with_more_than_two_dimensions_only_what_is_drawn_is_left(digits):
    config = TrainConfig(latent_dim=3, likelihood="bernoulli")
    found = evaluate.measure(build(config), config, digits, image_classifier=None, thorough=True).metrics
    assert {"iw500_nats", "code_total_bits"} <= set(found)
    assert "log_px_nats" not in found
