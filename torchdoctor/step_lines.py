"""The record of a watched run as lines of JSON, one each for a step, a sample, a pause: what is appended and read back.

A file of such lines may end in the middle of one: the process was killed while it wrote. All before it counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from torchdoctor.record_json import plain, restored
from torchdoctor.step_record import HolderRecord, LoaderRecord, PauseRecord, SampleRecord, StepRecord, WatchRecord

_KINDS: dict[str, type] = {
    "step": StepRecord,
    "sample": SampleRecord,
    "pause": PauseRecord,
    "holder": HolderRecord,
    "loader": LoaderRecord,
}
_LISTS = {"step": "steps", "sample": "samples", "pause": "pauses", "holder": "holders"}
VERSION = 1


def line(kind: str, record: Any) -> str:
    """One line, with its end. ``kind`` is "watch" (the head), "end", "reset", "missing", or that of a record."""
    data = record if isinstance(record, dict) else plain(record)
    short = {key: round(value, 6) if type(value) is float else value for key, value in data.items()}
    return _dumped({"record": kind, **short}) + "\n"


_STEP = [(one.name, one.default) for one in fields(StepRecord)]
_TIMES = 12  # fields before the first that is no number, all written by one format
_FORMAT = ",".join(f'"{name}":{"%.6f" if type(default) is float else "%d"}' for name, default in _STEP[:_TIMES])
_REST = _STEP[_TIMES:]
_START = '{"record":"step",' + _FORMAT


def step_line(values: tuple[Any, ...]) -> str:
    """The line of a step whose fields are given in their order: written once a step, so without the encoder's pace."""
    found = [_START % values[:_TIMES]]
    for (name, default), value in zip(_REST, values[_TIMES:], strict=True):
        if value != default:
            plain = type(value) is int or (type(value) is float and value - value == 0)
            found.append(f'"{name}":{value}' if plain else f'"{name}":{_quoted(str(value))}')
    return ",".join(found) + "}\n"


_quoted = lru_cache(maxsize=512)(json.dumps)
_dumped = json.JSONEncoder(separators=(",", ":")).encode


def head(record: WatchRecord) -> str:
    """The first line of a file: all but what the lines after it tell."""
    return line("watch", {"version": VERSION, **plain(replace(record, steps=(), samples=(), pauses=(), holders=()))})


def read(lines: Iterable[str]) -> WatchRecord:
    """The record that the lines tell. What cannot be read in them is passed over and counted in ``missing``.

    Raises ValueError where there is no head among them: the file is none of ours.
    """
    data: dict[str, Any] | None = None
    found: dict[str, list[Any]] = {name: [] for name in _LISTS.values()}
    broken = 0
    missing: list[str] = []
    ends: dict[str, Any] = {}
    for text in lines:
        try:
            row = json.loads(text)
            kind = row.pop("record")
            if kind == "watch":
                data = row
            elif kind == "end":
                ends.update(row)
            elif kind == "reset":
                found["steps"].clear()
                found["pauses"].clear()
                ends.update(row)
            elif kind == "missing":
                missing.append(str(row["text"]))
            elif kind == "loader":
                ends["loader"] = row
            elif kind in _LISTS:
                found[_LISTS[kind]].append(restored(_KINDS[kind], row))
        except (ValueError, KeyError, AttributeError, TypeError):
            broken += 1
    if data is None:
        raise ValueError("there is no record of a watched run in it")
    record = restored(WatchRecord, {**data, **ends})
    steps = tuple(found["steps"])
    missing = [*record.missing, *missing]
    if broken > 1:  # one is the line that was being written when the process was killed
        missing.append(f"{broken} lines of the record cannot be read")
    return replace(
        record,
        steps=steps,
        samples=tuple(found["samples"]),
        pauses=tuple(found["pauses"]),
        holders=tuple(found["holders"]),
        count=max([record.count, *(one.number for one in steps[-1:])]),
        seconds=max([record.seconds, *(one.at for one in steps[-1:]), *(one.at for one in found["samples"][-1:])]),
        missing=tuple(dict.fromkeys(missing)),
    )


def written(record: WatchRecord) -> Iterable[str]:
    """A whole record as lines."""
    yield head(record)
    for kind, name in _LISTS.items():
        for one in getattr(record, name):
            yield line(kind, one)
