"""The rails that Python prints beside the members of an exception group, taken off."""

from __future__ import annotations

import re
from collections.abc import Sequence

_RAIL = re.compile(r"^\s*\| ?")
_FIRST_ROW = re.compile(r"^[\s|]*\+-\+-{4,} [\d.]+ -{4,}\s*$")
_NEXT_ROW = re.compile(r"^[\s|]*\+-{4,} [\d.]+ -{4,}\s*$")
_END_ROW = re.compile(r"^[\s|]*\+-{8,}\s*$")
MEMBER, END = "\0member", "\0end"  # rows that no text holds: control characters have been taken out of it


def ungrouped(lines: Sequence[str]) -> Sequence[str]:
    """The lines of exception groups without their rails; the groups within a group count as its own."""
    if not any("+ Exception Group Traceback" in row for row in lines):
        return lines
    found, depth = [], 0
    for row in lines:
        if _FIRST_ROW.match(row):
            depth += 1
            found.append(MEMBER)
        elif depth and _NEXT_ROW.match(row):
            found.append(MEMBER)
        elif depth and _END_ROW.match(row):
            depth = 0
            found.append(END)
        else:
            while rail := _RAIL.match(row):
                row = row[rail.end() :]
            found.append(row.replace("+ Exception Group Traceback", "Traceback"))
    return found
