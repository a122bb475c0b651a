"""Files and folders that may not be read, for whoever runs the tests as root, who may read all."""

import builtins
import io
import os
from pathlib import Path


def forbid(monkeypatch, place):
    """Let a file or a folder not be opened, and nothing within it be looked at, as if it belonged to somebody else."""

    def guarded(whole, name):
        def call(path, *arguments, **more):
            found = Path(path) if isinstance(path, str | os.PathLike) else Path()  # else a file that is open
            if found.is_relative_to(place) and (name != "stat" or found != place):
                raise PermissionError(13, "Permission denied", str(path))
            return whole(path, *arguments, **more)

        return call

    for module, names in {os: ("open", "stat", "listdir", "scandir"), io: ("open",), builtins: ("open",)}.items():
        for name in names:
            monkeypatch.setattr(module, name, guarded(getattr(module, name), name))
