"""A baseline's file: read, held against what a run finds, and written anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from torchdoctor import catalogue
from torchdoctor.baseline import Baseline, Entry, parse
from torchdoctor.errors import BaselineError
from torchdoctor.finding import Finding
from torchdoctor.fingerprint import Text
from torchdoctor.project.report import Examined
from torchdoctor.project.shown import shown
from torchdoctor.project.source import text_of

NAME = "torchdoctor-baseline.json"
# A word behind --write-baseline that was meant as a path to look at must not be written over.
_NEVER = (".py", ".pyw", ".pyi", ".ipynb", ".toml")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a run has looked at, so that it can be told which entries would have been met were the finding still there.

    ``files`` are those that were read without trouble, ``failed`` the others, ``named`` the files and folders that the
    run was given; all absolute. ``rules_for`` gives the rules that were looked for in a file.
    """

    files: frozenset[str]
    failed: frozenset[str]
    named: tuple[str, ...]
    rules_for: Callable[[str], frozenset[str]]

    def covers(self, path: str, rule: str) -> bool:
        """Whether the run would have found this there. What is gone, or left out, below a named folder counts too."""
        if path in self.failed:
            return False
        if path not in self.files and not any(path.startswith(os.path.join(place, "")) for place in self.named):
            return False
        return rule not in catalogue.rules() or rule in self.rules_for(path)


@dataclass
class Known:
    """The findings that one baseline knows. ``left`` are its entries that nothing has met, by absolute path."""

    path: Path
    baseline: Baseline = field(default_factory=Baseline)
    count: int = 0
    left: dict[str, list[Entry]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Known:
        """Raises BaselineError where the file cannot be read, or is no baseline."""
        return cls(path, parse(_text(path), shown(str(path))))

    def speaks_of(self, path: str) -> bool:
        return bool(self.baseline.of(self.name(path)))

    def unknown(self, path: str, text: str, findings: Sequence[Finding]) -> list[Finding]:
        """Those of one file's findings that the baseline does not know."""
        reader = Text(text)
        met, left = self.baseline.match(self.name(path), [reader.fingerprint(finding) for finding in findings])
        self.left[path] = left
        self.count += len(met)
        return [finding for index, finding in enumerate(findings) if index not in met]

    def stale(self, looked: Looked) -> list[Entry]:
        """The entries whose finding is gone."""
        gone = []
        for entry in self.baseline.entries:
            path = self.absolute(entry.path)
            left = self.left.get(path)
            if (left is None or entry in left) and looked.covers(path, entry.known_by.rule):
                if left is not None:
                    left.remove(entry)
                gone.append(entry)
        return gone

    def name(self, path: str) -> str:
        """How the baseline names a file: from its own folder on, with forward slashes on every system."""
        with suppress(ValueError):  # on another drive
            path = os.path.relpath(path, self.path.parent)
        return PurePath(path).as_posix()

    def absolute(self, name: str) -> str:
        return os.path.normpath(os.path.join(self.path.parent, name))


def rewritten(path: Path, results: Iterable[Examined], looked: Looked) -> tuple[Baseline, int, int]:
    """The baseline of these results; how many findings they have, and how many entries of the old one are gone.

    What this run did not look at stays as it was. Raises BaselineError where something else stands in the file.
    """
    old = Known.read(path) if os.path.lexists(path) else Known(path)
    entries = []
    for result in results:
        if result.findings or old.speaks_of(result.path):
            text = text_of(result.path)
            reader = Text(text)
            entries += [Entry(old.name(result.path), reader.fingerprint(finding)) for finding in result.findings]
            old.unknown(result.path, text, result.findings)
    gone = old.stale(looked)
    kept = [entry for entry in old.baseline.entries if not looked.covers(old.absolute(entry.path), entry.known_by.rule)]
    return Baseline([*entries, *kept]), len(entries), len(gone)


def refuse(path: Path) -> None:
    """Raises BaselineError for a file that a baseline must not be written to."""
    if path.is_dir() or path.suffix in _NEVER:
        what = "a folder" if path.is_dir() else "no baseline's name"
        raise BaselineError(
            f"--write-baseline {shown(str(path))}: that is {what}. A path to look at goes before the option"
        )
    if path.is_file():
        parse(_text(path), f"{shown(str(path))} is left as it is: it")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BaselineError(f"there is no baseline {shown(str(path))}: --write-baseline makes one") from None
    except UnicodeDecodeError:
        raise BaselineError(f"{shown(str(path))} is not UTF-8, as a baseline is") from None
    except OSError as error:
        raise BaselineError(f"the baseline {shown(str(path))} cannot be read: {error.strerror or error}") from None
