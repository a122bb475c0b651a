"""Points coloured by what was measured of each image, in a real Chromium: what is seen, said, sent and exported."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
import written
from chromium import HEADLESS, explorer, place, ranges, ready, settle, visit
from files import SVG, download, open_files
from own_images import copy_of_the_app

from explorer import figures
from vae.storage import stored_checkpoint

pytestmark = pytest.mark.browser
COUNT = 300
LEGEND = ".st-key-map_{} .latent-colour-legend"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A copy of the project with a model of which each image has numbers, and one without."""
    if HEADLESS is None:
        pytest.skip("no Chromium on this machine")
    folder = copy_of_the_app(tmp_path_factory.mktemp("colours") / "app")
    codes = written.normal(COUNT)
    labels = torch.arange(COUNT).remainder(10)
    of_images = {
        "log_px_nats": (10 * codes[:, 0] - 100).half(),  # so that colours go from left to right
        "classifier_label": torch.where(codes[:, 1] > 1, (labels + 1) % 10, labels).to(torch.uint8),
    }
    written.write(folder / "checkpoints" / "known", codes, image_metrics=of_images, network="small")
    written.write(folder / "checkpoints" / "unknown", codes, network="small", model="ae")
    return folder


@pytest.fixture(scope="module")
def own_address(app):
    with explorer(app / "log", app) as address:
        yield address


def choose(page, name):
    page.get_by_role("combobox", name="Colour").click()
    page.get_by_role("option", name=f"Colour: {name}", exact=True).click()


def circles(page):
    """Where the codes of the right map lie in its picture, from left to right, with their colours and classes."""
    tree = ElementTree.fromstring(download(page, "svg_map_right")[0])
    found = [each for each in tree.iter(f"{SVG}circle") if each.get("data-class")]
    found.sort(key=lambda each: float(each.get("cx")))
    return tree, [each.get("fill") for each in found], [each.get("data-class") for each in found]


def hexed(colours):
    return ["#" + bytes(map(int, colour[4:-1].split(","))).hex() for colour in colours]


def test_points_are_coloured_by_what_is_chosen_and_say_it_and_only_that_is_sent(page, own_address, app):
    stored = stored_checkpoint.read(app / "checkpoints" / "known")
    log_px = stored.image_metrics["log_px_nats"].astype(float)
    asked = []
    page.on("request", lambda request: "/media/" in request.url and asked.append(request.url))
    visit(page, f"{own_address}/?left=unknown&right=known", "map_left", "map_right")
    before = len(asked)
    assert page.locator(LEGEND.format("right")).count() == 0
    page.get_by_role("combobox", name="Colour").click()
    offered = page.get_by_role("option").all_inner_texts()
    assert offered == [f"Colour: {name}" for name in ("class", "log p(x)", "classifier's class", "right or wrong")]
    page.get_by_role("option", name="Colour: log p(x)", exact=True).click()
    page.wait_for_url("**colour=log_px**")
    ready(page)
    settle(page, "document.querySelector('.st-key-map_right [role=application]').ariaLabel.includes('coloured by log')")
    assert len(asked) == before + 1
    assert page.locator(LEGEND.format("left")).inner_text() == "log p(x) not known here: by class"
    low, high = np.quantile(log_px, [0.01, 0.99])
    said = page.locator(LEGEND.format("right")).inner_text().replace("−", "-").split()
    assert said[:3] == ["log", "p(x),", "nats"]
    numbers = [float(word) for word in said if word[-1].isdigit()]
    assert numbers == pytest.approx([low, (low + high) / 2, high], rel=0.01)

    window = ranges(page, "map_right")
    share = [(z - low) / (high - low) for z, (low, high) in zip(stored.codes[7], window, strict=True)]
    at, _ = place(page, "map_right", *share)
    page.mouse.move(*at)
    words = f"log p(x) {log_px[7]:.3g}".replace("-", "−")
    settle(page, "(words) => document.querySelector('.st-key-map_right .latent-lens').innerText.includes(words)", words)

    page.locator(".st-key-map_right .legendtoggle").nth(3).click()  # classes are filtered as ever
    open_files(page)
    tree, fills, classes = circles(page)
    scale = hexed(figures.SCALES["light"])
    assert (fills[0], fills[-1]) == (scale[0], scale[-1])
    assert len(set(fills)) > 20
    assert "3" not in classes
    texts = [text.text for text in tree.iter(f"{SVG}text")]
    assert "log p(x), nats" in texts
    table = download(page, "csv_map_right")[0].decode().splitlines()
    assert table[0].split(",")[-2:] == ["log_px_nats", "classifier_label"]
    assert [np.float16(line.split(",")[-2]) for line in table[1:]] == log_px.tolist()

    page.keyboard.press("Escape")
    choose(page, "right or wrong")
    page.wait_for_url("**colour=right**")
    ready(page)
    assert set(page.locator(LEGEND.format("right")).inner_text().split()[-2:]) == {"right", "wrong"}
    open_files(page)
    _, fills, _ = circles(page)
    seen = stored.labels != 3
    wrong = (stored.image_metrics["classifier_label"] != stored.labels)[seen]
    assert {fills.count(fill) for fill in set(fills)} == {int(wrong.sum()), int((~wrong).sum())}
