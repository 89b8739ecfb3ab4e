"""Real Python files to hold the facts against: the standard library's own, and torch's where it is installed."""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from pathlib import Path

_SIZE = 60_000


def _files() -> list[str]:
    folders = [Path(os.__file__).parent]
    if (torch := importlib.util.find_spec("torch")) is not None and torch.origin is not None:
        folders += [Path(torch.origin).parent / "nn", Path(torch.origin).parent / "optim"]
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).parts
            if (
                not {"test", "tests", "site-packages", "lib2to3", "idlelib"} & set(parts)
                and path.stat().st_size < _SIZE
            ):
                found.append(str(path))
    return found


ALL = _files()
SOME = random.Random(0).sample(ALL, 20)


def id_of(path: str) -> str:
    """A test's name: the path inside its package."""
    for folder in sorted(sys.path, key=len, reverse=True):
        if folder and path.startswith(folder + os.sep):
            return path[len(folder) + 1 :]
    return os.path.basename(path)


def text_of(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")
