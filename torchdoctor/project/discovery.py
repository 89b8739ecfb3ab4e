"""Which files a run looks at: the paths that were named, and what lies below them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torchdoctor.config import Settings
from torchdoctor.project.patterns import Ignored, Patterns
from torchdoctor.project.report import Failure

SUFFIXES = (".py", ".pyw")


@dataclass
class Found:
    """Absolute paths of the files, in order; what was named and cannot be read; what was named in vain."""

    files: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def discover(paths: Iterable[Path], settings: Settings) -> Found:
    """All files to look at. A file that is named is taken whatever it is called and whatever excludes it."""
    found = Found()
    files: list[tuple[str, str]] = []
    for path in paths:
        name = os.path.abspath(path)
        if os.path.isdir(name):
            walker = _Walker(settings, name)
            below = list(walker.walk())
            files += below
            found.failures += walker.failures
            if not below and not walker.failures:
                excluded = f" ({walker.passed_over} excluded or ignored)" if walker.passed_over else ""
                found.warnings.append(f"no Python files under {path}{excluded}")
        elif os.path.lexists(name):
            files.append((name, os.path.realpath(name)))
        else:
            found.failures.append(Failure(name, "there is no such file or folder"))
    found.files = _once(files)
    return found


def _once(files: list[tuple[str, str]]) -> list[str]:
    """Each file once, though links lead to it from several places: by its own path, if that is among them."""
    names: dict[str, str] = {}
    for path, real in files:
        if real not in names or path == real:
            names[real] = path
    return sorted(names.values(), key=lambda path: path.split(os.sep))


class _Walker:
    """Walks one folder with the run's excludes. ``passed_over`` counts the files and folders that were left out."""

    def __init__(self, settings: Settings, top: str) -> None:
        self.top = top
        self.names = {pattern for pattern in settings.exclude if not set(pattern) & set("*?[!/\\")}
        globs = [pattern for pattern in settings.exclude if pattern not in self.names]
        patterns = Patterns(str(settings.root), [*globs, *settings.extend_exclude])
        # What excludes the folder itself does not count below it: it was named.
        self.patterns = Patterns("", ()) if patterns.decides(top, is_folder=True) else patterns
        self.failures: list[Failure] = []
        self.passed_over = 0
        self._folders: list[tuple[str, str, Ignored]] = []
        self._links: list[tuple[str, Ignored]] = []

    def walk(self) -> Iterator[tuple[str, str]]:
        """Path and real path of each file. Links to folders are followed, but for those that lead back or upwards."""
        walked = [os.path.realpath(self.top)]
        self._folders.append((self.top, walked[0], Ignored.around(self.top)))
        while self._folders or self._links:
            while self._folders:
                yield from self._in(*self._folders.pop())
            if self._links:
                link, ignored = self._links.pop(0)
                real = os.path.realpath(link)
                if not any(_within(real, place) or _within(place, real) for place in walked):
                    walked.append(real)
                    self._folders.append((link, real, ignored))

    def _in(self, folder: str, real: str, ignored: Ignored) -> Iterator[tuple[str, str]]:
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.failures.append(Failure(folder, f"the folder cannot be read: {error.strerror or error}"))
            return
        ignored = ignored.below(folder, [entry.name for entry in entries])
        for entry in entries:
            is_folder = _is_folder(entry)
            if not is_folder and not entry.name.endswith(SUFFIXES):
                continue
            if self._left_out(entry, ignored, is_folder):
                self.passed_over += 1
            elif is_folder and entry.is_symlink():
                self._links.append((entry.path, ignored))
            elif is_folder:
                self._folders.append((entry.path, os.path.join(real, entry.name), ignored))
            elif entry.is_file():  # no pipe, no socket, no link that leads nowhere
                inside = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)
                yield entry.path, inside

    def _left_out(self, entry: os.DirEntry[str], ignored: Ignored, is_folder: bool) -> bool:
        return (
            entry.name in self.names
            or bool(self.patterns.decides(entry.path, is_folder=is_folder))
            or ignored.covers(entry.path, is_folder=is_folder)
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
