"""The project as it was at a commit: what was found there already.

A fault need not stand where the change is: a line that clears the gradients is taken away, and the step that follows is
wrong; a function gets a softmax, and a loss in another file takes the softmax of a softmax. So the files that a change
may reach are looked at as they were, with all that was around them, and what was there then is told apart from what has
come.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path

from torchdoctor.baseline import Baseline, Entry
from torchdoctor.fingerprint import Fingerprint, Text
from torchdoctor.project.discovery import SUFFIXES
from torchdoctor.project.git import Git
from torchdoctor.project.report import Examined
from torchdoctor.project.source import text_of

# Looks at files, by their paths and the rules, with imports that start from these folders.
Look = Callable[[Sequence[tuple[str, frozenset[str]]], tuple[Path, ...]], Iterable[Examined]]


class Tree:
    """One repository at one commit, laid out in a folder when that is first needed and taken away with this object."""

    def __init__(self, git: Git, commit: str, renamed: dict[str, str]) -> None:
        self.git, self.commit, self.renamed = git, commit, renamed

    @cached_property
    def folder(self) -> Path:
        """Raises TorchdoctorError."""
        folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="torchdoctor-")))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.git.lay_out(self.commit, SUFFIXES, folder)
        return folder

    def then(self, path: str) -> Path | None:
        """Where a file or folder of the repository stood; None where it lies in another."""
        real = os.path.realpath(path)
        if not Path(real).is_relative_to(self.git.folder):
            return None
        name = Path(real).relative_to(self.git.folder).as_posix()
        return self.folder / self.renamed.get(name, name)


class Past:
    """What was found in the project's files as they were."""

    def __init__(self, trees: Sequence[Tree], roots: Sequence[Path], look: Look) -> None:
        self.trees, self.roots, self._look = trees, roots, look
        self._found: dict[str, Baseline | None] = {}

    def look(self, tasks: Iterable[tuple[str, frozenset[str]]]) -> None:
        """Look at these files, by absolute path and rules, all at once."""
        waiting = {}
        for path, rules in tasks:
            if path not in self._found:
                then = self._then(path)
                self._found[path] = None if then is None else Baseline()
                if then is not None and then.is_file():
                    waiting[str(then)] = path, rules
        if not waiting:
            return
        roots = tuple(then for root in self.roots if (then := self._then(str(root)) or root).is_dir())
        for result in self._look([(then, rules) for then, (_, rules) in waiting.items()], roots):
            reader = Text(text_of(result.path))
            entries = [Entry("", reader.fingerprint(finding)) for finding in result.findings]
            self._found[waiting[result.path][0]] = Baseline(entries)

    def lacked(self, path: str, found: Sequence[Fingerprint]) -> set[int]:
        """Which of a file's findings were not there, by their index; of a file in no repository, nobody knows of any.

        The file must have been looked at.
        """
        then = self._found[path]
        return set() if then is None else set(range(len(found))) - then.match("", found)[0]

    def _then(self, path: str) -> Path | None:
        return next((then for tree in self.trees if (then := tree.then(path)) is not None), None)
