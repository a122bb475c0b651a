"""What lies between log p(x) and the ELBO for one image, as numbers: a model and an image in, NumPy arrays out.

-elbo = -E_q[log p(x|z)] + KL(q(z|x) || p(z))                 what training computes
      = -log p(x) + approximation gap + amortization gap      what it consists of
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.extent import Box, Point, pair
from explorer.quantities import decode, posterior_map
from explorer.quantities.decode import variational
from explorer.quantities.posterior_map import PosteriorMap
from vae.architecture import PIXELS
from vae.distributions import SIGMA_FLOOR, DiagonalNormal
from vae.images.tensors import binarize, to_pixels
from vae.inference import estimators, inference_gap, joint, quadrature
from vae.inference.inference_gap import BestGaussian, Elbo
from vae.inference.quadrature import Moments, Posterior
from vae.inference.two_part_code import two_part_code_bits
from vae.models import VAE
from vae.objectives import kl_closed_form
from vae.storage.checkpoint import Checkpoint

TOLERANCE_NATS = quadrature.TOLERANCE_NATS  # log p(x) is known to within this
DRAWS = 4096
BINARY_SEED = 1  # the black and white images are those on which `vae.evaluate` measures


class Gaussian(NamedTuple):
    """A diagonal normal in the plane."""

    mean: Point
    std: tuple[float, float]


class Terms(NamedTuple):
    """The two ways to split -elbo, in nats."""

    log_px: float  # exact, to within `error`
    error: float  # TOLERANCE_NATS, or more where the integral has not settled
    elbo: float  # by an integral too, to within `elbo_error`
    elbo_error: float  # TOLERANCE_NATS or more, also of the best Gaussian's ELBO and of what follows from the two
    reconstruction: float  # E_q[log p(x|z)]
    kl: float
    approximation_gap: float  # KL(q* || p(z|x)) >= 0 of the best Gaussian q*
    amortization_gap: float  # elbo(q*) - elbo >= 0
    perfect: float  # the highest value that log p(x|z) can have

    @property
    def settled(self) -> bool:
        """Whether log_px is known to TOLERANCE_NATS."""
        return self.error <= TOLERANCE_NATS

    @property
    def elbo_settled(self) -> bool:
        """Whether elbo is known to TOLERANCE_NATS."""
        return self.elbo_error <= TOLERANCE_NATS


class Description(NamedTuple):
    """The length of the image's description in two parts, see `vae.inference.two_part_code`."""

    latent_bits: float
    pixel_bits: float
    total_bits: float
    excess_bits: float
    step: float  # between two neighbouring values of a pixel: 1 for black and white, 1/255 for grey
    on_levels: float  # the share of a pixel's density on its 256 levels, on average; 1 for black and white


class Analysis(NamedTuple):
    """All that the page shows of one image under one model."""

    terms: Terms
    description: Description
    q: Gaussian
    best: Gaussian
    mean: Point  # of the exact posterior
    std: tuple[float, float]
    posterior: PosteriorMap
    view: Box  # the part of the plane that the close-up shows
    reconstruction: np.ndarray  # (28, 28) uint8, decoded at the mean of q


class Estimates(NamedTuple):
    """log p(x) where it can only be estimated, in nats, each with the spread of the draws (`estimators.Estimate`).

    All are too low on average, and the spread does not say by how much.
    """

    elbo: tuple[float, float]
    importance: tuple[float, float]
    simple_monte_carlo: tuple[float, float]
    log_px: tuple[float, float] | None  # by quadrature, and its error, if D = 1; else None


def black_or_white(images: np.ndarray, seed: int = BINARY_SEED) -> np.ndarray:
    """Grey images with each pixel drawn as black or white, with the grey level as the probability of white.

    Args:
        images: (N, 28, 28) uint8.
        seed: Of the draws; the same seed gives the same images.
    """
    pixels = to_pixels(torch.from_numpy(images))
    return (binarize(pixels, torch.Generator().manual_seed(seed))[:, 0] * 255).byte().numpy()


@torch.inference_mode()
def analyse(checkpoint: Checkpoint, image: np.ndarray, label: int) -> Analysis:
    """Everything about one image under a model with a prior and a plane.

    Args:
        checkpoint: The model.
        image: (28, 28) uint8.
        label: The class of the image, which a conditional model is told.
    """
    model = variational(checkpoint)
    x, y = _pixels(model, image), decode.labels(model, label)
    exact = quadrature.posterior(model, x, y, size=2)
    best = inference_gap.best_gaussian(model, x, y, _moments(exact))
    q = model.posterior(x, y)
    elbo = inference_gap.expected_elbo(model, x, q, y)
    terms = _terms(exact, best, q, elbo, perfect_nats(checkpoint))
    step = 1 / 255 if checkpoint.config.likelihood.startswith("gaussian") else 1.0
    guess, nearest = gaussian(q.mean, q.stddev), gaussian(best.mean, best.log_std.exp())
    posterior = posterior_map.shade(model, x, y, exact)
    with_q = posterior_map.with_ellipse(posterior.close.window, guess.mean, guess.std)
    return Analysis(
        terms=terms,
        description=_description(terms, step, on_levels(model, q.mean, y) if step < 1 else 1.0),
        q=guess,
        best=nearest,
        mean=pair(exact.mean.tolist()),
        std=pair(exact.covariance.diagonal().sqrt().tolist()),
        posterior=posterior,
        view=posterior_map.with_ellipse(with_q, nearest.mean, nearest.std),
        reconstruction=decode.grey_levels(model.decode(q.mean, y))[0],
    )


def _moments(exact: Posterior) -> Moments:
    """The moments of one image's posterior as those of a batch."""
    log_px, error = (torch.tensor([nats], dtype=torch.float64) for nats in (exact.log_px_nats, exact.error_nats))
    mean, covariance, mode = (part[None].double() for part in (exact.mean, exact.covariance, exact.mode))
    return Moments(mean, covariance, mode, log_px, error)


def _terms(exact: Posterior, best: BestGaussian, q: DiagonalNormal, elbo: Elbo, perfect: float) -> Terms:
    kl = kl_closed_form(q).double()
    return Terms(
        log_px=exact.log_px_nats,
        error=max(exact.error_nats, TOLERANCE_NATS),
        elbo=elbo.nats.item(),
        elbo_error=max(elbo.error_nats.item(), best.error_nats.item(), TOLERANCE_NATS),
        reconstruction=(elbo.nats + kl).item(),
        kl=kl.item(),
        approximation_gap=best.kl_nats.item(),
        amortization_gap=(best.elbo_nats - elbo.nats).item(),
        perfect=perfect,
    )


def _description(terms: Terms, step: float, on_levels: float) -> Description:
    log_likelihood, kl, log_px = (
        torch.tensor(nats, dtype=torch.float64) for nats in (terms.reconstruction, terms.kl, terms.log_px)
    )
    code = two_part_code_bits(log_likelihood, kl, log_px, step)
    assert code.excess_bits is not None  # as log p(x) is known
    return Description(
        latent_bits=code.latent_bits.item(),
        pixel_bits=code.pixel_bits.item(),
        total_bits=code.total_bits.item(),
        excess_bits=code.excess_bits.item(),
        step=step,
        on_levels=on_levels,
    )


def on_levels(model: VAE, z: Tensor, y: Tensor | None) -> float:
    """The share of a Gaussian pixel's density that lies on its 256 levels, on average over the pixels.

    A level k / 255 has what lies within half a step of it; what is below black or above white names no image.

    Args:
        model: A model with a Gaussian likelihood.
        z: (1, D), the code.
        y: (1,), its label; None for a model that takes none.
    """
    pixels, half = model.likelihood(z, y).base_dist, z.new_tensor(0.5 / 255)
    return (pixels.cdf(1 + half) - pixels.cdf(-half)).mean().item()


@torch.inference_mode()
def draws(
    checkpoint: Checkpoint, image: np.ndarray, label: int, q: Gaussian, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """log p(x, z) - log q(z|x) at DRAWS points of q, and log p(x|z) at as many points of the prior, in nats.

    Args:
        checkpoint: A model with a prior.
        image: (28, 28) uint8.
        label: Its class, which a conditional model is told.
        q: Stands for q(z|x).
        seed: Of the draws.
    """
    model = variational(checkpoint)
    x, y = _pixels(model, image), decode.labels(model, label)
    generator = torch.Generator().manual_seed(seed)
    mean, std = x.new_tensor(q.mean), x.new_tensor(q.std)

    def log_weights(proposal: DiagonalNormal) -> np.ndarray:
        z = proposal.rsample((DRAWS,), generator=generator)
        return (joint.log_joint(model, x, z[None], y)[0] - proposal.log_prob(z)).numpy()

    return log_weights(DiagonalNormal(mean, std.log())), log_weights(model.prior())


def estimate(checkpoint: Checkpoint, image: np.ndarray, label: int, seed: int = 0) -> Estimates:
    """ELBO, IW-DRAWS and simple Monte Carlo from DRAWS draws each, in any number of dimensions.

    Args:
        checkpoint: A model with a prior.
        image: (28, 28) uint8.
        label: Its class, which a conditional model is told.
        seed: Of the draws.
    """
    model, generator = variational(checkpoint), torch.Generator().manual_seed(seed)
    x, y = _pixels(model, image), decode.labels(model, label)
    elbo, importance, simple_monte_carlo = (
        run(model, x, DRAWS, generator, y)
        for run in (estimators.elbo, estimators.importance, estimators.simple_monte_carlo)
    )
    exact = quadrature.log_evidence(model, x, y) if model.latent_dim == 1 else None
    return Estimates(
        elbo=_with_error(elbo),
        importance=_with_error(importance),
        simple_monte_carlo=_with_error(simple_monte_carlo),
        log_px=exact and (exact.log_px_nats.item(), max(exact.error_nats.item(), TOLERANCE_NATS)),
    )


def _with_error(estimate: estimators.Estimate) -> tuple[float, float]:
    return estimate.nats.item(), estimate.standard_error.item()


def perfect_nats(checkpoint: Checkpoint) -> float:
    """The highest value that log p(x|z) can have, in nats.

    It is 0 for Bernoulli pixels. A Gaussian is highest at its own mean, -784 log(sigma sqrt(2 pi)), with the smallest
    possible sigma where the decoder chooses it.
    """
    if checkpoint.config.likelihood.startswith("bernoulli"):
        return 0.0
    sigma = shared_sigma(checkpoint)
    return -PIXELS * math.log((SIGMA_FLOOR if sigma is None else sigma) * math.sqrt(2 * math.pi))


@torch.inference_mode()
def shared_sigma(checkpoint: Checkpoint) -> float | None:
    """The sigma of a Gaussian likelihood whose pixels share one, else None."""
    if checkpoint.config.likelihood not in ("gaussian", "gaussian-shared"):
        return None
    model = variational(checkpoint)
    return model.likelihood(model.prior().mean[None], decode.labels(model, 0)).stddev.flatten()[0].item()


def gaussian(mean: Tensor, std: Tensor) -> Gaussian:
    """The normal of one image.

    Args:
        mean: (1, 2).
        std: (1, 2).
    """
    return Gaussian(pair(mean[0].tolist()), pair(std[0].tolist()))


def _pixels(model: VAE, image: np.ndarray) -> Tensor:
    return to_pixels(torch.from_numpy(image)[None]).to(model.prior().mean)
