"""log p(x) and the posterior p(z|x) of one image from draws alone: without an encoder, and without a grid.

    round 0   z_k = a quasi-random set of points, wider than the prior    w_k = p(x|z_k) p(z_k) / q_0(z_k)
    round r   z_k ~ q_r, a normal about each peak, one about each of      w_k = p(x|z_k) p(z_k) / q_r(z_k)
              some points that are drawn from the round before by
              their weights, and now and then the prior

    p(x) = E[w]    E[f(z)|x] = E[w f(z)] / E[w]

The peaks are those of log p(x, z): from the highest points of round 0 the fit of a parabola, again and again, leads up
to them and tells how wide they are. So a posterior that is a hundred times narrower than the prior is found, and one
that lies where the prior is thin. The other normals are as wide as the drawn points lie apart, each with its own width,
so that two peaks do not blur into one. Until the last round the weights are flattened, because a narrow peak looks
lower from afar than it is.

Apart from the scatter of its draws the estimate errs downwards: what no round has seen is missing, and the standard
error does not say by how much. `quadrature` misses no peak and is exact to 0.01 nat, but takes several times as long.

Cappe, Guillin, Marin and Robert, Population Monte Carlo, 2004.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.inference.joint import log_joint
from vae.inference.map_codes import parabola, stencil, uphill
from vae.protocols import LatentVariableModel
from vae.quasi_random import prior_points

POINTS = 8_192  # of round 0; each later round has an eighth as many
ROUNDS = 3
CENTRES = 128  # of the normals of a round, besides those about the peaks
PEAKS = 48

_WIDTH = 2.5  # of round 0, in standard deviations of the prior
_CANDIDATES = 512  # the highest points of round 0, among which peaks are looked for
_CLIMBS = 6
_PRIOR_SHARE = 1 / 16  # of the draws of each round
_NEIGHBOUR = 6  # the width of a normal is the distance to the neighbour of this rank
_EFFECTIVE_DRAWS = 24  # the least effective sample size of flattened weights


class PosteriorEstimate(NamedTuple):
    """log p(x) and the posterior of one image, estimated from the last round."""

    log_px_nats: float
    error_nats: float  # the standard error over the draws; a peak that was missed does not show in it
    mode: Tensor  # (D,) of the model's type, the most probable of all points seen
    mean: Tensor  # (D,) float64
    covariance: Tensor  # (D, D) float64


class _Normals(NamedTuple):
    """Round normals that are drawn from in turn."""

    centres: Tensor  # (C, D)
    widths: Tensor  # (C,)


@torch.no_grad()
def estimate_posterior(
    model: LatentVariableModel, x: Tensor, generator: torch.Generator, y: Tensor | None = None, points: int = POINTS
) -> PosteriorEstimate:
    """log p(x) and the posterior p(z|x) of one image; under a conditional model log p(x|y) and p(z|x, y).

    The estimate of p(x) lacks what no round has seen; its standard error is by the delta method, as in
    `estimators.importance`. Under a Bernoulli likelihood a grey image stands for the binary images drawn from it, by
    their expected log p(x|z).

    Args:
        model: with a prior.
        x: (1, 1, 28, 28) the image.
        generator: of all draws, on the device of x.
        y: (1,) int64 its label, for a conditional model.
        points: of round 0; each later round has an eighth as many.
    """
    prior, draws, d = model.prior(), points // 8, model.latent_dim
    z = _WIDTH * prior_points(points, d, generator).to(prior.mean)
    joint = log_joint(model, x, z[None], y)[0]
    log_weights = joint - prior.log_prob(z / _WIDTH).double()
    narrowest = _WIDTH * points ** (-1 / d)  # about half of the distance between the points in the middle
    peaks = _climb(model, x, y, _highest(z, joint, 2.5 * narrowest), 0.5 * narrowest)
    seen, heights = [z, peaks.centres], [joint, log_joint(model, x, peaks.centres[None], y)[0]]
    for flattened in (True,) * (ROUNDS - 1) + (False,):
        centres = z[_resample(log_weights, _EFFECTIVE_DRAWS if flattened else 1, generator)]
        widths = torch.cdist(centres, centres).sort(dim=1).values[:, _NEIGHBOUR].clamp(min=narrowest)
        normals = _Normals(torch.cat([centres, peaks.centres]), torch.cat([widths, peaks.widths]))
        z = _draw(normals, draws, generator)
        joint = log_joint(model, x, z[None], y)[0]
        log_weights = joint - _log_density(z, normals, prior)
        seen, heights = [*seen, z], [*heights, joint]
        narrowest /= 4
    mode = torch.cat(seen)[torch.cat(heights).argmax()]
    weights, z = log_weights.softmax(0), z.double()
    mean = weights @ z
    return PosteriorEstimate(
        log_px_nats=(log_weights.logsumexp(0) - math.log(draws)).item(),
        error_nats=(weights.square().sum() - 1 / draws).clamp(min=0).sqrt().item(),
        mode=mode,
        mean=mean,
        covariance=(weights[:, None] * (z - mean)).T @ (z - mean),
    )


def _highest(z: Tensor, joint: Tensor, apart: float) -> Tensor:
    """The highest points (K, D) that no other point nearer than `apart` exceeds, at most PEAKS of them."""
    highest = joint.topk(min(_CANDIDATES, len(z))).indices
    z, joint = z[highest], joint[highest]
    exceeded = ((torch.cdist(z, z) < apart) & (joint > joint[:, None])).any(1)
    return z[~exceeded][:PEAKS]


def _climb(model: LatentVariableModel, x: Tensor, y: Tensor | None, z: Tensor, spacing: float) -> _Normals:
    """The peaks beside points z (K, D), each as wide as its parabola is along the longer axis."""
    around = stencil(model.latent_dim, z.device)
    centre, step = z.double(), z.new_full((len(z), 1), spacing, dtype=torch.float64)
    std = torch.ones_like(centre)
    for _ in range(_CLIMBS):
        places = centre[:, None] + step[..., None] * around  # (K, P, D)
        heights = log_joint(model, x, places.flatten(0, 1)[None].to(z), y)[0].view(len(z), -1)
        top, which = heights.max(1)
        shape = parabola(heights - top[:, None], around)
        std = step / torch.linalg.eigvalsh(shape.hessian).abs().clamp(min=1e-12).sqrt()  # (K, D)
        on_top = (which == 0)[:, None]
        here = places[torch.arange(len(z), device=z.device), which]
        centre = torch.where(on_top, centre + step * uphill(shape), here)
        step = torch.where(on_top, step.minimum(std.amin(1, keepdim=True)).clamp(min=1e-4), step)
    return _Normals(centre.to(z), std.amax(1).clamp(max=1).to(z))


def _resample(log_weights: Tensor, effective: int, generator: torch.Generator) -> Tensor:
    """CENTRES indices drawn by weight; first the weights are flattened to an effective sample size of `effective`."""
    temperature = 1.0
    while (weights := (log_weights / temperature).softmax(0)).square().sum() * effective > 1 + 1e-9:
        temperature *= 1.25
    return torch.multinomial(weights, CENTRES, replacement=True, generator=generator)


def _draw(normals: _Normals, draws: int, generator: torch.Generator) -> Tensor:
    """Points (draws, D): a sixteenth from the prior, the rest about the centres in turn."""
    centres, widths = normals
    of_prior = round(_PRIOR_SHARE * draws)
    noise = torch.randn(draws, centres.shape[1], generator=generator, device=generator.device).to(centres)
    own = torch.arange(draws - of_prior, device=centres.device) % len(centres)
    return torch.cat([noise[:of_prior], centres[own] + widths[own, None] * noise[of_prior:]])


def _log_density(z: Tensor, normals: _Normals, prior: Distribution) -> Tensor:
    """log q (draws,) float64 of the mixture that `_draw` has drawn z from."""
    centres, widths = (part.double() for part in normals)
    of_prior, c = round(_PRIOR_SHARE * len(z)), len(centres)
    shares = torch.full_like(widths, (len(z) - of_prior) // c)
    shares[: (len(z) - of_prior) % c] += 1
    off = torch.cdist(z.double(), centres) / widths
    log_normals = -0.5 * off.square() - z.shape[1] * (widths.log() + 0.5 * math.log(2 * math.pi))  # (draws, C)
    mixture = (log_normals + (shares / len(z)).log()).logsumexp(1)
    return torch.logaddexp(mixture, prior.log_prob(z).double() + math.log(of_prior / len(z)))
