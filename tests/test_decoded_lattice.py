"""Laws of the lattice of decoded points: exact where the theory has closed forms, and honest elsewhere."""

import math

import pytest
import torch
from chromium import ROOT
from linear_gaussian import LinearGaussian
from torch.distributions import MultivariateNormal

from vae.config import TrainConfig
from vae.distributions import DiagonalNormal
from vae.images.tensors import binarize, to_pixels
from vae.inference import decoded_lattice, joint, peak_normals, quadrature
from vae.inference.decoded_lattice import DecodedLattice
from vae.inference.elbo_climb import newton
from vae.inference.inference_gap import expected_elbo
from vae.models import build
from vae.storage import checkpoint

LEFT = (torch.arange(28) < 14).expand(28, 28)
NOTHING, EVERYTHING = torch.zeros(28, 28, dtype=torch.bool), torch.ones(28, 28, dtype=torch.bool)
PRECISIONS = [[[30.0]], [[40.0, 12.0], [12.0, 9.0]]]


@pytest.fixture
def untrained(likelihood, device):
    """A decoder of each likelihood that bends the plane, in float64, and its lattice of 64 points along each axis."""
    model = build(TrainConfig(likelihood=likelihood, sigma=0.5, network="small")).to(device).double()
    with torch.no_grad():
        model.decoder[0].weight *= 2
        model.decoder[-1].weight[784:] *= 0.1
    return model.requires_grad_(False), DecodedLattice(model, 64)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_of_a_linear_model_it_has_the_closed_forms(precision, conditional, generator, device):
    model = LinearGaussian(torch.tensor(precision, device=device), conditional=conditional)
    lattice = DecodedLattice(model, 128)
    y = torch.arange(6, device=device) % 3
    x = model.images(6, generator, y)
    true, found = model.true_posterior(x, y), lattice.log_px(x, y)
    torch.testing.assert_close(found.log_px_nats, model.log_px(x, y), rtol=0, atol=1e-4)
    assert (found.error_nats < 1e-3).all()
    weights = lattice.weights(x, y)
    torch.testing.assert_close(weights @ lattice.points, true.mean, rtol=0, atol=1e-4)
    q, mixture = lattice.posterior(x, y), lattice.mixture(x, y)
    torch.testing.assert_close(lattice.code(x, y), true.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(q.variance, (1 / model.precision.diagonal()).expand_as(q.mean), rtol=1e-6, atol=0)
    z = true.sample((50,))
    torch.testing.assert_close(mixture.log_prob(z), true.log_prob(z), rtol=0, atol=1e-4)


def test_a_posterior_far_narrower_than_the_lattice_is_fine_has_the_closed_form_too(generator, device):
    model = LinearGaussian(torch.tensor([[4e4, 1e4], [1e4, 9e4]], device=device))
    lattice, x = DecodedLattice(model, 64), model.images(6, generator)
    true, found = model.true_posterior(x), lattice.log_px(x)
    off = (found.log_px_nats - model.log_px(x)).abs()
    assert (off <= found.error_nats).all()
    assert off.max() < 0.2
    torch.testing.assert_close(lattice.code(x), true.mean, rtol=0, atol=1e-6)


def test_draws_of_a_mixture_are_spread_as_it_is_and_are_the_generators(generator, device):
    model = LinearGaussian(torch.tensor(PRECISIONS[1], device=device))
    x = model.images(2, generator)
    mixture, true = DecodedLattice(model, 64).mixture(x), model.true_posterior(x)
    draws = [mixture.sample((20_000,), generator=torch.Generator(device).manual_seed(5)) for _ in range(2)]
    assert torch.equal(*draws)
    off = (draws[0].mean(0) - true.mean) / true.variance.sqrt()
    assert (off.abs() < 4 / math.sqrt(20_000)).all()
    torch.testing.assert_close(torch.cov(draws[0][:, 0].T), true.covariance_matrix[0], rtol=0, atol=0.005)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_rest_of_an_image_given_its_half_has_the_closed_form(precision, generator, device):
    model = LinearGaussian(torch.tensor(precision, device=device))
    x, seen = model.images(4, generator), LEFT.to(device)
    w, rest = model.w[seen.flatten()], model.w[~seen.flatten()]
    inverse = torch.linalg.inv(torch.eye(model.latent_dim, device=device) + w.T @ w / model.sigma**2)
    mean = (x[:, 0, seen] - 0.3) @ w / model.sigma**2 @ inverse
    found = DecodedLattice(model, 128).complete(x, seen, generator, samples=4_000)
    torch.testing.assert_close(found.mean[:, 0, ~seen], 0.3 + mean @ rest.T, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.mean[:, 0, seen], x[:, 0, seen])
    true = MultivariateNormal(mean, inverse)
    off = (found.z.mean(1) - mean) / true.variance.sqrt()
    assert (off.abs() < 4 / math.sqrt(4_000) + 0.05).all()
    torch.testing.assert_close(found.samples[:, :, 0, ~seen], 0.3 + found.z @ rest.T, rtol=0, atol=1e-9)


def test_it_scores_each_pair_as_the_likelihood_and_the_prior_do(untrained, x):
    model, lattice = untrained
    some = torch.arange(0, len(lattice.points), 501)
    expected = joint.log_joint(model, x, lattice.points[some].expand(len(x), -1, -1))
    torch.testing.assert_close(lattice.log_joint(x)[:, some], expected)


def test_log_px_is_within_its_error_of_quadrature(untrained, x, generator):
    model, lattice = untrained
    x = torch.cat([x[:2], model.decode(torch.randn(6, 2, generator=generator, device=x.device).double())])
    exact, fine = quadrature.log_evidence(model, x, tolerance_nats=1e-3), DecodedLattice(model, 128)
    for each in (lattice, fine):
        found = each.log_px(x)
        off = (found.log_px_nats.cpu() - exact.log_px_nats).abs()
        assert (off <= found.error_nats.cpu() + exact.error_nats).all()
    assert found.error_nats.mean() < 0.01


def test_with_everything_seen_a_completion_is_the_posterior_and_with_nothing_the_prior(untrained, x, generator):
    model, lattice = untrained
    device = x.device
    whole = lattice.complete(x, EVERYTHING.to(device), generator)
    torch.testing.assert_close(whole.weights, lattice.weights(x))
    torch.testing.assert_close(whole.mean, x)
    none = lattice.complete(x, NOTHING.to(device), generator)
    torch.testing.assert_close(none.weights, lattice.log_prior_weights.softmax(0).expand(len(x), -1))
    expected = none.weights[0] @ model.decode(lattice.points).flatten(1)
    torch.testing.assert_close(none.mean.flatten(1), expected.expand(len(x), -1))


@pytest.mark.parametrize("likelihood", ["bernoulli"], indirect=True)
def test_what_is_expected_is_the_average_over_what_the_next_pixel_may_be(untrained, x, generator):
    """The tower property: E[rest | seen] = sum over the values b of one more pixel of p(b | seen) E[rest | seen, b]."""
    _, lattice = untrained
    seen, more = LEFT.clone().to(x.device), LEFT.clone().to(x.device)
    more[12, 20] = True
    now = lattice.complete(x, seen, generator).mean
    ink, paper = x.clone(), x.clone()
    ink[:, 0, 12, 20], paper[:, 0, 12, 20] = 1, 0
    then = [lattice.complete(each, more, generator).mean for each in (ink, paper)]
    share = now[:, :, 12, 20, None, None]
    torch.testing.assert_close(share * then[0] + (1 - share) * then[1], now)
    assert ((then[0] - then[1])[:, 0, ~more].abs().amax(1) > 1e-4).all()  # else the law would hold of no dependence


def test_samples_are_drawn_by_weight_and_leave_what_is_seen(untrained, x, generator):
    model, lattice = untrained
    found = lattice.complete(x[:2], LEFT.to(x.device), generator, samples=2_000)
    mean = found.samples.mean(1)
    seen = LEFT.to(x.device)
    torch.testing.assert_close(mean[:, 0, seen], x[:2, 0, seen])
    error = found.samples.std(1)[:, 0, ~seen] / math.sqrt(2_000)
    assert ((mean - found.mean)[:, 0, ~seen].abs() < 5 * error + 1e-9).all()
    torch.testing.assert_close(found.samples[0, :3, 0, ~seen], model.decode(found.z[0, :3])[:, 0, ~seen])


def test_each_image_takes_the_same_work(device, generator):
    class Counted(LinearGaussian):
        points = 0

        def likelihood(self, z, y=None):
            self.points += len(z)
            return super().likelihood(z, y)

    model = Counted(torch.tensor(PRECISIONS[1], device=device))
    x = torch.cat([model.images(2, generator), 3 * torch.ones(1, 1, 28, 28, device=device).double()])
    lattice, counts = DecodedLattice(model, 64), []
    lattice.decode_all()
    for some in (x[:1], x[1:2], x[2:], x):
        model.points = 0
        lattice.posterior(some)
        counts.append(model.points)
    assert counts[0] == counts[1] == counts[2] == counts[3] / 3


@pytest.mark.parametrize("steeper", [1e2, 1e5, 1e10])
@pytest.mark.parametrize("network", ["tutorial", "fourier"])
def test_a_decoder_of_which_no_lattice_is_fine_enough_ends_with_numbers(network, steeper):
    torch.manual_seed(0)
    model = build(TrainConfig(network=network, likelihood="bernoulli")).requires_grad_(False)
    for weight in model.decoder.parameters():
        weight.mul_(steeper)
    x, lattice = (torch.rand(2, 1, 28, 28) > 0.8).float(), DecodedLattice(model, 32)
    q, found = lattice.posterior(x), lattice.log_px(x)
    assert all(part.isfinite().all() for part in (q.mean, q.stddev, found.log_px_nats))
    assert (found.error_nats > 0.01).all()


@pytest.mark.parametrize("together", [3, 128])
def test_an_image_has_what_it_has_alone(together, x, y, monkeypatch):
    model = build(TrainConfig(model="cvae", network="small", likelihood="bernoulli")).double().requires_grad_(False)
    monkeypatch.setattr(decoded_lattice, "_IMAGES_TOGETHER", together)
    lattice, x, y = DecodedLattice(model, 32), x.cpu(), y.cpu() % 3
    q, evidence = lattice.posterior(x, y), lattice.log_px(x, y)
    for n in (0, 4):
        alone = lattice.posterior(x[n : n + 1], y[n : n + 1])
        torch.testing.assert_close(q.mean[n], alone.mean[0])
        torch.testing.assert_close(q.stddev[n], alone.stddev[0])
        torch.testing.assert_close(evidence.log_px_nats[n], lattice.log_px(x[n : n + 1], y[n : n + 1]).log_px_nats[0])


@pytest.mark.parametrize("likelihood", ["bernoulli"], indirect=True)
def test_a_normal_is_raised_never_lowered_and_further_only_where_that_is_promised(untrained, x, generator, monkeypatch):
    model, lattice = untrained
    mean = 0.7 * torch.randn(len(x), 3, 2, generator=generator, device=x.device).double()
    starts = torch.cat([mean, torch.full_like(mean, -1.5)], 2)
    top = lattice.posterior(x[:4])
    starts[:4] = torch.cat([top.mean, top.log_std], 1)[:, None]

    def elbo(q):
        return expected_elbo(model, x, DiagonalNormal(*q.chunk(2, 1))).nats

    further = peak_normals.raised(model, x, None, starts)
    monkeypatch.setattr(peak_normals, "WORTH_NATS", math.inf)
    once = peak_normals.raised(model, x, None, starts)
    rounding = 0.02
    assert (elbo(once) > torch.stack([elbo(start) for start in starts.unbind(1)]).amax(0) - rounding).all()
    assert (elbo(further) > elbo(once) - rounding).all()
    unbounded = once.new_full((len(x), 1), math.inf)
    promised = newton(peak_normals._shape(model, x, None, once[:, None]), once[:, None], unbounded)[1][:, 0]
    moved = (further != once).any(1)
    assert 0 < moved.sum() < len(x)
    assert (promised[moved] > 0.01).all()


@pytest.mark.mnist
@pytest.mark.parametrize(("name", "most"), [("vae-best", 1.0), ("cvae-best", 1.0), ("vae", 0.5), ("cvae", 0.3)])
def test_of_a_shipped_model_it_misses_little_of_log_px(name, most, mnist):
    """And no image is worse than with the encoder."""
    shipped = checkpoint.read(ROOT / "checkpoints" / name)
    model = shipped.model
    rows = torch.arange(3, 10_000, 1_250 if model.conditional else 2_500)
    x, y = to_pixels(mnist.test_images[rows]), mnist.test_labels[rows]
    if shipped.config.likelihood == "bernoulli":
        x = binarize(x, torch.Generator().manual_seed(3))
    x, y = (x, None) if not model.conditional else (x[y < 3], y[y < 3])
    lattice = DecodedLattice(model)
    q = lattice.posterior(x, y)
    found = expected_elbo(model, x, q, y)
    encoder = expected_elbo(model, x, model.posterior(x, y), y)
    exact = quadrature.log_evidence(model, x, y)
    gap = exact.log_px_nats - found.nats
    assert gap.mean() < most
    assert gap.min() > -0.02
    assert (found.nats - encoder.nats).min() > -0.05
    fine = DecodedLattice(model, 192) if name == "cvae-best" else lattice  # a peak lies between the points of the usual
    evidence = fine.log_px(x, y)
    assert ((evidence.log_px_nats - exact.log_px_nats).abs() <= evidence.error_nats + exact.error_nats).all()
    assert evidence.error_nats.median() < 0.3


@pytest.mark.parametrize("config", [TrainConfig(latent_dim=3), TrainConfig(model="ae")])
def test_more_than_two_dimensions_or_no_prior_are_refused(config):
    with pytest.raises(ValueError, match="D <= 2"):
        DecodedLattice(build(config))


def test_what_cannot_be_asked_is_one_sentence(generator):
    model = build(TrainConfig(model="cvae", network="small")).requires_grad_(False)
    with pytest.raises(ValueError, match="even number"):
        DecodedLattice(model, 33)
    lattice, x = DecodedLattice(model, 8), torch.zeros(2, 1, 28, 28)
    with pytest.raises(ValueError, match="a label for each of 2 images"):
        lattice.log_joint(x)
    with pytest.raises(ValueError, match=r"seen must be \(28, 28\) bool"):
        lattice.complete(x, torch.ones(28, 28), generator, torch.zeros(2).long())
