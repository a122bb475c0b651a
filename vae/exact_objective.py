"""The objective `exact`: log p(x) from draws near where a decoded lattice says that the posterior lies; for D <= 2.

    w_c ~ (p(x|z_c) p(z_c) a_c)^T        the weight of a cell of the lattice, of area a_c, decoded at its middle z_c
    z_k ~ r(z|x) = sum_c 1[z in c] w_c / a_c
    log p(x) >= E log 1/K sum_k p(x|z_k) p(z_k) / r(z_k|x)

So a step decodes with a gradient no more than the K points of each image, and without a gradient the lattice; that may
also be the one of some steps before. Whatever the weights are, the average over k is unbiased for p(x), and its
logarithm is low on average (Jensen): by the more, the more of the posterior the middles of the cells miss. T = 1/2
makes r wider than the lattice says, since a middle may miss what is narrower than its cell; MIXED of r is the prior.

The lattice is shifted at random each time that it is decoded, so that no place lies between its points for long. Its
axes are bent, finer in the middle, where there is more of the prior (`grids.bend`). The K draws of an image are
systematic, the quantiles (k + u) / K of the weights with one uniform u, as if of K strata.

Burda, Grosse and Salakhutdinov, Importance weighted autoencoders, 2015 (the bound, there with an encoder's q);
Kitagawa, Monte Carlo filter and smoother, 1996 (systematic draws).
"""

from contextlib import nullcontext

import torch
from torch import Tensor

from vae.distributions import Decoded, Pixels
from vae.grids import REACH, bend, product_of
from vae.inference.joint import POINTS_TOGETHER
from vae.models import VAE
from vae.objectives import Terms, importance_bound

TEMPER = 0.5  # T
MIXED = 0.01


class ExactObjective:
    """What the steps of a run share: the lattice, and after how many steps it is decoded again.

    Args:
        model: with a prior and D <= 2; its weights may change between two steps.
        points: of the lattice, in each class of a conditional model; rounded to a square where D = 2.
        samples: K, draws for each image.
        refresh: steps from one decoding to the next.
        generator: of the shifts and the draws.
    """

    def __init__(self, model: VAE, points: int, samples: int, refresh: int, generator: torch.Generator) -> None:
        self._model, self._samples, self._refresh, self._generator = model, samples, refresh, generator
        self._per_axis = max(2, round(points ** (1 / model.latent_dim)))
        self._proposal: LatticeProposal | None = None
        self._steps = 0

    def terms(self, x: Tensor, labels: Tensor | None) -> Terms:
        """The estimate of log p(x) of each image.

        Args:
            x: (B, 1, 28, 28) in [0, 1].
            labels: (B, C) one-hot for a CVAE, else None.
        """
        if self._proposal is None or self._steps % self._refresh == 0:
            self._proposal = LatticeProposal(self._model, self._per_axis, self._generator)
        self._steps += 1
        z, log_proposal = self._proposal.draw(x, labels, self._samples, self._generator)
        return Terms(log_px=importance_bound(self._model.log_weights(x, labels, z, log_proposal)))

    def start(self) -> None:
        """Begin an epoch with a lattice of its own, so that a run can go on from there."""
        self._steps = 0


class LatticeProposal:
    """r(z|x): cells of the latent space, decoded at their middles; by a conditional model for each class, when asked.

    Args:
        model: with a prior and D <= 2.
        per_axis: A, cells along each axis; G = A^D.
        generator: of the shift.
    """

    def __init__(self, model: VAE, per_axis: int, generator: torch.Generator) -> None:
        self._model = model
        self._blocks: dict[int | None, list[Decoded]] = {}
        shift = torch.rand(model.latent_dim, 1, generator=generator, dtype=torch.float64, device=generator.device)
        ranks = torch.arange(per_axis + 1, dtype=torch.float64, device=generator.device)
        t = (ranks + shift - 0.5) * (2 / per_axis) - 1
        edges = bend(t).to(model.prior().mean)  # (D, A + 1)
        edges[:, 0].clamp_(max=-REACH)
        edges[:, -1].clamp_(min=REACH)
        self._low, high = product_of(edges[:, :-1]), product_of(edges[:, 1:])  # (G, D)
        self._sides = high - self._low
        self._middles = self._low + 0.5 * self._sides
        self._log_areas = self._sides.log().sum(1)
        self._log_prior = (model.prior().log_prob(self._middles) + self._log_areas).log_softmax(0)  # of the cells

    @torch.no_grad()
    def draw(self, x: Tensor, labels: Tensor | None, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (K, B, D) of r(z|x), and log r(z|x) there in nats, (K, B).

        Args:
            x: (B, 1, 28, 28) in [0, 1].
            labels: (B, C) one-hot for a CVAE, else None.
            samples: K.
            generator: of the draws.
        """
        uniform = torch.rand(len(x), 1, generator=generator, device=x.device, dtype=x.dtype)
        quantiles = (torch.arange(samples, device=x.device) + uniform) / samples  # (B, K)
        cells = torch.empty_like(quantiles, dtype=torch.int64)
        log_weights = torch.empty_like(quantiles)
        for label, rows in _by_label(labels):
            weights = self._weights(x[rows], label)
            totals = weights.cumsum(1)  # (N, G)
            some = torch.searchsorted(totals, quantiles[rows] * totals[:, -1:]).clamp_(max=weights.shape[1] - 1)
            cells[rows], log_weights[rows] = some, (weights.gather(1, some) / totals[:, -1:]).log()
        inside = torch.rand(*cells.shape, self._low.shape[1], generator=generator, device=x.device, dtype=x.dtype)
        z = self._low[cells] + self._sides[cells] * inside
        return z.transpose(0, 1), (log_weights - self._log_areas[cells]).T

    def _weights(self, x: Tensor, label: int | None) -> Tensor:
        """The weights (N, G) of the cells, of images of one label, or of none; each row has the sum 1."""
        scores = torch.cat([block.log_prob(x.flatten(1)) for block in self._decoded(label)], 1)
        return scores.add_(self._log_prior).mul_(TEMPER).softmax(1).lerp_(self._log_prior.exp(), MIXED)

    def _decoded(self, label: int | None) -> list[Decoded]:
        if label not in self._blocks:
            on_gpu = self._middles.device.type == "cuda"  # where coarse products are as good for a proposal
            parts = [self._middles] if on_gpu else self._middles.split(POINTS_TOGETHER)
            with self._model.autocast(torch.bfloat16) if on_gpu else nullcontext():
                self._blocks[label] = [Decoded.of(self._likelihood(part, label)) for part in parts]
        return self._blocks[label]

    def _likelihood(self, z: Tensor, label: int | None) -> Pixels:
        if label is None:
            return self._model.unchecked_likelihood(z, None)
        labels = z.new_zeros(len(z), self._model.classes)
        labels[:, label] = 1
        return self._model.unchecked_likelihood(z, labels)


def _by_label(labels: Tensor | None) -> list[tuple[int | None, Tensor | slice]]:
    """Each label with the numbers of its images; one group of all images if there are no labels."""
    if labels is None:
        return [(None, slice(None))]
    order = labels.argmax(1).argsort()
    counts = labels.sum(0).int().tolist()
    return [(label, rows) for label, rows in enumerate(order.split(counts)) if len(rows)]
