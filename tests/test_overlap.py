"""Which two classes of a map overlap most: held to counts by brute force, and to where the answer is known."""

import numpy as np
import pytest

from explorer.quantities import overlap
from vae.nearness import NEAR


def test_it_is_what_counting_by_brute_force_gives():
    numbers = np.random.default_rng(0)
    labels = numbers.permutation(np.repeat(np.arange(4), [60, 50, 40, 30]))
    middles = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 4.0], [6.0, 6.0]])
    codes = (numbers.normal(size=(180, 2)) + middles[labels]).astype(np.float32)
    away = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
    np.fill_diagonal(away, np.inf)
    near = labels[np.argsort(away, axis=1)[:, :NEAR]]

    def share(a, b):
        return ((near[labels == a] == b).mean() + (near[labels == b] == a).mean()) / 2

    found = overlap.largest(codes, labels.astype(np.uint8))
    assert found.classes == max(((a, b) for b in range(4) for a in range(b)), key=lambda pair: share(*pair)) == (0, 1)
    assert found.share == pytest.approx(share(0, 1))


def test_classes_apart_do_not_overlap_and_one_over_the_other_does_by_half():
    numbers = np.random.default_rng(1)
    codes = numbers.normal(size=(4_000, 2)).astype(np.float32)
    labels = np.arange(4_000) % 2
    assert overlap.largest(codes, labels).share == pytest.approx(0.5, abs=0.02)
    assert overlap.largest(codes + 100 * labels[:, None], labels) is None
    assert overlap.largest(codes[:5], np.zeros(5, int)) is None
