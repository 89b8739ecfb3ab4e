"""The other files of the same project, read only when a fact leads there.

What a file's facts were drawn from is written down, file by file: a cached result can be trusted only while everything
it rests on, near or far, is as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.modules import CALLS, ELSEWHERE
from torchdoctor.facts.outline import Outline
from torchdoctor.facts.stored_files import KEPT_BYTES, StoredFiles

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_HOPS = 6


class Neighbours:
    """Finds, reads and keeps the project's files by module name, as one file sees them.

    ``roots`` are the folders that absolute imports may start from, in order. ``load`` turns a path, a module name
    and the Neighbours of that file into a File (or None where it cannot be parsed). ``store`` is where all
    files of one project keep what is read. ``asked`` holds the digest of each file that was asked for through this
    object, by path; None stands for a file that was looked for and is not there, or could not be read.
    """

    def __init__(
        self,
        roots: tuple[Path, ...],
        load: Callable[[Path, str, Neighbours], File | None],
        store: StoredFiles | None = None,
    ) -> None:
        self.roots = roots
        self.asked: dict[str, str | None] = {}
        self._load = load
        self._store = store or StoredFiles(roots, load, KEPT_BYTES)
        self._origins = self._store.origins.setdefault(roots, {})
        self._told: dict[str, str | None] = {}
        self._lies: dict[str, Path | None] = {}

    def seen_from(self, *own: Path) -> Neighbours:
        """The same project as a file sees it whose imports start from its own root first, then from those around it."""
        return Neighbours(self._store.roots_from(own), self._load, self._store)

    @property
    def loaded(self) -> list[File]:
        """The files that are parsed and kept at the moment."""
        return self._store.held()

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
        self._rest_on(path)
        return found

    def origin(self, name: str) -> str | None:
        """Follow re-exports: "pkg.Block" to "pkg.layers.block.Block" or "torch.nn.Linear"; None if there is no such."""
        if name in self._told:
            return self._told[name]
        if name.partition(".")[0] in ELSEWHERE:
            return None
        known = self._origins.get(name)
        if known is None:
            self._origins[name] = None, {}  # cuts recursion
            view = self.seen_from(*self.roots)
            known = self._origins[name] = view._follow(name, ()), view.asked
        self.asked.update(known[1])
        self._told[name] = known[0]
        return known[0]

    def definition(self, name: str) -> tuple[File, cst.FunctionDef | cst.ClassDef] | None:
        """The file and node of a project function or class with that full name ("pkg.mod.Class.method")."""
        parts = name.split(".")
        if parts[0] in ELSEWHERE:
            return None
        for cut in range(len(parts) - 1, 0, -1):
            file = self.file(".".join(parts[:cut]))
            if file is not None:
                node = file.definition(parts[cut:])
                return (file, node) if node is not None else None
        return None

    def adopt(self, file: File) -> None:
        """Let the other files see this very file, whose Neighbours this is, when they ask for it."""
        path = self._path(file.module_name)
        lies = (Path(file.path).absolute(), *(root / file.path for root in self.roots))
        if path is not None and path in lies:
            self._store.adopt(path, file, self)

    def twin(self, text: str, path: str, module: str | None) -> File | None:
        """The same text, if it was parsed as somebody's neighbour: its tree serves twice, its facts do not."""
        kept = self._store.kept(Path(path), module) if module is not None else None
        return kept if kept is not None and kept.text == text else None

    def settle(self, file: File) -> None:
        """The file has been examined: give back its memory, and that of the others where it has become too much."""
        self._store.settle(self._path(file.module_name), file)

    def calling(self, word: str, most: int) -> list[File] | None:
        """The project's files in which `word(` stands; None where they are more than ``most``."""
        found = self._store.callers.of(word)
        self.asked[CALLS + word] = self._store.callers.digest(word)
        if len(found) > most:
            return None
        return [file for module in found if (file := self.file(module)) is not None]

    def _follow(self, name: str, way: tuple[str, ...]) -> str | None:
        """Where the thing of this name comes from; None where it is made right there. ``way`` led to this name."""
        module, _, attribute = name.rpartition(".")
        if not module or len(way) > _HOPS:
            return None
        path = self._path(module)
        if path is None or self._path(name) is not None or self._defines(path, attribute):
            return None
        here = self._outline(module)
        if here is None or attribute in here[0].others:
            return None
        lines, there = here
        if attribute not in lines.imports:
            return there._through_star(lines, attribute, (*way, name))
        target = lines.imports[attribute][0]
        if target == name or target in way:
            return None
        return there._follow(target, (*way, name)) or target

    def _through_star(self, lines: Outline, attribute: str, way: tuple[str, ...]) -> str | None:
        for base in lines.stars:
            target = f"{base}.{attribute}"
            if target not in way and self._brings(base, attribute, ()):
                return self._follow(target, way) or target
        return None

    def _brings(self, module: str, name: str, way: tuple[str, ...]) -> bool:
        """Whether `from module import *` brings this name; files may take each other's stars, round in a circle."""
        from torchdoctor.torch_exports import EXPORTS  # late: explaining a failure needs no table of torch

        if module in EXPORTS:
            return name in EXPORTS[module]
        here = self._outline(module)
        if here is None or module in way:
            return False
        lines, there = here
        if lines.declared is not None:
            return name in lines.declared
        if name.startswith("_"):
            return False
        return lines.binds(name) or any(there._brings(base, name, (*way, module)) for base in lines.stars)

    def _defines(self, path: Path, name: str) -> bool:
        """Whether a function or class of that name plainly stands in a file."""
        found = name in self._store.defined(path)
        self._rest_on(path)
        return found

    def _outline(self, module: str) -> tuple[Outline, Neighbours] | None:
        """What a module of the project binds, and how the project looks from there."""
        path = self._path(module)
        if path is None:
            return None
        lines = self._store.outline(path, module)
        self._rest_on(path)
        return None if lines is None else (lines, self._store.view(path, self))

    def _rest_on(self, path: Path) -> None:
        """Write down that what is said from here on rests on a file that was read."""
        self.asked[str(path)] = self._store.digests[str(path)]

    def _path(self, module: str) -> Path | None:
        """Where a module lies. What is not there is written down too: a new file may change what a name means."""
        if module in self._lies:
            return self._lies[module]
        found: Path | None = None
        if module.partition(".")[0] not in ELSEWHERE:
            for root in self.roots:
                found, missed = self._store.find(root, module)
                self.asked.update(missed)
                if found is not None:
                    break
        self._lies[module] = found
        return found
