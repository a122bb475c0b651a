"""A `.pt` of tensors and a `.json` of facts that belong together, replaced as one.

Both carry the same random run id. Writing puts both beside their places, on the disk, and then moves the `.pt` and the
`.json` into place, each in one step. Killed before the first move, it leaves the previous pair; killed between the two,
it leaves the new `.pt` with the new `.json` still under the name `.json.tmp`, where reading finds it by the run id. So
at every instant one whole pair can be read, and two halves of different pairs never pass for one.
"""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np

from vae import arrays

FORMAT = 1
MOST_BYTES = 16 * 2**20  # of a text; a JSON of 10,000 epochs has an eighth of it

Cure = Callable[[dict[str, Any] | None], str]  # what to do, told from the record, or without one that can be read
Stamp = tuple[int, int]  # when a file was written, in nanoseconds, and how long it is


class CheckpointError(ValueError):
    """A checkpoint is missing, truncated, foreign or of two runs; the message names the file and the cure."""


def suffixed(path: str | Path, suffix: str) -> Path:
    """`path` with `suffix` appended to its name, dots in the name or not."""
    path = Path(path)
    return path.with_name(path.name + suffix)


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one, whole."""
    os.replace(_write_beside(path, write), path)


def write_pair(path: str | Path, tensors: dict[str, Any], record: dict[str, Any]) -> None:
    """Write `<path>.pt` and `<path>.json` as one; `record` must have a run_id that no other pair has."""
    import torch  # here and not above, for reading a pair does without it

    target = suffixed(path, ".pt"), suffixed(path, ".json")
    target[0].parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **record}, indent=1, allow_nan=False) + "\n"
    record_beside = _write_beside(target[1], lambda file: file.write(text.encode()))
    tensors_beside = _write_beside(target[0], lambda file: torch.save({"run_id": record["run_id"], **tensors}, file))
    os.replace(tensors_beside, target[0])
    os.replace(record_beside, target[1])


def read_pair(path: str | Path, cure: Cure) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of a pair, as arrays, and its record.

    Raises CheckpointError, which names the file, says what is wrong with it, and ends in the cure.
    """
    tensors_file, record_file = suffixed(path, ".pt"), suffixed(path, ".json")
    record = None
    try:
        record = _record(record_file)
        tensors = _tensors(tensors_file)
        again = (suffixed(record_file, ".tmp"), record_file)  # the two may just now be on their way
        records = (record, *filter(None, map(read_record, again)))
        record = next((each for each in records if each["run_id"] == tensors["run_id"]), None)
        if record is None:
            record = records[0]
            raise ValueError(f"{record_file} and {tensors_file.name} are of two runs")
    except ValueError as error:
        raise CheckpointError(f"{error}: {cure(record)}") from error
    return tensors, record


def read_tensors(file: Path, command: str) -> dict[str, Any]:
    """The content of a `.pt` with a run id, with tensors of PyTorch on the CPU.

    Raises CheckpointError, which names `command` as the cure, for any other file and for one with a single wrong bit.
    """
    try:
        return _revived(_tensors(file))
    except ValueError as error:
        raise CheckpointError(f"{error}: make it anew with `{command}`") from error


def read_record(file: Path) -> dict[str, Any] | None:
    """The content of a `.json` of this format, or None for any other file."""
    try:
        return _record(file)
    except ValueError:
        return None


def read_text(file: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a text that anybody may have written, up to so many.

    Raises ValueError, which names the file, for what is no file, is longer, or may not be read; waits for no pipe.
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
    """What changes when a file does; (0, 0) where there is none, or none that may be looked at."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _record(file: Path) -> dict[str, Any]:
    content = read_text(file)
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
        tensors = arrays.read(file)
    except PermissionError as error:
        raise ValueError(f"{file} may not be read ({error.strerror})") from error
    except Exception as error:  # a file that is not torch's can fail in any way, and all mean the same
        raise ValueError(f"{file} is damaged or not a checkpoint") from error
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


def _revived(content: Any) -> Any:
    """The same with tensors for arrays."""
    import torch

    if isinstance(content, dict):
        return {key: _revived(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(map(_revived, content))
    return torch.from_numpy(content) if isinstance(content, np.ndarray) else content


def _write_beside(path: Path, write: Callable[[BinaryIO], None]) -> Path:
    beside = suffixed(path, ".tmp")
    with beside.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    return beside
