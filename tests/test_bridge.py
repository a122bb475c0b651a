"""What the browser tells of picks, as the server takes it: each once, in order, and nothing else."""

import pytest

from explorer.browser import unseen


def test_each_pick_is_seen_once_and_in_order():
    first = [[5, {"z": [0, 1]}], [6, {"label": 3}]]
    assert unseen(first, 0) == [(5, {"z": [0, 1]}), (6, {"label": 3})]
    assert unseen([*first, [8, None]], 6) == [(8, None)]
    assert unseen(first[::-1], 5) == [(6, {"label": 3})]
    assert unseen(first, 6) == []


@pytest.mark.parametrize("picks", [None, 7, "no", {}, {"1": 2}, [[]], [7], [["9", {}]], [[9]], [[9, 1, 2]]])
def test_what_is_not_numbered_is_dropped(picks):
    assert unseen(picks, 0) == []
