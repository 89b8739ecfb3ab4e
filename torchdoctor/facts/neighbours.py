"""The other files of the same project, read only when a fact leads there.

A file that has been asked for is remembered, with the digest of its text, so that a cached result can be trusted only
while all that it was drawn from is unchanged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_HOPS = 6


def module_name(path: Path) -> tuple[str, Path]:
    """The dotted name of a Python file, and the folder that its first part lies in."""
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or path.stem, folder


def digest(data: bytes) -> str:
    """A short digest of a file's bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Neighbours:
    """Finds, reads and keeps the project's files by module name.

    ``roots`` are folders that absolute imports may start from; a relative import, and a script's sibling, are found
    from the importing file's own root. ``load`` turns bytes and path into a File (or None where it cannot be parsed).
    """

    def __init__(self, roots: tuple[Path, ...], load: Callable[[Path, str, Neighbours], File | None], keep: int = 256) -> None:
        self.roots = roots
        self.consulted: dict[str, str | None] = {}
        self._load = lru_cache(maxsize=keep)(self._read)
        self._make = load
        self._origins: dict[str, str | None] = {}

    def file(self, module: str) -> File | None:
        """The project's file of that module name; None where the project has none (torch, numpy, ...)."""
        path = self._path(module)
        if path is None:
            return None
        found, text_digest = self._load(path, module)
        self.consulted[str(path)] = text_digest
        return found

    def origin(self, name: str) -> str | None:
        """Follow re-exports: "pkg.Block" to "pkg.layers.block.Block", or to "torch.nn.Linear"; None if there is no such."""
        if name.startswith(("torch.", "numpy.", "builtins.")):
            return None
        if name not in self._origins:
            self._origins[name] = None
            self._origins[name] = self._follow(name, _HOPS)
        return self._origins[name]

    def definition(self, name: str) -> tuple[File, cst.FunctionDef | cst.ClassDef] | None:
        """The file and node of a project function or class with that full name ("pkg.mod.Class.method")."""
        parts = name.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            file = self.file(".".join(parts[:cut]))
            if file is not None:
                node = file.definition(parts[cut:])
                return (file, node) if node is not None else None
        return None

    def _follow(self, name: str, hops: int) -> str | None:
        module, _, attribute = name.rpartition(".")
        if not module or hops == 0:
            return None
        file = self.file(module)
        if file is None or self._path(name) is not None:
            return None
        bindings = file.scopes.module.bindings.get(attribute, [])
        imported = [b for b in bindings if b.kind == "import"]
        if not imported or len(imported) != len(bindings):
            return self._through_star(file, attribute, hops) if not bindings else None
        target = file.names.of_import(imported[0].node)
        return None if target is None or target == name else (self._follow(target, hops - 1) or target)

    def _through_star(self, file: File, attribute: str, hops: int) -> str | None:
        for star in file.scopes.module.bindings.get("*", ()):
            base = file.names.of_import(star.node)
            if base is not None and base != file.module_name and file.exports(base, attribute):
                target = f"{base}.{attribute}"
                return self._follow(target, hops - 1) or target
        return None

    def _path(self, module: str) -> Path | None:
        for root in self.roots:
            path = _find(root, module)
            if path is not None:
                return path
        return None

    def _read(self, path: Path, module: str) -> tuple[File | None, str | None]:
        try:
            text_digest = digest(path.read_bytes())
        except OSError:
            return None, None
        return self._make(path, module, self), text_digest


@lru_cache(maxsize=65536)
def _find(root: Path, module: str) -> Path | None:
    head = module.partition(".")[0]
    if head in ("torch", "numpy") or not _heads(root, head):
        return None
    place = root.joinpath(*module.split("."))
    for candidate in (place.with_suffix(".py") if place.name else place, place / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@lru_cache(maxsize=4096)
def _heads(root: Path, head: str) -> bool:
    """Whether a module of that first name starts in this folder at all: most imports lead outside the project."""
    return (root / head).is_dir() or (root / f"{head}.py").is_file()


def beside(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The module name of a file and the roots its imports start from."""
    name, root = module_name(path)
    return name, (root,)


