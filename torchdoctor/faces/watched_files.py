"""The folder of a watched run: a file for each rank."""

from __future__ import annotations

import re
import time
from pathlib import Path

from torchdoctor.errors import TorchdoctorError
from torchdoctor.step_lines import read
from torchdoctor.step_record import WatchRecord

_PATIENCE_S = 3.0  # how long rank 0 waits at its end for the others to end
_RANK = re.compile(r"rank(\d+)\.jsonl$")


def records_of(folder: Path) -> list[WatchRecord]:
    """The records of all ranks in a folder, or of one file. Raises TorchdoctorError where there is none."""
    if folder.is_file():
        return [_read(folder)]
    if not folder.exists():
        raise TorchdoctorError(f"{folder} is not there: give the folder that `torchdoctor run --watch` has named")
    files = [path for path in folder.glob("rank*.jsonl") if _RANK.search(path.name)]
    if not files:
        raise TorchdoctorError(f"{folder} holds no record of a watched run: there is no rank0.jsonl in it")
    return sorted((_read(path) for path in files), key=lambda one: one.rank)


def _read(path: Path) -> WatchRecord:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return read(lines)
    except OSError as error:
        raise TorchdoctorError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise TorchdoctorError(f"{path} cannot be read: {error}") from None


def others(folder: Path | None, own: WatchRecord) -> list[WatchRecord]:
    """For rank 0, the records of all ranks of this run, its own first: those that lie in the folder.

    No collective is called for it: at the end of a program other ranks may be gone. Their files are waited for, some
    seconds at most. [] for a run of one process, and for the other ranks.
    """
    if folder is None or own.world < 2 or own.rank != 0:
        return []
    until = time.monotonic() + _PATIENCE_S
    while True:
        found = [one for one in _readable(folder) if one.rank != own.rank and _same_run(one, own)]
        if len(found) == own.world - 1 and all(one.ended for one in found):
            break
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    return [own, *sorted(found, key=lambda one: one.rank)]


def _same_run(one: WatchRecord, own: WatchRecord) -> bool:
    """Not what an earlier run has left in the folder: ranks begin within minutes of each other."""
    return one.world == own.world and abs(one.started - own.started) < 600


def _readable(folder: Path) -> list[WatchRecord]:
    try:
        return records_of(folder)
    except TorchdoctorError:
        return []
