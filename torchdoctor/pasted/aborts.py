"""What C++ and Python's faulthandler print when a process is ended and nobody can catch anything."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torchdoctor.pasted.raised import TERMINATE, Place, Raised, said_from

_WATCHDOG = re.compile(r"ProcessGroupNCCL\.cpp:\d+\].*?(?P<message>Watchdog caught collective operation timeout: .*)")
_RANK = re.compile(r"\bRank (\d{1,6})\]")
_WHAT = re.compile(r"^\s*what\(\):\s*(?P<message>.*)$")
_KILLED = re.compile(
    r"^\s*(?:[\w./-]+: line \d+:\s+\d+ (?=Killed\s))?(?P<bare>Killed(?:\s{2,}.*)?)\s*$"
    r"|(?P<told>.*(?:\boom[-_]kill event|\bOOMKilled\b(?!\"?\s*[:=]\s*\"?false)|out of memory: Killed process"
    r"|exit(?:ed with)? code:? 137\b|exit status 137\b|died with <Signals\.SIGKILL: 9>|\bexitcode\s*: -9\b"
    r"|exited on signal 9 \(Killed\)|Unexpected bus error encountered in worker\.).*)$",
    re.IGNORECASE,
)
_FATAL = re.compile(r"^Fatal Python error: .+$")
_FATAL_FILE = re.compile(r'^  File "(?P<path>[^"\n]{1,1000})", line (?P<line>\d{1,9}) in (?P<function>.+?)\s*$')


def watchdog(lines: Sequence[str], start: int) -> Raised | None:
    """What NCCL's watchdog logs of a collective that not all ranks came to."""
    found = _WATCHDOG.search(lines[start])
    if found is None:
        return None
    rank = _RANK.search(found[0])
    return Raised("c10::DistBackendError", found["message"], start, start + 1, rank=int(rank[1]) if rank else None)


def terminated(lines: Sequence[str], start: int) -> Raised | None:
    """What C++ prints when nobody catches an exception."""
    found = TERMINATE.search(lines[start])
    if found is None:
        return None
    what = _WHAT.match(lines[start + 1]) if start + 1 < len(lines) else None
    if what is None:
        return Raised(found["type"], "", start, start + 1)
    rows, end = said_from(lines, start + 1, what["message"])
    return Raised(found["type"], "\n".join(rows).strip(), start, end)


def killed(lines: Sequence[str], start: int) -> Raised | None:
    """What a shell, a scheduler or the kernel says of a process that was killed, which itself says nothing."""
    found = _KILLED.match(lines[start])
    if found is None or (found["bare"] and not found["bare"].startswith("Killed")):
        return None
    return Raised("", "Killed" if found["bare"] else found["told"].strip(), start, start + 1, certain=False)


def fatal(lines: Sequence[str], start: int) -> Raised | None:
    """What Python's faulthandler writes when a signal ends the process: stacks, innermost frame first."""
    found = _FATAL.match(lines[start])
    if found is None:
        return None
    threads: dict[str, list[Place]] = {}
    number, thread = start + 1, ""
    for number in range(start + 1, len(lines)):
        row = lines[number]
        if (at := _FATAL_FILE.match(row)) is not None:
            threads.setdefault(thread, []).insert(0, Place(at["path"], int(at["line"]), at["function"]))
        elif row.startswith(("Current thread 0x", "Thread 0x")):
            thread = row.partition(" ")[0]
        elif row.strip() and not row.startswith(("  ", "Python runtime state")):
            break
    frames = threads.get("Current") or next(iter(threads.values()), [])
    return Raised("", found[0].strip(), start, number, frames)
