"""Maps of any scale in a real Chromium: a code that is clicked is the one that is read, and numbers stay short."""

import math
import re

import numpy as np
import pytest
import torch
import written
from chromium import HEADLESS, ROOT, explorer, place, ranges, ready, visit
from own_images import copy_of_the_app

from explorer.browser import modules
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser
SCALES = {"far": 1e8, "tiny": 1e-6}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A copy of the project with autoencoders of these scales, and a VAE whose codes are all but 0."""
    if HEADLESS is None:
        pytest.skip("no Chromium on this machine")
    place = copy_of_the_app(tmp_path_factory.mktemp("scale") / "app")
    for name, scale in SCALES.items():
        edit = lambda model, scale=scale: model.decoder[0].weight[:, :2].div_(scale)  # noqa: E731
        written.write(place / "checkpoints" / name, scale * written.normal(), edit=edit, model="ae")
    written.write(place / "checkpoints" / "beta", 3e-4 * written.normal())
    return place


@pytest.fixture(scope="module")
def scaled_address(app):
    with explorer(app / "log", app) as address:
        yield address


def pinned(page, side):
    return tuple(float(page.get_by_label(f"{side} {axis}").input_value()) for axis in ("z1", "z2"))


@pytest.mark.fault("coordinates had one scale, whatever that of the codes")
@pytest.mark.parametrize("name", ["far", "tiny", "beta"])
def test_a_code_that_is_clicked_is_near_what_is_read(page, scaled_address, app, name):
    visit(page, f"{scaled_address}/?left={name}&right=vae", "map_left", "map_right")
    codes = read(app / "checkpoints" / name).codes.double().numpy()
    (x0, x1), (y0, y1) = ranges(page, "map_left")
    code = codes[np.hypot(*(codes / np.abs(codes).max()).T).argmin()]
    at, _ = place(page, "map_left", (code[0] - x0) / (x1 - x0), (code[1] - y0) / (y1 - y0))
    page.mouse.move(*at)
    ready(page)
    caption = page.locator(".st-key-map_left .latent-lens span").first.inner_text()
    assert re.fullmatch(r"z \(−?[\d.]{1,12}, −?[\d.]{1,12}\)", caption)
    page.mouse.click(*at)
    page.wait_for_url(re.compile("z1_left=.*z2_left="))
    ready(page)
    z = pinned(page, "left")
    assert math.dist(z, code) < 2 * (x1 - x0) / 300
    page.wait_for_function("() => !document.body.innerText.includes('extrapolated')")
    model = read(app / "checkpoints" / name).model
    shown = page.evaluate(
        "([id, z]) => latentExplorer.bankOf(id).then((b) => Array.from(b.decode(z, 0)))",
        [next(id for id in page.evaluate("latentExplorer.bankIds()") if id.startswith(f"{name}-")), list(z)],
    )
    with torch.inference_mode():
        decoded = model.decode(torch.tensor([z], dtype=torch.float32)).flatten().numpy()
    assert np.abs(np.array(shown) - decoded).max() < 5e-3


@pytest.mark.fault("coordinates had one scale, whatever that of the codes")
@pytest.mark.parametrize("name", ["far", "tiny"])
def test_its_ends_can_be_dragged_and_the_path_goes_between_them(page, scaled_address, name):
    visit(page, f"{scaled_address}/interpolate?left={name}&right=vae&snap=0", "path_left", "path_right")
    at, z = place(page, "path_left", 0.3, 0.7)
    page.mouse.click(*at)
    page.wait_for_url(re.compile("[ab]1_left="))
    said = dict(part.split("=") for part in page.url.split("?")[1].split("&"))
    end = "a" if "a1_left" in said else "b"
    found = float(said[f"{end}1_left"]), float(said[f"{end}2_left"])
    assert math.dist(found, z) < 0.02 * SCALES[name]
    ready(page)


def test_the_ticks_of_our_own_axes_stay_short(page, scaled_address):
    visit(page, scaled_address, "map_left")
    module = "import('data:text/javascript,' + encodeURIComponent(source + ';export { roundTicks }'))"
    source = modules.joined(ROOT / "explorer" / "browser" / "js" / "base" / "ticks.js")
    ticks_of = "(w) => m.roundTicks([-w, w], 6).map(({ value, text }) => [value, text])"
    script = f"([source, reaches]) => {module}.then((m) => reaches.map({ticks_of}))"
    for ticks in page.evaluate(script, [source, [1e-9, 3e-6, 0.02, 1, 40, 9e4, 2e8, 7e11]]):
        assert len({text for _, text in ticks}) == len(ticks) >= 3
        for value, text in ticks:
            assert len(text) <= 8
            assert float(text.replace("−", "-")) == pytest.approx(value, rel=1e-6, abs=1e-15)
