"""What lies between log p(x) and the ELBO for one image, as numbers: a model and an image in, NumPy arrays out.

-elbo = -E_q[log p(x|z)] + KL(q(z|x) || p(z))        what is computed while training
      = -log p(x) + family + amortisation            what it is made of
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.extent import Box, pair
from explorer.quantities.decode import classes, variational
from explorer.quantities.posterior_map import Landscape, landscape, view
from vae.architecture import PIXELS
from vae.distributions import SIGMA_FLOOR, DiagonalNormal
from vae.images.tensors import binarize, to_pixels
from vae.inference import estimators, inference_gap, joint, quadrature
from vae.inference.two_part_code import two_part_code_bits
from vae.models import VAE
from vae.objectives import kl_closed_form
from vae.storage.checkpoint import Checkpoint

TOLERANCE_NATS = quadrature.TOLERANCE_NATS  # log p(x) is known to within this
DRAWS = 4096
BINARY_SEED = 1  # the black and white images are those on which `vae.evaluate` measures


class Gaussian(NamedTuple):
    """A diagonal normal in the plane."""

    mean: tuple[float, float]
    std: tuple[float, float]


class Terms(NamedTuple):
    """The two ways to cut -elbo, in nats."""

    log_px: float  # exact, to within `error`
    error: float  # TOLERANCE_NATS, or more where the integral has not settled
    elbo: float  # by an integral too, to within `elbo_error`
    elbo_error: float  # TOLERANCE_NATS, or more, as of the best q's ELBO and all that follows from the two
    reconstruction: float  # E_q[log p(x|z)]
    kl: float
    family: float  # KL(q* || p(z|x)) >= 0, what the best Gaussian q* still loses
    amortisation: float  # elbo(q*) - elbo >= 0, what the encoder's q loses beside it
    perfect: float  # the highest value that log p(x|z) can have

    @property
    def settled(self) -> bool:
        """Whether log_px is known to TOLERANCE_NATS."""
        return self.error <= TOLERANCE_NATS

    @property
    def elbo_settled(self) -> bool:
        """Whether elbo is."""
        return self.elbo_error <= TOLERANCE_NATS


class Code(NamedTuple):
    """The image's description in two parts, as `vae.inference.two_part_code` has it."""

    latent_bits: float
    pixel_bits: float
    total_bits: float
    excess_bits: float
    step: float  # between two neighbouring values of a pixel: 1 for black and white, 1/255 for grey
    on_levels: float  # the share of a pixel's density on its 256 levels, on average; 1 for black and white


class Evidence(NamedTuple):
    """All that the page shows of one image under one model."""

    terms: Terms
    code: Code
    q: Gaussian
    best: Gaussian
    mean: tuple[float, float]  # of the exact posterior
    std: tuple[float, float]
    landscape: Landscape
    view: Box  # what to look at close up
    reconstruction: np.ndarray  # (28, 28) uint8, decoded at the mean of q


class Bounds(NamedTuple):
    """log p(x) where it can only be estimated, in nats, each with the spread of the draws (`estimators.Estimate`).

    All err downwards, and the spread does not say by how much.
    """

    elbo: tuple[float, float]
    importance: tuple[float, float]
    naive: tuple[float, float]
    log_px: tuple[float, float] | None  # by quadrature, and its error, if D = 1; else None


def black_or_white(images: np.ndarray, seed: int = BINARY_SEED) -> np.ndarray:
    """Each pixel of grey images (N, 28, 28) uint8 drawn as 0 or 255, always the same way from the same seed."""
    pixels = to_pixels(torch.from_numpy(images))
    return (binarize(pixels, torch.Generator().manual_seed(seed))[:, 0] * 255).byte().numpy()


@torch.inference_mode()
def look(checkpoint: Checkpoint, image: np.ndarray, label: int) -> Evidence:
    """Everything about one image (28, 28) uint8 under a model with a prior and a plane; `label` is its class."""
    model = variational(checkpoint)
    x = _pixels(model, image)
    y = classes(label, 1, model)
    exact = quadrature.posterior(model, x, y, size=2)
    log_px = torch.tensor([exact.log_px_nats], dtype=torch.float64)
    error = torch.tensor([exact.error_nats], dtype=torch.float64)
    moments = quadrature.Moments(exact.mean[None], exact.covariance[None], exact.mode[None], log_px, error)
    best = inference_gap.best_gaussian(model, x, y, moments)
    if checkpoint.config.codes_are_modes:
        q, elbo = (
            DiagonalNormal(best.mean.to(x), best.log_std.to(x)),
            inference_gap.Elbo(best.elbo_nats, best.error_nats),
        )
    else:
        q = model.posterior(x, y)
        elbo = inference_gap.expected_elbo(model, x, q, y)
    elbo, elbo_error = elbo.nats, max(elbo.error_nats.item(), best.error_nats.item(), TOLERANCE_NATS)
    guess, seen = _gaussian(q.mean[0], q.stddev[0]), landscape(model, x, y, exact)
    kl = kl_closed_form(q).double()
    step = 1 / 255 if checkpoint.config.likelihood.startswith("gaussian") else 1.0
    code = two_part_code_bits(elbo + kl, kl, log_px, step)
    best_gaussian = _gaussian(best.mean[0], best.log_std[0].exp())
    return Evidence(
        terms=Terms(
            log_px=exact.log_px_nats,
            error=max(exact.error_nats, TOLERANCE_NATS),
            elbo=elbo.item(),
            elbo_error=elbo_error,
            reconstruction=(elbo + kl).item(),
            kl=kl.item(),
            family=best.kl_nats.item(),
            amortisation=(best.elbo_nats - elbo).item(),
            perfect=perfect_nats(checkpoint),
        ),
        code=Code(
            latent_bits=code.latent_bits.item(),
            pixel_bits=code.pixel_bits.item(),
            total_bits=code.total_bits.item(),
            excess_bits=(log_px - elbo).item() / math.log(2),
            step=step,
            on_levels=on_levels(model, q.mean, y) if step < 1 else 1.0,
        ),
        q=guess,
        best=best_gaussian,
        mean=pair(exact.mean.tolist()),
        std=pair(exact.covariance.diagonal().sqrt().tolist()),
        landscape=seen,
        view=view(view(seen.close.window, *guess), *best_gaussian),
        reconstruction=(model.decode(q.mean, y)[0, 0] * 255).round().byte().numpy(),
    )


def on_levels(model: VAE, z: Tensor, y: Tensor | None) -> float:
    """The share of a Gaussian pixel's density at z (1, D) that lies on its 256 levels, on average over the pixels.

    A level k / 255 has what lies within half a step of it; what is below black or above white names no image.
    """
    pixels, half = model.likelihood(z, y).base_dist, z.new_tensor(0.5 / 255)
    return (pixels.cdf(1 + half) - pixels.cdf(-half)).mean().item()


@torch.inference_mode()
def draws(
    checkpoint: Checkpoint, image: np.ndarray, label: int, guess: Gaussian, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """log p(x, z) - log q(z|x) at DRAWS points of q, and log p(x|z) at as many points of the prior, in nats."""
    model = variational(checkpoint)
    x = _pixels(model, image)
    y, generator = classes(label, 1, model), torch.Generator().manual_seed(seed)
    mean, std = x.new_tensor(guess.mean), x.new_tensor(guess.std)
    found = []
    for each in (DiagonalNormal(mean, std.log()), model.prior()):
        z = each.rsample((DRAWS,), generator=generator)
        found.append((joint.log_joint(model, x, z[None], y)[0] - each.log_prob(z)).numpy())
    return found[0], found[1]


def bounds(checkpoint: Checkpoint, image: np.ndarray, label: int, seed: int = 0) -> Bounds:
    """ELBO, IW-DRAWS and simple Monte Carlo from DRAWS draws each, in any number of dimensions."""
    model, generator = variational(checkpoint), torch.Generator().manual_seed(seed)
    x, y = _pixels(model, image), classes(label, 1, model)
    elbo, importance, naive = (
        run(model, x, DRAWS, generator, y)
        for run in (estimators.elbo, estimators.importance, estimators.simple_monte_carlo)
    )
    exact = quadrature.log_evidence(model, x, y) if model.latent_dim == 1 else None
    return Bounds(
        elbo=_with_error(elbo),
        importance=_with_error(importance),
        naive=_with_error(naive),
        log_px=exact and (exact.log_px_nats.item(), max(exact.error_nats.item(), TOLERANCE_NATS)),
    )


def _with_error(estimate: estimators.Estimate) -> tuple[float, float]:
    return estimate.nats.item(), estimate.standard_error.item()


def perfect_nats(checkpoint: Checkpoint) -> float:
    """The highest value that log p(x|z) can have, in nats: 0 for Bernoulli pixels; a Gaussian's is at its own mean.

    -784 log(sigma sqrt(2 pi)), with the least sigma that there is where the decoder chooses it.
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
    return model.likelihood(model.prior().mean[None], classes(0, 1, model)).stddev.flatten()[0].item()


def _pixels(model: VAE, image: np.ndarray) -> Tensor:
    return to_pixels(torch.from_numpy(image)[None]).to(model.prior().mean)


def _gaussian(mean: Tensor, std: Tensor) -> Gaussian:
    return Gaussian(pair(mean.tolist()), pair(std.tolist()))
