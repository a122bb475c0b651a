"""The page Bound in a real Chromium: what it draws and samples is what PyTorch integrates."""

import math
import re

import pytest
import torch
from chromium import ROOT, place, settle, visit

from explorer.quantities import bound
from vae.images.tensors import to_pixels
from vae.inference import quadrature
from vae.storage.checkpoint import read

pytestmark = [pytest.mark.browser, pytest.mark.mnist]


def image_of(mnist, name, index):
    """A test image as a model sees it, (1, 1, 28, 28), with its label where the model is given it."""
    checkpoint = read(ROOT / "checkpoints" / name)
    images = mnist.test_images.numpy()
    images = bound.black_or_white(images) if checkpoint.config.likelihood == "bernoulli" else images
    label = mnist.test_labels[index : index + 1] if checkpoint.model.conditional else None
    return checkpoint, to_pixels(torch.from_numpy(images[index : index + 1])), label


def visit_bound(page, address, query=""):
    visit(page, f"{address}/bound{query}", "bound_map")
    page.set_default_timeout(60_000)  # for what is integrated and drawn
    page.wait_for_selector(".latent-drawn figure:nth-child(8)")


@pytest.fixture(scope="module")
def shown(shared_page, address, mnist):
    """The page with image 18 under `vae`; whoever changes what it shows changes it back."""
    visit_bound(shared_page, address, "?image_bound=18")
    return shared_page


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


def test_the_browsers_likelihood_is_torchs(shown, mnist):
    assert_likelihood_is_torchs(shown, mnist, "vae")


@pytest.mark.parametrize("name", ["cvae", "vae-best"])
def test_the_browsers_likelihood_of_other_models_is_torchs(page, address, mnist, name):
    visit_bound(page, address, f"?bound_model={name}&image_bound=18")
    assert_likelihood_is_torchs(page, mnist, name)


def assert_likelihood_is_torchs(page, mnist, name):
    checkpoint, x, label = image_of(mnist, name, 18)
    lens = page.locator(".st-key-bound_map .latent-lens")
    for across, up in ((0.5, 0.5), (0.45, 0.4), (0.55, 0.7)):
        before = lens.inner_text() if lens.count() else ""
        at, z = place(page, "bound_map", across, up)
        page.mouse.move(*at)
        changed = "(old) => (document.querySelector('.st-key-bound_map .latent-lens')?.textContent ?? old) !== old"
        page.wait_for_function(changed, arg=before)
        with torch.inference_mode():
            likelihood = checkpoint.model.likelihood(torch.tensor([z], dtype=torch.float32), label)
        assert number(lens.inner_text().removeprefix("log p ")) == pytest.approx(
            likelihood.log_prob(x).item(), abs=0.02
        )


def test_the_estimates_come_to_the_exact_value(page, address, mnist):
    visit_bound(page, address, "?image_bound=5")
    finished = "document.querySelector('.latent-estimates').textContent.includes('4,096 of 4,096')"
    page.wait_for_function(finished, timeout=120_000)
    said = page.locator(".latent-estimates .latent-legend").text_content()
    exact, importance, naive = (
        number(re.search(pattern, said)[1])
        for pattern in (r"exact (−[\d.,]+) ±", r"IW of 4,096 draws (−[\d.,]+)", r"prior of 4,096 draws (−[\d.,]+)")
    )
    checkpoint, x, _ = image_of(mnist, "vae", 5)
    assert exact == pytest.approx(quadrature.log_evidence(checkpoint.model, x).log_px_nats.item(), abs=0.02)
    assert importance == pytest.approx(exact, abs=0.1)
    assert naive == pytest.approx(exact, abs=0.7)


def test_the_posterior_is_drawn_where_it_is(shown, mnist):
    checkpoint, x, _ = image_of(mnist, "vae", 18)
    mode = quadrature.moments(checkpoint.model, x).mode[0].tolist()
    script = """([z1, z2]) => {
      const { xaxis, yaxis } = document.querySelector('.st-key-bound_map .js-plotly-plot')._fullLayout;
      const canvas = document.querySelector('.st-key-bound_map .latent-under');
      const ratio = canvas.width / canvas.clientWidth;
      const at = [xaxis._offset + xaxis.d2p(z1), yaxis._offset + yaxis.d2p(z2)].map((p) => Math.round(ratio * p));
      const { data } = canvas.getContext('2d').getImageData(at[0] - 1, at[1] - 1, 3, 3);
      let [redness, opacity] = [0, 0];
      for (let i = 0; i < 36; i += 4) {
        redness += (data[i] - data[i + 2]) / 9;
        opacity += data[i + 3] / 9;
      }
      return [redness, opacity];
    }"""
    shown.wait_for_function(f"(z) => ({script})(z)[1] > 120", arg=mode)
    assert shown.evaluate(script, mode)[0] > 60  # orange: more red than blue
    assert shown.evaluate(script, [mode[0] + 1.5, mode[1] - 1.5])[1] < 60  # and nothing there


def test_encoding_again_draws_another_code_and_decodes_it(shown):
    captions = shown.locator(".latent-drawn figcaption")
    drawn = "[...document.querySelectorAll('.latent-drawn canvas')].map((canvas) => canvas.toDataURL())"
    before, pictures = captions.all_inner_texts(), shown.evaluate(drawn)
    shown.get_by_role("button", name="encode again").click()
    assert captions.all_inner_texts()[1:] == before[:-1]
    assert shown.evaluate(drawn)[1:] == pictures[:-1]
    assert shown.evaluate(drawn)[0] != pictures[0]


def test_a_click_takes_the_test_image_whose_code_is_nearest(page, address, mnist):
    visit_bound(page, address, "?image_bound=18")
    before = page.locator(".latent-terms").inner_text()
    at, z = place(page, "bound_map", 0.6, 0.35)
    page.mouse.click(*at)
    nearest = int(torch.cdist(torch.tensor([z]), read(ROOT / "checkpoints" / "vae").codes).argmin())
    page.wait_for_function(f"location.search.includes('image_bound={nearest}')")
    settle(page, "(old) => document.querySelector('.latent-terms').innerText !== old", before)
    assert page.get_by_label("Test image", exact=True).input_value() == str(nearest)


def test_units_change_the_numbers_and_nothing_is_drawn_anew(shown):
    term, caption = shown.locator(".latent-term strong").first, shown.locator(".latent-drawn figcaption").first
    shown.wait_for_function("document.querySelector('.latent-estimates').dataset.draws > 500")
    nats = number(term.inner_text()), number(caption.inner_text())
    shown.get_by_role("radio", name="bits").click()
    settle(shown, "() => document.querySelector('.latent-ticks em').textContent === 'bits'")
    assert int(shown.locator(".latent-estimates").get_attribute("data-draws")) > 500
    bits = number(term.inner_text()), number(caption.inner_text())
    assert bits == pytest.approx([value / math.log(2) for value in nats], abs=0.02)
    shown.get_by_role("radio", name="nats").click()
    settle(shown, "() => document.querySelector('.latent-ticks em').textContent === 'nats'")


def test_the_knob_redraws_all_but_the_image(page, address, mnist):
    visit_bound(page, address, "?bound_model=family&sigma=0.45&image_bound=18")
    before = page.locator(".latent-terms").inner_text()
    pictures = page.locator(".st-key-bound_images img.decoded")
    image, reconstruction = (pictures.nth(i).get_attribute("src") for i in range(2))
    page.get_by_role("slider", name="Sigma").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("location.search.includes('sigma=0.3')")
    settle(page, "(old) => document.querySelector('.latent-terms').innerText !== old", before)
    assert pictures.nth(0).get_attribute("src") == image
    assert pictures.nth(1).get_attribute("src") != reconstruction


def test_the_close_up_zooms_under_the_wheel_and_comes_back(shown):
    box = shown.locator(".latent-window").bounding_box()
    drawn = "document.querySelector('.latent-window .latent-under').toDataURL()"
    shown.wait_for_function(f"{drawn}.length > 3000")
    shown.wait_for_timeout(500)  # until nothing moves any more
    before = shown.evaluate(drawn)
    shown.mouse.move(box["x"] + 200, box["y"] + 150)
    shown.mouse.wheel(0, -300)
    shown.wait_for_function(f"(old) => {drawn} !== old", arg=before)
    shown.mouse.dblclick(box["x"] + 60, box["y"] + box["height"] - 6)  # below the axis, where nothing is picked
    shown.wait_for_function(f"(old) => {drawn} === old", arg=before)


def test_whoever_wants_no_motion_gets_the_estimates_at_once(new_tab, address, mnist):
    page = new_tab(reduced_motion="reduce")
    visit_bound(page, address, "?image_bound=5")
    counts = page.evaluate("""() => new Promise((resolve) => {
      const seen = new Set();
      const look = () => {
        seen.add(document.querySelector('.latent-count').textContent);
        if ([...seen].some((text) => text.startsWith('4,096'))) resolve([...seen]);
        else requestAnimationFrame(look);
      };
      look();
    })""")
    assert len(counts) <= 3
