"""Crash files: what is left of a process that C++ ended, with no exception for anybody to catch.

While a program runs under ``torchdoctor run`` or ``install()``, Python's faulthandler has a small file open. When the
process is ended by a segmentation fault, an abort or an uncaught C++ exception, the stacks of its threads go there; a
process that ends in another way takes its file away. ``torchdoctor explain`` without arguments reads the newest.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

_file: IO[str] | None = None
_process = 0
_LASTS_S = 7 * 24 * 3600
_MARK = "Fatal Python error:"


def folder() -> str:
    """Where crash files lie; one folder for each user."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(home, "torchdoctor", "crashes")


def watch() -> None:
    """Have crashes of this process written to a file. Leaves a faulthandler alone that the program has set itself."""
    global _file, _process
    if _file is not None or faulthandler.is_enabled():
        return
    try:
        os.makedirs(folder(), exist_ok=True)
        path = os.path.join(folder(), f"{os.getpid()}.txt")
        _file = open(path, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        _file.write(_head())
        _file.flush()
        faulthandler.enable(_file)
        _process = os.getpid()
        atexit.register(leave)
    except (OSError, ValueError, RuntimeError):  # no place to write: then without
        _file = None


def leave() -> None:
    """Stop watching, and take the file away."""
    global _file
    if _file is None or os.getpid() != _process:
        return
    atexit.unregister(leave)
    try:
        faulthandler.disable()
        _file.close()
        os.unlink(_file.name)
    except OSError:
        pass
    _file = None


def _head() -> str:
    command = " ".join(getattr(sys, "orig_argv", sys.argv))
    rank = os.environ.get("RANK", "")
    words = [f"time: {time.strftime('%Y-%m-%d %H:%M:%S')}", f"folder: {os.getcwd()}", f"command: {command}"]
    return "\n".join([*words, *([f"rank: {rank}"] if rank.isdigit() else [])]) + "\n\n"


# -- reading them ----------------------------------------------------------------------------------------------------


def newest() -> tuple[dict[str, str], str] | None:
    """The head and the text of the newest crash; None where there is none. Takes away what is too old."""
    from pathlib import Path

    found: list[tuple[float, str]] = []
    for path in Path(folder()).glob("*.txt"):
        try:
            age, text = time.time() - path.stat().st_mtime, path.read_text(encoding="utf-8", errors="replace")
            if age > _LASTS_S or (_MARK not in text and not _runs(path.stem)):
                path.unlink()
            elif _MARK in text:
                found.append((age, text))
        except OSError:
            continue
    if not found:
        return None
    head, _, body = min(found)[1].partition("\n\n")
    pairs = (row.partition(": ") for row in head.splitlines())
    return {key: value for key, _, value in pairs}, body


def _runs(process: str) -> bool:
    """Whether the process of a file is still there."""
    if os.name == "nt":  # signal 0 is Ctrl-C there; a file that a process holds open cannot be taken away anyhow
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except OSError:
        return True
    return True
