"""Laws of samples: what is drawn has the moments of what it is drawn from, and a seed draws the same again."""

import math

import pytest
import torch
from linear_gaussian import LinearGaussian

from vae import samples
from vae.config import TrainConfig
from vae.models import build

COUNT = 4_000
OFF = 4.5  # standard errors


@pytest.fixture(params=[False, True], ids=["plain", "conditional"])
def known(request, device):
    """A model whose posterior its encoder says exactly."""
    return LinearGaussian(torch.diag(torch.tensor([4.0, 9.0], device=device)), conditional=request.param)


def labels(model, count, device):
    return torch.arange(count, device=device) % 10 if model.conditional else None


def assert_has_moments(values, mean, variance):
    """Draws (K, D) of normals, or of mixtures that are flatter: each column within its standard errors."""
    count = len(values)
    assert ((values.mean(0) - mean).abs() < OFF * (variance / count).sqrt()).all()
    assert ((values.var(0) / variance - 1).abs() < OFF * math.sqrt(2 / count)).all()


def test_samples_of_the_prior_have_its_moments_and_those_of_p_of_x(known, generator, device):
    y = labels(known, COUNT, device)
    made = samples.from_prior(known, COUNT, generator, y, drawn=True)
    assert_has_moments(made.z, made.z.new_zeros(2), made.z.new_ones(2))
    pixels = made.images.flatten(1) - (0.3 if y is None else 0.3 + y[:, None] / 10)
    assert_has_moments(pixels, pixels.new_zeros(784), known.w.square().sum(1) + known.sigma**2)
    means = samples.from_prior(known, 7, generator, None if y is None else y[:7])
    torch.testing.assert_close(means.images, known.likelihood(means.z, means.y).mean)


def test_samples_of_the_aggregate_posterior_have_the_moments_of_the_mixture(known, generator, device):
    """Of few images those of the mixture of their q; of many that the model makes itself, the prior's."""
    y = labels(known, COUNT, device)
    x = known.images(COUNT, generator, y)
    q = known.posterior(x[:5], None if y is None else y[:5])
    few = samples.from_aggregate(known, x[:5], COUNT, generator, None if y is None else y[:5])
    assert_has_moments(few.z, q.mean.mean(0), q.variance.mean(0) + q.mean.var(0, correction=0))
    if y is not None:
        assert set(few.y.tolist()) == set(range(5))
    assert_has_moments(samples.from_aggregate(known, x, COUNT, generator, y).z, few.z.new_zeros(2), few.z.new_ones(2))


def test_drawn_pixels_have_the_mean_and_the_support_of_their_likelihood(likelihood, device, generator):
    model = build(TrainConfig(likelihood=likelihood)).to(device)
    pixels = model.likelihood(torch.zeros(1, 2, device=device).expand(1_000, 2))
    drawn = samples.draw(pixels, generator)
    error = (pixels.variance[0] / len(drawn)).sqrt()
    assert ((drawn.mean(0) - pixels.mean[0]).abs() < OFF * error).all()
    assert set(drawn.unique().tolist()) == {0.0, 1.0} if likelihood.startswith("bernoulli") else drawn.min() < 0


@pytest.mark.parametrize("drawn", [False, True])
def test_a_seed_draws_the_same_samples_and_their_z_whatever_the_pixels(drawn, model, x, y):
    if not model.has_prior:
        with pytest.raises(ValueError, match="an autoencoder has none"):
            samples.from_prior(model, 8, torch.Generator())
        return
    for made in (
        lambda seed, drawn: samples.from_prior(model, 8, seed, y, drawn),
        lambda seed, drawn: samples.from_aggregate(model, x, 8, seed, y, drawn),
    ):
        first, again, other, plain = (
            made(torch.Generator(x.device).manual_seed(seed), pixels)
            for seed, pixels in ((3, drawn), (3, drawn), (4, drawn), (3, False))
        )
        assert (first.images == again.images).all()
        assert (first.z == plain.z).all()
        assert (first.z != other.z).all()
        assert (first.images == plain.images).all() == (not drawn)


def test_there_is_a_sample_and_an_image_to_begin_with(x):
    model = build(TrainConfig()).double()
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        samples.from_prior(model, 0, torch.Generator())
    with pytest.raises(ValueError, match="at least 1 image"):
        samples.from_aggregate(model, x[:0], 3, torch.Generator())
