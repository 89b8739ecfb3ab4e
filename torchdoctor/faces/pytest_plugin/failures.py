"""Tests that fail in torch are explained: a section below the traceback, in whatever shows the failure.

The section goes into the failure's own text (``longrepr``), so that the terminal, JUnit files, HTML reports, debuggers
and editors show it, also where captured output is not shown. A text that takes no sections, as that of doctests, is
shown with one behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from torchdoctor.faces.pytest_plugin.installed import at_home
from torchdoctor.faces.pytest_plugin.told import keep, width_of

if TYPE_CHECKING:
    from torchdoctor.finding import Finding
    from torchdoctor.record import Failure

SECTION = "torchdoctor"


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, None]:
    """Outermost of all, so that it is known what was expected to fail."""
    outcome = yield
    if outcome.excinfo is None:
        _explain(outcome.get_result(), call.excinfo, item.config)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, None]:
    """A test module that cannot be loaded, as one that builds a model at its top."""
    outcome = yield
    if outcome.excinfo is None:
        report = outcome.get_result()
        _explain(report, getattr(getattr(report, "call", None), "excinfo", None), collector.config)


def _explain(report: Any, excinfo: Any, config: pytest.Config) -> None:
    """Tell what is known of a failure. Holds nothing of it when it returns; a fault of ours is one line."""
    if not report.failed or not isinstance(excinfo, pytest.ExceptionInfo) or "torch" not in sys.modules:
        return
    error, example = to_be_explained(excinfo.value), _unexpected(excinfo.value)
    if error is None:
        return
    faults: list[str] = []
    try:
        text, findings = _told(error, example and example.test, width_of(config), faults)
        keep(report, at_home(findings, config))
    except Exception as fault:
        text = ""
        faults.append(_fault("could not explain this failure", fault))
    finally:
        del error, example, excinfo
    if text or faults:
        show(report, text + "".join(f"torchdoctor: {fault}\n" for fault in dict.fromkeys(faults)))


def show(report: Any, text: str) -> None:
    """Put a section into a report."""
    add = getattr(report.longrepr, "addsection", None)
    if add is not None:
        add(SECTION, text.rstrip("\n"), "-")
    elif hasattr(report.longrepr, "toterminal"):
        from torchdoctor.faces.pytest_plugin.doctests import Followed

        report.longrepr = Followed(report.longrepr, SECTION, text.rstrip("\n"))
    else:
        report.sections.append((SECTION, text))


def _told(error: BaseException, test: Any, width: int, faults: list[str]) -> tuple[str, list[Finding]]:
    from torchdoctor.collector import uncollected
    from torchdoctor.diagnose import diagnose
    from torchdoctor.faces.explanation import render
    from torchdoctor.faces.paint import Paint
    from torchdoctor.probes.failure import failure_of
    from torchdoctor.project.tracefiles import TraceFiles

    def on_error(rule: str, fault: Exception) -> None:
        faults.append(_fault(f"{rule} could not look at this failure", fault))

    with uncollected():
        failure = failure_of(error) if test is None else _of_doctest(error, test)
        findings = diagnose(failure, open_file=TraceFiles(), on_error=on_error)
        return render(failure, findings, Paint(width=width)), findings


def _of_doctest(error: BaseException, test: Any) -> Failure:
    from torchdoctor.faces.pytest_plugin.doctests import placed, readable
    from torchdoctor.probes.failure import failure_of

    with readable(test):
        return placed(failure_of(error), test)


def _fault(what: str, fault: Exception) -> str:
    return " ".join(f"{what} ({type(fault).__name__}: {fault})".split())


# -- which exception is meant -----------------------------------------------------------------------------------------


def to_be_explained(error: BaseException) -> BaseException | None:
    """The exception that has to do with the code under test; None where that has not failed.

    Some stand for others: of ``pytest.raises`` that waited for another text, and of ``pytest.fail`` where an error is
    handled, it is that error; of an exit that is no success likewise; and a doctest's holds what the example raised.
    """
    if (example := _unexpected(error)) is not None:
        error = example.exc_info[1]
    if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
        return None
    if not isinstance(error, Exception) or _raised_by_pytest(error.__traceback__):
        before = error.__cause__ or error.__context__
        return before if isinstance(before, Exception) else None
    return error


def _unexpected(error: BaseException) -> Any:
    """What a doctest raises where an example did; of the first, where several did; else None."""
    doctest = sys.modules.get("doctest")
    several = (error, *getattr(error, "failures", ()))
    return next((one for one in several if doctest is not None and isinstance(one, doctest.UnexpectedException)), None)


def _raised_by_pytest(traceback: TracebackType | None) -> bool:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_globals.get("__name__", "").startswith("_pytest.")
