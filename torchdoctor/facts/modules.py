"""Where a project's modules lie, and which files call what: answered by looking at paths and bytes, without parsing."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

# First names of modules that are never the project's own.
ELSEWHERE = sys.stdlib_module_names | {"torch", "numpy", "builtins"}
# Before a word, where paths stand else: what was asked for is which files call it.
CALLS = "calls:"
_FOREIGN = frozenset({"site-packages", "node_modules", "__pycache__", "venv", "env", "build", "dist"})
_MOST_FILES = 20_000
_CALLED = re.compile(rb"\b[A-Za-z_]\w+(?=\()")


def module_name(path: Path) -> tuple[str, Path]:
    """The dotted name of a Python file, and the folder that its first part lies in."""
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while os.path.isfile(folder / "__init__.py") and folder.parent != folder:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or path.stem, folder


def beside(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The module name of a file and the roots its imports start from."""
    name, root = module_name(path)
    return name, (root,)


def digest(data: bytes) -> str:
    """A short digest of a file's bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def find(root: Path, module: str) -> tuple[Path | None, dict[str, None]]:
    """The module's path below a root, or None; and the paths where it might have lain and does not."""
    parts = module.split(".")
    folder = str(root)
    for part in parts[:-1]:
        folder = os.path.join(folder, part)
        if not os.path.isdir(folder):  # most imports lead outside the project: their first folder is missing
            return None, {folder: None}
    missed: dict[str, None] = {}
    for candidate in (f"{parts[-1]}.py", os.path.join(parts[-1], "__init__.py")):
        path = os.path.join(folder, candidate)
        if os.path.isfile(path):
            return Path(path), missed
        missed[path] = None
    return None, missed


class Callers:
    """In which files below the roots `word(` stands; all are looked through when the first word is asked for."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self.roots = roots

    def of(self, word: str) -> list[str]:
        """Names of the modules that call the word."""
        return self._modules.get(word, [])

    def digest(self, word: str) -> str:
        """Changes when another file calls the word, or one no longer does."""
        return digest("\n".join(sorted(self.of(word))).encode("utf-8", "surrogateescape"))

    @cached_property
    def _modules(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in dict.fromkeys(path for root in self.roots for path in python_files(root)):
            try:
                data = path.read_bytes()
            except OSError:
                continue
            module = module_name(path)[0]  # a script that calls the project's functions need not import torch itself
            for called in set(_CALLED.findall(data)):
                modules = found.setdefault(called.decode(), [])
                if module not in modules:
                    modules.append(module)
        return found


def python_files(root: Path) -> Iterator[Path]:
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
