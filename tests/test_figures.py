"""Laws of the maps: colours that all eyes can tell apart, one unit on both axes, every code in its class's trace."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from chromium import ROOT

from explorer import extent, figures
from vae.architecture import DIGITS

# How colours look to eyes that lack a cone, in linear RGB: Machado, Oliveira and Fernandes, A physiologically-based
# model for simulation of color vision deficiency, 2009, severity 1.
EYES = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
BACKGROUNDS = {"light": "#ffffff", "dark": "#111317"}
LMS = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
OKLAB = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])


def linear(colours):
    rgb = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colours):
    return linear(colours) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("theme", BACKGROUNDS)
@pytest.mark.parametrize("eyes", EYES)
def test_no_two_classes_look_alike(eyes, theme):
    """Distances in Oklab (Ottosson, A perceptual color space for image processing, 2020); 0.02 is just noticeable."""
    seen = np.clip(linear(figures.PALETTES[theme]) @ np.transpose(EYES[eyes]), 0, 1)
    lab = np.cbrt(seen @ LMS.T) @ OKLAB.T
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(10, 1)]
    assert distances.min() > (0.175 if eyes == "normal" else 0.115)


@pytest.mark.parametrize("theme", BACKGROUNDS)
def test_every_class_stands_out_from_the_background(theme):
    """WCAG 2.1, 1.4.11: graphics have a contrast of 3 : 1 to what is beside them."""
    pair = luminance(figures.PALETTES[theme]), luminance([BACKGROUNDS[theme]])
    assert ((np.maximum(*pair) + 0.05) / (np.minimum(*pair) + 0.05)).min() >= 3


@pytest.mark.parametrize("theme", BACKGROUNDS)
def test_the_colours_of_numbers_stand_out_too_and_are_evenly_apart(theme):
    colours = [f"#{bytes(map(int, re.findall('[0-9]+', colour))).hex()}" for colour in figures.SCALES[theme]]
    light, ground = luminance(colours), luminance([BACKGROUNDS[theme]])
    assert ((np.maximum(light, ground) + 0.05) / (np.minimum(light, ground) + 0.05)).min() >= 3
    assert (np.diff(light) > 0).all()  # so that they are told apart without colours
    steps = np.linalg.norm(np.diff(np.cbrt(linear(colours) @ LMS.T) @ OKLAB.T, axis=0), axis=1)
    assert steps.max() < 2 * steps.min()


@pytest.mark.parametrize("spread", [(1, 1), (20, 3), (3, 20)])
@pytest.mark.parametrize("ratio", [1 / extent.LONGEST, 1, extent.LONGEST])
def test_the_surroundings_hold_what_a_map_of_any_ratio_shows(spread, ratio):
    codes = np.random.default_rng(0).normal(size=(500, 2)) * spread
    shown, around = np.array(extent.extent(codes, True)), np.array(extent.surroundings(codes, True))
    unit = max(np.diff(shown)[:, 0] / [ratio, 1])  # of both axes: the one with more room shows more
    half = unit * np.array([ratio, 1]) / 2
    assert (around[:, 0] < shown.mean(1) - half).all()
    assert (around[:, 1] > shown.mean(1) + half).all()


def test_a_map_holds_every_code_once_in_one_unit():
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(500, 2)).astype(np.float32) * [20, 3]
    labels = generator.integers(0, 10, 500).astype(np.uint8)
    figure = figures.latent_map(codes, labels, True, DIGITS)
    assert figure.layout.yaxis.scaleanchor == "x"
    assert figure.layout.yaxis.scaleratio == 1
    drawn, classes = points(figure)
    order = [np.lexsort(each.T) for each in (drawn, codes)]
    np.testing.assert_array_equal(drawn[order[0]], codes[order[1]])
    np.testing.assert_array_equal(classes[order[0]], labels[order[1]])


def points(figure):
    """The points of a map and their classes, in the order in which they are drawn."""
    traces = [
        (trace.x, trace.y, [int(trace.name)] * len(trace.x)) for trace in figure.data if trace.type == "scattergl"
    ]
    x, y, labels = (np.concatenate(parts) for parts in zip(*traces, strict=True))
    return np.stack([x, y], axis=1), labels


@pytest.mark.fault("classes were painted one over the other, so that a 4 lay hidden under a 9")
def test_no_class_hides_another_and_the_legend_shows_and_hides_each_as_a_whole():
    labels = np.repeat(np.arange(10, dtype=np.uint8), 200)  # as a data set in folders has them
    figure = figures.latent_map(np.zeros((2000, 2), np.float32), labels, True, DIGITS)
    _, drawn = points(figure)
    for part in np.array_split(drawn, 5):
        shares = np.bincount(part, minlength=10) / len(part)
        assert 0.05 < shares.min() < shares.max() < 0.2
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == list(DIGITS)
    assert len({(trace.name, trace.legendgroup, trace.marker.color) for trace in figure.data}) == 10


def test_a_page_draws_the_codes_itself_on_the_same_axes_under_the_same_legend():
    codes = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    whole, empty = figures.latent_map(codes, np.zeros(500, int), True, DIGITS), figures.empty_map(codes, True, DIGITS)
    assert empty.layout.xaxis == whole.layout.xaxis
    assert empty.layout.yaxis == whole.layout.yaxis
    assert [trace.marker for trace in empty.data] == [trace.marker for trace in whole.data[:10]]
    assert all(trace.x == (None,) for trace in empty.data)


def test_a_bare_plane_has_no_codes_but_all_classes_in_its_legend():
    figure = figures.plane(300, 4.5, DIGITS)
    assert [trace.name for trace in figure.data] == [str(digit) for digit in range(10)]
    assert [trace.marker.color for trace in figure.data] == list(figures.PALETTES["light"])
    assert all(trace.x == (None,) for trace in figure.data)
    assert figure.layout.yaxis.scaleanchor == "x"
    assert figure.layout.xaxis.range == figure.layout.yaxis.range == (-4.5, 4.5)


def test_a_few_outliers_do_not_shrink_the_rest():
    codes = np.random.default_rng(0).normal(size=(5000, 2))
    calm = extent.extent(codes, prior=False)
    codes[:3] = 1e4
    wild = extent.extent(codes, prior=False)
    np.testing.assert_allclose(wild, calm, atol=1)


def test_a_class_has_its_name_and_its_colour_and_no_name_is_taken_for_markup():
    codes = np.zeros((30, 2), np.float32)
    figure = figures.empty_map(codes, False, ("cat", "<b>dog</b>", "a very long name of a class"))
    assert [trace.name for trace in figure.data] == ["cat", "&lt;b&gt;dog&lt;/b&gt;", "a very long…"]
    assert [trace.marker.color for trace in figure.data] == list(figures.PALETTES["light"][:3])


def test_a_legend_of_ten_long_names_has_room_for_its_second_row():
    short, long = (figures.plane(300, 3, names) for names in (DIGITS, [f"kind {name}" for name in DIGITS]))
    assert long.layout.margin.t >= short.layout.margin.t + 18
    assert 5 * long.layout.legend.entrywidth <= 1
    assert long.layout.legend.entrywidth > short.layout.legend.entrywidth
    few = figures.plane(300, 3, ("cat", "dog", "weasel"))
    assert few.layout.margin.t == short.layout.margin.t


def test_few_codes_have_larger_marks_and_no_more_codes_smaller_ones():
    sizes = [figures.dot(count) for count in (10, 100, 1_000, 10_000, 40_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 2 * sizes[3]
    assert sizes[3] == sizes[4]


@pytest.mark.fault("visitors of a server that had just started got an error")
def test_a_figure_can_be_asked_while_another_visitors_run_imports_pandas():
    code = (
        "import sys, threading\n"
        "from explorer import figures\n"
        "figure = figures.plane(300, 4.0, ('a',))\n"
        "threading.Thread(target=__import__, args=('pandas',)).start()\n"
        "while 'pandas' not in sys.modules: pass\n"
        "figures.plane(300, 4.0, ('a', 'b')).layout.xaxis.range"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
