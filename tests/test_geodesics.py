"""Laws of the shortest curves, against great circles, a textbook's shortest path, and whatever else leads there."""

import heapq
import math
from itertools import pairwise

import pytest
import torch
from bench import dense_paths
from chromium import ROOT
from linear_gaussian import LinearGaussian
from surfaces import Bent, flat, hill, sphere

from vae.config import TrainConfig
from vae.geodesics import LINKS, REACHES, SAMPLES, distances, geodesic, graph
from vae.geometry import Surface
from vae.interpolation import linear
from vae.models import build
from vae.storage import checkpoint

CORNERS = SAMPLES + 1


def pair(device, *coordinates):
    return tuple(torch.tensor(each, dtype=torch.float64, device=device) for each in coordinates)


def square(surface, reach, device, size=40):
    return graph(surface, *pair(device, [-reach, -reach], [reach, reach]), size)


def line(z0, z1):
    return linear(z0, z1, torch.linspace(0, 1, CORNERS, dtype=z0.dtype, device=z0.device))


@pytest.mark.parametrize("grid", [True, False])
def test_on_a_linear_decoder_they_are_straight(device, grid):
    surface = Surface(LinearGaussian(torch.tensor([[5.0, 2.0], [2.0, 90.0]], device=device)))
    z0, z1 = pair(device, [-1.2, 0.3], [1.1, -0.8])
    found = geodesic(surface, z0, z1, square(surface, 2, device) if grid else None)
    torch.testing.assert_close(found, line(z0, z1), rtol=0, atol=2e-3)


@pytest.mark.parametrize("grid", [True, False])
def test_on_a_sphere_they_are_great_circles(device, grid):
    radius = 3.0
    surface = Surface(sphere(radius))
    z0, z1 = pair(device, [0.7, -1.2], [0.9, 1.3])
    cells = graph(surface, *pair(device, [0.1, -2.0], [3.0, 2.0]), 60) if grid else None
    found = geodesic(surface, z0, z1, cells)
    on = surface.embed(found) / radius
    angle = (on[0] @ on[-1]).arccos()
    assert float(surface.length(found)) == pytest.approx(float(radius * angle), rel=1e-3)
    across = torch.linalg.cross(on[0], on[-1]) / angle.sin()
    assert (on @ across).abs().max() < 0.02  # out of the plane of the circle
    assert surface.length(found) < 0.9 * surface.length(line(z0, z1))


def test_around_a_hill_they_beat_every_plain_detour(device):
    surface = Surface(hill())
    z0, z1 = pair(device, [-2.0, 0.3], [2.0, 0.1])
    found = geodesic(surface, z0, z1, square(surface, 2.5, device))
    t = torch.linspace(0, 1, CORNERS, dtype=torch.float64, device=device)
    for height in torch.linspace(-2, 2, 41):
        detour = linear(z0, z1, t)
        detour[:, 1] += height * (math.pi * t).sin()
        assert surface.length(found) <= surface.length(detour)
    assert found.norm(dim=1).min() > 0.5  # and not over the top


def test_no_small_bend_makes_them_shorter(device, generator):
    surface = Surface(hill())
    z0, z1 = pair(device, [-2.0, 0.3], [1.7, 1.0])
    found = geodesic(surface, z0, z1, square(surface, 2.5, device))
    t = torch.linspace(0, 1, CORNERS, dtype=torch.float64, device=device)[:, None]
    for waves in range(1, 9):
        bend = torch.randn(2, generator=generator, dtype=torch.float64, device=device) * (waves * math.pi * t).sin()
        for size in (0.1, 0.03, 0.01):
            assert surface.length(found + size * bend) > surface.length(found) * (1 - 1e-4)


@pytest.mark.parametrize("name", ["ae", "vae", "cvae", "vae-best"])
def test_between_codes_they_are_never_longer_than_the_line_and_walk_evenly(name):
    shipped = checkpoint.read(ROOT / "checkpoints" / name)
    surface = Surface(shipped.model, torch.tensor(7) if shipped.model.conditional else None)
    low, high = shipped.codes.quantile(0.01, 0), shipped.codes.quantile(0.99, 0)
    cells, shorter = graph(surface, low, high, 24), 0
    for a, b in ((2, 7), (0, 1), (18, 77), (5, 300)):
        z0, z1 = shipped.codes[a], shipped.codes[b]
        with torch.no_grad():
            steps, straight = surface.steps(geodesic(surface, z0, z1, cells)), surface.steps(line(z0, z1))
        assert steps.sum() <= straight.sum()
        assert steps.max() < straight.max()
        shorter += bool(steps.sum() < straight.sum())
    assert shorter >= 3


def test_swapping_the_ends_reverses_them(model, generator, device):
    surface = Surface(model, torch.tensor(3, device=device) if model.conditional else None)
    z0, z1 = 2 * torch.randn(2, 2, generator=generator, device=device, dtype=torch.float64)
    cells = square(surface, 3, device, 12)
    found = geodesic(surface, z0, z1, cells)
    assert torch.equal(geodesic(surface, z1, z0, cells), found.flip(0))
    assert torch.equal(found[0], z0)
    assert torch.equal(found[-1], z1)
    assert surface.length(found) <= surface.length(line(z0, z1))


@pytest.mark.parametrize("ends", [([5.0, 0.2], [-9.0, 0.1]), ([0.3, 0.1], [0.3, 0.1]), ([0.0, 0.3], [1e-7, 0.3])])
def test_ends_outside_of_the_grid_or_on_top_of_each_other_are_as_good(device, ends):
    surface, (z0, z1) = Surface(hill()), pair(device, *ends)
    found = geodesic(surface, z0, z1, square(surface, 2, device, 20))
    assert torch.equal(found[0], z0)
    assert torch.equal(found[-1], z1)
    assert surface.length(found) <= surface.length(line(z0, z1))


def test_where_nothing_changes_the_way_is_straight(device):
    surface, (z0, z1) = Surface(flat()), pair(device, [-1.0, 0.4], [0.7, 1.1])
    torch.testing.assert_close(geodesic(surface, z0, z1, square(surface, 2, device, 20)), line(z0, z1))


def test_where_the_decoder_fails_no_way_leads(device):
    def torn(z):
        return torch.where(z[:, :1].abs() < 0.2, torch.nan, z)

    surface, (z0, z1) = Surface(Bent(torn)), pair(device, [-1.0, 0.4], [1.0, 1.1])
    torch.testing.assert_close(geodesic(surface, z0, z1, square(surface, 2, device, 40)), line(z0, z1))


def test_where_the_metric_is_no_number_there_is_a_way_no_longer_than_the_line(device):
    surface, (z0, z1) = Surface(Bent(lambda z: z.abs().sqrt())), pair(device, [-1.0, 0.0], [1.0, 0.0])
    assert not surface.metric(line(z0, z1)).isfinite().all()
    found = geodesic(surface, z0, z1)
    assert torch.equal(found[[0, -1]], torch.stack([z0, z1]))
    assert surface.length(found) <= surface.length(line(z0, z1))


def test_in_three_dimensions_they_start_from_the_line(device, generator):
    surface = Surface(build(TrainConfig(latent_dim=3)).to(device).double())
    z0, z1 = 3 * torch.randn(2, 3, generator=generator, device=device, dtype=torch.float64)
    assert surface.length(geodesic(surface, z0, z1)) <= surface.length(line(z0, z1))


def test_a_path_through_the_graph_is_as_short_as_a_textbook_s(device):
    surface = Surface(hill())
    cells = square(surface, 2, device, 15)

    def weight(a, b):
        """Of the link between two points of the grid: its length with one corner, its middle."""
        return float(surface.length(torch.stack([cells.z[a], (cells.z[a] + cells.z[b]) / 2, cells.z[b]])))

    start, end = (0, 3), (14, 1)
    steps = [(s * i, s * j) for i, j in LINKS for s in (1, -1) if max(abs(i), abs(j)) <= REACHES[0]]
    best, queue = {}, [(0.0, start)]
    while queue:
        so_far, here = heapq.heappop(queue)
        if here not in best:
            best[here] = so_far
            for there in ((here[0] + i, here[1] + j) for i, j in steps):
                if min(there) >= 0 and max(there) < 15:
                    heapq.heappush(queue, (so_far + weight(here, there), there))
    corners = cells.shortest(cells.z[start], cells.z[end])[0]
    visited = [divmod(int((cells.z - corner).norm(dim=2).argmin()), 15) for corner in corners]
    assert (visited[0], visited[-1]) == (start, end)
    assert sum(weight(a, b) for a, b in pairwise(visited)) == pytest.approx(best[end], rel=1e-4)


@pytest.mark.parametrize("name", ["ae", "vae-best"])
def test_between_codes_they_are_within_a_hundredth_of_brute_force(name):
    """On a grid half as dense as that of `python tests/bench/dense_paths.py`, the pairs that once were far off."""
    found = dense_paths.compared(name, dense_paths.HARD[name], dense_paths.SIZE // 2)
    assert max(each.excess for each in found) < 0.01


def test_distances_on_a_sphere_are_those_of_great_circles(device):
    surface = Surface(sphere(3.0))
    z = torch.tensor([[0.7, -1.2], [0.9, 1.3], [1.5, 0.1], [2.4, -0.9], [1.1, 0.0]], dtype=torch.float64, device=device)
    first, second = torch.cartesian_prod(torch.arange(5), torch.arange(5)).T
    found = distances(surface, z[first], z[second], graph(surface, *pair(device, [0.1, -2.0], [3.0, 2.0]), 30))
    on = surface.embed(z) / 3
    true = 3 * torch.atan2(torch.linalg.cross(on[first], on[second]).norm(dim=1), (on[first] * on[second]).sum(1))
    torch.testing.assert_close(
        found, true, rtol=2e-3, atol=1e-9
    )  # and so no two sum up to less than a third, but for 0.4 %
    torch.testing.assert_close(found.view(5, 5), found.view(5, 5).T, rtol=1e-3, atol=1e-9)
    assert (found.view(5, 5).diagonal() == 0).all()


def test_distances_are_the_lengths_of_geodesics_also_beside_one_that_fails(device):
    def creased(z):  # with no derivative at z1 = -1.5
        return torch.cat([z, (z[:, :1] + 1.5).abs().sqrt(), 3 * (-z.square().sum(1, keepdim=True)).exp()], 1)

    surface = Surface(Bent(creased))
    starts, ends = pair(device, [[-1.0, 0.4], [-2.0, 0.0], [0.9, -1.0]], [[1.0, 0.1], [-1.0, 0.0], [0.1, 1.2]])
    found = distances(surface, starts, ends)
    singly = torch.stack([surface.length(geodesic(surface, a, b)) for a, b in zip(starts, ends, strict=True)])
    torch.testing.assert_close(found, singly, rtol=2e-3, atol=0)
    with pytest.raises(ValueError, match=r"must both be \(K, D\)"):
        distances(surface, starts, ends[:2])


def test_a_grid_of_no_rectangle_is_refused(device):
    with pytest.raises(ValueError, match="rectangle"):
        graph(Surface(flat()), *pair(device, [0.0, 1.0], [1.0, 1.0]))
    with pytest.raises(ValueError, match="rectangle"):
        graph(Surface(flat()), *pair(device, [0.0, 1.0, 0.0], [1.0, 2.0, 1.0]))
