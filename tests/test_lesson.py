"""The texts of the lesson."""

import re
from pathlib import Path

import pytest

from explorer import state
from explorer.browser import SHELL
from explorer.markup import lesson
from explorer.views import learn

VIEWS = Path(learn.__file__).parent


def plain(html):
    return re.sub(r"<[^>]+>", "", html)


@pytest.mark.parametrize("step", lesson.STEPS, ids=lambda step: step.figure)
def test_a_step_is_short_has_three_answers_and_opens_what_there_is(step):
    assert len(plain(step.words).split()) <= 80
    assert len(set(step.answers)) == 3
    assert step.question.endswith("?")
    assert "data-term" in step.words + step.formula
    state.read_query({name: str(value) for name, value in step.choices.items() if value != ""})
    assert set(step.choices) <= set(state.FIELDS)
    assert (VIEWS / f"{step.page}.py").exists()


def test_the_steps_are_those_that_the_browser_and_the_address_know():
    figures = (SHELL.parent / "lesson" / "figures.js").read_text(encoding="utf-8")
    assert re.findall(r"^  (\w+): \w+,$", figures, re.MULTILINE) == [step.figure for step in lesson.STEPS]
    assert state.limits("step") == (1, len(lesson.STEPS))


def test_a_formula_is_broken_before_operators_outside_of_brackets_alone():
    made = lesson.in_lines("<button>KL(q ‖ p)</button> = E[a − b] − KL(c + d), at σ = 1")
    assert re.findall(r'"latent-unbroken">(.*?)</span>', made) == [
        "<button>KL(q ‖ p)</button>", "= E[a − b]", "− KL(c + d),", "at σ", "= 1",
    ]  # fmt: skip
    assert plain(lesson.unbroken('of log p(x | z) and <b title="p(x)">p(x)</b>.')) == "of log p(x | z) and p(x)."
    assert lesson.unbroken('<b title="p(x)">x</b>') == '<b title="p(x)">x</b>'


def test_a_link_takes_the_image_along():
    page, choices = lesson.opened(1, 5)
    assert page == "interpolate"
    assert choices == {"left": "ae", "image_a": 5}
    assert lesson.opened(2, 5)[1] == {"left": "ae", "right": "vae"}


@pytest.mark.parametrize(
    "junk", [None, 5, "x", {}, {"step": 0, "image": 1}, {"step": 99, "image": 1}, {"step": 1, "image": -1}]
)
def test_junk_from_the_browser_changes_nothing(junk, monkeypatch):
    monkeypatch.setattr(learn.session, "update", lambda **changes: pytest.fail(str(changes)))
    learn.picked(junk)


def test_a_term_that_is_not_in_the_glossary_is_no_part_of_a_formula():
    with pytest.raises(KeyError, match="glossary"):
        lesson.part("phlogiston", "x")
