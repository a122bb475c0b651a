"""The page Interpolate without a browser."""

import re

import pytest
import torch
from app import errors, payloads_with, run_page
from chromium import ROOT

from explorer.quantities import paths
from vae.storage import checkpoint

pytestmark = pytest.mark.usefixtures("coarse")


@pytest.mark.parametrize("chosen", ["line", "arc", "geodesic"])
def test_all_three_lengths_stand_beside_each_other_and_the_chosen_path_is_drawn(chosen):
    app = run_page("interpolate", path=chosen)
    assert errors(app) == []
    (data,) = payloads_with(app, "sides")
    tables = [html.value for html in app.get("html") if "latent-table" in html.value]
    for name, table in zip(("ae", "vae"), tables, strict=True):
        lengths, steps = (
            [float(cell) for cell in re.findall(r"<td[^>]*>([\d.]+)</td>", row)] for row in table.split("<tr>")[2:]
        )
        assert lengths[2] < min(lengths[:2])
        assert steps[2] < min(steps[:2])
        assert table.count('class="chosen"') == 3
        side = data["sides"]["left" if name == "ae" else "right"]
        images = paths.surface(checkpoint.read(ROOT / "checkpoints" / name), 0).embed(torch.tensor(side["path"]))
        drawn = float(images.diff(dim=0).norm(dim=1).sum())
        assert drawn == pytest.approx(lengths[["line", "arc", "geodesic"].index(chosen)], rel=0.01)
