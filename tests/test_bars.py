"""Laws of bars: all is to scale, all rows end at the same place, numbers are written as a person writes them."""

import math
import re
from itertools import pairwise

import pytest

from explorer.markup import bars
from explorer.markup.bars import Part

CUTS = [[Part("a", 500.0, "x"), Part("b", 3.84, "y")], [Part("c", 495.59, "z"), Part("d", 1.35), Part("e", 6.9)]]


def widths(html):
    return [[float(w) for w in re.findall(r"width: ([\d.]+)%", row)] for row in html.split("latent-cut")[1:]]


@pytest.mark.parametrize("unit", bars.NATS)
def test_lengths_are_to_scale_and_the_rows_end_at_the_same_place(unit):
    found = widths(bars.bar(CUTS, Part("start", 448.73), unit))
    assert [sum(row) for row in found] == pytest.approx([100, 100], abs=0.01)
    length = 503.84 - 448.73
    assert found[0] == pytest.approx([100 * (500 - 448.73) / length, 100 * 3.84 / length], abs=0.01)
    assert found[1][1:] == pytest.approx([100 * 1.35 / length, 100 * 6.9 / length], abs=0.01)


def test_a_bar_may_start_below_zero():
    cuts = [[Part("a", -40.0), Part("b", 30.0)]]
    assert widths(bars.bar(cuts, Part("start", -100.0), "nats"))[0] == pytest.approx(
        [100 * 60 / 90, 100 * 30 / 90], abs=0.01
    )


def test_a_mark_stands_where_its_number_says():
    html = bars.bar(CUTS, Part("start", 448.73), "bits")
    marks = re.findall(r'left: ([\d.]+)%">([\d,]+)<', html)
    assert len(marks) > 3
    for left, text in marks:
        place = (float(text.replace(",", "")) * math.log(2) - 448.73) / (503.84 - 448.73)
        assert float(left) == pytest.approx(100 * place, abs=0.01)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (448.7, 503.9), (-1084.8, 466.9), (0, 0.02), (647, 727), (3, 3)])
def test_ticks_are_few_round_and_within(low, high):
    found = bars.ticks(low, high)
    assert len(found) <= bars.TICKS
    assert all(low < tick < high for tick in found)
    assert all(tick == round(tick) for tick in found)
    steps = {round(b - a) for a, b in pairwise(found)}
    assert len(steps) <= 1
    assert all(str(step).rstrip("0") in ("1", "2", "5") for step in steps)


@pytest.mark.parametrize(
    ("nats", "unit", "text"),
    [
        (-495.428, "nats", "−495.43"),
        (1857.75, "nats", "1,857.75"),
        (math.log(2), "bits", "1.00"),
        (-0.001, "nats", "0.00"),
    ],
)
def test_a_number_is_written_as_a_person_writes_it(nats, unit, text):
    assert bars.number(nats, unit) == text


def test_a_name_is_escaped_and_left_out_where_it_has_no_room():
    html = bars.bar([[Part("<b>", 99.0), Part("long name", 1.0)]], Part("0", 0.0), "nats")
    assert "&lt;b&gt;" in html
    assert "<b>99.00</b>" in html
    assert "long name <b>" not in html
    assert 'title="long name: 1.00 nats"' in html


def test_an_equation_has_each_term_once_after_its_operator():
    html = bars.equation([("", Part("a", 3.0), "first"), ("−", Part("b", 1.0, "kind"), "second")], "nats")
    assert html.count('class="latent-term"') == 2
    assert re.search(r"<span>−</span>1\.00</strong><small>second", html)
    assert html.count("latent-part-kind") == 1
