"""The lattices that the page Draw decodes, in a real Chromium: held to PyTorch's decoders, and to quadrature."""

import base64

import numpy as np
import pytest
import torch
from chromium import CHARTS, ROOT, canvas_pixels, ready, settle, visit, wait_until

from explorer.quantities import decode
from vae.images.tensors import to_pixels
from vae.inference import quadrature
from vae.inference.decoded_lattice import DecodedLattice
from vae.inference.joint import log_joint
from vae.storage.checkpoint import read

pytestmark = [pytest.mark.browser, pytest.mark.mnist]

REACH, BEND = 6, 3  # of the axes of `decoded_lattice.js`
FOUND = """([side, size, early]) => {
  const draw = latentExplorer.controllerOf('draw');
  const { bank, label } = draw.data.sides[side];
  const key = `${bank} ${label}`;
  const [heat, guess] = [draw.heats[key], draw.guesses[key]];
  const current = heat && guess && guess.serial === draw.lattices.images.get(key).serial;
  if (!current || heat.size < size || guess.size !== heat.size || !(guess.settled || early)) return null;
  return { ...guess, top: heat.top, values: Array.from(heat.values) };
}"""

CODE_AND_IMAGE = """() => {
  const image = document.querySelector('.st-key-evidence_left .latent-screen').getContext('2d');
  const levels = image.getImageData(0, 0, 28, 28).data.filter((_, i) => i % 4 === 0);
  return [latentExplorer.controllerOf('draw').found.left.code, Array.from(levels)];
}"""


def visit_draw(page, address, query=""):
    visit(page, f"{address}/draw{query}", *CHARTS["draw"])
    page.set_default_timeout(60_000)
    page.wait_for_selector(".latent-drawn-ten button:nth-child(10)")


def load(page, image):
    """Put a test image on the pad, as a link does that has it."""
    levels = base64.b64encode(image.numpy().tobytes()).decode()
    script = """(form) => {
      const draw = latentExplorer.controllerOf('draw');
      draw.pad.load(Uint8Array.from(atob(form), (letter) => letter.charCodeAt(0)));
    }"""
    page.evaluate(script, levels)


def found(page, side, size, early=False):
    """What the page says of the drawing on a map, once its lattice has a size or more.

    And once no finer one is to come, unless that is too `early`.
    """
    return page.wait_for_function(FOUND, arg=[side, size, early]).json_value()


def number(page, side, name):
    """A number below a map, by the term that stands before it."""
    line = page.locator(f".st-key-evidence_{side} .latent-said div:has(> [data-term='{name}']):visible").inner_text()
    return float(line.removeprefix(name).removesuffix("nats").replace("−", "-"))


def lattice(size):
    """The points (size^2, 2) of the browser's lattice, z1 running first."""
    place = BEND * (2 * (torch.arange(size, dtype=torch.float64) + 0.5) / size - 1)
    axis = REACH * place.sinh() / np.sinh(BEND)
    return torch.cartesian_prod(axis, axis).flip(1).float()


def exact_colour(page):
    """The colour of what is exact, as red, green and blue."""
    script = r"latentExplorer.controllerOf('draw').exact.match(/\d+/g).map(Number)"
    return np.array(page.evaluate(script))


def colour_at(page, side, z):
    """What is painted over a map at a point of its plane."""
    script = """([side, z]) => {
      const { view, over } = latentExplorer.controllerOf('draw').charts[side];
      const [x, y] = view.toPixel(z).map((place) => Math.round(place * devicePixelRatio));
      return Array.from(over.getContext('2d').getImageData(x, y, 1, 1).data);
    }"""
    return np.array(page.evaluate(script, [side, list(z)]))


def test_the_exact_posterior_lies_under_the_code_of_a_drawing(page, address, mnist):
    visit_draw(page, address, "?left=ae&right=cvae&label_right=3")
    model = read(ROOT / "checkpoints" / "cvae").model
    for image in mnist.test_images[:3]:
        load(page, image)
        shown = found(page, "right", 64)
        points = lattice(shown["size"])
        joint = log_joint(model, to_pixels(image[None]), points[None], torch.tensor([3]))[0]
        assert shown["top"] == joint.argmax()
        seen = joint > joint.max() - 20
        assert np.abs(np.array(shown["values"]) - joint.numpy())[seen.numpy()].max() < 0.1
        ready(page)
    colours = []
    for look in ("light", "dark"):
        page.emulate_media(color_scheme=look)
        settle(page, "(seen) => !seen.includes(latentExplorer.controllerOf('draw').exact)", colours)
        colours.append(page.evaluate("latentExplorer.controllerOf('draw').exact"))
        red, green, blue, opacity = colour_at(page, "right", points[shown["top"]].tolist())
        assert opacity > 200
        assert np.abs(np.array([red, green, blue]) - exact_colour(page)).max() < 12
    assert page.locator(".st-key-evidence_left [data-term='gap']").is_hidden()  # an autoencoder has none
    page.evaluate("latentExplorer.controllerOf('draw').clear()")
    ready(page)
    assert colour_at(page, "right", points[shown["top"]].tolist())[3] == 0


@pytest.mark.fault("an empty pad kept a processor busy for minutes, decoding what nobody had asked for")
def test_finer_lattices_are_decoded_only_for_a_drawing_that_needs_them(page, address, mnist):
    visit_draw(page, address, "?left=ae&right=vae")
    script = """(levels) => {
      const { lattices } = latentExplorer.controllerOf('draw');
      const [{ bank, likelihood }, classes] = lattices.planes;
      lattices.stayHere();
      const work = new lattices.work.constructor(() => {});
      lattices.stop();
      const sharp = { ...likelihood, sigma: likelihood.sigma / 7 };
      const planes = [{ bank, likelihood, label: 0 }, { bank, likelihood: sharp, label: 0 }, classes];
      work.take({ planes: planes.map(({ bank, ...rest }, key) => ({ ...rest, key, decoder: bank.parts() })) });
      const sizes = () => {
        while (work.work(1000));
        return [...work.planes.values()].map((plane) => [...plane.lattices.values()].map(({ size }) => size));
      };
      const empty = sizes();
      for (const key of planes.keys()) work.take({ key, serial: 1, levels, q: null });
      return [empty, sizes()];
    }"""
    empty, drawn = page.evaluate(script, mnist.test_images[0].flatten().tolist())
    assert empty == [[32], [32], [16] * 10]
    assert drawn[:2] == [[64], [128]]
    assert set(drawn[2]) <= {32, 64}


def test_log_px_and_the_gap_are_those_of_quadrature(page, address, mnist):
    visit_draw(page, address, "?left=vae-best&right=vae")
    x = to_pixels(mnist.test_images[:200:67])
    models = {
        side: read(ROOT / "checkpoints" / name).model for side, name in {"left": "vae-best", "right": "vae"}.items()
    }
    exact = {side: quadrature.log_evidence(model, x).log_px_nats.tolist() for side, model in models.items()}
    gaps = quadrature.kl_to_posterior(models["right"], x).nats.tolist()
    off = []
    for rank, image in enumerate(mnist.test_images[:200:67]):
        load(page, image)
        found(page, "right", 64)
        found(page, "left", 64, early=True)
        ready(page)
        assert number(page, "right", "log p(x)") == pytest.approx(exact["right"][rank], abs=0.15)  # shown to 0.1
        assert number(page, "right", "gap") == pytest.approx(gaps[rank], abs=0.15)
        assert number(page, "left", "log p(x)") < exact["left"][rank] + 0.5
        off.append(exact["left"][rank] - number(page, "left", "log p(x)"))
        code, shown = page.evaluate(CODE_AND_IMAGE)  # at once, for a better code may come
        decoded = decode.at(models["left"], np.array([code]))[0]
        assert np.abs(np.array(shown).reshape(28, 28) - decoded).max() <= 3
    assert np.median(off) < 0.5

    between = mnist.test_images[3120]  # its mode, far out, lies between the points of the finest lattice and is no peak
    load(page, between)
    exact_px = quadrature.log_evidence(models["left"], to_pixels(between[None])).log_px_nats.item()
    assert found(page, "left", 128)["logPx"] == pytest.approx(exact_px, abs=0.5)  # it was 18 nats too low


def test_a_model_chosen_anew_has_its_own_lattice_and_the_worker_goes_with_the_page(page, address, mnist):
    visit_draw(page, address, "?left=ae&right=vae")
    load(page, mnist.test_images[0])
    first = found(page, "right", 32)
    assert len(page.workers) == 1
    page.locator(".st-key-right [role=combobox], .st-key-right [data-baseweb=select]").first.click()
    page.get_by_role("option", name="Conditional VAE (cvae)").click()
    settle(page, "location.search.includes('right=cvae')")
    second = found(page, "right", 32)
    cvae = read(ROOT / "checkpoints" / "cvae").model
    label = page.evaluate("latentExplorer.controllerOf('draw').data.sides.right.label")
    joint = log_joint(cvae, to_pixels(mnist.test_images[:1]), lattice(second["size"])[None], torch.tensor([label]))[0]
    assert second["top"] == joint.argmax()
    assert abs(first["logPx"] - second["logPx"]) > 1
    page.get_by_role("link", name="Classes").first.click()
    settle(page, "!latentExplorer.controllerOf('draw')")
    wait_until(page, lambda: not page.workers)


def completion(page, size):
    """What the page says of a drawing that is to be completed, on the right map; and the drawing itself."""
    found(page, "right", size)
    script = """() => {
      const draw = latentExplorer.controllerOf('draw');
      const { bank, label } = draw.data.sides.right;
      const { expected, samples, places, size } = draw.guesses[`${bank} ${label}`];
      const lists = [draw.pixels, draw.seen, expected, ...samples].map((each) => Array.from(each));
      return [size, lists, places];
    }"""
    size, (levels, seen, expected, *samples), places = page.evaluate(script)
    image = torch.tensor(levels, dtype=torch.uint8).view(1, 28, 28)
    return size, image, torch.tensor(seen).bool().view(28, 28), torch.tensor([expected, *samples]), places


def near_ink(image):
    """The pixels within two pixels of ink, by all distances."""
    place = torch.cartesian_prod(torch.arange(28.0), torch.arange(28.0))
    ink = image.flatten() >= 128
    return ((torch.cdist(place, place) <= 2) & ink).any(1).view(28, 28)


def test_what_is_not_drawn_is_completed_as_the_lattice_of_pytorch_does(page, address):
    visit_draw(page, address, "?left=ae&right=vae&style=cvae&complete=1")
    model = read(ROOT / "checkpoints" / "vae").model
    generator = torch.Generator().manual_seed(0)
    box = page.locator(".latent-pad canvas").first.bounding_box()
    for strokes in range(3):
        size, image, seen, images, places = completion(page, 64)
        assert (seen == near_ink(image)).all()
        expected = DecodedLattice(model, size).complete(to_pixels(image), seen, generator).mean[0]
        assert (images[0].view(1, 28, 28) - expected).abs().max() < 6e-3  # of 16-bit weights
        decoded = model.decode(torch.tensor(places)).view(-1, 28, 28)
        assert (images[1:].view(-1, 28, 28) - to_pixels(image)[0].where(seen, decoded)).abs().max() < 6e-3
        for look in ("dark", "light"):
            page.emulate_media(color_scheme=look)
            ready(page)
            shown = canvas_pixels(page, ".st-key-evidence_right .latent-screen")
            assert np.abs(shown - 255 * expected[0].numpy()).max() <= 2
        if strokes < 2:
            page.mouse.move(box["x"] + 100 + 60 * strokes, box["y"] + 60)
            page.mouse.down()
            page.mouse.move(box["x"] + 110 + 60 * strokes, box["y"] + 150, steps=4)
            page.mouse.up()
    for left in (1, 0):
        page.get_by_role("button", name="Undo").click()
        *_, seen, images, _ = completion(page, 64)
        assert seen.any() == bool(left)
    of_this_drawing = """() => {
      const { bayes, data, lattices } = latentExplorer.controllerOf('draw');
      const key = `${data.style.bank} all classes`;
      return bayes[key]?.serial === lattices.images.get(key).serial;
    }"""
    settle(page, of_this_drawing)
    assert page.locator(".latent-choice").all_inner_texts() == [f"{label} · 10 %" for label in range(10)]
    assert "drawing=" not in page.url


def test_complete_looks_at_the_drawing_as_it_lies_and_gives_it_back(page, address, mnist):
    visit_draw(page, address, "?left=ae&right=vae")
    load(page, mnist.test_images[0])
    found(page, "right", 32)
    whole = canvas_pixels(page, ".latent-form")
    page.get_by_text("Complete", exact=True).click()
    settle(page, "location.search.includes('complete=1')")
    _, image, seen, _, _ = completion(page, 32)
    assert (image[0] == mnist.test_images[0] * seen).all()
    assert not seen.all()
    page.get_by_text("Complete", exact=True).click()
    settle(page, "!location.search.includes('complete=1')")
    found(page, "right", 32)
    ready(page)
    assert (canvas_pixels(page, ".latent-form") == whole).all()
    assert page.locator(".st-key-evidence_right [data-term='gap']").is_visible()
