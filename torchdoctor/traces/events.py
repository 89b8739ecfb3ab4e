"""The events of a trace, one after the other, from text that comes in pieces: never more than one piece is held.

A trace is an object that holds ``traceEvents`` and metadata before and after them, or a bare list of events. What is
no valid JSON inside one event (old versions of torch wrote back slashes and quotes as they came) costs that event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from torchdoctor.errors import TorchdoctorError

_SPACE = re.compile(r"[\s,]*")
_KEY = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*:\s*')
_NEXT = re.compile(r"\}\s*,\s*(?=\{)")
_AFTER = tuple(",}] \t\r\n")
_LAST = re.compile(r"\}\s*\]")
_BACKSLASH = re.compile(r'\\(?![\\"/bfnrtu])')
# An event, or a value of the metadata, is at most so long: what is longer is broken.
LONGEST = 64 << 20
Event = dict[str, Any]


class NoTrace(TorchdoctorError):
    """The text is no trace."""


class Events:
    """Iterates over the events. ``metadata`` is filled on the way; ``lost`` counts events that could not be read.

    ``cut`` is True where the text ends before the trace does. Raises NoTrace where the text is none.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self.metadata: dict[str, Any] = {}
        self.lost = 0
        self.cut = False
        self._pieces = iter(pieces)
        self._text = ""
        self._at = 0
        self._scan = json.JSONDecoder(strict=False).raw_decode

    def __iter__(self) -> Iterator[Event]:
        self._skip()
        first = self._peek()
        if first == "[":
            self._at += 1
            yield from self._list()
        elif first == "{":
            self._at += 1
            yield from self._object()
        else:
            raise NoTrace("it is no JSON" if first else "it is empty")

    def _object(self) -> Iterator[Event]:
        found = False
        while True:
            self._skip()
            if self._peek() == "}":
                break
            key = self._key()
            if key is None:
                self.cut = True
                break
            if key == "traceEvents":
                found = True
                self._skip()
                if self._peek() != "[":
                    raise NoTrace("its `traceEvents` is no list")
                self._at += 1
                yield from self._list()
                if self.cut:
                    break
            elif not self._value(key):
                break
        if not found:
            raise NoTrace("it is JSON without `traceEvents`" if not self.cut else "it ends before its events begin")

    def _list(self) -> Iterator[Event]:
        while True:
            self._skip()
            first = self._peek()
            if first == "]":
                self._at += 1
                return
            if not first:
                self.cut = True
                return
            event = self._event()
            if event is None:
                if self.cut:
                    return
            elif isinstance(event, dict):
                yield event

    def _event(self) -> Any:
        while True:
            try:
                event, self._at = self._scan(self._text, self._at)
                return event
            except json.JSONDecodeError as error:
                broken = error.pos
            except RecursionError:
                broken = self._at
            end = _NEXT.search(self._text, max(broken - 1, self._at))
            if end is None:
                if self._more():
                    continue
                end = _LAST.search(self._text, max(broken - 1, self._at))
            if end is None:
                self.cut = True
                self._at = len(self._text)
                return None
            return self._mended(end.start() + 1)

    def _mended(self, end: int) -> Any:
        """The event up to here, read leniently; None where that fails too."""
        text, self._at = self._text[self._at : end], end
        try:
            return self._scan(_BACKSLASH.sub(r"\\\\", text), 0)[0]
        except (json.JSONDecodeError, RecursionError):
            self.lost += 1
            return None

    def _value(self, key: str) -> bool:
        """Read a value of the metadata; False where the text ends in it."""
        while True:
            self._skip()
            try:
                self.metadata[key], end = self._scan(self._text, self._at)
                if self._text[end : end + 1] in _AFTER or not self._more():  # a number might go on
                    self._at = end
                    return True
            except (json.JSONDecodeError, RecursionError):
                if not self._more():
                    self.cut = True
                    return False

    def _key(self) -> str | None:
        while True:
            if found := _KEY.match(self._text, self._at):
                self._at = found.end()
                return str(json.loads(f'"{found[1]}"', strict=False))
            if self._text[self._at : self._at + 1] not in ('"', ""):
                raise NoTrace("it is no JSON")
            if not self._more():
                return None

    def _skip(self) -> None:
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or not self._more():
                return

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _more(self) -> bool:
        """Take up the next piece, and let go what was read."""
        piece = next(self._pieces, "")
        if not piece:
            return False
        if len(self._text) - self._at > LONGEST:
            raise NoTrace(f"it holds a value of more than {LONGEST >> 20} MB")
        self._text, self._at = self._text[self._at :] + piece, 0
        return True
