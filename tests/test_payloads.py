"""What a page hands the browser has all fields of its type, and no others."""

import json
import shutil
import time

import msgspec
import pytest
from app import DRAWING, payloads, show
from chromium import ROOT

from explorer.browser import payloads as types
from explorer.cache import checkpoints

pytestmark = pytest.mark.usefixtures("coarse", "hasty")

TYPES = {
    ("maps", None): types.Map,
    ("maps", "heat"): types.Heat,
    ("maps", "regions"): types.Regions,
    ("maps", "samples"): types.MapSamples,
    ("maps", "panel"): types.MapsPanel,
    ("interpolate", None): types.Interpolate,
    ("classes", None): types.Classes,
    ("bound", "again"): types.BoundPart,
    ("bound", "close"): types.BoundClose,
    ("bound", "live"): types.BoundPart,
    ("completion", "eraser"): types.CompletionEraser,
    ("completion", "panel"): types.CompletionPanel,
    ("learn", None): types.Lesson,
    ("learn", "trainings"): types.LessonTrainings,
    ("draw", "left"): types.DrawPart,
    ("draw", "right"): types.DrawPart,
    ("draw", "note"): types.DrawPart,
    ("draw", "ten"): types.DrawPart,
    ("draw", "pad"): types.DrawPad,
    ("replay", None): types.Replay,
    ("train", "curves"): types.TrainCurves,
    ("train", "map"): types.TrainMap,
    ("pictures", None): types.Pictures,
    ("files", None): types.Files,
}


def checked(app):
    """The mounts of a page, by page and part, whose data fit their types: what a type does not name would be lost."""
    mounts = set()
    for data in payloads(app):
        mount = data.pop("page"), data.get("part")
        assert data.pop("shapes") is False  # comes with all of them
        assert msgspec.convert(data, TYPES[mount]) == data, mount
        mounts.add(mount)
    return mounts


@pytest.mark.mnist
@pytest.mark.parametrize(
    ("page", "query", "mounts"),
    [
        (
            "maps",
            {"magnification": "1", "sampling": "1", "colour": "gap"},
            {("maps", part) for part in (None, "heat", "samples", "panel")},
        ),
        ("maps", {"regions": "1"}, {("maps", None), ("maps", "regions"), ("maps", "panel")}),
        ("interpolate", {}, {("interpolate", None)}),
        ("classes", {}, {("classes", None)}),
        ("bound", {}, {("bound", part) for part in ("again", "close", "live")}),
        ("bound", {"complete": "1"}, {("completion", "eraser"), ("completion", "panel")}),
        ("learn", {}, {("learn", None), ("learn", "trainings")}),
        ("draw", {"drawing": DRAWING}, {("draw", part) for part in ("left", "right", "note", "ten", "pad")}),
        ("replay", {}, {("replay", None)}),
    ],
)
def test_a_page_hands_over_the_fields_of_its_types(mnist, page, query, mounts):
    app = show(page, **query)
    assert checked(app.run()) - {("files", None)} == mounts  # what needs PyTorch comes with the second run


def test_so_do_the_files_of_a_page():
    app = show("maps")
    app.session_state["export"] = True
    assert checked(app.run()) >= {("pictures", None), ("files", None)}


@pytest.mark.mnist
def test_so_does_a_training_that_is_watched(mnist, tmp_path, monkeypatch):
    for suffix in (".pt", ".json"):
        shutil.copy(ROOT / "checkpoints" / f"vae{suffix}", tmp_path)
    record = json.loads((tmp_path / "vae.json").read_text(encoding="utf-8"))
    place = tmp_path / "jobs" / "vae"
    place.mkdir(parents=True)
    (place / "lock").touch()
    facts = {"config": record["config"], "created": time.time(), "threads": 1}
    (place / "job.json").write_text(json.dumps(facts), encoding="utf-8")
    run = {"event": "run", "epochs": 60, "steps": 1, "parameters": 1, "device": "cpu", "history": []}
    rows = [{"event": "epoch", "seconds": row["epoch"], "row": row} for row in record["history"]]
    lines = [run, *rows, {"event": "done", "run_id": record["run_id"]}]
    (place / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    assert checked(show("train", training="vae")) == {("train", "curves"), ("train", "map")}
