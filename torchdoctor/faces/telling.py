"""From an exception to an explanation on standard error, and to the report of ``torchdoctor run``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torchdoctor.errors import FAULTS_ARE_RAISED

if TYPE_CHECKING:
    from torchdoctor.finding import Finding
    from torchdoctor.record import Failure

_report: Path | None = None
_written = False
_last: tuple[int, type, str] | None = None  # what was told last; the exception itself is not kept


def tell(error: BaseException) -> None:
    """Print what is known of an exception to standard error; nothing where nothing is known, and each exception once.

    Never raises: a fault of ours is one line on standard error.
    """
    global _last
    try:
        this = (id(error), type(error), BaseException.__str__(error)[:1000])
        if this == _last:
            return
        _last = this
        from torchdoctor.collector import uncollected

        with uncollected():
            failure, findings = look(error)
            if failure.memory is not None:
                _write_snapshot()
            if _report is not None:
                write_report(failure, findings)
            if findings:
                _print(failure, findings)
    except Exception as fault:
        if FAULTS_ARE_RAISED in os.environ:
            raise
        told(f"could not explain this failure ({type(fault).__name__}: {fault})")
    finally:
        del error


def look(error: BaseException) -> tuple[Failure, list[Finding]]:
    """The record of an exception, and the findings on it."""
    from torchdoctor.diagnose import diagnose
    from torchdoctor.probes.failure import failure_of
    from torchdoctor.project.tracefiles import TraceFiles

    failure = failure_of(error)
    return failure, diagnose(failure, open_file=TraceFiles(), on_error=_on_error)


def told(fault: str) -> None:
    """A fault of ours, in one line."""
    try:
        print(f"torchdoctor: {' '.join(fault.split())}", file=sys.stderr)
    except Exception:  # torchdoctor never stands in the way of the user's own exception
        return


def _on_error(rule: str, error: Exception) -> None:
    told(f"{rule} could not look at this failure ({type(error).__name__}: {error})")


def _print(failure: Failure, findings: Sequence[Finding]) -> None:
    from torchdoctor.faces.explanation import render
    from torchdoctor.faces.paint import Paint, wants_color, width_of

    stream = sys.stderr
    if stream is None:
        return
    text = "\n" + render(failure, findings, Paint(wants_color("auto", stream), width_of(stream)))
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


# -- the snapshot of CUDA's memory -------------------------------------------------------------------------------------


def snapshot_to(path: Path) -> None:
    """Write a snapshot there when CUDA memory is refused; at the program's end say so where none was written."""
    import atexit

    from torchdoctor.probes.history import left
    from torchdoctor.probes.history import snapshot_to as watch

    watch(report_path(path), told)
    process = os.getpid()
    atexit.register(lambda: told(text) if os.getpid() == process and (text := left()) else None)


def _write_snapshot() -> None:
    """Where the allocator has no observer, the snapshot is of the moment when the error is told."""
    history = sys.modules.get("torchdoctor.probes.history")
    if history is not None:
        history.write_snapshot(told, again=False)


# -- the report ------------------------------------------------------------------------------------------------------


def report_path(path: Path) -> Path:
    """Where this process writes its report: each of several ranks to its own file."""
    rank, size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    alone = not (rank.isdigit() and size.isdigit() and int(size) > 1)
    return path if alone else path.with_name(f"{path.stem}.rank{rank}{path.suffix}")


def report_to(path: Path) -> None:
    """Write a report there: of the first failure, or at the program's end that there was none."""
    global _report
    import atexit

    _report = report_path(path)
    process = os.getpid()

    def ended() -> None:
        if os.getpid() == process and not _written:
            try:
                write_report(None, ())
            except Exception as fault:
                told(str(fault))

    atexit.register(ended)


def write_report(failure: Failure | None, findings: Sequence[Finding]) -> None:
    """Write the report, whole, and only the first. Raises TorchdoctorError where that cannot be done."""
    global _written
    from torchdoctor.faces.failure_json import report
    from torchdoctor.faces.writing import write

    if _report is None or _written:
        return
    _written = True
    write(_report, report(failure, findings))
