"""Styled text for terminals, and how wide text is on them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import IO

WIDTH = 120  # where nothing tells how wide the reader's screen is
_CODES = {
    "error": "1;31",
    "warning": "1;33",
    "note": "1;36",
    "strong": "1",
    "frame": "34",
    "cure": "32",
    "dim": "2",
    "plain": "",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


@dataclass(frozen=True)
class Paint:
    """How to write: with colours or without, and for a screen how wide."""

    color: bool = False
    width: int = WIDTH

    def __call__(self, style: str, text: str) -> str:
        code = _CODES[style]
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code and text else text


def wants_color(choice: str, stream: IO[str]) -> bool:
    """Whether to colour what goes to a stream; ``choice`` is auto, always or never.

    For auto, NO_COLOR and FORCE_COLOR decide, then whether the stream is a terminal.
    """
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def width_of(stream: IO[str]) -> int:
    """How many columns there are to write to."""
    if columns := os.environ.get("COLUMNS", ""):
        return max(int(columns), 40) if columns.isdigit() else WIDTH
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, 40)
    except (OSError, ValueError, AttributeError):
        return WIDTH


def visible(text: str) -> str:
    """Source text as it can be shown: tabs as spaces, and nothing that would steer the terminal."""
    return _CONTROL.sub("\ufffd", text.expandtabs(4) if "\t" in text else text)


def cells(text: str) -> int:
    """How many columns a text takes: wide characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
