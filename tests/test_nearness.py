"""Laws of how near codes are, and of the geodesics that keep to them."""

import math

import pytest
import torch
from surfaces import Bent, hill

from vae import nearness
from vae.geodesics import distances, geodesic, graph
from vae.geometry import Surface

PLANE = Bent(lambda z: z)


def ring(device):
    """2,000 codes about a circle of radius 2, with a hole in the middle."""
    generator = torch.Generator().manual_seed(0)
    angle, off = torch.rand(2_000, generator=generator), 0.1 * torch.randn(2_000, generator=generator)
    along = 2 * math.pi * angle.double()
    return ((2 + off)[:, None] * torch.stack([along.cos(), along.sin()], 1)).to(device)


def exact(codes, z):
    """1 - exp(-n(z)), by the sum over all codes."""
    s = nearness.radius(codes) / 2
    return 1 - (-(-(z[:, None] - codes).square().sum(2) / (2 * s * s)).exp().sum(1)).exp()


def test_the_radius_is_that_in_which_a_typical_code_has_twenty_others(device):
    codes = ring(device)
    near = (torch.cdist(codes, codes) <= nearness.radius(codes) * (1 + 1e-9)).sum(1) - 1
    assert abs(float(near.double().median()) - nearness.NEAR) <= 1


def test_the_lattice_holds_the_sum_over_all_codes_and_its_derivative(device, generator):
    codes = ring(device)
    z = codes[::20] + 0.2 * torch.randn(100, 2, generator=generator, dtype=torch.float64, device=device)
    z = torch.cat([z, 9 * z]).requires_grad_()  # the second half is outside of the lattice, or far from codes
    found, true = nearness.measure(codes)(z), exact(codes, z)
    torch.testing.assert_close(found, true, rtol=0, atol=0.01)
    slopes = [torch.autograd.grad(each.sum(), z)[0] for each in (found, true)]
    assert (slopes[0] - slopes[1]).norm() < 0.05 * slopes[1].norm()


def test_lengths_and_energies_have_the_derivatives_of_their_differences(device, generator):
    surface = Surface(hill(), stretch=nearness.measure(ring(device)).stretch)
    curve = torch.randn(2, 6, 2, generator=generator, dtype=torch.float64, device=device, requires_grad=True)
    assert torch.autograd.gradcheck(surface.length, curve)
    assert torch.autograd.gradcheck(surface.energy, curve)


def test_the_metric_measures_small_steps(device, generator):
    surface = Surface(hill(), stretch=nearness.measure(ring(device)).stretch)
    z, dz = torch.randn(2, 50, 2, generator=generator, dtype=torch.float64, device=device)
    steps = surface.length(torch.stack([z - 5e-5 * dz, z + 5e-5 * dz], 1)).square() / 1e-8
    torch.testing.assert_close(torch.einsum("bd,bde,be->b", dz, surface.metric(z), dz), steps, rtol=1e-4, atol=0)


def test_among_evenly_spread_codes_it_is_the_geodesic(device):
    axis = torch.linspace(-4, 4, 81, dtype=torch.float64, device=device)
    plain = Surface(hill())
    kept = Surface(hill(), stretch=nearness.measure(torch.cartesian_prod(axis, axis)).stretch)
    z0, z1 = torch.tensor([[-2.0, 0.3], [1.7, 1.0]], dtype=torch.float64, device=device)
    corner = torch.tensor([2.5, 2.5], dtype=torch.float64, device=device)
    cells = graph(plain, -corner, corner, 30)
    found = [geodesic(surface, z0, z1, cells) for surface in (plain, kept)]
    torch.testing.assert_close(kept.length(found[0]), plain.length(found[0]), rtol=1e-3, atol=0)
    torch.testing.assert_close(*found, rtol=0, atol=0.02)


def test_it_goes_around_a_hole_that_the_geodesic_crosses(device):
    codes = ring(device)
    near = nearness.measure(codes)
    surface = Surface(PLANE, stretch=near.stretch)
    z0, z1 = torch.tensor([[-2.0, 0.1], [2.0, 0.0]], dtype=torch.float64, device=device)
    corner = torch.tensor([2.5, 2.5], dtype=torch.float64, device=device)
    cells = graph(surface, -corner, corner, 40)
    found = geodesic(surface, z0, z1, cells)
    assert geodesic(Surface(PLANE), z0, z1).norm(dim=1).min() < 0.1
    assert exact(codes, found).min() > 0.9
    assert (found.norm(dim=1) - 2).abs().max() < 0.3
    line = torch.lerp(z0, z1, torch.linspace(0, 1, len(found), dtype=torch.float64, device=device)[:, None])
    assert surface.length(found) < 0.5 * surface.length(line)
    assert torch.equal(geodesic(surface, z1, z0, cells), found.flip(0))
    steps = Surface(PLANE).steps(found)
    torch.testing.assert_close(steps, steps.mean().expand_as(steps), rtol=0.02, atol=0)  # the image changes evenly
    together = distances(surface, torch.stack([z0, z0]), torch.stack([z1, z0]), cells)
    assert float(together[0]) == pytest.approx(float(surface.length(found)), rel=0.01)
    assert together[1] == 0


@pytest.mark.parametrize("codes", [torch.ones(30, 2), torch.rand(30, 3), torch.rand(30)])
def test_codes_that_span_nothing_or_no_plane_are_refused(codes):
    with pytest.raises(ValueError, match="nearness needs codes"):
        nearness.measure(codes)
