"""Paths between two points of the latent space, all with one signature: (z0, z1, t) -> path.

    linear      (1 - t) z0 + t z1
    spherical   the direction turns at a constant rate about the origin, the norm goes linearly from |z0| to |z1|
    geodesic    the decoded image changes at a constant rate, and as little as possible on the whole (see `geodesics`);
                on a surface that is stretched far from codes it goes around holes (see `nearness`)

z0 and z1 are (D,), t is (T,) in [0, 1], a path is (T, D). Ends are exact, and the path from z1 to z0 is the path from
z0 to z1 backwards. The first two need no decoder; `geodesic(surface)` makes the third for the decoder of a surface.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vae import geodesics
from vae.geometry import Surface

Path = Callable[[Tensor, Tensor, Tensor], Tensor]

_PARALLEL = 1e-6  # sine of an angle below which an arc and its chord agree to float64's digits


def linear(z0: Tensor, z1: Tensor, t: Tensor) -> Tensor:
    """The straight path, (T, D).

    Args:
        z0: (D,) where it begins.
        z1: (D,) where it ends.
        t: (T,) in [0, 1].

    Raises:
        ValueError: for a wrong shape or t outside [0, 1].
    """
    _check(z0, z1, t)
    return (1 - t)[:, None] * z0 + t[:, None] * z1


def spherical(z0: Tensor, z1: Tensor, t: Tensor) -> Tensor:
    """The arc about the origin, (T, D): r(t) (sin((1 - t) a) u0 + sin(t a) u1) / sin a.

    u0 and u1 are the directions, a the angle between them and r(t) the interpolated norm, so equal norms give an arc of
    a circle and unequal ones of a spiral. A zero vector has no direction: the path is straight. Opposite directions
    have no shortest arc: the path goes half around by way of the axis that is closest to perpendicular to them, from
    either end.

    Shoemake, Animating rotation with quaternion curves, 1985; White, Sampling generative networks, 2016.

    It takes arguments as of `linear`.

    Raises:
        ValueError: for a wrong shape or t outside [0, 1].
    """
    _check(z0, z1, t)
    return _arc(z0.double(), z1.double(), t.double()).to(z0.dtype)


def geodesic(surface: Surface, grid: geodesics.Graph | None = None) -> Path:
    """The paths of least decoded length on a surface, whose ends must be of the decoder's type.

    The path raises ValueError for a wrong shape or t outside [0, 1].

    Args:
        surface: of a decoder.
        grid: its `geodesics.graph`; without it the paths may be longer.
    """

    def path(z0: Tensor, z1: Tensor, t: Tensor) -> Tensor:
        _check(z0, z1, t)
        corners = geodesics.geodesic(surface, z0, z1, grid)
        place = t.to(corners) * (len(corners) - 1)
        before = place.long().clamp(max=len(corners) - 2)
        return torch.lerp(corners[before], corners[before + 1], (place - before)[:, None])

    return path


def _arc(z0: Tensor, z1: Tensor, t: Tensor) -> Tensor:
    r0, r1 = z0.norm(), z1.norm()
    if r0 == 0 or r1 == 0:
        return linear(z0, z1, t)
    u0, u1 = z0 / r0, z1 / r1
    angle = 2 * torch.atan2((u0 - u1).norm(), (u0 + u1).norm())  # exact near 0 and near pi, where arccos is not
    if angle.sin() < _PARALLEL:
        if angle < 1 or len(z0) == 1:
            return linear(z0, z1, t)
        middle = 0.5 * (r0 + r1) * _perpendicular(u0)
        first, second = _arc(z0, middle, (2 * t).clamp(max=1)), _arc(middle, z1, (2 * t - 1).clamp(min=0))
        return torch.where((t < 0.5)[:, None], first, second)
    r = (1 - t) * r0 + t * r1
    a0, a1 = ((s * angle).sin() / angle.sin() * r for s in (1 - t, t))
    return (a0 / r0)[:, None] * z0 + (a1 / r1)[:, None] * z1


def _perpendicular(u: Tensor) -> Tensor:
    """A unit vector perpendicular to u, the same for u and -u."""
    axis = torch.zeros_like(u)
    axis[u.abs().argmin()] = 1
    across = axis - (axis @ u) * u
    return across / across.norm()


def _check(z0: Tensor, z1: Tensor, t: Tensor) -> None:
    if z0.ndim != 1 or z0.shape != z1.shape or t.ndim != 1:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (z0, z1, t))
        raise ValueError(f"z0 and z1 must be (D,) and t (T,), got {shapes}")
    if not bool(((t >= 0) & (t <= 1)).all()):
        raise ValueError("t must be in [0, 1]")
