"""The form in which Python prints a failure, read from the lines of one process; other forms have their own modules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torchdoctor.pasted.aborts import fatal, killed, terminated, watchdog
from torchdoctor.pasted.groups import END, MEMBER, ungrouped
from torchdoctor.pasted.notebooks import notebook, pytest_report, rich_box
from torchdoctor.pasted.raised import CHAIN, FILE, HEAD, INSIDE, NAME, NAMED, Place, Raised, indent_of, with_text

_SAID = re.compile(rf"^\s*(?P<type>{NAME})(?:: ?(?P<message>.*))?$")
_MARKS = re.compile(r"^\s*[~^][~^ ]*$")
_REPEATED = re.compile(r"^\s*\[Previous line repeated \d+ more times?\]\s*$")
_WORKER = re.compile(r"Caught (?:\w+\.)*\w+ in DataLoader worker process (\d+)\.")


def raised_in(lines: Sequence[str]) -> Iterator[Raised]:
    """The failures in these lines, in their order; each with those that it came of as its causes."""
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
        if before is not None and CHAIN.match(row):
            linked, number = True, number + 1
            continue
        found = None
        for reader in (standard, notebook, rich_box, pytest_report, fatal, terminated, watchdog, killed, loose):
            if (found := reader(lines, number)) is not None:
                break
        if found is None:
            number += 1
            continue
        found = _opened(found)
        if reader is loose:
            found.certain = bool(found.frames)
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
    head = HEAD.match(lines[start])
    if head is None and not FILE.match(lines[start]):
        return None
    if head is not None and head["lead"].strip().startswith("Original"):
        return None
    number = start + (head is not None)
    frames, number = _frames(lines, number)
    if number >= len(lines) or (said := _SAID.match(lines[number])) is None:
        return Raised("", "", start, max(number, start + 1), frames, certain=False) if frames else None
    if not frames and (head is None or " " in said["type"]):
        return None
    return with_text(lines, start, number, said, frames)


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
    inside = INSIDE.search(raised.message)
    if inside is None:
        return raised
    rows = raised.message[inside.end() :].splitlines()
    while rows and (not rows[0].strip() or HEAD.match(rows[0])):
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
        at = FILE.match(lines[number])
        if at is None:
            if found and _REPEATED.match(lines[number]):
                number += 1
                continue
            break
        number += 1
        code, columns, number = _code(lines, number, indent_of(lines[number - 1]))
        function = (at["function"] or "").strip() or "<module>"
        found.append(Place(at["path"], int(at["line"]), function, code, columns))
    return found, number


def _code(lines: Sequence[str], number: int, indent: int) -> tuple[str, tuple[int, ...], int]:
    """The source below a frame's line without the marks under it, the columns that they mark, and the line behind."""
    code: list[str] = []
    columns: tuple[int, ...] = ()
    while number < len(lines) and len(code) < 30:
        row = lines[number]
        if FILE.match(row) or _REPEATED.match(row) or not row.strip():
            break
        if _MARKS.match(row):
            if len(code) == 1 and indent_of(row) >= indent_of(lines[number - 1]):
                before = indent_of(lines[number - 1])
                columns = indent_of(row) - before, len(row.rstrip()) - before
            number += 1
            continue
        if indent_of(row) <= indent and not (_unindented(lines, number) and not code):
            break
        code.append(row.strip())
        number += 1
    if number + 1 < len(lines) and not lines[number].strip() and FILE.match(lines[number + 1]):
        number += 1  # some loggers put empty lines between
    return " ".join(code), columns if len(code) == 1 else (), number


def _unindented(lines: Sequence[str], number: int) -> bool:
    """A line of source whose indentation was lost: a frame or the exception's line follows."""
    if number + 1 >= len(lines):
        return False
    after = lines[number + 1]
    return bool(FILE.match(after) or _MARKS.match(after) or (NAMED.match(after) and not NAMED.match(lines[number])))


def loose(lines: Sequence[str], start: int) -> Raised | None:
    """The line of an exception without a traceback."""
    said = NAMED.match(lines[start])
    return with_text(lines, start, start, said, []) if said is not None else None
