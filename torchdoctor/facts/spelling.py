"""How a file would write a library's name: with the imports that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


def spell(file: File, name: str, at: cst.CSTNode) -> str | None:
    """What names ``name`` ("torch.nn.ModuleList") at that place: "nn.ModuleList"; None without an import for it."""
    found: list[str] = []
    module = file.scopes.module
    for local, bindings in module.bindings.items():
        full = file.names.of_import(bindings[0].node) if len(bindings) == 1 and bindings[0].kind == "import" else None
        if full is None or local == "*" or (name != full and not name.startswith(f"{full}.")):
            continue
        seen = file.scopes.find(local, at)
        if seen is not None and seen[0] is module:
            found.append(local + name[len(full) :])
    return min(found, key=lambda text: (len(text), text), default=None)
