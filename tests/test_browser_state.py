"""The state of a visitor in a real browser: on every page, in the history, over a lost connection, in number fields.

MNIST is not needed. Every widget of a page that has a field of the state must show it, whatever page came before.
"""

from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from chromium import CHARTS, ROOT, Held, app, arrive, go_to, place, ready, settle, visit, wait_until

from explorer.extent import extent
from explorer.state import from_query
from explorer.views.parts import label
from vae.storage.checkpoint import read

pytestmark = pytest.mark.browser

MODEL_OF = {"style_map": "style", "bound_map": "bound_model"}  # of other charts the side
CHOSEN = (  # nothing is as it is by default
    "left=cvae&right=vae-best&label_left=3&manifold=1&prior=0&magnification=1&sampling=1&z1_left=0.25&z2_left=-0.5&z1_right=1&z2_right=-1"
    "&path=arc&image_a=5&image_b=9&style=cvae-best&z1_style=0.5&z2_style=0.75&label=4&sampled=2&morph=6&samples=20&seed=11"
    "&bound_model=cvae&image_bound=14&unit=bits&replay_left=vae&replay_right=ae&epoch=0.5&fit=0&train_model=cvae"
    "&train_network=deep&train_likelihood=bernoulli&train_beta=2.5&train_kl=monte-carlo&train_epochs=7&train_seed=3"
)
WIDGETS = """() => [...document.querySelectorAll("[class*='st-key-']")].flatMap((box) => {
  const field = [...box.classList].find((name) => name.startsWith("st-key-")).slice(7);
  const input = box.querySelector("input");
  const chosen = box.querySelector("button[aria-checked=true]");
  if (chosen) return [[field, chosen.textContent]];
  if (!input) return [];
  return [[field, ["checkbox", "radio"].includes(input.type) ? input.checked : input.value]];
})"""
HOME = "(key) => document.querySelector(`.st-key-${key} .js-plotly-plot`).layout.meta.home.flat()"


def state_of(page):
    return from_query(dict(parse_qsl(urlsplit(page.url).query)))


def assert_widgets_show(page, state):
    """Every widget that has a field of the state shows what is in it; gives the fields that were compared."""
    compared = []
    for field, shown in page.evaluate(WIDGETS):
        value = getattr(state, field, None)
        if value is None:
            continue
        if isinstance(value, bool) or field in ("path", "unit"):
            assert shown == value, field
        elif isinstance(value, int | float) and field.startswith(("label", "sampled", "morph")):
            assert shown == str(value), field  # the names of MNIST's classes
        elif isinstance(value, int | float):
            assert float(shown) == pytest.approx(value, rel=1e-6), field
        elif field in ("left", "middle", "right", "style", "bound_model", "replay_left", "replay_right"):
            assert shown == label(value), field
        else:
            continue
        compared.append(field)
    return compared


def shows(page, state):
    try:
        return bool(assert_widgets_show(page, state))
    except AssertionError:
        return False


def circuit(names):
    """An odd number of names, every pair of them once, each pair beginning where the one before ended."""
    left = {name: [other for other in names if other != name] for name in names}
    trail, way = [names[0]], []
    while trail:
        if left[trail[-1]]:
            there = left[trail[-1]].pop()
            left[there].remove(trail[-1])
            trail.append(there)
        else:
            way.append(trail.pop())
    return way[::-1]


@pytest.mark.fault("a chooser, toggle or field showed something else than the state after a change of the page")
def test_between_any_two_pages_every_widget_the_charts_and_the_address_agree(page, address):
    visit(page, f"{address}/?{CHOSEN}", "map_left", "map_right")
    chosen = state_of(page)
    homes = {}
    for name in ("cvae", "cvae-best", "vae-best"):
        homes[name] = np.ravel(extent(read(ROOT / "checkpoints" / name).codes.numpy(), prior=True)).tolist()
    compared = set()
    way = circuit(list(CHARTS))
    assert len(set(map(frozenset, pairwise(way)))) == len(way) - 1 == len(CHARTS) * (len(CHARTS) - 1) / 2
    for name in way[1:]:
        go_to(page, name)
        assert state_of(page) == chosen, name
        compared.update(assert_widgets_show(page, chosen))
        for chart in CHARTS[name]:
            model = getattr(chosen, MODEL_OF.get(chart, chart.split("_")[-1]))
            if name != "bound":  # whose window is as wide as the prior
                assert page.evaluate(HOME, chart) == pytest.approx(homes[model]), (name, chart)
    assert compared >= {"left", "right", "label_left", "sampling", "prior", "path", "image_a", "style", "samples"}
    assert compared >= {
        "seed",
        "unit",
        "bound_model",
        "image_bound",
        "replay_left",
        "fit",
        "train_epochs",
        "z1_left",
        "sampled",
    }


@pytest.mark.fault("back and forward did nothing")
def test_back_undoes_one_thing_and_forward_does_it_again(page, address):
    line = Held(page)
    visit(page, address, "map_left", "map_right")
    seen = [page.url]
    for across in (0.6, 0.4):
        at, _ = place(page, "map_right", across, across)
        page.mouse.click(*at)
        page.wait_for_function("(before) => location.href !== before", arg=seen[-1])
        ready(page)
        seen.append(page.url)
    for late in (False, True):  # its first click pins a point, its second takes it back: no entry is left
        line.late = late
        page.mouse.dblclick(*place(page, "map_right", 0.5, 0.7)[0])
        page.wait_for_timeout(600)
        line.late = False
        line.release()
        page.wait_for_url(seen[-1])
        ready(page)
    page.get_by_text("Manifold", exact=True).click()
    page.wait_for_url("**manifold=1")
    seen.append(page.url)
    for name in ("interpolate", "replay"):
        go_to(page, name)
        seen.append(page.url)
    page.wait_for_selector(".latent-replay:not(.latent-waiting)")
    page.locator(".latent-curves").focus()
    page.keyboard.press("End")
    page.wait_for_url("**epoch=**")
    seen.append(page.url)
    assert len(set(seen)) == len(seen)
    last = page.locator(".latent-clock").inner_text()
    for step, url in [("back", url) for url in seen[-2::-1]] + [("forward", url) for url in seen[1:]]:
        getattr(page, f"go_{step}")()
        page.wait_for_url(url)
        arrive(page, urlsplit(url).path.strip("/") or "maps")
        assert page.url == url
        wait_until(page, lambda: shows(page, state_of(page)))  # the run under this address may not have begun
        if url == seen[-2]:
            page.wait_for_function("document.querySelector('.latent-clock')?.textContent === 'epoch 0.00'")
    page.wait_for_function("(last) => document.querySelector('.latent-clock')?.textContent === last", arg=last)


@pytest.mark.fault("back and forward did nothing")
def test_a_button_that_leads_to_another_page_is_one_entry_and_back_has_the_drawing(page, address):
    visit(page, f"{address}/draw", "draw_left", "draw_right")
    box = page.locator(".latent-pad canvas").first.bounding_box()
    page.mouse.move(box["x"] + 140, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 220, steps=5)
    page.mouse.up()
    page.wait_for_url("**drawing=**")
    ready(page)
    drawn, entries = page.url, page.evaluate("history.length")
    page.get_by_role("button", name="Path A").click()
    arrive(page, "interpolate")
    assert page.evaluate("history.length") == entries + 1
    page.go_back()
    page.wait_for_url(drawn)
    page.go_back()
    page.wait_for_url("**/draw")
    page.wait_for_selector(".latent-pad-hint", state="visible")
    page.go_forward()
    page.wait_for_url(drawn)
    page.wait_for_selector(".latent-pad-hint", state="hidden")


class Cut(Held):
    """A line that can be cut, and is then down until it is mended."""

    down = False

    def _connect(self, socket):
        if self.down:
            socket.close()
        else:
            super()._connect(socket)

    def cut(self):
        self.down = True
        self.socket.close()


@pytest.mark.fault("a page that was open while its session ended was dead")
def test_a_page_whose_session_the_server_has_forgotten_goes_on(page, tmp_path):
    settings = ("--server.disconnectedSessionTTL", "1")
    with app(tmp_path / "log", ROOT, "explorer/app.py", settings=settings) as (address, _):
        line = Cut(page)
        visit(page, f"{address}/?right=vae-best&z1_left=1", "map_left", "map_right")
        line.cut()
        page.wait_for_timeout(4_000)  # the server looks for sessions to forget every second or so
        at, (z1, _) = place(page, "map_right", 0.6, 0.4)
        page.mouse.click(*at)  # while nobody hears it
        line.down = False
        page.wait_for_url("**z1_right=**", timeout=60_000)
        ready(page)
        state = state_of(page)
        assert (state.right, state.z1_left) == ("vae-best", 1)
        assert state.z1_right == pytest.approx(z1, abs=0.05)
        page.get_by_text("Manifold", exact=True).click()
        page.wait_for_url("**manifold=1**")
        assert "does not exist anymore" not in (tmp_path / "log").read_text(encoding="utf-8")


TYPED = {  # into a field of a page, and the number that is meant; None where there is none
    ("maps", ".st-key-z1_right input"): {
        "1,5": "1.5",
        "−0.25": "-0.25",
        "": None,
        "abc": None,
        "0x10": None,
        "1e2": "100",
        "1e13": None,
    },
    ("interpolate", ".st-key-image_a input"): {
        "12": "12",
        "1,234": "1234",
        "1.5": None,
        "-3": None,
        "1e9": None,
        "": None,
        "0x1f": None,
    },
    ("train", ".st-key-train_learning_rate input"): {
        "0,002": "0.002",
        "": None,
        "0": None,
        "five": None,
        "1e-3": "0.001",
    },
    ("replay", ".latent-panel.right input"): {"1,5": "1.5", "": None, "abc": None, "1e13": None, "−2": "-2"},
}


@pytest.mark.fault("a number field made another number of what was typed")
def test_a_number_field_of_any_page_takes_what_is_meant_or_keeps_its_value_and_says_which(page, address):
    visit(page, address, *CHARTS["maps"])
    for (name, field), typed in TYPED.items():
        go_to(page, name)
        if name == "train":
            page.get_by_text("More", exact=True).click()
        if name == "replay":
            page.wait_for_selector(".latent-replay:not(.latent-waiting)")
        assert_takes(page, page.locator(field).first, typed)


def assert_takes(page, input, typed):
    for text, taken in typed.items():
        before = input.input_value()
        input.fill(text)
        input.press("Enter")
        expected = before if taken is None else taken
        if taken != text:
            said = page.locator(".latent-word").inner_text()
            assert ("stays" in said) == (taken is None), said
            assert float(said.rstrip(".").removesuffix(" stays").split()[-1]) == float(expected)
        settle(page, "([input, value]) => Number(input.value) === Number(value)", [input.element_handle(), expected])


EVERYTHING = """() => {
  const seen = [...document.querySelectorAll(".latent-button, .latent-range, .latent-class, .latent-choice, "
    + ".latent-pad canvas, .latent-curves, .latent-theatre, .latent-check input, figure")];
  for (const each of seen.filter((each) => !each.closest("[inert]"))) {
    const { left, top, width, height } = each.getBoundingClientRect();
    const at = { clientX: left + width / 2, clientY: top + height / 2, bubbles: true, pointerId: 1, button: 0 };
    for (const kind of ["pointermove", "pointerdown", "pointerup"]) each.dispatchEvent(new PointerEvent(kind, at));
    each.click();
    each.dispatchEvent(new Event("input", { bubbles: true }));
    each.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  }
  return seen.length;
}"""


@pytest.mark.fault("what was touched before its data had come threw an error")
@pytest.mark.parametrize("name", ["interpolate", "classes", "bound", "draw", "replay"])
def test_whatever_is_touched_while_a_slow_line_brings_the_page_works_or_waits(page, address, name):
    held = Held(page)
    held.late = True
    page.add_init_script("Element.prototype.setPointerCapture = () => {}")  # made-up pointers cannot be captured
    page.route("**/media/**", lambda route: (page.wait_for_timeout(200), route.continue_()))
    page.goto(f"{address}/{name}")
    touched = 0
    for _ in range(80):
        wait_until(
            page, lambda: held.answers or page.locator("[data-testid=stApp][data-test-script-state=notRunning]").count()
        )
        for answer in held.answers[:3]:
            held.answers.remove(answer)
            held.socket.send(answer)
        touched += page.evaluate(EVERYTHING)
        there = page.locator(".latent-layers, .latent-replay:not(.latent-waiting)").count()
        if there and touched and not held.answers:
            break
    held.late = False
    held.release()
    assert touched
    settle(page, "!document.querySelector('.latent-waiting')")
    touched = page.evaluate(EVERYTHING)
    page.wait_for_timeout(300)
    assert touched
