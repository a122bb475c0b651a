"""A `.pt` of tensors and a `.json` of facts that belong together, replaced as one.

Both carry the same random run id. Writing puts both beside their places, on the disk, and then moves the `.pt` and the
`.json` into place, each in one step. Killed before the first move, it leaves the previous pair; killed between the two,
it leaves the new `.pt` with the new `.json` still under the name `.json.tmp`, where reading finds it by the run id. So
at every instant one whole pair can be read, and two halves of different pairs never pass for one.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from vae import arrays

FORMAT = 1


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


def read_pair(path: str | Path, command: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of a pair, as arrays, and its record; raises CheckpointError, which names `command` as the cure."""
    tensors_file, record_file = suffixed(path, ".pt"), suffixed(path, ".json")
    for file in (tensors_file, record_file):
        if not file.is_file():
            raise CheckpointError(f"{file} is missing: make it with `{command}`")
    tensors = _checked(arrays.read, tensors_file, command)
    record = read_record(record_file)
    if record is None:
        raise CheckpointError(f"{record_file} is truncated or not a checkpoint: make it anew with `{command}`")
    if record["run_id"] != tensors["run_id"]:
        record = read_record(suffixed(record_file, ".tmp"))
    if record is None or record["run_id"] != tensors["run_id"]:
        raise CheckpointError(f"{record_file} and {tensors_file.name} are of two runs: make both with `{command}`")
    return tensors, record


def read_tensors(file: Path, command: str) -> dict[str, Any]:
    """The content of a `.pt` with a run id, on the CPU, by a loader that runs no code; raises CheckpointError."""
    import torch

    return _checked(lambda file: torch.load(file, map_location="cpu", weights_only=True), file, command)


def _checked(load: Callable[[Path], Any], file: Path, command: str) -> dict[str, Any]:
    try:
        tensors = load(file)
    except Exception as error:  # a file that is not torch's can fail in any way, and all mean the same
        raise CheckpointError(f"{file} is truncated or not a checkpoint: make it anew with `{command}`") from error
    if not isinstance(tensors, dict) or not isinstance(tensors.get("run_id"), str):
        raise CheckpointError(f"{file} is not a checkpoint of this program: make it anew with `{command}`")
    return tensors


def read_record(file: Path) -> dict[str, Any] | None:
    """The content of a `.json` of this format, or None for any other file."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    ours = isinstance(record, dict) and record.get("format") == FORMAT and isinstance(record.get("run_id"), str)
    return record if ours else None


def _write_beside(path: Path, write: Callable[[BinaryIO], None]) -> Path:
    beside = suffixed(path, ".tmp")
    with beside.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    return beside
