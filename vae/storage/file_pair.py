"""A pair of files that are replaced as one: a `.pt` of tensors and a `.json` of facts.

Both have the same random run id. A writer first writes both beside their places on the disk and then moves them, each
move in one step: the record to `.json.tmp`, the `.pt` into place, the record into place. A writer that is killed before
the `.pt` moves leaves the previous pair. One that is killed later leaves the new `.pt`, and the new record in
`.json.tmp`: a reader finds it there by the run id, and the next writer first moves it into place. So at every instant
one complete pair can be read, and halves of different pairs are never taken for a pair.

One process at a time writes under a name: it holds `.locks/<name>`, a training from its beginning to its end.
"""

import contextlib
import glob
import io
import json
import os
import re
import reprlib
import signal
import stat
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from filelock import FileLock, Timeout

from vae.storage import torch_zip

FORMAT = 1
MOST_BYTES = 16 * 2**20  # of a text; a JSON of 10,000 epochs has an eighth of it

Cure = Callable[[dict[str, Any] | None], str]  # says what to do about a broken pair, given its record, if it has one
Stamp = tuple[int, int]  # when a file was written, in nanoseconds, and how long it is
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"
RESERVED = ("family", "jobs")  # folders beside the checkpoints
RESERVED_PREFIX = "classifier"  # see `classifier.name`
_LOCKS = ".locks"
_PATIENCE_SECONDS = 1.0  # to wait for a process that holds a lock for a moment


class CheckpointError(ValueError):
    """A checkpoint is missing, truncated, foreign or of two runs; the message names the file and the cure."""


class BusyError(RuntimeError):
    """Another process writes under the same name."""


def checked_name(name: str) -> str:
    """The name, if a checkpoint can have it; raises ValueError, in one sentence, if not."""
    if not re.fullmatch(NAME, name):
        raise ValueError(
            "a name is 1 to 40 letters without accents, digits, - and _, and begins with a letter or digit; got "
            f"{reprlib.repr(name)}"
        )
    if name.lower() in RESERVED or name.lower().startswith(RESERVED_PREFIX):  # some disks ignore upper and lower case
        raise ValueError(f"the name {name} is reserved: choose another")
    return name


def expanded(path: str | Path) -> Path:
    """A path as typed, its ~ replaced by the home folder, which a shell does not do in `--folder=~/models`."""
    return Path(os.path.expanduser(path))


def suffixed(path: str | Path, suffix: str) -> Path:
    """`path` with `suffix` appended to its name, even if the name has dots.

    Args:
        path: without an ending.
        suffix: with its dot.
    """
    path = Path(path)
    return path.with_name(path.name + suffix)


def bare(path: str | Path) -> Path:
    """`<path>` of `<path>.pt` or `<path>.json`, or `path` itself."""
    path = Path(path)
    return path.with_suffix("") if path.suffix in (".pt", ".json") else path


@contextlib.contextmanager
def locked(path: str | Path, patience_seconds: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Keep other processes from writing under the name of `path`; a thread may enter this context twice.

    Args:
        path: of the pair, without an ending.
        patience_seconds: to wait for another process.

    Raises:
        BusyError: if another process writes there.
    """
    path = Path(path).resolve()
    (path.parent / _LOCKS).mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.parent / _LOCKS / path.name, is_singleton=True)
    try:
        lock.acquire(timeout=patience_seconds)
    except Timeout as error:
        raise BusyError(
            f"another process is training or writing {path.name} in {path.parent}: wait until it ends, or choose "
            "another name"
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_busy(path: str | Path) -> bool:
    """Whether another process is writing under the name of `path`."""
    path = Path(path).resolve()
    if not os.path.exists(path.parent / _LOCKS / path.name):  # or this process may not see it
        return False
    try:
        with locked(path, patience_seconds=0):
            return False
    except BusyError:
        return True
    except OSError:  # a folder in which this process may not write
        return False


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that a kill at any moment leaves the complete old one or new one; Ctrl-C waits for the end.

    Any other failure leaves the old file and nothing beside it; OSError then names the file.

    Args:
        path: of the file.
        write: writes the content to a file object.
    """
    with _uninterrupted(), _beside(path, write) as beside:
        os.replace(beside, path)


def write_pair(path: str | Path, tensors: dict[str, Any], record: dict[str, Any]) -> None:
    """Write `<path>.pt` and `<path>.json` as one.

    Args:
        path: of the pair, without an ending.
        tensors: what `torch.save` can write.
        record: what JSON can hold, with a run_id that no other pair has.

    Raises:
        BusyError: if another process writes the same pair.
    """
    import torch  # here and not above, because reading a pair does without it

    tensors_file, record_file, pending = (suffixed(path, suffix) for suffix in (".pt", ".json", ".json.tmp"))
    text, tensors = _json(record), {"run_id": record["run_id"], **tensors}
    with locked(path), _uninterrupted():
        _finish(path)
        with (
            _beside(record_file, lambda file: file.write(text)) as record_beside,
            _beside(tensors_file, lambda file: torch.save(tensors, file)) as tensors_beside,
        ):
            os.replace(record_beside, pending)
            os.replace(tensors_beside, tensors_file)
            os.replace(pending, record_file)


def write_record(path: str | Path, record: dict[str, Any]) -> None:
    """Replace the record of the pair that is there by one of the same run.

    Args:
        path: of the pair, without an ending.
        record: the new one.
    """
    text = _json(record)
    with locked(path):
        _finish(path)
        write_atomically(suffixed(path, ".json"), lambda file: file.write(text))


def read_pair(path: str | Path, cure: Cure) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of a pair, as arrays, and its record.

    Args:
        path: of the pair, without an ending.
        cure: says what to do about a broken pair.

    Raises:
        CheckpointError: which names the file, says what is wrong with it, and ends in the cure.
    """
    tensors_file, record_file = suffixed(path, ".pt"), suffixed(path, ".json")
    record = None
    try:
        record = _record(record_file)
        tensors = _tensors(tensors_file)
        again = (suffixed(record_file, ".tmp"), record_file)  # another process may be replacing the pair
        records = (record, *filter(None, map(read_record, again)))
        record = next((record for record in records if record["run_id"] == tensors["run_id"]), None)
        if record is None:
            record = records[0]
            raise ValueError(f"{record_file} and {tensors_file.name} are of two runs")
    except ValueError as error:
        raise CheckpointError(f"{error}: {cure(record)}") from error
    return tensors, record


def read_tensors(file: Path, command: str) -> dict[str, Any]:
    """The content of a `.pt` with a run id, with tensors of PyTorch on the CPU.

    Args:
        file: the `.pt`.
        command: makes it again.

    Raises:
        CheckpointError: which names the command, for any other file, even for one with a single wrong bit.
    """
    try:
        return _with_tensors(_tensors(file))
    except ValueError as error:
        raise CheckpointError(f"{error}: make it again with `{command}`") from error


def read_record(file: Path) -> dict[str, Any] | None:
    """The content of a `.json` of this format, or None for any other file."""
    try:
        return _record(file)
    except ValueError:
        return None


def read_at_most(file: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a text file that anybody may have written.

    Args:
        file: the text.
        most: bytes that it may have.

    Raises:
        ValueError: which names the file, if it is not a regular file (a pipe would block), too long or unreadable.
    """
    _check_file(file)
    try:
        with file.open("rb") as opened:
            content = opened.read(most + 1)
    except OSError as error:
        raise ValueError(f"{file} may not be read ({error.strerror})") from error
    if len(content) > most:
        raise ValueError(f"{file} is longer than {most / 2**20:g} MB")
    return content


def stamp(file: Path) -> Stamp:
    """A value that changes when the file does; (0, 0) if there is none, or this process may not see it."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _record(file: Path) -> dict[str, Any]:
    content = read_at_most(file)
    try:
        record = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{file} is truncated or not a checkpoint") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT or not _has_run_id(record):
        raise ValueError(f"{file} is not a checkpoint of this program")
    return record


def _tensors(file: Path) -> dict[str, Any]:
    _check_file(file)
    try:
        tensors = torch_zip.read(file)
    except PermissionError as error:
        raise ValueError(f"{file} may not be read ({error.strerror})") from error
    except Exception as error:  # a file that torch did not write can raise anything, and all of it means the same
        raise ValueError(f"{file} is truncated, damaged or not a checkpoint") from error
    if not isinstance(tensors, dict) or not _has_run_id(tensors):
        raise ValueError(f"{file} is not a checkpoint of this program")
    return tensors


def _check_file(file: Path) -> None:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise ValueError(f"{file} is not a file that can be read")
    except FileNotFoundError as error:
        raise ValueError(f"{file} is missing") from error
    except OSError as error:
        raise ValueError(f"{file} may not be read ({error.strerror})") from error


def _has_run_id(content: dict[str, Any]) -> bool:
    return isinstance(content.get("run_id"), str) and bool(content["run_id"])


def _with_tensors(content: Any) -> Any:
    """The same content with tensors in place of arrays."""
    import torch

    if isinstance(content, dict):
        return {key: _with_tensors(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(map(_with_tensors, content))
    return torch.from_numpy(content) if isinstance(content, np.ndarray) else content


def _json(record: dict[str, Any]) -> bytes:
    return (json.dumps({"format": FORMAT, **record}, indent=1, allow_nan=False) + "\n").encode()


def _finish(path: str | Path) -> None:
    """Finish what a killed writer began: if the `.pt` in place is its own, move its record into place."""
    pending = suffixed(path, ".json.tmp")
    record = read_record(pending)
    try:
        of_tensors = _tensors(suffixed(path, ".pt"))["run_id"] if record else None
    except ValueError:
        of_tensors = None
    if record and record["run_id"] == of_tensors:
        os.replace(pending, suffixed(path, ".json"))
    else:
        pending.unlink(missing_ok=True)


@contextlib.contextmanager
def _beside(path: Path, write: Callable[[BinaryIO], object]) -> Iterator[Path]:
    """A file on the disk beside its place, under a unique name; it is removed unless the caller moves it.

    Files that killed processes left there are removed too. The content is made in memory first, because torch.save
    raises errors of its own when its file cannot be written.
    """
    content = io.BytesIO()
    write(content)
    for left in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
        left.unlink(missing_ok=True)
    beside = suffixed(path, f".{uuid.uuid4().hex}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        yield beside
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until the body is done."""
    before, main = signal.getsignal(signal.SIGINT), threading.current_thread() is threading.main_thread()
    if before is None or not main:  # only the main thread gets signals, and only it may set their handlers
        yield
        return
    asked: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    for number in asked[:1]:
        signal.raise_signal(number)
