"""The shape of the space in a real Chromium: a geodesic beside line and arc, and the magnification behind a map."""

import numpy as np
import pytest
import torch
from chromium import ROOT, canvas_pixels, place, ranges, ready, settle, visit

from explorer.quantities import decode, paths
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser

UNDER = """([key, z1, z2]) => {
  const { xaxis, yaxis } = document.querySelector(`.st-key-${key} .js-plotly-plot`)._fullLayout;
  const canvas = document.querySelector(`.st-key-${key} .latent-under`);
  if (!canvas.clientWidth) return [0, 0, 0, 0]; // hidden, for there is nothing on it
  const ratio = canvas.width / canvas.clientWidth;
  const at = [xaxis._offset + xaxis.d2p(z1), yaxis._offset + yaxis.d2p(z2)].map((p) => Math.round(ratio * p));
  return Array.from(canvas.getContext('2d').getImageData(...at, 1, 1).data);
}"""


def table(page, side):
    """The decoded lengths and the largest steps that stand under a map, by the name of the path."""
    rows = page.locator(".latent-table").nth(side).locator("tr")
    heads, lengths, steps = (rows.nth(i).locator("td" if i else "th").all_inner_texts() for i in range(3))
    return {head: (float(a), float(b)) for head, a, b in zip(heads, lengths, steps, strict=True)}


def visit_paths(page, address, query):
    visit(page, f"{address}/interpolate?{query}", "path_left", "path_right")
    page.set_default_timeout(90_000)  # for grids that are decoded for the first time
    page.wait_for_function("document.querySelectorAll('.latent-table').length === 2")
    ready(page)


def test_the_geodesic_is_offered_drawn_and_the_shortest(page, address):
    visit_paths(page, address, "")
    page.get_by_role("radio", name="geodesic").click()
    settle(page, "() => document.querySelectorAll('.latent-table th.chosen')[1]?.textContent === 'geodesic'")
    assert "path=geodesic" in page.url
    for side, name in enumerate(("ae", "vae")):
        found = table(page, side)
        assert found["geodesic"][0] <= found["line"][0]
        assert found["geodesic"][1] <= found["line"][1]
        checkpoint = read(ROOT / "checkpoints" / name)
        a, b = (tuple(checkpoint.codes[index].tolist()) for index in (2, 7))
        true = paths.travel(checkpoint, 0, "geodesic", a, b, paths.graph(checkpoint, 0))
        assert found["geodesic"][0] == pytest.approx(true.length, rel=0.01)
        line = paths.travel(checkpoint, 0, "line", a, b)
        assert found["line"] == pytest.approx((line.length, line.largest_step), abs=0.02)
    page.get_by_label("Place on the path, from A to B").fill("0.5")
    with torch.inference_mode():
        middle = decode.at(checkpoint.model, true.points[60:61])[0].astype(int)
    assert np.abs(canvas_pixels(page, ".latent-bar > canvas:last-child") - middle).max() <= 12
    off_line = decode.at(checkpoint.model, np.mean([a, b], axis=0)[None])[0].astype(int)
    assert np.abs(off_line - middle).max() > 60  # so that the line would not have passed for it


def test_a_moved_end_has_its_own_geodesic_and_a_link_reopens_it(page, address):
    visit_paths(page, address, "path=geodesic&snap=0")
    before = table(page, 1)
    at, _ = place(page, "path_right", 0.3, 0.25)
    page.mouse.click(*at)
    changed = "(old) => document.querySelectorAll('.latent-table')[1]?.innerText.includes(old) === false"
    settle(page, changed, f"{before['geodesic'][0]:.2f}")
    page.wait_for_function("document.querySelectorAll('.latent-table').length === 2")
    after = table(page, 1)
    assert after["geodesic"][0] <= after["line"][0]
    page.reload()
    page.wait_for_function("document.querySelectorAll('.latent-table td.chosen').length === 4")
    ready(page)
    assert table(page, 1) == after


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_magnification_is_drawn_where_it_is_and_zooms_with_the_map(new_tab, address, scheme):
    page = new_tab(color_scheme=scheme)
    visit(page, address, "map_left", "map_right")
    page.set_default_timeout(90_000)
    assert page.locator(".latent-heat-legend").count() == 0
    page.get_by_text("Magnification", exact=True).first.click()
    page.wait_for_function("document.querySelectorAll('.latent-heat-legend').length === 2")
    ready(page)
    checkpoint = read(ROOT / "checkpoints" / "vae")
    z = torch.cartesian_prod(torch.linspace(-4, 4, 25), torch.linspace(-3, 3, 19))
    true = paths.surface(checkpoint, 0).magnification(z).detach().log().numpy()

    def drawn():
        darkness = [255 - np.mean(page.evaluate(UNDER, ["map_right", *point])[:3]) for point in z.tolist()]
        return np.array(darkness) if scheme == "light" else -np.array(darkness)

    assert rank_correlation(drawn(), true) > 0.97
    at, _ = place(page, "map_right", 0.5, 0.5)
    before = ranges(page, "map_right")
    page.mouse.move(*at)
    page.mouse.wheel(0, -200)
    narrower = "(x) => document.querySelector('.st-key-map_right .js-plotly-plot')._fullLayout.xaxis.range[1] < x"
    page.wait_for_function(narrower, arg=before[0][1])
    page.wait_for_timeout(500)  # Plotly settles the wheel after a pause of its own
    x, y = ranges(page, "map_right")
    z = z[(z[:, 0] > x[0]) & (z[:, 0] < x[1]) & (z[:, 1] > y[0]) & (z[:, 1] < y[1])]
    true = paths.surface(checkpoint, 0).magnification(z).detach().log().numpy()
    assert rank_correlation(drawn(), true) > 0.97
    page.get_by_text("Magnification", exact=True).first.click()
    page.wait_for_function("document.querySelectorAll('.latent-heat-legend').length === 0")
    page.wait_for_function(f"(at) => ({UNDER})(at)[3] === 0", arg=["map_right", 0, 0])


def rank_correlation(a, b):
    return np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1]
