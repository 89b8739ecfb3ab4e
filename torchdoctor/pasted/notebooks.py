"""Tracebacks as IPython, rich and pytest lay them out: code around each place, and an arrow at the line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torchdoctor.pasted.raised import NAMED, Place, Raised, said_from, with_text

_IPYTHON = re.compile(r"^\s*(?P<type>[A-Za-z_][\w.]*)\s+Traceback \(most recent call last\)\s*:?\s*$")
_PLACES = (
    re.compile(r"^(?:Cell )?(?P<path>In ?\[\d+\]), line (?P<line>\d+)(?:, in (?P<function>.+?))?\s*$"),
    re.compile(r"^Input (?P<path>In \[\d+\]), in (?P<function>.+?)\s*$"),
    re.compile(r"^File (?P<path>.{1,400}?):(?P<line>\d+)(?:, in (?P<function>.+?))?\s*$"),
    re.compile(
        r"^(?P<path><ipython-input-[^>]+>|[~/.\w][^ :]{0,400}\.py|[A-Za-z]:\\[^:]{1,400}\.py) in (?P<function>.+?)\s*$"
    ),
)
_ARROW = re.compile(r"^-+> ?(?P<line>\d+)(?: (?P<text>.*))?$")
_NUMBERED = re.compile(r"^ *\d+(?: .*)?$|^ *\.\.\.$|^\s*\(\.\.\.\)\s*$|^\s*$|^\s+[~^]+")
_CELL = re.compile(r"<cell line: (\d+)>")

_RICH = re.compile(r"^\s*[╭┌+]?[─-]{3,}[ ─-]*Traceback \(most recent call last\)[ ─-]*[╮┐+]?\s*$")
_RICH_PLACE = re.compile(r"^(?P<path>\S.{0,400}?):(?P<line>\d+) in (?P<function>\S.*?)\s*$")
_RICH_ARROW = re.compile(r"^\s*[❱>] *(?P<line>\d+) ?(?P<text>.*)$")
_RICH_END = re.compile(r"^\s*[╰└+][─-]{3,}[╯┘+]?\s*$")

_PYTEST_ERROR = re.compile(r"^E\s{2,}(?P<rest>\S.*)$")
_PYTEST_PLACE = re.compile(
    r"^(?P<path>[\w./\\:~-]{1,400}\.py):(?P<line>\d+): *(?:in (?P<function>\S+))?(?P<type>[\w.]*)\s*$"
)
_PYTEST_TITLE = re.compile(r"^_{3,} (?P<name>\S.*?) _{3,}$")


def notebook(lines: Sequence[str], start: int) -> Raised | None:
    """IPython and Jupyter, in the layouts of their last ten years."""
    head = _IPYTHON.match(lines[start])
    if head is None:
        return None
    frames: list[Place] = []
    for number in range(start + 1, len(lines)):
        row = lines[number]
        if (place := next((found for form in _PLACES if (found := form.match(row))), None)) is not None:
            frames.append(_place(place))
        elif frames and (arrow := _ARROW.match(row)) is not None:
            last = frames[-1]
            frames[-1] = Place(last.path, int(arrow["line"]), last.function, (arrow["text"] or "").strip())
        elif (said := NAMED.match(row)) is not None or (said := _said(row, head["type"])) is not None:
            return with_text(lines, start, number, said, [f for f in frames if f.line > 0])
        elif not _NUMBERED.match(row) and not row.startswith((" ", "\t")):
            return None
    return None


def _said(row: str, name: str) -> re.Match[str] | None:
    """The exception's line, where its name is not one that exceptions usually have."""
    return re.match(rf"^(?P<type>{re.escape(name)})(?:: (?P<message>.*))?$", row)


def _place(found: re.Match[str]) -> Place:
    parts = found.groupdict()
    function = (parts.get("function") or "<module>").partition("(")[0]
    cell = _CELL.search(parts.get("function") or "")
    line = parts.get("line") or (cell[1] if cell else "0")
    return Place(parts["path"], int(line), "<module>" if cell else function.rpartition(".")[2], "")


def rich_box(lines: Sequence[str], start: int) -> Raised | None:
    """rich, and what is built on it: typer, lightning, comet."""
    if not _RICH.match(lines[start]):
        return None
    frames: list[Place] = []
    for number in range(start + 1, len(lines)):
        row = lines[number]
        if _RICH_END.match(row):
            after = number + 1
            if after < len(lines) and (said := NAMED.match(lines[after])) is not None:
                return with_text(lines, start, after, said, frames)
            return None
        inner = row.strip().strip("│|").rstrip()
        text = inner[1:] if inner.startswith(" ") else inner
        if (place := _RICH_PLACE.match(text.strip())) is not None:
            frames.append(Place(place["path"], int(place["line"]), place["function"]))
        elif frames and (arrow := _RICH_ARROW.match(text)) is not None and not frames[-1].text:
            last = frames[-1]
            frames[-1] = Place(last.path, last.line, last.function, arrow["text"].strip(" │╎"))
    return None


def pytest_report(lines: Sequence[str], start: int) -> Raised | None:
    """pytest's report of one failure: the block that begins with E, and the places around it."""
    first = _PYTEST_ERROR.match(lines[start])
    said = NAMED.match(lines[start])
    if first is None or said is None:
        return None
    end = start
    while end < len(lines) and (lines[end].startswith("E ") or lines[end].rstrip() == "E"):
        end += 1
    text = [re.sub(r"^E {0,7}", "", row, count=1) for row in lines[start:end]]
    said = NAMED.match(text[0]) or said
    rows, _ = said_from(text, 0, said["message"] or "")
    raised = with_text(text, 0, 0, said, list(_pytest_places(lines, start, end)))
    raised.message = raised.message or "\n".join(rows).strip()
    raised.line, raised.end = start, end
    return raised


def _pytest_places(lines: Sequence[str], start: int, end: int) -> Iterator[Place]:
    """The places above, up to this failure's title, and that below the block."""
    top, title = 0, ""
    for number in range(start, -1, -1):
        if (found := _PYTEST_TITLE.match(lines[number])) is not None:
            top, title = number + 1, found["name"].partition("[")[0]
            break
    code = ""
    for number in range(top, min(end + 4, len(lines))):
        row = lines[number]
        if row.startswith(">"):
            code = row[1:].strip()
        elif (place := _PYTEST_PLACE.match(row)) is not None:
            short = place["function"] and number + 1 < len(lines) and lines[number + 1].startswith("    ")
            text = lines[number + 1].strip() if short else code
            yield Place(place["path"], int(place["line"]), place["function"] or title, text)
            code = ""
            if number >= end:
                return
