"""Where the project defines what a full name names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


def defined(file: File, name: str) -> tuple[File, cst.FunctionDef | cst.ClassDef] | None:
    """The project's function or class of that full name, in this file or another."""
    prefix = f"{file.module_name}."
    if name.startswith(prefix) and (node := file.definition(name[len(prefix) :].split("."))) is not None:
        return file, node
    return file.neighbours.definition(name) if file.neighbours is not None else None
