"""The other files of the same project, read only when a fact leads there.

What a file's facts were drawn from is written down, file by file: a cached result can be trusted only while everything
it rests on, near or far, is as it was.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_HOPS = 6
_ELSEWHERE = sys.stdlib_module_names | {"torch", "numpy", "builtins"}
_FOREIGN = frozenset({"site-packages", "node_modules", "__pycache__", "venv", "env", "build", "dist"})
_MOST_FILES = 20_000
_CALLED = re.compile(rb"\b[A-Za-z_]\w+(?=\()")
# Parsed files that are kept, by the bytes of their source: a tree takes about 250 times as much.
_KEPT_BYTES = 800_000


def module_name(path: Path) -> tuple[str, Path]:
    """The dotted name of a Python file, and the folder that its first part lies in."""
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while os.path.isfile(folder / "__init__.py") and folder.parent != folder:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or path.stem, folder


def digest(data: bytes) -> str:
    """A short digest of a file's bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Neighbours:
    """Finds, reads and keeps the project's files by module name, as one file sees them.

    ``roots`` are the folders that absolute imports may start from, in order. ``load`` turns a path, a module name
    and the Neighbours of that file into a File (or None where it cannot be parsed). ``asked`` holds the digest of each
    file that was asked for through this object, by path; None stands for a file that was looked for and is not there,
    or could not be read.
    """

    def __init__(
        self,
        roots: tuple[Path, ...],
        load: Callable[[Path, str, Neighbours], File | None],
        keep: int = _KEPT_BYTES,
    ) -> None:
        self.roots = roots
        self.asked: dict[str, str | None] = {}
        self._store = _Store(roots, load, keep)
        self._told: dict[str, str | None] = {}

    def seen_from(self, *own: Path) -> Neighbours:
        """The same project, its files shared, as a file sees it whose imports start from its own root first."""
        view = Neighbours.__new__(Neighbours)
        view.roots = tuple(dict.fromkeys((*own, *self._store.roots)))
        view.asked, view._store, view._told = {}, self._store, {}
        return view

    @property
    def consulted(self) -> dict[str, str | None]:
        """The digest of every file that was read for anybody, by path; None where it could not be read."""
        return self._store.digests

    @property
    def graph(self) -> dict[str, dict[str, str | None]]:
        """What each file that was loaded has itself asked for so far, by path."""
        return self._store.graph

    def file(self, module: str) -> File | None:
        """The project's file of that module name; None where the project has none (torch, numpy, ...)."""
        path = self._path(module)
        if path is None:
            return None
        found = self._store.load(path, module, self)
        self.asked[str(path)] = self._store.digests[str(path)]
        return found

    def origin(self, name: str) -> str | None:
        """Follow re-exports: "pkg.Block" to "pkg.layers.block.Block" or "torch.nn.Linear"; None if there is no such."""
        if name in self._told:
            return self._told[name]
        if name.partition(".")[0] in _ELSEWHERE:
            return None
        known = self._store.origins.get((self.roots, name))
        if known is None:
            self._store.origins[self.roots, name] = None, {}  # cuts recursion
            view = self.seen_from(*self.roots)
            known = self._store.origins[self.roots, name] = view._follow(name, ()), view.asked
        self.asked.update(known[1])
        self._told[name] = known[0]
        return known[0]

    def definition(self, name: str) -> tuple[File, cst.FunctionDef | cst.ClassDef] | None:
        """The file and node of a project function or class with that full name ("pkg.mod.Class.method")."""
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            file = self.file(".".join(parts[:cut]))
            if file is not None:
                node = file.definition(parts[cut:])
                return (file, node) if node is not None else None
        return None

    def adopt(self, file: File) -> None:
        """Let the other files see this very file, parsed already, when they ask for it."""
        path = self._path(file.module_name)
        if path is not None:
            self._store.adopt(path, file.module_name, file)

    def keeps(self, file: File) -> bool:
        """Whether other files may still ask this very file."""
        return self._store.keeps(file)

    def calling(self, word: str, most: int) -> list[File] | None:
        """The project's files in which `word(` stands; None where they are more than ``most``."""
        found = self._store.calling(word)
        if len(found) > most:
            return None
        files = [self.file(module) for module in found]
        return [file for file in files if file is not None]

    def _follow(self, name: str, way: tuple[str, ...]) -> str | None:
        """Where the thing of this name comes from; None where it is made right there. ``way`` led to this name."""
        module, _, attribute = name.rpartition(".")
        if not module or len(way) > _HOPS:
            return None
        file = self.file(module)
        if file is None or self._path(name) is not None:
            return None
        bindings = file.scopes.module.bindings.get(attribute, [])
        imported = [b for b in bindings if b.kind == "import"]
        if not imported or len(imported) != len(bindings):
            return self._through_star(file, attribute, (*way, name)) if not bindings else None
        target = file.names.of_import(imported[0].node)
        if target is None or target == name or target in way:
            return None
        return self._follow(target, (*way, name)) or target

    def _through_star(self, file: File, attribute: str, way: tuple[str, ...]) -> str | None:
        for star in file.scopes.module.bindings.get("*", ()):
            base = file.names.of_import(star.node)
            if base is None or f"{base}.{attribute}" in way:  # files may import each other's stars, round in a circle
                continue
            if file.exports(base, attribute):
                target = f"{base}.{attribute}"
                return self._follow(target, way) or target
        return None

    def _path(self, module: str) -> Path | None:
        """Where a module lies. What is not there is written down too: a new file may change what a name means."""
        if module.partition(".")[0] in _ELSEWHERE:
            return None
        for root in self.roots:
            path, missed = self._store.find(root, module)
            self.asked.update(missed)
            if path is not None:
                return path
        return None


class _Store:
    """What the Neighbours of all files of one run share: parsed files, found paths, followed names."""

    def __init__(
        self, roots: tuple[Path, ...], load: Callable[[Path, str, Neighbours], File | None], keep: int
    ) -> None:
        self.roots = roots
        self.digests: dict[str, str | None] = {}
        self.graph: dict[str, dict[str, str | None]] = {}
        self.origins: dict[tuple[tuple[Path, ...], str], tuple[str | None, dict[str, str | None]]] = {}
        self._make = load
        self._keep = keep
        self._kept = 0
        self._files: OrderedDict[tuple[Path, str], tuple[File | None, int]] = OrderedDict()
        self._calls: dict[str, list[str]] | None = None
        self._paths: dict[tuple[Path, str], tuple[Path | None, dict[str, str | None]]] = {}

    def load(self, path: Path, module: str, asker: Neighbours) -> File | None:
        """The file, parsed; the one longest unused is forgotten when too much is kept."""
        key = path, module
        if key in self._files:
            self._files.move_to_end(key)
            return self._files[key][0]
        file, size = self._read(path, module, asker)
        self._files[key] = file, size
        self._kept += size
        while self._kept > self._keep and len(self._files) > 1:
            self._kept -= self._files.popitem(last=False)[1][1]
        return file

    def keeps(self, file: File) -> bool:
        return any(kept is file for kept, _ in self._files.values())

    def adopt(self, path: Path, module: str, file: File) -> None:
        size = len(file.text)
        self._kept += size - self._files.pop((path, module), (None, 0))[1]
        self._files[path, module] = file, size
        self.digests.setdefault(str(path), digest(file.text.encode(errors="replace")))

    def calling(self, word: str) -> list[str]:
        """Names of the modules under the roots in which `word(` stands; the files are looked through once."""
        if self._calls is None:
            self._calls = {}
            for root in self.roots:
                for path in _python_files(root):
                    self._look_through(path)
        return self._calls.get(word, [])

    def _look_through(self, path: Path) -> None:
        assert self._calls is not None
        try:
            data = path.read_bytes()
        except OSError:
            return
        module = module_name(path)[0]  # a script that calls the project's functions need not import torch itself
        for called in set(_CALLED.findall(data)):
            modules = self._calls.setdefault(called.decode(), [])
            if module not in modules:
                modules.append(module)

    def _read(self, path: Path, module: str, asker: Neighbours) -> tuple[File | None, int]:
        self.digests[str(path)] = None
        try:
            data = path.read_bytes()
        except OSError:
            return None, 0
        self.digests[str(path)] = digest(data)
        view = asker.seen_from(module_name(path)[1])
        view.asked = self.graph.setdefault(str(path), {})
        return self._make(path, module, view), len(data)

    def find(self, root: Path, module: str) -> tuple[Path | None, dict[str, str | None]]:
        """The module's path below a root, or None; and the paths where it might have lain."""
        key = root, module
        if key not in self._paths:
            self._paths[key] = _find(root, module.split("."))
        return self._paths[key]


def _find(root: Path, parts: list[str]) -> tuple[Path | None, dict[str, str | None]]:
    folder = str(root)
    for part in parts[:-1]:
        folder = os.path.join(folder, part)
        if not os.path.isdir(folder):  # most imports lead outside the project: their first folder is missing
            return None, {folder: None}
    missed: dict[str, str | None] = {}
    for candidate in (f"{parts[-1]}.py", os.path.join(parts[-1], "__init__.py")):
        path = os.path.join(folder, candidate)
        if os.path.isfile(path):
            return Path(path), missed
        missed[path] = None
    return None, missed


def _python_files(root: Path) -> Iterator[Path]:
    """The Python files below a folder, those of environments and caches left out; not more than a project has."""
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _FOREIGN)
        for name in sorted(files):
            if name.endswith(".py"):
                yield Path(folder, name)
                count += 1
        if count > _MOST_FILES:
            return


def beside(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The module name of a file and the roots its imports start from."""
    name, root = module_name(path)
    return name, (root,)
