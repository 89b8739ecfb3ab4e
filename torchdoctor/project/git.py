"""What git tells of one repository: which lines have changed since a commit, and the files as they were then."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torchdoctor.errors import TorchdoctorError

Lines = list[tuple[int, int]]  # first and last lines, from 1, in order
ALL: Lines = [(1, 1 << 60)]
_HUNK = re.compile(rb"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
# A hook of git's sets these for the repository that it runs in, some as relative paths.
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
_DIFF = (
    "-c", "core.quotePath=true", "-c", "diff.relative=false", "-c", "diff.ignoreSubmodules=all",
    "diff", "--unified=0", "--inter-hunk-context=0", "--find-renames", "--text", "--no-color", "--no-ext-diff",
    "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/",
)  # fmt: skip
_SHALLOW = (
    ": the clone is shallow, and does not reach back so far. Fetch the history (`git fetch --unshallow`, or "
    "`fetch-depth: 0` for actions/checkout)"
)


@dataclass
class Diff:
    """What a working tree changes. ``lines`` are the changed lines of each file that has any, by real path.

    Where lines were only taken away, the line above and the line below them count. ``gone`` are the real paths of files
    that are no longer there; ``renamed`` gives the name that a file had, by the name that it has, as git names them.
    """

    lines: dict[str, Lines] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Git:
    """Git, asked in one repository; ``folder`` is its top. Every question may raise TorchdoctorError."""

    folder: Path

    @classmethod
    def around(cls, place: Path) -> Git:
        """The repository that a place lies in, or would lie in."""
        folder = next((each for each in (place, *place.parents) if each.is_dir()), place)
        done = _run(folder, "rev-parse", "--show-toplevel")
        if done.returncode:
            raise TorchdoctorError(f"--changed-since asks git, and {folder} is in no repository of git: {_said(done)}")
        return cls(Path(os.path.realpath(os.fsdecode(done.stdout.removesuffix(b"\n")))))

    def left(self, revision: str) -> str:
        """The commit at which this branch left a revision."""
        said = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if said is None:
            if revision == "HEAD" and self._ask("rev-parse", "--verify", "--quiet", "HEAD") is None:
                return self._tell("hash-object", "-t", "tree", "--stdin").decode("ascii").strip()  # no commit yet
            raise TorchdoctorError(f"--changed-since: git knows no commit {revision!r} here{self._shallow()}")
        base = self._ask("merge-base", said.decode("ascii").strip(), "HEAD")
        if base is None:
            raise TorchdoctorError(f"--changed-since: {revision!r} and HEAD have no commit in common{self._shallow()}")
        return base.decode("ascii").strip()

    def diff(self, commit: str) -> Diff:
        """What is not as in that commit, staged or not; files that git does not know are changed whole."""
        found = Diff()
        old = path = ""
        for line in self._tell(*_DIFF, commit, "--").split(b"\n"):
            if line.startswith(b"diff --git "):
                old, path = "header", ""
            elif path and (hunk := _HUNK.match(line)):
                first, count = int(hunk[1]), int(hunk[2]) if hunk[2] else 1
                lines = found.lines.setdefault(path, [])
                lines.append((first, first + count - 1) if count else (first, first + 1))
            elif not old:
                continue
            elif line.startswith((b"rename from ", b"--- ")):
                old = _name(line)
            elif line.startswith(b"rename to "):
                found.renamed[_name(line)] = old
            elif line.startswith(b"+++ "):
                new = _name(line)
                if new == "/dev/null":
                    found.gone.add(self.path(old))
                else:
                    path = self.path(new)
                old = ""
        found.gone |= {self.path(name) for name in found.renamed.values()}
        names = self._tell("ls-files", "--others", "--exclude-standard", "-z").split(b"\0")
        found.lines.update((self.path(os.fsdecode(name)), ALL) for name in names if name)
        return found

    def lay_out(self, commit: str, suffixes: tuple[str, ...], into: Path) -> None:
        """Write the files of a commit whose names end so into a folder, as a checkout would."""
        tree = self._tell("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit).split(b"\0")
        names = [name for name in tree if os.fsdecode(name).endswith(suffixes)]
        index = {"GIT_INDEX_FILE": str(into / "index")}
        self._tell("read-tree", commit, environment=index)
        prefix = f"--prefix={into.as_posix()}/"
        self._tell("checkout-index", prefix, "-z", "--stdin", environment=index, given=b"\0".join(names))

    def path(self, name: str) -> str:
        """The real path of a file, by git's name of it."""
        return os.path.realpath(os.path.join(self.folder, name))

    def _shallow(self) -> str:
        return _SHALLOW if (self._ask("rev-parse", "--is-shallow-repository") or b"").strip() == b"true" else ""

    def _ask(self, *arguments: str) -> bytes | None:
        """What git answers; None where it says no."""
        done = _run(self.folder, *arguments)
        return done.stdout if done.returncode == 0 else None

    def _tell(self, *arguments: str, environment: Mapping[str, str] | None = None, given: bytes = b"") -> bytes:
        done = _run(self.folder, *arguments, environment=environment, given=given)
        if done.returncode:
            raise TorchdoctorError(f"--changed-since: git {_verb(arguments)} failed: {_said(done)}")
        return done.stdout


def _run(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    around = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    around |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", **(environment or {})}
    try:
        return subprocess.run(["git", *arguments], cwd=folder, env=around, input=given, capture_output=True)
    except OSError as error:
        raise TorchdoctorError(f"--changed-since asks git, which cannot be run: {error.strerror or error}") from None


def _verb(arguments: Iterable[str]) -> str:
    return next((word for word in arguments if word in ("diff", "ls-files", "ls-tree", "checkout-index")), "")


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines: Sequence[str] = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines else f"exit code {done.returncode}"


def _name(line: bytes) -> str:
    """The name in a line of a diff's header: in quotes, as a string of C, where anything in it is odd."""
    kind = next(each for each in (b"rename from ", b"rename to ", b"--- ", b"+++ ") if line.startswith(each))
    name = line[len(kind) :]
    if name.startswith(b'"'):
        name = _ESCAPE.sub(_character, name[1:].removesuffix(b"\t").removesuffix(b'"'))
    elif not kind.startswith(b"rename"):
        name = name.removesuffix(b"\t")
    if not kind.startswith(b"rename") and name != b"/dev/null":
        name = name[2:]  # a/ or b/
    return os.fsdecode(name)


def _character(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8)]) if len(code) == 3 else _ESCAPED.get(code, code)
