"""Writing to the user: never an encoding error."""

from __future__ import annotations

import sys
import time
from typing import IO

import click

from torchdoctor.faces.paint import is_terminal


def say(text: str, *, err: bool = False) -> None:
    """Write text as it is, colours included; what the console's encoding lacks is written as an escape."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(text, nl=False, err=err, color=True)


class Progress:
    """How far a run is, in one line on a terminal's standard error, once it takes longer than a moment."""

    PATIENCE_S = 1.0
    _EVERY_S = 0.1
    _BAR = 30

    def __init__(self, stream: IO[str], *, quiet: bool = False, unit: str = "files") -> None:
        self.stream, self.unit = stream, unit
        self.shows = not quiet and is_terminal(stream)
        self._began = time.monotonic()
        self._next = self._began + self.PATIENCE_S
        self._drawn = False

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if not self.shows or now < self._next:
            return
        self._next, self._drawn = now + self._EVERY_S, True
        full = self._BAR * done // max(of, 1)
        self.stream.write(f"\r[{'#' * full}{'.' * (self._BAR - full)}] {done}/{of} {self.unit}")
        self.stream.flush()

    def close(self) -> None:
        """Take the line away again."""
        if self._drawn:
            self.stream.write("\r" + " " * 60 + "\r")
            self.stream.flush()
            self._drawn = False
