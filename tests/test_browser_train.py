"""The page Train in a real Chromium: a model is trained to the end, over a reload, found on Maps, and removed again."""

import io
import json
import shutil
import time
import uuid

import numpy as np
import pytest
from chromium import ROOT, drawn, ready, settle, visit
from files import download, open_files
from PIL import Image

from explorer import extent
from explorer.trainings import jobs
from vae.storage import checkpoint, stored_checkpoint

pytestmark = [pytest.mark.browser, pytest.mark.mnist]
FOLDER = ROOT / "checkpoints"
EXPORTED = {  # how the names of a training's files end, by the keys of their buttons
    "png": ".png",
    "csv": "-codes.csv",
    "npz": "-codes.npz",
    "training-decoded_png": "-decoded.png",
    "training-curves_csv": "-curves.csv",
}


@pytest.fixture
def name():
    """A name that no model has; whatever has it in the end is taken away."""
    name = f"browser-{uuid.uuid4().hex[:8]}"
    yield name
    jobs.stop(FOLDER, name)
    for place in (FOLDER / "jobs" / name, FOLDER / "jobs" / ".removed" / name):
        shutil.rmtree(place, ignore_errors=True)
    for file in FOLDER.glob(f"{name}.*"):
        file.unlink()


@pytest.fixture
def finished(name):
    """A job that seems to have trained a model, which is the one that is shipped."""
    record = json.loads((FOLDER / "vae.json").read_text(encoding="utf-8"))
    for suffix in (".pt", ".json"):
        shutil.copy(FOLDER / f"vae{suffix}", FOLDER / f"{name}{suffix}")
    place = FOLDER / "jobs" / name
    place.mkdir(parents=True)
    (place / "lock").touch()
    jobs._write(place, {"config": record["config"], "created": time.time(), "threads": 1})
    lines = [
        {"event": "run", "epochs": 60, "steps": 469, "parameters": 807_700, "device": "cpu", "history": []},
        *({"event": "epoch", "seconds": 2 * row["epoch"], "row": row} for row in record["history"]),
        {"event": "done", "run_id": record["run_id"]},
    ]
    (place / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return name


def bar(page):
    return page.get_by_test_id("stProgress").inner_text()


def test_a_model_is_trained_to_the_end_found_and_removed(page, address, mnist, name):
    settings = "train_network=small&train_batch_size=1000&train_epochs=2"
    visit(page, f"{address}/train?{settings}")
    page.set_default_timeout(300_000)  # for what is trained, on a machine that has other things to do
    page.get_by_label("Name").fill(name)
    page.get_by_label("Name").press("Enter")
    page.get_by_role("button", name=f"Train {name}").click()
    page.wait_for_function("(name) => location.search.includes(`training=${name}`)", arg=name)
    page.wait_for_function("document.querySelector('.latent-train')?.dataset.epoch >= 1")
    assert bar(page).startswith(("Epoch 2 of 2", "Measuring"))
    page.reload()
    page.wait_for_function("document.querySelector('.latent-train')?.dataset.epoch >= 1")
    assert page.locator(".latent-job strong").inner_text() == name
    page.get_by_text("Trained: 2 of 2 epochs").first.wait_for()
    ready(page)
    made = checkpoint.read(FOLDER / name)
    loss = page.locator(".latent-curve strong").first.inner_text()
    assert loss == f"{made.record['history'][-1]['loss_nats']:.2f} nats"

    page.set_default_timeout(60_000)
    page.get_by_role("link", name="Maps", exact=True).last.click()
    page.wait_for_selector(".st-key-map_right .latent-layers", state="attached")
    ready(page)
    page.locator(".st-key-left [role=combobox]").click()
    page.get_by_role("option", name=name).click()
    settle(page, "(name) => location.search.includes(`left=${name}`)", name)

    visit(page, f"{address}/train?training={name}")
    page.get_by_role("button", name="Delete").first.click()
    page.get_by_role("button", name="Undo").wait_for()
    assert name not in stored_checkpoint.names(FOLDER)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Trained: 2 of 2 epochs").first.wait_for()
    assert checkpoint.read(FOLDER / name).record == made.record


def test_the_map_has_the_codes_where_they_are_and_none_elsewhere(page, address, finished):
    visit(page, f"{address}/train?training={finished}")
    page.wait_for_function("document.querySelector('.latent-train')?.dataset.epoch === '60'")
    codes = checkpoint.read(FOLDER / "vae").codes[:5000].numpy()
    window = extent.extent(codes, prior=True)
    script = """([window, points]) => {
      const canvas = document.querySelector('.latent-plane .latent-under');
      const ratio = canvas.width / canvas.clientWidth;
      const size = [canvas.clientWidth - 46, canvas.clientHeight - 28];  // less the margins of the axes
      const unit = Math.max(...window.map(([low, high], axis) => (high - low) / size[axis]));
      const middle = window.map(([low, high]) => (low + high) / 2);
      return points.map(([z1, z2]) => {
        const at = [40 + size[0] / 2 + (z1 - middle[0]) / unit, 6 + size[1] / 2 - (z2 - middle[1]) / unit];
        const [x, y] = at.map((value) => Math.round(ratio * value));
        return Math.max(...canvas.getContext('2d').getImageData(x - 1, y - 1, 3, 3).data.filter((_, i) => i % 4 === 3));
      });
    }"""
    page.wait_for_function(f"(given) => ({script})(given)[0] > 60", arg=[window, codes[:1].tolist()])
    (low1, high1), (low2, high2) = window
    inside = codes[(codes > [low1, low2]).all(1) & (codes < [high1, high2]).all(1)]
    assert min(page.evaluate(script, [window, inside[:200].tolist()])) > 60
    empty = [z for z in np.random.default_rng(0).uniform((low1, low2), (high1, high2), (400, 2)).tolist()
             if np.linalg.norm(codes - z, axis=1).min() > 0.15]  # fmt: skip
    assert len(empty) > 20
    assert max(page.evaluate(script, [window, empty])) < 50  # a line of the axes, at most


def test_a_map_without_room_is_painted_once_it_has_some(page, address, finished):
    visit(page, f"{address}/train?training={finished}")
    width = "document.querySelector('.latent-plane .latent-canvas:not(.latent-under)')?.width"
    page.wait_for_function(f"{width} > 100")
    for display in ("none", ""):
        page.evaluate(f"document.querySelector('.latent-plane').style.display = '{display}'")
        drawn(page)
    page.wait_for_function(f"{width} > 100")


def table(content):
    """A CSV file's header and its lines as numbers."""
    header, *lines = content.decode().splitlines()
    return header.split(","), np.array([line.split(",") for line in lines], float)


def test_the_map_the_codes_and_the_rest_of_a_training_are_exported_under_names_of_their_own(page, address, finished):
    visit(page, f"{address}/train?training={finished}")
    page.wait_for_function("document.querySelector('.latent-train')?.dataset.epoch === '60'")
    drawn(page)
    stage = ".latent-plane .latent-window"
    seen = np.asarray(Image.open(io.BytesIO(page.locator(stage).screenshot())).convert("RGB")).astype(int)
    open_files(page)
    files = {key: download(page, f"{key}_train_map") for key in EXPORTED}
    assert {key: name for key, (_, name) in files.items()} == {
        key: f"{finished}-training{end}" for key, end in EXPORTED.items()
    }
    image = np.asarray(Image.open(io.BytesIO(files["png"][0])).convert("RGB")).astype(int)
    assert np.abs(np.subtract(image.shape, seen.shape)).max() <= 1  # the stage may begin within a pixel
    inked, inked_there = ((each.min(axis=-1) < 230).mean() for each in (image, seen))
    assert inked > 0.05
    assert inked == pytest.approx(inked_there, rel=0.1)
    model = checkpoint.read(FOLDER / "vae")
    header, codes = table(files["csv"][0])
    assert header == ["index", "label", "z1", "z2", "log_prior_nats"]
    np.testing.assert_allclose(codes[:, 2:4], model.codes[:5000].numpy(), rtol=1e-6)
    np.testing.assert_allclose(codes[:, 4], -(codes[:, 2:4] ** 2).sum(1) / 2 - np.log(2 * np.pi), rtol=1e-4)
    assert np.load(io.BytesIO(files["npz"][0]))["z"].shape == (5000, 2)
    decoded = np.asarray(Image.open(io.BytesIO(files["training-decoded_png"][0])))
    assert decoded.shape == (2800, 2800)
    assert decoded.std() > 30
    header, curves = table(files["training-curves_csv"][0])
    assert (curves[:, header.index("epoch")] == np.arange(1, 61)).all()
    assert curves[-1, header.index("loss_nats")] == model.record["history"][-1]["loss_nats"]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 900)])
def test_the_page_opens_without_an_error(new_tab, address, finished, scheme, width):
    page = new_tab(width=width, color_scheme=scheme)
    visit(page, f"{address}/train?training={finished}")
    page.wait_for_function("document.querySelector('.latent-decoded img')?.naturalWidth === 280")
    assert page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
