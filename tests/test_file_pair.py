"""Laws of writing: whatever happens, and however often, what is on the disk is whole, and nothing else stays there."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vae.storage import file_pair
from vae.storage.file_pair import (
    BusyError,
    checked_name,
    is_busy,
    locked,
    read_pair,
    write_atomically,
    write_pair,
    write_record,
)

ROOT = Path(__file__).parent.parent
RUNS = {"one": 1, "two": 2, "three": 3}


def write(path, run):
    write_pair(path, {"mark": torch.tensor(RUNS[run])}, {"run_id": run, "mark": RUNS[run]})


def read(path):
    """The run of a pair, both halves of which are its own."""
    tensors, record = read_pair(path, "command")
    assert tensors["mark"] == record["mark"] == RUNS[record["run_id"]]
    return record["run_id"]


def do_and_die(at, work):
    """Do it in a process of its own, which dies before the `at`-th event on the disk; whether it did."""
    process = os.fork()
    if process == 0:
        left = at

        def event(real):
            def call(*arguments, **options):
                nonlocal left
                if left == 0:
                    os._exit(9)
                left -= 1
                return real(*arguments, **options)

            return call

        for name in ("replace", "fsync", "unlink"):
            setattr(os, name, event(getattr(os, name)))
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9


def events(path):
    """How many there are in writing a pair over another."""
    write(path, "one")
    count = 0
    while do_and_die(count, lambda: write(path, "two")):
        count += 1
    return count


@pytest.fixture
def path(tmp_path):
    return tmp_path / "models" / "some"


@pytest.mark.fault("two processes of one name, or two kills in a row, left no model that could be read")
def test_killed_twice_in_a_row_at_any_event_a_pair_is_whole(path):
    count = events(path)
    assert count > 6
    for first in range(count):
        for second in range(count):
            for file in path.parent.glob("some*"):
                file.unlink()
            write(path, "one")
            assert do_and_die(first, lambda: write(path, "two"))
            before = read(path)
            do_and_die(second, lambda: write(path, "three"))
            assert read(path) in (before, "three"), (first, second)
    write(path, "one")
    assert read(path) == "one"
    assert sorted(file.name for file in path.parent.glob("some*")) == ["some.json", "some.pt"]


@pytest.mark.fault("two processes of one name, or two kills in a row, left no model that could be read")
def test_of_two_who_write_a_pair_again_and_again_neither_spoils_it(path):
    script = (
        "import sys; sys.path[:0] = [{root!r}, {tests!r}]; from pathlib import Path; from test_file_pair import write\n"
        "for _ in range(10): write(Path({path!r}), {run!r})"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script.format(root=str(ROOT), tests=str(ROOT / "tests"), path=str(path), run=run)]
        )
        for run in ("two", "three")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert read(path) in ("two", "three")
    assert sorted(file.name for file in path.parent.glob("some*")) == ["some.json", "some.pt"]


@pytest.mark.fault("two processes of one name, or two kills in a row, left no model that could be read")
def test_a_name_is_one_processs_at_a_time_and_free_once_that_is_dead(path):
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from vae.storage.file_pair import locked\n"
        f"with locked({str(path)!r}): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        assert is_busy(path)
        assert not is_busy(path.with_name("other"))
        with pytest.raises(BusyError, match="another process is training or writing some in "), locked(path):
            pass
        with pytest.raises(BusyError):
            write(path, "one")
        assert not path.with_name("some.pt").exists()
        holder.kill()
    assert not is_busy(path)
    write(path, "one")


@pytest.mark.fault("two processes of one name, or two kills in a row, left no model that could be read")
def test_who_holds_a_name_may_write_under_it(path):
    with locked(path):
        write(path, "one")
        write_record(path, {"run_id": "one", "mark": 1, "test": {"n": 2}})
    assert read_pair(path, "command")[1]["test"] == {"n": 2}


@pytest.mark.fault("a full disk, or Ctrl-C, ended in a traceback and left half a file")
@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(path, monkeypatch, failing):
    write(path, "one")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write(path, "two")
    assert str(caught.value.filename).startswith(str(path))
    with pytest.raises(OSError, match="No space left on device"):
        write_atomically(path.with_name("some.resume.pt"), lambda file: file.write(b"state"))
    monkeypatch.undo()
    assert read(path) == "one"
    assert sorted(file.name for file in path.parent.glob("some*")) == ["some.json", "some.pt"]


@pytest.mark.fault("a full disk, or Ctrl-C, ended in a traceback and left half a file")
def test_a_write_that_fails_in_itself_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        write_atomically(tmp_path / "some", lambda file: 1 / 0)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def ctrl_c():
    """Ctrl-C as at a prompt: a shell lets what it starts in the background ignore it, and so pytest itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.fault("a full disk, or Ctrl-C, ended in a traceback and left half a file")
def test_ctrl_c_waits_until_a_file_is_whole(tmp_path, ctrl_c):
    def interrupted(file):
        file.write(b"first ")
        signal.raise_signal(signal.SIGINT)
        file.write(b"second")

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "some", interrupted)
    assert (tmp_path / "some").read_bytes() == b"first second"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.fault("names of models had four rules, and some broke a page or a link")
@pytest.mark.parametrize("name", ["a", "vae-best", "0", "A_b-9", "x" * 40, "my-classifier", "familyish", "jobs2"])
def test_a_name_is_what_it_is(name):
    assert checked_name(name) == name


@pytest.mark.fault("names of models had four rules, and some broke a page or a link")
@pytest.mark.parametrize(
    "name",
    [
        *("", "-a", "_a", "a b", "a.b", "../a", "a/b", "größe", "日本", "a\n", "a\0", "x" * 41, "x" * 300, "١"),
        *("classifier", "classifier-pets", "family", "jobs"),
    ],
)
def test_what_is_no_name_is_refused_in_one_sentence(name):
    with pytest.raises(ValueError, match="name") as caught:
        checked_name(name)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", ["~/models/vae", "~"])
def test_a_home_folder_is_found(given, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(file_pair.expanded(given)) == given.replace("~", str(tmp_path))
    assert str(file_pair.expanded("a~b/~")) == "a~b/~"
