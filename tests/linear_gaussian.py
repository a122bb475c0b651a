"""The model of which everything is known: x = W z + b + sigma noise, z ~ N(0, I).

    log p(x) = log N(x; b, W W^T + sigma^2 I)
    p(z|x)   = N(m, P^-1),   P = I + W^T W / sigma^2,   m = P^-1 W^T (x - b) / sigma^2

Of all diagonal normals the one with mean m and variances 1 / P_ii has the least KL to p(z|x). The encoder says that
one, moved by `shift` of its standard deviations and with `widen` added to its log_std.
"""

import torch
from torch.distributions import Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

from vae.distributions import DiagonalNormal


class LinearGaussian:
    has_prior = True

    def __init__(self, precision, sigma=0.4, shift=0.0, widen=0.0, conditional=False):
        """`precision` (D, D) is P: symmetric, all its eigenvalues above 1. If conditional, label y adds y / 10 to b."""
        self.precision, self.sigma, self.shift, self.widen = precision.double(), sigma, shift, widen
        self.latent_dim, self.conditional = len(precision), conditional
        generator = torch.Generator().manual_seed(7)
        basis = torch.linalg.qr(torch.randn(784, self.latent_dim, generator=generator).double()).Q
        root = torch.linalg.cholesky(self.precision.cpu() - torch.eye(self.latent_dim).double())
        self.w = (sigma * basis @ root.T).to(precision.device)  # (784, D)

    def prior(self):
        zeros = self.w.new_zeros(self.latent_dim)
        return DiagonalNormal(zeros, zeros)

    def likelihood(self, z, y=None):
        means = (z @ self.w.T + self._b(y)).reshape(-1, 1, 28, 28)
        return Independent(Normal(means, self.sigma, validate_args=False), 3, validate_args=False)

    def posterior(self, x, y=None):
        log_std = -0.5 * self.precision.diagonal().log()
        mean = self.true_posterior(x, y).mean + self.shift * log_std.exp()
        return DiagonalNormal(mean, (log_std + self.widen).expand_as(mean))

    def true_posterior(self, x, y=None):
        mean = torch.linalg.solve(self.precision, (x.flatten(1) - self._b(y)) @ self.w / self.sigma**2, left=False)
        return MultivariateNormal(mean, precision_matrix=self.precision)

    def log_px(self, x, y=None):
        noise = torch.full((784,), self.sigma**2, dtype=torch.float64, device=x.device)
        return LowRankMultivariateNormal(torch.zeros_like(noise), self.w, noise).log_prob(x.flatten(1) - self._b(y))

    def images(self, n, generator, y=None):
        """n images of the model's own, (n, 1, 28, 28)."""
        z, noise = (
            torch.randn(n, size, generator=generator, device=generator.device).to(self.w)
            for size in (self.latent_dim, 784)
        )
        return (z @ self.w.T + self._b(y) + self.sigma * noise).reshape(-1, 1, 28, 28)

    def _b(self, y):
        return 0.3 + y.double()[:, None] / 10 if self.conditional else 0.3
