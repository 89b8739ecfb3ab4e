"""What the parts of the plugin share: the findings that reports carry, between processes too, and the page's width."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from torchdoctor.finding import Finding
    from torchdoctor.project.report import Failure

T = TypeVar("T")

_FINDINGS = "torchdoctor_findings"
_FAILURES = "torchdoctor_failures"
_LINTED = "torchdoctor_linted"
_NOTED: pytest.StashKey[list[Any]] = pytest.StashKey()
_USUAL = 100  # columns, where nobody says how many there are
_WIDTH = "torchdoctor_width"


def keep(report: Any, findings: Iterable[Finding]) -> None:
    """Have a test's report carry findings, besides those that it carries already. They travel between processes."""
    _add(report, _FINDINGS, findings)


def keep_failures(report: Any, failures: Iterable[Failure]) -> None:
    """Have a test's report carry what could not be done."""
    _add(report, _FAILURES, failures)


def kept(report: Any) -> list[Finding]:
    """The findings that a report carries."""
    from torchdoctor.finding import Finding

    return _held(report, _FINDINGS, Finding)


def kept_failures(report: Any) -> list[Failure]:
    """What could not be done, by a report."""
    from torchdoctor.project.report import Failure

    return _held(report, _FAILURES, Failure)


def mark_linted(report: Any, known: int) -> None:
    """Say that a report is of a file that was linted, of which the baseline knows so many findings."""
    setattr(report, _LINTED, known)


def known_to_baseline(report: Any) -> int | None:
    """How many findings of a file the baseline knows; None where the report is of no such file."""
    known: int | None = getattr(report, _LINTED, None)
    return known


def note(item: pytest.Item, findings: Iterable[Finding]) -> None:
    """Have the report of a test's present phase carry findings, whether it fails or not."""
    item.stash.setdefault(_NOTED, []).extend(findings)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, None]:
    outcome = yield
    if outcome.excinfo is None and _NOTED in item.stash:
        noted: list[Finding] = item.stash[_NOTED]
        keep(outcome.get_result(), noted)
        del item.stash[_NOTED]


def _add(report: Any, attribute: str, records: Iterable[object]) -> None:
    from torchdoctor.record_json import plain

    if told := [plain(record) for record in records]:
        setattr(report, attribute, [*getattr(report, attribute, ()), *told])


def _held(report: Any, attribute: str, kind: type[T]) -> list[T]:
    told = getattr(report, attribute, ())
    if not told:
        return []
    from torchdoctor.record_json import restored

    return [restored(kind, one) for one in told]


def width_of(config: pytest.Config) -> int:
    """How many columns the user's terminal has; a worker process was told."""
    if given := getattr(config, "workerinput", {}).get(_WIDTH):
        return int(given)
    if not config.pluginmanager.has_plugin("terminalreporter"):  # it may be left out: -p no:terminal
        return _USUAL
    return max(config.get_terminal_writer().fullwidth, 40)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of pytest-xdist: a worker process is to be started, which sees no terminal."""
    node.workerinput[_WIDTH] = width_of(node.config)
