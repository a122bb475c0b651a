"""Laws of the two estimators of the gradient of E_q[log p(x|z)]."""

from pathlib import Path

import pytest
import torch
from linear_gaussian import LinearGaussian

import vae
from vae.config import TrainConfig
from vae.distributions import DiagonalNormal
from vae.inference import joint
from vae.inference.gauss_hermite import rule
from vae.inference.gradient_estimators import reparameterization, score_function
from vae.inference.joint import log_likelihood
from vae.models import build

SMALL = Path(__file__).parent.parent / "checkpoints" / "family" / "sigma-71"


def with_baseline(*arguments):
    return score_function(*arguments, baseline=True)


ESTIMATORS = [score_function, with_baseline, reparameterization]


def correlated(device, dimensions, **more):
    """A model of which everything is known, whose latent dimensions depend on each other under p(z|x)."""
    precision = torch.diag(torch.linspace(6.0, 2.0, dimensions)).double()
    if dimensions > 1:
        precision[0, -1] = precision[-1, 0] = 1.0
    return LinearGaussian(precision.to(device), shift=0.8, widen=0.25, **more)


def closed_form(model, x, q, y=None):
    """The gradient of E_q[-|x - b - W z|^2 / 2 sigma^2], by mean and by log_std."""
    square = model.w.T @ model.w / model.sigma**2
    by_mean = (x.flatten(1) - model._b(y)) @ model.w / model.sigma**2 - q.mean @ square
    return by_mean, -square.diagonal() * q.stddev.square()


def by_quadrature(model, x, q, y=None):
    """The gradient of E_q[log p(x|z)]: differences of the integral itself, which a rule of Gauss and Hermite gives."""
    d = model.latent_dim
    t, weights = rule(20, d, x.device)
    u = torch.cat([q.mean, q.log_std], 1)

    def integral(u):
        z = u[:, None, :d] + u[:, None, d:].exp() * t
        return log_likelihood(model, x, z, y) @ weights

    steps = 1e-4 * torch.eye(2 * d, dtype=u.dtype, device=u.device)
    gradient = torch.stack([(integral(u + step) - integral(u - step)) / 2e-4 for step in steps], 1)
    return gradient[:, :d], gradient[:, d:]


def assert_unbiased(found, exact, relative):
    """The mean over draws is the exact gradient within 4.5 standard errors, and these are small beside it."""
    for draws, truth in zip((found.by_mean, found.by_log_std), exact, strict=True):
        error = draws.std(1) / draws.shape[1] ** 0.5
        assert ((draws.mean(1) - truth).abs() < 4.5 * error + 1e-6 * truth.abs()).all()
        assert error.norm() < relative * truth.norm()


@pytest.mark.parametrize("dimensions", [1, 2, 5])
@pytest.mark.parametrize(("estimate", "relative"), list(zip(ESTIMATORS, (0.5, 0.2, 0.1), strict=True)))
def test_in_a_linear_model_each_is_right_on_average(dimensions, estimate, relative, device, generator):
    """With this sigma log p(x|z) is near 0, so that even without a baseline the score function does not scatter far."""
    model = correlated(device, dimensions, sigma=0.242)
    x = model.images(3, generator)
    q = model.posterior(x)
    assert_unbiased(estimate(model, x, q, 4_000, generator), closed_form(model, x, q), relative)


@pytest.mark.parametrize("estimate", ESTIMATORS[1:])
def test_a_label_is_its_own_model(estimate, device, generator):
    model = correlated(device, 2, conditional=True)
    y = torch.tensor([3, 0, 9], device=device)
    x = model.images(3, generator, y)
    q = model.posterior(x, y)
    exact, mistaken = (closed_form(model, x, q, label) for label in (y, (y + 1) % 10))
    found = estimate(model, x, q, 4_000, generator, y)
    assert_unbiased(found, exact, 0.2)
    error = found.by_mean.std(1) / 4_000**0.5
    assert ((exact[0] - mistaken[0]).abs() > 9 * error).any()  # so that a label mistaken could not pass


def bent(likelihood, device):
    """An untrained network with so large weights that log p(x|z) is far from a quadratic over q, but smooth."""
    model = build(TrainConfig(likelihood=likelihood, network="small"))
    model.decoder[1] = torch.nn.Tanh()
    model = model.to(device).double().requires_grad_(False)
    model.decoder[0].weight[:, :2] *= 2
    model.decoder[-1].weight *= 2
    return model


@pytest.mark.parametrize(("estimate", "relative"), list(zip(ESTIMATORS[1:], (0.15, 0.1), strict=True)))
def test_in_a_network_both_are_right_on_average(estimate, relative, likelihood, device, generator, x):
    model, x = bent(likelihood, device), x[:2]
    mean = torch.tensor([[0.5, -0.3], [-1.0, 0.8]], device=device).double()
    q = DiagonalNormal(mean, torch.tensor([[0.4, 0.7], [0.6, 0.3]], device=device).double().log())
    assert_unbiased(estimate(model, x, q, 2_000, generator), by_quadrature(model, x, q), relative)


@pytest.mark.parametrize("draws", [2, 3])
def test_the_baseline_keeps_the_mean_even_of_two_draws(draws, device, generator):
    """A baseline that knows the draw itself would halve the gradient of two, and lose a third of that of three."""
    model = correlated(device, 2)
    x = model.images(1, generator)
    exact = closed_form(model, x, model.posterior(x))
    many = x.expand(6_000, 1, 28, 28)
    found = with_baseline(model, many, model.posterior(many), draws, generator)
    whole = found._replace(by_mean=found.by_mean.mean(1)[None], by_log_std=found.by_log_std.mean(1)[None])
    assert_unbiased(whole, exact, 0.1)


class Raised(LinearGaussian):
    """The same model with a constant added to log p(x|z), which changes no gradient."""

    constant = 0.0

    def likelihood(self, z, y=None):
        likelihood = super().likelihood(z, y)
        known = likelihood.log_prob
        likelihood.log_prob = lambda x: known(x) + self.constant
        return likelihood


@pytest.mark.parametrize("estimate", [with_baseline, reparameterization])
def test_a_constant_changes_nothing_but_the_score_function_without_baseline(estimate, device):
    model = Raised(torch.eye(2, device=device) * 3, shift=0.5)
    x = model.images(4, torch.Generator(device).manual_seed(1))

    def both(estimate, constant):
        model.constant = constant
        return estimate(model, x, model.posterior(x), 50, torch.Generator(device).manual_seed(2))

    low, high = (both(estimate, constant) for constant in (0.0, 1e4))
    torch.testing.assert_close(low, high, rtol=1e-6, atol=1e-6)
    low, high = (both(score_function, constant) for constant in (0.0, 1e4))
    assert (high.by_mean.var(1) > 100 * low.by_mean.var(1)).all()


def test_the_pathwise_gradient_scatters_as_the_curvature_of_log_p_and_the_width_of_q_say(device, generator):
    """Of a quadratic log p(x|z) with curvature H the slope is linear in z, and its covariance is H diag(std^2) H."""
    model = correlated(device, 3)
    x = model.images(2, generator)
    q = model.posterior(x)
    curvature = model.w.T @ model.w / model.sigma**2
    found = reparameterization(model, x, q, 8_000, generator).by_mean.var(1)
    torch.testing.assert_close(found, q.stddev.square() @ curvature.square(), rtol=0.08, atol=0)  # 5 standard errors


def test_on_a_trained_model_the_baseline_lowers_the_variance_and_the_pathwise_gradient_lowers_it_further():
    """The images are what 40 codes decode to, and q is what the encoder says of them."""
    checkpoint = vae.read(SMALL)
    x = checkpoint.model.decode(checkpoint.codes[:40])
    q = checkpoint.model.posterior(x)
    found = [estimate(checkpoint.model, x, q, 400, torch.Generator().manual_seed(0)) for estimate in ESTIMATORS]
    assert all(torch.equal(each.z, found[0].z) for each in found)
    for name in ("by_mean", "by_log_std"):
        plain, compared, pathwise = (getattr(each, name).var(1).sum(1) for each in found)
        assert (plain > 1_000 * compared).all()
        assert (compared > pathwise).all()
        assert (compared / pathwise).median() > 3


@pytest.mark.parametrize("estimate", ESTIMATORS)
def test_how_the_work_is_cut_does_not_matter(estimate, device, monkeypatch):
    model = correlated(device, 2, conditional=True)
    y = torch.tensor([3, 0, 9], device=device)
    x = model.images(3, torch.Generator(device).manual_seed(1), y)
    arguments = model, x, model.posterior(x, y), 10
    whole = estimate(*arguments, torch.Generator(device).manual_seed(0), y)
    monkeypatch.setattr(joint, "POINTS_TOGETHER", 7)
    torch.testing.assert_close(estimate(*arguments, torch.Generator(device).manual_seed(0), y), whole)


def test_a_q_of_any_type_suits_a_model_of_float32(generator, x):
    model, q = build(TrainConfig(network="small")).to(x.device), DiagonalNormal(*torch.zeros(2, 8, 2).to(x))
    assert all(each.dtype == torch.float64 for each in reparameterization(model, x.float(), q, 3, generator))


def test_what_cannot_be_estimated_is_refused(device, generator):
    model = correlated(device, 2)
    x = model.images(3, generator)
    q = model.posterior(x)
    for estimate, least in zip(ESTIMATORS, (1, 2, 1), strict=True):
        with pytest.raises(ValueError, match=f"draws must be at least {least}, got {least - 1}"):
            estimate(model, x, q, least - 1, generator)
        with pytest.raises(ValueError, match=r"q must have a normal for each of 2 images, got \(3,\)"):
            estimate(model, x[:2], q, 5, generator)
