"""``torchdoctor explain -`` and ``torchdoctor explain``: failures that are told by text."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torchdoctor.faces.cli._console import say
from torchdoctor.faces.paint import Paint, is_terminal, visible, wants_color, width_of

if TYPE_CHECKING:
    from torchdoctor.finding import Finding
    from torchdoctor.record import Failure

_SHOWN = 10  # different failures of one log
_LINE = 100


@dataclass
class _Told:
    """One failure, what is known of it, and the ranks that it happened on."""

    failure: Failure
    findings: list[Finding]
    ranks: list[int]


def explain_input(format_: str, color: str) -> int:
    """Read standard input and explain what failed in it. Returns the exit code."""
    if is_terminal(sys.stdin):
        say("paste a traceback or a message, then end it with Ctrl-D (on Windows Ctrl-Z and Enter)\n", err=True)
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    from torchdoctor.pasted import failures_in
    from torchdoctor.project.pasted_sources import located

    failures = [located(failure) for failure in failures_in(text)]
    if not failures and format_ == "text":
        say("no failure is told of in this text\n", err=True)
        return 1
    return _show(failures, format_, color)


def explain_crash(format_: str, color: str) -> int:
    """Explain the last crash that left a file. Returns the exit code."""
    from torchdoctor.faces.crashes import newest
    from torchdoctor.pasted import failures_in

    crash = newest()
    if crash is None:
        say("no crash is known: name a rule, or give `torchdoctor explain -` a traceback on standard input\n", err=True)
        return 1
    head, text = crash
    failures = failures_in(text)[:1]
    if format_ == "text":
        say(f"{head.get('command', 'a program')}, ended at {head.get('time', 'an unknown time')} or later\n")
    rank = head.get("rank", "")
    return _show([replace(one, rank=int(rank)) if rank else one for one in failures], format_, color)


def _show(failures: list[Failure], format_: str, color: str) -> int:
    told = _together([_Told(one, _look(one), [one.rank] if one.rank is not None else []) for one in failures])
    if format_ == "json":
        from torchdoctor.faces.failure_json import log

        say(log([(one.failure, one.findings) for one in told]))
    else:
        paint = Paint(wants_color(color, sys.stdout), width_of(sys.stdout))
        say("\n".join(_text(one, paint) for one in told[:_SHOWN]))
        if len(told) > _SHOWN:
            say(f"\nand {len(told) - _SHOWN} more failures\n")
    return 0 if any(one.findings for one in told) else 1


def _look(failure: Failure) -> list[Finding]:
    from torchdoctor.diagnose import diagnose
    from torchdoctor.faces.telling import told
    from torchdoctor.project.tracefiles import TraceFiles

    return diagnose(
        failure,
        open_file=TraceFiles(),
        on_error=lambda rule, error: told(f"{rule} could not look at this failure ({type(error).__name__}: {error})"),
    )


def _together(told: list[_Told]) -> list[_Told]:
    """What happened alike on several ranks once; what is explained before what is not, else in the log's order."""
    found: dict[tuple[object, ...], _Told] = {}
    for one in told:
        at = one.failure.user or one.failure.inner
        key = (one.failure.exception.type, one.failure.message, at and (at.path, at.line))
        if key in found:
            found[key].ranks += one.ranks
        else:
            found[key] = one
    return sorted(found.values(), key=lambda one: not one.findings)


def _text(one: _Told, paint: Paint) -> str:
    from torchdoctor.faces.explanation import render

    exception = one.failure.exception
    first = exception.message.strip().partition("\n")[0]
    line = visible(f"{exception.type}: {first}" if exception.type and first else exception.type or first)
    line = line if len(line) <= _LINE else f"{line[: _LINE - 3]}..."
    if not one.findings:
        return f"{paint('dim', line)}\nnothing is known of this failure{_place(one.failure)}\n"
    return f"{paint('dim', line)}\n{render(one.failure, one.findings, paint, one.ranks)}"


def _place(failure: Failure) -> str:
    from torchdoctor.project.shown import shown

    at = failure.user or failure.inner
    return f"; it came from {visible(shown(at.path))}:{at.line}" if at is not None else ""
