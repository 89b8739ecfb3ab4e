"""Where the project defines what a full name names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.modules import ELSEWHERE
from torchdoctor.facts.remembered import remembered

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


def defined(file: File, name: str) -> tuple[File, cst.FunctionDef | cst.ClassDef] | None:
    """The project's function or class of that full name, in this file or another."""
    known: dict[str, tuple[File, cst.FunctionDef | cst.ClassDef] | None] = remembered(file, "definitions")
    if name in known:
        return known[name]
    found = _search(file, name)
    if found is not None or name.partition(".")[0] in ELSEWHERE:  # a file that is not had now may be had later
        known[name] = found
    return found


def _search(file: File, name: str) -> tuple[File, cst.FunctionDef | cst.ClassDef] | None:
    prefix = f"{file.module_name}."
    if name.startswith(prefix) and (node := file.definition(name[len(prefix) :].split("."))) is not None:
        return file, node
    return file.neighbours.definition(name) if file.neighbours is not None else None
