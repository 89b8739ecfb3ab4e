"""A trace's file, or the folder that holds it, opened as pieces of text."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from torchdoctor.errors import TorchdoctorError

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
            with self.path.open("rb") as raw:
                packed = raw.read(2) == b"\x1f\x8b"
                raw.seek(0)
                with gzip.GzipFile(fileobj=raw) if packed else raw as file:
                    while data := self._piece(file):
                        self.read = raw.tell()
                        if text := decode(data):
                            yield text
        except OSError as error:
            raise TorchdoctorError(f"{self.path} cannot be read: {error.strerror or error}") from None

    def _piece(self, file: IO[bytes] | gzip.GzipFile) -> bytes:
        got = bytearray()
        try:
            while not self.cut and len(got) < PIECE and (data := file.read(PIECE - len(got))):
                got += data
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.cut = True
        return bytes(got)


def found(path: Path) -> Path:
    """The trace that is meant: of a folder, the newest in it. Raises TorchdoctorError where there is none."""
    if not path.is_dir():
        return path
    traces = [one for one in path.rglob("*.json*") if one.name.endswith(_ENDINGS[:2])]
    traces = traces or [one for one in path.glob("*.json*") if one.name.endswith(_ENDINGS)]
    if not traces:
        raise TorchdoctorError(f"{path} holds no trace: none of its files ends in {_ENDINGS[0]} or {_ENDINGS[1]}")
    return max(traces, key=lambda one: one.stat().st_mtime)
