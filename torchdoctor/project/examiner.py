"""One file after another: bytes to findings, with the comments that suppress, and whatever goes wrong told as such."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from pathlib import Path

import libcst as cst

from torchdoctor.errors import FAULTS_ARE_RAISED
from torchdoctor.facts.file import File
from torchdoctor.facts.modules import beside, digest
from torchdoctor.facts.neighbours import Neighbours
from torchdoctor.finding import Finding
from torchdoctor.lint import OnError, lint, relevant
from torchdoctor.project.nesting import too_deep
from torchdoctor.project.report import Examined, Failure
from torchdoctor.project.source import LARGEST, Unreadable, decode, syntax_failure
from torchdoctor.suppress import Suppressions

# The second comes from nodes that refuse each other: b"a" "b".
_NOT_PYTHON = (cst.ParserSyntaxError, cst.CSTValidationError)


class Examiner:
    """Looks at the files of one project. ``roots`` are the folders that its imports may start from.

    One object serves a whole process: what is known of one file is there for the next.
    """

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self.roots = roots

    @cached_property
    def neighbours(self) -> Neighbours:
        return Neighbours(self.roots, _load)

    def examine(self, path: str, rules: frozenset[str]) -> Examined:
        """Read a file and look for these rules. Whatever is wrong with it is a Failure, never an exception."""
        try:
            data = read(path)
        except Unreadable as error:
            return Examined(path, "", failures=(Failure(path, str(error), error.line),), lasting=False)
        return self.examine_bytes(data, path, rules)

    def open(self, path: str) -> File:
        """One file and its place in the project, to be asked about. Raises Unreadable."""
        text = decode(read(path)).text
        refuse_too_deep(text)
        name, own = beside(Path(path))
        try:
            return File(text, path, module_name=name, neighbours=self.neighbours.seen_from(*own))
        except _NOT_PYTHON as error:
            raise syntax_failure(text, str(error)) from None

    def examine_bytes(self, data: bytes, path: str, rules: frozenset[str]) -> Examined:
        """The same for bytes that were read already."""
        failures: list[Failure] = []
        lasting = True

        def on_error(rule: str, error: Exception) -> None:
            nonlocal lasting
            if FAULTS_ARE_RAISED in os.environ:
                raise error
            lasting = False
            failures.append(Failure(path, _told(rule, error)))

        view = self.neighbours.seen_from(*beside(Path(path))[1])
        findings: list[Finding] = []
        try:
            if b"torchdoctor:" in data.lower() or relevant(data, rules):
                findings = findings_in(decode(data).text, path, rules=rules, neighbours=view, on_error=on_error)
        except Unreadable as error:
            failures.append(Failure(path, str(error), error.line))
        except Exception as error:
            on_error("", error)
        return Examined(path, digest(data), tuple(findings), tuple(failures), view.asked, lasting)


def findings_in(
    text: str,
    path: str,
    *,
    rules: frozenset[str],
    neighbours: Neighbours | None = None,
    on_error: OnError | None = None,
) -> list[Finding]:
    """What a user sees of one text: the findings that no comment suppresses, and the comments that suppress nothing.

    Raises Unreadable where the text cannot be parsed; what a check raises goes to ``on_error``, or is raised.
    """
    suppressions = Suppressions(text, path)
    if suppressions.skips_file:
        return []
    refuse_too_deep(text)
    name = beside(Path(path))[0]
    failed: set[str] = set()

    def note(rule: str, error: Exception) -> None:
        if on_error is None:
            raise error
        failed.add(rule)
        on_error(rule, error)

    try:
        found = lint(text, path, rules=rules, module_name=name, neighbours=neighbours, on_error=note)
    except _NOT_PYTHON as error:
        raise syntax_failure(text, str(error)) from None
    except UnicodeEncodeError:
        raise Unreadable("the file holds a half of a surrogate pair: it is not text") from None
    return suppressions.apply(found, rules - failed)


def refuse_too_deep(text: str) -> None:
    """Raises Unreadable for a text that is nested so deeply that parsing it might exhaust the stack."""
    if deep := too_deep(text):
        line, what = deep
        raise Unreadable(f"the code is nested too deeply to be looked at: {what} at line {line}", line)


def read(path: str) -> bytes:
    """A regular file's bytes. Raises Unreadable."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise Unreadable("it is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("it is not a regular file")
        if status.st_size > LARGEST:
            limit = LARGEST // 1_000_000
            raise Unreadable(f"the file has {status.st_size / 1e6:.1f} MB; more than {limit} MB are not looked at")
        return Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror or error}") from None


def _load(path: Path, module: str, neighbours: Neighbours) -> File | None:
    """A neighbour; where it cannot be parsed, nothing is known of it, and its own turn will say why."""
    try:
        text = decode(read(str(path))).text
        if too_deep(text):
            return None
        return File(text, str(path), module_name=module, neighbours=neighbours)
    except (Unreadable, *_NOT_PYTHON, UnicodeError, RecursionError):
        return None


def _told(rule: str, error: Exception) -> str:
    where = f" in rule {rule}" if rule else ""
    if isinstance(error, RecursionError):
        return f"the code is nested too deeply{where or ' to be looked at'}"
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return f"internal error{where}: {told[:200]}; please report it (TORCHDOCTOR_RAISE=1 shows the traceback)"
