"""One lint run: the files, what is known of them from the last time, the rest looked at, and the report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from torchdoctor import catalogue
from torchdoctor.config import Settings, is_root
from torchdoctor.cores import usable_cores
from torchdoctor.facts.modules import CALLS
from torchdoctor.project.cache import FOLDER, Cache, key
from torchdoctor.project.changes import Changes
from torchdoctor.project.discovery import discover
from torchdoctor.project.known import Known, Looked
from torchdoctor.project.narrowing import Narrowing, Since
from torchdoctor.project.past import Past
from torchdoctor.project.patterns import Patterns
from torchdoctor.project.report import Examined, Failure, Report, relabelled
from torchdoctor.project.shown import shown
from torchdoctor.project.source import text_of

if TYPE_CHECKING:
    from torchdoctor.project.workers import Done, Task

Progress = Callable[[int, int], None]


def _untold(done: int, of: int) -> None:
    """No progress is shown."""


class Run:
    """Settings made ready for one project: which rules hold for which file, and where imports start.

    ``keep`` says whether results are remembered from run to run. With ``changes`` only what lies on changed lines is
    told; what the settings' baseline knows is not told either.
    """

    def __init__(
        self, settings: Settings, paths: Iterable[Path] = (), *, keep: bool = False, changes: Changes | None = None
    ) -> None:
        self.settings = settings
        self.changes = changes
        self.paths = tuple(paths)
        self.keep = keep
        self.rules = settings.rules()
        self._seen = Cache(None)
        self.roots = _roots(settings.root, self.paths)
        self._ignores = [
            (Patterns(str(settings.root), [pattern]), frozenset().union(*map(catalogue.expand, words)))
            for pattern, words in settings.per_file_ignores
        ]

    @cached_property
    def narrowing(self) -> Narrowing:
        """What is left out of the findings. Raises BaselineError."""
        path = self.settings.baseline_path
        known = Known.read(path) if path else None
        if self.changes is None:
            return Narrowing(known)
        past = Past(self.changes.trees, self.roots, lambda tasks, roots: self._examine(tasks, roots).results)
        return Narrowing(known, Since(self.changes, past, self.rules_for))

    def rules_for(self, path: str) -> frozenset[str]:
        """The rules that are on for this file."""
        off = [ignored for pattern, ignored in self._ignores if pattern.decides(path)]
        return self.rules.difference(*off) if off else self.rules

    def report(self, progress: Progress = _untold) -> Report:
        """Look at all the files. ``progress`` is told how many are done, of how many."""
        narrowing = self.narrowing
        found = discover(self.paths, self.settings)
        changed = self.changes is None or self.changes.reach_python or any(map(self.changes.of, found.files))
        files = found.files if changed else []
        results = self.look(files, progress)
        told = self._told(results)
        told += [Examined(failure.path, "", failures=(failure,)) for failure in found.failures]
        report = report_of(told, files=len(files), warnings=found.warnings)
        report.left_out = narrowing.said()
        if self.changes is not None and not changed and found.files:
            report.notes.append(f"no Python file has changed since {self.changes.since}: there was nothing to look at")
        elif outdated := narrowing.outdated(self.looked(results)):
            report.warnings.append(outdated)
        if not any(each.findings or each.failures for each in results):
            report.warnings += self.nothing_to_find(files)
        return report

    def _told(self, results: Iterable[Examined]) -> list[Examined]:
        """The results, with the findings that are told."""
        unknown = [(each, self.narrowing.unknown(each.path, each.findings)) for each in results]
        since = self.narrowing.since
        if since is None:
            return [replace(each, findings=tuple(findings)) for each, findings in unknown]
        reached = self._reached(since.changes)
        since.prepare((each.path, findings) for each, findings in unknown if each.path in reached)
        return [
            replace(each, findings=tuple(since.told(each.path, findings, reached=each.path in reached)))
            for each, findings in unknown
        ]

    def _reached(self, changes: Changes) -> set[str]:
        """The files that look at what has changed, as far as that is known: who asks for callers may see any file."""
        looked_at = self._seen.known
        return self._seen.reaching(path for path in looked_at if path.startswith(CALLS) or changes.speak_of(path))

    def looked(self, results: Iterable[Examined]) -> Looked:
        """Which files these results tell of."""
        results = list(results)
        failed = frozenset(result.path for result in results if result.failures)
        named = tuple(os.path.abspath(path) for path in self.paths)
        return Looked(frozenset(result.path for result in results) - failed, failed, named, self.rules_for)

    def nothing_to_find(self, files: Sequence[str]) -> list[str]:
        """Why a run that found nothing could not have found anything, where it is so."""
        if files and not self.rules:
            return ["no rule is on, so nothing was looked for"]
        if files and any(path.is_dir() for path in self.paths) and not any(map(_speaks_of_torch, files)):
            which = "the file does not mention" if len(files) == 1 else f"none of the {len(files)} files mentions"
            return [f"{which} torch or lightning: there was nothing to look at"]
        return []

    def look(self, files: Sequence[str], progress: Progress = _untold) -> list[Examined]:
        """What is in these files, whatever the baseline knows and wherever the changes are."""
        cache = self._seen = self.cache() if files else Cache(None)
        tasks = [(path, self.rules_for(path)) for path in files]
        names = {rules: self.word_for(rules) for _, rules in tasks}
        known = [(cache.get(path, names[rules]), path, rules) for path, rules in tasks]
        results = [result for result, _, _ in known if result is not None]
        missing = [(path, rules) for result, path, rules in known if result is None]
        if missing:
            kept = len(results)
            done = self._examine(missing, self.roots, lambda n: progress(kept + n, len(files)))
            rules_of = dict(missing)
            cache.put([(result, names[rules_of[result.path]]) for result in done.results], done.graph)
            results += done.results
        cache.save()
        return results

    def _examine(
        self, tasks: Sequence[Task], roots: tuple[Path, ...], progress: Callable[[int], None] = lambda done: None
    ) -> Done:
        from torchdoctor.project.workers import examine_all

        return examine_all(tasks, roots, jobs=self.settings.jobs or usable_cores(), progress=progress)

    def word_for(self, rules: frozenset[str]) -> str:
        """The word by which the cache knows the rules of a file."""
        return ",".join(sorted(self.rules - rules))

    def cache(self) -> Cache:
        """What is remembered from the last time; nothing where nothing is to be kept."""
        if not self.keep:
            return Cache(None)
        root = self.settings.root
        folder = root / (self.settings.cache_dir or FOLDER)
        return Cache(folder / f"{key(self.rules, self.roots)}.json", self.roots)


def report_of(results: Iterable[Examined], *, files: int, warnings: Sequence[str] = ()) -> Report:
    """The report on these results, with paths as they are shown."""
    report = Report(files=files, warnings=list(warnings))
    for result in results:
        report.findings += [relabelled(finding, shown) for finding in result.findings]
        report.failures += [Failure(shown(f.path), f.message, f.line) for f in result.failures]
    report.findings.sort(key=lambda finding: finding.sort_key)
    report.failures.sort()
    return report


def _roots(root: Path, paths: Iterable[Path]) -> tuple[Path, ...]:
    """The folders that imports may start from: the project's own and those that were named, and their ``src``.

    Where we merely happen to be is none of them: all that lies below a root may be looked through for callers.
    """
    folders = [root] if is_root(root) else []
    for path in paths:
        folder = Path(os.path.abspath(path))
        if folder.is_dir():
            while (folder / "__init__.py").is_file() and folder.parent != folder:
                folder = folder.parent
            folders.append(folder)
    found = dict.fromkeys(place for folder in folders for place in (folder, folder / "src") if place.is_dir())
    return tuple(found)


def _speaks_of_torch(path: str) -> bool:
    text = text_of(path)
    return "torch" in text or "lightning" in text
