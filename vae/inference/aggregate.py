"""The codes of all images together, compared with the prior; for latent spaces of two dimensions.

    aggregate posterior   q(z) = 1/N sum_n q(z|x_n)
    KL(q || p)            what sampling from the prior gets wrong: z that the decoder was never trained on
    holes                 the share of prior mass where q(z) < p(z) / 10

The plane is cut into square cells. The mass of a diagonal normal in a cell is a product of two differences of its
distribution function, so the masses of all N normals together are exact and take one matrix product, (H, N) by (N, W).
If a model has no q that is worth asking, the exact p(z|x) takes its place: summed over points of the prior, and so
without any encoder. If a decoder maximises log p(x) over its N images, that aggregate is the prior itself.

KL and holes are those of the cell masses. Merging cells can only lower a KL, so this KL is a lower bound of that of the
densities, and rises towards it as the cells shrink. But N normals do not make a smooth density, and over the draw of
the images E KL(q_N || p) >= KL(E q_N || p): the KL is larger than for infinitely many images, and cells narrower than
the normals show all of that excess. 10,000 points drawn from the prior itself give .18 nat and 6 % holes on cells of
0.1, .05 nat and 1.4 % on cells of 0.2; 60,000 points .04 nat and 1.0 %, .01 nat and .3 %; normals as wide as a cell far
less. So give all the images there are; `kl_excess_nats` estimates how much of a KL is this excess.

Hoffman and Johnson, ELBO surgery, 2016; Makhzani et al., Adversarial autoencoders, 2015.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.special import log_ndtr

from vae.distributions import pairwise_log_prob
from vae.inference.joint import by_label, decode
from vae.protocols import LatentVariableModel
from vae.quasi_random import prior_points

CELL_WIDTH = 0.1
SPARSE = 0.1  # a hole is where the density is below this share of the prior's
POINTS = 131_072  # of the prior, .007 apart in the middle

_NORMALS_TOGETHER = 10_000  # in one matrix product
_MOST_VALUES = 2**25  # log-weights in memory at a time
_CODES_TOGETHER = 100  # compared with all others; more do not fit the caches
_ROUNDING = 1e-6  # of float32 codes, relative to the largest
_REACH = 8.0  # standard deviations of a normal that the plane has room for
_MOST_CELLS = 4_000_000


class Aggregate(NamedTuple):
    """A density over the plane, all float64."""

    z1: Tensor  # (W,) centres of the columns
    z2: Tensor  # (H,) centres of the rows
    density: Tensor  # (H, W) mass of a cell / its area, rows along z2
    kl_to_prior_nats: float | None  # None for a density of codes: an AE has no prior
    holes: float  # in [0, 1]
    n: int  # images


@torch.no_grad()
def aggregate_posterior(mean: Tensor, std: Tensor, cell_width: float = CELL_WIDTH) -> Aggregate:
    """The aggregate posterior of images, compared with N(0, I).

    The cells reach to 8 standard deviations of the prior and of every q.

    Args:
        mean: (N, 2) of q(z|x_n).
        std: (N, 2) of q(z|x_n), above 0.
        cell_width: the side of a cell, in units of z, above 0.

    Raises:
        ValueError: for a wrong shape or range, or a plane of more than four million such cells.
    """
    _check(mean, std, cell_width)
    mean, std = mean.double(), std.double()
    low, high = (mean - _REACH * std).amin(0).clamp(max=-_REACH), (mean + _REACH * std).amax(0).clamp(min=_REACH)
    edges = _edges(low, high, mean.new_full((2,), cell_width))
    log_prior = _normal(edges[1])[:, None] + _normal(edges[0])  # (H, W)
    return _against_prior(edges, _mixture(mean, std, edges), log_prior, len(mean))


@torch.no_grad()
def exact_aggregate(
    model: LatentVariableModel,
    x: Tensor,
    generator: torch.Generator,
    y: Tensor | None = None,
    points: int = POINTS,
    cell_width: float = CELL_WIDTH,
) -> Aggregate:
    """1/N sum_n p(z|x_n) of images, or of p(z|x_n, y_n) under a conditional model, compared with N(0, I).

    It is computed on quasi-random points of the prior: each image's weights p(x|z_m), normalised over the points, are
    summed and compared with equal weights. The mass of a posterior that is narrower than the points are apart falls on
    the points next to it, which blurs the aggregate: the KL errs downwards and the holes upwards.

    Args:
        model: with D = 2.
        x: (N, 1, 28, 28) images.
        generator: of the points.
        y: (N,) int64 labels, for a conditional model.
        points: of the prior.
        cell_width: the side of a cell, in units of z, above 0.

    Raises:
        ValueError: for a model without a prior, or D other than 2.
    """
    if not model.has_prior or model.latent_dim != 2:
        what = "a model" if model.has_prior else "an autoencoder"
        raise ValueError(
            f"an aggregate posterior needs a model with a prior and D = 2, got {what} with D = {model.latent_dim}"
        )
    z = prior_points(points, 2, generator).to(x.dtype)
    weights = z.new_zeros(points, dtype=torch.float64)
    for label, rows in by_label(model, x, y):
        likelihood = decode(model, z, label)
        for block in rows.split(max(1, _MOST_VALUES // points)):
            weights += pairwise_log_prob(likelihood, x[block]).softmax(1).sum(0)
    edges = _edges(z.amin(0).double(), z.amax(0).double(), weights.new_full((2,), cell_width))
    row, column = (torch.bucketize(z[:, i].double().contiguous(), edges[i][1:-1], right=True) for i in (1, 0))

    def cells(values: Tensor) -> Tensor:
        empty = values.new_zeros(len(edges[1]) - 1, len(edges[0]) - 1)
        return empty.index_put_((row, column), values, accumulate=True)

    log_prior = cells(weights.new_full((points,), 1 / points)).log()
    return _against_prior(edges, cells(weights / len(x)), log_prior, len(x))


def kl_excess_nats(whole: Aggregate, of: Callable[[Tensor], Aggregate], generator: torch.Generator) -> float:
    """An estimate of how much of the KL of an aggregate is there only because the number of images is finite.

    It is the mean KL of two random halves, less that of the whole: halving n doubles the excess, as long as the excess
    falls as 1/n. Where n is so small that the posteriors hardly overlap it falls more slowly, and is larger than this.

    Args:
        whole: the aggregate of n >= 2 images.
        of: makes the aggregate of some of these images, given their numbers (K,).
        generator: of the halves.

    Raises:
        ValueError: for n < 2.
    """
    if whole.n < 2:
        raise ValueError(f"two halves need N >= 2 images, got {whole.n}")
    order = torch.randperm(whole.n, generator=generator, device=generator.device)
    return sum(_kl(of(rows)) for rows in order.tensor_split(2)) / 2 - _kl(whole)


def _kl(aggregate: Aggregate) -> float:
    assert aggregate.kl_to_prior_nats is not None  # the aggregate of a model with a prior has one
    return aggregate.kl_to_prior_nats


@torch.no_grad()
def density_of_codes(codes: Tensor, cell_width: float = CELL_WIDTH) -> Aggregate:
    """A kernel density estimate of an autoencoder's codes, which stands in for an aggregate posterior.

        1/N sum_n N(z; code_n, diag(b^2)),   b_i = s_i N^(-1/6),   s_i the codes' standard deviation along axis i

    An AE has no posterior that gives the normals their width, and no prior to compare with. So the widths follow
    Scott's rule, which is made for one round cluster and smooths finer structure away; there is no KL; and holes are
    relative to the normal with the codes' own mean and covariance.

    Scott, Multivariate density estimation, 1992, section 6.3.

    Args:
        codes: (N, 2) with N >= 3, not on a line.
        cell_width: the side of a cell along axis i in units of s_i, because the scale of an AE is arbitrary; above 0.

    Raises:
        ValueError: for codes or a cell width of another kind.
    """
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) < 3:
        raise ValueError(f"codes must be (N, 2) with N >= 3, got {tuple(codes.shape)}")
    codes = codes.double()
    centre, covariance = codes.mean(0), codes.T.cov()
    if spanned_dimensions(codes) < 2:
        raise ValueError("the codes lie on a line: they have no density in the plane")
    width = _scott(codes)
    std = width.expand_as(codes)
    _check(codes, std, cell_width)
    low, high = codes.amin(0) - 4 * std[0], codes.amax(0) + 4 * std[0]
    spread = covariance.diagonal().sqrt()
    edges = _edges(low, high, cell_width * spread)
    mass = _mixture(codes, std, edges)
    z = torch.stack(torch.meshgrid(*(_centres(edge) for edge in edges), indexing="xy"), -1)  # (H, W, 2)
    reference = torch.distributions.MultivariateNormal(centre, covariance).log_prob(z).exp()
    reference *= (cell_width * spread).prod()
    return _on_cells(edges, mass, None, reference[mass < SPARSE * reference].sum(), len(codes))


def spanned_dimensions(codes: Tensor) -> int:
    """The number of directions in which codes (N, D) differ by more than the rounding of float32: 1 for a line."""
    codes = codes.double()
    spread = torch.linalg.svdvals(codes - codes.mean(0)) / math.sqrt(len(codes))
    return int((spread > _ROUNDING * codes.abs().max()).sum())


@torch.no_grad()
def log_density_at_codes(codes: Tensor) -> Tensor:
    """The logarithm of the same kernel density estimate at each of its codes (N, D), (N,) float64, for any D.

        log 1/N sum_m N(code_n; code_m, diag(b^2)),   b_i = s_i N^(-1 / (D + 4))

    A code counts itself, so none is below log 1/N - sum_i log(b_i sqrt(2 pi)).

    Raises:
        ValueError: for a wrong shape, or an axis on which all codes agree.
    """
    if codes.ndim != 2 or len(codes) < 2:
        raise ValueError(f"codes must be (N, D) with N >= 2, got {tuple(codes.shape)}")
    codes = codes.double()
    width = _scott(codes)
    if not bool((width > 0).all()):
        raise ValueError("the codes agree on an axis: they have no density")
    scaled = (codes - codes.mean(0)) / width
    half = 0.5 * scaled.square().sum(1)
    kernels = [  # no sum is below 1, the code's own kernel, so nothing underflows
        torch.addmm(-half, block, scaled.T).sub_(own[:, None]).clamp_(max=0).float().exp_().sum(1, dtype=torch.float64)
        for block, own in zip(scaled.split(_CODES_TOGETHER), half.split(_CODES_TOGETHER), strict=True)
    ]
    return (torch.cat(kernels) / len(codes)).log() - (width * math.sqrt(2 * math.pi)).log().sum()


def _scott(codes: Tensor) -> Tensor:
    """Scott's rule for the width of the kernels along each axis of codes (N, D), (D,)."""
    return codes.std(0) * len(codes) ** (-1 / (codes.shape[1] + 4))


def _against_prior(edges: list[Tensor], mass: Tensor, log_prior: Tensor, n: int) -> Aggregate:
    """The masses of cells (H, W) as a density, compared with those of the prior, whose logarithms are given."""
    kl = (torch.xlogy(mass, mass) - torch.where(mass > 0, mass * log_prior, 0)).sum()
    prior = log_prior.exp()
    return _on_cells(edges, mass, float(kl), prior[mass < SPARSE * prior].sum(), n)


def _on_cells(edges: list[Tensor], mass: Tensor, kl: float | None, holes: Tensor, n: int) -> Aggregate:
    z1, z2 = (_centres(edge) for edge in edges)
    return Aggregate(z1, z2, mass / (edges[1].diff()[:, None] * edges[0].diff()), kl, float(holes), n)


def _mixture(mean: Tensor, std: Tensor, edges: list[Tensor]) -> Tensor:
    """The mass in each cell of the mean of N diagonal normals, (H, W)."""
    total = mean.new_zeros(len(edges[1]) - 1, len(edges[0]) - 1)
    for m, s in zip(mean.split(_NORMALS_TOGETHER), std.split(_NORMALS_TOGETHER), strict=True):
        columns, rows = (_normal((edge - m[:, i, None]) / s[:, i, None]).exp() for i, edge in enumerate(edges))
        total.addmm_(rows.T, columns)  # (H, B) (B, W)
    return total / len(mean)


def _normal(edges: Tensor) -> Tensor:
    """The logarithm of the mass of N(0, 1) between neighbouring edges, (..., K + 1) -> (..., K).

    Cells right of 0 are mirrored to the left, where neither distribution function is near 1, so that their difference
    keeps its digits at any distance.
    """
    low, high = edges[..., :-1], edges[..., 1:]
    right = low + high > 0
    low, high = torch.where(right, -high, low), torch.where(right, -low, high)
    log_low, log_high = log_ndtr(low), log_ndtr(high)
    return log_high + torch.log(-torch.expm1(log_low - log_high))


def _edges(low: Tensor, high: Tensor, width: Tensor) -> list[Tensor]:
    """The edges of the cells along each axis: multiples of the width, as far as both ends."""
    first, last = (low / width).floor(), (high / width).ceil()
    if (last - first).prod() > _MOST_CELLS:
        size = " x ".join(f"{count:.0f}" for count in (last - first).tolist())
        raise ValueError(
            f"the codes reach so far that the plane would be cut into {size} cells: make cell_width larger"
        )
    return [
        width[i] * torch.arange(int(first[i]), int(last[i]) + 1, device=width.device, dtype=width.dtype) for i in (0, 1)
    ]


def _centres(edges: Tensor) -> Tensor:
    return 0.5 * (edges[1:] + edges[:-1])


def _check(mean: Tensor, std: Tensor, cell_width: float) -> None:
    if mean.ndim != 2 or mean.shape[1] != 2 or mean.shape != std.shape or not len(mean):
        raise ValueError(f"mean and std must be (N, 2) with N >= 1, got {tuple(mean.shape)} and {tuple(std.shape)}")
    if not (bool((std > 0).all()) and bool(mean.isfinite().all()) and bool(std.isfinite().all())):
        raise ValueError("mean must be finite, std finite and above 0")
    if not cell_width > 0:
        raise ValueError(f"cell_width must be above 0, got {cell_width}")
