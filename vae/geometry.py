"""The shape that a decoder gives to the latent space.

A decoder maps z to a point phi(z) of a Euclidean space of pixels, and so lays the latent space out there as a surface.
What is measured along that surface is measured in decoded images, not in coordinates:

    metric          G(z) = J^T J,   J = d phi / dz                     (D, D)
    magnification   sqrt(det G(z))                                     decoded volume of a unit of latent volume
    length          integral of sqrt(z'(t)^T G z'(t)) dt               of a curve z(t), t in [0, 1]
    energy          1/2 integral of z'(t)^T G z'(t) dt  >=  length^2 / 2

Energy is least, and the bound an equality, for the shortest curve walked at a constant speed: a geodesic. The distance
that phi measures between two images depends on the likelihood.

    Bernoulli    phi = 2 arcsin(sqrt(p))     Fisher and Rao's distance between the Bernoulli pixels: locally in standard
                                             deviations of z as one image tells it; a pixel from black to white is pi
    Gaussian     phi = (mean, std)           Euclidean distance of the pixels' means and, where the decoder gives them,
                                             standard deviations: J^T J is the metric of an image drawn from p(x|z),
                                             on average; a pixel from black to white is 1

A std that all pixels share does not depend on z and drops out. Lengths under different likelihoods do not compare.
A surface can be stretched by a factor at each z, as `nearness` does where no codes lie: G is then multiplied by its
square, and so is the energy of a step, and a length by the factor itself.

Shao, Kumar and Fletcher, The Riemannian geometry of deep generative models, 2018; Arvanitidis, Hansen and Hauberg,
Latent space oddity: on the curvature of deep generative models, 2018 (Gaussian); Arvanitidis, Gonzalez-Duque, Pouplin,
Kalatzis and Hauberg, Pulling back information geometry, 2022 (Bernoulli).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from vae.distributions import is_one_number
from vae.forward_mode import along_axes
from vae.protocols import Decoder


@dataclass(frozen=True)
class Surface:
    """A latent space as a decoder lays it out; for a conditional one, under one label.

    z is (B, D), and a curve (T, D) the corners of a broken line, or (..., T, D) those of many; what the methods return
    is of z's type, and can be differentiated.

    Args:
        decoder: any model of the family.
        y: () int64, a label, or (C,) weights of the classes; None for a model that takes none.
        stretch: gives at points (B, D) how many times as long a step counts there, (B,) > 0; None for once.
    """

    decoder: Decoder
    y: Tensor | None = None
    stretch: Callable[[Tensor], Tensor] | None = None

    def embed(self, z: Tensor) -> Tensor:
        """phi(z), (B, K): each image as a point, whose Euclidean distances are those of the module's table."""
        pixels = self.decoder.likelihood(z, None if self.y is None else self.y.expand(len(z), *self.y.shape)).base_dist
        if isinstance(pixels, Bernoulli):
            return 2 * (pixels.logits.flatten(1) / 4).tanh().atan()  # 2 arcsin(sqrt(p)) - pi / 2, smooth at any logit
        mean = pixels.mean.flatten(1)
        return mean if is_one_number(pixels.stddev) else torch.cat([mean, pixels.stddev.flatten(1)], 1)

    def tangents(self, z: Tensor) -> Tensor:
        """The columns of J at each point, (B, D, K): how phi changes with each coordinate of z."""
        return along_axes(self.embed, z, out_dims=1)

    def metric(self, z: Tensor) -> Tensor:
        """G(z) = J^T J, (B, D, D), times the square of the stretch: symmetric, with no negative eigenvalue."""
        tangents = self.tangents(z)
        if self.stretch is not None:
            tangents = tangents * self.stretch(z)[:, None, None]
        return tangents @ tangents.mT

    def magnification(self, z: Tensor) -> Tensor:
        """sqrt(det G(z)), (B,) >= 0: the decoded volume of a unit of latent volume."""
        return volume(self.metric(z))

    def steps(self, curve: Tensor) -> Tensor:
        """The distances between the images at successive corners, (..., T - 1), times the mean stretch of both."""
        return self._between(curve).norm(dim=-1)

    def length(self, curve: Tensor) -> Tensor:
        """The sum of the steps, (...): unstretched at most the curve's length, and closer with more corners."""
        return self.steps(curve).sum(-1)

    def energy(self, curve: Tensor) -> Tensor:
        """(T - 1) / 2 times the sum of the squared steps, (...): at least half the square of `length`."""
        return 0.5 * (curve.shape[-2] - 1) * self._between(curve).square().sum((-2, -1))

    def _between(self, curve: Tensor) -> Tensor:
        points, shape = curve.flatten(0, -2), curve.shape[:-1]
        between = self.embed(points).view(*shape, -1).diff(dim=-2)
        if self.stretch is None:
            return between
        stretch = self.stretch(points).view(*shape, 1)
        return 0.5 * (stretch[..., 1:, :] + stretch[..., :-1, :]) * between


def volume(metric: Tensor) -> Tensor:
    """sqrt(det G), (...), of metrics G (..., D, D)."""
    return torch.linalg.det(metric).clamp(min=0).sqrt()
