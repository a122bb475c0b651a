"""Trainings in processes of their own; the disk alone tells how far each of them is.

A training is `python -m vae.train`. It goes on when the page or the app is closed. Its files are in a folder beside the
checkpoints, where any later process finds them:

    checkpoints/<name>.pt, .json      the model, once it is trained
    checkpoints/<name>.resume.pt      the state after the last whole epoch, as long as it is not
    checkpoints/jobs/<name>/          job.json, progress.jsonl (see `vae.observers`), log, and lock

The process holds `lock` from before its first to after its last instruction. As long as another process cannot take
the lock, the training runs; when it can, the training has ended, for whatever reason. Like every training it also holds
its name, see `vae.storage.file_pair`: a name that is being trained from the command line cannot be trained from here,
nor the other way round. One more lock, over all trainings, allows one change at a time, so that only one of two
visitors gets the same name, or the last free place.

A training never overwrites a model or another training. What is removed lies in `jobs/.removed` for a day, and can be
brought back.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from explorer import access
from vae import flags, observers
from vae.config import TrainConfig
from vae.observers import Story
from vae.snapshots import SNAPSHOTS
from vae.storage import file_pair, stored_checkpoint
from vae.storage.file_pair import checked_name, is_busy, read_at_most, suffixed

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

PROGRAM = (sys.executable, "-m", "vae.train")
ROOT = Path(__file__).resolve().parents[2]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
AT_ONCE = min(4, CORES)  # trainings
THREADS = CORES // AT_ONCE  # of each

_JOBS, _REMOVED, _KEPT = "jobs", ".removed", "kept"
_KEPT_SECONDS = 24 * 3600  # for which what was removed can be brought back
_PATIENCE_SECONDS = 5.0  # after which a process that was told to end is killed
_STATE = ".resume.pt"

State = Literal["running", "stopped", "failed", "done", "removed"]


class Facts(msgspec.Struct, omit_defaults=True):
    """The content of job.json."""

    config: dict[str, Any]
    created: Annotated[float, Meta(ge=0)]  # seconds since the epoch of Unix
    threads: Annotated[int, Meta(ge=1)]
    process: Annotated[int, Meta(gt=1)] | None = None
    stopped: bool = False


class TrainingError(RuntimeError):
    """A change of a training is impossible; the message is one sentence, and says what can be done."""


@dataclass(frozen=True)
class Training:
    """A training as it is now."""

    name: str
    config: TrainConfig
    state: State
    created: float  # seconds since the epoch of Unix
    story: Story
    reason: str = ""  # why it failed, in one sentence
    model: bool = False  # whether the checkpoint of its name is its own

    @property
    def resumes(self) -> bool:
        """Whether it can be resumed."""
        return self.state in ("stopped", "failed")


def trainings(folder: Path) -> list[Training]:
    """All trainings of a folder of checkpoints, the newest first, and those removed lately.

    A training whose files are damaged or unreadable is left out.
    """
    places = [*_within(folder / _JOBS), *_within(folder / _JOBS / _REMOVED)]
    readable = [training for training in (_look(folder, place) for place in places) if training]
    return sorted(readable, key=lambda training: training.created, reverse=True)


def why_not(folder: Path, name: str) -> str:
    """Why no training can have a name, in one sentence; empty if one can.

    Args:
        folder: That of the checkpoints.
        name: The name.
    """
    try:
        checked_name(name)
    except ValueError as error:
        message = str(error)
        return f"{message[0].upper()}{message[1:]}."
    if os.path.lexists(_place(folder, name)) and _look(folder, _place(folder, name)) is None:
        return f"There is a training {name} whose files cannot be read: choose another name, or restore them."
    if os.path.lexists(_place(folder, name)) or is_busy(folder / name):
        return f"There is a training {name} already: choose another name, or delete that one."
    if _files(folder, name):
        return f"There is a model {name} already, and it is not trained over: choose another name."
    return ""


def free_name(folder: Path, kind: str) -> str:
    """The first of the names <kind>-1, <kind>-2, ... that a training can have.

    Args:
        folder: That of the checkpoints.
        kind: Of the model, as "vae".
    """
    number = 1
    while why_not(folder, f"{kind}-{number}"):
        number += 1
    return f"{kind}-{number}"


def start(folder: Path, name: str, config: TrainConfig) -> None:
    """Begin a training; raises TrainingError where the name is taken or as many run as this machine takes.

    Args:
        folder: That of the checkpoints.
        name: That of the training.
        config: What is trained.
    """
    with _locked(folder):
        reason = why_not(folder, name) or _crowded(folder)
        if reason:
            raise TrainingError(reason)
        place = _place(folder, name)
        place.mkdir()
        _write(place, Facts(config.to_dict(), time.time(), THREADS))
        _launch(folder, place)


def stop(folder: Path, name: str) -> None:
    """End the process of a training, if it runs; the epoch that is not complete is lost.

    Args:
        folder: That of the checkpoints.
        name: That of the training.
    """
    with _locked(folder):
        place = _place(folder, name)
        if not _runs(place):
            return
        facts = _read(place)
        if facts.process is None:
            raise TrainingError(
                f"{place / 'job.json'} does not say which process trains {name}: end that process by hand."
            )
        _write(place, msgspec.structs.replace(facts, stopped=True))
        for order in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(facts.process, order)
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while _runs(place) and time.monotonic() < deadline:
                time.sleep(0.02)


def resume(folder: Path, name: str) -> None:
    """Let a training that was stopped or failed go on after its last whole epoch; raises TrainingError if it cannot.

    It takes arguments as of `stop`.
    """
    with _locked(folder):
        place = _place(folder, name)
        training = _look(folder, place)
        if training is None or not training.resumes:
            raise TrainingError(f"The training {name} {'runs already' if training else 'is not there any more'}.")
        if is_busy(folder / name):
            raise TrainingError(f"Another process is training {name}, not from this page: wait until it ends.")
        if reason := _crowded(folder):
            raise TrainingError(reason)
        _write(place, msgspec.structs.replace(_read(place), stopped=False))
        _launch(folder, place)


def remove(folder: Path, name: str) -> None:
    """Take a training and the model that it made out of sight; `restore` brings both back within a day.

    It takes arguments as of `stop`.
    """
    with _locked(folder):
        place = _place(folder, name)
        training = _look(folder, place)
        if training is None:
            return
        if training.state == "running" or is_busy(folder / name):
            raise TrainingError(f"The training {name} runs: stop it first.")
        _forget(folder)
        (place / _KEPT).mkdir(exist_ok=True)
        for file in _files(folder, name):
            if training.model or file.name.endswith(_STATE):
                os.replace(file, place / _KEPT / file.name)
        target = folder / _JOBS / _REMOVED / name
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(place, target)
        os.utime(target)


def restore(folder: Path, name: str) -> None:
    """Bring back what `remove` took away; raises TrainingError if the name has been given away or the day is over.

    It takes arguments as of `stop`.
    """
    with _locked(folder):
        target = folder / _JOBS / _REMOVED / name
        if not target.is_dir():
            raise TrainingError(f"{name} is not there any more: what is removed is kept for a day.")
        if why_not(folder, name):
            raise TrainingError(f"The name {name} has been given away: delete what has it now to bring this one back.")
        place = _place(folder, name)
        os.replace(target, place)
        for file in reversed(_files(place / _KEPT, name)):
            os.replace(file, folder / file.name)


def _place(folder: Path, name: str) -> Path:
    return folder / _JOBS / name


def _files(folder: Path, name: str) -> list[Path]:
    """The files of a model or its training; the JSON first, because without it there is no model to see."""
    files = [file for file in _within(folder) if file.name.startswith(f"{name}.")]
    return sorted(files, key=lambda file: file.suffix != ".json")


def _crowded(folder: Path) -> str:
    """Why no more can run, in one sentence; empty if one more can."""
    running = [training.name for training in trainings(folder) if training.state == "running"]
    if len(running) < AT_ONCE:
        return ""
    many = f"{AT_ONCE} trainings" if AT_ONCE > 1 else "one training"
    return f"This machine takes {many} at once, now {', '.join(running)}: wait for one to end, or stop it."


def _launch(folder: Path, place: Path) -> None:
    """Start the process that trains; its lock is taken before it exists, and handed to it."""
    facts, name = _read(place), place.name
    config = TrainConfig.from_dict(facts.config)
    command = [*PROGRAM, *flags.arguments_of(config), "--quick", "--name", name]
    command += ["--snapshots", str(SNAPSHOTS)] if config.latent_dim == 2 else []  # what Replay can show
    command += ["--folder", str(folder.resolve()), "--progress-file", str((place / "progress.jsonl").resolve())]
    command += ["--resume"] if suffixed(folder / name, _STATE).exists() else []
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(facts.threads)}
    assert fcntl is not None  # `_locked` has asked
    with (place / "lock").open("wb") as lock, (place / "log").open("wb") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of the open file, which the process shares, and so until both have closed it
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, pass_fds=[lock.fileno()],
            start_new_session=True,
        )  # fmt: skip
        _write(place, msgspec.structs.replace(facts, process=process.pid))
    threading.Thread(target=process.wait, daemon=True).start()  # or it would stay a zombie


def _look(folder: Path, place: Path) -> Training | None:
    """The state of a training; None where there is none that can be read."""
    removed, running = place.parent.name == _REMOVED, _runs(place)  # first, so that what is read later is not older
    try:
        facts = _read(place)
        config = TrainConfig.from_dict(facts.config)
    except (TrainingError, ValueError):  # just removed, or damaged
        return None
    story = _story(place / "progress.jsonl")
    model = (
        bool(story.written) and not removed and stored_checkpoint.summary(folder / place.name).run_id == story.written
    )
    if removed:
        state = "removed"
    elif running:
        state = "running"
    elif story.run_id:
        state = "done"
    else:
        state = "stopped" if facts.stopped else "failed"
    reason = _reason(place / "log") if state == "failed" else ""
    return Training(place.name, config, state, facts.created, story, reason, model)


_stories: dict[Path, tuple[file_pair.Stamp, Story]] = {}  # by file: its stamp, and what it says


def _story(file: Path) -> Story:
    stamp = file_pair.stamp(file)
    if _stories.get(file, (None,))[0] != stamp:
        _stories[file] = stamp, observers.read(file)
    return _stories[file][1]


def _reason(log: Path) -> str:
    """Why a process ended before its work was done, in one sentence: its own message, or the best guess."""
    try:
        lines = [line.strip() for line in read_at_most(log).decode(errors="replace").splitlines()]
    except ValueError:
        lines = []
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if told:
        return told[-1]
    if any(line.startswith("Traceback") for line in lines):
        return f"it broke off with “{lines[-1]}”; all it said is in {log}"
    return "its process was killed, by a person, a restart of the machine, or for want of memory"


def _runs(place: Path) -> bool:
    if fcntl is None:
        return False  # no training can be begun from the page
    at_once = getattr(os, "O_NONBLOCK", 0)  # or opening a pipe would block
    try:
        lock = os.open(place / "lock", os.O_RDONLY | at_once)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False


def _within(folder: Path) -> list[Path]:
    """The files in a folder; none if this process may not look into it."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep all other processes from changing a training of this folder.

    Raises TrainingError where that cannot be: on a read-only server, or without locks or a folder to write to.
    """
    if access.read_only():
        raise TrainingError(access.SENTENCE)
    if fcntl is None:
        raise TrainingError("Training from the page needs Linux or macOS: use `python -m vae.train` here.")
    try:
        (folder / _JOBS).mkdir(parents=True, exist_ok=True)
        with (folder / _JOBS / ".lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise TrainingError(
            f"{folder} must be a folder with room, that the app may write to ({error.strerror})."
        ) from error


def _forget(folder: Path) -> None:
    """Delete what was removed more than a day ago."""
    for place in (folder / _JOBS / _REMOVED).glob("*"):
        if time.time() - place.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(place, ignore_errors=True)


def _read(place: Path) -> Facts:
    """What is known of a training; raises TrainingError where its file is missing, damaged, or may not be read."""
    file = place / "job.json"
    try:
        return msgspec.json.decode(read_at_most(file), type=Facts)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise TrainingError(f"{file} cannot be read, so nothing is known about the training {place.name}.") from error


def _write(place: Path, facts: Facts) -> None:
    beside = place / "job.json.tmp"
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(facts)) + b"\n")
    os.replace(beside, place / "job.json")
