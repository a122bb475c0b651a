"""Replay in a real Chromium: time moves codes, digits and curves together, and decodes each snapshot as torch does."""

import numpy as np
import pytest
import torch
from chromium import ROOT, Held, canvas_pixels, drawn, ready, settle, visit, wait_until

from explorer import figures
from explorer.quantities import decode
from vae import snapshots
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser
TIME = "Time of training, in epochs"
REPLAY = "latentExplorer.controllerOf('replay')"


@pytest.fixture(scope="module")
def films():
    """The replays of ae and vae, with their checkpoints' codes."""
    found = {}
    for name in ("ae", "vae"):
        found[name] = snapshots.read(ROOT / "checkpoints" / name, read(ROOT / "checkpoints" / name))
    return found


def opened(page, address, query=""):
    visit(page, f"{address}/replay{query}")
    page.wait_for_selector(".latent-class")
    arrived(page)
    ready(page)


def arrived(page):
    """Wait until the decoders of this instant are there, and what they decode is drawn."""
    page.wait_for_function(f"Object.values({REPLAY}.films).length === 2")
    there = "(film) => film.banks[film.k] && (!film.share || film.banks[film.k + 1])"
    page.wait_for_function(f"Object.values({REPLAY}.films).every({there})")
    drawn(page)


@pytest.fixture(scope="module")
def replay(shared_page, address):
    """Replay in one tab."""
    opened(shared_page, address)
    return shared_page


@pytest.fixture
def rewound(replay):
    """That tab at the beginning, after whatever another test has played."""
    replay.mouse.move(5, 5)
    replay.get_by_label(TIME).press("Home")
    arrived(replay)
    ready(replay)
    return replay


def clock(page):
    return float(page.get_by_label(TIME).get_attribute("aria-valuenow"))


def pinned(page, side):
    return tuple(float(page.get_by_label(f"{side} z{axis}").input_value()) for axis in (1, 2))


def assert_digits(page, models):
    """Both pinned digits are what torch decodes there with these models."""
    for side, model in zip(("left", "right"), models, strict=True):
        shown = canvas_pixels(page, f".latent-panel.{side} .latent-screen").astype(int)
        expected = decode.at(model, np.array([pinned(page, side)]))[0].astype(int)
        assert np.abs(shown - expected).max() <= 2, side


def test_a_scrub_to_a_snapshot_shows_that_moments_digits(rewound, films):
    page = rewound
    slider = page.get_by_label(TIME)
    slider.focus()
    assert_digits(page, [film.model(0) for film in films.values()])
    for key, moment in (("End", -1), ("ArrowLeft", -2), ("ArrowLeft", -3), ("Home", 0), ("ArrowRight", 1)):
        slider.press(key)
        arrived(page)
        assert clock(page) == pytest.approx(films["vae"].snapshots[moment].epoch, abs=1e-9)
        assert_digits(page, [film.model(moment) for film in films.values()])
    shown = [span.inner_text() for span in page.locator(".latent-values span").all()]
    errors = [film.snapshots[1].metrics["squared_error"] for film in films.values()]
    assert shown[:2] == [f"{error:.1f}" for error in errors]


def test_the_browser_decodes_each_snapshot_as_torch_does(rewound, films):
    """Within 5e-3 a pixel, at codes of that moment."""
    page = rewound
    for moment in (0, 5, -1):
        page.get_by_label(TIME).focus()
        count = len(films["ae"].snapshots)
        page.get_by_label(TIME).press("Home")
        for _ in range(moment % count):
            page.get_by_label(TIME).press("ArrowRight")
        arrived(page)
        for name, film in films.items():
            ids = page.evaluate("latentExplorer.bankIds()")
            (bank,) = [each for each in ids if each.split(".")[0] == name and each.endswith(f"-{moment % count}")]
            z = film.snapshots[moment].codes[:6].float()
            script = "([id, z]) => latentExplorer.bankOf(id).then((b) => z.map((p) => Array.from(b.decode(p, 7))))"
            drawn = np.array(page.evaluate(script, [bank, z.tolist()]))
            with torch.inference_mode():
                decoded = film.model(moment).decode(z).flatten(1).numpy()
            assert np.abs(drawn - decoded).max() < 5e-3


def mixed(film, before, share):
    """The model between two snapshots: the straight line from weight to weight."""
    model, after = film.model(before), film.model(before + 1).state_dict()
    weights = {name: (1 - share) * model.state_dict()[name] + share * after[name] for name in film.snapshots[0].weights}
    model.load_state_dict(weights, strict=False)
    return model


def test_between_two_snapshots_codes_and_weights_are_between_theirs(page, address, films):
    before, share = 5, 0.25
    steps = [snapshot.epoch for snapshot in films["ae"].snapshots]
    epoch = steps[before] * (steps[before + 1] / steps[before]) ** share
    opened(page, address, f"?epoch={epoch:.6f}")
    assert clock(page) == pytest.approx(epoch, abs=1e-6)
    assert_digits(page, [mixed(film, before, share) for film in films.values()])
    codes = [films["vae"].snapshots[at].codes.float().numpy() for at in (before, before + 1)]
    expected = (1 - share) * codes[0] + share * codes[1]
    code = page.evaluate(f"{REPLAY}.films.right.code(4321)")
    assert np.abs(np.array(code) - expected[4321]).max() < 1e-3


def test_the_cursor_is_dragged_over_the_curves_and_the_link_reopens_there(page, address):
    opened(page, address)
    box = page.get_by_label(TIME).bounding_box()
    height = box["y"] + box["height"] / 3
    page.mouse.move(box["x"] + 10, height)
    page.mouse.down()
    seen = []
    for share in (0.3, 0.6, 0.8):
        page.mouse.move(box["x"] + share * box["width"], height, steps=3)
        seen.append(clock(page))
    page.mouse.up()
    settle(page, "location.search.includes('epoch=')")
    assert 0 < seen[0] < seen[1] < seen[2] < 60
    assert seen[0] < 0.3  # a third of the way is still within the first epoch
    where = clock(page)
    assert where == seen[2]
    arrived(page)
    digits = [canvas_pixels(page, f".latent-panel.{side} .latent-screen") for side in ("left", "right")]
    opened(page, page.url.split("/replay")[0], "?" + page.url.split("?")[1])
    assert clock(page) == pytest.approx(where, abs=1e-6)
    for side, digit in zip(("left", "right"), digits, strict=True):
        assert np.abs(canvas_pixels(page, f".latent-panel.{side} .latent-screen") - digit).max() <= 1


def test_it_plays_to_the_end_pauses_and_starts_again(rewound):
    page = rewound
    page.get_by_label("Speed").select_option("2")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("Number(document.querySelector('.latent-curves').getAttribute('aria-valuenow')) > 0.2")
    page.get_by_role("button", name="Pause").click()
    still = clock(page)
    page.wait_for_timeout(300)
    assert clock(page) == still
    settle(page, "location.search.includes('epoch=')")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.latent-curves').getAttribute('aria-valuenow') === '60'")
    page.get_by_role("button", name="Play").click()  # has stopped by itself, and begins anew
    page.wait_for_function("Number(document.querySelector('.latent-curves').getAttribute('aria-valuenow')) < 50")
    page.get_by_role("button", name="Pause").click()


def test_a_click_keeps_a_point_and_the_server_is_not_needed_to_decode_it(page, address, films):
    opened(page, address, "?epoch=60")
    before = pinned(page, "right")
    box = page.locator(".latent-panel.right .latent-theatre").bounding_box()
    page.context.set_offline(True)
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.move(5, 5)
    page.wait_for_function(
        "(z) => document.querySelector('[aria-label=\"right z1\"]').value !== z", arg=f"{before[0]:.3f}"
    )
    drawn(page)
    assert pinned(page, "right") != before
    assert_digits(page, [film.model(-1) for film in films.values()])
    page.context.set_offline(False)
    page.get_by_label("left z1").fill("1.5")
    page.keyboard.press("Tab")
    settle(page, "location.search.includes('z1_replay_left=1.5')")
    assert_digits(page, [film.model(-1) for film in films.values()])


def test_of_picks_in_a_burst_none_is_lost_and_the_page_stays(page, address):
    opened(page, address)
    page.evaluate("""async () => {
      globalThis.first = latentExplorer.controllerOf("replay");
      for (let i = 0; i < 60; i++) {
        first.pick(i % 2 ? 'left' : 'right', [i, -i]);
        if (i < 57) await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }""")
    settle(page, "['z1_replay_left=59', 'z1_replay_right=58'].every((each) => location.search.includes(each))")
    assert page.evaluate(f"{REPLAY} === first")
    assert page.locator(".latent-replay").count() == 1
    assert (pinned(page, "left"), pinned(page, "right")) == ((59, -59), (58, -58))


def test_an_answer_does_not_undo_what_is_being_typed(page, address):
    held = Held(page)
    opened(page, address)
    held.late = True
    box = page.locator(".latent-panel.right .latent-theatre").bounding_box()
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    wait_until(page, lambda: any(b"z1_replay_right=" in message for message in held.answers))
    page.get_by_label("left z1").fill("1.5")
    held.late = False
    held.release()
    settle(page, "location.search.includes('z1_replay_right=')")
    page.keyboard.press("Tab")
    settle(page, "location.search.includes('z1_replay_left=1.5')")


def test_the_point_under_the_pointer_is_decoded_and_its_image_is_ringed_on_both_maps(page, address):
    opened(page, address, "?epoch=5")
    box = page.locator(".latent-panel.left .latent-theatre").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_function("document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 2")
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelectorAll('.latent-lens[style*=\"visible\"]').length === 0")


def cloud(page, side):
    """Of the pixels of a side's codes, how many are painted, and how many in the colour of the ones."""
    script = """([side, red]) => {
      const canvas = document.querySelector(`.latent-panel.${side} .latent-cloud`);
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let [painted, ones] = [0, 0];
      for (let i = 0; i < data.length; i += 4) {
        painted += data[i + 3] > 0;
        ones += data[i + 3] > 150 && red.every((level, channel) => Math.abs(data[i + channel] - level) < 8);
      }
      return [painted, ones];
    }"""
    return page.evaluate(script, [side, list(bytes.fromhex(figures.PALETTES["light"][1][1:]))])


def test_a_class_can_be_hidden_and_the_others_stay(page, address):
    opened(page, address, "?epoch=60&fit=0")
    painted, ones = cloud(page, "right")
    assert ones > 500
    page.get_by_role("button", name="1", exact=True).click()
    drawn(page)
    rest, left = cloud(page, "right")
    assert left < 50
    assert rest > 0.7 * painted


def test_only_what_is_looked_at_is_fetched(page, address):
    """The codes of all snapshots come first, and of the decoders those of the moment."""
    sizes = []

    def answered(response):
        if response.url.startswith(f"{address}/media/"):
            sizes.append(int(response.headers["content-length"]))

    page.on("response", answered)
    opened(page, address)
    codes, decoders = [size for size in sizes if size < 700_000], [size for size in sizes if size >= 700_000]
    assert (len(codes), len(decoders)) == (2, 2)
    page.get_by_label(TIME).press("End")
    arrived(page)
    assert len(sizes) == 6


def test_the_tiles_are_the_decoders_of_the_moment(page, address, films):
    opened(page, address, "?manifold=1&epoch=60&fit=0")
    panel = f"{REPLAY}.panels.right"
    page.wait_for_function(f"{panel}.mosaic.fine.made.every((each) => each && each === {panel}.mosaic.instant)")
    middle = "(view) => view.toPlane([view.frame().left + 5.5 * 28, view.frame().top + 4.5 * 28])"
    z = page.evaluate(f"({middle})({panel}.theatre.view)")
    script = f"Array.from({panel}.mosaic.fine.canvas.getContext('2d').getImageData(5 * 28, 4 * 28, 28, 28).data)"
    tile = np.array(page.evaluate(script)).reshape(28, 28, 4)[..., 0].astype(int)
    assert np.abs(tile - decode.at(films["vae"].model(-1), np.array([z]))[0]).max() <= 2


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 900)])
def test_the_page_opens_without_an_error_in_both_themes(new_tab, address, scheme, width):
    page = new_tab(width=width, color_scheme=scheme)
    opened(page, address)
    assert page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
