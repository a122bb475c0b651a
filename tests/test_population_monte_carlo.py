"""Laws of the estimate without an encoder."""

import pytest
import torch
from chromium import ROOT
from linear_gaussian import LinearGaussian

from vae import train
from vae.config import TrainConfig
from vae.images.tensors import to_pixels
from vae.inference import quadrature
from vae.inference.joint import log_joint
from vae.inference.population_monte_carlo import estimate_posterior
from vae.storage import checkpoint


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("precision", [[[30.0]], [[40.0, 12.0], [12.0, 9.0]], [[4e4, 0.0], [0.0, 4e4]]])
def test_of_a_normal_posterior_all_is_known(precision, conditional, generator, device):
    model = LinearGaussian(torch.tensor(precision, device=device), conditional=conditional)
    y = torch.arange(4, device=device) % 3
    x = model.images(4, generator, y)
    true = model.true_posterior(x, y)
    for i in range(4):
        label = y[i : i + 1] if conditional else None
        found = estimate_posterior(model, x[i : i + 1], generator, label)
        std = true.covariance_matrix.diagonal(dim1=-2, dim2=-1).sqrt()[0]
        assert abs(found.log_px_nats - model.log_px(x, y)[i]) < 5 * found.error_nats + 1e-3
        assert found.error_nats < 0.15
        assert ((found.mean - true.mean[i]).abs() < 0.2 * std).all()
        assert ((found.mode - true.mean[i]).abs() < 0.3 * std).all()
        assert torch.allclose(
            found.covariance,
            true.covariance_matrix[0].expand_as(found.covariance),
            rtol=0.3,
            atol=0.1 * std.max() ** 2,
        )


def test_it_finds_what_quadrature_finds_and_errs_as_it_says(digits, generator, device):
    config = TrainConfig(likelihood="bernoulli", batch_size=40, epochs=20)
    model = train.train(config, digits).model.to(device)
    x = digits.test_images[:20, None].to(device) / 255
    exact = quadrature.moments(model, x)
    found = [estimate_posterior(model, image[None], generator) for image in x]
    off = torch.tensor([each.log_px_nats for each in found], dtype=torch.float64) - exact.log_px_nats
    errors = torch.tensor([each.error_nats for each in found], dtype=torch.float64)
    assert 0.3 < (off / errors).square().mean().sqrt() < 2
    assert errors.max() < 0.2
    alike = [(each.mode.cpu() - mode).norm() < 0.1 for each, mode in zip(found, exact.mode, strict=True)]
    assert sum(alike) >= 18  # the rest have two peaks of nearly one height


def test_a_seed_gives_the_same_again():
    model = LinearGaussian(torch.tensor([[40.0, 12.0], [12.0, 9.0]]))
    x = model.images(1, torch.Generator().manual_seed(1), torch.zeros(1, dtype=torch.long))
    first, again, other = (
        estimate_posterior(model, x, torch.Generator().manual_seed(s)).log_px_nats for s in (3, 3, 4)
    )
    assert first == again != other


@pytest.mark.mnist
def test_far_and_narrow_peaks_are_found(mnist):
    """Those of images whose codes a lattice under the prior passes by; it finds them, or higher places."""
    rows = [38, 64, 119, 5001, 5086]
    best = checkpoint.read(ROOT / "checkpoints" / "vae-best")
    x = to_pixels(mnist.test_images[rows])
    found = [estimate_posterior(best.model, image[None], torch.Generator().manual_seed(0)).mode for image in x]
    with torch.no_grad():
        here, code = (log_joint(best.model, x, z[:, None])[:, 0] for z in (torch.stack(found), best.codes[rows]))
    assert (here > code - 0.5).all()
