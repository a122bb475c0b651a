"""Laws of expectations under a normal and of their derivatives."""

import math

import pytest
import torch

from vae.hermite import derivatives, rule


@pytest.mark.parametrize("d", [1, 2, 3])
def test_moments_of_the_normal_are_exact_up_to_twice_the_order(d, device):
    t, weights = rule(5, d, device)
    assert weights.sum().item() == pytest.approx(1)
    assert (weights > 0).all()
    for power, moment in ((1, 0), (2, 1), (4, 3), (8, 105), (9, 0)):
        torch.testing.assert_close(weights @ t**power, torch.full((d,), float(moment), device=device).double())
    if d > 1:
        assert (weights @ (t[:, 0] ** 2 * t[:, 1] ** 4)).item() == pytest.approx(3)
    assert (weights @ t[:, 0] ** 10).item() != pytest.approx(945)  # of which this rule knows nothing


@pytest.mark.parametrize("d", [1, 2, 3])
def test_derivatives_are_those_of_the_closed_form(d, device, generator):
    """E[exp(a . z)] = exp(a . mean + |a std|^2 / 2), here with a linear and a constant term beside it."""
    a, mean, log_std = torch.randn(3, d, generator=generator, device=device).double() * 0.5
    t, weights = rule(12, d, device)

    def closed_form(u):
        m, s = u[:d] * log_std.exp(), u[d:].exp()
        return (a @ m + 0.5 * (a * s).square().sum()).exp() + 3 * m.sum() - 700

    def at(z):
        return (z @ a).exp() + 3 * z.sum(-1) - 700

    u = torch.cat([mean / log_std.exp(), log_std])
    found = derivatives(at(mean + log_std.exp() * t)[None], t, weights)
    assert found[0].item() == pytest.approx(closed_form(u).item())
    torch.testing.assert_close(found[1][0], torch.autograd.functional.jacobian(closed_form, u))
    torch.testing.assert_close(found[2][0], torch.autograd.functional.hessian(closed_form, u))


def test_a_large_constant_costs_a_derivative_no_digits(device):
    t, weights = rule(7, 2, device)
    f = t[:, 0].square()[None]
    low, high = (derivatives(f + constant, t, weights) for constant in (0.0, 1e6))
    for part in (1, 2):
        torch.testing.assert_close(low[part], high[part], rtol=0, atol=1e-8)
    assert math.isclose(high[0].item(), 1e6 + 1)
