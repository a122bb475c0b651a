"""The page Interpolate without a browser."""

import re

import pytest
import torch
from app import errors, payloads_with, run_page
from chromium import ROOT

from explorer.quantities import paths
from explorer.state import PATHS
from vae.storage import checkpoint

pytestmark = pytest.mark.usefixtures("coarse")


@pytest.mark.parametrize("chosen", PATHS)
def test_the_lengths_of_all_kinds_stand_beside_each_other_and_the_chosen_path_is_drawn(chosen):
    app = run_page("interpolate", path=chosen)
    assert errors(app) == []
    (data,) = payloads_with(app, "sides")
    tables = [html.value for html in app.get("html") if "latent-table" in html.value]
    for name, table in zip(("ae", "vae"), tables, strict=True):
        lengths, steps, far = (
            [float(cell) for cell in re.findall(r"<td[^>]*>([\d.]+)%?</td>", row)] for row in table.split("<tr>")[2:]
        )
        assert lengths[2] < min(lengths[:2] + lengths[3:])
        assert steps[2] < min(steps[:2])
        assert far[3] <= min(far)
        if name == "ae":
            assert far[3] < 0.5 * far[0]  # it goes around the hole that the line crosses
        assert table.count('class="chosen"') == 4
        side = data["sides"]["left" if name == "ae" else "right"]
        images = paths.surface(checkpoint.read(ROOT / "checkpoints" / name), 0).embed(torch.tensor(side["path"]))
        drawn = float(images.diff(dim=0).norm(dim=1).sum())
        assert drawn == pytest.approx(lengths[PATHS.index(chosen)], rel=0.01)
