"""Laws of the objective that maximises log p(x) by draws from a decoded lattice."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from vae.config import TrainConfig
from vae.exact_objective import ExactObjective, LatticeProposal
from vae.grids import REACH
from vae.models import build
from vae.objectives import loss

KINDS = pytest.mark.parametrize("kind", ["vae", "cvae"], indirect=True)
DIMENSIONS = pytest.mark.parametrize("d", [1, 2])


def model_of(kind, device, d=2, contrast=0.3):
    """A model of little contrast, whose posteriors are wide, so that few draws tell the mean of their weights."""
    config = TrainConfig(model=kind, likelihood="bernoulli", network="small", objective="exact", latent_dim=d)
    model = build(config).to(device).double()
    with torch.no_grad():
        model.decoder[-1].weight.mul_(contrast)
    return model


def labels_of(model, y):
    return one_hot(y, 10).double() if model.conditional else None


def seeded(device, seed=5):
    return torch.Generator(device).manual_seed(seed)


@pytest.fixture
def x(x, y):
    """Images in an order in which the labels are not sorted."""
    return x[:4].flip(0)


@pytest.fixture
def y(y):
    return y[:4].flip(0)


def log_px(model, x, y, per_axis=80):
    """By the midpoint rule."""
    axis = 6 * ((torch.arange(per_axis, device=x.device) + 0.5) * 2 / per_axis - 1).double()
    z = torch.cartesian_prod(*[axis] * model.latent_dim).view(-1, model.latent_dim)
    values = []
    for image, label in zip(x, y, strict=True):
        joint = model.likelihood(z, label.expand(len(z))).log_prob(image) + model.prior().log_prob(z)
        values.append(joint.logsumexp(0) + model.latent_dim * math.log(12 / per_axis))
    return torch.stack(values)


@KINDS
@DIMENSIONS
@pytest.mark.parametrize("refresh", [1, 3])
@torch.no_grad()
def test_the_average_weight_is_p_of_the_image_however_coarse_the_lattice(kind, d, refresh, x, y, device):
    model = model_of(kind, device, d, contrast=0.1)
    exact = ExactObjective(model, 9, 4, refresh, seeded(device))
    truth = log_px(model, x, y)
    ratios = torch.stack([(exact.terms(x, labels_of(model, y)).log_px - truth).exp() for _ in range(600)])
    error = ratios.std(0) / len(ratios) ** 0.5
    assert ((ratios.mean(0) - 1).abs() < 5 * error + 1e-3).all()
    assert (ratios.log().mean(0) < 3 * error).all()  # and so the estimate of log p(x) is low


@KINDS
@torch.no_grad()
def test_more_cells_and_more_draws_take_the_estimate_up_to_log_p(kind, x, y, device):
    model = model_of(kind, device, contrast=1)
    truth, below = log_px(model, x, y), []
    for points, samples in ((4, 1), (64, 2), (4_096, 32)):
        exact = ExactObjective(model, points, samples, 1, seeded(device))
        below.append(
            (truth - torch.stack([exact.terms(x, labels_of(model, y)).log_px for _ in range(10)]).mean(0)).mean()
        )
    assert below[0] > 2 * below[1] > 4 * below[2]
    assert below[2] < 0.05


@DIMENSIONS
def test_the_cells_cover_the_plane_without_a_gap_wherever_the_lattice_is_shifted(d, device):
    model, shifted = model_of("vae", device, d), set()
    for seed in range(4):
        lattice = LatticeProposal(model, 8, seeded(device, seed))
        z, log_r = lattice.draw(torch.rand(2, 1, 28, 28, device=device).double(), None, 50_000, seeded(device))
        areas = torch.histogramdd(
            z[:, 0].cpu(), bins=[4] * d, range=[-2.0, 2.0] * d, weight=(-log_r[:, 0]).exp().cpu()
        ).hist  # sum 1 / r over draws of r: the area of a bin, 1, times the draws
        torch.testing.assert_close(areas / 50_000, torch.ones_like(areas), rtol=0.25, atol=0)
        assert z.abs().max() < 1.3 * REACH
        shifted.add(float(log_r.sum()))
    assert len(shifted) == 4


@KINDS
def test_all_weights_learn_by_log_p(kind, x, y, device):
    model = model_of(kind, device)
    terms = ExactObjective(model, 256, 8, 1, seeded(device)).terms(x, labels_of(model, y))
    loss(terms, 1.0).backward()
    assert all((weight.grad != 0).any() for weight in model.parameters())
    assert loss(terms, 1.0) == -terms.log_px.mean()


@KINDS
def test_between_two_refreshes_the_lattice_stays_as_it_was_decoded(kind, x, y, device, monkeypatch):
    model, decoded = model_of(kind, device), []
    labels = labels_of(model, y)
    exact = ExactObjective(model, 256, 2, 3, seeded(device))
    plain = type(model).unchecked_likelihood

    def counted(self, z, given):
        decoded.append(len(z))
        return plain(self, z, given)

    monkeypatch.setattr(type(model), "unchecked_likelihood", counted)
    counts = []
    for step in range(7):
        if step == 5:
            exact.start()
        decoded.clear()
        exact.terms(x, labels)
        counts.append(sum(decoded) - 2 * len(x))
    classes = len(y.unique()) if model.conditional else 1
    assert counts == [each * 256 * classes for each in (1, 0, 0, 1, 0, 1, 0)]
