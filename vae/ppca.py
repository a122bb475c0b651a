"""Probabilistic PCA: the linear member of the family, of which everything is known in closed form.

    p(z) = N(0, I)    p(x|z) = N(mean + W z, sigma^2 I)
    p(x)   = N(mean, W W^T + sigma^2 I)
    p(z|x) = N(P^-1 W^T (x - mean) / sigma^2, P^-1),    P = I + W^T W / sigma^2

It is likeliest where W spans the eigenvectors u_i of the images' covariance with the greatest eigenvalues l_i,

    w_i = sqrt(l_i - sigma^2) u_i,    sigma^2 = the mean of the eigenvalues that are left out

and so it is with W R for any rotation R. Without one the columns of W are orthogonal, P is diagonal, and the diagonal
normal of an encoder can be the posterior itself: the best ELBO is the best log p(x), and a linear VAE learns the axes.

Tipping and Bishop, Probabilistic principal component analysis, 1999; Lucas, Tucker, Grosse and Norouzi, Don't blame the
ELBO! A linear VAE perspective on posterior collapse, 2019.
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal

from vae.config import TrainConfig
from vae.distributions import SIGMA_FLOOR
from vae.models import VAE, build

_BLOCK = 5_000  # images whose covariance is summed together


@dataclass(frozen=True)
class ProbabilisticPCA:
    """A linear model with Gaussian noise, in float64."""

    mean: Tensor  # (784,) of p(x), in [0, 1] where images are
    w: Tensor  # (784, D)
    sigma: float  # > 0, in units of the pixel range

    def log_px(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (N,), of images (N, 1, 28, 28)."""
        noise = torch.full_like(self.mean, self.sigma**2)
        return LowRankMultivariateNormal(self.mean, self.w, noise, validate_args=False).log_prob(self._flat(x))

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """p(z|x) over (N, D) of images (N, 1, 28, 28); all have the same covariance."""
        precision = self._precision()
        mean = torch.linalg.solve(precision, (self._flat(x) - self.mean) @ self.w / self.sigma**2, left=False)
        return MultivariateNormal(mean, precision_matrix=precision, validate_args=False)

    def model(self) -> VAE:
        """The same as a VAE of the network `linear`, float32, whose q(z|x) is the diagonal normal nearest to p(z|x).

        Raises:
            ValueError: for a sigma that is not above `distributions.SIGMA_FLOOR`.
        """
        if self.sigma <= SIGMA_FLOOR:
            raise ValueError(f"a model has a sigma above {SIGMA_FLOOR}, got {self.sigma:.4g}: the images hardly vary")
        precision, d = self._precision(), self.w.shape[1]
        encode = torch.linalg.solve(precision, self.w.T / self.sigma**2)  # (D, 784)
        log_std = -0.5 * precision.diagonal().log()
        weights = {
            "encoder.0.weight": torch.cat([encode, torch.zeros_like(encode)]),
            "encoder.0.bias": torch.cat([-encode @ self.mean, log_std]),
            "decoder.0.weight": self.w,
            "decoder.0.bias": self.mean,
            "head.log_sigma": 0.5 * self.mean.new_tensor(self.sigma**2 - SIGMA_FLOOR**2).log(),
        }
        model = build(TrainConfig(network="linear", likelihood="gaussian-shared", latent_dim=d))
        model.load_state_dict(weights)
        assert isinstance(model, VAE)  # as the configuration says
        return model.eval().requires_grad_(False)

    def _precision(self) -> Tensor:
        return torch.eye(self.w.shape[1]).to(self.w) + self.w.T @ self.w / self.sigma**2

    def _flat(self, x: Tensor) -> Tensor:
        return x.flatten(1).to(self.mean)


def fit(x: Tensor, latent_dim: int = 2) -> ProbabilisticPCA:
    """The likeliest model of images, the direction that varies most first.

    Args:
        x: (N, 1, 28, 28) images, N >= 1.
        latent_dim: D, 1 or more and below 784.

    Raises:
        ValueError: for another number of dimensions, or if images vary along no more than D: sigma would be 0.
    """
    pixels = x.flatten(1)  # (N, 784)
    if not 1 <= latent_dim < pixels.shape[1]:
        raise ValueError(f"latent_dim must be within 1..{pixels.shape[1] - 1}, got {latent_dim}")
    mean = torch.stack([block.double().sum(0) for block in pixels.split(_BLOCK)]).sum(0) / len(pixels)
    covariance = torch.zeros(len(mean), len(mean)).to(mean)
    for block in pixels.split(_BLOCK):
        away = block - mean
        covariance += away.T @ away / len(pixels)
    values, vectors = torch.linalg.eigh(covariance)  # from the least to the greatest
    kept, left_out = values[-latent_dim:].flip(0), values[:-latent_dim]
    variance = left_out.mean().item()
    if not variance > torch.finfo(values.dtype).eps * values[-1].item():
        raise ValueError(f"probabilistic PCA needs images that vary along more than {latent_dim} dimensions")
    w = vectors[:, -latent_dim:].flip(1) * (kept - variance).clamp(min=0).sqrt()
    return ProbabilisticPCA(mean, w, variance**0.5)


def of_model(model: VAE) -> ProbabilisticPCA:
    """What a trained VAE of the network `linear` is, whether it is the likeliest or not.

    Raises:
        ValueError: for another network, or a model that is given the label.
    """
    if model.config.network != "linear" or model.conditional:
        raise ValueError(
            f"a closed form needs a VAE of network linear, got {model.config.model}, {model.config.network}"
        )
    weights = {name: weight.detach().double() for name, weight in model.state_dict().items()}
    mean, head = weights["decoder.0.bias"], deepcopy(model.head).double()
    return ProbabilisticPCA(mean, weights["decoder.0.weight"], head(mean[None]).stddev.flatten()[0].item())
