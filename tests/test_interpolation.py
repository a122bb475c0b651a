"""Laws of the paths."""

import pytest
import torch
from surfaces import hill

from vae.geometry import Surface
from vae.interpolation import geodesic, linear, spherical

T = torch.linspace(0, 1, 33, dtype=torch.float64)
ENDS = {
    "generic": ([3.1, -7.4], [0.42, -1.07]),
    "five dimensions": ([1.0, 0.0, 2.0, -1.0, 0.5], [0.3, 1.0, -1.0, 2.0, 0.0]),
    "one dimension": ([1.5], [-0.5]),
    "parallel": ([1.0, 2.0], [2.0, 4.0]),
    "opposite": ([1.0, 2.0], [-3.0, -6.0]),
    "nearly opposite": ([1.0, 0.0], [-1.0, 1e-5]),
    "nearly parallel": ([1.0, 0.0], [1.0, 1e-9]),
    "from zero": ([0.0, 0.0], [1.0, 1.0]),
    "the same": ([0.7, -0.2], [0.7, -0.2]),
}


@pytest.fixture(params=ENDS.values(), ids=ENDS.keys())
def ends(request, device):
    return tuple(torch.tensor(end, dtype=torch.float64, device=device) for end in request.param)


@pytest.fixture(params=[linear, spherical, geodesic(Surface(hill()))], ids=["linear", "spherical", "geodesic"])
def path(request):
    return request.param


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ends_are_exact(path, ends, dtype):
    z0, z1 = (end.to(dtype) for end in ends)
    found = path(z0, z1, T.to(z0))
    assert found.dtype == dtype
    assert torch.equal(found[0], z0)
    assert torch.equal(found[-1], z1)


def test_swapping_the_ends_reverses_the_path(path, ends):
    t = T.to(ends[0])
    torch.testing.assert_close(path(*ends, t), path(*reversed(ends), t).flip(0))


def test_a_path_has_no_jump(path, ends):
    found = path(*ends, T.to(ends[0]))
    longest = max(end.norm() for end in ends)
    assert (
        found.diff(dim=0).norm(dim=1) <= 1.01 * (torch.pi * longest + (ends[0] - ends[1]).norm()) / (len(T) - 1)
    ).all()


def test_the_linear_path_advances_in_equal_steps(ends):
    steps = linear(*ends, T.to(ends[0])).diff(dim=0)
    torch.testing.assert_close(steps, steps[:1].expand_as(steps))


@pytest.mark.parametrize("ends", ["generic", "opposite", "nearly opposite"], indirect=False)
def test_the_spherical_path_turns_evenly_while_its_norm_goes_linearly(ends, device):
    z0, z1 = (torch.tensor(end, dtype=torch.float64, device=device) for end in ENDS[ends])
    t = T.to(device)
    found = spherical(z0, z1, t)
    torch.testing.assert_close(found.norm(dim=1), (1 - t) * z0.norm() + t * z1.norm(), rtol=1e-5, atol=1e-5)
    turns = torch.cosine_similarity(found[1:], found[:-1]).arccos()
    torch.testing.assert_close(turns, turns[:1].expand_as(turns), rtol=1e-4, atol=1e-6)


def test_a_rotation_of_the_ends_rotates_the_spherical_path(device):
    z0, z1 = (torch.tensor(end, dtype=torch.float64, device=device) for end in ENDS["generic"])
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64, device=device)
    t = T.to(device)
    torch.testing.assert_close(spherical(turn @ z0, turn @ z1, t), spherical(z0, z1, t) @ turn.T)


def test_wrong_arguments_are_refused(path):
    with pytest.raises(ValueError, match="z0 and z1"):
        path(torch.zeros(2), torch.zeros(3), torch.zeros(1))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        path(torch.zeros(2), torch.ones(2), torch.tensor([1.5]))
