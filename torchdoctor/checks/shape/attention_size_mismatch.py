"""Finds inputs of another width than attention was made for, and widths that heads cannot share."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, on_file
from torchdoctor.checks._refusing import refused
from torchdoctor.facts.file import File


@on_file(words=("torch",))
def check(file: File, _: File) -> Iterator[Found]:
    yield from refused(file, "attention-size-mismatch")
