"""Laws of the integrals over the plane, against closed forms, finer grids, and the bound."""

import math

import pytest
import torch
from linear_gaussian import LinearGaussian
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from vae.config import TrainConfig
from vae.distributions import DiagonalNormal, pairwise_log_prob
from vae.inference import adaptive
from vae.inference.quadrature import kl_to_posterior, log_evidence, moments, posterior
from vae.models import build
from vae.objectives import kl_closed_form
from vae.storage import checkpoint

PRECISIONS = {  # of p(z|x): standard deviations from .5 down to .003, which ask for steps from .05 down to .003
    "broad line": [[4.0]],
    "narrow line": [[1e5]],
    "oblique": [[500.0, 450.0], [450.0, 500.0]],
    "narrow": [[2e4, 0.0], [0.0, 1e5]],
    "ridge": [[5e3, 0.0], [0.0, 20.0]],
}


@pytest.fixture(params=PRECISIONS.values(), ids=PRECISIONS.keys())
def linear(request, device):
    return LinearGaussian(torch.tensor(request.param, device=device))


@pytest.fixture
def oblique(device):
    return LinearGaussian(torch.tensor(PRECISIONS["oblique"], device=device), shift=0.5, widen=0.2)


def test_of_a_linear_model_everything_is_the_closed_form(linear, generator):
    x = linear.images(2, generator)
    found, brief, true = log_evidence(linear, x), moments(linear, x), linear.true_posterior(x)
    error = (found.log_px_nats - linear.log_px(x).cpu()).abs()
    assert (error < 1e-5).all()  # a normal density: exact as soon as the step is less than its width
    assert (error <= found.error_nats + 1e-7).all()
    assert (found.error_nats <= 0.01).all()
    assert torch.equal(brief.log_px_nats, found.log_px_nats)
    mean, covariance = true.mean.cpu(), true.covariance_matrix.cpu()
    std = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    assert ((brief.mean - mean).abs() < 1e-3 * std).all()
    torch.testing.assert_close(brief.covariance, covariance.expand_as(brief.covariance), rtol=1e-3, atol=1e-8)
    nearest = found.step * linear.latent_dim**0.5  # of the midpoints to the mode, by their density
    steepest = torch.linalg.eigvalsh(linear.precision.cpu()).max()
    below = torch.einsum("ni,ij,nj->n", brief.mode - mean, linear.precision.cpu(), brief.mode - mean)
    assert (below <= steepest * nearest**2).all()


@pytest.mark.parametrize("far", [(5.7, -5.9), (1.0, 13.0)])
def test_the_plane_is_as_wide_as_the_image_needs(far, device):
    model = LinearGaussian(torch.tensor([[400.0, 0.0], [0.0, 900.0]], device=device))
    x = model.likelihood(torch.tensor([far, (0.0, 0.0)], device=device).double()).mean
    found = moments(model, x)
    torch.testing.assert_close(found.log_px_nats, model.log_px(x).cpu(), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.mean, model.true_posterior(x).mean.cpu(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sigma", [0.5, 0.01])
def test_float32_is_enough_however_small_sigma_is(sigma, device, generator):
    model = LinearGaussian(torch.tensor([[3e4, 1e4], [1e4, 2e4]], device=device), sigma=sigma)
    x = model.images(4, generator)
    expected = model.log_px(x).cpu()
    model.w = model.w.float()
    found = log_evidence(model, x.float()).log_px_nats
    torch.testing.assert_close(found, expected, rtol=0, atol=0.01)


class Waves:
    """A product of D models of one dimension, in which each z_i has a share of the pixels and many far narrow peaks.

    Pixel means are waves of z_i whose periods divide 4: an image that z makes is as likely under z + 4.
    """

    conditional, has_prior = False, True

    def __init__(self, d, device):
        self.latent_dim, self.d, self.sigma = d, d, 0.5
        generator = torch.Generator().manual_seed(3)
        self.frequency = (0.5 * math.pi * torch.randint(1, 7, (784 // d,), generator=generator)).double().to(device)
        self.phase = (math.pi * torch.rand(784 // d, generator=generator)).double().to(device)

    def prior(self):
        zeros = self.phase.new_zeros(self.d)
        return DiagonalNormal(zeros, zeros)

    def share(self, z):
        """The means (G, 784 / D) of the pixels of one z (G,)."""
        return 0.5 + 0.5 * (self.frequency * z[:, None] + self.phase).sin()

    def likelihood(self, z, y=None):
        means = torch.cat([self.share(axis) for axis in z.unbind(1)], 1)
        return Independent(Normal(means.reshape(-1, 1, 28, 28), self.sigma), 3)

    def brute_force(self, x):
        """log p(x) and the mean and variance of each z_i given x, from a line of 24,000 points for each i."""
        line = torch.linspace(-6, 6, 24_001, device=x.device, dtype=torch.float64)
        log_px, mean, variance = torch.zeros(len(x), dtype=x.dtype, device=x.device), [], []
        for pixels in x.flatten(1).chunk(self.d, 1):
            rows = []
            for z in line.split(6_000):
                log_likelihood = -0.5 * (torch.cdist(pixels, self.share(z)) / self.sigma).square()
                rows.append(log_likelihood - 0.5 * z.square())
            log_joint = torch.cat(rows, 1)
            top = torch.logsumexp(log_joint, 1)
            weights = (log_joint - top[:, None]).exp()
            constant = pixels.shape[1] * math.log(self.sigma) + 0.5 * (pixels.shape[1] + 1) * math.log(2 * math.pi)
            log_px += top + math.log(5e-4) - constant
            mean.append(weights @ line)
            variance.append(weights @ line.square() - mean[-1].square())
        return log_px.cpu(), torch.stack(mean, 1).cpu(), torch.stack(variance, 1).cpu()


@pytest.mark.parametrize("d", [1, 2])
def test_no_peak_is_missed_that_is_far_narrower_than_the_first_grid(d, device, generator):
    model = Waves(d, device)
    z = torch.tensor([[-1.9837, 2.0411], [0.2718, -0.9]], device=device, dtype=torch.float64)[:, :d]
    x = model.likelihood(z).mean + 0.5 * torch.randn(2, 1, 28, 28, generator=generator, device=device)
    found, (log_px, mean, variance) = moments(model, x), model.brute_force(x)
    torch.testing.assert_close(found.log_px_nats, log_px, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.mean, mean, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.covariance, torch.diag_embed(variance), rtol=1e-3, atol=1e-3)
    assert (variance[0] > 1).all()  # one image has two peaks of about equal mass along each axis
    assert (variance[1] < 1).all()


class Folded(LinearGaussian):
    """A linear model but for z1 > 0, where it turns back, 150 times as steep, and soon stays where no image is.

    An image of z1 < 0 has another place there, too narrow to be seen on a grid of the first steps.
    """

    def __init__(self, device):
        super().__init__(torch.diag(torch.tensor([10.0, 5000.0], device=device)))  # z1: 3 sigma to 1

    def bend(self, z1):
        return torch.where(z1 > 0, (-150 * z1).clamp(min=-30), z1)

    def likelihood(self, z, y=None):
        return super().likelihood(torch.stack([self.bend(z[:, 0]), z[:, 1]], 1))


def test_a_peak_that_the_first_two_grids_miss_is_found_although_they_agree(device):
    model = Folded(device)
    z1 = torch.tensor([-4.0, -0.4], device=device).double()
    x = LinearGaussian.likelihood(model, torch.stack([z1, z1], 1)).mean
    line = torch.linspace(-6, 6, 1_200_001, device=device, dtype=torch.float64)  # z2 is as if nothing were bent
    density = -4.5 * (model.bend(line) - z1[:, None]).square() - 0.5 * line.square()
    straight = -4.5 * (line - z1[:, None]).square() - 0.5 * line.square()
    more = torch.logsumexp(density, 1) - torch.logsumexp(straight, 1)
    weights = density.softmax(1)
    assert more[0] > 0.3  # what there is to be missed
    assert (weights @ (line > 0).double())[0] > 0.2
    found = moments(model, x)
    torch.testing.assert_close(found.log_px_nats, (model.log_px(x) + more).cpu(), rtol=0, atol=0.01)
    torch.testing.assert_close(found.mean[:, 0], (weights @ line).cpu(), rtol=0, atol=0.01)


@pytest.fixture
def kinked(likelihood, device):
    """A steep decoder with kinks across the plane, and images it made; the same on every device."""
    model = build(TrainConfig(likelihood=likelihood, sigma=0.3))
    outputs = 784 * model.head.outputs_per_pixel
    model.decoder = torch.nn.Sequential(torch.nn.Linear(2, 24), torch.nn.ReLU(), torch.nn.Linear(24, outputs))
    weights = torch.Generator().manual_seed(11)
    for weight in model.decoder.parameters():
        torch.nn.init.normal_(weight, std=0.7, generator=weights)
    with torch.no_grad():
        model.decoder[-1].weight[784:] *= 0.1
    model = model.to(device).requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    made = model.decode(torch.randn(20, 2, generator=generator).to(device))
    return model, torch.rand(made.shape, generator=generator).to(device).lt(made).float()


def brute_force(model, x, cells):
    """log p(x) by one grid on [-5, 5]^2, outside of which lies 1e-6 of the prior."""
    line = (torch.arange(cells, device=x.device) + 0.5) * 10 / cells - 5
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    for z in torch.cartesian_prod(line, line).split(10_000):
        joint = pairwise_log_prob(model.likelihood(z), x) + model.prior().log_prob(z)
        total = torch.logaddexp(total, torch.logsumexp(joint.double(), 1))
    return total.cpu() + 2 * math.log(10 / cells)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"], indirect=True)
def test_the_error_bounds_the_true_one_and_both_fall_with_the_tolerance(kinked):
    model, x = kinked
    exact = brute_force(model, x, 500)
    last = None
    for tolerance in (0.3, 0.01):
        found = log_evidence(model, x, tolerance_nats=tolerance)
        error = (found.log_px_nats - exact).abs()
        assert (found.error_nats <= tolerance).all()
        assert (error <= tolerance).all()
        assert (error <= found.error_nats).double().mean() >= 0.9
        assert error.mean() <= 0.5 * found.error_nats.mean()
        if last:
            assert found.step <= last.step
            assert found.points > last.points
            assert found.error_nats.mean() < last.error_nats.mean()
        last = found


@pytest.mark.fault("a request had no bound in time or memory")
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"], indirect=True)
@pytest.mark.parametrize("most", [17_000, 20_000])
def test_what_takes_too_much_ends_with_an_error_that_says_so(kinked, most, monkeypatch):
    model, x = kinked
    x = x[:8]
    exact, settled = brute_force(model, x, 300), log_evidence(model, x)
    monkeypatch.setattr(adaptive, "MOST_POINTS", most)
    found = log_evidence(model, x)
    given_up = found.error_nats > 0.01
    assert given_up.any()
    assert ((found.log_px_nats - exact).abs() <= found.error_nats + 0.03).all()  # the brute force is off by that
    torch.testing.assert_close(found.log_px_nats[~given_up], settled.log_px_nats[~given_up], rtol=0, atol=1e-3)
    alone = [log_evidence(model, each[None]) for each in x]
    assert max(each.points for each in alone) <= most
    torch.testing.assert_close(torch.cat([each.log_px_nats for each in alone]), found.log_px_nats, rtol=0, atol=1e-3)
    torch.testing.assert_close(torch.cat([each.error_nats for each in alone]), found.error_nats, rtol=0.01, atol=1e-3)


@pytest.mark.fault("a request had no bound in time or memory")
@pytest.mark.parametrize("steeper", [1e2, 1e3, 1e5])
@pytest.mark.parametrize("network", ["tutorial", "fourier"])
def test_a_decoder_of_which_no_grid_is_fine_enough_takes_no_more_than_is_allowed(network, steeper, monkeypatch):
    monkeypatch.setattr(adaptive, "MOST_POINTS", 70_000)
    torch.manual_seed(0)
    model = build(TrainConfig(network=network, likelihood="bernoulli")).requires_grad_(False)
    for weight in model.decoder.parameters():
        weight.mul_(steeper)
    x, seen = (torch.rand(1, 1, 28, 28) > 0.8).float(), []
    found = log_evidence(model, x, on_progress=lambda *done: seen.append(done))
    assert found.points <= 70_000
    assert found.error_nats.item() > 0.01
    assert seen[-1] == (found.points, 1)
    whole = posterior(model, x[0], size=20)
    assert whole.error_nats == found.error_nats.item()
    assert all(part.isfinite().all() for part in whole[:6])


@pytest.mark.fault("a request had no bound in time or memory")
def test_a_posterior_narrower_than_the_last_grid_ends_with_an_error_that_says_so(device):
    model = LinearGaussian(torch.diag(torch.tensor([1e12, 1e12], device=device)))
    x = model.likelihood(torch.tensor([[0.3, -0.7]], device=device).double()).mean
    found = log_evidence(model, x)
    assert found.error_nats.item() > 0.01
    assert (found.log_px_nats - model.log_px(x).cpu()).abs() <= found.error_nats


def test_every_likelihood_is_integrated_as_it_is(kinked):
    model, x = kinked
    found = log_evidence(model, x[:3])
    torch.testing.assert_close(found.log_px_nats, brute_force(model, x[:3], 250), rtol=0, atol=0.03)


def test_labels_may_be_mixed_and_an_image_has_what_it_has_alone(device, generator):
    model = LinearGaussian(torch.tensor(PRECISIONS["oblique"], device=device), conditional=True)
    y = torch.tensor([3, 7, 3, 0, 7], device=device)
    x = model.images(5, generator, y)
    found = moments(model, x, y)
    torch.testing.assert_close(found.log_px_nats, model.log_px(x, y).cpu(), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.mean, model.true_posterior(x, y).mean.cpu(), rtol=0, atol=1e-4)
    for n in (1, 2, 3):  # one of each label
        alone = moments(model, x[n : n + 1], y[n : n + 1])
        for whole, part in zip(found, alone, strict=True):
            torch.testing.assert_close(whole[n : n + 1], part)


def test_the_map_is_the_density_of_the_closed_form(oblique, generator):
    x = oblique.images(1, generator)
    true = oblique.true_posterior(x)
    found = posterior(oblique, x, window=((-6, 6), (-1.5, 3)), size=40)
    z = torch.stack(torch.meshgrid(found.z1, found.z2, indexing="xy"), -1)  # (H, W, 2)
    assert (found.z1[0], found.z1[-1], found.z2[-1]) == pytest.approx((-5.85, 5.85, 3 - 4.5 / 80))
    expected = MultivariateNormal(true.mean[0].cpu(), true.covariance_matrix[0].cpu()).log_prob(z)
    torch.testing.assert_close(found.log_density_nats, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.mean, true.mean[0].cpu(), rtol=0, atol=1e-4)
    assert found.log_px_nats == pytest.approx(oblique.log_px(x).item(), abs=1e-5)


def test_the_default_window_holds_the_mass(device, generator):
    model = Waves(2, device)
    x = model.likelihood(torch.tensor([[-1.9837, 0.3]], device=device).double()).mean
    for given, image in ((model, x), (checkpoint.load("checkpoints/vae").to(device), None)):
        image = given.decode(torch.tensor([[0.8, -1.1]], device=device)) if image is None else image
        found = posterior(given, image[0], size=200)
        cells = found.log_density_nats.exp() * (found.z1[1] - found.z1[0]) * (found.z2[1] - found.z2[0])
        assert 0.99 < cells.sum() < 1.01
        mean = torch.stack([cells.sum(0) @ found.z1, cells.sum(1) @ found.z2])
        std = found.covariance.diagonal().sqrt()
        assert ((mean - found.mean).abs() < 0.05 * std).all()
        assert ((found.mode - found.mean).abs() < 3 * std).all()


def test_kl_to_the_posterior_is_that_of_the_closed_form(linear, generator):
    linear.shift, linear.widen = 0.7, -0.3
    x = linear.images(3, generator)
    q = linear.posterior(x)
    expected = kl_divergence(MultivariateNormal(q.mean, torch.diag_embed(q.variance)), linear.true_posterior(x))
    found = kl_to_posterior(linear, x)
    torch.testing.assert_close(found.nats, expected.cpu(), rtol=0, atol=1e-4)
    assert (found.error_nats < 0.02).all()


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_on_a_trained_model_the_gap_is_the_kl_to_the_posterior(name, device, generator):
    model = checkpoint.load(f"checkpoints/{name}").to(device)
    z = 1.5 * torch.randn(4, 2, generator=generator, device=device)
    y = torch.tensor([3, 8, 3, 8], device=device)
    x = model.decode(z, y)
    x = (x + 0.2 * torch.randn(x.shape, generator=generator, device=device)).clamp(0, 1)
    draws, q = 4_000, model.posterior(x, y)
    points = q.rsample((draws,), generator=generator).transpose(0, 1)  # (4, draws, 2)
    terms = torch.stack(
        [pairwise_log_prob(model.likelihood(points[n], y[n].expand(draws)), x[n : n + 1])[0].double() for n in range(4)]
    )
    elbo, error = terms.mean(1) - kl_closed_form(q), terms.std(1) / math.sqrt(draws)
    gap = log_evidence(model, x, y).log_px_nats - elbo.cpu()
    found = kl_to_posterior(model, x, y)
    assert (found.nats > 0.02).all()
    assert ((gap - found.nats).abs() < 4 * error.cpu() + found.error_nats).all()


def test_progress_counts_up_to_what_was_done(oblique, generator):
    seen = []
    x = oblique.images(4, generator)
    found = log_evidence(oblique, x, on_progress=lambda *done: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == (found.points, 4)


def test_what_cannot_be_integrated_is_one_sentence(x, y, device):
    with pytest.raises(ValueError, match="needs D <= 2, got D = 3"):
        log_evidence(LinearGaussian(torch.eye(3, device=device) * 2), x)
    with pytest.raises(ValueError, match="an autoencoder has none"):
        moments(build(TrainConfig(model="ae")), x.float().cpu())
    line, plane = LinearGaussian(torch.eye(1, device=device) * 2), LinearGaussian(torch.eye(2, device=device) * 2)
    with pytest.raises(ValueError, match="needs D = 2, got D = 1"):
        posterior(line, x[0])
    with pytest.raises(ValueError, match=r"x must be \(N, 1, 28, 28\)"):
        log_evidence(plane, x[:, 0])
    with pytest.raises(ValueError, match="tolerance_nats must be above 0"):
        log_evidence(plane, x, tolerance_nats=0)
    with pytest.raises(ValueError, match=r"y must be \(8,\)"):
        kl_to_posterior(build(TrainConfig(model="cvae")), x.float().cpu())
    with pytest.raises(ValueError, match="window must be"):
        posterior(plane, x[0], window=((0, 1), (1, 1)))
    with pytest.raises(ValueError, match="one image"):
        posterior(plane, x)
