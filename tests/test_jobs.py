"""Laws of trainings in processes of their own: nothing is trained over, cutting loses nothing, two cannot be one."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import training
from chromium import ROOT
from training import over, the, wait

from explorer.trainings import jobs
from explorer.trainings.jobs import TrainingError
from vae import train
from vae.config import TrainConfig
from vae.storage import checkpoint, stored_checkpoint

CONFIG = TrainConfig(batch_size=32, epochs=3, network="small")
LONG = TrainConfig(batch_size=32, epochs=100_000, network="small")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Have jobs train on the small synthetic set, with some more lines of Python, see `training.program`."""

    def use(more="", first=""):
        monkeypatch.setattr(jobs, "PROGRAM", training.program(tmp_path, more, first))

    use()
    return use


@pytest.fixture
def folder(tmp_path, program):
    """A folder of checkpoints, in which nothing runs any more in the end."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    yield folder
    for job in jobs.trainings(folder):
        jobs.stop(folder, job.name)


def test_a_job_makes_the_model_that_the_command_makes(folder, digits):
    jobs.start(folder, "mine", CONFIG)
    assert the(folder, "mine").state == "running"
    job = wait(folder, "mine", over)
    assert (job.state, job.reason, job.model) == ("done", "", True)
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    made, known = checkpoint.read(folder / "mine"), train.train(CONFIG, digits, usual)
    assert stored_checkpoint.names(folder) == ["mine"]
    assert list(job.story.rows) == made.record["history"]
    for row, same in zip(made.record["history"], known.record["history"], strict=True):
        assert row == pytest.approx(same)
    assert made.config == job.config == CONFIG


def test_stopped_and_resumed_equals_never_stopped(folder, program):
    program("whole = train.Run.epoch\ntrain.Run.epoch = lambda *a: (whole(*a), time.sleep(0.4))[0]")
    jobs.start(folder, "whole", CONFIG)
    if jobs.AT_ONCE == 1:
        wait(folder, "whole", over)
    jobs.start(folder, "cut", CONFIG)
    wait(folder, "cut", lambda job: job.story.rows)
    jobs.stop(folder, "cut")
    cut = the(folder, "cut")
    assert cut.state == "stopped"
    assert 1 <= len(cut.story.rows) < 3
    assert stored_checkpoint.names(folder) in ([], ["whole"])
    jobs.resume(folder, "cut")
    assert wait(folder, "cut", over).state == "done"
    assert wait(folder, "whole", over).state == "done"
    one, other = (checkpoint.read(folder / name) for name in ("cut", "whole"))
    assert one.record["history"] == other.record["history"]
    assert all(torch.equal(*pair) for pair in zip(one.model.parameters(), other.model.parameters(), strict=True))
    assert list(the(folder, "cut").story.rows) == one.record["history"]
    files = {f"{name}{suffix}" for name in ("cut", "whole") for suffix in (".json", ".pt", ".replay.pt")}
    assert {file.name for file in folder.iterdir()} == {".locks", "jobs", *files}


def test_a_stop_before_the_first_epoch_begins_anew(folder):
    jobs.start(folder, "early", LONG)
    jobs.stop(folder, "early")
    assert the(folder, "early").state == "stopped"
    jobs.resume(folder, "early")
    wait(folder, "early", lambda job: job.story.rows)


def test_a_job_outlives_whoever_started_it_and_is_found_again(folder):
    starter = f"""
import sys; sys.path[:0] = {[str(ROOT)]!r}
from explorer.trainings import jobs; from pathlib import Path; from vae.config import TrainConfig
jobs.PROGRAM = {jobs.PROGRAM!r}
jobs.start(Path({str(folder)!r}), "orphan", TrainConfig(**{LONG.to_dict()!r}))
"""
    child = os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", starter)
    assert child == 0
    job = wait(folder, "orphan", lambda job: job.story.rows)
    assert (job.state, job.config) == ("running", LONG)
    jobs.stop(folder, "orphan")
    assert the(folder, "orphan").state == "stopped"


def test_of_many_who_want_one_name_one_gets_it(folder):
    def attempt(_):
        try:
            jobs.start(folder, "wanted", LONG)
        except TrainingError as error:
            return str(error)

    with ThreadPoolExecutor(8) as visitors:
        said = list(visitors.map(attempt, range(8)))
    assert said.count(None) == 1
    assert {text for text in said if text} == {
        "There is a training wanted already: choose another name, or delete that one."
    }
    assert len(jobs.trainings(folder)) == 1


@pytest.mark.fault("two processes of one name, or two kills in a row, left no model that could be read")
def test_a_name_is_either_the_pages_or_the_commands(folder, program, monkeypatch, digits):
    settings = ["--folder", str(folder), "--quick", "--network", "small", "--epochs", "1", "--device", "cpu"]
    monkeypatch.setattr(train, "load_dataset", lambda *_: digits)
    jobs.start(folder, "mine", LONG)
    wait(folder, "mine", lambda job: job.story.rows)
    with pytest.raises(SystemExit, match="another process is training or writing mine"):
        train.main([*settings, "--name", "mine"])
    jobs.stop(folder, "mine")

    command = f"""
import sys; sys.path[:0] = {[str(ROOT)]!r}
from pathlib import Path; from vae.storage.file_pair import locked
with locked(Path({str(folder)!r}) / "other"), locked(Path({str(folder)!r}) / "mine"):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TrainingError, match="There is a training other already"):
            jobs.start(folder, "other", CONFIG)
        with pytest.raises(TrainingError, match="Another process is training mine"):
            jobs.resume(folder, "mine")
        with pytest.raises(TrainingError, match="mine runs"):
            jobs.remove(folder, "mine")
        holder.kill()
    jobs.start(folder, "other", CONFIG)


def test_a_model_that_was_written_before_its_figures_goes_with_its_job(folder, program, monkeypatch):
    program("train.evaluate._of_codes = lambda *_: time.sleep(1000)")
    jobs.start(folder, "cut", CONFIG)
    wait(folder, "cut", lambda job: job.story.written)
    jobs.stop(folder, "cut")
    job = the(folder, "cut")
    assert (job.state, job.model, job.resumes) == ("stopped", True, True)
    assert stored_checkpoint.names(folder) == ["cut"]
    training.in_this_process(monkeypatch)
    jobs.resume(folder, "cut")
    assert the(folder, "cut").state == "done"
    assert "knn5_accuracy" in checkpoint.read(folder / "cut").record["test"]


def test_no_more_run_at_once_than_the_machine_takes(folder, monkeypatch):
    monkeypatch.setattr(jobs, "AT_ONCE", 1)
    jobs.start(folder, "first", LONG)
    with pytest.raises(TrainingError, match="takes one training at once, now first: wait for one to end, or stop it"):
        jobs.start(folder, "second", CONFIG)
    jobs.stop(folder, "first")
    jobs.start(folder, "second", CONFIG)
    with pytest.raises(TrainingError, match="now second"):
        jobs.resume(folder, "first")
    with pytest.raises(TrainingError, match="second runs already"):
        jobs.resume(folder, "second")


@pytest.mark.parametrize("suffix", [".pt", ".json", ".resume.pt"])
def test_what_is_there_is_not_trained_over(folder, suffix):
    (folder / f"vae{suffix}").write_bytes(b"somebody's work")
    with pytest.raises(TrainingError, match="There is a model vae already"):
        jobs.start(folder, "vae", CONFIG)
    assert (folder / f"vae{suffix}").read_bytes() == b"somebody's work"
    assert jobs.trainings(folder) == []


@pytest.mark.parametrize(
    "name",
    ["", "../vae", "a b", "-x", ".jobs", "a.b", "ä", "x" * 41, "classifier", "classifier-mine", "family", "jobs"],
)
def test_a_name_that_is_none_is_refused(folder, name):
    with pytest.raises(TrainingError, match="name"):
        jobs.start(folder, name, CONFIG)
    assert jobs.trainings(folder) == []


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, program):
    (tmp_path / "file").touch()
    with pytest.raises(
        TrainingError, match=r"file must be a folder with room, that the app may write to \(Not a directory"
    ):
        jobs.start(tmp_path / "file", "mine", CONFIG)


def test_the_free_name_is_the_first_that_is_free(folder):
    assert jobs.free_name(folder, "vae") == "vae-1"
    (folder / "vae-1.pt").touch()
    (folder / "jobs" / "vae-2").mkdir(parents=True)
    assert jobs.free_name(folder, "vae") == "vae-3"


@pytest.mark.parametrize(
    ("more", "first", "config", "said"),
    [
        ("", "", {"learning_rate": 1e30}, r"not finite in epoch 1 .*lower --learning-rate"),
        ("train.load_dataset = lambda *_: (_ for _ in ()).throw(ValueError('no data; put it there'))", "", {},
         "^no data; put it there$"),
        ("train.load_dataset = lambda *_: 1 / 0", "", {},
         r"^ZeroDivisionError: division by zero$"),
        ("", "raise SystemError('beyond any command')", {},
         r"^it broke off with “SystemError: beyond any command”; .*log$"),
        ("", "os.kill(os.getpid(), 9)", {}, "its process was killed"),
    ],
)  # fmt: skip
def test_whatever_ends_it_is_one_sentence(folder, program, more, first, config, said):
    program(more, first)
    jobs.start(folder, "fails", TrainConfig(**{**CONFIG.to_dict(), **config}))
    job = wait(folder, "fails", over)
    assert job.state == "failed"
    assert re.search(said, job.reason)
    assert "\n" not in job.reason
    assert "Traceback" not in job.reason
    assert stored_checkpoint.names(folder) == []


def test_a_job_that_was_killed_goes_on(folder):
    jobs.start(folder, "killed", LONG)
    wait(folder, "killed", lambda job: job.story.rows)
    os.killpg(jobs._read(folder / "jobs" / "killed").process, signal.SIGKILL)
    job = wait(folder, "killed", over)
    assert job.resumes
    rows = len(job.story.rows)
    jobs.resume(folder, "killed")
    assert wait(folder, "killed", lambda job: len(job.story.rows) > rows + 1).reason == ""


def test_what_is_removed_can_be_brought_back_until_its_name_is_given_away(folder):
    jobs.start(folder, "job", CONFIG)
    with pytest.raises(TrainingError, match="runs: stop it first"):
        jobs.remove(folder, "job")
    wait(folder, "job", over)
    before = checkpoint.read(folder / "job").record
    (folder / "job.more").write_bytes(b"of the same model")
    (folder / "job-2.pt").write_bytes(b"of another")
    jobs.remove(folder, "job")
    assert sorted(file.name for file in folder.iterdir()) == [".locks", "job-2.pt", "jobs"]
    assert the(folder, "job").state == "removed"
    jobs.restore(folder, "job")
    assert the(folder, "job").state == "done"
    assert checkpoint.read(folder / "job").record == before
    assert (folder / "job.more").read_bytes() == b"of the same model"
    jobs.remove(folder, "job")
    (folder / "job.json").touch()
    with pytest.raises(TrainingError, match="given away"):
        jobs.restore(folder, "job")
    assert (folder / "job.json").read_bytes() == b""
    (folder / "job.json").unlink()
    target = folder / "jobs" / ".removed" / "job"
    os.utime(target, (0, 0))  # long ago
    jobs._forget(folder)
    assert not target.exists()
    with pytest.raises(TrainingError, match="not there any more"):
        jobs.restore(folder, "job")


def test_a_model_that_came_after_is_not_removed_with_the_job(folder, digits, monkeypatch):
    training.in_this_process(monkeypatch)
    jobs.start(folder, "mine", CONFIG)
    assert the(folder, "mine").model
    checkpoint.write(folder / "mine", train.train(CONFIG, digits))
    assert not the(folder, "mine").model
    jobs.remove(folder, "mine")
    assert stored_checkpoint.names(folder) == ["mine"]


GOOD = {"config": CONFIG.to_dict(), "created": 1.5, "threads": 1, "process": 1234, "stopped": True}
GONE = object()
WRONG = [{field: value} for field, values in {
    "config": [GONE, None, 7, [], {}, {**CONFIG.to_dict(), "sigma": "x"}, {**CONFIG.to_dict(), "more": 1}],
    "created": [GONE, None, "x", [], -1, True],
    "threads": [GONE, None, 0, "1", 1.5],
    "process": [0, 1, -5, "x", 1.5],
    "stopped": [None, "x", 1],
}.items() for value in values]  # fmt: skip
FOREIGN = [
    b"",
    b"{",
    b"null",
    b"7",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"created": 1e999}',
    b'{"created": NaN}',
]


@pytest.fixture
def place(folder):
    """Where the files of a training are that was stopped."""
    place = folder / "jobs" / "mine"
    place.mkdir(parents=True)
    (place / "job.json").write_text(json.dumps(GOOD), encoding="utf-8")
    (place / "log").touch()
    return place


def without(fields):
    facts = {**GOOD, **fields}
    return json.dumps({name: value for name, value in facts.items() if value is not GONE}).encode()


@pytest.mark.fault("what vanished, or might not be read any more, took a page down")
@pytest.mark.parametrize("content", [*map(without, WRONG), *FOREIGN], ids=str)
def test_a_training_whose_file_is_broken_is_left_out_and_keeps_its_name(folder, place, content):
    shutil.copytree(place, place.with_name("other"))
    (place / "job.json").write_bytes(content)
    assert [job.name for job in jobs.trainings(folder)] == ["other"]
    assert "whose files cannot be read" in jobs.why_not(folder, "mine")
    assert jobs.free_name(folder, "vae") == "vae-1"
    jobs.remove(folder, "mine")
    assert place.exists()
    with pytest.raises(TrainingError):
        jobs.resume(folder, "mine")


@pytest.mark.fault("a strange file in the folder of checkpoints hung or slowed every page")
@pytest.mark.parametrize("file", ["job.json", "progress.jsonl", "log", "lock"])
@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda file: os.symlink(file, file),
                                 lambda file: os.symlink("/dev/zero", file)])  # fmt: skip
def test_what_is_no_file_is_neither_waited_for_nor_read(folder, place, file, put):
    (place / file).unlink(missing_ok=True)
    put(place / file)
    (place / "jobs").touch()
    assert [job.name for job in jobs.trainings(folder)] == ([] if file == "job.json" else ["mine"])
    assert jobs.why_not(folder, "mine")


def test_a_lock_that_is_held_by_a_process_that_nobody_knows_is_left_alone(folder, place):
    (place / "job.json").write_bytes(without({"process": GONE}))
    with (place / "lock").open("w", encoding="utf-8") as lock:
        jobs.fcntl.flock(lock, jobs.fcntl.LOCK_EX)
        assert the(folder, "mine").state == "running"
        with pytest.raises(TrainingError, match="does not say which process"):
            jobs.stop(folder, "mine")


@pytest.mark.fault("what vanished, or might not be read any more, took a page down")
def test_folders_that_are_none_or_may_not_be_looked_into_have_no_trainings(folder, place, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", forbidden)
        patch.setattr(os, "scandir", forbidden)
        patch.setattr(Path, "iterdir", forbidden)
        assert jobs.trainings(folder) == []
    shutil.rmtree(folder / "jobs")
    (folder / "jobs").touch()
    assert jobs.trainings(folder) == []
    shutil.rmtree(folder)
    assert jobs.trainings(folder) == []
    folder.mkdir()


def test_only_what_is_told_last_of_a_training_stays_in_memory(folder, place):
    for count in range(50):
        with (place / "progress.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": "epoch", "seconds": 1, "row": {"epoch": count + 1}}) + "\n")
        assert len(the(folder, "mine").story.rows) == count + 1
    assert [file for file in jobs._stories if file.is_relative_to(folder)] == [place / "progress.jsonl"]
