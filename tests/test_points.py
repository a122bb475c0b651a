"""Laws of what the screens show."""

import math

import numpy as np
import pytest
import torch

from explorer.cache import checkpoints, results
from explorer.quantities import decode, points
from vae.config import TrainConfig
from vae.models import build
from vae.storage.checkpoint import read

CHECKPOINTS = "checkpoints"


@pytest.fixture(scope="module", params=["ae", "vae", "cvae"])
def checkpoint(request):
    return read(f"{CHECKPOINTS}/{request.param}")


def test_a_typical_code_has_the_promised_number_of_codes_near(checkpoint):
    codes = checkpoint.codes.numpy()
    near = points.codes_near(codes, codes, points.radius(codes)) - 1  # less the code itself
    assert abs(np.median(near) - points.NEAR) <= 1


def test_the_radius_follows_the_scale_of_the_map(checkpoint):
    codes = checkpoint.codes.numpy()
    assert points.radius(10 * codes) == pytest.approx(10 * points.radius(codes), rel=1e-4)


def test_far_away_nothing_is_near_and_at_a_code_its_image_is_nearest(checkpoint):
    within = points.radius(checkpoint.codes.numpy())
    far = points.describe(checkpoint, (900.0, 900.0), 3, within)
    assert far.codes_near == 0
    at_code = points.describe(checkpoint, tuple(checkpoint.codes[17].tolist()), 3, within)
    assert at_code.codes_near >= 1
    assert at_code.neighbours[0] == 17
    assert at_code.labels[0] == checkpoint.labels[17]


@pytest.mark.parametrize("name", ["ae", "vae"])
def test_in_a_hole_no_code_is_near_and_codes_lie_on_all_sides(name):
    resource = checkpoints.resource(name)
    z, radius = results.hole(resource)
    codes = resource.stored.codes
    assert radius > results.radius(resource)
    assert points.codes_near(codes, np.array([z]), 0.999 * radius) == 0
    aside, above = (codes - np.array(z)).T
    for part in range(8):
        towards = math.pi * part / 4
        assert (np.cos(np.arctan2(above, aside) - towards) > math.cos(math.pi / 4)).any()


def test_the_hole_of_a_disc_is_where_its_codes_were_taken_out_and_without_that_it_has_none():
    square = np.stack(np.meshgrid(np.linspace(-3, 3, 80), np.linspace(-3, 3, 80)), axis=-1).reshape(-1, 2)
    disc = square[np.hypot(*square.T) < 3].astype(np.float32)
    within = points.radius(disc)
    pierced = disc[np.hypot(*(disc - [1, -0.5]).T) > 0.6]
    z, radius = points.hole(pierced, within)
    assert math.dist(z, (1, -0.5)) < 0.15
    assert 0.5 < radius < 0.75
    assert points.hole(disc, within) is None


@pytest.mark.fault("the first view of the autoencoder was a place without codes")
def test_the_first_pin_is_where_codes_are_dense(checkpoint):
    codes = checkpoint.codes.numpy()
    within = points.radius(codes)
    first = results.start(checkpoints.resource(checkpoint.name))
    assert points.codes_near(codes, np.array([first]), within)[0] > 2 * points.NEAR


def test_only_a_model_with_a_prior_says_how_far_out_a_point_lies(checkpoint):
    out = points.describe(checkpoint, (3.0, -4.0), 0, 1.0)
    if checkpoint.config.model == "ae":
        assert out.sigmas is None
        assert out.mass_beyond is None
        return
    draws = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    assert out.sigmas == pytest.approx(5)
    one = points.describe(checkpoint, (0.6, -0.8), 0, 1.0)
    assert one.mass_beyond == pytest.approx((draws.norm(dim=1) > 1).double().mean().item(), abs=0.005)


@pytest.mark.parametrize("kind", ["line", "arc"])
def test_a_path_joins_its_ends_and_swapping_them_reverses_it(kind):
    there, back = (points.path(kind, *ends) for ends in [((3.0, 1.0), (-0.5, 2.0)), ((-0.5, 2.0), (3.0, 1.0))])
    assert there[0].tolist() == [3, 1]
    assert there[-1].tolist() == [-0.5, 2]
    np.testing.assert_allclose(there, back[::-1], atol=1e-12)


def test_styles_cover_the_prior_evenly():
    radii = np.hypot(*points.sunflower(400).T)
    inside = [(radii < r).mean() for r in (0.5, 1.0, 2.0)]
    np.testing.assert_allclose(inside, [1 - math.exp(-(r**2) / 2) for r in (0.5, 1.0, 2.0)], atol=0.01)
    assert np.abs(points.sunflower(400).mean(axis=0)).max() < 0.05


def test_a_seed_draws_the_same_samples_again_and_another_seed_others():
    model = read(f"{CHECKPOINTS}/cvae").model
    first, again, other = (decode.samples(model, 3, 8, seed).images for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


def test_every_class_is_its_single_decodes():
    model = read(f"{CHECKPOINTS}/cvae").model
    z = points.sunflower(3)
    table = decode.every_class(model, z)
    for digit in range(10):
        assert np.abs(table[digit].astype(int) - decode.at(model, z, digit)).max() <= 1


def test_what_is_darker_than_black_or_brighter_than_white_is_black_or_white():
    model = build(TrainConfig(network="linear")).requires_grad_(False)
    model.decoder[0].weight.zero_()
    model.decoder[0].bias.copy_(torch.linspace(-2, 3, 784))
    (image,) = decode.at(model, np.zeros((1, 2)))
    expected = np.rint(255 * np.linspace(-2, 3, 784).clip(0, 1)).reshape(28, 28)
    assert np.abs(image - expected).max() <= 1  # rounding of float32
