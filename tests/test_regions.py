"""Laws of what the classifier reads in a plane, and the pages that show it."""

import numpy as np
import pytest
import torch
from app import errors, html, payload, payloads_with, run, show
from chromium import ROOT

from explorer.quantities import regions
from vae import classifier
from vae.storage.checkpoint import read

WINDOW = ((-3.0, 3.0), (-1.0, 2.0))


@pytest.mark.parametrize("name", ["ae", "cvae"])
def test_each_place_shows_what_the_classifier_reads_in_its_image(name, monkeypatch):
    checkpoint = read(ROOT / "checkpoints" / name)
    monkeypatch.setattr(regions, "CELLS", 24)
    reader = classifier.of_dataset(ROOT / "checkpoints", "mnist")
    (x, y), (labels, probabilities) = regions.measure(checkpoint, 7, reader, WINDOW)
    height, width = labels.shape
    assert (height, width) == (12 * regions.FINER, 24 * regions.FINER)
    middle = slice(regions.FINER // 2, None, regions.FINER)  # of each cell that is read
    z1, z2 = (low + (np.arange(count) + 0.5) / count * (high - low) for (low, high), count in ((x, width), (y, height)))
    z = np.stack(np.meshgrid(z1, z2[::-1]), -1)[middle, middle].reshape(-1, 2)
    with torch.no_grad():
        y = torch.full((len(z),), 7) if checkpoint.model.conditional else None
        true = reader(checkpoint.model.decode(torch.from_numpy(z).float(), y).clamp(0, 1)).softmax(1)
    highest, seen = true.max(1)
    np.testing.assert_allclose(probabilities[middle, middle].ravel(), highest, atol=1e-4)
    assert (labels[middle, middle].ravel() == seen.numpy()).mean() > 0.99  # all but where two are as likely
    assert (len(np.unique(labels)) > 1) != checkpoint.model.conditional  # which draws a 7 at each of these places


def test_where_neighbours_read_the_same_class_so_does_all_between_them(monkeypatch):
    checkpoint = read(ROOT / "checkpoints" / "ae")
    monkeypatch.setattr(regions, "CELLS", 24)
    reader = classifier.of_dataset(ROOT / "checkpoints", "mnist")
    (labels, _), step = regions.measure(checkpoint, 0, reader, WINDOW).reading, regions.FINER
    first = step // 2
    for row in range(first, len(labels) - step, step):
        for column in range(first, labels.shape[1] - step, step):
            block = labels[row : row + step + 1, column : column + step + 1]
            if len(np.unique(block[::step, ::step])) == 1:
                assert len(np.unique(block)) == 1


def toggled(app, label, on):
    return next(toggle for toggle in app.toggle if toggle.label == label).set_value(on).run()


def test_of_magnification_and_regions_the_maps_have_one_at_most(coarse):
    app = toggled(run(), "Regions", on=True)
    assert [data["part"] for data in payloads_with(app, "window")] == ["regions"] * 2
    assert html(app).count("The classifier reads") == 2  # at both pins
    app = toggled(app, "Magnification", on=True)
    assert dict(app.query_params) == {"magnification": "1"}
    assert [data["part"] for data in payloads_with(app, "window")] == ["heat"] * 2
    app = toggled(app, "Regions", on=True)
    assert dict(app.query_params) == {"regions": "1"}
    assert errors(app) == []


def test_without_a_classifier_the_pages_say_so_or_show_the_codes_near(own_folder, coarse):
    (own_folder / "classifier.pt").unlink()
    app = run(regions="1")
    assert errors(app) == []
    assert payloads_with(app, "window") == []
    assert html(app).count("No regions") == 2
    assert "python -m vae.classifier" in html(app)
    app = show("interpolate")
    assert payload(app, page="interpolate")["sides"]["left"]["readings"] is None
    assert "a classifier reads" not in html(app)
