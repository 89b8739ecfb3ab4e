"""A lint run one file at a time, for who has a place of its own for each file: a test-suite, an editor.

Facts are shared among the files, and results with the cache of ``torchdoctor lint``. Several processes may each look
at some of the files: what each has found out that is new goes to one of them, which keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from torchdoctor.project.discovery import Found, discover
from torchdoctor.project.report import Examined
from torchdoctor.project.run import Run
from torchdoctor.project.stack import deep
from torchdoctor.project.workers import Worker
from torchdoctor.record_json import plain, restored


@dataclass
class News:
    """What was found out and is not in the cache yet."""

    results: list[Examined] = field(default_factory=list)
    graph: dict[str, dict[str, str | None]] = field(default_factory=dict)

    def add(self, other: News) -> None:
        self.results += other.results
        for asking, asked in other.graph.items():
            self.graph.setdefault(asking, {}).update(asked)

    def to_plain(self) -> Any:
        """As what JSON holds."""
        return plain(self)

    @classmethod
    def from_plain(cls, data: Any) -> News:
        """Raises ValueError where the data has another form."""
        return restored(cls, data)


class Piecemeal:
    """The files of a run, each looked at when it is asked for."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.found: Found = discover(run.paths, run.settings)
        self.news = News()
        self._cache = run.cache()
        self._worker = Worker(run.roots)

    def examine(self, path: str) -> Examined:
        """What is found in one of the files, as far as its comments do not suppress it. Never raises."""
        rules = self.run.rules_for(path)
        known = self._cache.get(path, self.run.word_for(rules))
        if known is not None:
            return known
        done = deep(lambda: self._worker.examine([(path, rules)]))
        self.news.add(News(done.results, done.graph))
        return done.results[0]

    def told(self, result: Examined) -> Examined:
        """The same without what the baseline knows."""
        return replace(result, findings=tuple(self.run.narrowing.narrowed(result.path, result.findings)))

    def keep(self) -> None:
        """Write the news into the cache. A folder that cannot be written to is no reason to fail."""
        words = [(result, self.run.word_for(self.run.rules_for(result.path))) for result in self.news.results]
        self._cache.put(words, self.news.graph)
        self._cache.save()
