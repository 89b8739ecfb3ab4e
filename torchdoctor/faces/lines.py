"""The lines of the files that findings point at."""

from __future__ import annotations

import re

from torchdoctor.project.source import text_of

_NEWLINE = re.compile(r"\r\n?|\n")


def split_lines(text: str) -> list[str]:
    """The lines of a text without their ends, as Python's tokenizer counts them; no line behind the last end."""
    lines = _NEWLINE.split(text)
    return lines[:-1] if lines[-1] == "" else lines


class Lines:
    """Lines by path, read when they are asked for. ``known`` are texts that stand in no file."""

    def __init__(self, known: dict[str, str] | None = None) -> None:
        self._files = {path: _NEWLINE.split(text) for path, text in (known or {}).items()}

    def of(self, path: str) -> list[str]:
        """All lines of a file, without their ends; none where it cannot be read."""
        if path not in self._files:
            text = text_of(path)
            self._files[path] = _NEWLINE.split(text) if text else []
        return self._files[path]

    def text(self, path: str) -> str:
        """A whole file, with its line ends all alike; "" where it cannot be read."""
        return "\n".join(self.of(path))

    def line(self, path: str, number: int) -> str:
        """One line, counted from 1; "" where there is none."""
        lines = self.of(path)
        return lines[number - 1] if 0 < number <= len(lines) else ""
