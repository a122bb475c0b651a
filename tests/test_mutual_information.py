"""Laws of the mutual information of an image and its code."""

import math

import pytest
import torch

from vae.distributions import DiagonalNormal
from vae.inference import mutual_information as module
from vae.inference.aggregate import aggregate_posterior
from vae.inference.mutual_information import mutual_information
from vae.objectives import kl_closed_form


def posteriors(n, dimensions, generator):
    """q of n images that overlap with some others."""
    mean, noise = torch.randn(2, n, dimensions, generator=generator, device=generator.device).double()
    return DiagonalNormal(mean, -1 + 0.5 * noise)


def product_of(first, second):
    """The q of all pairs of an image of the one kind and one of the other, with the dimensions of both."""
    rows, columns = torch.meshgrid(torch.arange(len(first.mean)), torch.arange(len(second.mean)), indexing="ij")
    parts = ((getattr(q, name)[which.flatten()] for q, which in ((first, rows), (second, columns)))
             for name in ("mean", "log_std"))  # fmt: skip
    return DiagonalNormal(*(torch.cat([*part], 1) for part in parts))


@pytest.mark.parametrize("dimensions", [1, 2, 5, 20])
@pytest.mark.parametrize("scale", [0.01, 0.3, 1.0, 30.0])
def test_it_is_at_least_0_and_at_most_the_mean_kl_and_log_n(dimensions, scale, generator):
    q = posteriors(50, dimensions, generator)
    q = DiagonalNormal(scale * q.mean, q.log_std)
    found = mutual_information(q, generator, 20)
    most = min(kl_closed_form(q).mean().item(), math.log(50))
    near = 4 * found.error_nats + 1e-9
    assert -near < found.nats < most + near
    assert found.error_nats < 0.05


@pytest.mark.parametrize("log_std", [0.0, 3.0, -30.0])
def test_of_an_encoder_that_says_the_same_of_all_images_it_is_0(log_std, device, generator):
    q = DiagonalNormal(torch.full((40, 2), 3.0, device=device), torch.full((40, 2), log_std, device=device))
    found = mutual_information(q, generator)
    assert found == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.parametrize("log_std", [-3.0, -10.0, -30.0])
def test_of_posteriors_that_do_not_overlap_it_is_the_log_of_their_number(log_std, device, generator):
    mean = torch.cartesian_prod(torch.arange(5.0), torch.arange(8.0)).to(device)
    found = mutual_information(DiagonalNormal(mean, torch.full_like(mean, log_std)), generator)
    assert found == pytest.approx((math.log(40), 0), abs=1e-9)
    thrice = mutual_information(DiagonalNormal(mean.repeat(3, 1), torch.full_like(mean, -3).repeat(3, 1)), generator)
    assert thrice == pytest.approx((math.log(40), 0), abs=1e-9)


def test_it_is_the_mean_kl_less_that_of_the_aggregate_posterior(generator):
    """That KL by a fine grid of cells, whose error falls with the square of their width."""
    q = posteriors(60, 2, generator)
    coarse, fine = (aggregate_posterior(q.mean, q.stddev, width).kl_to_prior_nats for width in (0.04, 0.02))
    exact = kl_closed_form(q).mean().item() - (fine + (fine - coarse) / 3)
    found = mutual_information(q, generator, 400)
    assert found.error_nats < 0.01
    assert found.nats == pytest.approx(exact, abs=4 * found.error_nats)


def test_independent_dimensions_add_up(generator):
    first, second = posteriors(12, 1, generator), posteriors(9, 2, generator)
    one, two, both = (mutual_information(q, generator, 500) for q in (first, second, product_of(first, second)))
    error = math.hypot(one.error_nats, two.error_nats, both.error_nats)
    assert error < 0.02
    assert both.nats == pytest.approx(one.nats + two.nats, abs=4 * error)


def test_a_change_of_scale_and_place_tells_no_more_and_no_less(generator, device):
    q = posteriors(30, 2, generator)
    scale = torch.tensor([40.0, 1e-3], device=device).double()
    moved = DiagonalNormal(scale * q.mean + 7e3, q.log_std + scale.log())
    first, again = (mutual_information(each, torch.Generator(device).manual_seed(1)) for each in (q, moved))
    assert first == pytest.approx(again, abs=1e-6)


@pytest.mark.parametrize("draws", [2, 5])
def test_the_error_is_the_scatter_and_the_mean_is_right(draws, generator):
    q = posteriors(40, 2, generator)
    nats, errors = torch.tensor([mutual_information(q, generator, draws) for _ in range(300)]).double().T
    exact = mutual_information(q, generator, 20_000)
    assert nats.mean().item() == pytest.approx(exact.nats, abs=4 * nats.std().item() / 300**0.5 + 4 * exact.error_nats)
    assert errors.square().mean().sqrt().item() == pytest.approx(nats.std().item(), rel=0.2)


def test_how_the_work_is_cut_does_not_matter(device, generator, monkeypatch):
    q = posteriors(30, 2, generator)
    whole = mutual_information(q, torch.Generator(device).manual_seed(1))
    monkeypatch.setattr(module, "_MOST_VALUES", 100)
    assert mutual_information(q, torch.Generator(device).manual_seed(1)) == pytest.approx(whole)


def test_what_cannot_be_estimated_is_refused(generator):
    q = posteriors(3, 2, generator)
    with pytest.raises(ValueError, match="draws must be at least 2, of the q of at least 1 image, got 1 of 3"):
        mutual_information(q, generator, 1)
    with pytest.raises(ValueError, match="got 2 of 0"):
        mutual_information(DiagonalNormal(q.mean[:0], q.log_std[:0]), generator)
