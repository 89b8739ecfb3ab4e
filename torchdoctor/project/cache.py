"""What was found the last time, kept for as long as everything it was drawn from is unchanged.

A result rests on its own file and on every file that its facts passed through. The cache keeps the digest of each
file, who asked for whom, and the result of each; when a file has changed, all that reach it are made anew. One JSON
file holds one project under one set of rules; one that is damaged, or of another version, is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from torchdoctor import catalogue
from torchdoctor.facts.modules import CALLS, Callers, digest, python_files
from torchdoctor.finding import Edit, Finding, Mark, Span
from torchdoctor.project.report import Examined, Failure

FOLDER = ".torchdoctor_cache"
_MOST_PROJECTS = 12
_MOST_FILES = 50_000
# A file that changed so shortly before it was read may change again without a new time stamp.
_UNSURE_NS = 2_000_000_000
_Stamp = tuple[int, int, int]


def key(rules: Iterable[str], roots: Iterable[Path]) -> str:
    """Names what a result depends on besides the files: our own source, the pages, Python, the rules, the roots."""
    text = hashlib.blake2b(digest_size=16)
    package = Path(__file__).parent.parent
    for path in sorted([*package.rglob("*.py"), *catalogue.folder().glob("*/*.md")]):
        text.update(path.name.encode() + path.read_bytes())
    text.update(repr((sys.version_info[:2], _libcst_version(), sorted(rules), [str(root) for root in roots])).encode())
    return text.hexdigest()


def _libcst_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("libcst")
    except PackageNotFoundError:
        return ""


class Cache:
    """The results kept in one file, for a project whose imports start from ``roots``. No path keeps nothing."""

    def __init__(self, path: Path | None, roots: tuple[Path, ...] = ()) -> None:
        self.path = path
        self.roots = roots
        self._began = time.time_ns()
        self._tree = self._stamp_of_tree() if path is not None else ""
        self._known_tree = ""
        self._stamps: dict[str, _Stamp | None] = {}
        self._digests: dict[str, str | None] = {}
        self._asked: dict[str, set[str]] = {}
        self._results: dict[str, tuple[str, list[Any], list[Any]]] = {}
        self._changed = False
        if path is not None:
            try:
                self._restore(json.loads(path.read_bytes()))
                self._forget(self._stale())
            except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
                self._restore({"files": [], "asked": [], "results": {}})

    # -- asking -------------------------------------------------------------------------------------------------------

    def get(self, path: str, rules: str) -> Examined | None:
        """The result for a file as it is, under these rules (any text that names them); None where there is none."""
        kept = self._results.get(path)
        if kept is None or kept[0] != rules:
            return None
        try:
            findings = tuple(_finding(item) for item in kept[1])
            return Examined(path, self._digests[path] or "", findings, tuple(Failure(*item) for item in kept[2]))
        except (TypeError, ValueError, IndexError, KeyError):
            return None

    def _stale(self) -> set[str]:
        """The files that are not what they were, with all that reach them."""
        changed = {path for path, known in self._digests.items() if not self._same(path, known)}
        stale = self.reaching(changed)
        for path in changed:
            del self._digests[path]
        for path in stale:
            self._asked.pop(path, None)
        return stale

    def reaching(self, paths: Iterable[str]) -> set[str]:
        """These files, and those whose facts pass through them."""
        asking: dict[str, list[str]] = {}
        for path, asked in self._asked.items():
            for other in asked:
                asking.setdefault(other, []).append(path)
        reached = set(paths)
        waiting = list(reached)
        while waiting:
            for path in asking.get(waiting.pop(), ()):
                if path not in reached:
                    reached.add(path)
                    waiting.append(path)
        return reached

    @property
    def known(self) -> Iterable[str]:
        """All that a result rests on, by path or, where callers were asked for, by that question."""
        return self._digests

    def _same(self, path: str, known: str | None) -> bool:
        if path.startswith(CALLS):
            return self._tree_is_known or self._callers.digest(path.removeprefix(CALLS)) == known
        stamp = _stamp(path)
        if known is None or stamp is None:
            return known is None and stamp is None and not os.path.exists(path)
        if stamp == self._stamps.get(path):
            return True
        self._stamps[path] = None
        try:
            if digest(Path(path).read_bytes()) != known:
                return False
        except OSError:
            return False
        self._stamps[path] = self._sure(stamp)
        self._changed = self._changed or self._stamps[path] is not None
        return True

    @cached_property
    def _callers(self) -> Callers:
        return Callers(self.roots)

    @property
    def _tree_is_known(self) -> bool:
        """Whether no file of the project has changed: then nobody's callers have."""
        return bool(self._tree) and self._tree == self._known_tree

    def _stamp_of_tree(self) -> str:
        """The stamps of all files of the project, as one; "" where one of them is not sure."""
        rows = []
        for path in (path for root in self.roots for path in python_files(root)):
            stamp = _stamp(str(path))
            if stamp is None or not self._sure(stamp):
                return ""
            rows.append(f"{path}\0{stamp}")
        return digest("\n".join(rows).encode("utf-8", "surrogateescape"))

    def _sure(self, stamp: _Stamp) -> _Stamp | None:
        """A time stamp that tells the next run that the file is the one that this run has read."""
        return stamp if max(stamp[:2]) < self._began - _UNSURE_NS else None

    def _forget(self, stale: Iterable[str]) -> None:
        for path in stale:
            if self._results.pop(path, None) is not None:
                self._changed = True

    # -- keeping ------------------------------------------------------------------------------------------------------

    def put(self, results: Iterable[tuple[Examined, str]], graph: Mapping[str, Mapping[str, str | None]]) -> None:
        """Keep results, each with its rules; ``graph`` is what the files between them asked for."""
        kept = [(result, rules) for result, rules in results if result.lasting and result.digest]
        moved: set[str] = set()
        for result, _ in kept:
            moved |= self._note(result.path, result.digest, result.asked)
        for path, asked in graph.items():
            moved |= self._note(path, self._digests.get(path), asked)
        for result, rules in kept:
            findings = [_plain(finding) for finding in result.findings]
            failures = [[item.path, item.message, item.line] for item in result.failures]
            self._results[result.path] = rules, findings, failures
            self._changed = True
        if moved:  # a file changed while we read: whoever saw it before, or after, is made anew the next time
            for path in moved:
                self._digests[path], self._stamps[path] = "", None
            self._forget(self._stale())

    def _note(self, path: str, known: str | None, asked: Mapping[str, str | None]) -> set[str]:
        """Write down who asked for whom; the files that were seen in two versions."""
        moved = set()
        for other, text_digest in ((path, known), *asked.items()):
            if other not in self._digests:
                self._digests[other] = text_digest
                stamp = _stamp(other) if not other.startswith(CALLS) else None
                self._stamps[other] = self._sure(stamp) if stamp else None
            elif self._digests[other] != text_digest:
                moved.add(other)
        self._asked.setdefault(path, set()).update(asked)
        return moved

    def save(self) -> None:
        """Write it, all at once; a folder that cannot be written to is no reason to fail."""
        if self.path is None or not self._changed:
            return
        with suppress(OSError):
            folder = self.path.parent
            folder.mkdir(parents=True, exist_ok=True)
            _mark(folder)
            with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
                try:
                    json.dump(self._document(), file, separators=(",", ":"))
                    file.close()
                    os.replace(file.name, self.path)
                except BaseException:
                    os.unlink(file.name)
                    raise
            _prune(folder)

    def _document(self) -> dict[str, Any]:
        paths = [path for path in self._digests if path in self._results]
        wanted = dict.fromkeys(paths[-_MOST_FILES:])
        waiting = list(wanted)
        while waiting:
            for other in self._asked.get(waiting.pop(), ()):
                if other not in wanted:
                    wanted[other] = None
                    waiting.append(other)
        number = {path: index for index, path in enumerate(wanted)}
        return {
            "tree": self._tree,
            "files": [[path, self._digests.get(path), self._stamps.get(path)] for path in wanted],
            "asked": [[number[other] for other in sorted(self._asked.get(path, ()))] for path in wanted],
            "results": {number[path]: self._results[path] for path in wanted if path in self._results},
        }

    def _restore(self, document: dict[str, Any]) -> None:
        paths = [path for path, _, _ in document["files"]]
        digests = {path: known for path, known, _ in document["files"]}
        stamps = {path: tuple(stamp) if stamp else None for path, _, stamp in document["files"]}
        asked = {path: {paths[i] for i in them} for path, them in zip(paths, document["asked"], strict=True)}
        results = {paths[int(index)]: (kept[0], kept[1], kept[2]) for index, kept in document["results"].items()}
        self._known_tree = str(document.get("tree", ""))
        self._digests, self._stamps, self._asked, self._results = digests, stamps, asked, results


# -- files -------------------------------------------------------------------------------------------------------------


def _stamp(path: str) -> _Stamp | None:
    """What changes whenever a file is written; None for what is no file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size


def _mark(folder: Path) -> None:
    """Tell git and backup programs to leave the folder alone."""
    for name, text in (
        (".gitignore", "# Made by torchdoctor.\n*\n"),
        ("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n"),
    ):
        if not (folder / name).exists():
            (folder / name).write_text(text, encoding="utf-8")


def _prune(folder: Path) -> None:
    """Keep the projects that were used last."""
    kept = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[_MOST_PROJECTS:]:
        path.unlink(missing_ok=True)


# -- findings as JSON, short -------------------------------------------------------------------------------------------


def _place(at: Span | None) -> list[Any] | None:
    return [at.path, at.line, at.column, at.end_line, at.end_column] if at is not None else None


def _plain(finding: Finding) -> list[Any]:
    return [
        finding.rule,
        finding.message,
        _place(finding.at),
        [[_place(mark.at), mark.text] for mark in finding.marks],
        list(finding.evidence),
        [[_place(edit.at), edit.text] for edit in finding.edits],
    ]


def _finding(item: list[Any]) -> Finding:
    rule, message, at, marks, evidence, edits = item
    return Finding(
        rule,
        message,
        Span(*at) if at else None,
        tuple(Mark(Span(*place), text) for place, text in marks),
        tuple(evidence),
        tuple(Edit(Span(*place), text) for place, text in edits),
    )
