"""The form in which Python prints a failure, read from the lines of one process; other forms have their own modules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torchdoctor.groups import END, MEMBER, ungrouped

_NAME = r"(?:[A-Za-z_][\w]*(?:\.|::))*[A-Za-z_]\w*"
_HEAD = re.compile(r"^(?P<lead>.*?)(?P<group>\+ Exception Group )?Traceback \(most recent call last\):\s*$")
_FILE = re.compile(r'^\s*File "(?P<path>[^"\n]{1,1000})", line (?P<line>\d{1,9})(?:, in (?P<function>.+?))?\s*$')
_SAID = re.compile(rf"^\s*(?P<type>{_NAME})(?:: ?(?P<message>.*))?$")
# Where no traceback stands above it, only such a name begins an exception's line.
_NAMED = re.compile(
    r"^\s*(?:E\s{2,}|[*`#>]+\s*)?(?P<type>(?:[A-Za-z_]\w*\.)*(?:\w*(?:Error|Exception|ExceptionGroup|Interrupt)|StopIteration|"
    r"Unsupported|UserError|InternalTorchDynamoError|GuardOnDataDependentSymNode))(?::\s*(?P<message>.*?)[*`]*)?$"
)
_CHAIN = re.compile(
    r"^\s*(?:The above exception was the direct cause of the following exception|"
    r"During handling of the above exception, another exception occurred):\s*$"
)
_MARKS = re.compile(r"^\s*[~^][~^ ]*$")
_REPEATED = re.compile(r"^\s*\[Previous line repeated \d+ more times?\]\s*$")
_INSIDE = re.compile(
    r"Original Traceback \(most recent call last\):|-- Process (?P<rank>\d+) terminated with the following error:"
)
_WORKER = re.compile(r"Caught (?:\w+\.)*\w+ in DataLoader worker process (\d+)\.")
_OF_WORKER = re.compile(r"_utils.worker\.py|parallel_apply\.py|multiprocessing.spawn\.py")
# After an empty line an exception's text goes on only with one of these.
_GOES_ON = re.compile(
    r"\s*(?:from user code:|Set TORCH|You can suppress|Exception raised from|frame #|Original Traceback|-- Process \d|"
    r"Developer debug|Explanation:|Hint:|Please check|For debugging|Compile with|Device-side assert|Traceback|"
    r"Please open|Please file|Check the documentation|\(1\)|\(2\)|WeightsUnpickler|The following|Potential framework|"
    r"For more details|To fix)"
)
_NO_PART = re.compile(
    r'^(?:wandb: |\s*\d{1,3}%\||[\w.-]+@[\w.-]+[:~ ]|\(\w+\) [\w.-]+@|\$ |>>> |In \[\d+\]:|"""|={5,}|-{20,}|'
    r"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b[: ]|srun: |slurmstepd: |Segmentation fault|Aborted|Killed)"
)
TERMINATE = re.compile(r"terminate called after throwing an instance of '(?P<type>[^']+)'")
_NOTE = "[torchdoctor] "  # how the notes begin that torchdoctor's own wrapper of DataLoader workers adds
LONGEST = 300  # lines of one exception's text


@dataclass(frozen=True, slots=True)
class Place:
    """A frame as it was printed."""

    path: str
    line: int
    function: str
    text: str = ""


@dataclass(slots=True)
class Raised:
    """A failure as it was printed. ``line`` is the line (from 0) that it begins on; ``certain`` whether its form leaves
    no doubt that an exception was printed; ``end`` is the first line behind it."""

    type: str
    message: str
    line: int
    end: int
    frames: list[Place] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    causes: list[Raised] = field(default_factory=list)
    certain: bool = True
    worker: int | None = None
    rank: int | None = None
    compiled: bool = False


def raised_in(lines: Sequence[str]) -> Iterator[Raised]:
    """The failures in these lines, in their order; each with those that it came of as its causes."""
    from torchdoctor.aborts import fatal, terminated, watchdog
    from torchdoctor.notebooks import notebook, pytest_report, rich_box

    lines = ungrouped(lines)
    number, linked = 0, False
    before: Raised | None = None
    group: Raised | None = None
    while number < len(lines):
        row = lines[number]
        if row in (MEMBER, END):
            if row == MEMBER and group is None:
                group = before
            elif group is not None and before is not None and before is not group:
                group.causes.append(before)
            before = group
            if row == END:
                group = None
            linked, number = False, number + 1
            continue
        if before is not None and _CHAIN.match(row):
            linked, number = True, number + 1
            continue
        found = None
        for reader in (standard, notebook, rich_box, pytest_report, fatal, terminated, watchdog, loose):
            if (found := reader(lines, number)) is not None:
                break
        if found is None:
            number += 1
            continue
        if before is not None and linked:
            found.causes.append(before)
        elif before is not None and group is not None:
            if before is not group:
                group.causes.append(before)
        elif before is not None:
            yield before
        before, linked = found, False
        number = max(found.end, number + 1)
    if group is not None and before is not None and before is not group:
        group.causes.append(before)
        before = group
    if before is not None:
        yield before


def standard(lines: Sequence[str], start: int) -> Raised | None:
    """What the interpreter prints; also where the head is cut off and the text begins amid the frames."""
    head = _HEAD.match(lines[start])
    if head is None and not _FILE.match(lines[start]):
        return None
    if head is not None and head["lead"].strip().startswith("Original"):
        return None
    number = start + (head is not None)
    frames, number = _frames(lines, number)
    if number >= len(lines) or (said := _SAID.match(lines[number])) is None:
        return Raised("", "", start, max(number, start + 1), frames, certain=False) if frames else None
    if not frames and (head is None or " " in said["type"]):
        return None
    return _with_text(lines, start, number, said, frames)


def _with_text(lines: Sequence[str], start: int, number: int, said: re.Match[str], frames: list[Place]) -> Raised:
    rows, end = said_from(lines, number, said["message"] or "")
    notes = tuple(row.strip().removeprefix(_NOTE) for row in rows if row.strip().startswith(_NOTE))
    message = "\n".join(row for row in rows if not row.strip().startswith(_NOTE)).strip()
    raised = Raised(said["type"], message, start, end, frames, notes)
    return _opened(raised)


def raised_elsewhere(message: str) -> Raised | None:
    """What a worker, a replica or a spawned process raised, where an exception's text retells it; else None."""
    retold = Raised("", message, 0, 0)
    opened = _opened(retold)
    return opened if opened is not retold else None


def _opened(raised: Raised) -> Raised:
    """What another process raised stands as text in the exception: its type, text and frames are the true ones."""
    if "from user code:" in raised.message:
        raised.compiled = True
        inner, _ = _frames(raised.message.partition("from user code:")[2].splitlines()[1:], 0)
        raised.frames += inner
    inside = _INSIDE.search(raised.message)
    if inside is None:
        return raised
    rows = raised.message[inside.end() :].splitlines()
    while rows and (not rows[0].strip() or _HEAD.match(rows[0])):
        rows.pop(0)
    told = list(raised_in(["Traceback (most recent call last):", *rows])) if rows else []
    if not told or not told[-1].type:
        return raised
    worker, inner_one = _WORKER.search(raised.message), told[-1]
    inner_one.worker = int(worker[1]) if worker else inner_one.worker
    inner_one.rank = int(inside["rank"]) if inside["rank"] else inner_one.rank
    inner_one.line, inner_one.end = raised.line, raised.end
    inner_one.frames = [*raised.frames, *inner_one.frames]
    inner_one.notes = (*inner_one.notes, *raised.notes)
    return inner_one


def _frames(lines: Sequence[str], number: int) -> tuple[list[Place], int]:
    """The frames from a line on, and the line behind them."""
    found: list[Place] = []
    while number < len(lines):
        at = _FILE.match(lines[number])
        if at is None:
            if found and _REPEATED.match(lines[number]):
                number += 1
                continue
            break
        number += 1
        code, number = _code(lines, number, _indent(lines[number - 1]))
        found.append(Place(at["path"], int(at["line"]), (at["function"] or "").strip() or "<module>", code))
    return found, number


def _code(lines: Sequence[str], number: int, indent: int) -> tuple[str, int]:
    """The source below a frame's line, less the marks under it."""
    code: list[str] = []
    while number < len(lines) and len(code) < 30:
        row = lines[number]
        if _FILE.match(row) or _REPEATED.match(row) or not row.strip():
            break
        if _MARKS.match(row):
            number += 1
            continue
        if _indent(row) <= indent and not (_unindented(lines, number) and not code):
            break
        code.append(row.strip())
        number += 1
    if number + 1 < len(lines) and not lines[number].strip() and _FILE.match(lines[number + 1]):
        number += 1  # some loggers put empty lines between
    return " ".join(code), number


def _unindented(lines: Sequence[str], number: int) -> bool:
    """A line of source whose indentation was lost: a frame or the exception's line follows."""
    if number + 1 >= len(lines):
        return False
    after = lines[number + 1]
    return bool(_FILE.match(after) or _MARKS.match(after) or (_NAMED.match(after) and not _NAMED.match(lines[number])))


def said_from(lines: Sequence[str], number: int, first: str) -> tuple[list[str], int]:
    """The rows of an exception's text from its line on, and the line behind them."""
    rows, end = [first], number + 1
    indent = _indent(lines[number])
    inside = False  # of a traceback that is part of the text
    while end < len(lines) and len(rows) < LONGEST:
        row = lines[end]
        inside = inside or bool(_INSIDE.search(row))
        if _CHAIN.match(row) and not (inside and _in_worker(lines, end)):
            break
        if row in (MEMBER, END) or _NO_PART.match(row) or TERMINATE.search(row):
            break
        if _HEAD.match(row) and not inside:
            break
        if not row.strip():
            if _next(lines, end, inside) is None:
                break
        elif not inside and _another(rows, row, indent):
            break
        rows.append(row[indent:] if not row[:indent].strip() else row.strip())
        end += 1
    return rows, end


def _another(rows: list[str], row: str, indent: int) -> bool:
    """Whether a row below an exception's text begins another failure."""
    if _FILE.match(row):
        return not any("user code" in said for said in rows)
    return len(rows) > 1 and bool(_NAMED.match(row)) and _indent(row) <= indent


def _next(lines: Sequence[str], number: int, inside: bool) -> int | None:
    """The next line that is not empty, where the text goes on there."""
    for index in range(number, min(number + 3, len(lines))):
        if lines[index].strip():
            if inside and _CHAIN.match(lines[index]):
                return index if _in_worker(lines, index) else None
            goes_on = _GOES_ON.match(lines[index])
            if goes_on and goes_on[0].strip() == "Traceback":
                heads = [row for row in lines[max(number - 2, 0) : number] if _CHAIN.match(row) or _INSIDE.search(row)]
                return index if inside and heads else None
            return index if goes_on else None
    return None


def _in_worker(lines: Sequence[str], number: int) -> bool:
    """Whether the traceback that is chained here was printed by the worker, and not by the process that tells of it."""
    files = [row for row in lines[number : number + 5] if _FILE.match(row)]
    return bool(files) and _OF_WORKER.search(files[0]) is not None


def loose(lines: Sequence[str], start: int) -> Raised | None:
    """The line of an exception without a traceback."""
    said = _NAMED.match(lines[start])
    if said is None:
        return None
    raised = _with_text(lines, start, start, said, [])
    raised.certain = bool(raised.frames)
    return raised


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip())
