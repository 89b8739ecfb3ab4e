"""A log as it was pasted, taken apart: colours and prefixes off, and the lines of each rank together."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -~]?")
_BARE_COLOURS = re.compile(r"\[(?:0|1|[0134];\d{2}(?:;\d{1,3})*|\d{2})m")  # colours whose escape was lost on the way
_LINK = re.compile(
    r"\[([^\]\n]{1,400})\]\(https?://[^)\s]{1,2000}\)"
)  # a notebook's path, as it is pasted into an issue
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\u200b]")
_NEWLINE = re.compile(r"\r\n?|\n|\x85|\u2028|\u2029")
_TIME = re.compile(r"\s*\[?(\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?)(?:Z|[+-]\d\d:?\d\d)?\]?(?::? |$)")
_GLOG = re.compile(r"[IWEF](\d{4} \d\d:\d\d:\d\d\.\d+) +(?:\d+ )?[\w./-]+:\d+\] ?")
_RANK = re.compile(r"\[(?:rank|[A-Za-z_]+)(\d+)\]: ?")
_HEAD = re.compile(r"(?:Exception Group )?Traceback \(most recent call last\):")
# What stands before a head and belongs to it: exception groups, pytest, a worker's traceback inside of another's text.
_PART_OF_IT = re.compile(r"[\s|+]*|E\s+(?:Original )?|.*\bOriginal\s+|.*[\"'(]\s*")
_OTHER_RANK = re.compile(r"\s*(\d{1,4}):|\[\d+,(\d+)\]<std\w+>:|.*\brank\W{0,2}(\d+)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its prefixes; ``number`` is its place in the whole log, ``time`` as it was written."""

    text: str
    number: int
    time: str = ""


@dataclass(slots=True)
class Stream:
    """The lines of one process, as far as prefixes tell processes apart."""

    lines: list[Line]
    rank: int | None = None


def streams(text: str) -> list[Stream]:
    """The streams of a log, in the order in which they begin. Takes any text."""
    text = _ESCAPES.sub("", text)
    if "[0m" in text:
        text = _BARE_COLOURS.sub("", text)
    if "](http" in text:
        text = _LINK.sub(r"\1", text)
    rows = [_CONTROL.sub("", row) for row in _NEWLINE.split(text)]
    found: dict[str, Stream] = {}
    learnt: list[re.Pattern[str]] = []
    for number, row in enumerate(rows):
        rest, time, rank = _known(row)
        rest, key = _learnt(rest, learnt)
        if rank is None and key:
            rank = _rank_of(key)
        stream = found.setdefault(f"{rank if rank is not None else key}", Stream([], rank))
        stream.lines.append(Line(rest, number, time))
    return list(found.values())


def _known(row: str) -> tuple[str, str, int | None]:
    """A line without the prefixes whose form is known, the time and the rank that they tell."""
    time, rank = "", None
    for _ in range(6):
        if found := _TIME.match(row) or _GLOG.match(row):
            time = time or found[1]
        elif found := _RANK.match(row):
            rank = int(found[1])
        else:
            break
        row = row[found.end() :]
    return row, time, rank


def _learnt(row: str, learnt: list[re.Pattern[str]]) -> tuple[str, str]:
    """A line without a prefix that stood before a traceback's head in this log, and that prefix."""
    for pattern in learnt:
        if found := pattern.match(row):
            return row[found.end() :], found[0].strip()
    head = _HEAD.search(row)
    if head is None or not (prefix := row[: head.start()]).strip() or len(prefix) > 120 or len(learnt) > 50:
        return row, ""
    if _PART_OF_IT.fullmatch(prefix):
        return row, ""
    shape = r"\d+".join(re.escape(part) for part in re.split(r"\d+", prefix.rstrip()))
    learnt.append(re.compile(shape + " ?"))
    return row[head.start() :], prefix.strip()


def _rank_of(prefix: str) -> int | None:
    found = _OTHER_RANK.match(prefix)
    return int(next(filter(None, found.groups()))) if found and any(found.groups()) else None
