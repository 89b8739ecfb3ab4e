"""One lint run: the files, what is known of them from the last time, the rest looked at, and the report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from torchdoctor import catalogue
from torchdoctor.config import Settings, is_root
from torchdoctor.project.cache import FOLDER, Cache, key
from torchdoctor.project.discovery import discover
from torchdoctor.project.patterns import Patterns
from torchdoctor.project.report import Examined, Failure, Report, relabelled
from torchdoctor.project.shown import shown

Progress = Callable[[int, int], None]


def _untold(done: int, of: int) -> None:
    """No progress is shown."""


class Run:
    """Settings made ready for one project: which rules hold for which file, and where imports start.

    ``keep`` says whether results are remembered from run to run.
    """

    def __init__(self, settings: Settings, paths: Iterable[Path] = (), *, keep: bool = False) -> None:
        self.settings = settings
        self.paths = tuple(paths)
        self.keep = keep
        self.rules = settings.rules()
        self.roots = _roots(settings.root, self.paths)
        self._ignores = [
            (Patterns(str(settings.root), [pattern]), frozenset().union(*map(catalogue.expand, words)))
            for pattern, words in settings.per_file_ignores
        ]

    def rules_for(self, path: str) -> frozenset[str]:
        """The rules that are on for this file."""
        off = [ignored for pattern, ignored in self._ignores if pattern.decides(path)]
        return self.rules.difference(*off) if off else self.rules

    def report(self, progress: Progress = _untold) -> Report:
        """Look at all the files. ``progress`` is told how many are done, of how many."""
        found = discover(self.paths, self.settings)
        results = self._results(found.files, progress)
        for failure in found.failures:
            results.append(Examined(failure.path, "", failures=(failure,)))
        return report_of(results, files=len(found.files), warnings=found.warnings)

    def _results(self, files: Sequence[str], progress: Progress) -> list[Examined]:
        cache = self._cache() if self.keep and files else Cache(None)
        tasks = [(path, self.rules_for(path)) for path in files]
        names = {rules: ",".join(sorted(self.rules - rules)) for _, rules in tasks}
        known = [(cache.get(path, names[rules]), path, rules) for path, rules in tasks]
        results = [result for result, _, _ in known if result is not None]
        missing = [(path, rules) for result, path, rules in known if result is None]
        if missing:
            from torchdoctor.project.workers import examine_all

            kept = len(results)
            jobs = self.settings.jobs or _processors()
            done = examine_all(missing, self.roots, jobs=jobs, progress=lambda n: progress(kept + n, len(files)))
            rules_of = dict(missing)
            cache.put([(result, names[rules_of[result.path]]) for result in done.results], done.graph)
            results += done.results
        cache.save()
        return results

    def _cache(self) -> Cache:
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


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
