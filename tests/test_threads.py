"""Laws of two visitors at once: what is computed for a page comes out the same beside anything else that is computed.

Streamlit runs each visitor's script in a thread of its own, and models are shared.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.quantities import bound, decode, own_image, paths, points
from vae.storage import checkpoint

CHECKPOINTS = Path(__file__).parent.parent / "checkpoints"
THREADS, TURNS = 4, 2
ENDS = (-1.0, 0.5), (1.5, -0.5)


@pytest.fixture(scope="module")
def models():
    return {name: checkpoint.read(CHECKPOINTS / name) for name in ("ae", "cvae", "family/sigma-30")}


def computations(models):
    """Of each model, what the pages compute, by name."""
    for name, model in models.items():
        image = decode.at(model.model, np.array([[0.5, -0.3]]), 3)[0]
        surface, z = paths.surface(model, 3), model.codes[:300]
        grid = paths.geodesics.graph(surface, torch.tensor([-2.0, -2.0]), torch.tensor([2.0, 2.0]), 12)
        yield f"magnification {name}", partial(surface.magnification, z)
        yield f"geodesic {name}", partial(paths.travel, model, 3, "geodesic", *ENDS, grid)
        yield f"grid {name}", partial(paths.geodesics.graph, surface, *torch.tensor(((-2.0, -2.0), (2.0, 2.0))), 12)
        yield f"point {name}", partial(points.describe, model, (0.1, 0.2), 3, 0.5)
        yield f"drawing {name}", partial(own_image.own_code, model, image, 3)
        yield f"density {name}", partial(points.log_density, model.codes[:2_000].numpy(), model.config.has_prior)
        if name != "ae":
            yield f"bound {name}", partial(bound.analyse, model, image, 3)
            yield f"draws {name}", partial(bound.draws, model, image, 3, bound.Gaussian((0.0, 0.0), (1.0, 1.0)))
        if name == "cvae":
            yield f"classes {name}", partial(own_image.classify, model, image)
            yield f"samples {name}", partial(decode.samples, model.model, 3, 20, 0)


def numbers(value):
    """All numbers of a result, in order."""
    if isinstance(value, str) or value is None:
        return []
    if isinstance(value, torch.Tensor | np.ndarray):
        return np.asarray(value, dtype=np.float64).ravel().tolist()
    if isinstance(value, int | float):
        return [float(value)]
    parts = vars(value).values() if hasattr(value, "__dict__") and not isinstance(value, tuple) else value
    return [number for part in parts for number in numbers(part)]


@pytest.mark.fault("two visitors who measured a plane at once got an error")
def test_a_computation_gives_the_same_beside_any_other(models):
    work = dict(computations(models))
    alone = {name: numbers(compute()) for name, compute in work.items()}
    names = [name for turn in range(TURNS) for name in random.Random(turn).sample(sorted(work), len(work))]
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda name: numbers(work[name]()), names))
    for name, values in zip(names, found, strict=True):
        assert values == pytest.approx(alone[name], rel=1e-4, abs=1e-6, nan_ok=True), name


@pytest.mark.fault("two visitors who measured a plane at once got an error")
def test_many_threads_measure_one_surface(models):
    surface, z = paths.surface(models["ae"], 0), models["ae"].codes[:50]
    alone = surface.magnification(z)
    with ThreadPoolExecutor(3) as threads:
        for found in threads.map(lambda _: surface.magnification(z), range(450)):
            torch.testing.assert_close(found, alone)
