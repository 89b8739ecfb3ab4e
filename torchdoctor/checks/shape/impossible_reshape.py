"""Finds sizes that the elements of a tensor cannot be put into."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, on_file
from torchdoctor.checks._refusing import refused
from torchdoctor.facts.file import File


@on_file(words=("torch",))
def check(file: File, _: File) -> Iterator[Found]:
    yield from refused(file, "impossible-reshape")
