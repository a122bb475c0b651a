"""The lesson in a real Chromium: each number in a step is what Python computes, and each step is reached and used."""

import math

import numpy as np
import pytest
import torch
from chromium import ROOT, arrive, canvas_pixels, ready, settle, visit
from torch.distributions import Normal, kl_divergence

from explorer.cache import checkpoints, results
from explorer.markup import lesson
from explorer.quantities import decode
from vae.images.tensors import to_pixels
from vae.inference import inference_gap, quadrature
from vae.inference.gauss_hermite import rule
from vae.storage.checkpoint import read

pytestmark = [pytest.mark.browser, pytest.mark.mnist]

FIGURE = "latentExplorer.controllerOf('learn').figure"
STEP = {step.figure: number for number, step in enumerate(lesson.STEPS, 1)}


@pytest.fixture(scope="module")
def vae():
    return read(ROOT / "checkpoints" / "vae")


@pytest.fixture(scope="module")
def lesson_page(shared_page, address):
    """One page for all steps."""
    visit(shared_page, f"{address}/learn")
    shared_page.wait_for_selector(".latent-lesson-figure canvas")
    return shared_page


@pytest.fixture
def resized(lesson_page):
    """Gives that page in a window of another size, which it has until the test ends."""

    def resize(width, height):
        lesson_page.set_viewport_size({"width": width, "height": height})
        settle(lesson_page, "([width, height]) => innerWidth === width && innerHeight === height", [width, height])
        return lesson_page

    yield resize
    resize(1400, 900)


def go(page, figure):
    """Go to a step by its dot."""
    page.locator(".latent-dot").nth(STEP[figure] - 1).click()
    page.wait_for_selector(f".latent-{figure}")


def measured(page):
    """What the figure measures, once it can: which answer is right, and the number."""
    page.wait_for_function(f"{FIGURE}.measured().right !== null")
    found = page.evaluate(f"{FIGURE}.measured()")
    return found["right"], found["value"]


def image(page, mnist):
    """The image that is looked at, (1, 1, 28, 28) of the test set, and its index."""
    index = page.evaluate("latentExplorer.controllerOf('learn').lesson.image.index")
    return to_pixels(mnist.test_images[index][None]), index


def log_likelihood(model, x, z):
    """log p(x | z) of one image at points (N, 2), in nats."""
    return model.likelihood(z, None).log_prob(x.expand(len(z), -1, -1, -1))


def test_two_numbers_bring_back_what_python_says(lesson_page, mnist):
    go(lesson_page, "squeeze")
    right, share = measured(lesson_page)
    model = read(ROOT / "checkpoints" / "ae").model
    x = to_pixels(mnist.test_images[np.arange(300) * 33])
    off = (model.decode(model.encode(x)) - x).square().sum()
    assert share == pytest.approx(1 - (off / (x - x.mean(0)).square().sum()).item(), abs=2e-3)
    assert right == 1


def test_the_shares_without_a_near_code_are_those_of_python(lesson_page):
    go(lesson_page, "holes")
    right, _ = measured(lesson_page)
    generator = np.random.default_rng(0)
    for rank, name in enumerate(("ae", "vae")):
        model = checkpoints.resource(name)
        codes, radius = model.stored.codes, results.radius(model)
        draws = generator.standard_normal((2_000, 2))
        if name == "ae":
            low, high = (np.quantile(codes, edge, axis=0, method="lower") for edge in (0.01, 0.99))
            room = 0.08 * (high - low)
            draws = generator.uniform(low - room, high + room, (2_000, 2))
        nearest = torch.cdist(torch.tensor(draws).float(), torch.tensor(codes).float()).min(1).values
        share = lesson_page.evaluate(f"{FIGURE}.sides[{rank}].measured()")
        assert share == pytest.approx((nearest > radius).float().mean().item(), abs=0.05)
    assert right == 1


def test_draws_from_the_prior_are_worth_what_python_says(lesson_page, mnist, vae):
    go(lesson_page, "prior_draws")
    x, _ = image(lesson_page, mnist)
    lesson_page.get_by_role("button", name="Draw 1,000").click()
    draws = lesson_page.evaluate(f"{FIGURE}.draws")
    assert len(draws) == 1_100
    z = torch.tensor([draw["z"] for draw in draws])
    assert torch.cat([z.mean(0).abs(), (z.std(0) - 1).abs()]).max() < 0.1
    worth = log_likelihood(vae.model, x, z)
    assert (worth - torch.tensor([draw["value"] for draw in draws])).abs().max() < 0.15  # 16-bit weights
    weights = worth.sort(descending=True).values.softmax(0).cumsum(0)
    assert lesson_page.evaluate(f"{FIGURE}.carrying.length") == pytest.approx(1 + (weights < 0.99).sum().item(), abs=2)
    estimate = worth.logsumexp(0).item() - math.log(len(worth))
    assert lesson_page.evaluate(f"{FIGURE}.estimate") == pytest.approx(estimate, abs=0.1)
    lesson_page.wait_for_function(f"{FIGURE}.exact !== null")
    exact = quadrature.log_evidence(vae.model, x).log_px_nats.item()
    assert lesson_page.evaluate(f"{FIGURE}.exact") == pytest.approx(exact, abs=0.1)


def test_an_image_is_encoded_to_the_blob_that_python_has(lesson_page, mnist, vae):
    go(lesson_page, "blob")
    x, _ = image(lesson_page, mnist)
    q = vae.model.posterior(x)
    for axis, value in enumerate((1.5, -2.0)):
        slider = lesson_page.locator(".latent-lesson-side .latent-range").nth(axis)
        slider.fill(str(value))
    z = torch.tensor(lesson_page.evaluate(f"{FIGURE}.z"))
    assert (z - (q.mean + q.stddev * torch.tensor([1.5, -2.0]))[0]).abs().max() < 2e-3
    shown = canvas_pixels(lesson_page, ".latent-lesson-side .column:nth-child(2) canvas")
    assert np.abs(shown - decode.at(vae.model, z[None].numpy())[0]).max() <= 3
    right, share = measured(lesson_page)
    draws = vae.model.decode(q.mean + q.stddev * torch.randn(400, 2)).view(2, 200, -1)
    apart, error = (draws[0] - draws[1]).square().sum(-1).mean(), (draws[0] - x.flatten()).square().sum(-1).mean()
    assert share == pytest.approx((apart / error).item(), rel=0.3)
    assert right == 0


def test_both_gradients_are_those_of_pytorch(lesson_page, mnist, vae):
    go(lesson_page, "gradients")
    x, _ = image(lesson_page, mnist)
    q = vae.model.posterior(x)
    noise, mass = (part.float() for part in rule(15, 2))
    mass = mass[:, None]
    z = (q.mean + q.stddev * noise).detach().requires_grad_()
    worth = log_likelihood(vae.model, x, z)
    (gradient,) = torch.autograd.grad(worth.sum(), z)
    exact = (mass * gradient).sum(0)
    assert torch.tensor(lesson_page.evaluate(f"{FIGURE}.exact")) == pytest.approx(exact, abs=1.5)  # 16-bit weights
    by_score = (mass * worth.detach()[:, None] * noise / q.stddev).sum(0)
    assert by_score == pytest.approx(exact, rel=0.03, abs=0.5)
    for place in z[:: len(z) // 5].tolist():
        here = lesson_page.evaluate(f"(z) => {FIGURE}.at(z)", place)
        one = torch.tensor([place], requires_grad=True)
        value = log_likelihood(vae.model, x, one)
        (slope,) = torch.autograd.grad(value.sum(), one)
        assert here["value"] == pytest.approx(value.item(), abs=0.15)
        assert torch.tensor(here["gradient"]) == pytest.approx(slope[0], rel=0.03, abs=1)
    right, ratio = measured(lesson_page)
    score = worth.detach()[:, None] * noise / q.stddev
    variances = [((mass * each.square()).sum(0) - (mass * each).sum(0).square()).sum() for each in (score, gradient)]
    assert ratio == pytest.approx((variances[0] / variances[1]).item(), rel=0.4)
    assert right == 2


def test_the_elbo_of_any_q_and_the_best_are_those_of_python(lesson_page, mnist, vae):
    go(lesson_page, "encoder")
    x, _ = image(lesson_page, mnist)
    noise, mass = (part.float() for part in rule(15, 2))
    q = vae.model.posterior(x)
    for move, stretch in ((0, 1), (0.1, 0.5), (-0.2, 1.5)):
        mean, std = q.mean + move, q.stddev * stretch
        took = {"mean": mean[0].tolist(), "std": std[0].tolist()}
        elbo = lesson_page.evaluate(f"(q) => {{ {FIGURE}.take(q); return {FIGURE}.elbo; }}", took)
        kl = kl_divergence(Normal(mean, std), Normal(0.0, 1.0)).sum().item()
        expected = (mass * log_likelihood(vae.model, x, mean + std * noise)).sum().item()
        assert elbo == pytest.approx(expected - kl, abs=0.2)
    right, gap = measured(lesson_page)
    exact = quadrature.log_evidence(vae.model, x).log_px_nats.item()
    assert lesson_page.evaluate(f"{FIGURE}.logPx") == pytest.approx(exact, abs=0.1)
    best = inference_gap.best_gaussian(vae.model, x).kl_nats.item()
    assert gap == pytest.approx(best, abs=0.1)
    assert right == (0 if gap < 0.25 else 1 if gap < 1 else 2)


def test_the_kl_is_the_formulas_and_the_draws_come_to_it(lesson_page):
    go(lesson_page, "price")
    for mean, sigma in ((0.7, 0.4), (-1.2, 1.5)):
        lesson_page.evaluate(f"{FIGURE}.take({mean}, {sigma})")
        exact = kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0)).item()
        assert f"KL {exact:.3f} nats" in lesson_page.locator(".latent-lesson-side").inner_text()
        for _ in range(30):
            lesson_page.get_by_role("button", name="Draw 100").click()
        assert lesson_page.evaluate(f"{FIGURE}.averages.at(-1)") == pytest.approx(exact, abs=0.1)
    right, lowest = measured(lesson_page)
    assert lowest == pytest.approx(math.sqrt(0.5), abs=2e-3)
    assert right == 1


def test_the_trainings_are_those_of_the_replays(lesson_page):
    go(lesson_page, "training")
    right, half = measured(lesson_page)
    replays = {side: results.replay(name) for side, name in (("left", "ae"), ("right", "vae"))}
    error, epochs = np.array(replays["left"].metrics["squared_error"]), replays["left"].epochs
    assert half == pytest.approx(np.interp(-(error[0] + error[-1]) / 2, -error, epochs), rel=1e-6)
    assert right == 0
    lesson_page.locator(".latent-training .latent-curves").focus()
    for key, epoch in (("End", 60), ("Home", 0)):
        lesson_page.keyboard.press(key)
        assert lesson_page.evaluate(f"{FIGURE}.epoch") == epoch
    lesson_page.get_by_role("button", name="Play", exact=True).click()
    lesson_page.wait_for_function(f"{FIGURE}.epoch > 1")
    lesson_page.get_by_role("button", name="Pause").click()


def test_new_images_are_decoded_where_they_lie_and_a_draw_has_the_noise_of_its_pixels(lesson_page, vae):
    go(lesson_page, "from_nothing")
    for source in ("0", "1"):
        lesson_page.locator(".latent-select").first.select_option(source)
        places = np.array(lesson_page.evaluate(f"{FIGURE}.decoded.places"), np.float32)
        shown = lesson_page.evaluate(
            f"{FIGURE}.decoded.tiles.map((c) => Array.from(c.getImageData(0, 0, 28, 28).data))"
        )
        greys = np.array(shown).reshape(16, 28, 28, 4)[..., 0]
        assert np.abs(greys - decode.at(vae.model, places).astype(int)).max() <= 3
        assert np.abs(places).max() < 5
    right, noise = measured(lesson_page)
    assert noise == pytest.approx(784 * vae.config.sigma**2, rel=0.05)
    assert right == 2
    lesson_page.locator(".latent-select").last.select_option("1")
    drawn = lesson_page.evaluate(f"Array.from({FIGURE}.decoded.tiles[0].getImageData(0, 0, 28, 28).data)")
    assert np.abs(np.array(drawn).reshape(28, 28, 4)[..., 0] - greys[0]).mean() > 50


def test_the_gap_has_the_parts_of_python_and_a_linear_model_has_none(lesson_page, mnist, vae):
    go(lesson_page, "gap")
    x, _ = image(lesson_page, mnist)
    right, linear = measured(lesson_page)
    assert abs(linear) < 0.05
    assert right == 0
    lesson_page.wait_for_function(f"{FIGURE}.sides.vae.parts")
    parts = lesson_page.evaluate(f"{FIGURE}.sides.vae.parts")
    exact = inference_gap.gap(vae.model, x)
    assert parts["gap"] == pytest.approx(exact.gap_nats.item(), abs=0.3)
    assert parts["approximation"] == pytest.approx(exact.approximation_gap_nats.item(), abs=0.15)
    assert parts["amortization"] == pytest.approx(exact.amortization_gap_nats.item(), abs=0.3)


def test_the_knob_shows_the_codes_of_each_sigma_and_what_its_record_says(lesson_page, mnist):
    go(lesson_page, "knob")
    lesson_page.wait_for_selector(".latent-knob .latent-range")
    right, ratio = measured(lesson_page)
    names = checkpoints.family().sigmas
    kls = [results.bound_model(name).stored.record["test"]["kl_nats"] for name in names.values()]
    assert ratio == pytest.approx(kls[0] / kls[-1])
    assert right == 2
    _, index = image(lesson_page, mnist)
    for rank, name in ((0, names[0.1]), (len(names) - 1, names[1.0])):
        lesson_page.locator(".latent-knob .latent-range").fill(str(rank))
        model = results.bound_model(name).checkpoint
        code = model.codes[index].numpy()
        lesson_page.wait_for_function(
            f"(z) => {FIGURE}.bank"
            f" && Math.hypot(...{FIGURE}.bank.code({index}).map((value, i) => value - z[i])) < 1e-2",
            arg=code.tolist(),
        )
        ready(lesson_page)
        shown = canvas_pixels(lesson_page, ".latent-knob .column:nth-child(2) canvas")
        assert np.abs(shown - decode.at(model.model, code[None])[0]).max() <= 3


def test_the_message_is_as_long_as_the_best_vae_says(lesson_page):
    go(lesson_page, "bits")
    lesson_page.wait_for_selector(".latent-lengths")
    right, share = measured(lesson_page)
    assert right == 2
    lesson_page.wait_for_function(f"{FIGURE}.found && {FIGURE}.lesson.lattices.images.get('best')")
    found = lesson_page.evaluate(f"{FIGURE}.found")
    levels = lesson_page.evaluate(f"Array.from({FIGURE}.lesson.lattices.images.get('best').levels)")
    assert set(levels) == {0, 255}
    x = to_pixels(torch.tensor(levels, dtype=torch.uint8).view(1, 28, 28))
    model = read(ROOT / "checkpoints" / "vae-best").model
    exact = quadrature.log_evidence(model, x).log_px_nats.item()
    assert found["exact"] == pytest.approx(-exact / math.log(2), abs=1)
    assert found["exact"] <= found["code"] + found["pixels"] < found["exact"] + 10  # from a coarse lattice more
    assert share == pytest.approx((found["code"] + found["pixels"]) / 784)
    assert found["pixels"] < found["alone"] < 784
    assert 5 < found["code"] < 25


def recorded(name):
    """The share of test images whose class their 5 nearest training codes say, as it was measured."""
    return checkpoints.resource(name).stored.record["test"]["knn5_accuracy"]


def test_the_class_is_gone_from_the_code_of_a_model_that_is_told_it(lesson_page):
    go(lesson_page, "told_class")
    right, share = measured(lesson_page)
    assert share == recorded("cvae")
    assert right == 2
    z = [[-0.8, 1.1]]
    lesson_page.evaluate(f"{FIGURE}.look({z[0]})")
    model = read(ROOT / "checkpoints" / "cvae").model
    shown = lesson_page.evaluate(f"{FIGURE}.tiles.map((c) => Array.from(c.getImageData(0, 0, 28, 28).data))")
    greys = np.array(shown).reshape(10, 28, 28, 4)[..., 0]
    assert np.abs(greys - decode.every_class(model, np.array(z, np.float32))[:, 0].astype(int)).max() <= 3


def test_what_each_makes_of_two_numbers_is_what_python_says(lesson_page, mnist):
    go(lesson_page, "two_numbers")
    right, _ = measured(lesson_page)
    assert right == 1
    x = to_pixels(mnist.test_images[np.arange(300) * 33])
    for rank, name in enumerate(("ppca", "ae", "vae")):
        model = read(ROOT / "checkpoints" / name).model
        error = (model.decode(model.encode(x)) - x).square().sum().item() / 300
        side = f"{FIGURE}.sides[{rank}]"
        assert lesson_page.evaluate(f"{side}.error") == pytest.approx(error, rel=2e-3)
        assert f"5-NN {recorded(name):.1%}".replace("%", " %") in lesson_page.evaluate(f"{side}.said.textContent")


def test_steps_are_reached_by_buttons_dots_keys_and_links_and_back_undoes_one(new_tab, address):
    page = new_tab()
    visit(page, f"{address}/learn?step=3")
    title = page.locator(".latent-lesson-text h2")
    title.wait_for()
    assert title.inner_text() == lesson.STEPS[2].title
    page.get_by_role("button", name="Next", exact=True).click()
    settle(page, "location.search.includes('step=4')")
    page.keyboard.press("ArrowRight")
    settle(page, "location.search.includes('step=5')")
    assert title.inner_text() == lesson.STEPS[4].title
    page.locator(".latent-lesson-row button").nth(3).click()
    settle(page, "location.search.includes('image_learn=18')")
    page.keyboard.press("ArrowLeft")
    settle(page, "location.search.includes('step=4')")
    assert page.evaluate("latentExplorer.controllerOf('learn').lesson.image.index") == 18
    page.go_back()  # the address is another at once, the step when the server has said so
    settle(page, "location.search.includes('step=5')")
    page.wait_for_selector(f".latent-lesson-text h2:text-is('{lesson.STEPS[4].title}')")
    page.locator(".latent-dot").first.click()
    settle(page, "!location.search.includes('step=')")
    assert page.get_by_role("button", name="Back", exact=True).is_disabled()
    for answer in range(3):
        page.locator(".latent-lesson-question button").nth(answer).click()
        said = page.locator(".latent-lesson-question [role=status]").inner_text()
        assert said.startswith("Yes." if answer == 1 else f"No: {lesson.STEPS[0].answers[1]}.")
        assert "300 test images" in said
    page.get_by_role("button", name="Open it on Interpolate").click()
    page.wait_for_url("**/interpolate?*image_a=18*")


@pytest.mark.fault("a step of the lesson opened an error instead of its page")
def test_a_page_opens_with_a_steps_view_and_one_step_back_returns(new_tab, address):
    page = new_tab()
    visit(page, f"{address}/learn")
    by_page = {step.page: step for step in lesson.STEPS}
    for name in ("maps", "classes", "replay"):  # the first page has no address of its own
        step = by_page[name]
        page.wait_for_selector(".latent-lesson-figure canvas")
        go(page, step.figure)
        in_the_address = f"(new URLSearchParams(location.search).get('step') ?? '1') === '{STEP[step.figure]}'"
        settle(page, in_the_address)  # before it is there, one step back would lead to the step before
        page.locator(".latent-lesson-link").click()
        arrive(page, step.page)
        assert page.locator("[data-testid=stException]").count() == 0
        page.go_back()
        page.wait_for_url("**/learn*")
        page.wait_for_selector(f".latent-lesson-text h2:text-is('{step.title}')")


@pytest.mark.fault("numbers of one image stood under another one")
def test_what_is_said_is_said_of_the_image_that_is_shown(lesson_page):
    go(lesson_page, "bits")
    lesson_page.wait_for_selector(".latent-lengths")
    choose = "([a, b]) => { for (const each of [a, b]) latentExplorer.controllerOf('learn').lesson.choose(each); }"
    known = f"{FIGURE}.found && {FIGURE}.found.code + {FIGURE}.found.pixels"
    lengths = {}
    for index in (2, 4):
        lesson_page.evaluate(choose, [index, index])
        lesson_page.wait_for_function(f"{FIGURE}.found")
        lesson_page.wait_for_timeout(2_000)  # until the lattice is fine
        lengths[index] = lesson_page.evaluate(known)
    assert lengths[4] > lengths[2] + 20
    for first, last in ((2, 4), (4, 2)):
        lesson_page.evaluate(choose, [first, last])
        lesson_page.wait_for_function(f"{FIGURE}.found")
        assert lesson_page.evaluate(known) == pytest.approx(lengths[last], abs=5)
    lesson_page.locator(".latent-lesson-question button").first.click()
    said = lesson_page.locator(".latent-lesson-question [role=status]")
    before = said.inner_text()
    lesson_page.evaluate(choose, [4, 4])
    lesson_page.wait_for_function(f"{FIGURE}.found")
    settle(lesson_page, "(before) => !['…', before].some((each) => document.querySelector("
           "'.latent-lesson-question [role=status]').textContent.includes(each))", before)  # fmt: skip
    assert f"{round(100 * lengths[4] / 784)} % of 784" in said.inner_text()


def test_a_question_is_not_answered_by_its_figure_and_its_answer_stays(lesson_page):
    for figure in ("holes", "gradients", "encoder", "gap"):
        go(lesson_page, figure)
        answer = lesson_page.locator(".latent-answer").first
        answer.wait_for(state="attached")
        assert not answer.is_visible()
        for _ in range(2):
            measured(lesson_page)
            lesson_page.locator(".latent-lesson-question button").first.click()
            assert answer.is_visible()
    go(lesson_page, "prior_draws")
    assert measured(lesson_page) == measured(lesson_page)


def test_keys_keep_the_focus_in_the_lesson_and_a_phone_has_next_in_reach(new_tab, address):
    page = new_tab(width=390, height=844)
    visit(page, f"{address}/learn?step=2")
    page.wait_for_selector(".latent-holes canvas")
    page.locator(".latent-lesson-question button").last.scroll_into_view_if_needed()
    forward = page.get_by_role("button", name="Next", exact=True)
    assert forward.bounding_box()["y"] < 844
    forward.click()
    settle(page, "location.search.includes('step=3')")
    assert 40 < page.locator(".latent-lesson-text h2").bounding_box()["y"] < 200
    for target in (".latent-dot", ".latent-lesson-row .latent-choice"):
        box = page.locator(target).first.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    page.locator(".latent-lesson-question button").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == lesson.STEPS[3].title


def test_a_step_takes_the_colours_of_another_theme_and_keeps_what_was_done(new_tab, address):
    page = new_tab()
    visit(page, f"{address}/learn?step={STEP['encoder']}")
    page.wait_for_function(f"{FIGURE}?.heat && {FIGURE}.best")
    page.evaluate(f"{FIGURE}.take({{ mean: [0.3, -0.2], std: [0.2, 0.1] }})")
    light = page.evaluate("latentExplorer.controllerOf('learn').lesson.ink")
    page.emulate_media(color_scheme="dark")
    settle(page, f"latentExplorer.controllerOf('learn').lesson.ink !== '{light}'")
    assert page.evaluate(f"{FIGURE}.q") == {"mean": [0.3, -0.2], "std": [0.2, 0.1]}
    assert page.evaluate(f"{FIGURE}.heat.colour") == page.evaluate("latentExplorer.controllerOf('learn').lesson.ink")


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (900, 700), (390, 844)])
def test_every_step_has_its_figure_at_once_and_fits_the_window(resized, width, height):
    page = resized(width, height)
    for step in lesson.STEPS:
        start = page.evaluate("performance.now()")
        page.locator(".latent-dot").nth(STEP[step.figure] - 1).click()
        page.wait_for_selector(f".latent-{step.figure} canvas")
        assert page.evaluate("performance.now()") - start < 10_000  # 0.4 s when quiet, once all is fetched
        ready(page)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width, step.figure
        forward = page.get_by_role("button", name="Next", exact=True).bounding_box()
        assert forward["x"] + forward["width"] <= width
        shown = page.locator(".latent-lesson-figure canvas").evaluate_all(
            "all => all.filter((each) => each.clientWidth >= 28).length"
        )
        assert shown >= 2, step.figure
