"""Laws of the points that cover the prior."""

import math

import pytest
import torch

from vae.quasi_random import prior_points


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_averages_over_the_points_are_unbiased_and_far_better_than_over_independent_draws(dimensions, generator):
    direction = torch.linspace(0.5, 1, dimensions, device=generator.device, dtype=torch.float64)
    exact = math.exp(-float(direction @ direction) / 2)  # E cos(a . z)
    points, repeats = 512, 200

    def errors(draw):
        return torch.stack([(draw() @ direction).cos().mean() - exact for _ in range(repeats)])

    shifted = errors(lambda: prior_points(points, dimensions, generator).double())
    shape = (points, dimensions)
    drawn = errors(lambda: torch.randn(shape, generator=generator, device=generator.device).double())
    assert abs(float(shifted.mean())) < 4 * float(shifted.std()) / math.sqrt(repeats)
    assert float(shifted.std()) < 0.5 * float(drawn.std())


@pytest.mark.parametrize("points", [100, 1000])
def test_no_two_points_of_the_plane_lie_close_and_no_disc_of_some_mass_is_empty(points, generator):
    z = prior_points(points, 2, generator)
    uniform = torch.special.ndtr(z.double())
    apart = torch.cdist(uniform, uniform)
    apart.fill_diagonal_(1)
    assert apart.min() > 0.3 / math.sqrt(points)  # independent draws come as close as 0.5 / points
    places = torch.rand(500, 2, generator=generator, device=generator.device).double() * 0.8 + 0.1
    assert torch.cdist(places, uniform).min(1).values.max() < 1.2 / math.sqrt(points)


def test_each_draw_is_another_and_the_seeds_alone(device):
    first, again = (prior_points(64, 2, torch.Generator(device).manual_seed(3)) for _ in range(2))
    generator = torch.Generator(device).manual_seed(3)
    assert torch.equal(first, again)
    assert not torch.equal(prior_points(64, 2, generator), prior_points(64, 2, generator))
    assert torch.isfinite(prior_points(1, 2, generator)).all()
