"""A trace's file, or the folder that holds it, opened as pieces of text."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from torchdoctor.errors import TorchdoctorError
from torchdoctor.traces.events import Events, NoTrace

PIECE = 1 << 20
_ENDINGS = (".pt.trace.json", ".pt.trace.json.gz", ".json", ".json.gz")


class Source:
    """The text of a file, plain or gzip by its first bytes. ``read`` counts its bytes, ``size`` is all that there are.

    ``cut`` is True where a compressed file ends too early: what came before is read all the same.
    """

    def __init__(self, path: Path) -> None:
        self.path = found(path)
        self.read = 0
        self.cut = False
        try:
            self.size = self.path.stat().st_size
        except OSError as error:
            raise TorchdoctorError(f"{path} cannot be read: {error.strerror or error}") from None

    def pieces(self) -> Iterator[str]:
        """Raises TorchdoctorError where the file cannot be read."""
        decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        try:
            with self.path.open("rb") as file:
                packed = file.read(2) == b"\x1f\x8b"
                file.seek(0)
                for data in self._unpacked(file) if packed else self._raw(file):
                    if text := decode(data):
                        yield text
        except OSError as error:
            raise TorchdoctorError(f"{self.path} cannot be read: {error.strerror or error}") from None

    def _raw(self, file: IO[bytes]) -> Iterator[bytes]:
        while data := file.read(PIECE):
            self.read += len(data)
            yield data

    def _unpacked(self, file: IO[bytes]) -> Iterator[bytes]:
        """Of a file that breaks off or is damaged, what comes before that."""
        unpack = zlib.decompressobj(wbits=31)
        for data in self._raw(file):
            while data:
                try:
                    yield unpack.decompress(data, PIECE)
                except zlib.error:
                    self.cut = True
                    return
                data = unpack.unconsumed_tail
                if unpack.eof and unpack.unused_data.strip(b"\0"):  # another member
                    data, unpack = unpack.unused_data, zlib.decompressobj(wbits=31)
        self.cut = not unpack.eof


def found(path: Path) -> Path:
    """The trace that is meant: of a folder, the newest in it. Raises TorchdoctorError where there is none."""
    if not path.is_dir():
        return path
    traces = traces_in(path)
    if not traces:
        raise TorchdoctorError(f"{path} holds no trace: none of its files ends in {_ENDINGS[0]} or {_ENDINGS[1]}")
    return max(traces, key=lambda one: one.stat().st_mtime)


def by_rank(folder: Path) -> list[Path]:
    """Of a folder with the traces of several ranks, the newest of each rank, in the order of the ranks; else none.

    Those of a run with another number of ranks are left out, and so is what cannot be read.
    """
    ranks: dict[tuple[int, int], Path] = {}
    newest: tuple[int, int] | None = None
    for trace in sorted(traces_in(folder), key=lambda one: one.stat().st_mtime):
        if (told := _rank(trace)) is not None:
            ranks[told] = trace
            newest = told
    world = newest[1] if newest is not None else 0
    found = [trace for (_, size), trace in sorted(ranks.items(), key=lambda one: one[0]) if size == world]
    return found if len(found) > 1 else []


def _rank(trace: Path) -> tuple[int, int] | None:
    """The rank and the number of ranks, which stand before the events."""
    try:
        events = Events(Source(trace).pieces())
        next(iter(events), None)
    except (NoTrace, TorchdoctorError):
        return None
    spread = events.metadata.get("distributedInfo")
    told = (spread.get("rank"), spread.get("world_size", 0)) if isinstance(spread, dict) else (None, 0)
    return (told[0], told[1]) if isinstance(told[0], int) and isinstance(told[1], int) else None


def traces_in(folder: Path) -> list[Path]:
    """The traces in a folder: those that are named as torch names them, else all JSON files."""
    named = [one for one in folder.rglob("*.json*") if one.name.endswith(_ENDINGS[:2])]
    return named or [one for one in folder.glob("*.json*") if one.name.endswith(_ENDINGS)]
