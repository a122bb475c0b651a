"""Laws of the files: what is read back is what was written, and an HTML file asks for nothing but itself."""

import base64
import gzip
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from chromium import ROOT
from files import contents
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from explorer import export as export_command
from explorer.browser import export
from explorer.browser.export import Codes
from explorer.cache import checkpoints, readings
from explorer.views import colouring, export_menu, single_file
from vae.commands import WRONG_ARGUMENT

NETWORK = re.compile(r"https?:|\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|@import|\burl\((?!#)")


@pytest.fixture(params=[1, 2, 3])
def codes(request):
    generator = np.random.default_rng(request.param)
    z = generator.normal(size=(500, request.param), scale=[10.0, 1e-3, 1e4][: request.param]).astype(np.float32)
    labels, measured = generator.integers(0, 10, 500).astype(np.uint8), generator.normal(size=500).astype(np.float16)
    of_images = {"gap_nats": measured, "classifier_label": labels[::-1]}
    return Codes(z, labels, "log_prior_nats", generator.normal(size=500), of_images)


def test_a_csv_reads_back_to_the_codes(codes):
    lines = export.csv(codes).decode().splitlines()
    assert lines[0].split(",")[:3] == ["index", "label", "z1"]
    assert lines[0].split(",")[-3:] == ["log_prior_nats", "gap_nats", "classifier_label"]
    table = np.array([line.split(",") for line in lines[1:]])
    assert (table[:, 0].astype(int) == np.arange(500)).all()
    assert (table[:, 1].astype(int) == codes.labels).all()
    assert (table[:, 2:-3].astype(np.float32) == codes.z).all()  # to the last digit
    np.testing.assert_allclose(table[:, -3].astype(float), codes.log_density, rtol=1e-8)
    for column, values in zip(table[:, -2:].T, codes.measured.values(), strict=True):
        assert (column.astype(values.dtype) == values).all()


def test_an_npz_reads_back_to_the_codes(codes):
    with np.load(io.BytesIO(export.npz(codes))) as arrays:
        assert set(arrays) == {"index", "label", "z", "log_prior_nats", *codes.measured}
        assert all((arrays[name] == values).all() for name, values in codes.measured.items())
        assert (arrays["z"] == codes.z).all()
        assert arrays["z"].dtype == np.float32
        assert (arrays["label"] == codes.labels).all()
        assert (arrays["log_prior_nats"] == codes.log_density).all()


@pytest.mark.parametrize(("name", "density"), [("ae", "log_kernel_density_nats"), ("vae", "log_prior_nats")])
def test_a_file_of_codes_says_which_density_it_has(name, density):
    model = checkpoints.resource(name)
    columns = ["index", "label", "z1", "z2", density, *model.stored.image_metrics]
    assert export.csv(export_menu.codes_of(model)).decode().splitlines()[0].split(",") == columns
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


def test_an_html_file_needs_no_network_and_gives_back_its_blobs():
    inside = contents("ae", "vae", "cvae")
    made = single_file.html(inside)
    parsed = Scripts(made.decode())
    assert not [
        attribute for _, attributes in parsed.elements for attribute in attributes if attribute in ("src", "href")
    ]
    policy = next(a["content"] for tag, a in parsed.elements if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    written = {name.removeprefix("blob "): text for name, text in parsed.scripts.items() if name.startswith("blob ")}
    assert {name: unpacked(text)[: len(inside.blobs[name])] for name, text in written.items()} == inside.blobs
    rest = made.decode().replace("http://www.w3.org/2000/svg", "")
    for text in written.values():
        rest = rest.replace(text, "")
    assert not NETWORK.findall(rest)


@given(some.binary(max_size=40))
def test_bytes_in_letters_read_back_and_cannot_end_their_element(data):
    text = export.in_letters(data)
    assert read_letters(text) == data
    assert "<" not in text
    assert text.isascii()
    assert text.isprintable()
    assert len(text) == 1 + 11 * -(-len(data) // 9)


def read_letters(text):
    """What `export.in_letters` was given, by Python's whole numbers."""
    digits = [code - 32 - (code > ord("<")) for code in text.encode()]
    read = b""
    for start in range(1, len(digits), 11):
        number = 0
        for digit in digits[start : start + 11]:
            number = 94 * number + digit
        read += number.to_bytes(9)
    return read[: len(read) - digits[0]]


def unpacked(text):
    """What `export.packed` made of some bytes, with the byte that makes their number even."""
    halves = np.frombuffer(gzip.decompress(read_letters(text)), np.uint8)
    return halves.reshape(2, -1).T.tobytes()


def test_a_file_of_four_models_and_all_pages_but_replay_is_smaller_than_12_mb(tmp_path, capsys):
    export_command.main(["--out", str(tmp_path / "explorer.html")])
    size = (tmp_path / "explorer.html").stat().st_size / 1e6
    assert size < 12
    printed = capsys.readouterr().out
    assert f"explorer.html: {size:.1f} MB" in printed
    readme = " ".join((ROOT / "explorer" / "README.md").read_text(encoding="utf-8").split())
    said = re.search(r"`python -m explorer.export` writes ([\d.]+) MB", readme)
    assert float(said[1]) == pytest.approx(size, abs=0.1)


@pytest.mark.fault("the command told of Streamlit's caches, which are nothing to whoever runs it")
def test_the_command_says_what_it_does_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "explorer.export", "--models", "vae", "--pages", "maps"]
    said = subprocess.run([*command, "--out", str(tmp_path / "a.html")], cwd=ROOT, capture_output=True, check=True)
    lines = said.stderr.decode().splitlines()
    of_images = ["the test images", "what was measured of the images", "what a classifier reads in vae"]
    assert lines == [f"packing: {what}" for what in ("vae", *of_images, "compressing")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "vae", "--pages", "classes"], "without the page classes, which needs a conditional model"),
        (["--models", "vae", "--pages", "learn"], "needs ae, cvae, ppca"),
        (["--models", "ae", "--pages", "bound"], "needs a model with a prior"),
        (["--models", "cvae", "--pages", "replay"], "needs a model with a replay"),
        (["--models", "nobody"], "there is no model nobody"),
        (["--pages", "atlas"], "there is no page atlas"),
    ],
)
def test_what_no_file_can_have_is_said_in_one_sentence(tmp_path, capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        export_command.main(["--out", str(tmp_path / "explorer.html"), *arguments])
    assert ended.value.code == WRONG_ARGUMENT
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert said in line
    assert not (tmp_path / "explorer.html").exists()


def test_a_checkpoint_on_two_sides_is_packed_once():
    assert list(contents("vae", "vae").spec["models"]) == ["vae"]


def test_regions_of_a_file_are_half_as_fine_as_the_apps_and_of_each_class_that_can_be_asked_for():
    model = checkpoints.resource("ae")
    (told,) = contents("ae").spec["models"]["ae"]["regions"]
    window, reading = readings.regions_map(model, 0, readings.reader(model), 2)
    assert told["window"] == window
    assert (picture(told["labels"]) == reading.labels).all()
    assert np.abs(picture(told["probabilities"]) / 255 - reading.probabilities).max() < 0.5 / 31 + 0.5 / 255 + 1e-6
    finer = readings.regions_map(model, 0, readings.reader(model)).reading
    assert 2 * max(reading.labels.shape) == max(finer.labels.shape)


def picture(address):
    """The grey levels of a picture that an address holds."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("L"))


def test_what_was_measured_is_in_the_file_to_the_last_digit_and_nothing_else_is_offered():
    inside = contents("vae", "ae")
    metrics = checkpoints.resource("vae").stored.image_metrics
    for choice, measure in colouring.MEASURES.items():
        colours = [inside.spec["models"][name]["colours"][choice] for name in ("vae", "ae")]
        blob = inside.blobs[colours[0]["address"]]
        assert metrics[measure.metric].tobytes() in blob
        assert (colours[1]["address"] is None) == (choice in ("log_px", "gap", "kl"))
    assert contents("vae", pages=("interpolate",)).spec["colours"] == {}


def test_without_a_classifier_a_file_reads_nothing(own_folder):
    (own_folder / "classifier.pt").unlink()
    inside = contents("vae")
    assert inside.spec["classifier"] is None
    assert inside.spec["models"]["vae"]["regions"] == []


def test_what_a_name_says_is_never_run():
    inside = contents("vae")
    evil = "</script><script>alert(1)</script>"
    inside.spec["models"]["vae"]["title"] = evil
    parsed = Scripts(single_file.html(inside).decode())
    assert sum(tag == "script" for tag, _ in parsed.elements) == 3 + len(inside.blobs)
    assert json.loads(parsed.scripts["spec"])["models"]["vae"]["title"] == evil


@given(some.lists(some.text(min_size=1), min_size=1, max_size=10))
def test_every_class_has_a_folder_of_its_own_that_no_file_system_refuses(names):
    folders = [export.folder_name(label, name) for label, name in enumerate(names)]
    assert len({folder.lower() for folder in folders}) == len(names)
    assert all(re.fullmatch(r"\d(-[A-Za-z0-9-]*[A-Za-z0-9])?", folder) for folder in folders)
    assert max(map(len, folders)) < 50
