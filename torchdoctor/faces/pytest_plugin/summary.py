"""What a run comes to, below its failures: findings by rule, slow and hungry tests, and what was skipped for want of a
GPU; and the report that ``--torchdoctor-report`` asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest

from torchdoctor.faces.pytest_plugin import reporting
from torchdoctor.faces.pytest_plugin.session import Session

if TYPE_CHECKING:
    from torchdoctor.faces.pytest_plugin.linting import Linting

_MOST = 5
_LEAST_S = 0.5
_COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}
Row = tuple[str, dict[str, bool]]  # a line, and how pytest's terminal marks it up


def plugin(config: pytest.Config) -> Summary | None:
    """The summary of the run; a worker process of pytest-xdist has none."""
    return Summary(config) if not hasattr(config, "workerinput") else None


class Summary:
    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.session = Session()
        self.target = reporting.target(config)
        self.fault = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.session.add_test(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.session.add(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report; a run whose report cannot be written does not pass."""
        from torchdoctor.errors import TorchdoctorError

        if self.target is None:
            return
        try:
            reporting.write_report(self.target, self.session)
        except TorchdoctorError as error:
            self.fault = str(error)
            if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        rows = list(self._rows())
        if rows:
            terminalreporter.write_sep("=", "torchdoctor")
            for text, markup in rows:
                terminalreporter.write_line(text, **markup)

    def _rows(self) -> Iterator[Row]:
        verbosity = self.config.option.verbose
        yield from self._findings()
        if verbosity >= 0:
            yield from self._costs()
        if verbosity >= -1:
            yield from self._skipped()
        yield from self._warnings()
        if self.target is not None and not self.fault and verbosity >= 0:
            yield f"report: {self.target.path}", {}
        if self.fault:
            yield f"error: {self.fault}", {"red": True}

    def _findings(self) -> Iterator[Row]:
        """ "error  linear-size-mismatch  3 in tests/test_a.py::test_x and 2 more"."""
        from torchdoctor import catalogue
        from torchdoctor.rule import SEVERITIES

        counts = Counter(found.rule for _, found in self.session.findings)
        rows = [(SEVERITIES.index(catalogue.rule(rule).severity), -number, rule) for rule, number in counts.items()]
        width = max((len(rule) for rule in counts), default=0)
        if rows:
            yield f"{_count(sum(counts.values()), 'finding')}, by rule:", {"bold": True}
        for level, number, rule in sorted(rows):
            places = dict.fromkeys(test for test, found in self.session.findings if found.rule == rule)
            row = f"  {-number:>3}  {SEVERITIES[level]:7}  {rule:{width}}  {_some(places)}"
            yield row, {_COLORS[SEVERITIES[level]]: True}
        if known := sum(self.session.known.values()):
            yield f"{known} more {'is' if known == 1 else 'are'} known to the baseline", {}

    def _costs(self) -> Iterator[Row]:
        from torchdoctor.quantity_text import size_text

        if slow := self.session.slowest(_MOST, _LEAST_S):
            yield "slowest tests, setup and teardown with them:", {"bold": True}
            yield from ((f"  {seconds:8.2f} s  {test}", {}) for test, seconds in slow)
        if hungry := self.session.hungriest(_MOST):
            yield "hungriest tests, by how much they raised the peak of their process:", {"bold": True}
            for test, place, bytes_ in hungry:
                yield f"  {size_text(bytes_):>10}  {test}{'' if place == 'memory' else f' ({place})'}", {}

    def _skipped(self) -> Iterator[Row]:
        if reasons := Counter(self.session.without_gpu.values()):
            yield f"skipped for want of a GPU: {_count(len(self.session.without_gpu), 'test')}", {"yellow": True}
            yield from ((f"  {number:>3}  {reason}", {}) for reason, number in reasons.most_common(_MOST))
            if len(reasons) > _MOST:
                yield f"       and for {len(reasons) - _MOST} more reasons", {}

    def _warnings(self) -> Iterator[Row]:
        linting: Linting | None = self.config.pluginmanager.get_plugin("torchdoctor-linting")
        if linting is not None:
            said = linting.warnings(found=bool(self.session.findings or self.session.failures))
            yield from ((f"warning: {warning}", {"yellow": True}) for warning in said)


def _some(names: Iterable[str]) -> str:
    """The first of some names, and how many more there are."""
    first, *others = names
    return first if not others else f"{first} and {len(others)} more"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
