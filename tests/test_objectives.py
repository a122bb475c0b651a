"""Laws of the bound. Where log p(x) is known in closed form, the bound is held against it."""

import math

import pytest
import torch
from torch.distributions import Independent, LowRankMultivariateNormal, Normal, kl_divergence

from vae.distributions import DiagonalNormal, Pixels
from vae.objectives import (
    Terms,
    importance_bound,
    kl_by_dimension,
    kl_closed_form,
    kl_monte_carlo,
    loss,
    metrics,
    terms,
)

SIGMA = 0.4


@pytest.fixture(params=[1, 2, 5])
def posterior(request, device, generator):
    mean, log_std = torch.randn(2, 6, request.param, generator=generator, device=device).double()
    return DiagonalNormal(mean, 0.5 * log_std)


def centred(posterior, variance):
    zeros = torch.zeros_like(posterior.mean)
    return Independent(Normal(zeros, zeros + math.sqrt(variance)), 1)


def test_kl_is_that_of_torch(posterior):
    torch.testing.assert_close(kl_closed_form(posterior), kl_divergence(posterior, centred(posterior, 1)))


def test_the_kl_of_a_dimension_is_that_of_its_own_normal(posterior):
    single = kl_divergence(posterior.base_dist, Normal(torch.zeros_like(posterior.mean), 1.0))
    torch.testing.assert_close(kl_by_dimension(posterior), single)


def test_kl_and_its_gradient_vanish_at_the_prior(device):
    mean, log_std = torch.zeros(2, 3, 2, device=device, dtype=torch.float64).requires_grad_()
    kl = kl_closed_form(DiagonalNormal(mean, log_std))
    gradients = torch.autograd.grad(kl.sum(), (mean, log_std))
    assert kl.abs().max() == 0
    assert all(gradient.abs().max() == 0 for gradient in gradients)


def test_monte_carlo_agrees_within_its_error(posterior, generator):
    draws = 20_000
    z = posterior.rsample((draws,), generator=generator)
    values = kl_monte_carlo(posterior, centred(posterior, 1), z)
    error = values.std(0) / math.sqrt(draws)
    assert ((values.mean(0) - kl_closed_form(posterior)).abs() < 4 * error).all()


def test_the_seed_formula_is_a_kl_to_half_the_variance_plus_a_constant(posterior):
    mean, std = posterior.mean, posterior.stddev
    seed_formula = (std**2 + mean**2 - std.log() - 1 / 2).sum(-1)
    constant = mean.shape[-1] / 2 * math.log(2)
    torch.testing.assert_close(seed_formula, kl_divergence(posterior, centred(posterior, 0.5)) + constant)


@pytest.fixture
def linear_gaussian(device, generator):
    """x = W z + b + SIGMA noise, z ~ N(0, I), with orthogonal columns, so that p(z|x) is a diagonal normal.

    Returns images, the likelihood at given z, the true posterior, and log p(x).
    """
    width, b = torch.tensor([0.5, 2.0], device=device).double(), 0.3
    basis = torch.linalg.qr(torch.randn(784, 2, generator=generator, device=device).double()).Q
    w = basis * width  # (784, 2)
    x = (torch.randn(6, 2, generator=generator, device=device).double() @ w.T + b).reshape(-1, 1, 28, 28)
    precision = 1 + width**2 / SIGMA**2
    mean = (x.flatten(1) - b) @ w / SIGMA**2 / precision  # (6, 2)
    true_posterior = DiagonalNormal(mean, (-0.5 * precision.log()).expand_as(mean))
    noise = torch.full((784,), SIGMA**2, device=device, dtype=torch.float64)
    log_p = LowRankMultivariateNormal(torch.full_like(noise, b), w, noise).log_prob(x.flatten(1))

    def likelihood(z):
        return Pixels(Normal((z @ w.T + b).reshape(-1, 1, 28, 28), SIGMA), 3)

    return x, likelihood, true_posterior, log_p


def test_the_bound_is_tight_at_the_true_posterior_whatever_z_is_drawn(linear_gaussian, generator):
    x, likelihood, posterior, log_p = linear_gaussian
    z = posterior.rsample(generator=generator)
    parts = terms(x, likelihood(z), kl_monte_carlo(posterior, centred(posterior, 1), z))
    torch.testing.assert_close(parts.log_likelihood - parts.kl, log_p)


def test_elsewhere_the_bound_is_low_by_the_kl_to_the_true_posterior(linear_gaussian, generator):
    x, likelihood, posterior, log_p = linear_gaussian
    wrong = DiagonalNormal(posterior.mean + 0.1, posterior.log_std + 0.3)
    draws = 2_000
    elbo = torch.stack(
        [
            terms(x, likelihood(wrong.rsample(generator=generator)), None).log_likelihood - kl_closed_form(wrong)
            for _ in range(draws)
        ]
    )
    gap = log_p - elbo.mean(0)
    error = elbo.std(0) / math.sqrt(draws)
    assert (gap > 0).all()
    assert ((gap - kl_divergence(wrong, posterior)).abs() < 4 * error).all()


def test_the_importance_weighted_bound_rises_with_its_samples_towards_log_p(linear_gaussian, generator):
    x, likelihood, posterior, log_p = linear_gaussian
    wrong = DiagonalNormal(posterior.mean, posterior.log_std + 0.7)
    draws, prior = 8_192, centred(posterior, 1)
    z = wrong.rsample((draws,), generator=generator)  # (draws, 6, 2)
    log_joint = torch.stack([likelihood(each).log_prob(x) for each in z]) + prior.log_prob(z)
    log_q = wrong.log_prob(z)
    gaps = []
    for k in (1, 4, 16):
        blocks = (log_joint - log_q).split(k)
        gaps.append(float((log_p - torch.stack([importance_bound(block) for block in blocks]).mean(0)).mean()))
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2] > 0
    of_true = importance_bound(
        torch.stack([likelihood(each).log_prob(x) for each in z[:3]])
        + prior.log_prob(z[:3])
        - posterior.log_prob(z[:3])
    )
    torch.testing.assert_close(of_true, log_p)  # at the true posterior any draws give it exactly


def test_at_variance_one_half_the_log_likelihood_is_the_squared_error_and_a_constant(x, device, generator):
    mean = torch.rand(x.shape, generator=generator, device=device).double()
    parts = terms(x, Pixels(Normal(mean, math.sqrt(0.5)), 3), None)
    torch.testing.assert_close(-parts.log_likelihood, parts.squared_error + 392 * math.log(math.pi))


def test_figures_do_not_depend_on_how_the_images_were_batched(generator, device):
    whole = Terms(*torch.rand(3, 10, generator=generator, device=device).double())
    cut = [Terms(*(part[rows] for part in whole[:3])) for rows in (slice(0, 1), slice(1, 4), slice(4, 10))]
    assert metrics(cut, beta=0.5) == pytest.approx(metrics([whole], beta=0.5))
    assert metrics(cut, beta=0.5)["loss_nats"] == pytest.approx(loss(whole, beta=0.5).item())


def test_beta_one_makes_the_loss_the_negative_bound():
    found = metrics([Terms(*torch.rand(3, 10).double())], beta=1.0)
    assert found["loss_nats"] == pytest.approx(-found["elbo_nats"])
    assert "kl_nats" not in metrics([Terms(torch.ones(2), torch.ones(2), None)], beta=1.0)
