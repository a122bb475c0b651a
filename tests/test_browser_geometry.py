"""The shape of the space in a real Chromium: a geodesic beside line and arc, and what lies behind a map."""

from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import torch
from chromium import ROOT, canvas_pixels, drawn, go_to, place, plane, ranges, ready, settle, visit

from explorer.quantities import decode, paths, points, regions
from explorer.state import from_query
from vae import classifier
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser

UNDER = """([key, points]) => {
  const { xaxis, yaxis } = document.querySelector(`.st-key-${key} .js-plotly-plot`)._fullLayout;
  const canvas = document.querySelector(`.st-key-${key} .latent-under`);
  if (!canvas.clientWidth) return points.map(() => [0, 0, 0, 0]); // hidden, for there is nothing on it
  const { width, height, clientWidth } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  return points.map(([z1, z2]) => {
    const [x, y] = [xaxis._offset + xaxis.d2p(z1), yaxis._offset + yaxis.d2p(z2)];
    const at = 4 * (Math.round((width / clientWidth) * y) * width + Math.round((width / clientWidth) * x));
    return Array.from(data.slice(at, at + 4));
  });
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
    page.wait_for_function("document.querySelectorAll('.latent-table td.chosen').length === 6")
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
        darkness = 255 - np.array(page.evaluate(UNDER, ["map_right", z.tolist()]))[:, :3].mean(1)
        return darkness if scheme == "light" else -darkness

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
    page.wait_for_function(f"(at) => ({UNDER})(at)[0][3] === 0", arg=["map_right", [[0, 0]]])


def rank_correlation(a, b):
    return np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1]


INKS = """() => Array.from({ length: 10 }, (_, label) => {
  const probe = document.querySelector("[data-testid=stApp]").appendChild(document.createElement("i"));
  probe.style.color = `var(--class-${label})`;
  const ink = getComputedStyle(probe).color.match(/[0-9]+/g).map(Number);
  probe.remove();
  return ink;
})"""
CAPTIONS = """() => [...document.querySelectorAll(".latent-strip")].map((strip) =>
  [...strip.querySelectorAll("figcaption")].map((caption) => [...caption.children].map((part) => part.textContent)))"""


def test_the_maps_and_the_films_show_what_the_classifier_reads(page, address):
    visit(page, f"{address}/?left=vae&right=vae", "map_left", "map_right")
    page.set_default_timeout(90_000)
    page.get_by_text("Regions", exact=True).first.click()
    settle(page, "document.querySelectorAll('.latent-heat-legend').length === 2")
    checkpoint = read(ROOT / "checkpoints" / "vae")
    reader = classifier.of_dataset(ROOT / "checkpoints", "mnist")
    z = torch.cartesian_prod(torch.linspace(-4, 4, 17), torch.linspace(-3, 3, 13)).numpy()
    labels, probabilities = regions.read(checkpoint, 0, reader, z)
    shown = np.array(page.evaluate(UNDER, ["map_right", z.tolist()]))
    away = np.linalg.norm(shown[:, None, :3] - np.array(page.evaluate(INKS))[None], axis=-1)
    sure = probabilities > 0.95
    assert (away.argmin(1) == labels)[sure].mean() > 0.97  # the picture interpolates
    assert np.corrcoef(shown[:, 3], probabilities)[0, 1] > 0.9
    at, here = place(page, "map_right", 0.7, 0.2)
    page.mouse.move(*at)
    drawn(page)
    label, probability = (each[0] for each in regions.read(checkpoint, 0, reader, np.array([here])))
    assert probability > 0.95
    assert f"reads {label}, " in page.locator(".st-key-map_right .latent-lens").inner_text()

    go_to(page, "interpolate")
    assert_films_show_readings(page, checkpoint, reader)
    box, (x, y), (z1, z2) = plane(page, "path_right"), ranges(page, "path_right"), checkpoint.codes[2].tolist()
    across, up = (z1 - x[0]) / (x[1] - x[0]), (z2 - y[0]) / (y[1] - y[0])
    page.mouse.move(box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    drawn(page)
    assert all(caption == [] for film in page.evaluate(CAPTIONS) for caption in film)  # not of other images
    page.mouse.up()
    settle(page, "document.querySelectorAll('figcaption span').length")
    assert state_of(page).image_a != 2
    assert_films_show_readings(page, checkpoint, reader)


def state_of(page):
    return from_query(dict(parse_qsl(urlsplit(page.url).query)))


def assert_films_show_readings(page, checkpoint, reader):
    """Both films have under each frame the class and the probability that the classifier gives, and have the same."""
    a, b = (tuple(checkpoint.codes[image].tolist()) for image in (state_of(page).image_a, state_of(page).image_b))
    path, (film, other) = points.path("line", a, b), page.evaluate(CAPTIONS)
    frames = path[np.linspace(0, len(path) - 1, len(film)).round().astype(int)]
    labels, probabilities = regions.read(checkpoint, 0, reader, frames)
    assert [name for name, _ in film] == [str(label) for label in labels]
    np.testing.assert_allclose([int(said.split()[0]) for _, said in film], 100 * probabilities, atol=1)
    assert film == other
