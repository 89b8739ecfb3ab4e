"""Events in the order of time, of any number: what does not fit into memory is sorted in parts, on disk."""

from __future__ import annotations

import heapq
import marshal
import tempfile
from collections.abc import Iterator
from typing import IO

from torchdoctor.errors import TorchdoctorError

# start, minus the duration (what encloses comes first), the name, the track, the correlation (of an operator, whether
# it is recorded for backward), the signature, the bytes
Row = tuple[float, float, int, int, int, int, int]
PART = 200_000
_BLOCK = 5_000


class Ordered:
    """Takes rows in any order, gives them in that of time. Its files are gone when it is."""

    def __init__(self, part: int = PART) -> None:
        self._part = part
        self._rows: list[Row] = []
        self._file: IO[bytes] | None = None
        self._parts: list[list[int]] = []  # where the blocks of each part lie
        self.count = 0

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= self._part:
            self._spill()

    def _spill(self) -> None:
        self.count += len(self._rows)
        self._rows.sort()
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="torchdoctor-")  # noqa: SIM115 - it lives as long as we
            blocks = []
            for start in range(0, len(self._rows), _BLOCK):
                blocks.append(self._file.tell())
                marshal.dump(self._rows[start : start + _BLOCK], self._file)
        except OSError as error:
            reason = error.strerror or error
            raise TorchdoctorError(f"no room in {tempfile.gettempdir()} to sort the trace: {reason}") from None
        self._parts.append(blocks)
        self._rows = []

    def __iter__(self) -> Iterator[Row]:
        self.count += len(self._rows)
        self._rows.sort()
        return heapq.merge(*map(self._of, self._parts), iter(self._rows)) if self._parts else iter(self._rows)

    def _of(self, blocks: list[int]) -> Iterator[Row]:
        for block in blocks:
            assert self._file is not None
            self._file.seek(block)
            yield from marshal.load(self._file)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
