"""Newton steps that raise the ELBO of diagonal normals, from values of log p(x, z) at the nodes of a rule alone.

A normal is q = (mean, log_std), a step is of u = (mean / std, log_std): see `gauss_hermite`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vae.inference.gauss_hermite import Derivatives, derivatives, rule

LogJoint = Callable[[Tensor], Tensor]
"""log p(x_k, z_kq) in nats, (K, Q) float64, at points (K, Q, D) float64 of K images."""

_LEAST_CURVATURE = 0.1  # that a step is sized by; near the end the curvatures are between 1 and 2


def elbo_shape(log_joint: LogJoint, q: Tensor, order: int) -> Derivatives:
    """The ELBO of normals less its constant, and its first and second derivatives by u.

    Args:
        log_joint: of the images that the normals are of.
        q: (K, 2 D) float64, mean and log_std.
        order: of the rule along each axis, exact for polynomials up to degree 2 order - 1.
    """
    d = q.shape[1] // 2
    t, weights = rule(order, d, q.device)
    value, gradient, hessian = derivatives(log_joint(q[:, None, :d] + q[:, None, d:].exp() * t), t, weights)
    gradient[:, d:] += 1  # the entropy is the sum of log_std and a constant
    return Derivatives(value + q[:, d:].sum(1), gradient, hessian)


def newton(shape: Derivatives, q: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """The step (..., 2 D) of q towards the top, and the rise (...,) that it promises.

    Along an axis that curves upwards, Newton's own step leads down; there it is turned around.

    Args:
        shape: of the ELBO at q.
        q: (..., 2 D) mean and log_std.
        reach: (...,) how long the step may be in u.
    """
    d = q.shape[-1] // 2
    values, axes = torch.linalg.eigh(shape.hessian)
    curvature = values.abs().clamp(min=_LEAST_CURVATURE)
    along = (axes.mT @ shape.gradient[..., None])[..., 0]
    step = along / curvature
    step *= (reach / step.norm(dim=-1)).clamp(max=1)[..., None]
    gain = (along * step - 0.5 * curvature * step.square()).sum(-1)
    step = (axes @ step[..., None])[..., 0]
    return torch.cat([step[..., :d] * q[..., d:].exp(), step[..., d:]], -1), gain
