"""Laws of formulas: they hold this image's numbers, say what is given, and are whole."""

import math

import numpy as np
import pytest

from explorer.markup import formulas
from explorer.quantities.bound import Analysis, Description, Gaussian, Terms
from explorer.quantities.posterior_map import PosteriorMap, Shades

TERMS = Terms(
    log_px=-495.43,
    error=0.01,
    elbo=-503.68,
    elbo_error=0.01,
    reconstruction=-499.84,
    kl=3.84,
    approximation_gap=1.35,
    amortization_gap=6.9,
    perfect=-448.73,
)
SHADES = Shades(((0, 1), (0, 1)), np.zeros((2, 2), np.uint8), (0.5, 2.0))
ANALYSIS = Analysis(
    terms=TERMS,
    description=Description(5.54, 5546.9, 5552.4, 11.9, 1 / 255, 0.97),
    q=Gaussian((-0.01, 0.67), (0.07, 0.15)),
    best=Gaussian((1.04, 1.39), (0.18, 0.12)),
    mean=(0.75, 0.87),
    std=(0.75, 0.53),
    posterior=PosteriorMap(SHADES, SHADES, 0.002),
    view=((0, 1), (0, 1)),
    reconstruction=np.zeros((28, 28), np.uint8),
)


def text(unit="nats", given="", sigma=None):
    return [each.tex for each in formulas.formulas(ANALYSIS, unit, given, sigma)]


@pytest.mark.parametrize("sigma", [None, 0.707])
@pytest.mark.parametrize("given", ["", "y = 3"])
@pytest.mark.parametrize("unit", ["nats", "bits"])
def test_formulas_are_whole(unit, given, sigma):
    for tex, sentence in formulas.formulas(ANALYSIS, unit, given, sigma):
        assert tex.count("{") == tex.count("}")
        assert "−" not in tex
        assert sentence.endswith(".")


def test_every_term_is_there_with_its_number():
    all_of_it = " ".join(text(sigma=0.5))
    for number in (
        "-495.43",
        "-503.68",
        "-499.84",
        "3.84",
        "1.35",
        "6.90",
        "8.25",
        "5{,}552.4",
        r"\beta = 2\sigma^2 = 0.5",
    ):
        assert number in all_of_it


def test_an_integral_that_has_not_settled_is_called_so_with_what_it_may_be_off():
    unsettled = ANALYSIS._replace(terms=TERMS._replace(error=3.2))
    (_, _, settled), (_, _, said) = (formulas.terms(analysis, "nats", False)[0] for analysis in (ANALYSIS, unsettled))
    assert settled.startswith("exact, ± 0.010")
    assert said.startswith("not settled, ± 3.200")
    (tex, sentence), *_ = formulas.formulas(unsettled, "nats", "", None)
    assert r"\pm 3.200" in tex
    assert "too long" in sentence


def test_an_elbo_that_has_not_settled_is_shown_with_what_it_may_be_off():
    unsettled = ANALYSIS._replace(terms=TERMS._replace(elbo_error=0.37))
    for analysis, times in ((ANALYSIS, 0), (unsettled, 3)):
        notes = [note for *_, note in formulas.terms(analysis, "nats", False)]
        assert sum("± 0.37 nats" in note for note in notes) == times  # gap, ELBO, reconstruction
        assert sum(r"\pm 0.37" in tex for tex, _ in formulas.formulas(analysis, "nats", "", None)) == min(times, 2)


@pytest.mark.parametrize(("bits", "share"), [(7_000.0, 0.52), (5_000.0, 0.52), (5_000.0, 0.97)])
def test_a_code_longer_than_the_raw_image_says_why(bits, share):
    analysis = ANALYSIS._replace(description=ANALYSIS.description._replace(total_bits=bits, on_levels=share))
    said = next(sentence for _, sentence in formulas.formulas(analysis, "nats", "", 0.707) if "two-part" in sentence)
    assert ("52%" in said) == (share == 0.52)
    assert ("raw image (6,272 bits)" in said) == (bits > 6_272)


def test_in_bits_all_numbers_are_in_bits():
    all_of_it = " ".join(text("bits"))
    assert f"{-495.43 / math.log(2):.2f}" in all_of_it
    assert "nats" not in all_of_it


def test_only_a_gaussian_of_one_sigma_has_the_knob_and_the_squared_error():
    assert len(text(sigma=0.5)) == len(text()) + 1
    split = next(tex for tex in text(sigma=0.5) if "784" in tex)
    assert f"{2 * 0.25 * (TERMS.perfect - TERMS.reconstruction):.2f}" in split
    assert not any("784" in tex for tex in text())


def test_a_conditional_model_says_what_is_given():
    tex = text(given="y = 3")
    assert r"\log p(x \mid y = 3)" in tex[0]
    assert r"x \mid z, y = 3" in tex[0]
    named = [part.name for _, part, _ in formulas.terms(ANALYSIS, "nats", conditional=True)]
    assert "log p(x | y)" in named
    assert "E log p(x | z, y)" in named


def test_the_equation_holds_as_it_is_written():
    sides = [[]]
    for operator, part, _ in formulas.terms(ANALYSIS, "nats", conditional=False):
        if operator == "=":
            sides.append([])
        sides[-1].append(-part.nats if operator == "−" else part.nats)
    assert [sum(side) for side in sides] == pytest.approx([TERMS.elbo] * 3)


def test_the_cuts_of_the_bar_end_at_the_same_place():
    ways, start = formulas.cuts(ANALYSIS, conditional=False)
    ends = [sum(part.nats for part in way) for way in ways]
    assert ends == pytest.approx([-TERMS.elbo] * 2, abs=0.01)
    assert start.nats == -TERMS.perfect
