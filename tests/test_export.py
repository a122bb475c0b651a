"""Laws of the files: what is read back is what was written, and an HTML file asks for nothing but itself."""

import base64
import gzip
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from chromium import ROOT
from files import VIEW, html_file

from explorer import browser, figures
from explorer.browser import export
from explorer.browser.export import Codes
from explorer.cache import checkpoints
from explorer.views import export_menu

NETWORK = re.compile(r"https?:|\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|@import|\burl\((?!#)")


@pytest.fixture(params=[1, 2, 3])
def codes(request):
    generator = np.random.default_rng(request.param)
    z = generator.normal(size=(500, request.param), scale=[10.0, 1e-3, 1e4][: request.param]).astype(np.float32)
    return Codes(z, generator.integers(0, 10, 500).astype(np.uint8), "log_prior_nats", generator.normal(size=500))


def test_a_csv_reads_back_to_the_codes(codes):
    lines = export.csv(codes).decode().splitlines()
    assert lines[0].split(",")[:3] == ["index", "label", "z1"]
    assert lines[0].split(",")[-1] == "log_prior_nats"
    table = np.array([line.split(",") for line in lines[1:]])
    assert (table[:, 0].astype(int) == np.arange(500)).all()
    assert (table[:, 1].astype(int) == codes.labels).all()
    assert (table[:, 2:-1].astype(np.float32) == codes.z).all()  # to the last digit
    np.testing.assert_allclose(table[:, -1].astype(float), codes.log_density, rtol=1e-8)


def test_an_npz_reads_back_to_the_codes(codes):
    with np.load(io.BytesIO(export.npz(codes))) as arrays:
        assert set(arrays) == {"index", "label", "z", "log_prior_nats"}
        assert (arrays["z"] == codes.z).all()
        assert arrays["z"].dtype == np.float32
        assert (arrays["label"] == codes.labels).all()
        assert (arrays["log_prior_nats"] == codes.log_density).all()


@pytest.mark.parametrize(("name", "density"), [("ae", "log_kernel_density_nats"), ("vae", "log_prior_nats")])
def test_a_file_of_codes_says_which_density_it_has(name, density):
    model = checkpoints.resource(name)
    assert export.csv(export_menu.codes_of(model)).decode().splitlines()[0] == f"index,label,z1,z2,{density}"
    with np.load(io.BytesIO(export.npz(export_menu.codes_of(model)))) as arrays:
        assert (arrays["z"] == model.checkpoint.codes.numpy()).all()
        if density == "log_prior_nats":
            expected = -0.5 * np.square(arrays["z"].astype(float)).sum(1) - np.log(2 * np.pi)
            np.testing.assert_allclose(arrays[density], expected, rtol=1e-5)


class Scripts(HTMLParser):
    """The attributes of every element of a page, and the text of its scripts by their id."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.open = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open = dict(attributes).get("id", "module") if tag == "script" else None

    def handle_data(self, data):
        if self.open:
            self.scripts[self.open] = self.scripts.get(self.open, "") + data

    def handle_endtag(self, tag):
        self.open = None


def test_an_html_file_needs_no_network_and_stays_below_8_mb():
    _, planes = html_file(left="cvae-best")
    largest = planes["left"]
    planes = {side: largest._replace(id=side) for side in ("left", "middle", "right")}  # three of the largest
    made = export.html(planes, VIEW, browser.standalone(), figures.class_styles())
    assert len(made) < 8e6
    parsed = Scripts(made.decode())
    assert not [
        attribute for _, attributes in parsed.elements for attribute in attributes if attribute in ("src", "href")
    ]
    policy = next(a["content"] for tag, a in parsed.elements if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    banks = json.loads(parsed.scripts["banks"])
    assert {identity: gzip.decompress(base64.b64decode(text)) for identity, text in banks.items()} == {
        plane.id: plane.blob for plane in planes.values()
    }
    rest = made.decode().replace(parsed.scripts["banks"], "").replace("http://www.w3.org/2000/svg", "")
    assert not NETWORK.findall(rest)


def test_the_readme_says_how_large_that_of_the_start_page_is():
    megabytes = len(html_file(left="ae", right="vae")[0]) / 1e6
    said = re.search(
        r"is ([\d.]+) MB for the two models of the start page",
        " ".join((ROOT / "explorer" / "README.md").read_text(encoding="utf-8").split()),
    )
    assert float(said[1]) == pytest.approx(megabytes, abs=0.1)


def test_a_checkpoint_on_two_sides_is_packed_once():
    one, two = (len(html_file(**sides)[0]) for sides in ({"left": "vae"}, {"left": "vae", "right": "vae"}))
    assert two - one < 2_000


def test_what_a_name_says_is_never_run():
    _, planes = html_file(left="vae")
    evil = "</script><script>alert(1)</script>"
    planes = {"left": planes["left"]._replace(title=evil, facts=evil)}
    parsed = Scripts(export.html(planes, VIEW, browser.standalone(), figures.class_styles()).decode())
    assert sum(tag == "script" for tag, _ in parsed.elements) == 3
    assert json.loads(parsed.scripts["spec"])["shown"]["planes"]["left"]["title"] == evil
