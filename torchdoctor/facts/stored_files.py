"""What the Neighbours of all files of one run share: parsed files, outlines, found paths, followed names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torchdoctor.facts.modules import Callers, digest, find, module_name
from torchdoctor.facts.outline import Outline, defined_at_left, outline

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.neighbours import Neighbours

KEPT_BYTES = 800_000  # of the source of files whose facts are kept: these take about 180 times as much, a tree 70
_TREES = 6  # times as much is kept parsed
_MOST_BYTES = 4_000_000  # that one file may lead to; what lies beyond is not known


class StoredFiles:
    """Reads and keeps files: those longest unused are let go first."""

    def __init__(
        self, roots: tuple[Path, ...], load: Callable[[Path, str, Neighbours], File | None], keep: int
    ) -> None:
        self.roots = roots
        self.digests: dict[str, str | None] = {}
        self.graph: dict[str, dict[str, str | None]] = {}
        self.origins: dict[tuple[Path, ...], dict[str, tuple[str | None, dict[str, str | None]]]] = {}  # by roots
        self.callers = Callers(roots)
        self._make = load
        self._keep = keep
        self._kept = 0  # bytes of the files whose facts are kept
        self._used: set[tuple[Path, str]] = set()  # those files
        self._parsed = 0  # bytes of all files that are kept
        self._files: dict[tuple[Path, str], tuple[File | None, int]] = {}  # the longest unused first
        self._replaced: list[File] = []  # by the same file, parsed in its own turn: what points at them is kept
        self._led_to: set[tuple[Path, str]] = set()  # by the file that is being examined
        self._led = 0  # bytes
        self._outlines: dict[tuple[Path, str], Outline | None] = {}
        self._defined: dict[Path, frozenset[str]] = {}
        self._roots_from: dict[tuple[Path, ...], tuple[Path, ...]] = {}
        self._views: dict[Path, Neighbours] = {}
        self._paths: dict[tuple[Path, str], tuple[Path | None, dict[str, None]]] = {}

    def load(self, path: Path, module: str, asker: Neighbours) -> File | None:
        """The file, parsed; None where it cannot be, or where one file has led to more than can be held."""
        key = path, module
        if key not in self._led_to:  # counted from nothing for each file: who was looked at before must not matter
            data = self._bytes(path) if key not in self._files else b""
            if self._led > _MOST_BYTES:
                return None
            if key not in self._files:
                file = self._make(path, module, self.view(path, asker)) if data is not None else None
                self._keep_file(key, file, len(data or b""))
            else:
                self._keep_file(key, *self._files[key])
            self._led_to.add(key)
            self._led += self._files[key][1]
        return self._files[key][0]

    def adopt(self, path: Path, file: File, view: Neighbours) -> None:
        """Keep a file that was parsed elsewhere. What it asks for is from now on written down as any file's."""
        shared = self.graph.setdefault(str(path), {})
        shared.update(view.asked)
        view.asked = shared
        if str(path) not in self.digests:
            self._bytes(path)
        self._keep_file((path, file.module_name), file, len(file.text))

    def kept(self, path: Path, module: str) -> File | None:
        return self._files.get((path, module), (None, 0))[0]

    def settle(self, path: Path | None, file: File) -> None:
        """Facts point at each other in circles, also across files, so what is forgotten is forgotten all at once."""
        self._led_to, self._led = set(), 0
        held = path is not None and self.kept(path, file.module_name) is file
        if self._kept > self._keep:
            for kept in self.held():
                kept.forget()
            for replaced in self._replaced:
                replaced.let_go()
            self._replaced.clear()
            self._used.clear()
            self._kept = 0
            self._drop_trees()
        if not held:
            file.let_go()

    def held(self) -> list[File]:
        return [kept for kept, _ in self._files.values() if kept is not None]

    def _drop_trees(self) -> None:
        for key in list(self._files):
            if self._parsed <= self._keep * _TREES:
                return
            kept, size = self._files.pop(key)
            self._parsed -= size
            if kept is not None:
                kept.let_go()

    def outline(self, path: Path, module: str) -> Outline | None:
        key = path, module
        if key not in self._outlines:
            data = self._bytes(path)
            self._outlines[key] = outline(data, module, path.name == "__init__.py") if data is not None else None
        return self._outlines[key]

    def defined(self, path: Path) -> frozenset[str]:
        """The functions and classes that plainly stand in a file."""
        found = self._defined.get(path)
        if found is None:
            found = self._defined[path] = defined_at_left(self._bytes(path) or b"")
        return found

    def view(self, path: Path, asker: Neighbours) -> Neighbours:
        """The project as this file sees it."""
        if path not in self._views:
            self._views[path] = asker.seen_from(module_name(path)[1])
            self._views[path].asked = self.graph.setdefault(str(path), {})
        return self._views[path]

    def roots_from(self, own: tuple[Path, ...]) -> tuple[Path, ...]:
        """Where the imports of a file may start that lies below these: there, in what is around, in the project."""
        if own not in self._roots_from:
            around = (up for root in own for up in root.parents if not {*self.roots}.isdisjoint(up.parents))
            self._roots_from[own] = tuple(dict.fromkeys((*own, *around, *self.roots)))
        return self._roots_from[own]

    def find(self, root: Path, module: str) -> tuple[Path | None, dict[str, None]]:
        """The module's path below a root, or None; and the paths where it might have lain."""
        key = root, module
        if key not in self._paths:
            self._paths[key] = find(root, module)
        return self._paths[key]

    def _keep_file(self, key: tuple[Path, str], file: File | None, size: int) -> None:
        before, counted = self._files.pop(key, (None, 0))
        if before is not None and before is not file:
            self._replaced.append(before)
        self._parsed += size - counted
        self._files[key] = file, size
        if key not in self._used:
            self._used.add(key)
            self._kept += size

    def _bytes(self, path: Path) -> bytes | None:
        try:
            data = path.read_bytes()
        except OSError:
            data = None
        self.digests[str(path)] = digest(data) if data is not None else None
        return data
