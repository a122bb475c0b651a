"""Laws of the aggregate posterior, of its KL to the prior and of its holes."""

import math

import pytest
import torch
from linear_gaussian import LinearGaussian

import vae
from vae.distributions import DiagonalNormal
from vae.inference.aggregate import (
    aggregate_posterior,
    density_of_codes,
    exact_aggregate,
    kl_excess_nats,
    log_density_at_codes,
)
from vae.objectives import kl_closed_form


@pytest.fixture
def posteriors(generator, device):
    """Means and standard deviations of forty q(z|x), different along the two axes."""
    noise = torch.randn(2, 40, 2, generator=generator, device=device).double()
    scale = torch.tensor([1.5, 0.6], device=device)
    return noise[0] * scale, 0.3 * (0.5 * noise[1]).exp() * scale


def one(mean, std, device):
    return (torch.tensor([values], device=device).double() for values in (mean, std))


def integral(found, values):
    """The integral over the plane of the density times values (H, W)."""
    cell = (found.z1[1] - found.z1[0]) * (found.z2[1] - found.z2[0])
    return (found.density * values).sum().item() * cell.item()


def mean_kl(mean, std):
    return kl_closed_form(DiagonalNormal(mean, std.log())).mean().item()


def test_the_prior_as_posterior_has_no_kl_and_no_holes(device):
    found = aggregate_posterior(*one([0.0, 0.0], [1.0, 1.0], device))
    assert found.kl_to_prior_nats == pytest.approx(0, abs=1e-12)
    assert found.holes == 0


def test_the_density_has_the_moments_of_the_mixture(posteriors):
    mean, std = posteriors
    found = aggregate_posterior(mean, std, 0.05)
    assert integral(found, 1) == pytest.approx(1, abs=1e-12)
    for axis, z in ((0, found.z1), (1, found.z2[:, None])):
        centre = mean[:, axis].mean().item()
        variance = std[:, axis].square().mean().item() + mean[:, axis].var(correction=0).item()
        assert integral(found, z) == pytest.approx(centre, abs=1e-3)
        assert integral(found, (z - centre).square()) == pytest.approx(variance, rel=1e-2)


def test_exchanging_the_axes_transposes_the_density(posteriors):
    found, turned = aggregate_posterior(*posteriors), aggregate_posterior(*(part.flip(1) for part in posteriors))
    assert found.density.shape[0] != found.density.shape[1]
    torch.testing.assert_close(found.density, turned.density.T)
    torch.testing.assert_close(found.z1, turned.z2)
    assert found.kl_to_prior_nats == pytest.approx(turned.kl_to_prior_nats)


@pytest.mark.parametrize(
    ("mean", "std"),
    [([0.5, -1.0], [0.4, 0.7]), ([0.0, 0.0], [2.0, 3.0]), ([-30.0, 30.0], [1.0, 0.5]), ([0.3, 0.0], [0.05, 1.0])],
)
def test_the_kl_rises_to_that_of_the_densities_as_cells_are_halved(mean, std, device):
    mean, std = one(mean, std, device)
    exact = mean_kl(mean, std)
    coarse, middle, fine = (aggregate_posterior(mean, std, width).kl_to_prior_nats for width in (0.16, 0.08, 0.04))
    assert coarse < middle < fine < exact
    assert fine + (fine - middle) / 3 == pytest.approx(
        exact, rel=1e-3
    )  # what is lost goes with the square of the width


def test_the_kl_of_the_mixture_is_short_of_the_mean_kl_by_what_z_tells_of_the_image(posteriors, device):
    """mean KL = KL of the mixture + mutual information of image and z, which is in [0, log N]."""
    mean, std = posteriors
    information = mean_kl(mean, std) - aggregate_posterior(mean, std, 0.025).kl_to_prior_nats
    assert 0 < information < math.log(40)
    same = [part[:1].expand(40, 2) for part in posteriors]
    assert mean_kl(*same) - aggregate_posterior(*same, 0.025).kl_to_prior_nats == pytest.approx(0, abs=0.01)
    apart = torch.cartesian_prod(torch.arange(5.0, device=device), torch.arange(8.0, device=device)) - 3
    apart, narrow = apart.double(), torch.full((40, 2), 0.1, device=device)
    found = mean_kl(apart, narrow) - aggregate_posterior(apart, narrow, 0.01).kl_to_prior_nats
    assert found == pytest.approx(math.log(40), abs=0.01)


def test_a_narrow_round_normal_leaves_the_hole_it_should(device):
    """N(0, s^2 I) is a tenth of N(0, I) where r^2 = 2 log(10 / s^2) / (1 / s^2 - 1), and has less of it beyond."""
    s = 0.5
    r_squared = 2 * math.log(10 / s**2) / (1 / s**2 - 1)
    found = aggregate_posterior(*one([0.0, 0.0], [s, s], device), 0.02)
    assert found.holes == pytest.approx(math.exp(-r_squared / 2), rel=0.01)


@pytest.mark.parametrize("width", [0.2, 0.5])
def test_of_posteriors_that_add_up_to_the_prior_the_kl_is_nothing_but_excess(width, generator, device):
    mean = (1 - width**2) ** 0.5 * torch.randn(20_000, 2, generator=generator, device=device).double()
    std = torch.full_like(mean, width)
    whole = aggregate_posterior(mean, std)
    assert 0 < whole.kl_to_prior_nats < aggregate_posterior(mean[:5_000], std[:5_000]).kl_to_prior_nats < 0.05
    excess = kl_excess_nats(whole, lambda rows: aggregate_posterior(mean[rows], std[rows]), generator)
    assert excess == pytest.approx(whole.kl_to_prior_nats, rel=0.35)
    assert whole.holes < 0.01


def test_the_blocks_do_not_matter(posteriors, monkeypatch):
    whole = aggregate_posterior(*posteriors)
    monkeypatch.setattr("vae.inference.aggregate._NORMALS_TOGETHER", 7)
    torch.testing.assert_close(aggregate_posterior(*posteriors).density, whole.density)


def marginals(found):
    """The mass of each column and of each row, by its middle."""
    mass = found.density / found.density.sum()
    along = ((found.z1, mass.sum(0)), (found.z2, mass.sum(1)))
    return [{round(z, 6): m for z, m in zip(*(part.tolist() for part in pair), strict=True)} for pair in along]


@pytest.mark.parametrize("conditional", [False, True])
def test_of_normal_posteriors_the_exact_aggregate_is_their_mixture(conditional, generator, device):
    precision = torch.tensor([[60.0, 0.0], [0.0, 25.0]], device=device)
    model = LinearGaussian(precision, conditional=conditional)
    y = torch.arange(100, device=device) % 10 if conditional else None
    x = model.images(100, generator, y)
    found = exact_aggregate(model, x, generator, y, 4_096, 0.25)
    std = precision.diagonal().rsqrt().expand(100, 2).double()
    true = aggregate_posterior(model.true_posterior(x, y).mean, std, 0.25)
    assert found.kl_to_prior_nats == pytest.approx(true.kl_to_prior_nats, abs=0.02)
    for ours, exact in zip(marginals(found), marginals(true), strict=True):
        assert sum(abs(ours.get(z, 0) - mass) for z, mass in exact.items()) < 0.05


def test_of_its_own_images_a_models_exact_aggregate_is_its_prior(generator, device):
    model = LinearGaussian(torch.tensor([[9.0, 4.0], [4.0, 16.0]], device=device))
    x = model.images(800, generator)

    def of(images):
        return exact_aggregate(model, images, generator, None, 4_096, 0.25)

    whole = of(x)
    own = whole.kl_to_prior_nats
    assert own == pytest.approx(kl_excess_nats(whole, lambda rows: of(x[rows]), generator), abs=0.02)
    assert own < 0.05 < 0.2 < of(0.3 + 0.5 * (x - 0.3)).kl_to_prior_nats  # paler images, whose codes lie nearer to 0


def test_an_autoencoder_has_no_posterior_to_aggregate(x, generator):
    with pytest.raises(ValueError, match="needs a model with a prior"):
        exact_aggregate(vae.build(vae.TrainConfig(model="ae")), x, generator)


class TestCodes:
    def test_normal_codes_have_hardly_a_hole_and_two_clusters_have_one_between(self, generator, device):
        codes = torch.randn(2_000, 2, generator=generator, device=device)
        assert density_of_codes(codes).holes < 0.03
        parted = codes * 0.2 + torch.tensor([10.0, 3.0], device=device) * codes[:, :1].sign()
        found = density_of_codes(parted)
        assert found.holes > 0.2
        assert found.kl_to_prior_nats is None
        middle = found.density[found.z2.abs().argmin(), found.z1.abs().argmin()]
        assert middle < 0.1 * found.density.max()

    def test_the_estimate_is_as_wide_as_the_codes_and_a_kernel(self, generator, device):
        codes = torch.randn(500, 2, generator=generator, device=device).double() * 7 + 40
        found = density_of_codes(codes)
        assert integral(found, 1) == pytest.approx(1, abs=1e-3)
        expected = codes[:, 0].var(correction=0) + codes[:, 0].var() * 500 ** (-1 / 3)
        spread = integral(found, (found.z1 - codes[:, 0].mean()).square())
        assert spread == pytest.approx(expected.item(), rel=0.01)

    def test_the_scale_of_either_axis_does_not_matter(self, generator, device):
        codes = torch.randn(300, 2, generator=generator, device=device).double() ** 3
        scale = torch.tensor([0.01, 50.0], device=device)
        found, scaled = density_of_codes(codes), density_of_codes(codes * scale)
        torch.testing.assert_close(scaled.density, found.density / scale.prod())
        assert scaled.holes == pytest.approx(found.holes, rel=1e-9)

    def test_at_the_codes_the_estimate_is_that_of_the_grid(self, generator, device):
        codes = torch.randn(400, 2, generator=generator, device=device).double() * torch.arange(1, 3, device=device)
        grid = density_of_codes(codes, cell_width=0.02)
        column, row = (torch.cdist(codes[:, i, None], z[:, None]).argmin(1) for i, z in enumerate((grid.z1, grid.z2)))
        torch.testing.assert_close(log_density_at_codes(codes).exp(), grid.density[row, column], rtol=0.03, atol=0)

    @pytest.mark.parametrize("dimensions", [1, 2, 3])
    def test_of_many_normal_codes_it_is_about_the_density_that_they_were_drawn_from(
        self, dimensions, generator, device
    ):
        codes = torch.randn(4_000, dimensions, generator=generator, device=device).double()
        width = 4_000 ** (-1 / (dimensions + 4))
        smoothed = torch.distributions.Normal(0.0, (1 + width**2) ** 0.5).log_prob(codes).sum(1)
        error = log_density_at_codes(codes) - smoothed
        assert error[codes.norm(dim=1) < 1.5].abs().mean() < 0.1

    def test_a_code_on_its_own_has_its_own_kernel_and_nothing_else(self, device):
        codes = torch.tensor([[0.0, 0.0], [1e3, 1e3], [1e3, 1e3 + 1]], device=device).repeat_interleave(1_000, 0)
        found = log_density_at_codes(codes[999:])
        width = codes[999:].double().std(0) * 2_001 ** (-1 / 6)
        assert found[0].item() == pytest.approx(-math.log(2_001) - (width * (2 * math.pi) ** 0.5).log().sum().item())

    @pytest.mark.parametrize("codes", [torch.zeros(3), torch.zeros(1, 2), torch.tensor([[0.0, 1.0], [0.0, 2.0]])])
    def test_what_has_no_density_anywhere_is_refused(self, codes):
        with pytest.raises(ValueError, match="codes"):
            log_density_at_codes(codes)

    @pytest.mark.parametrize(
        ("codes", "message"),
        [
            (torch.zeros(5, 3), r"\(N, 2\)"),
            (torch.randn(2, 2), "N >= 3"),
            (torch.arange(5.0)[:, None] * torch.ones(2), "on a line"),
        ],
    )
    def test_codes_without_a_density_are_refused(self, codes, message):
        with pytest.raises(ValueError, match=message):
            density_of_codes(codes)


@pytest.mark.parametrize(
    ("mean", "std", "width", "message"),
    [
        (torch.zeros(3, 3), torch.ones(3, 3), 0.1, r"\(N, 2\)"),
        (torch.zeros(3, 2), torch.ones(4, 2), 0.1, r"\(N, 2\)"),
        (torch.zeros(0, 2), torch.ones(0, 2), 0.1, "N >= 1"),
        (torch.zeros(3, 2), torch.zeros(3, 2), 0.1, "above 0"),
        (torch.full((3, 2), math.nan), torch.ones(3, 2), 0.1, "finite"),
        (torch.zeros(3, 2), torch.ones(3, 2), 0.0, "cell_width must be above 0"),
        (torch.full((3, 2), 1e5), torch.ones(3, 2), 0.1, "make cell_width larger"),
    ],
)
def test_what_has_no_aggregate_is_refused(mean, std, width, message):
    with pytest.raises(ValueError, match=message):
        aggregate_posterior(mean, std, width)


def test_one_image_has_no_halves(generator, device):
    with pytest.raises(ValueError, match="N >= 2"):
        kl_excess_nats(aggregate_posterior(*one([0.0, 0.0], [1.0, 1.0], device)), lambda rows: None, generator)
