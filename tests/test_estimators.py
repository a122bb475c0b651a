"""Laws of the estimators, held against a model whose log p(x) is known."""

import math
from itertools import pairwise

import pytest
import torch
from linear_gaussian import LinearGaussian
from torch.distributions import Normal, kl_divergence

from vae.config import TrainConfig
from vae.inference import estimators, joint
from vae.inference.estimators import elbo, importance, simple_monte_carlo
from vae.inference.joint import log_joint
from vae.inference.two_part_code import two_part_code_bits
from vae.models import build
from vae.objectives import kl_closed_form

REPETITIONS = 400


def precision(device, dimensions=2, correlation=0.0):
    found = torch.diag(torch.linspace(6.0, 2.0, dimensions))
    found[0, -1] += correlation * (2 * 6) ** 0.5 * (dimensions > 1)
    found[-1, 0] = found[0, -1]
    return found.double().to(device)


@pytest.fixture(params=[1, 2, 5])
def exact(request, device):
    """A model whose encoder says the true posterior."""
    return LinearGaussian(precision(device, request.param))


@pytest.fixture(params=[1, 2, 5])
def wrong(request, device):
    """A model whose encoder is wrong in place, width and shape."""
    return LinearGaussian(precision(device, request.param, correlation=0.3), shift=0.8, widen=0.25)


@pytest.mark.parametrize("estimate", [importance, elbo])
def test_with_the_true_posterior_every_draw_says_log_p(exact, estimate, generator):
    x = exact.images(6, generator)
    found = estimate(exact, x, 7, generator)
    torch.testing.assert_close(found.nats, exact.log_px(x))
    assert (found.standard_error < 1e-9).all()


def test_the_bound_is_low_by_the_kl_to_the_true_posterior(wrong, generator):
    x = wrong.images(6, generator)
    found = elbo(wrong, x, 4_000, generator)
    gap = [kl_divergence(full(wrong.posterior(x[i : i + 1])), wrong.true_posterior(x[i : i + 1])) for i in range(6)]
    assert ((wrong.log_px(x) - found.nats - torch.cat(gap)).abs() < 4 * found.standard_error).all()


def test_more_draws_raise_the_bound_and_never_past_log_p(wrong, generator):
    x = wrong.images(1, generator)
    found = {k: importance(wrong, x.expand(2_000, 1, 28, 28), k, generator).nats for k in (1, 3, 9, 27)}
    means = [mean_and_error(nats) for nats in found.values()]
    for (low, low_error), (high, high_error) in pairwise(means):
        assert high - low > 3 * math.hypot(low_error, high_error)
    lost = [(wrong.log_px(x).item() - mean, error) for mean, error in means]
    assert -4 * lost[-1][1] < lost[-1][0] < lost[0][0] / 4


@pytest.mark.parametrize("estimate", [importance, simple_monte_carlo])
def test_what_stands_in_the_logarithm_is_unbiased(wrong, estimate, generator):
    x = wrong.images(1, generator)
    ratios = repeated(estimate, wrong, x, 32, generator).nats.sub(wrong.log_px(x)).exp()
    mean, error = mean_and_error(ratios)
    assert error < 0.2
    assert abs(mean - 1) < 4 * error


@pytest.mark.parametrize("estimate", [importance, simple_monte_carlo])
def test_few_draws_are_low_on_average(wrong, estimate, generator):
    x = wrong.images(1, generator)
    mean, error = mean_and_error(repeated(estimate, wrong, x, 4, generator).nats)
    assert mean + 3 * error < wrong.log_px(x).item()


@pytest.mark.parametrize(("estimate", "samples"), [(importance, 150), (elbo, 150), (simple_monte_carlo, 1_000)])
@pytest.mark.parametrize(
    "wrong", [1, 2], indirect=True
)  # in 5 dimensions draws of the prior cannot tell their own error
def test_two_standard_errors_cover_the_truth_in_95_of_100(wrong, estimate, samples, generator):
    x = wrong.images(1, generator)
    truth = wrong.log_px(x)
    if estimate is elbo:
        truth = truth - kl_divergence(full(wrong.posterior(x)), wrong.true_posterior(x))
    found = repeated(estimate, wrong, x, samples, generator)
    covered = ((found.nats - truth).abs() < 2 * found.standard_error).double().mean().item()
    assert covered == pytest.approx(0.954, abs=4 * math.sqrt(0.954 * 0.046 / REPETITIONS))


def test_draws_from_the_prior_are_shared_and_those_from_the_encoder_are_not(wrong, generator):
    x = wrong.images(1, generator).expand(2, 1, 28, 28)
    shared, own = (estimate(wrong, x, 50, generator).nats for estimate in (simple_monte_carlo, importance))
    assert shared[0] == shared[1]
    assert own[0] != own[1]


@pytest.mark.parametrize("estimate", [importance, simple_monte_carlo, elbo])
def test_a_label_is_its_own_model(device, estimate, generator):
    model = LinearGaussian(precision(device), widen=0.1, conditional=True)
    y = torch.tensor([3, 0, 3, 9], device=device)
    x = model.images(4, generator, y)
    found = estimate(model, x, 2_000, generator, y)
    assert ((found.nats - model.log_px(x, y)).abs() < 0.05 + 5 * found.standard_error).all()
    moved = model.log_px(x, (y + 1) % 10) - model.log_px(x, y)
    assert (moved.abs() > 1).all()  # so that a label mistaken could not pass


@pytest.mark.parametrize("estimate", [importance, simple_monte_carlo, elbo])
def test_how_the_work_is_cut_does_not_matter(wrong, estimate, generator, monkeypatch):
    """The blocks change the draws, so that the two differ by chance alone, and that chance is what they say it is."""
    x = wrong.images(5, generator)
    whole = estimate(wrong, x, 1_500, generator)
    for module in (estimators, joint):
        monkeypatch.setattr(module, "POINTS_TOGETHER", 7)
    monkeypatch.setattr(estimators, "_MOST_VALUES", 90)
    cut = estimate(wrong, x, 1_500, generator)
    error = (whole.standard_error.square() + cut.standard_error.square()).sqrt()
    assert ((whole.nats - cut.nats).abs() < 5 * error).all()
    torch.testing.assert_close(whole.standard_error, cut.standard_error, rtol=0.3, atol=0)


def test_the_error_of_a_stream_is_that_of_the_whole_whatever_its_magnitude(generator, device):
    logarithms = 3 * torch.randn(4, 1_000, generator=generator, device=device).double()
    logarithms += torch.tensor([-4e3, -700.0, 0.0, 4e3], device=device)[:, None]  # exp of which no float holds
    running, rows = estimators._RunningMean(4, device), torch.arange(4, device=device)
    for block in logarithms.split(13, dim=1):
        running.add_logarithms(block, rows)
    found = running.log_mean()
    values = (logarithms - logarithms.amax(1, keepdim=True)).exp()
    torch.testing.assert_close(found.nats, logarithms.amax(1) + values.mean(1).log())
    torch.testing.assert_close(found.standard_error, values.std(1) / math.sqrt(1_000) / values.mean(1))


@pytest.mark.parametrize("kind", ["vae", "cvae"], indirect=True)
def test_each_image_keeps_its_own_points(model, x, y, device, generator):
    z = torch.randn(8, 3, 2, generator=generator, device=device).double()
    found = log_joint(model, x, z, y)
    for i, k in ((0, 2), (7, 0)):
        alone = model.likelihood(z[i, k : k + 1], y[i : i + 1]).log_prob(x[i : i + 1])
        torch.testing.assert_close(found[i, k], (alone + model.prior().log_prob(z[i, k]))[0])


@pytest.mark.parametrize("kind", ["vae", "cvae"], indirect=True)
def test_all_three_agree_on_a_network_within_their_errors(model, x, y, generator):
    """Untrained, every z explains an image about as well, so that all three are near log p(x)."""
    guess, weighted, bound = (f(model, x, 300, generator, y) for f in (simple_monte_carlo, importance, elbo))
    error = (guess.standard_error.square() + weighted.standard_error.square()).sqrt()
    assert ((guess.nats - weighted.nats).abs() < 5 * error).all()
    assert (bound.nats < weighted.nats + 5 * (error + bound.standard_error)).all()


def test_one_draw_has_no_error(exact, generator):
    x = exact.images(2, generator)
    assert importance(exact, x, 1, generator).standard_error.isnan().all()


@pytest.mark.parametrize(("estimate", "points"), [(simple_monte_carlo, 10_000), (importance, 30_000), (elbo, 30_000)])
def test_progress_counts_points_and_images_to_the_last(exact, estimate, points, generator):
    told = []
    estimate(exact, exact.images(3, generator), 10_000, generator, on_progress=lambda *counts: told.append(counts))
    assert told == sorted(told)
    assert told[-1] == (points, 3)


def test_what_cannot_be_estimated_is_refused(exact, x, generator):
    ae = build(TrainConfig(model="ae"))
    for estimate in (simple_monte_carlo, importance, elbo):
        with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
            estimate(exact, x, 0, generator)
        with pytest.raises(ValueError, match="needs a model with a prior, and an autoencoder has none"):
            estimate(ae, x, 5, generator)


class TestTwoPartCode:
    def test_the_true_posterior_pays_no_fine_and_another_its_kl(self, wrong, exact, generator):
        for model in (exact, wrong):
            x = model.images(4, generator)
            posterior, log_px = model.posterior(x), model.log_px(x)
            kl = kl_closed_form(posterior)
            bound = elbo(model, x, 4_000, generator)
            code = two_part_code_bits(bound.nats + kl, kl, log_px)
            lost = torch.stack([kl_divergence(full(posterior, i), full(model.true_posterior(x), i)) for i in range(4)])
            error = 5 * bound.standard_error / math.log(2) + 1e-9
            assert ((code.excess_bits - lost / math.log(2)).abs() < error).all()
            assert ((code.total_bits - code.excess_bits + log_px / math.log(2)).abs() < error).all()

    def test_a_uniform_choice_of_one_in_eight_costs_three_bits(self):
        code = two_part_code_bits(torch.tensor([math.log(1 / 4)]), torch.tensor([math.log(8)]))
        assert code.latent_bits.item() == pytest.approx(3)
        assert code.pixel_bits.item() == pytest.approx(2)
        assert code.total_bits.item() == pytest.approx(5)
        assert code.excess_bits is None

    def test_with_a_step_the_bits_name_the_grey_level(self, generator, device):
        """A grey level is the cell of width 1/255 around it, and its cost minus log2 of the mass of that cell."""
        pixels = Normal(torch.rand(784, generator=generator, device=device).double(), 0.1)
        x = ((pixels.mean + 0.1 * torch.randn(784, generator=generator, device=device)) * 255).round() / 255
        mass = pixels.cdf(x + 0.5 / 255) - pixels.cdf(x - 0.5 / 255)
        code = two_part_code_bits(pixels.log_prob(x).sum(), torch.zeros(()), step=1 / 255)
        assert code.pixel_bits.item() == pytest.approx(-mass.log2().sum().item(), rel=1e-3)

    @pytest.mark.parametrize("step", [0.0, -1.0, 2.0, float("nan")])
    def test_a_step_that_is_none_is_refused(self, step):
        with pytest.raises(ValueError, match="step must be in"):
            two_part_code_bits(torch.zeros(1), torch.zeros(1), step=step)


def repeated(estimate, model, x, samples, generator):
    """REPETITIONS independent estimates for one image."""
    if estimate is not simple_monte_carlo:
        return estimate(model, x.expand(REPETITIONS, 1, 28, 28), samples, generator)
    runs = [simple_monte_carlo(model, x, samples, generator) for _ in range(REPETITIONS)]
    return estimators.Estimate(*(torch.cat(parts) for parts in zip(*runs, strict=True)))


def mean_and_error(values):
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def full(normal, row=0):
    """One row of a batch of normals as torch's full normal, of which it knows the KL."""
    return torch.distributions.MultivariateNormal(normal.mean[row], covariance(normal)[row])


def covariance(normal):
    found = getattr(normal, "covariance_matrix", None)
    return torch.diag_embed(normal.variance) if found is None else found
