"""How a file writes things: a library's name with its own imports, an expression at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
from libcst._nodes.internal import CodegenState

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


def text_at(file: File, node: cst.CSTNode, at: cst.CSTNode) -> str:
    """The text of a node, of this file or changed, as it is written where ``at`` stands: further lines are indented."""
    state = CodegenState(file.module.default_indent, file.module.default_newline)
    blocks = [above for above in file.ancestors(at) if isinstance(above, cst.IndentedBlock)]
    state.indent_tokens = [
        block.indent if block.indent is not None else state.default_indent for block in reversed(blocks)
    ]
    node._codegen(state)
    return "".join(state.tokens).strip()
