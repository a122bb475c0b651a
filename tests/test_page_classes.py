"""The page Classes without a browser."""

import csv
import io
import zipfile

import numpy as np
from app import run_page
from PIL import Image

from explorer.cache.checkpoints import resource
from explorer.quantities import decode
from explorer.state import ExplorerState
from explorer.views import classes


def test_reshuffling_draws_other_samples_and_the_seed_brings_them_back():
    app = run_page("classes")

    def samples():
        return next(html.value for html in app.get("html") if "50 samples of 7" in html.value)

    first = samples()
    app.button[0].click().run()
    assert app.query_params["seed"] == "1"
    assert samples() != first
    app.number_input("seed").set_value(0).run()
    assert samples() == first


def test_the_zip_has_the_samples_that_the_page_shows_each_beside_the_point_that_decodes_to_it():
    model, state = resource("cvae"), ExplorerState(samples=10, sampled=3, seed=5)
    file = classes.archive(model, state)
    assert file == classes.archive(model, state)
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("samples.csv"), encoding="utf-8")))
        seen = np.stack([np.asarray(Image.open(archive.open(row["file"]))) for row in rows])
    assert [row["file"] for row in rows[30:32]] == ["3/0.png", "3/1.png"]
    assert [row["class"] for row in rows] == [str(label) for label in range(10) for _ in range(10)]
    assert {row["seed"] for row in rows} == {"5"}
    z = np.array([[row["z1"], row["z2"]] for row in rows], dtype=np.float32)
    for label in range(10):
        here = slice(10 * label, 10 * label + 10)
        assert (seen[here] == decode.at(model.checkpoint.model, z[here], label)).all()
    assert (seen[30:40].reshape(1, 10, 28, 28) == classes.samples(model, state)).all()
