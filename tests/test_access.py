"""What a visitor may change: all on this machine, nothing where others come, unless the owner of the server says so."""

import pytest
from app import html, show
from chromium import ROOT
from training import over, program, wait

from explorer import access
from explorer.cache import checkpoints, results
from explorer.trainings import jobs
from explorer.trainings.jobs import TrainingError
from vae.config import TrainConfig
from vae.images.tensors import DataError
from vae.storage import checkpoint

ADDRESSES = {None: False, "localhost": False, "127.0.0.1": False, "::1": False}
ADDRESSES |= {"0.0.0.0": True, "::": True, "192.168.1.7": True, "lab.example.org": True, "": True}


@pytest.fixture(autouse=True)
def said_nothing(monkeypatch):
    """Nobody has set the switch, and what a test sets is forgotten after it."""
    monkeypatch.setenv(access.READ_ONLY, "")
    monkeypatch.delenv(access.READ_ONLY)


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
@pytest.mark.parametrize(("address", "closed"), ADDRESSES.items())
def test_only_where_nobody_else_can_come_may_a_visitor_change_something_unasked(address, closed):
    access.set_default(address)
    assert access.read_only() == closed


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
@pytest.mark.parametrize("address", ["localhost", "0.0.0.0"])
@pytest.mark.parametrize(("said", "closed"), [("1", True), ("yes", True), ("0", False), ("False", False)])
def test_what_the_owner_says_holds_wherever_the_server_listens(address, said, closed, monkeypatch):
    monkeypatch.setenv(access.READ_ONLY, said)
    access.set_default(address)
    assert access.read_only() == closed


CHANGES = {
    "start": lambda folder: jobs.start(folder, "other", TrainConfig()),
    "stop": lambda folder: jobs.stop(folder, "mine"),
    "resume": lambda folder: jobs.resume(folder, "mine"),
    "remove": lambda folder: jobs.remove(folder, "mine"),
    "restore": lambda folder: jobs.restore(folder, "mine"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Checkpoints with a training that is over, made before the switch was set."""
    folder = tmp_path_factory.mktemp("checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "PROGRAM", program(tmp_path_factory.mktemp("program")))
        jobs.start(folder, "mine", TrainConfig(network="small", batch_size=32, epochs=1))
        wait(folder, "mine", over)
    return folder


def contents(folder):
    return {file.relative_to(folder): file.stat().st_mtime_ns for file in folder.rglob("*")}


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
def test_jobs_refuse_every_change_and_leave_the_disk_as_it_is(folder, monkeypatch):
    monkeypatch.setenv(access.READ_ONLY, "1")
    before = contents(folder)
    for change in CHANGES.values():
        with pytest.raises(TrainingError, match="switched off"):
            change(folder)
    assert contents(folder) == before


@pytest.mark.fault("the server let all of a network in, to train, delete and read tracebacks")
def test_no_data_set_is_fetched_or_offered(tmp_path, monkeypatch):
    monkeypatch.setenv(access.READ_ONLY, "1")
    monkeypatch.setenv("VAE_DATA_DIR", str(tmp_path))
    assert results.to_fetch(checkpoint.read(ROOT / "checkpoints" / "vae")) is None
    with pytest.raises(DataError, match="switched off"):
        results.fetch("mnist")
    assert list(tmp_path.iterdir()) == []


def test_the_page_says_so_and_still_shows_what_was_trained(folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", folder)
    monkeypatch.setenv(access.READ_ONLY, "1")
    app = show("train")
    assert access.SENTENCE in html(app)
    assert app.get("progress")[0].proto.text.startswith("Trained")
    assert [button.label for button in app.button] == []
    assert len(app.selectbox) + len(app.number_input) == 0
