"""Every file that a page offers is made and opened; a file that cannot be made says why."""

import csv
import io
import json
import re
import zipfile

import numpy as np
import pytest
import streamlit as st
from app import DRAWING
from chromium import ROOT, app, ready, visit
from PIL import Image
from streamlit.testing.v1 import AppTest

pytestmark = pytest.mark.usefixtures("coarse", "hasty")

PAGES = {"maps": {"csv": 2, "npz": 2, "png": 2, "html": 1}, "interpolate": {"csv": 4, "npz": 2, "png": 2, "gif": 2}}
PAGES |= {
    "classes": {"csv": 1, "npz": 1, "png": 3, "zip": 1},
    "bound": {"csv": 2, "npz": 1},
    "draw": {"csv": 2, "npz": 2, "png": 1},
}
PAGES |= {"replay": {"csv": 4, "npz": 2}}
QUERIES = [
    {"drawing": DRAWING},
    {
        "left": "cvae",
        "right": "vae-best",
        "style": "cvae-best",
        "bound_model": "cvae",
        "path": "arc",
        "drawing": DRAWING,
    },
]


def opened(name, content):
    """A file's content as its reader sees it; raises what the reader raises."""
    kind = name.rsplit(".", 1)[-1]
    if kind == "csv":
        rows = list(csv.reader(io.StringIO(content.decode())))
        kinds = {"index": 10_000, "t": 121, "quantity": 10, "epoch": 15}
        assert len(rows) == 1 + kinds[rows[0][0]]
        assert rows[0][0] != "t" or rows[0][-2:] == ["read", "probability"]
        assert np.isfinite(np.array([row[rows[0][0] == "quantity" :] for row in rows[1:]], float)).all()
    elif kind == "npz":
        arrays = np.load(io.BytesIO(content))
        assert arrays["z"].shape == (10_000, 2)
    elif kind in ("png", "gif"):
        with Image.open(io.BytesIO(content)) as image:
            assert np.asarray(image.convert("L")).std() > 1  # something is to be seen
            assert kind == "png" or image.n_frames > 10
    elif kind == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            rows = list(csv.DictReader(io.TextIOWrapper(archive.open("samples.csv"), encoding="utf-8")))
            assert {row["file"] for row in rows} == {*archive.namelist()} - {"samples.csv"}
            assert all(len({row[axis] for row in rows}) == 50 for axis in ("z1", "z2"))  # the same in every class
    else:
        assert kind == "html"
        assert json.loads(re.search(r'id="spec"[^>]*>(.*?)</script>', content.decode(), re.DOTALL)[1])
    return kind


@pytest.mark.fault("a file that a page offers could not be made, and nothing said so")
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_offered_is_made_and_opened(monkeypatch, page, query):
    offered = {}

    def noted(label, data, file_name, *_, **__):
        offered[label, file_name] = data
        return False

    def script(page):
        import importlib

        importlib.import_module(f"explorer.views.{page}").render()

    monkeypatch.setattr(st, "download_button", noted)
    app = AppTest.from_function(script, args=(page,), default_timeout=120)
    app.query_params.update(query)
    app.session_state["export"] = True
    app.run()
    assert not app.exception
    made = [opened(name, data()) for (_, name), data in offered.items()]
    assert {kind: made.count(kind) for kind in made} == PAGES[page]


BROKEN = """
import sys
sys.path.insert(0, {root!r})
from explorer.browser import export
from vae.storage.file_pair import CheckpointError

def csv(codes):
    raise CheckpointError("the codes are gone: train the model anew")

def npz(codes):
    return codes.nothing

export.csv, export.npz = csv, npz
__file__ = {root!r} + "/explorer/app.py"
exec(compile(open(__file__, encoding="utf-8").read(), __file__, "exec"))
"""


@pytest.mark.fault("a file that a page offers could not be made, and nothing said so")
@pytest.mark.browser
def test_a_file_that_cannot_be_made_says_why(page, tmp_path):
    script = tmp_path / "broken.py"
    script.write_text(BROKEN.format(root=str(ROOT)), encoding="utf-8")
    with app(tmp_path / "log", ROOT, str(script)) as (address, _):
        visit(page, f"{address}/classes", "style_map")
        page.get_by_role("button", name="Export").first.click()
        for key, said in (("csv", "the codes are gone: train the model anew"), ("npz", "AttributeError")):
            page.locator(f".st-key-{key}_style_map button").click()
            page.get_by_text(said).wait_for()
            ready(page)
