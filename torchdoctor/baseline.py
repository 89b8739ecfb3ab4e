"""The findings that a project knows of and lives with, written down so that only new ones are told. Pure.

An entry is a finding's fingerprint and its file. It stands for one finding: a second copy of the same fault is new.
Two fingerprints meet where rule, path and code are the same and something around the code is; where several could, the
likest do, so that of a fault and its copy the copy is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torchdoctor.errors import BaselineError
from torchdoctor.fingerprint import Fingerprint

VERSION = 1
_KEYS = ("path", "rule", "scope", "code", "above", "below")


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding that is known. ``path`` has forward slashes, and starts from the folder of the baseline's file."""

    path: str
    known_by: Fingerprint

    @property
    def sort_key(self) -> tuple[str, ...]:
        row = _row(self)
        return tuple(row[key] for key in _KEYS)


class Baseline:
    """The entries of one baseline."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = sorted(entries, key=lambda entry: entry.sort_key)
        self._by_path: dict[str, list[Entry]] = {}
        for entry in self.entries:
            self._by_path.setdefault(entry.path, []).append(entry)

    def of(self, path: str) -> Sequence[Entry]:
        """The entries of one file."""
        return self._by_path.get(path, ())

    def match(self, path: str, found: Sequence[Fingerprint]) -> tuple[set[int], list[Entry]]:
        """Which of a file's findings are known, by their index; and the entries that none of them meets."""
        entries = self.of(path)
        pairs = [
            (-likeness, finding, entry)
            for finding, fingerprint in enumerate(found)
            for entry, known in enumerate(entries)
            if (likeness := fingerprint.likeness(known.known_by))
        ]
        met: dict[int, int] = {}
        for _, finding, entry in sorted(pairs):
            if finding not in met and entry not in met.values():
                met[finding] = entry
        taken = set(met.values())
        return set(met), [entry for index, entry in enumerate(entries) if index not in taken]


def render(baseline: Baseline) -> str:
    """The baseline as JSON, in ASCII: one entry a line, in an order of their own, so that merges go line by line."""
    rows = ",\n".join(f"  {json.dumps(_row(entry))}" for entry in baseline.entries)
    findings = f"[\n{rows}\n ]" if rows else "[]"
    return f'{{\n "torchdoctor": "baseline",\n "version": {VERSION},\n "findings": {findings}\n}}\n'


def parse(text: str, where: str) -> Baseline:
    """The baseline that a text holds; ``where`` is what to call it. Raises BaselineError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BaselineError(f"{where} is not JSON, as a baseline is: {error}") from None
    except RecursionError:
        raise BaselineError(f"{where} is no baseline of torchdoctor") from None
    if not isinstance(document, dict) or document.get("torchdoctor") != "baseline":
        raise BaselineError(f"{where} is no baseline of torchdoctor")
    if document.get("version") != VERSION:
        version = document.get("version")
        raise BaselineError(f"{where} has the form {version!r} of baselines; this torchdoctor reads form {VERSION}")
    findings = document.get("findings")
    if not isinstance(findings, list):
        raise BaselineError(f"{where} has no list `findings`")
    return Baseline([_entry(row, f"{where}: finding {number}") for number, row in enumerate(findings, 1)])


def _row(entry: Entry) -> dict[str, str]:
    row = {"path": entry.path, **asdict(entry.known_by)}
    return {key: row[key] for key in _KEYS}


def _entry(row: Any, where: str) -> Entry:
    if not isinstance(row, dict) or set(row) != set(_KEYS) or not all(isinstance(value, str) for value in row.values()):
        raise BaselineError(f"{where} is not as torchdoctor writes it: strings {', '.join(_KEYS)}")
    return Entry(row["path"], Fingerprint(**{key: value for key, value in row.items() if key != "path"}))
