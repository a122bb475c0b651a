"""Laws of probabilistic PCA: the closed form is the maximum, all of inference agrees with it, and training finds it."""

import pytest
import torch
from chromium import ROOT
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vae import ppca, train
from vae.config import TrainConfig
from vae.images.tensors import ImageSet, to_pixels
from vae.inference import estimators, inference_gap, quadrature
from vae.inference.decoded_lattice import DecodedLattice
from vae.models import build
from vae.ppca import ProbabilisticPCA
from vae.storage import checkpoint

LINEAR = {"network": "linear", "likelihood": "gaussian-shared"}


def drawn(count, seed=0, sigma=0.1):
    """Images (count, 1, 28, 28) of a linear model with three directions, of which two vary more."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(784, 3, generator=torch.Generator().manual_seed(7)).double()).Q
    w = basis * torch.tensor([2.0, 1.2, 0.3])
    z, noise = (torch.randn(count, size, generator=generator).double() for size in (3, 784))
    return (0.5 + z @ w.T + sigma * noise).reshape(-1, 1, 28, 28)


@pytest.fixture(scope="module")
def images():
    return drawn(1_500)


@pytest.fixture(scope="module")
def fitted(images):
    return ppca.fit(images)


def gap_of(model, exact, x):
    """KL(q(z|x) || p(z|x)) of each image by its formula."""
    q = model.posterior(x)
    return kl_divergence(MultivariateNormal(q.mean.double(), torch.diag_embed(q.variance.double())), exact.posterior(x))


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_nothing_near_it_is_likelier(images, latent_dim):
    """The gradient of the mean log p(x) is 0, and moves along random directions lower it."""
    images = images[:300]
    best = ppca.fit(images, latent_dim)
    leaves = [best.mean.clone(), best.w.clone(), torch.tensor(best.sigma, dtype=torch.float64).log()]

    def log_px(mean, w, log_sigma):
        covariance = w @ w.T + (2 * log_sigma).exp() * torch.eye(784).double()
        return MultivariateNormal(mean, covariance).log_prob(images.flatten(1)).mean()

    top = log_px(*(leaf.requires_grad_() for leaf in leaves))
    torch.testing.assert_close(top.detach(), best.log_px(images).mean())
    for gradient in torch.autograd.grad(top, leaves):
        assert gradient.abs().max() < 1e-6
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _ in range(3):
            moved = [leaf + 1e-3 * torch.randn(leaf.shape, generator=generator).double() for leaf in leaves]
            assert log_px(*moved) < top


def test_it_finds_the_model_that_made_the_images():
    found = ppca.fit(drawn(20_000), 3)
    lengths = found.w.norm(dim=0)
    torch.testing.assert_close(lengths, torch.tensor([2.0, 1.2, 0.3]).double(), rtol=0.03, atol=0)
    assert found.sigma == pytest.approx(0.1, rel=1e-3)
    assert (found.mean - 0.5).abs().max() < 0.02


def test_a_rotation_of_the_plane_changes_no_image_and_only_the_axes_are_diagonal(fitted, images):
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]]).double()
    turned = ProbabilisticPCA(fitted.mean, fitted.w @ turn, fitted.sigma)
    torch.testing.assert_close(turned.log_px(images), fitted.log_px(images))
    torch.testing.assert_close(turned.posterior(images).mean, fitted.posterior(images).mean @ turn)
    covariance = fitted.posterior(images[:1]).covariance_matrix[0]
    assert abs(covariance[0, 1]) < 1e-12
    assert covariance[0, 0] < covariance[1, 1]
    assert abs(turned.posterior(images[:1]).covariance_matrix[0, 0, 1]) > 1e-4


def test_its_posterior_is_that_of_bayes(fitted, images, z):
    """log p(x|z) + log p(z) - log p(z|x) is log p(x) at any z."""
    x, z = images[:8], z.cpu()
    likelihood = Normal(fitted.mean + z @ fitted.w.T, fitted.sigma).log_prob(x.flatten(1)).sum(1)
    log_joint = likelihood + Normal(0, 1).log_prob(z).sum(1)
    torch.testing.assert_close(log_joint - fitted.posterior(x).log_prob(z), fitted.log_px(x))


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_as_a_model_it_is_the_same(images, latent_dim):
    exact, model, x = ppca.fit(images, latent_dim), ppca.fit(images, latent_dim).model().double(), images[:6]
    again = ppca.of_model(model)
    torch.testing.assert_close(again.w, exact.w, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(again.log_px(x), exact.log_px(x), rtol=0, atol=1e-2)  # its weights are float32
    q, posterior = model.posterior(x), exact.posterior(x)
    torch.testing.assert_close(q.mean, posterior.mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(q.stddev, posterior.stddev, rtol=1e-5, atol=0)
    if latent_dim <= 2:
        evidence = quadrature.log_evidence(model, x)
        torch.testing.assert_close(evidence.log_px_nats, again.log_px(x), rtol=0, atol=1e-4)


def test_with_its_encoder_every_draw_says_log_px_and_the_elbo_has_no_gap(fitted, images):
    model, x, generator = fitted.model().double(), images[:6], torch.Generator().manual_seed(0)
    exact = ppca.of_model(model).log_px(x)
    for estimate in (estimators.importance, estimators.elbo):
        found = estimate(model, x, 5, generator)
        torch.testing.assert_close(found.nats, exact, rtol=0, atol=1e-4)
    gap = inference_gap.gap(model, x)
    assert gap.gap_nats.abs().max() < 1e-4
    assert gap.approximation_gap_nats.max() < 1e-4


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-shared"])
def test_a_linear_model_is_known_whatever_its_weights(likelihood):
    """Untrained, with an encoder that is wrong: its log p(x) and its gap are those of the closed form."""
    model = build(TrainConfig(network="linear", likelihood=likelihood, sigma=0.3)).double()
    exact, x = ppca.of_model(model), drawn(4)
    evidence = quadrature.log_evidence(model, x)
    torch.testing.assert_close(evidence.log_px_nats, exact.log_px(x), rtol=0, atol=1e-3)
    expected = gap_of(model, exact, x).detach()
    torch.testing.assert_close(inference_gap.gap(model, x).gap_nats, expected, rtol=1e-3, atol=0.02)


def test_training_arrives_at_it():
    """From random weights to within 0.2 nats of the best log p(x), which is 161, with a gap of less than 0.15 nats."""
    grey = (255 * drawn(500, sigma=0.2).clamp(0, 1)).round().to(torch.uint8)[:, 0]
    labels = torch.arange(len(grey)) % 10
    config = TrainConfig(**LINEAR, batch_size=50, epochs=100, learning_rate=0.03)
    run = train.Run(config, "cpu", ImageSet(grey, labels, grey, labels, tuple("0123456789")))
    for _ in range(config.epochs):
        run.history.append(run.epoch(grey, labels, lambda step, terms: None))
    model, x = run.model.requires_grad_(False), to_pixels(grey)
    best, found = ppca.fit(x), ppca.of_model(model)
    assert best.log_px(x).mean() == pytest.approx(161, abs=0.5)
    assert 0 < best.log_px(x).mean() - found.log_px(x).mean() < 0.2
    assert found.sigma == pytest.approx(best.sigma, rel=1e-3)
    assert gap_of(model, found, x).mean() < 0.15


@pytest.mark.parametrize("latent_dim", [0, 784])
def test_dimensions_that_leave_nothing_are_refused(images, latent_dim):
    with pytest.raises(ValueError, match=r"1\.\.783"):
        ppca.fit(images, latent_dim)


def test_images_without_noise_are_refused(images):
    flat = images[:3]  # vary along two directions
    with pytest.raises(ValueError, match="more than 2 dimensions"):
        ppca.fit(flat)
    with pytest.raises(ValueError, match="hardly vary"):
        ppca.fit(0.05 * images).model()


@pytest.mark.parametrize("config", [TrainConfig(), TrainConfig(model="cvae", **LINEAR)], ids=["vae", "cvae"])
def test_another_model_has_no_closed_form(config):
    with pytest.raises(ValueError, match="network linear"):
        ppca.of_model(build(config))


@pytest.fixture(scope="module")
def of_mnist(mnist):
    """Of all training images, with test images spread over the set."""
    return ppca.fit(to_pixels(mnist.train_images)), to_pixels(mnist.test_images[::200])


@pytest.mark.mnist
def test_the_shipped_model_is_as_good_as_the_closed_form(of_mnist, mnist):
    exact, shipped = of_mnist[0], checkpoint.read(ROOT / "checkpoints" / "ppca")
    assert shipped.config == TrainConfig(**LINEAR, batch_size=200, epochs=120)
    found, train_images, x = ppca.of_model(shipped.model), to_pixels(mnist.train_images), to_pixels(mnist.test_images)
    assert 0 < exact.log_px(train_images).mean() - found.log_px(train_images).mean() < 0.002
    recorded = shipped.record["test"]
    assert recorded["log_px_nats"] == pytest.approx(found.log_px(x).mean().item(), abs=1e-3)
    assert recorded["gap_nats"] == pytest.approx(gap_of(shipped.model, found, x).mean().item(), abs=2e-3)
    assert recorded["gap_nats"] < 0.005
    assert found.sigma == pytest.approx(exact.sigma, rel=1e-3)
    torch.testing.assert_close(shipped.codes.double(), found.posterior(x).mean, rtol=0, atol=0.1)


@pytest.mark.mnist
def test_on_mnist_all_of_inference_is_the_closed_form(of_mnist):
    """In float32, whose rounding moves log p(x) by up to 2e-4 nats."""
    (exact, x), generator = of_mnist, torch.Generator().manual_seed(0)
    model, log_px, posterior = exact.model(), exact.log_px(x), exact.posterior(x)
    evidence = quadrature.moments(model, x)
    assert ((evidence.log_px_nats - log_px).abs() <= evidence.error_nats + 2e-4).all()
    torch.testing.assert_close(evidence.mean, posterior.mean, rtol=0, atol=1e-4)
    torch.testing.assert_close(evidence.covariance, posterior.covariance_matrix, rtol=0, atol=1e-5)
    gap = inference_gap.gap(model, x, exact=evidence)
    assert max(gap.gap_nats.abs().max(), gap.approximation_gap_nats.max()) < 1e-3
    for estimate in (estimators.importance, estimators.elbo):
        torch.testing.assert_close(estimate(model, x, 5, generator).nats, log_px, rtol=0, atol=1e-3)
    blind = estimators.simple_monte_carlo(model, x, 20_000, generator)
    assert ((blind.nats - log_px).abs() < 5 * blind.standard_error).all()


@pytest.mark.mnist
@pytest.mark.parametrize("per_axis", [32, 64, 128])
def test_on_mnist_a_lattice_is_off_by_no_more_than_it_says(of_mnist, per_axis):
    """In float64, too coarse for the posteriors or not."""
    exact, x = of_mnist
    model = exact.model().double()
    lattice, same = DecodedLattice(model, per_axis), ppca.of_model(model)
    found, q, posterior = lattice.log_px(x), lattice.posterior(x), same.posterior(x)
    assert ((found.log_px_nats - same.log_px(x)).abs() <= found.error_nats + 1e-8).all()
    torch.testing.assert_close(q.mean, posterior.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(q.stddev, posterior.stddev, rtol=1e-6, atol=0)
