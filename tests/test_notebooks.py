"""Maps in a notebook, of decoders that are not ours: one of convolutions in PyTorch, and functions of NumPy."""

import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from chromium import ROOT
from strangers import CODES, LABELS, Convolutions, moving_spot

import vae
from explorer.quantities import tabulated

LINES = 24  # enough for laws


def some_points(table, count=200):
    low, high = (np.array([axis[end] for axis in (table.across, table.up)]) for end in (0, -1))
    return np.random.default_rng(1).uniform(low, high, size=(count, 2)).astype(np.float32)


def bilinear(z):
    """Images in which each pixel is linear in z1 and in z2, in [0, 1] where both are within 60 of 0."""
    ramp = np.linspace(-1, 1, 784)
    z1, z2 = np.clip(z.astype(float) / 60, -1, 1).T[..., None]
    return 0.5 + (ramp * z1 + np.roll(ramp, 100) * z2 + np.roll(ramp, 200) * z1 * z2) / 6


def test_a_decoder_that_is_linear_along_both_axes_is_read_to_half_a_grey_level_everywhere():
    table = tabulated.tabulate(bilinear, CODES, prior=False, lines=LINES)
    z = some_points(table)
    np.testing.assert_allclose(tabulated.between(table, z), bilinear(z), rtol=0, atol=0.5 / 255 + 1e-6)
    assert table.error < table.largest_error < 0.5 / 255 + 1e-6


def test_the_error_of_a_smooth_decoder_falls_with_the_square_of_the_lines():
    few, many = (tabulated.tabulate(moving_spot, CODES, prior=True, lines=lines) for lines in (13, 25))
    assert few.error / many.error == pytest.approx(4, rel=0.1)


def test_the_lines_reach_every_code_and_beyond_them_the_nearest_counts():
    far = np.concatenate([CODES, [[1e3, -1e3]]]).astype(np.float32)
    table = tabulated.tabulate(moving_spot, far, prior=False, lines=LINES)
    assert table.across[-1] == 1e3
    assert table.up[0] == -1e3
    assert (np.diff(table.across) > 0).all()
    edge, beyond = tabulated.between(table, np.array([[1e3, 0.25], [5e3, 0.25]]))
    assert (edge == beyond).all()


def test_a_module_a_method_of_it_and_functions_of_tensors_and_of_arrays_are_the_same_decoder():
    module = Convolutions().train()
    module.drop.eval()  # as some leave a part of their model

    def of_tensors(z):
        return torch.nn.functional.relu(module.decode(z)).flatten(1)

    def of_arrays(z):
        return module.decode(torch.from_numpy(np.asarray(z, order="C"))).detach().numpy()[:, 0]

    first, *others = (
        tabulated.tabulate(decode, CODES, prior=False, lines=LINES)
        for decode in (module, module.decode, of_tensors, of_arrays)
    )
    for other in others:
        assert np.abs(first.levels.astype(int) - other.levels).max() <= 1
    assert first.levels.std() > 10
    assert module.training
    assert not module.drop.training


def test_dropout_is_at_rest_while_a_module_is_decoded():
    module = Convolutions(dropout=0.5).train()
    table = tabulated.tabulate(module, CODES, prior=False, lines=LINES)
    crossing = torch.tensor([[table.across[7], table.up[9]]])
    with torch.no_grad():
        own = module.eval()(crossing).flatten().numpy()
    np.testing.assert_allclose(table.levels[:, 9, 7] / 255, own, rtol=0, atol=0.5 / 255 + 1e-6)


def failing(z):
    raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


REFUSED = {
    "codes of three numbers": ({"codes": np.zeros((5, 3))}, r"codes must be numbers \(N, 2\).*\(5, 3\)"),
    "no codes": ({"codes": np.zeros((0, 2)), "labels": []}, r"codes must be numbers \(N, 2\).*\(0, 2\)"),
    "codes that are words": ({"codes": np.array([["a", "b"]]), "labels": [0]}, r"codes must be numbers.*<U1"),
    "codes with NaN": ({"codes": np.array([[0, np.nan]]), "labels": [0]}, "codes must be finite"),
    "too few labels": ({"labels": LABELS[:-1]}, r"labels must be \(300,\).*\(299,\)"),
    "a label without a name": ({"names": ["a", "b"]}, "labels must be whole numbers from 0 to 1"),
    "eleven classes": ({"labels": np.arange(300) % 11}, "10 classes at most.*there are 11"),
    "a decoder that fails": ({"decode": failing}, "array it raised RuntimeError: mat1 and mat2.*tensor it raised"),
    "a module of other inputs": (
        {"decode": torch.nn.Linear(3, 784)},
        r"\(512, 2\); for a tensor it raised Runtime",
    ),
    "other sizes": ({"decode": lambda z: np.zeros((len(z), 3, 32, 32))}, r"28 x 28.*B = 512.*\(512, 3, 32, 32\)"),
    "one image for all": ({"decode": lambda z: np.zeros((28, 28))}, r"28 x 28.*returned \(28, 28\)"),
    "more than the images": ({"decode": lambda z: (np.zeros((len(z), 784)), 0)}, "it returned a tuple"),
    "grey levels to 255": (
        {"decode": lambda z: np.full((len(z), 784), 255)},
        r"\[0, 1\]; it returned 255 to 255",
    ),
    "logits": ({"decode": lambda z: np.full((len(z), 784), -2.5)}, r"\[0, 1\]; it returned -2.5 to -2.5"),
    "NaN": ({"decode": lambda z: np.full((len(z), 784), np.nan)}, r"at z = \(.*\) it returned NaN"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_cannot_be_explored_is_refused_in_a_sentence(wrong):
    given, said = REFUSED[wrong]
    with pytest.raises(ValueError, match=said) as refused:
        vae.explore(**{"decode": moving_spot, "codes": CODES, "labels": LABELS} | given)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(("paths", "said"), [((), "1 to 3 checkpoints; it got 0"), (("a",) * 4, "it got 4")])
def test_show_takes_one_to_three_paths(paths, said):
    with pytest.raises(ValueError, match=said):
        vae.show(*paths)


class Frames(HTMLParser):
    """The attributes of the frames of a page."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        assert tag == "iframe"
        self.found.append(dict(attributes))


def test_a_notebook_draws_the_file_in_a_frame(tmp_path):
    page = vae.explore(moving_spot, CODES, LABELS, title='A "spot" & <more>', height=500, lines=LINES)
    (frame,) = Frames(page._repr_html_()).found
    assert frame["srcdoc"] == page.html
    assert "height: 500px" in frame["style"]
    assert page._mime_() == ("text/html", page._repr_html_())
    page.save(tmp_path / "spot.html")
    assert (tmp_path / "spot.html").read_text(encoding="utf-8") == page.html
    assert len(repr(page)) < 100
    assert "<title>A &quot;spot&quot; &amp; &lt;more&gt; · Latent Space Explorer</title>" in page.html


def test_it_needs_no_streamlit():
    code = (
        "import sys, vae; page = vae.show('checkpoints/ae', 'checkpoints/vae');"
        "sys.exit('streamlit' in sys.modules or 'Autoencoder (ae) and VAE (vae)' not in page.html)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
