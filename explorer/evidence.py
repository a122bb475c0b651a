"""What lies between log p(x) and the ELBO for one image, as numbers: a model and an image in, NumPy arrays out.

    -elbo = -E_q[log p(x|z)] + KL(q(z|x) || p(z))        what is computed while training
          = -log p(x) + family + amortisation            what it is made of

The exact posterior is drawn on a window of the plane, the smallest box with nearly all of its mass. Its shades are nats
below the highest density in the window, and its two lines hold as much of it as the 1- and 2-sigma ellipses hold of a
Gaussian: 1 - exp(-1/2) and 1 - exp(-2).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from compute import classes
from vae import estimators, gap, quadrature
from vae.checkpoint import Checkpoint
from vae.config import TrainConfig
from vae.data import binarize, to_pixels
from vae.distributions import SIGMA_FLOOR, DiagonalNormal, pairwise_log_prob
from vae.models import VAE
from vae.networks import PIXELS
from vae.objectives import kl_closed_form
from vae.tiles import midpoints

TOLERANCE_NATS = quadrature.TOLERANCE_NATS  # log p(x) is known to within this
DRAWS = 4096
SHADES_A_NAT = 16  # of a posterior's picture
MASSES = (1 - math.exp(-0.5), 1 - math.exp(-2))
SIZE = 112  # cells along a side of the picture
BINARY_SEED = 1  # the black and white images are those on which `vae.evaluate` measures

_TAIL = 2e-4  # of the posterior's mass may lie outside of the window on either side
_CROPS = 4
_UNSEEN = 0.02  # of the mass
_PARTS = (4, 16)  # of a cell along an axis
_NEAR_NATS = 12.0
_MOST = 65_536  # points decoded to see more
_BLOCK = 8_192  # points decoded together
_SIGMAS = 2.4  # of q, which a view holds
_DOT = 6.0  # a posterior this much smaller than the view is no more than a dot

Window = tuple[tuple[float, float], tuple[float, float]]


class Gaussian(NamedTuple):
    """A diagonal normal in the plane."""

    mean: tuple[float, float]
    std: tuple[float, float]


class Terms(NamedTuple):
    """The two ways to cut -elbo, in nats."""

    log_px: float  # exact, to within TOLERANCE_NATS
    elbo: float
    reconstruction: float  # E_q[log p(x|z)]
    kl: float
    family: float  # KL(q* || p(z|x)) >= 0, what the best Gaussian q* still loses
    amortisation: float  # elbo(q*) - elbo >= 0, what the encoder's q loses beside it
    perfect: float  # the highest value that log p(x|z) can have


class Code(NamedTuple):
    """The image's description in two parts, as `vae.estimators.two_part_code_bits` has it."""

    latent_bits: float
    pixel_bits: float
    total_bits: float
    fine_bits: float
    step: float  # between two neighbouring values of a pixel: 1 for black and white, 1/255 for grey


class Picture(NamedTuple):
    """The exact posterior on a window of the plane."""

    window: Window
    view: Window  # what to look at close up
    shades: np.ndarray  # (H, W) uint8, SHADES_A_NAT times the nats below the highest, the first row at the top
    levels_nats: tuple[float, float]  # below the highest, of the two lines
    prior_share: float  # of the prior's mass that lies within the outer line


class Evidence(NamedTuple):
    """All that the page shows of one image under one model."""

    terms: Terms
    code: Code
    q: Gaussian
    best: Gaussian
    mean: tuple[float, float]  # of the exact posterior
    std: tuple[float, float]
    picture: Picture
    reconstruction: np.ndarray  # (28, 28) uint8, decoded at the mean of q


class Bounds(NamedTuple):
    """log p(x) where it can only be estimated, in nats, each with its standard error."""

    elbo: tuple[float, float]
    importance: tuple[float, float]
    naive: tuple[float, float]
    log_px: float | None  # exact, where D = 1 allows it


def black_or_white(images: np.ndarray, seed: int = BINARY_SEED) -> np.ndarray:
    """Each pixel of grey images (N, 28, 28) uint8 drawn as 0 or 255, always the same way from the same seed."""
    pixels = to_pixels(torch.from_numpy(images))
    return (binarize(pixels, torch.Generator().manual_seed(seed))[:, 0] * 255).byte().numpy()


def fitted(checkpoint: Checkpoint) -> bool:
    """Whether q is fitted to each image: a model trained on log p(x) itself has no encoder that is worth asking."""
    return checkpoint.config.objective == "exact"


@torch.inference_mode()
def look(checkpoint: Checkpoint, image: np.ndarray, label: int) -> Evidence:
    """Everything about one image (28, 28) uint8 under a model with a prior and a plane; `label` is its class."""
    model, x = checkpoint.model, _pixels(checkpoint.model, image)
    y = classes(label, 1, model)
    exact = quadrature.posterior(model, x, y, size=2)
    log_px = torch.tensor([exact.log_px_nats], dtype=torch.float64)
    moments = quadrature.Moments(exact.mean[None], exact.covariance[None], exact.mode[None], log_px)
    best = gap.best_gaussian(model, x, y, moments)
    if fitted(checkpoint):
        q, elbo = DiagonalNormal(best.mean.to(x), best.log_std.to(x)), best.elbo_nats
    else:
        q = model.posterior(x, y)
        elbo = gap.expected_elbo(model, x, q, y)
    kl = kl_closed_form(q).double()
    step = 1 / 255 if checkpoint.config.likelihood.startswith("gaussian") else 1.0
    code = estimators.two_part_code_bits(elbo + kl, kl, log_px, step)
    return Evidence(
        terms=Terms(
            log_px=exact.log_px_nats,
            elbo=elbo.item(),
            reconstruction=(elbo + kl).item(),
            kl=kl.item(),
            family=best.kl_nats.item(),
            amortisation=(best.elbo_nats - elbo).item(),
            perfect=perfect_nats(checkpoint.config, model),
        ),
        code=Code(*(part.item() for part in code), step),
        q=_gaussian(q.mean[0], q.stddev[0]),
        best=_gaussian(best.mean[0], best.log_std[0].exp()),
        mean=tuple(exact.mean.tolist()),
        std=tuple(exact.covariance.diagonal().sqrt().tolist()),
        picture=_picture(model, x, y, exact, _gaussian(q.mean[0], q.stddev[0])),
        reconstruction=(model.decode(q.mean, y)[0, 0] * 255).round().byte().numpy(),
    )


@torch.inference_mode()
def draws(checkpoint: Checkpoint, image: np.ndarray, label: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """log p(x, z) - log q(z|x) at DRAWS points of q, and log p(x|z) at as many points of the prior, in nats."""
    model, x = checkpoint.model, _pixels(checkpoint.model, image)
    y, generator = classes(label, 1, model), torch.Generator().manual_seed(seed)
    q, prior = model.posterior(x, y), model.prior()
    ours, any_ = q.rsample((DRAWS,), generator=generator)[:, 0], prior.rsample((DRAWS,), generator=generator)
    weights = estimators.log_joint(model, x, ours[None], y)[0] - q.log_prob(ours[:, None])[:, 0]
    return weights.numpy(), (estimators.log_joint(model, x, any_[None], y)[0] - prior.log_prob(any_)).numpy()


def bounds(checkpoint: Checkpoint, image: np.ndarray, label: int, seed: int = 0) -> Bounds:
    """ELBO, IW-DRAWS and the naive estimate from DRAWS draws each, in any number of dimensions."""
    model, generator = checkpoint.model, torch.Generator().manual_seed(seed)
    x, y = _pixels(model, image), classes(label, 1, model)
    estimates = (
        run(model, x, DRAWS, generator, y) for run in (estimators.elbo, estimators.importance, estimators.naive)
    )
    found = [(estimate.nats.item(), estimate.standard_error.item()) for estimate in estimates]
    exact = quadrature.log_evidence(model, x, y).log_px_nats.item() if model.latent_dim == 1 else None
    return Bounds(*found, exact)


def log_evidence_nats(checkpoint: Checkpoint, image: np.ndarray, label: int) -> float:
    """The exact log p(x) of one image, alone."""
    model = checkpoint.model
    return quadrature.log_evidence(model, _pixels(model, image), classes(label, 1, model)).log_px_nats.item()


def perfect_nats(config: TrainConfig, model: VAE) -> float:
    """The highest value that log p(x|z) can have, in nats: 0 for Bernoulli pixels; a Gaussian's is at its own mean.

    -784 log(sigma sqrt(2 pi)), with the least sigma that there is where the decoder chooses it.
    """
    if config.likelihood.startswith("bernoulli"):
        return 0.0
    sigma = shared_sigma(config, model)
    return -PIXELS * math.log((SIGMA_FLOOR if sigma is None else sigma) * math.sqrt(2 * math.pi))


@torch.inference_mode()
def shared_sigma(config: TrainConfig, model: VAE) -> float | None:
    """The sigma of a Gaussian likelihood whose pixels share one, else None."""
    if config.likelihood not in ("gaussian", "gaussian-shared"):
        return None
    return model.likelihood(model.prior().mean[None], classes(0, 1, model)).stddev.flatten()[0].item()


def _pixels(model: VAE, image: np.ndarray) -> Tensor:
    return to_pixels(torch.from_numpy(image)[None]).to(model.prior().mean)


def _gaussian(mean: Tensor, std: Tensor) -> Gaussian:
    return Gaussian(tuple(mean.tolist()), tuple(std.tolist()))


def _picture(model: VAE, x: Tensor, y: Tensor | None, exact: quadrature.Posterior, q: Gaussian) -> Picture:
    """The posterior on the smallest box that has nearly all of its mass."""
    window = tuple(_extent(axis) for axis in (exact.z1, exact.z2))
    for _ in range(_CROPS):
        log_density, z = _cells(model, x, y, exact.log_px_nats, window)
        smaller = _crop(window, log_density.exp())
        if all(_length(new) > 0.8 * _length(old) for new, old in zip(smaller, window, strict=True)):
            break
        window = smaller
    density = log_density.exp()
    below = log_density.max() - log_density
    order = below.argsort()
    share = density[order].cumsum(0) / density.sum()
    levels = tuple(below[order[min(int((share < enough).sum()), len(order) - 1)]].item() for enough in MASSES)
    within = model.prior().log_prob(z).exp()[below <= levels[1]].sum().item() * _area(window) / SIZE**2
    shades = (below * SHADES_A_NAT).round().clamp(max=255).byte().reshape(SIZE, SIZE).numpy()
    return Picture(window, _view(window, q), shades, levels, within)


def _cells(model: VAE, x: Tensor, y: Tensor | None, log_px: float, window: Window) -> tuple[Tensor, Tensor]:
    """The log of the mean density in each of SIZE x SIZE cells, (SIZE^2,) float64, and their middles, (SIZE^2, 2).

    Row by row from the top. Cells near the highest density are cut again and again, until all of the mass is seen: a
    posterior may be narrower than a cell.
    """
    z1, z2 = (low + (high - low) * (torch.arange(SIZE, dtype=torch.float64) + 0.5) / SIZE for low, high in window)
    z = torch.cartesian_prod(z2.flip(0), z1).flip(1)  # (SIZE^2, 2)
    side = torch.tensor([_length(axis) / SIZE for axis in window], dtype=torch.float64)

    def log_density(points: Tensor) -> Tensor:
        found = [
            pairwise_log_prob(model.likelihood(part, None if y is None else y.expand(len(part))), x)[0].double()
            + model.prior().log_prob(part).double()
            for part in points.to(model.prior().mean).split(_BLOCK)
        ]
        return torch.cat(found) - log_px

    found = log_density(z)
    for parts in _PARTS:
        if abs(float(found.exp().sum()) * _area(window) / SIZE**2 - 1) < _UNSEEN:
            break
        near = (found > found.max() - _NEAR_NATS).nonzero()[:, 0]
        near = near[found[near].argsort(descending=True)][: _MOST // parts**2]
        inside = side * midpoints(parts, 2) / 2  # (parts^2, 2)
        finer = log_density((z[near, None] + inside).flatten(0, 1)).unflatten(0, (len(near), -1))
        found[near] = finer.logsumexp(1) - 2 * math.log(parts)
    return found, z


def _crop(window: Window, density: Tensor) -> Window:
    """The smallest box of cells that leaves out no more than _TAIL of the mass on each side, and a cell around it."""
    mass = density.reshape(SIZE, SIZE).flip(0) / density.sum()
    found = []
    for (low, high), sums in zip(window, (mass.sum(0), mass.sum(1)), strict=True):
        before = sums.cumsum(0)
        first, last = int((before < _TAIL).sum()), SIZE - int((1 - before + sums < _TAIL).sum())
        step = (high - low) / SIZE
        found.append((low + max(first - 1, 0) * step, low + min(last + 1, SIZE) * step))
    return tuple(found)


def _view(window: Window, q: Gaussian) -> Window:
    """The window with the ellipse of q, or around itself where beside that the posterior would be a dot."""
    both = tuple(
        (min(low, mean - _SIGMAS * std), max(high, mean + _SIGMAS * std))
        for (low, high), mean, std in zip(window, q.mean, q.std, strict=True)
    )
    if max(map(_length, both)) < _DOT * max(map(_length, window)):
        return both
    return tuple((low - 0.5 * (high - low), high + 0.5 * (high - low)) for low, high in window)


def _extent(middles: Tensor) -> tuple[float, float]:
    """The ends of an axis of cells with these middles."""
    half = 0.5 * float(middles[1] - middles[0])
    return float(middles[0]) - half, float(middles[-1]) + half


def _length(axis: tuple[float, float]) -> float:
    return axis[1] - axis[0]


def _area(window: Window) -> float:
    return _length(window[0]) * _length(window[1])
