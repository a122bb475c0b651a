"""Laws of expectations under a normal and of their derivatives."""

import math

import pytest
import torch

from vae.inference import gauss_hermite
from vae.inference.gauss_hermite import derivatives, expectation, rule


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


@pytest.mark.fault("a number that had not settled was shown as exact")
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("most", [2_000, 220_000])
def test_of_waves_of_any_length_an_expectation_is_known_as_well_as_it_says(d, most, device, generator, monkeypatch):
    """E[cos(w . t + phase)] = exp(-|w|^2 / 2) cos(phase): two rules agree on some of these by chance."""
    monkeypatch.setattr(gauss_hermite, "MOST_NODES", most)
    k = 400
    octave = 5 * torch.rand(k, 1, generator=generator, device=device).double()
    direction = torch.nn.functional.normalize(torch.randn(k, d, generator=generator, device=device).double())
    wave, phase = 2**octave * direction, 7 * torch.rand(k, generator=generator, device=device).double()
    height = 10 ** (4 * torch.rand(k, generator=generator, device=device).double())
    exact = height * (-0.5 * wave.square().sum(1)).exp() * phase.cos()

    def f(rows, t):
        return height[rows, None] * (wave[rows] @ t.T + phase[rows, None]).cos()

    found = expectation(f, k, d, 0.01, exact.new_full((k,), -math.inf), device)
    assert ((found.value - exact).abs() <= 1.1 * found.error + 1e-7 * height).all()
    settled = found.error <= 0.012 * (height / 2**0.5).clamp(min=1)  # of a short wave this is the spread
    assert settled.all() == (most == 220_000 or d == 1)


def test_what_is_sure_to_lie_below_is_not_refined(device):
    nodes = []

    def f(rows, t):
        nodes.append(rows.tolist())
        return 100 * (9 * t[:, 0]).cos().expand(len(rows), -1)

    found = expectation(f, 2, 2, 0.01, torch.tensor([-math.inf, 1e3], device=device).double(), device)
    assert nodes[0] == [0, 1]
    assert nodes[-1] == [0]
    assert abs(found.value[0]) < 1
    assert found.value[1] + found.error[1] < 1e3
