"""The lines that have changed since a commit, as git tells them."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torchdoctor.errors import TorchdoctorError
from torchdoctor.finding import Finding, Span
from torchdoctor.project.source import text_of

Lines = list[tuple[int, int]]  # first and last lines, from 1, in order
_ALL: Lines = [(1, 1 << 60)]
_HUNK = re.compile(rb"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_NEWLINE = re.compile(r"\r\n?|\n")
# A hook of git's sets these for the repository that it runs in, some as relative paths.
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
_DIFF = (
    "-c", "core.quotePath=true", "-c", "diff.relative=false", "-c", "diff.ignoreSubmodules=all",
    "diff", "--unified=0", "--inter-hunk-context=0", "--find-renames", "--text", "--no-color", "--no-ext-diff",
    "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip


@dataclass
class Changes:
    """The changed lines of each file that has any, by real path. Files that git does not know yet are changed whole.

    Where lines were only taken away, the line above and the line below them count as changed.
    """

    since: str
    files: dict[str, Lines] = field(default_factory=dict)
    count: int = 0  # of findings elsewhere

    def within(self, findings: Sequence[Finding], path: str, text: str | None = None) -> list[Finding]:
        """Those whose place, or one of whose marks, meets a changed line; and those that have no place.

        ``text`` is what the file at ``path`` is to become, where that is not what it holds: what differs has changed.
        """
        here = None if text is None else _moved(self.of(path), text_of(path), text)

        def touched(at: Span) -> bool:
            lines = here if here is not None and at.path == path else self.of(at.path)
            return any(first <= at.end_line and at.line <= last for first, last in lines)

        left = [
            found
            for found in findings
            if found.at is None or touched(found.at) or any(touched(mark.at) for mark in found.marks)
        ]
        self.count += len(findings) - len(left)
        return left

    def of(self, path: str) -> Lines:
        return self.files.get(os.path.realpath(path), [])

    def meet(self, paths: Iterable[str]) -> bool:
        """Whether any of these files has changed."""
        return any(self.of(path) for path in paths)


def changes_since(revision: str, folders: Iterable[Path]) -> Changes:
    """What has changed in the repositories of these folders, committed or not, since they left this revision.

    As for a pull request, what came into the revision meanwhile does not count. Raises TorchdoctorError.
    """
    changes = Changes(revision)
    for repository in dict.fromkeys(_repository(folder) for folder in folders):
        git = _Git(repository, revision)
        changes.files.update(git.changed(git.base()))
        changes.files.update(git.untracked())
    return changes


@dataclass(frozen=True)
class _Git:
    """Git, asked in one repository."""

    folder: Path
    revision: str

    def base(self) -> str:
        """The commit that this branch left the revision at."""
        said = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.revision}^{{commit}}")
        if said is None:
            if self.revision == "HEAD" and self._ask("rev-parse", "--verify", "--quiet", "HEAD") is None:
                return self._tell("hash-object", "-t", "tree", "--stdin").strip()  # nothing is committed yet
            raise TorchdoctorError(f"--changed-since: git knows no commit {self.revision!r} here{self._shallow()}")
        commit = said.decode("ascii").strip()
        base = self._ask("merge-base", commit, "HEAD")
        if base is None:
            raise TorchdoctorError(
                f"--changed-since: {self.revision!r} and HEAD have no commit in common{self._shallow()}"
            )
        return base.decode("ascii").strip()

    def changed(self, base: str) -> dict[str, Lines]:
        """By real path, the lines of tracked files that are not as in that commit."""
        files: dict[str, Lines] = {}
        path, header = "", False
        for line in self._bytes(*_DIFF, base, "--").split(b"\n"):
            if line.startswith(b"diff --git "):
                path, header = "", True
            elif header and line.startswith(b"+++ "):
                name, header = _unquoted(line[4:]), False
                path = self._real(name[2:]) if name != b"/dev/null" else ""
            elif path and (hunk := _HUNK.match(line)):
                first, count = int(hunk[1]), int(hunk[2]) if hunk[2] else 1
                files.setdefault(path, []).append((first, first + count - 1) if count else (first, first + 1))
        return files

    def untracked(self) -> dict[str, Lines]:
        names = self._bytes("ls-files", "--others", "--exclude-standard", "-z").split(b"\0")
        return {self._real(name): _ALL for name in names if name}

    def _real(self, name: bytes) -> str:
        return os.path.realpath(os.path.join(self.folder, os.fsdecode(name)))

    def _shallow(self) -> str:
        if (self._ask("rev-parse", "--is-shallow-repository") or b"").strip() == b"true":
            return ": the clone is shallow, and does not reach back so far. Fetch the history (`git fetch --unshallow`, or `fetch-depth: 0` for actions/checkout)"  # noqa: E501
        return ""

    def _ask(self, *arguments: str) -> bytes | None:
        """What git answers; None where it says no."""
        done = _run(self.folder, *arguments)
        return done.stdout if done.returncode == 0 else None

    def _bytes(self, *arguments: str) -> bytes:
        done = _run(self.folder, *arguments)
        if done.returncode:
            raise TorchdoctorError(f"--changed-since: git {_verb(arguments)} failed: {_said(done)}")
        return done.stdout

    def _tell(self, *arguments: str) -> str:
        return self._bytes(*arguments).decode("ascii")


def _repository(place: Path) -> Path:
    folder = next((each for each in (place, *place.parents) if each.is_dir()), place)
    done = _run(folder, "rev-parse", "--show-toplevel")
    if done.returncode:
        raise TorchdoctorError(f"--changed-since asks git, and {folder} is in no repository of git: {_said(done)}")
    return Path(os.fsdecode(done.stdout.removesuffix(b"\n")))


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat"}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True
        )
    except OSError as error:
        raise TorchdoctorError(f"--changed-since asks git, which cannot be run: {error.strerror or error}") from None


def _verb(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if word in ("diff", "ls-files")), arguments[0])


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines else f"exit code {done.returncode}"


def _unquoted(name: bytes) -> bytes:
    """A name as git writes it in a diff: in quotes, as a string of C, where anything in it is odd."""
    if not name.startswith(b'"'):
        return name.removesuffix(b"\t")

    def character(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code, 8)]) if len(code) == 3 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(character, name[1:].removesuffix(b"\t").removesuffix(b'"'))


# -- lines that move ---------------------------------------------------------------------------------------------------


def _moved(changed: Lines, before: str, after: str) -> Lines:
    """The changed lines of a text that an edit turned into another; what the edit touched is changed as well."""
    if not before or changed == _ALL:
        return _ALL
    if before == after:
        return changed
    old, new = _NEWLINE.split(before), _NEWLINE.split(after)
    moved: Lines = []
    for kind, start, end, to, to_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            moved.append((to + 1, max(to_end, to + 1)))
            continue
        moved += [(max(a, start + 1) + to - start, min(b, end) + to - start) for a, b in _between(changed, start, end)]
    return sorted(moved)


def _between(lines: Lines, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches that meet lines start + 1 to end."""
    for first, last in lines[: bisect_right(lines, (end, 1 << 60))]:
        if last > start:
            yield first, last
