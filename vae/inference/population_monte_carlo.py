"""log p(x) and the posterior p(z|x) of one image by draws alone: no encoder to trust, no grid to wait for.

    round 0   z_k = a shifted lattice, wider than the prior               w_k = p(x|z_k) p(z_k) / q_0(z_k)
    round r   z_k ~ q_r, a normal about each peak, one about each of      w_k = p(x|z_k) p(z_k) / q_r(z_k)
              some points that are drawn from the round before by
              their weights, and now and then the prior

    p(x) = E[w]    E[f(z)|x] = E[w f(z)] / E[w]

The peaks are those of log p(x, z): from the highest points of the lattice a parabola at a time leads up to them, and
says how wide they are. So a posterior a hundred times narrower than the prior is met, and one that lies where the prior
is thin. The other normals are as wide as the points that were drawn lie apart, each its own: two peaks do not blur into
one. Until the last round weights are flattened, for a narrow peak seen from afar looks lower than it is.

Beyond the scatter of its draws it errs downwards: what no round has seen is missing, and the standard error does not
say by how much. `quadrature` misses no peak and is exact to 0.01 nat, but takes several times as long.

Cappe, Guillin, Marin and Robert, Population Monte Carlo, 2004.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.inference.estimators import log_joint
from vae.inference.map_codes import parabola, stencil, uphill
from vae.models import LatentVariableModel
from vae.quasi_random import shifted_lattice

POINTS = 8_192  # of the lattice; each round has an eighth as many
ROUNDS = 3
CENTRES = 128  # of the normals of a round, besides those about the peaks
PEAKS = 48

_WIDE = 2.5  # standard deviations of the prior that are one of the lattice
_HIGHEST = 512  # points of the lattice, among which peaks are looked for
_CLIMBS = 6
_PRIOR = 1 / 16  # its share in each round
_NEIGHBOUR = 6  # whose distance is the width of a normal
_ALIVE = 24  # equal weights that flattened ones are worth


class PosteriorEstimate(NamedTuple):
    """What the last round says of one image."""

    log_px_nats: float
    error_nats: float  # its standard error over the draws, which knows nothing of a peak that was missed
    mode: Tensor  # (D,) of the model's type, the likeliest of all points seen
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
    """log p(x), for a CVAE log p(x|y), and the posterior of an image x (1, 1, 28, 28) with its label y (1,).

    `points` is the size of the lattice. The estimate of p(x) lacks what no round has seen; standard error by the delta
    method, as in `estimators.importance`. Grey x under a Bernoulli likelihood means the binary image drawn from it: its
    expected log p(x|z).
    """
    prior, draws, d = model.prior(), points // 8, model.latent_dim
    z = _WIDE * shifted_lattice(points, d, generator).to(prior.mean)
    joint = log_joint(model, x, z[None], y)[0]
    log_weights = joint - prior.log_prob(z / _WIDE).double()
    narrowest = _WIDE * points ** (-1 / d)  # about half of the lattice's spacing in the middle
    peaks = _climb(model, x, y, _highest(z, joint, 2.5 * narrowest), 0.5 * narrowest)
    seen, heights = [z, peaks.centres], [joint, log_joint(model, x, peaks.centres[None], y)[0]]
    for flattened in (True,) * (ROUNDS - 1) + (False,):
        centres = z[_resample(log_weights, _ALIVE if flattened else 1, generator)]
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
    """The highest points (K, D) of a lattice that none within a distance exceeds, PEAKS of them or fewer."""
    highest = joint.topk(min(_HIGHEST, len(z))).indices
    z, joint = z[highest], joint[highest]
    exceeded = ((torch.cdist(z, z) < apart) & (joint > joint[:, None])).any(1)
    return z[~exceeded][:PEAKS]


def _climb(model: LatentVariableModel, x: Tensor, y: Tensor | None, z: Tensor, spacing: float) -> _Normals:
    """The peaks that points z (K, D) lie beside, each as wide as its parabola is along its longer axis."""
    around = stencil(model.latent_dim, z.device)
    centre, step = z.double(), z.new_full((len(z), 1), spacing, dtype=torch.float64)
    for _ in range(_CLIMBS):
        places = centre[:, None] + step[..., None] * around  # (K, P, D)
        heights = log_joint(model, x, places.flatten(0, 1)[None].to(z), y)[0].view(len(z), -1)
        top, which = heights.max(1)
        gradient, hessian = parabola(heights - top[:, None], around)
        std = step / torch.linalg.eigvalsh(hessian).abs().clamp(min=1e-12).sqrt()  # (K, D)
        on_top = (which == 0)[:, None]
        here = places[torch.arange(len(z), device=z.device), which]
        centre = torch.where(on_top, centre + step * uphill(gradient, hessian), here)
        step = torch.where(on_top, step.minimum(std.amin(1, keepdim=True)).clamp(min=1e-4), step)
    return _Normals(centre.to(z), std.amax(1).clamp(max=1).to(z))


def _resample(log_weights: Tensor, alive: int, generator: torch.Generator) -> Tensor:
    """CENTRES indices by weight, once the weights are so flat that they are worth at least `alive` equal ones."""
    temperature = 1.0
    while (weights := (log_weights / temperature).softmax(0)).square().sum() * alive > 1 + 1e-9:
        temperature *= 1.25
    return torch.multinomial(weights, CENTRES, replacement=True, generator=generator)


def _draw(normals: _Normals, draws: int, generator: torch.Generator) -> Tensor:
    """Points (draws, D): a sixteenth from the prior, the rest about the centres in turn."""
    centres, widths = normals
    few = round(_PRIOR * draws)
    noise = torch.randn(draws, centres.shape[1], generator=generator, device=generator.device).to(centres)
    own = torch.arange(draws - few, device=centres.device) % len(centres)
    return torch.cat([noise[:few], centres[own] + widths[own, None] * noise[few:]])


def _log_density(z: Tensor, normals: _Normals, prior: Distribution) -> Tensor:
    """log q (draws,) float64 of the mixture that `_draw` has drawn z from."""
    centres, widths = (each.double() for each in normals)
    few, c = round(_PRIOR * len(z)), len(centres)
    shares = torch.full_like(widths, (len(z) - few) // c)
    shares[: (len(z) - few) % c] += 1
    off = torch.cdist(z.double(), centres) / widths
    each = -0.5 * off.square() - z.shape[1] * (widths.log() + 0.5 * math.log(2 * math.pi))  # (draws, C)
    mixture = (each + (shares / len(z)).log()).logsumexp(1)
    return torch.logaddexp(mixture, prior.log_prob(z).double() + math.log(few / len(z)))
