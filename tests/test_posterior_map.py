"""Laws of the shaded of a posterior: its mass, its moments and its lines are right, however narrow it is."""

import math

import numpy as np
import pytest
import torch
from linear_gaussian import LinearGaussian

import vae
from explorer.quantities import posterior_map
from vae.inference import quadrature

GREY = torch.full((1, 1, 28, 28), 0.36, dtype=torch.float64)


def seen(model, x=GREY, y=None):
    exact = quadrature.posterior(model, x, y, size=2)
    return exact, posterior_map.shade(model, x, y, exact)


def density(shaded):
    """The shaded's density as shares of what it shows, with the middles of its cells."""
    shares = np.exp(-shaded.shades / posterior_map.SHADES_A_NAT)
    shares /= shares.sum()
    size = posterior_map.SIZE
    axes = [low + (high - low) * (np.arange(size) + 0.5) / size for low, high in shaded.window]
    return shares, axes[0], axes[1][::-1]


def moments(shaded):
    shares, z1, z2 = density(shaded)
    mean = np.array([shares.sum(0) @ z1, shares.sum(1) @ z2])
    return mean, np.sqrt([shares.sum(0) @ (z1 - mean[0]) ** 2, shares.sum(1) @ (z2 - mean[1]) ** 2])


def assert_is_of(exact, found):
    mean, std = moments(found.wide)
    true = exact.covariance.diagonal().sqrt().numpy()
    np.testing.assert_allclose(mean, exact.mean.numpy(), atol=0.05 * true.max())
    np.testing.assert_allclose(std, true, rtol=0.06)
    for level, mass in zip(found.close.levels_nats, posterior_map.MASSES, strict=True):
        inside = found.close.shades <= level * posterior_map.SHADES_A_NAT + 0.5
        assert density(found.close)[0][inside].sum() == pytest.approx(mass, abs=0.03)


@pytest.mark.parametrize("narrow", [4.0, 1e4, 1e6])
def test_a_posterior_however_narrow_is_found_and_seen(narrow):
    """Of standard deviations .5, .01 and .001, on a plane 8 wide."""
    exact, found = seen(LinearGaussian(narrow * torch.eye(2)))
    assert_is_of(exact, found)
    for low, high in found.wide.window:
        assert 6 < (high - low) * math.sqrt(narrow) < 16


def test_of_a_normal_the_lines_lie_at_one_and_two_sigma():
    """There the log density is 1/2 and 2 nats below its highest."""
    exact, found = seen(LinearGaussian(torch.tensor([[60.0, -25.0], [-25.0, 40.0]])))
    assert_is_of(exact, found)
    assert found.close.levels_nats == pytest.approx((0.5, 2.0), abs=0.08)


def test_the_picture_needs_no_particular_likelihood(likelihood):
    """Untrained, a model's posterior is nearly its prior."""
    model = vae.build(vae.TrainConfig(likelihood=likelihood, seed=2))
    assert_is_of(*seen(model, GREY.float().round()))


def test_the_first_row_is_at_the_top_and_the_first_column_at_the_left():
    model = LinearGaussian(400.0 * torch.eye(2))
    for z in ([1.0, 0.5], [-1.0, 2.0]):
        with torch.inference_mode():
            x = model.likelihood(torch.tensor([z]).double()).mean
        _, found = seen(model, x)
        mean, _ = moments(found.wide)
        np.testing.assert_allclose(mean, z, atol=0.02)


class Folded(LinearGaussian):
    """Sees how far z1 is from 1 and not to which side: of two places, that nearer to 0 is the likelier one."""

    def likelihood(self, z, y=None):
        return super().likelihood(torch.stack([(z[:, 0] - 1).square() / 3, z[:, 1]], dim=1), y)


def test_a_far_and_small_part_is_on_the_wide_picture_and_not_close_up():
    model = Folded(1e4 * torch.eye(2))
    with torch.inference_mode():
        x = model.likelihood(torch.tensor([[-0.5, 0.3]]).double()).mean
    exact, found = seen(model, x)
    main = (2.5 - exact.mean[0].item()) / 3  # the share of the part at -0.5; the other one is at 2.5
    assert main == pytest.approx(1 / (1 + math.exp(-3)), abs=0.01)
    assert found.wide.window[0][0] < -0.5 < 2.5 < found.wide.window[0][1]
    low, high = found.close.window[0]
    assert -1 < low < -0.5 < high < 0
    mean, std = moments(found.close)
    assert mean[0] == pytest.approx(-0.5, abs=0.01)
    assert (std < 0.02).all()
    for level, mass in zip(found.close.levels_nats, posterior_map.MASSES, strict=True):
        inside = found.close.shades <= level * posterior_map.SHADES_A_NAT + 0.5
        assert main * density(found.close)[0][inside].sum() == pytest.approx(mass, abs=0.03)


@pytest.mark.fault("the close-up cut q off where it is far from the posterior")
@pytest.mark.parametrize("z1", [0.5, -2.0, -20.0, 300.0])
def test_the_view_holds_the_window_and_the_ellipses_of_q(z1):
    window, mean, std = ((0.0, 1.0), (2.0, 3.0)), (z1, 2.5), (0.1, 0.2)
    view = posterior_map.with_ellipse(window, mean, std)
    for (low, high), (first, last), middle, sigma in zip(view, window, mean, std, strict=True):
        assert low <= middle - 2 * sigma < middle + 2 * sigma <= high
        assert low <= first < last <= high


def test_a_view_that_holds_q_already_is_the_window():
    window, std = ((0.0, 1.0), (2.0, 3.0)), (0.1, 0.2)
    assert posterior_map.with_ellipse(window, (0.5, 2.5), std) == window


def test_the_share_of_the_prior_is_that_of_what_the_outer_line_holds():
    """Over an area of 4 pi s^2, where the prior has density exp(-z^2 / 2) / 2 pi."""
    exact, found = seen(LinearGaussian(2500.0 * torch.eye(2)))
    there = math.exp(-0.5 * float(exact.mean.square().sum()))
    assert found.prior_share == pytest.approx(2 / 2500 * there, rel=0.05)
