"""Lint as tests: ``--torchdoctor-lint`` makes an item of each Python file, ``src/model.py::torchdoctor``.

The files, their rules, what is suppressed and what is remembered are those of ``torchdoctor lint`` in the same place.
The items stand behind all tests; they are selected, run, distributed and remembered as tests are. The files are not
found by pytest's own way through folders, so that no script is imported and no test is collected on their account.
"""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import ReprFileLocation, TerminalRepr

from torchdoctor.faces.pytest_plugin.arguments import ITEM, Wanted, send, wanted
from torchdoctor.faces.pytest_plugin.told import keep, keep_failures, mark_linted, width_of

if TYPE_CHECKING:
    from _pytest._io import TerminalWriter

    from torchdoctor.project.piecemeal import Piecemeal
    from torchdoctor.project.report import Report

_NEWS = "torchdoctor_lint"


def plugin(config: pytest.Config) -> Linting | None:
    """The part of this run; None where no linting was asked for."""
    asked = wanted(config)
    return Linting(config, asked) if asked is not None else None


class Linting:
    """The lint run of one pytest process."""

    def __init__(self, config: pytest.Config, asked: Wanted) -> None:
        from torchdoctor.errors import TorchdoctorError

        self.config, self.asked = config, asked
        try:
            self.project = _project([Path(path) for path in asked.paths])
        except TorchdoctorError as error:
            raise pytest.UsageError(f"torchdoctor: {error}") from None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """First of all, so that -k, --lf and the suite's own hooks find the items of files among the others."""
        found = self.project.found
        for path in dict.fromkeys([*found.files, *sorted(failure.path for failure in found.failures)]):
            if self._wanted(path):
                items += session.genitems(LintFile.from_parent(session, path=Path(path), linting=self))

    def _wanted(self, path: str) -> bool:
        """Whether pytest's own options leave this file in."""
        ignored = [os.path.abspath(one) for one in self.config.getoption("ignore") or ()]
        globs = [os.path.abspath(one) for one in self.config.getoption("ignore_glob") or ()]
        if any(path == one or path.startswith(os.path.join(one, "")) for one in ignored):
            return False
        return not any(fnmatch.fnmatch(path, one) for one in globs) and (not self.asked.only or path in self.asked.only)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, None]:
        outcome = yield
        if isinstance(item, LintItem) and call.when == "call" and item.report is not None:
            keep(outcome.get_result(), item.report.findings)
            keep_failures(outcome.get_result(), item.report.failures)
            mark_linted(outcome.get_result(), item.known)

    def pytest_sessionfinish(self) -> None:
        """Remember what was found out; a worker process has it remembered by the one that started it."""
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput[_NEWS] = json.dumps(self.project.news.to_plain())
        else:
            self.project.keep()

    def warnings(self, *, found: bool) -> list[str]:
        """What has to be said of a run that may have looked at nothing. ``found`` is whether anything was found."""
        project = self.project
        return [*project.found.warnings, *(() if found else project.run.nothing_to_find(project.found.files))]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Of pytest-xdist: a worker process is to be started."""
        send(node, self.asked)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Of pytest-xdist: a worker process has ended."""
        from torchdoctor.project.piecemeal import News

        if sent := getattr(node, "workeroutput", {}).get(_NEWS):
            self.project.news.add(News.from_plain(json.loads(sent)))


def _project(paths: Sequence[Path]) -> Piecemeal:
    from torchdoctor import config
    from torchdoctor.project.piecemeal import Piecemeal
    from torchdoctor.project.run import Run

    project = Piecemeal(Run(config.load(paths), paths, keep=True))
    _ = project.run.narrowing  # a baseline that cannot be read is told before any test has run
    return project


class LintFile(pytest.File):
    """A file to lint. It is not imported."""

    def __init__(self, *, linting: Linting, **given: Any) -> None:
        super().__init__(**given)
        self.linting = linting

    def collect(self) -> Iterator[pytest.Item]:
        yield LintItem.from_parent(self, name=ITEM, linting=self.linting)


class Sick(Exception):
    """What was found in a file, or why it could not be looked at."""


class LintItem(pytest.Item):
    """One file, linted: it fails where ``torchdoctor lint`` would exit with something else than 0."""

    def __init__(self, *, linting: Linting, **given: Any) -> None:
        super().__init__(**given)
        self.linting = linting
        self.report: Report | None = None
        self.known = 0

    def runtest(self) -> None:
        from torchdoctor.project.run import report_of

        project, path = self.linting.project, str(self.path)
        failures = [failure for failure in project.found.failures if failure.path == path]
        results = [] if failures else [project.examine(path)]
        told = [project.told(result) for result in results]
        self.known = sum(len(result.findings) for result in results) - sum(len(result.findings) for result in told)
        self.report = report_of(told, files=1)
        self.report.failures += failures
        if self.report.exit_code(project.run.settings.fail_on):
            raise Sick(", ".join(dict.fromkeys(found.rule for found in self.report.findings)) or "cannot be checked")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        if isinstance(excinfo.value, Sick) and self.report is not None:
            return Shown(self.report, width_of(self.config))
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"torchdoctor lint {self.nodeid.rpartition('::')[0]}"


class Shown(TerminalRepr):
    """The findings of a file as ``torchdoctor lint`` shows them, in colours where the terminal has them."""

    def __init__(self, report: Report, width: int) -> None:
        self.report, self.width = report, width
        self.plain = self._rendered(color=False)
        self.reprcrash = _crash(report)

    def _rendered(self, *, color: bool) -> str:
        from torchdoctor.faces import text
        from torchdoctor.faces.lines import Lines
        from torchdoctor.faces.paint import Paint

        paint = Paint(color, self.width)
        failures = "".join(text.failure(failed, paint) for failed in self.report.failures)
        return (text.render(self.report, Lines(), paint) + failures).rstrip("\n")

    def toterminal(self, tw: TerminalWriter) -> None:
        tw.line(self._rendered(color=True) if tw.hasmarkup else self.plain)


def _crash(report: Report) -> ReprFileLocation | None:
    """Place and message for pytest's one-line summaries."""
    from torchdoctor.project.report import severity

    for failed in report.failures:
        return ReprFileLocation(failed.path, failed.line, failed.message)
    found = report.findings[0]
    message = f"{severity(found)}[{found.rule}]: {found.message}"
    return ReprFileLocation(found.at.path, found.at.line, message) if found.at is not None else None
