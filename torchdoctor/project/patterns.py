"""Paths against patterns as git writes them: .gitignore files, the ``exclude`` and ``per-file-ignores`` settings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


class Patterns:
    """Patterns that hold below one folder. Loads pathspec only when there is something that could match."""

    def __init__(self, folder: str, lines: Iterable[str]) -> None:
        self.folder = folder
        self.lines = tuple(line for line in lines if line.strip() and not line.startswith("#"))

    def decides(self, path: str, *, is_folder: bool = False) -> bool | None:
        """True: it is matched; False: a pattern with ``!`` takes it back; None: no pattern speaks of it."""
        if not self.lines:
            return None
        inside = os.path.relpath(path, self.folder) if not path.startswith(self._prefix) else path[len(self._prefix) :]
        if os.sep != "/":
            inside = inside.replace(os.sep, "/")
        if inside == "." or inside.startswith("../"):
            return None
        if is_folder:
            inside += "/"
        if self._quick is not None and not self._quick.match(inside):
            return None
        return self._spec.check_file(inside).include

    @cached_property
    def _prefix(self) -> str:
        return os.path.join(self.folder, "")

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines(self.lines)

    @cached_property
    def _quick(self) -> re.Pattern[str] | None:
        """All patterns as one expression: most paths match none, and that should cost one test."""
        expressions = [
            re.sub(r"\?P<\w+>", "?:", regex.pattern)
            for pattern in self._spec.patterns
            if (regex := getattr(pattern, "regex", None)) is not None
        ]
        try:
            return re.compile("|".join(f"(?:{expression})" for expression in expressions)) if expressions else None
        except re.error:
            return None


class Ignored:
    """What .gitignore files say, from the repository's root down to where the walk is."""

    def __init__(self, layers: Sequence[Patterns] = ()) -> None:
        self.layers = tuple(layers)

    @classmethod
    def around(cls, folder: str) -> Ignored:
        """The files above a folder. One that ignores the folder itself does not count below it: it was named."""
        found = []
        inner = Path(folder)
        for above in inner.parents:
            if os.path.lexists(inner / ".git"):
                break
            found.append(_git_files(str(above)))
            inner = above
        layers = [layer for group in reversed(found) for layer in group]
        return cls([layer for layer in layers if not layer.decides(folder, is_folder=True)])

    def below(self, folder: str, names: Iterable[str]) -> Ignored:
        """The same, one folder deeper; ``names`` are what lies there."""
        return Ignored((*self.layers, *_git_files(folder))) if {".git", ".gitignore"} & set(names) else self

    def covers(self, path: str, *, is_folder: bool) -> bool:
        for layer in reversed(self.layers):  # the nearest file has the last word
            if (decided := layer.decides(path, is_folder=is_folder)) is not None:
                return decided
        return False


def _git_files(folder: str) -> list[Patterns]:
    layers = []
    for name in (os.path.join(".git", "info", "exclude"), ".gitignore"):
        try:
            text = Path(folder, name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        layer = Patterns(folder, text.splitlines())
        if layer.lines:
            layers.append(layer)
    return layers
