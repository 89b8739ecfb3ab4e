"""Findings mended: edits made until nothing is left to mend, and files written whole or not at all."""

from __future__ import annotations

import ast
import difflib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst

from torchdoctor.facts.modules import beside
from torchdoctor.finding import Finding
from torchdoctor.lint import mend_some
from torchdoctor.project.examiner import Examiner, findings_in, read
from torchdoctor.project.report import Failure, Report, mendable, relabelled
from torchdoctor.project.run import Run
from torchdoctor.project.shown import shown
from torchdoctor.project.source import Source, Unreadable, decode
from torchdoctor.project.stack import deep

_ROUNDS = 10


@dataclass(frozen=True)
class Change:
    """One file's text before and after, and how many findings were mended on the way."""

    path: str
    source: Source
    after: str
    mended: int

    @property
    def diff(self) -> str:
        """As `diff -u` writes it."""
        name = self.path.replace(os.sep, "/")
        before, after = (re.split(r"(?<=\n)", text) for text in (self.source.text, self.after))
        lines = difflib.unified_diff(
            [line for line in before if line], [line for line in after if line], f"a/{name}", f"b/{name}"
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@dataclass
class Mending:
    """What was changed, and the report on what is left."""

    report: Report
    changes: list[Change] = field(default_factory=list)

    @property
    def mended(self) -> int:
        return sum(change.mended for change in self.changes)


def mend_files(run: Run, report: Report, *, unsafe: bool, write: bool) -> Mending:
    """Mend what the report shows, file by file. Without ``write`` the files and the report stay as they are."""
    paths = sorted({f.at.path for f in mendable(report.findings, unsafe=unsafe) if f.at is not None})
    return deep(lambda: _mend_files(run, report, paths, unsafe, write))


def _mend_files(run: Run, report: Report, paths: list[str], unsafe: bool, write: bool) -> Mending:
    examiner = Examiner(run.roots)
    mending = Mending(report)
    for path in paths:
        absolute = os.path.abspath(path)
        try:
            data = read(absolute)
            change, left = mend_source(decode(data), absolute, run, examiner, unsafe)
            if write and change.mended:
                _replace(Path(os.path.realpath(absolute)), data, change.source.encode(change.after))
        except Unreadable as error:
            report.failures.append(Failure(path, str(error), error.line))
            continue
        if change.mended:
            mending.changes.append(change)
            if write:
                others = [finding for finding in report.findings if finding.at is None or finding.at.path != path]
                report.findings = sorted([*others, *left], key=lambda finding: finding.sort_key)
    return mending


def mend_source(source: Source, path: str, run: Run, examiner: Examiner, unsafe: bool) -> tuple[Change, list[Finding]]:
    """One text mended, and what is then left of its findings. Raises Unreadable where that would not be Python."""
    rules = run.rules_for(path)
    view = examiner.neighbours.seen_from(*beside(Path(path))[1])

    def look(text: str) -> list[Finding]:
        found = findings_in(text, path, rules=rules, neighbours=view, on_error=lambda rule, error: None)
        return run.narrowing.narrowed(path, found, text)

    text, mended, left = _until_stable(source.text, look, unsafe)
    try:
        source.encode(text)
    except UnicodeEncodeError as error:
        raise Unreadable(f"the mended text cannot be written as {source.encoding}: {error.reason}") from None
    return Change(shown(path), source, text, mended), [relabelled(finding, shown) for finding in left]


def _until_stable(text: str, look: Callable[[str], list[Finding]], unsafe: bool) -> tuple[str, int, list[Finding]]:
    count = 0
    findings = look(text)
    for _ in range(_ROUNDS):
        new, mended = mend_some(text, mendable(findings, unsafe=unsafe))
        if new == text:
            break
        if not _parses(new, text):
            rules = ", ".join(sorted({finding.rule for finding in mended}))
            raise Unreadable(f"mending {rules} would leave text that is not Python: the file is left as it is")
        text, count = new, count + len(mended)
        findings = look(text)
    return text, count, findings


def _parses(text: str, before: str) -> bool:
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError:
        return False
    return _is_python(text) or not _is_python(before)


def _is_python(text: str) -> bool:
    """Whether the running Python takes it: stricter than libcst, but it may be older than the code."""
    with warnings.catch_warnings(), suppress(RecursionError, MemoryError):
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return False
    return True


def _replace(path: Path, before: bytes, after: bytes) -> None:
    """Put a new text in a file's place: all of it or nothing, with its mode. Raises Unreadable."""
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, temporary)
        if path.read_bytes() != before:
            raise Unreadable("the file changed while it was being mended: it is left as it is")
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise Unreadable(f"the file cannot be written: {error.strerror or error}") from None
    finally:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
