"""The explorer as one HTML file, opened from the disk in a real Chromium without a network, page by page."""

import base64
import io
import re
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from axe import assert_for_every_eye
from chromium import ROOT, canvas_pixels, drawn, visit
from files import download, html_file, open_files
from PIL import Image
from strangers import CODES, LABELS, Convolutions

import vae
from explorer import export as export_command
from explorer.cache import results
from explorer.cache.results import BoundImage
from explorer.markup import terms
from explorer.quantities import decode, paths, points, regions, tabulated
from explorer.views import colouring
from vae import classifier
from vae.images.tensors import to_pixels
from vae.inference import quadrature
from vae.storage import stored_checkpoint
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser
PAGES = ("maps", "learn", "interpolate", "classes", "bound", "draw")
SOON = 60_000  # milliseconds: posteriors are computed in the page


@pytest.fixture(scope="module")
def explorer_file(tmp_path_factory):
    """The file that the command writes."""
    file = tmp_path_factory.mktemp("file") / "explorer.html"
    export_command.main(["--out", str(file)])
    return file


@pytest.fixture(scope="module")
def offline(browser):
    """Opens HTML files as a visitor without a network does; whatever else is asked for, or thrown, fails the test."""
    with browser.new_context(viewport={"width": 1400, "height": 900}, offline=True) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        yield page
        assert not [url for url in asked if not url.startswith(("data:", "blob:", "file:"))]
        assert errors == []


@pytest.fixture
def one_file(offline, explorer_file):
    """The page of the command's file, looked at with these fields of the state."""

    def look(**state):
        offline.goto(f"{explorer_file.as_uri()}#{urlencode(state)}")
        offline.wait_for_selector(f".alone-page-{state['page']}", state="attached")
        return offline

    return look


@pytest.fixture
def opened(offline, tmp_path):
    """The page of a file with this content."""

    def open_file(content):
        (tmp_path / "explorer.html").write_bytes(content)
        offline.goto((tmp_path / "explorer.html").as_uri())
        offline.wait_for_selector(".st-key-map_left .latent-layers", state="attached")
        return offline

    return open_file


def pinned(page):
    return tuple(float(page.get_by_label(f"right {axis}").input_value()) for axis in ("z1", "z2"))


def own_frame(page, chart):
    """The rectangle of the plane on a chart of the file's own, and the range of each axis."""
    return page.evaluate("(key) => latentExplorer.viewportOf(key).frame()", chart)


def at(page, chart, across, up):
    """The screen position and the latent point at a fraction of a chart of the file's own."""
    plane = own_frame(page, chart)
    box = page.locator(f".st-key-{chart} .latent-plot").bounding_box()
    left, top = box["x"] + plane["left"], box["y"] + plane["top"]
    (x0, x1), (y0, y1) = plane["x"], plane["y"]
    px, py = round(left + across * plane["width"]), round(top + (1 - up) * plane["height"])
    across, up = (px - left) / plane["width"], 1 - (py - top) / plane["height"]
    return (px, py), (x0 + across * (x1 - x0), y0 + up * (y1 - y0))


def decoded_by(page, identity, z, label):
    script = "([id, z, y]) => latentExplorer.bankOf(id).then((b) => z.map((p) => Array.from(b.decode(p, y))))"
    return np.array(page.evaluate(script, [identity, z.tolist(), label]))


def test_the_file_decodes_as_torch_does_and_a_page_that_is_not_there_is_the_first(opened, own_folder):
    (own_folder / "classifier.pt").unlink()  # which would read each plane for seconds
    page = opened(html_file("cvae", "vae-best", "cvae-best"))
    z = np.random.default_rng(0).uniform(-3, 3, size=(8, 2))
    for name, facts in page.evaluate("latentExplorer.file.models").items():
        model = read(ROOT / "checkpoints" / name).model
        with torch.inference_mode():
            labels = torch.full((8,), 7) if model.conditional else None
            decoded = model.decode(torch.tensor(z, dtype=torch.float32), labels).flatten(1).numpy()
        assert np.abs(decoded_by(page, facts["id"], z, 7) - decoded).max() < 5e-3
    page.evaluate("location.hash = 'page=atlas'")
    page.wait_for_selector(".alone-page-maps", state="attached")


def test_a_decoder_that_is_not_ours_is_read_from_its_table_as_python_reads_it(opened):
    module, title = Convolutions(), "Not ours"
    page = opened(vae.explore(module, CODES, LABELS, title=title, prior=True).html.encode())
    table = tabulated.tabulate(module, CODES, prior=True)
    z = np.concatenate([np.random.default_rng(0).uniform(-3, 3, size=(30, 2)), [[99, 0.3], [-99, -99], CODES[5]]])
    made = decoded_by(page, title, z, 0)
    assert np.abs(made - tabulated.between(table, z)).max() < 1e-5
    with torch.no_grad():
        own = module(torch.tensor(z, dtype=torch.float32)).flatten(1).numpy()
    assert np.abs(made - own)[:30].max() < 0.02
    assert own[:30].std(axis=0).max() > 0.1
    said = page.locator("section").first.inner_text()
    assert f"a pixel off by {table.error:.1g} on average, {table.largest_error:.1g} at most" in said
    spot, there = at(page, "map_left", 0.55, 0.4)
    page.mouse.move(*spot)
    page.wait_for_selector(".st-key-map_left .latent-lens[style*='visible']")
    lens = canvas_pixels(page, ".st-key-map_left .latent-lens canvas").astype(float)
    assert np.abs(lens - 255 * tabulated.between(table, np.array([there]))[0].reshape(28, 28)).max() <= 3
    page.get_by_role("button", name="Interpolate").click()
    page.wait_for_selector(".latent-strip figure >> nth=3")
    assert page.get_by_role("group", name="Path").locator("button").all_text_contents() == ["line", "arc"]
    assert "codes lie near" in page.locator(".latent-help").inner_text()
    assert page.locator(".latent-reading").count() == 0
    page.get_by_role("button", name="Maps").click()
    page.wait_for_selector(".alone-page-maps .latent-layers", state="attached")
    assert page.get_by_label("Regions").count() == 0  # there is no classifier for it, and nothing was measured
    assert not page.get_by_label("Colour", exact=True).is_visible()


def test_the_file_from_the_app_opens_with_what_was_pinned_and_describes_the_next_pin_as_the_app_does(
    page, address, opened
):
    visit(page, f"{address}/?z1_right=1.25&z2_right=-0.5&prior=0", "map_left", "map_right")
    open_files(page)
    content, name = download(page, "html")
    assert name == "latent-space-ae-vae.html"
    page = opened(content)
    assert pinned(page) == (1.25, -0.5)
    assert not page.get_by_label("Prior").is_checked()
    spot, z = at(page, "map_right", 0.55, 0.4)
    page.mouse.click(*spot)
    field = "document.querySelector('[aria-label=\"right z1\"]')"
    page.wait_for_function(f"(z1) => Math.abs({field}.value - z1) < 0.01", arg=z[0])
    model = read(ROOT / "checkpoints" / "vae")
    here = points.describe(model, pinned(page), 7, points.radius(model.codes.numpy()))
    described = page.locator("section").nth(1).inner_text()
    assert f"{here.codes_near} codes near" in described
    assert f"{here.sigmas:.2f} σ out, {here.mass_beyond:.0%} of the prior beyond" in described
    near = page.locator("section").nth(1).locator(".alone-near canvas")
    said = [near.nth(i).get_attribute("title") for i in range(2 * points.NEIGHBOURS)]
    assert said[1::2] == [f"test image {index}, reconstructed" for index in here.neighbours]
    original = canvas_pixels(page, "section:nth-of-type(2) .alone-near canvas").astype(int)
    assert (original == results.test_images(model)[here.neighbours[0]]).all()
    page.mouse.move(*spot)
    page.wait_for_function("() => document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 2")
    lens = canvas_pixels(page, ".st-key-map_right .latent-lens canvas").astype(int)
    assert np.abs(lens - decode.at(model.model, np.array([z]))[0].astype(int)).max() <= 3


def test_its_maps_zoom_about_the_pointer_pan_with_it_and_go_back(one_file):
    page = one_file(page="maps", manifold=1)
    page.wait_for_selector(".st-key-map_right .latent-with-tiles")
    spot, z = at(page, "map_right", 0.55, 0.4)
    first = own_frame(page, "map_right")
    (x0, x1), (y0, y1) = first["x"], first["y"]
    right_edge = "latentExplorer.viewportOf('map_right').frame().x[1]"
    page.mouse.move(*spot)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"(x) => {right_edge} < x", arg=x1)
    np.testing.assert_allclose(at(page, "map_right", 0.55, 0.4)[1], z, atol=1e-6)
    page.mouse.dblclick(*spot)
    page.wait_for_function(f"(x) => {right_edge} === x", arg=x1)
    page.mouse.down()
    page.mouse.move(spot[0] + 50, spot[1] - 30, steps=4)
    page.mouse.up()
    width, height = first["width"], first["height"]
    assert (x1 - x0) / width == pytest.approx((y1 - y0) / height)
    moved = at(page, "map_right", 0.55 + 50 / width, 0.4 + 30 / height)
    assert moved[0] == (spot[0] + 50, spot[1] - 30)
    np.testing.assert_allclose(moved[1], z, atol=1e-6)
    page.get_by_label("Model, right").select_option("cvae")  # another plane, and another class to decode
    page.get_by_label("Class to decode, right").select_option("3")
    page.wait_for_function("() => location.hash.includes('right=cvae') && location.hash.includes('label_right=3')")
    z = np.array([pinned(page)])
    expected = decode.at(read(ROOT / "checkpoints" / "cvae").model, z, 3)[0].astype(int)
    page.wait_for_timeout(300)
    assert np.abs(canvas_pixels(page, ".st-key-decoded_right canvas").astype(int) - expected).max() <= 2


def test_its_legend_filters_its_terms_explain_themselves_and_its_fields_read_a_comma(one_file):
    page = one_file(page="maps")
    page.get_by_label("Samples", exact=True).check()
    tiles = page.locator(".latent-sample")
    tiles.nth(15).wait_for()
    assert tiles.count() == 16  # the autoencoder has none
    before = tiles.first.get_attribute("title")
    page.get_by_role("button", name="Reshuffle").click()
    assert tiles.first.get_attribute("title") != before
    page.get_by_label("Samples", exact=True).uncheck()
    assert tiles.count() == 0
    for word, name in (("codes near", "codes near"), ("5-NN", "5-NN"), ("Manifold", "manifold")):
        page.get_by_text(word, exact=True).first.hover()
        page.get_by_text(terms.GLOSSARY[name].sentences).wait_for()
    field = page.get_by_label("right z1")
    for typed, taken in (("-0,25", "-0.25"), ("x", "-0.25"), ("1.5", "1.5")):
        field.fill(typed)
        field.press("Enter")
        assert field.input_value() == taken
    entries = page.locator(".st-key-map_right .traces")
    entries.nth(7).dblclick()
    drawn(page)
    assert [i for i in range(10) if entries.nth(i).get_attribute("aria-pressed") == "true"] == [7]
    model = read(ROOT / "checkpoints" / "vae")
    spot, z = at(page, "map_right", 0.35, 0.3)
    page.mouse.move(*spot)
    page.wait_for_function("() => document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 2")
    sevens = (model.labels == 7).nonzero()[:, 0]
    nearest = int(sevens[torch.cdist(torch.tensor([z]), model.codes[sevens]).argmin()])
    same = canvas_pixels(page, ".st-key-map_left .latent-lens canvas").astype(int)
    expected = decode.at(
        read(ROOT / "checkpoints" / "ae").model, read(ROOT / "checkpoints" / "ae").codes[nearest].numpy()
    )
    assert np.abs(same - expected[0].astype(int)).max() <= 3
    entries.nth(7).dblclick()  # all of them again, as the address keeps it


ALL_READ = "() => [...document.querySelectorAll('.latent-strip figure')].every((f) => f.title.startsWith('reads'))"


def titles(page):
    """What is said of each frame of both strips."""
    strips = page.locator(".latent-strip")
    frames = "(strip) => [...strip.children].map((frame) => frame.title)"
    return [strips.nth(i).evaluate(frames) for i in range(2)]


def counts(page):
    """How many codes are said to be near the frames of both strips."""
    return [[int(re.search(r"(\d+) codes? near", title)[1]) for title in strip] for strip in titles(page)]


def expected_counts(kind, a, b, frames):
    """The codes near each of some frames from test image a to b, on both maps."""
    found = []
    for name in ("ae", "vae"):
        codes = read(ROOT / "checkpoints" / name).codes.numpy()
        path = points.path(kind, *(tuple(codes[image].tolist()) for image in (a, b)))
        shown = [round(i / (frames - 1) * (len(path) - 1)) for i in range(frames)]
        found.append(points.codes_near(codes, path[shown], points.radius(codes)).tolist())
    return found


def test_its_paths_are_the_apps_and_its_geodesics_no_longer(one_file):
    page = one_file(page="interpolate")
    page.wait_for_selector(".latent-strip figure >> nth=15")
    for kind in ("arc", "line"):
        page.get_by_role("button", name=kind, exact=True).click()
        page.wait_for_selector(f".alone-segments [aria-pressed=true]:text-is('{kind}')")
        drawn(page)
        shown = counts(page)
        assert shown == expected_counts(kind, 2, 7, len(shown[0]))
    page.get_by_role("button", name="geodesic", exact=True).click()
    page.wait_for_function("() => document.querySelector('.alone-note').textContent.includes('geodesic')")
    page.wait_for_function("() => document.querySelector('.alone-note').textContent === ''", timeout=SOON)
    found = page.evaluate("[...latentExplorer.file.page.found.values()]")
    for name, path in zip(("ae", "vae"), found, strict=True):
        model = read(ROOT / "checkpoints" / name)
        a, b = (tuple(model.codes[image].tolist()) for image in (2, 7))
        np.testing.assert_allclose(path[0] + path[-1], a + b, atol=1e-6)
        surface = paths.surface(model, 0)
        with torch.inference_mode():
            length = float(surface.length(torch.tensor(path, dtype=torch.float32)))
        best = paths.travel(model, 0, "geodesic", a, b, paths.graph(model, 0)).length
        assert length < 1.02 * best
    started = page.get_by_label("Place on the path").input_value()
    page.get_by_label("Play").click()
    page.wait_for_function("(t) => document.querySelector('.latent-range').value !== t", arg=started)


def test_the_classifier_reads_in_the_browser_what_it_reads_in_torch(one_file):
    page = one_file(page="maps")
    generator = torch.Generator().manual_seed(0)
    digits = to_pixels(torch.from_numpy(results.test_images(read(ROOT / "checkpoints" / "vae"))[:20]))
    noise = torch.randn(10, 1, 28, 28, generator=generator)  # beyond black and white, as a linear decoder is
    images = torch.cat([digits, 0.5 * digits[:10] + noise, noise])
    script = "(images) => latentExplorer.file.classifier().then((c) => images.map((x) => c.probabilities(x)))"
    seen = np.array(page.evaluate(script, images.flatten(1).tolist()))
    with torch.inference_mode():
        own = classifier.of_dataset(ROOT / "checkpoints", "mnist")(images.clamp(0, 1)).softmax(1).numpy()
    assert np.abs(seen - own).max() < 5e-3
    assert len(np.unique(own.argmax(1))) > 5


def test_below_each_frame_of_a_path_stands_what_the_classifier_reads(one_file):
    page = one_file(page="interpolate", path="line", image_a=4, image_b=9)
    page.wait_for_function("() => document.querySelectorAll('.latent-reading span').length > 20")
    assert "a classifier reads" in page.locator(".latent-help").inner_text()
    page.wait_for_function(ALL_READ)
    reader = classifier.of_dataset(ROOT / "checkpoints", "mnist")
    for name, strip in zip(("ae", "vae"), titles(page), strict=True):
        model = read(ROOT / "checkpoints" / name)
        path = points.path("line", *(tuple(model.codes[image].tolist()) for image in (4, 9)))
        shown = [round(i / (len(strip) - 1) * (len(path) - 1)) for i in range(len(strip))]
        labels, probabilities = regions.read(model, 0, reader, path[shown])
        said = [re.match(r"reads (\d), (\d+) %", title).groups() for title in strip]
        assert [int(label) for label, _ in said] == labels.tolist()
        np.testing.assert_allclose([int(share) for _, share in said], 100 * probabilities, atol=1)
    page.get_by_role("button", name="geodesic", exact=True).click()  # which is read once it is found
    page.wait_for_function("() => document.querySelector('.alone-note').textContent.includes('geodesic')")
    page.wait_for_function("() => document.querySelector('.alone-note').textContent === ''", timeout=SOON)
    page.wait_for_function(ALL_READ)


def pixels_of(page, ink):
    """How many pixels of the right map have a colour, "rgb(…)"."""
    shown = np.asarray(
        Image.open(io.BytesIO(page.locator(".st-key-map_right .latent-plot").screenshot())).convert("RGB")
    )
    return int((shown == [int(level) for level in re.findall(r"\d+", ink)]).all(-1).sum())


def test_its_codes_take_the_colours_of_what_was_measured_where_a_model_has_it(one_file):
    page = one_file(page="maps", left="ae", right="vae", prior=0)
    choice = page.get_by_label("Colour", exact=True)
    names = ["class", *(measure.title for measure in colouring.MEASURES.values())]
    assert choice.locator("option").all_text_contents() == [f"Colour: {name}" for name in names]
    ink = page.locator(".st-key-map_right .traces path").nth(1).evaluate("(mark) => getComputedStyle(mark).fill")
    assert pixels_of(page, ink) > 1000
    choice.select_option(label="Colour: KL")
    legend = page.locator(".st-key-map_right .latent-colour-legend")
    values = stored_checkpoint.read(ROOT / "checkpoints" / "vae").image_metrics["kl_nats"]
    low, high = colouring.ends(values)
    scale = [f"≤ {low:.3g}", f"{(low + high) / 2:.3g}", f"≥ {high:.3g}"]
    assert legend.locator("span").all_text_contents() == ["KL, nats", *scale]
    page.locator(".st-key-map_left .latent-colour-legend", has_text="KL not known here: by class").wait_for()
    page.wait_for_function("() => location.hash.includes('colour=kl')")
    drawn(page)
    assert pixels_of(page, ink) < 10
    spot, z = at(page, "map_right", 0.55, 0.4)
    page.mouse.move(*spot)
    model = read(ROOT / "checkpoints" / "vae")
    nearest = int(torch.cdist(torch.tensor([z]), model.codes).argmin())
    page.locator(".st-key-map_right .latent-lens", has_text=f"KL {float(values[nearest]):.3g}").wait_for()
    page.reload()
    page.locator(".st-key-map_right .latent-colour-legend", has_text="KL, nats").wait_for()
    page.get_by_label("Model, right").select_option("ppca")
    page.get_by_label("Model, left").select_option("ae")
    page.get_by_label("Colour", exact=True).select_option(label="Colour: class")
    page.get_by_label("Model, right").select_option("ae")
    known = ["class", "squared error", "classifier's class", "right or wrong"]  # of an autoencoder
    assert page.get_by_label("Colour", exact=True).locator("option").all_text_contents() == [
        f"Colour: {name}" for name in known
    ]
    assert page.locator(".latent-colour-legend").count() == 0


def test_its_regions_are_what_the_classifier_reads_at_each_place(one_file):
    page = one_file(page="maps", left="vae", right="cvae", label_right=4)
    assert page.locator(".latent-heat-legend").count() == 0
    page.get_by_label("Regions").check()
    legends = page.locator(".latent-heat-legend", has_text="classifier: unsure")
    legends.nth(1).wait_for()
    page.wait_for_function("() => location.hash.includes('regions=1')")
    reader = classifier.of_dataset(ROOT / "checkpoints", "mnist")
    for section, (name, label) in enumerate([("vae", 0), ("cvae", 4)]):
        side = ("left", "right")[section]
        z = [float(page.get_by_label(f"{side} {axis}").input_value()) for axis in ("z1", "z2")]
        model = read(ROOT / "checkpoints" / name)
        labels, probabilities = regions.read(model, label, reader, [z])
        said = page.locator("section").nth(section).get_by_text("The classifier reads").inner_text()
        seen, share = re.search(r"The classifier reads (\d), (\d+) %", said).groups()
        assert int(seen) == labels[0]
        assert int(share) == pytest.approx(100 * probabilities[0], abs=1)
    for across, up in ((0.2, 0.3), (0.5, 0.8), (0.8, 0.5)):
        spot, z = at(page, "map_left", across, up)
        page.mouse.move(*spot)
        (seen,), (probability,) = regions.read(read(ROOT / "checkpoints" / "vae"), 0, reader, [z])
        page.locator(".st-key-map_left .latent-lens", has_text=f"reads {seen}").wait_for()
        said = page.locator(".st-key-map_left .latent-lens").inner_text()
        assert int(re.search(r"(\d+) %", said)[1]) == pytest.approx(100 * probability, abs=6)
    under = page.locator(".st-key-map_right .latent-under")
    before = under.evaluate("(canvas) => canvas.toDataURL()")
    page.get_by_label("Class to decode, right").select_option("7")
    page.get_by_text("The classifier reads 7").wait_for()
    drawn(page)
    assert under.evaluate("(canvas) => canvas.toDataURL()") != before
    page.get_by_label("Regions").uncheck()
    legends.first.wait_for(state="detached")
    assert legends.count() == 0


def terms_shown(page):
    """The numbers of the equation on Bound, in nats."""
    page.wait_for_selector(".alone-terms .latent-term", timeout=SOON)
    texts = page.locator(".alone-terms .latent-term strong").all_text_contents()
    return [
        float(re.sub(r"[^\d.−]", "", text[1:] if rank else text).replace("−", "-")) for rank, text in enumerate(texts)
    ]


@pytest.mark.parametrize(("name", "image", "within"), [("vae", 77, 0.1), ("vae-best", 3, 0.5)])
def test_bound_agrees_with_the_servers_page(one_file, name, image, within):
    page = one_file(page="bound", bound_model=name, image_bound=image)
    model = results.bound_model(name)
    binary = model.checkpoint.config.likelihood == "bernoulli"
    images = (results.black_or_white_images if binary else results.test_images)(model.checkpoint)
    has = results.analysis(model, BoundImage("test", "test", images[image], 0, image)).terms
    found = "() => { const { subject } = latentExplorer.file.page; return subject?.analysis && !subject.busy }"
    if name == "vae-best":  # of which the best normal takes a minute more where both cores are busy
        found = "() => latentExplorer.file.page.subject?.analysis"
    page.wait_for_function(found, timeout=2 * SOON)
    log_px, gap, elbo, reconstruction, kl = terms_shown(page)
    assert (canvas_pixels(page, ".alone-pair canvas").astype(int) == images[image]).all()
    assert log_px == pytest.approx(has.log_px, abs=within)
    assert log_px - gap == pytest.approx(elbo, abs=0.011)
    assert reconstruction - kl == pytest.approx(elbo, abs=0.011)
    assert elbo <= log_px
    if name == "vae-best":
        return
    parts = page.locator(".alone-terms .latent-total strong").all_text_contents()
    approximation, amortization = (float(text.replace("−", "-")) for text in parts[1:])
    assert elbo == pytest.approx(has.elbo, abs=within)
    assert kl == pytest.approx(has.kl, abs=0.01)
    assert approximation == pytest.approx(has.approximation_gap, abs=within)
    assert amortization == pytest.approx(has.amortization_gap, abs=2 * within)


def test_bound_completes_what_is_erased_and_a_click_chooses_another_image(one_file):
    page = one_file(page="bound", bound_model="vae", image_bound=4, complete=1)
    page.wait_for_selector(".latent-sum td", timeout=SOON)
    page.wait_for_function("() => document.querySelector('.latent-sum td').textContent.includes('nats')", timeout=SOON)
    seen = page.locator(".latent-sum td").all_text_contents()
    page.get_by_role("button", name="Top").click()
    page.wait_for_function("(seen) => document.querySelector('.latent-sum td').textContent !== seen", arg=seen[0])
    page.go_back()
    page.goto(page.url.split("#")[0] + "#page=bound&bound_model=vae&image_bound=4")
    page.wait_for_selector(".st-key-bound_map .latent-layers", state="attached", timeout=SOON)
    spot, _ = at(page, "bound_map", 0.5, 0.5)
    page.wait_for_selector(".alone-terms .latent-term", timeout=SOON)
    page.mouse.click(*spot)
    page.wait_for_function("() => document.querySelector('[aria-label=\"Test image\"]').value !== '4'")


def test_a_drawing_has_its_evidence_and_its_classes(one_file):
    model = read(ROOT / "checkpoints" / "vae")
    image = results.test_images(model)[3]
    page = one_file(page="draw", drawing=base64.b64encode(image.tobytes()).decode())
    said = page.locator(".st-key-evidence_right .latent-said")
    page.wait_for_function(
        "() => /log p\\(x\\) −\\d/.test(document.querySelector('.st-key-evidence_right').innerText)", timeout=SOON
    )
    shown = float(re.search(r"log p\(x\) −([\d.]+)", said.inner_text())[1])
    exact = quadrature.log_evidence(model.model, to_pixels(torch.from_numpy(image)[None])).log_px_nats.item()
    assert -shown == pytest.approx(exact, abs=0.15)
    chosen = page.locator(".latent-choice[aria-pressed=true]")
    chosen.wait_for(timeout=SOON)
    assert chosen.inner_text().startswith(str(int(model.labels[3])))


def test_every_page_is_reached_by_the_navigation_and_left_by_going_back(one_file):
    page = one_file(page="maps")
    for name in PAGES[1:]:
        page.get_by_role("navigation", name="Pages").get_by_role("button", name=name, exact=False).click()
        page.wait_for_selector(f".alone-page-{name}", state="attached")
        assert page.locator("h1").inner_text().lower() == name
        assert page.title().lower().startswith(name)
    page.wait_for_timeout(400)  # the address is written a moment later
    for name in PAGES[-2::-1]:
        page.go_back()
        page.wait_for_selector(f".alone-page-{name}", state="attached")


def test_the_lesson_goes_on_by_keys_and_leads_to_the_same_view_elsewhere(one_file):
    page = one_file(page="learn", step=11)
    page.get_by_text("Bits", exact=False).first.wait_for()
    known = "() => document.querySelector('.latent-lengths td')?.textContent.includes('784')"
    page.wait_for_function(known, timeout=SOON)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.latent-dot[aria-current]').title.length > 0")
    page.get_by_label("σ", exact=False).first.wait_for()
    page.wait_for_function("() => location.hash.includes('step=12')")
    page = one_file(page="learn", step=14)
    page.get_by_role("button", name="Open it on Maps").click()
    page.wait_for_selector(".alone-page-maps section:nth-of-type(3)")
    shown = [page.get_by_label(f"Model, {side}").input_value() for side in ("left", "middle", "right")]
    assert shown == ["ppca", "ae", "vae"]


def test_a_style_is_seen_in_every_class_and_samples_are_those_of_their_seed(one_file):
    page = one_file(page="classes", samples=10, seed=4)
    page.wait_for_selector(".alone-grid canvas >> nth=9")
    model = read(ROOT / "checkpoints" / "cvae").model
    expected = decode.at(model, np.zeros((1, 2)), 5)[0].astype(int)
    assert np.abs(canvas_pixels(page, ".latent-ten figure:nth-child(6) canvas").astype(int) - expected).max() <= 2
    first = canvas_pixels(page, ".alone-grid canvas")
    page.get_by_role("button", name="Reshuffle").click()
    page.wait_for_function("() => location.hash.includes('seed=5')")
    drawn(page)
    assert (canvas_pixels(page, ".alone-grid canvas") != first).any()


def test_every_page_fits_a_telephone_in_both_themes(one_file):
    page = one_file(page="maps")
    page.set_viewport_size({"width": 360, "height": 740})
    try:
        for name in PAGES:
            page = one_file(page=name, regions=1, colour="kl")
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
            if name == "maps":
                page.locator(".st-key-map_right .latent-heat-legend").wait_for()
                legends = (page.locator(f".st-key-map_right .latent-{kind}-legend") for kind in ("colour", "heat"))
                above, below = (legend.bounding_box() for legend in legends)
                assert above["y"] + above["height"] <= below["y"]
        icons = "(button) => [getComputedStyle(button, '::before').content, getComputedStyle(button).fontSize]"
        for tool in page.locator(".latent-tools .latent-button").all():  # words, for the font of the icons is not here
            assert tool.evaluate(icons) == ["none", "14.4px"]
        for scheme, paper in (("dark", "rgb(17, 19, 23)"), ("light", "rgb(255, 255, 255)")):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function("(paper) => getComputedStyle(document.body).backgroundColor === paper", arg=paper)
    finally:
        page.set_viewport_size({"width": 1400, "height": 900})


@pytest.mark.parametrize(("name", "more"), [*((name, {}) for name in PAGES), ("maps", {"regions": 1, "colour": "kl"})])
def test_a_page_of_the_file_is_for_every_eye(one_file, name, more):
    page = one_file(page=name, **more)
    page.mouse.move(0, 0)  # off the terms, which explain themselves where a test before has left it
    page.wait_for_timeout(1000)
    try:
        assert_for_every_eye(page, ((390, 3600), (1400, 1800)), drawn)
    finally:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1400, "height": 900})
