"""Words that several signs share."""

from __future__ import annotations

from torchdoctor.record import Failure, ModuleRecord, ValueRecord
from torchdoctor.sign import Root


def code_of(failure: Failure, value: ValueRecord | None, otherwise: str) -> str:
    """What a cure calls a value: the user's own code for it, where that is short enough to be written out."""
    name = failure.name_of(value, "").strip("`")
    return name if name and not name.endswith("...") else otherwise


def built(layer: ModuleRecord | None, text: str) -> tuple[Root, ...]:
    """The place where a layer is built, where there is a layer."""
    return (Root(layer, text),) if layer is not None else ()


def made(value: ValueRecord | None, text: str, aspect: str) -> tuple[Root, ...]:
    """The place where a value got an aspect, where there is a value."""
    return (Root(value, text, aspect),) if value is not None else ()


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 row", "3 rows"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
