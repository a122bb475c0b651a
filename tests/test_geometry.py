"""Laws of the shape that a decoder gives to the latent space, against closed forms and finite differences."""

import pytest
import torch
from linear_gaussian import LinearGaussian
from surfaces import Bent, sphere

from vae.config import TrainConfig
from vae.distributions import jeffreys
from vae.geometry import Surface
from vae.models import build

H = 1e-5


def surface_of(model):
    return Surface(model, torch.tensor(3, device=model.decoder[0].weight.device) if model.conditional else None)


def differences(function, z):
    """The columns (B, D, K) of the derivative of function(z) (B, K), by central differences."""
    axes = H * torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    return torch.stack([(function(z + axis) - function(z - axis)) / (2 * H) for axis in axes], 1)


def test_the_metric_of_a_linear_decoder_is_that_of_its_matrix(device, z):
    model = LinearGaussian(torch.tensor([[5.0, 2.0], [2.0, 9.0]], device=device))
    expected = model.w.T @ model.w
    torch.testing.assert_close(Surface(model).metric(z), expected.expand(len(z), 2, 2))
    torch.testing.assert_close(Surface(model).magnification(z), torch.linalg.det(expected).sqrt().expand(len(z)))
    ends = z[:2]
    torch.testing.assert_close(Surface(model).length(ends), (model.w @ (ends[1] - ends[0])).norm())


def test_the_metric_of_a_sphere_is_the_sphere_s(device, z):
    zero = torch.zeros_like(z[:, 0])
    expected = 4 * torch.stack([zero + 1, zero, zero, z[:, 0].sin().square()], 1).view(-1, 2, 2)
    torch.testing.assert_close(Surface(sphere(2.0)).metric(z), expected)
    torch.testing.assert_close(Surface(sphere(2.0)).magnification(z), 4 * z[:, 0].sin().abs())


def test_magnification_is_that_of_finite_differences(model, z):
    surface = surface_of(model)
    columns = differences(surface.embed, z)
    found = torch.linalg.det(columns @ columns.mT).sqrt()
    torch.testing.assert_close(surface.magnification(z), found, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("likelihood", "unit"), [("bernoulli", 1.0), ("bernoulli-grey", 1.0), ("gaussian", 0.25)])
def test_the_metric_is_the_curvature_of_the_divergence_between_neighbours(kind, likelihood, unit, device, z, generator):
    model = build(TrainConfig(model=kind, likelihood=likelihood, sigma=0.25)).to(device).double()
    surface = surface_of(model)
    dz = 1e-4 * torch.randn(z.shape, generator=generator, dtype=z.dtype, device=device)
    y = None if surface.y is None else surface.y.expand(2 * len(z))
    first = torch.arange(len(z), device=device)
    nats = jeffreys(model.likelihood(torch.cat([z, z + dz]), y), first, first + len(z))
    found = torch.einsum("bd,bde,be->b", dz, surface.metric(z + dz / 2), dz) / unit**2
    torch.testing.assert_close(found, nats, rtol=1e-5, atol=0)


def test_with_a_std_of_each_pixel_the_metric_is_that_of_a_drawn_image_on_average(kind, device, z, generator):
    model = build(TrainConfig(model=kind, likelihood="gaussian-pixel")).to(device).double()
    surface = surface_of(model)
    y = None if surface.y is None else surface.y.expand(len(z))
    total = 0
    for _ in range(400):  # draws of the noise
        noise = torch.randn(784, generator=generator, dtype=z.dtype, device=device)

        def drawn(z, noise=noise):
            pixels = model.likelihood(z, y).base_dist
            return pixels.mean.flatten(1) + noise * pixels.stddev.flatten(1)

        columns = differences(drawn, z)
        total = total + columns @ columns.mT / 400
    total = total.detach()
    torch.testing.assert_close(surface.metric(z), total, rtol=0.05, atol=0.02 * total.max().item())


def test_one_shared_std_changes_nothing(device, z):
    shared = build(TrainConfig(likelihood="gaussian-shared")).to(device).double()
    fixed = build(TrainConfig(likelihood="gaussian", sigma=0.1)).to(device).double()
    torch.testing.assert_close(Surface(shared).metric(z), Surface(fixed).metric(z))


def test_a_label_and_its_weights_are_the_same_surface_and_another_label_another(device, z):
    model = build(TrainConfig(model="cvae")).to(device).double()
    three, four = (Surface(model, torch.tensor(label, device=device)).metric(z) for label in (3, 4))
    weights = torch.eye(10, dtype=z.dtype, device=device)[3]
    torch.testing.assert_close(Surface(model, weights).metric(z), three)
    assert (three - four).abs().max() > 1e-6


def test_logits_that_no_pixel_leaves_leave_no_trace():
    class Certain(Bent):
        def likelihood(self, z, y=None):
            logits = torch.cat([1e4 * z, -1e4 * z], 1)[:, None, None]
            return torch.distributions.Independent(torch.distributions.Bernoulli(logits=logits), 3)

    surface = Surface(Certain(None))
    z = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    assert torch.equal(surface.metric(z), torch.zeros(2, 2, 2))
    torch.testing.assert_close(surface.length(z), torch.tensor(4.0).sqrt() * torch.pi)  # four pixels, black to white


def test_energy_bounds_length_and_is_least_at_a_constant_speed(model, z):
    surface = surface_of(model)
    assert surface.energy(z) > 0.5 * surface.length(z) ** 2
    line = Surface(LinearGaussian(torch.tensor([[5.0, 2.0], [2.0, 9.0]], device=z.device)))
    even = torch.lerp(z[0], z[1], torch.linspace(0, 1, 9, dtype=z.dtype, device=z.device)[:, None])
    torch.testing.assert_close(line.energy(even), 0.5 * line.length(even) ** 2)


def test_more_corners_never_make_a_curve_shorter(model, z):
    surface = surface_of(model)
    finer = torch.stack([z[:-1], 0.3 * z[:-1] + 0.7 * z[1:]], 1).flatten(0, 1)
    assert surface.length(torch.cat([finer, z[-1:]])) >= surface.length(z)
