"""Laws of the most probable code."""

import pytest
import torch
from chromium import ROOT
from linear_gaussian import LinearGaussian

from vae import train
from vae.config import TrainConfig
from vae.images.tensors import to_pixels
from vae.inference import joint, map_codes, quadrature
from vae.inference.map_codes import posterior_modes
from vae.models import build
from vae.storage import checkpoint

HARD = [3534, 591, 4791, 2753, 5687, 61, 199, 200]  # test images with several narrow peaks under vae-best


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("precision", [[[30.0]], [[40.0, 12.0], [12.0, 9.0]], [[4e4, 0.0], [0.0, 4e4]]])
def test_of_a_normal_posterior_it_is_the_mean(precision, conditional, generator, device, monkeypatch):
    monkeypatch.setattr(map_codes, "POINTS", {1: 128, 2: 128})  # one peak is found from anywhere
    model = LinearGaussian(torch.tensor(precision, device=device), conditional=conditional)
    y = torch.arange(12, device=device) % 3
    x = model.images(12, generator, y)
    found = posterior_modes(model, x, y)
    torch.testing.assert_close(found, model.true_posterior(x, y).mean.float(), rtol=0, atol=1e-5)


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


def ascended(model, x, z):
    """Where plain gradients lead from z (N, K, 2), by torch's L-BFGS in steps of each image's own."""
    z = z.double().requires_grad_()
    model = model.double()
    image = x.double().repeat_interleave(z.shape[1], 0)
    search = torch.optim.LBFGS([z], max_iter=60, line_search_fn="strong_wolfe")

    def loss():
        search.zero_grad()
        points = z.flatten(0, 1)
        found = -(model.likelihood(points).log_prob(image) + model.prior().log_prob(points)).sum()
        found.backward()
        return found

    search.step(loss)
    return z.detach()


@pytest.mark.mnist
def test_none_lies_half_a_nat_below_the_best_place_that_is_known(mnist):
    """Known are those of a denser lattice, from whose 24 best points gradients lead up."""
    model = checkpoint.read(ROOT / "checkpoints" / "vae-best").model
    x = to_pixels(mnist.test_images[HARD])
    found = posterior_modes(model, x)
    axis = torch.linspace(-6, 6, 500)
    with torch.no_grad():
        lattice = torch.cartesian_prod(axis, axis)
        heights = [joint.pairwise_log_joint(model, model.likelihood(z), z, x) for z in lattice.split(5_000)]
    known = ascended(model, x, lattice[torch.cat(heights, 1).topk(24).indices])
    with torch.no_grad():
        here, best = (joint.log_joint(model, x.double(), z.double()) for z in (found[:, None], known))
    assert (best.amax(1) - here[:, 0]).max() < 0.5


@pytest.mark.parametrize("config", [TrainConfig(latent_dim=3), TrainConfig(model="ae")])
def test_more_than_two_dimensions_or_no_prior_are_refused(config):
    with pytest.raises(ValueError, match="D <= 2"):
        posterior_modes(build(config), torch.zeros(1, 1, 28, 28))
