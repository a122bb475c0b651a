"""Laws of the axis that is finer in its middle."""

import torch

from vae.grids import REACH, bend, stretch


def test_a_bent_axis_has_its_ends_its_symmetry_and_its_stretch_for_a_slope(device):
    t = torch.linspace(-1, 1, 201, dtype=torch.float64, device=device, requires_grad=True)
    z = bend(t)
    torch.testing.assert_close(z[[0, 100, 200]], z.new_tensor([-REACH, 0, REACH]))
    torch.testing.assert_close(z, -z.flip(0))
    (slope,) = torch.autograd.grad(z.sum(), t)
    torch.testing.assert_close(stretch(z.detach()), slope)
    assert slope[100] < 0.4 * 2 * REACH / 2  # finer in the middle than an even axis
