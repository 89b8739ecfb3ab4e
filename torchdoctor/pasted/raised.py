"""A failure as it was printed, in whatever form, and how far an exception's text goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from torchdoctor.pasted.groups import END, MEMBER

NAME = r"(?:[A-Za-z_][\w]*(?:\.|::))*[A-Za-z_]\w*"
HEAD = re.compile(r"^(?P<lead>.*?)(?P<group>\+ Exception Group )?Traceback \(most recent call last\):\s*$")
FILE = re.compile(r'^\s*File "(?P<path>[^"\n]{1,1000})", line (?P<line>\d{1,9})(?:, in (?P<function>.+?))?\s*$')
# Where no traceback stands above it, only such a name begins an exception's line.
NAMED = re.compile(
    r"^\s*(?:E\s{2,}|[*`#>]+\s*)?(?P<type>(?:[A-Za-z_]\w*\.)*(?:\w*(?:Error|Exception|ExceptionGroup|Interrupt)|StopIteration|"
    r"Unsupported|UserError|InternalTorchDynamoError|GuardOnDataDependentSymNode))(?::\s*(?P<message>.*?)[*`]*)?$"
)
CHAIN = re.compile(
    r"^\s*(?:The above exception was the direct cause of the following exception|"
    r"During handling of the above exception, another exception occurred):\s*$"
)
INSIDE = re.compile(
    r"Original Traceback \(most recent call last\):|-- Process (?P<rank>\d+) terminated with the following error:"
)
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
    """A frame as it was printed. ``columns`` are those that the marks below its code mark, from 0, of the code as it
    stands in ``text``; () where there are none, or the code has several rows."""

    path: str
    line: int
    function: str
    text: str = ""
    columns: tuple[int, ...] = ()


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


def with_text(lines: Sequence[str], start: int, number: int, said: re.Match[str], frames: list[Place]) -> Raised:
    """The failure whose exception stands on line ``number``, with all rows of its text; it began on ``start``."""
    rows, end = said_from(lines, number, said["message"] or "")
    notes = tuple(row.strip().removeprefix(_NOTE) for row in rows if row.strip().startswith(_NOTE))
    message = "\n".join(row for row in rows if not row.strip().startswith(_NOTE)).strip()
    return Raised(said["type"], message, start, end, frames, notes)


def said_from(lines: Sequence[str], number: int, first: str) -> tuple[list[str], int]:
    """The rows of an exception's text from its line on, and the line behind them."""
    rows, end = [first], number + 1
    indent = indent_of(lines[number])
    inside = False  # of a traceback that is part of the text
    while end < len(lines) and len(rows) < LONGEST:
        row = lines[end]
        inside = inside or bool(INSIDE.search(row))
        if CHAIN.match(row) and not (inside and _in_worker(lines, end)):
            break
        if row in (MEMBER, END) or _NO_PART.match(row) or TERMINATE.search(row):
            break
        if HEAD.match(row) and not inside:
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
    if FILE.match(row):
        return not any("user code" in said for said in rows)
    return len(rows) > 1 and bool(NAMED.match(row)) and indent_of(row) <= indent


def _next(lines: Sequence[str], number: int, inside: bool) -> int | None:
    """The next line that is not empty, where the text goes on there."""
    for index in range(number, min(number + 3, len(lines))):
        if lines[index].strip():
            if inside and CHAIN.match(lines[index]):
                return index if _in_worker(lines, index) else None
            goes_on = _GOES_ON.match(lines[index])
            if goes_on and goes_on[0].strip() == "Traceback":
                heads = [row for row in lines[max(number - 2, 0) : number] if CHAIN.match(row) or INSIDE.search(row)]
                return index if inside and heads else None
            return index if goes_on else None
    return None


def _in_worker(lines: Sequence[str], number: int) -> bool:
    """Whether the traceback that is chained here was printed by the worker, and not by the process that tells of it."""
    files = [row for row in lines[number : number + 5] if FILE.match(row)]
    return bool(files) and _OF_WORKER.search(files[0]) is not None


def indent_of(row: str) -> int:
    return len(row) - len(row.lstrip())
