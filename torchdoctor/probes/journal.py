"""The record of a run while it is made: bounded in memory and on disk, and on disk up to the last half second.

What the program's thread tells is laid down with one ``append``; a thread of ours takes it from there, twice a second.
The file is written with the system's own calls, without a buffer: what was handed over survives ``kill -9``. When a
record has grown long, its older part is merged, and the file replaced by a shorter one in one move.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from torchdoctor.step_lines import head, line, step_line
from torchdoctor.step_record import HolderRecord, PauseRecord, SampleRecord, StepRecord, WatchRecord, thinned

WHOLE = 2048  # steps that are kept one by one: the last ones
MERGED = 2048  # records of all the steps before
_LONGEST = 2 * (WHOLE + MERGED)  # records in memory, and steps in the file, until they are thinned
_SAMPLES, _PAUSES, _HOLDERS = 4096, 512, 32
_LISTED = (("step", "steps"), ("sample", "samples"), ("pause", "pauses"), ("holder", "holders"))
_BINARY = getattr(os, "O_BINARY", 0)  # on Windows


class Journal:
    """Takes records and keeps them. ``path`` is the file; None for a record in memory only.

    ``tell`` is given one line where the file cannot be written: from then on the record is in memory only.
    """

    def __init__(self, path: Path | None, record: WatchRecord, tell: Callable[[str], None]) -> None:
        self.path, self.tell = path, tell
        self.record = record
        self.steps: list[StepRecord] = []
        self.samples: list[SampleRecord] = []
        self.pauses: list[PauseRecord] = []
        self.holders: list[HolderRecord] = []
        self._queue: list[tuple[str, Any]] = []
        self._file = -1
        if path is not None:
            self._open(path)

    def lay(self, kind: str, record: Any) -> None:
        """Lay down one record of a kind of ``step_lines``; a step as the values of its fields. Costs an append."""
        self._queue.append((kind, record))

    def flush(self) -> list[StepRecord]:
        """Keep and write what was laid down; returns the steps of it. From one thread at a time."""
        count = len(self._queue)
        taken = self._queue[:count]
        del self._queue[:count]
        rows: list[str] = []
        steps: list[StepRecord] = []
        for kind, record in taken:
            if kind == "step":
                steps.append(StepRecord(*record))
                self.steps.append(steps[-1])
                rows.append(step_line(record))
            else:
                self._keep(kind, record)
                rows.append(line(kind, record))
        self._write("".join(rows))
        if len(self.steps) > _LONGEST:
            self._shorten()
        return steps

    def _keep(self, kind: str, record: Any) -> None:
        if kind == "sample":
            self.samples.append(record)
            if len(self.samples) > _SAMPLES:
                self.samples[: _SAMPLES // 2] = self.samples[: _SAMPLES // 2 : 2]
        elif kind == "pause":
            self.pauses.append(record)
            if len(self.pauses) > _PAUSES:
                longest = sorted(self.pauses, key=lambda one: -one.seconds)[: _PAUSES // 2]
                self.pauses = sorted(longest, key=lambda one: one.at)
        elif kind == "holder" and len(self.holders) < _HOLDERS:
            self.holders.append(record)
        elif kind == "loader":
            self.record = replace(self.record, loader=record)
        elif kind == "missing":
            self.record = replace(self.record, missing=(*self.record.missing, record["text"]))
        elif kind == "reset":
            self.steps.clear()
            self.pauses.clear()
            self.record = replace(self.record, **record)
        elif kind == "end":
            self.record = replace(self.record, **record)

    def whole(self) -> WatchRecord:
        """The record as it stands."""
        return replace(
            self.record,
            steps=tuple(self.steps),
            samples=tuple(self.samples),
            pauses=tuple(self.pauses),
            holders=tuple(self.holders),
            count=self.steps[-1].number if self.steps else 0,
        )

    def fits(self, **facts: Any) -> None:
        """Facts that become known later than the head is written."""
        self.lay("end", facts)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def forget(self) -> None:
        """In a forked process: the file is the parent's."""
        self.path, self._file, self._queue = None, -1, []

    # -- the file -----------------------------------------------------------------------------------------------------

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o666)
        except OSError as error:
            self._lost(error)
            return
        self._write(head(self.record))

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        try:
            while data and self._file >= 0:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._lost(error)

    def _lost(self, error: OSError) -> None:
        """The disk is full, or the folder may not be written to: the run goes on, and so does the record in memory."""
        path = self.path
        try:
            self.close()
        except OSError:
            self._file = -1
        self.tell(f"{path} cannot be written ({error.strerror or error}): the record goes on in memory only")
        self.record = replace(
            self.record,
            missing=(*self.record.missing, f"the file ends where it could not be written: {error.strerror}"),
        )

    def _shorten(self) -> None:
        """Merge the older steps, and write the file anew: whole, beside the old one, then in its place."""
        self.steps = thinned(self.steps, WHOLE, MERGED)
        if self._file < 0 or self.path is None:
            return
        rows = [head(self.record)]
        rows += [line(kind, one) for kind, name in _LISTED for one in getattr(self, name)]
        beside = self.path.with_name(self.path.name + ".new")
        try:
            beside.write_text("".join(rows), encoding="utf-8", errors="backslashreplace", newline="\n")
            os.close(self._file)
            self._file = -1
            os.replace(beside, self.path)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | _BINARY)
        except OSError as error:
            self._lost(error)
            with suppress(OSError):
                beside.unlink()
