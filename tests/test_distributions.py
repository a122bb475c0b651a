"""Laws of the prior, the posterior and the likelihoods."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from vae.distributions import (
    SIGMA_FLOOR,
    DiagonalNormal,
    GreyBernoulli,
    PixelLikelihood,
    Pixels,
    jeffreys,
    pairwise_log_prob,
)


def outputs_for(head, generator, scale=2.0, points=2):
    size = (points, 784 * head.outputs_per_pixel)
    return scale * torch.randn(size, generator=generator, device=generator.device, dtype=torch.float64)


@pytest.fixture
def head(likelihood, device):
    made = PixelLikelihood(likelihood, sigma=0.3).to(device).double()
    made.reset_parameters()
    return made


def test_a_diagonal_normal_is_the_multivariate_normal_of_its_covariance(z, generator):
    log_std = 0.3 * torch.randn(z.shape, generator=generator, device=z.device, dtype=z.dtype)
    full = MultivariateNormal(z, torch.diag_embed((2 * log_std).exp()))
    points = z + 1.5
    torch.testing.assert_close(DiagonalNormal(z, log_std).log_prob(points), full.log_prob(points))


def test_draws_have_the_mean_and_spread_they_should(device, generator):
    mean = torch.tensor([1.0, -2.0], device=device).double()
    std = torch.tensor([0.5, 3.0], device=device).double()
    draws = DiagonalNormal(mean, std.log()).rsample((100_000,), generator=generator)
    error = std / 100_000**0.5
    assert ((draws.mean(0) - mean).abs() < 4 * error).all()
    assert ((draws.std(0) - std).abs() < 4 * error).all()


def test_draws_are_the_generators_and_scale_with_the_spread(z, device):
    def draw(log_std):
        return DiagonalNormal(z, log_std).rsample(generator=torch.Generator(device).manual_seed(5))

    narrow, wide = draw(torch.zeros_like(z)), draw(torch.full_like(z, 2.0).log())
    torch.testing.assert_close(wide - z, 2 * (narrow - z))


@pytest.mark.parametrize("shared", [True, False])
def test_pixels_have_the_density_of_a_normal_and_its_gradient(shared, x, device):
    mean, std = (0.5 + 0.01 * torch.arange(n, device=device).double() for n in (784, 1 if shared else 784))
    mean, std = mean.reshape(1, 28, 28).requires_grad_(), std.reshape(() if shared else (1, 28, 28)).requires_grad_()
    found = [kind(Normal(mean, std), 3).log_prob(x) for kind in (Pixels, Independent)]
    torch.testing.assert_close(*found)
    torch.testing.assert_close(*(torch.autograd.grad(each.sum(), (mean, std)) for each in found))


def test_draws_leave_the_global_stream_alone(z, generator):
    before = torch.get_rng_state()
    DiagonalNormal(z, z).rsample(generator=generator)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-shared", "gaussian-pixel"], indirect=True)
def test_a_gaussian_pixel_has_total_density_one(head, generator):
    pixels = head(outputs_for(head, generator, scale=0.5)).base_dist
    values, step = grid(-40.0, 41.0, 16_001, generator.device)
    total = pixels.log_prob(values).exp().sum(0) * step
    torch.testing.assert_close(total, torch.ones_like(total))


@pytest.mark.parametrize("likelihood", ["bernoulli"], indirect=True)
def test_a_bernoulli_pixel_has_total_probability_one(head, generator):
    pixels = head(outputs_for(head, generator)).base_dist
    total = sum(pixels.log_prob(torch.full_like(pixels.logits, value)).exp() for value in (0.0, 1.0))
    torch.testing.assert_close(total, torch.ones_like(total))


def test_the_grey_bernoulli_is_no_density(device):
    values, step = grid(0.0, 1.0, 2_001, device)
    logits = torch.tensor([-3.0, 0.0, 3.0], device=device).double()
    total = GreyBernoulli(logits=logits).log_prob(values[:, 0, 0, 0]).exp().sum(0) * step
    assert (total < 0.8).all()


def test_the_log_probability_of_an_image_is_the_sum_over_its_pixels(head, x, generator):
    found = head(outputs_for(head, generator))
    torch.testing.assert_close(found.log_prob(x[:2]), found.base_dist.log_prob(x[:2]).sum((1, 2, 3)))


@pytest.mark.parametrize("likelihood", ["gaussian-shared", "gaussian-pixel"], indirect=True)
def test_a_learned_sigma_stops_at_its_floor(head, likelihood, generator):
    outputs = outputs_for(head, generator)
    if likelihood == "gaussian-pixel":
        outputs[:, 784:] = -1e3
    else:
        torch.nn.init.constant_(head.log_sigma, -1e3)
    found = head(outputs.requires_grad_())
    torch.testing.assert_close(found.stddev, torch.full_like(found.stddev, SIGMA_FLOOR))
    found.log_prob(found.mean.detach()).sum().backward()
    assert outputs.grad.isfinite().all()


def every_pair(likelihood, x):
    """log p(x_n|z_g) by `log_prob`, (N, G)."""
    return likelihood.expand((len(x), *likelihood.batch_shape)).log_prob(x[:, None])


def test_pairwise_is_the_log_probability_of_each_pair(head, x, generator):
    likelihood = head(outputs_for(head, generator, points=5))
    torch.testing.assert_close(pairwise_log_prob(likelihood, x), every_pair(likelihood, x))


def test_pairwise_has_the_gradients_of_each_pair(head, x, generator):
    outputs = outputs_for(head, generator, points=3).requires_grad_()
    weights = torch.rand(len(x), 3, generator=generator, device=x.device)
    leaves = [outputs, *head.parameters()]
    found, expected = (
        torch.autograd.grad((weights * compute(head(outputs), x)).sum(), leaves)
        for compute in (pairwise_log_prob, every_pair)
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("std", [0.5, SIGMA_FLOOR])
def test_pairwise_in_float32_is_right_to_a_millionth_of_the_largest(head, std, generator):
    """Also where sigma is at its floor and each term of the expanded square is a million nats."""
    centre = outputs_for(head, generator, points=1)
    near = centre + 0.02 * outputs_for(head, generator, points=6)
    if head.name == "gaussian":
        head.sigma = std
    elif head.name == "gaussian-shared":
        torch.nn.init.constant_(head.log_sigma, math.log(std))
    elif head.name == "gaussian-pixel":
        near[:, 784:] += math.log(std) - near[:, 784:].mean()
    likelihood = head(near)
    x = likelihood.sample() if "bernoulli" in head.name else likelihood.mean
    exact = every_pair(likelihood, x)
    found = pairwise_log_prob(head.float()(near.float()), x.float())
    assert ((found - exact).abs() <= 1e-6 * exact.abs().max() + 5e-4).all()


def test_jeffreys_is_the_kl_there_and_back(head, generator):
    outputs = outputs_for(head, generator, points=5)
    first, second = torch.tensor([[0, 1, 4, 2], [3, 2, 0, 2]], device=outputs.device)
    found = jeffreys(head(outputs), first, second)
    a, b = (plain(head(outputs[rows])) for rows in (first, second))
    torch.testing.assert_close(found, kl_divergence(a, b) + kl_divergence(b, a))
    assert found[3] == 0


def plain(likelihood):
    """The same distribution of a class that torch knows a KL for."""
    pixels = likelihood.base_dist
    made = Bernoulli(logits=pixels.logits) if isinstance(pixels, Bernoulli) else Normal(pixels.mean, pixels.stddev)
    return Independent(made, 3)


def grid(low, high, count, device):
    values = torch.linspace(low, high, count, device=device, dtype=torch.float64)
    return values.reshape(-1, 1, 1, 1, 1), (high - low) / (count - 1)
