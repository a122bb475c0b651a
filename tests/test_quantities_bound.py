"""Laws of what the page Bound says: both cuts of the bound are equally long, and of a linear model all is known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from linear_gaussian import LinearGaussian

import vae
from explorer.quantities import bound
from vae.images.tensors import binarize, to_pixels
from vae.objectives import kl_closed_form
from vae.storage.checkpoint import read

CHECKPOINTS = "checkpoints"
PRECISION = torch.tensor([[60.0, -25.0], [-25.0, 40.0]])


def checkpoint_of(model, **config):
    return SimpleNamespace(model=model, config=vae.TrainConfig(**config))


def linear(**settings):
    """A model of which everything is known, as a checkpoint, and its posterior of a grey image."""
    model = LinearGaussian(PRECISION, **settings)
    model.decode = lambda z, y=None: (z @ model.w.T + 0.3).reshape(-1, 1, 28, 28).clamp(0, 1)
    image = (model.images(1, torch.Generator().manual_seed(3))[0, 0].clamp(0, 1) * 255).round().byte().numpy()
    x = to_pixels(torch.from_numpy(image)[None]).double()
    return checkpoint_of(model, sigma=model.sigma), image, x


@pytest.fixture(scope="module", params=["vae", "cvae"])
def trained(request):
    """A shipped model and one of its own decodes as the image, with what is found of it."""
    checkpoint = read(f"{CHECKPOINTS}/{request.param}")
    with torch.inference_mode():
        label = torch.tensor([3]) if checkpoint.model.conditional else None
        pixels = checkpoint.model.decode(torch.tensor([[0.6, -0.8]]), label)
    image = (pixels[0, 0] * 255).byte().numpy()
    return checkpoint, image, bound.analyse(checkpoint, image, 3)


@pytest.mark.parametrize(("shift", "widen"), [(0.0, 0.0), (0.7, 0.3)])
def test_of_a_linear_model_every_term_is_known(shift, widen):
    checkpoint, image, x = linear(shift=shift, widen=widen)
    model, terms = checkpoint.model, (found := bound.analyse(checkpoint, image, 0)).terms
    true = model.true_posterior(x)
    diagonal = PRECISION.double().diagonal()
    family = 0.5 * (diagonal.log().sum() - PRECISION.double().logdet()).item()
    amortization = sum(0.5 * shift**2 + 0.5 * (math.exp(2 * widen) - 1) - widen for _ in range(2))
    amortization += 0.5 * shift**2 * 2 * (PRECISION[0, 1] / diagonal.sqrt().prod()).item()
    assert terms.log_px == pytest.approx(model.log_px(x).item(), abs=0.01)
    assert terms.approximation_gap == pytest.approx(family, abs=0.02)
    assert terms.amortization_gap == pytest.approx(amortization, abs=0.02)
    assert terms.kl == pytest.approx(kl_closed_form(model.posterior(x)).item())
    assert found.mean == pytest.approx(true.mean[0].tolist(), abs=0.003)
    assert found.std == pytest.approx(true.covariance_matrix.diagonal(dim1=-2, dim2=-1)[0].sqrt().tolist(), rel=0.02)
    assert found.best.mean == pytest.approx(true.mean[0].tolist(), abs=0.01)
    assert found.best.std == pytest.approx(diagonal.rsqrt().tolist(), rel=0.03)


def test_the_two_cuts_of_the_bound_are_equally_long(trained):
    terms = trained[2].terms
    assert -terms.reconstruction + terms.kl == pytest.approx(-terms.elbo)
    assert -terms.log_px + terms.approximation_gap + terms.amortization_gap == pytest.approx(-terms.elbo, abs=0.02)
    assert min(terms.kl, terms.approximation_gap, terms.amortization_gap, terms.perfect - terms.log_px) >= 0


def test_the_code_adds_up_and_its_excess_is_the_gap(trained):
    checkpoint, _, found = trained
    terms, code = found.terms, found.description
    assert code.step == 1 / 255
    sigma = checkpoint.config.sigma
    assert math.erf(0.5 / (sigma * 2**0.5)) / 2 < code.on_levels < math.erf(0.5 / (sigma * 2**0.5)) + 0.01
    assert code.total_bits == pytest.approx(code.latent_bits + code.pixel_bits)
    assert code.excess_bits == pytest.approx((terms.log_px - terms.elbo) / math.log(2))
    assert code.latent_bits == pytest.approx(terms.kl / math.log(2))


def test_the_draws_estimate_what_is_exact(trained):
    checkpoint, image, found = trained
    ours, naive = bound.draws(checkpoint, image, 3, found.q)
    assert len(ours) == len(naive) == bound.DRAWS
    assert ours.mean() == pytest.approx(found.terms.elbo, abs=6 * ours.std() / 64)
    for weights, within in ((ours, 0.1), (naive, 0.5)):
        assert np.logaddexp.reduce(weights) - math.log(len(weights)) == pytest.approx(found.terms.log_px, abs=within)


def test_the_draws_of_a_seed_come_again(trained):
    checkpoint, image, found = trained
    first, again, other = (bound.draws(checkpoint, image, 3, found.q, seed)[0] for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_the_bounds_stand_in_order_in_any_dimension(dimensions):
    precision = 30.0 * torch.eye(dimensions)
    model = LinearGaussian(precision, shift=0.8)
    image = np.full((28, 28), 90, dtype=np.uint8)
    found = bound.estimate(checkpoint_of(model, sigma=model.sigma), image, 0)
    exact = model.log_px(to_pixels(torch.from_numpy(image)[None]).double()).item()
    assert found.elbo[0] == pytest.approx(exact - dimensions * 0.8**2 / 2, abs=5 * found.elbo[1])
    assert found.importance[0] == pytest.approx(exact, abs=5 * found.importance[1] + 0.01)
    assert found.simple_monte_carlo[0] == pytest.approx(exact, abs=5 * found.simple_monte_carlo[1] + 0.01)
    assert (found.log_px is None) == (dimensions > 1)
    if found.log_px is not None:
        assert found.log_px == pytest.approx((exact, bound.TOLERANCE_NATS), abs=0.01)


def test_nothing_is_likelier_than_perfect(likelihood):
    config = vae.TrainConfig(likelihood=likelihood, sigma=0.3)
    model = vae.build(config)
    perfect = bound.perfect_nats(checkpoint_of(model, likelihood=likelihood, sigma=0.3))
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        own = model.likelihood(z).mean
        values = model.likelihood(z).log_prob(own.round() if likelihood == "bernoulli" else own)
    assert (values <= perfect + 1e-3).all()
    if likelihood in ("gaussian", "gaussian-shared"):
        assert values.tolist() == pytest.approx([perfect] * 50, abs=1e-2)


def test_black_and_white_images_are_those_that_are_measured_on():
    """`vae.evaluate` draws them block by block from one generator."""
    images = torch.randint(256, (30, 28, 28), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
    generator = torch.Generator().manual_seed(bound.BINARY_SEED)
    blocks = torch.cat([binarize(to_pixels(block), generator) for block in images.split(10)])
    drawn = bound.black_or_white(images.numpy())
    assert (drawn == blocks[:, 0].numpy() * 255).all()
