"""Laws of the most probable code."""

import pytest
import torch
from linear_gaussian import LinearGaussian

from vae import quadrature, train
from vae.config import TrainConfig
from vae.modes import HALVINGS, POINTS, REACH, posterior_modes

STEP = REACH / POINTS / 2 ** (HALVINGS - 1)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("precision", [[[30.0]], [[40.0, 12.0], [12.0, 9.0]], [[4e4, 0.0], [0.0, 4e4]]])
def test_of_a_normal_posterior_it_is_the_mean(precision, conditional, generator, device):
    model = LinearGaussian(torch.tensor(precision, device=device), conditional=conditional)
    y = torch.arange(12, device=device) % 3
    x = model.images(12, generator, y)
    found = posterior_modes(model, x, y)
    assert (found - model.true_posterior(x, y).mean).abs().max() <= 1.01 * STEP * len(precision)


def test_it_is_where_quadrature_finds_it(digits):
    trained = train.train(TrainConfig(likelihood="bernoulli", batch_size=40, epochs=20), digits)
    x = digits.test_images[:, None].float() / 255
    exact = quadrature.moments(trained.model, x)
    found = posterior_modes(trained.model, x)
    same = (found - exact.mode).norm(dim=1) < 0.05
    assert same.double().mean() > 0.9  # the rest have two peaks of nearly one height
    heights = [
        trained.model.likelihood(z.float()).log_prob(x) + trained.model.prior().log_prob(z.float())
        for z in (found, exact.mode)
    ]
    assert (heights[0] > heights[1] - 0.05).all()
