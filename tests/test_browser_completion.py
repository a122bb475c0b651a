"""Bound with a part of the image erased, in a real Chromium: held to PyTorch's lattice and to quadrature."""

import numpy as np
import pytest
import torch
from chromium import ROOT, canvas_pixels, ready, settle, visit

from explorer.state import unpacked
from vae.images.tensors import to_pixels
from vae.inference import quadrature
from vae.inference.decoded_lattice import DecodedLattice
from vae.storage.checkpoint import read

pytestmark = [pytest.mark.browser, pytest.mark.mnist]

FOUND = """() => {
  const page = latentExplorer.controllerOf('completion');
  if (page.told.length) return null;
  const { found, heat, eraser, lattices, key, levels } = page;
  const current = found && heat && found.serial === lattices.images.get(key).serial && found.size === heat.size;
  if (!current || found.size < 64) return null;
  const lists = [levels, eraser.seen, found.expected, ...found.samples].map((each) => Array.from(each));
  return { size: found.size, lists, places: found.places, logPx: found.logPx };
}"""


def found(page):
    """What the page says of an image of which a part is erased: (1, 28, 28), (28, 28) bool and (9, 28, 28) pixels."""
    known = page.wait_for_function(FOUND).json_value()
    levels, seen, *images = known["lists"]
    image = to_pixels(torch.tensor(levels, dtype=torch.uint8).view(1, 28, 28))
    return known, image, torch.tensor(seen).bool().view(28, 28), torch.tensor(images).view(9, 28, 28)


def erase(page, name):
    page.locator(".latent-halves").get_by_role("button", name=name).click()
    settle(page, "!latentExplorer.controllerOf('completion').told.length")


def erased(page):
    """What the address says is erased, (28, 28) bool."""
    words = page.evaluate("new URLSearchParams(location.search).get('erased')")
    return np.frombuffer(unpacked(words), np.uint8).reshape(28, 28) > 0


def numbers(page):
    """log p(x) of what is seen, of the rest, and of the whole, as the page says."""
    texts = page.locator(".latent-sum td").all_inner_texts()
    return [float(text.removesuffix(" nats").replace("−", "-").replace(",", "")) for text in texts]


@pytest.mark.parametrize("look", ["light", "dark"])
def test_what_is_erased_is_completed_as_the_lattice_of_pytorch_does(new_tab, address, mnist, look):
    page = new_tab(color_scheme=look)
    visit(page, f"{address}/bound?complete=1&bound_model=cvae&image_bound=2", "complete_map")
    model, label = read(ROOT / "checkpoints" / "cvae").model, mnist.test_labels[2:3]
    generator = torch.Generator().manual_seed(0)
    lower = torch.arange(28)[:, None].expand(28, 28) >= 14
    hidden = {None: lower, "Left": lower.T.logical_not(), "All": lower | True, "None": lower & False}
    for name, expected_mask in hidden.items():
        if name:
            erase(page, name)
            assert (erased(page) == expected_mask.numpy()).all()
        known, image, seen, images = found(page)
        assert (image[0] == to_pixels(mnist.test_images[2:3])[0]).all()
        assert (seen == ~expected_mask).all()
        lattice = DecodedLattice(model, known["size"])
        expected = lattice.complete(image, seen, generator, y=label).mean[0]
        assert (images[0] - expected).abs().max() < 6e-3  # of 16-bit weights
        decoded = model.decode(torch.tensor(known["places"]), label.expand(8)).view(8, 28, 28)
        assert (images[1:] - image.where(seen, decoded)).abs().max() < 6e-3
        ready(page)
        first, rest, whole = numbers(page)
        assert first == pytest.approx(known["logPx"], abs=0.06)
        assert first + rest == pytest.approx(whole, abs=0.11)
        exact = quadrature.log_evidence(model, image, label).log_px_nats.item()
        assert whole == pytest.approx(exact, abs=0.06)
        assert np.abs(canvas_pixels(page, ".latent-completion .latent-screen") - 255 * expected.numpy()).max() <= 2
        if name == "None":
            assert rest == pytest.approx(0, abs=0.1)
        if name == "All":
            assert first == pytest.approx(0, abs=1e-3)


def test_a_stroke_erases_or_gives_back_and_back_undoes_it(page, address):
    visit(page, f"{address}/bound?complete=1&image_bound=2", "complete_map")
    box = page.locator(".latent-eraser").bounding_box()

    def stroke(row):
        page.mouse.move(box["x"] + 30, box["y"] + row * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 30, box["y"] + row * box["height"], steps=3)
        page.mouse.up()
        settle(page, "!latentExplorer.controllerOf('completion').told.length")

    stroke(0.25)
    more = erased(page)
    assert 392 + 60 < more.sum() < 392 + 130
    assert more[14:].all()
    stroke(0.75)
    less = erased(page)
    assert (less[:14] == more[:14]).all()
    assert not less[21, 8:20].any()
    assert less[27].all()
    page.go_back()
    settle(page, "latentExplorer.controllerOf('completion').eraser.seen.at(21 * 28 + 14) === 0")
    assert (found(page)[2].numpy() == ~more).all()


def test_another_image_keeps_the_hole(page, address, mnist):
    visit(page, f"{address}/bound?complete=1&image_bound=2", "complete_map")
    erase(page, "None")
    page.locator(".latent-eraser").click()
    settle(page, "!latentExplorer.controllerOf('completion').told.length")
    hole = erased(page)
    assert 5 < hole.sum() < 30
    page.get_by_role("button", name="The next test image").click()
    settle(page, "location.search.includes('image_bound=3')")
    _, image, seen, _ = found(page)
    assert (image == to_pixels(mnist.test_images[3:4])).all()
    assert (seen.numpy() == ~hole).all()


def test_a_click_takes_another_image_and_without_complete_the_page_is_as_it_was(page, address):
    visit(page, f"{address}/bound?complete=1&image_bound=2", "complete_map")
    found(page)
    box = page.locator(".st-key-complete_map .latent-stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(page, "!location.search.includes('image_bound=2&') && location.search.includes('image_bound=')")
    assert len(page.workers) == 1
    page.get_by_text("Complete", exact=True).click()
    page.locator(".st-key-bound_map .latent-layers").wait_for(state="attached")
    settle(page, "!latentExplorer.controllerOf('completion')")
    assert not page.workers
    assert page.locator(".latent-terms").count() > 0
