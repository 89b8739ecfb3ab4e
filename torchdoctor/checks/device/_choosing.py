"""Rewrites hard-coded CUDA: the device is CUDA where it is there, else the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Swap
from torchdoctor.facts.file import File
from torchdoctor.facts.placement import Placement


def choose_device(file: File, places: list[Placement]) -> Iterator[Swap]:
    """Swaps that choose at each place; of several places, once for all, below the imports."""
    imports = _leading_imports(file)
    several = len(places) > 1 and not any(place.index for place in places)
    shared = several and imports and _has_torch(file, file.module.body[-1]) and _is_free(file, "device")
    if shared:
        yield Swap(imports[-1], '\ndevice = torch.device("cuda" if torch.cuda.is_available() else "cpu")', "after")
    for place in places:
        cuda = '"cuda"' if place.index is None else f'"cuda:{place.index}"'
        device = "device" if shared else f'{cuda} if torch.cuda.is_available() else "cpu"'
        call = place.node
        if not shared and not _has_torch(file, call):
            continue
        if place.kind == "string" and place.string is not None:
            yield Swap(place.string, device)
        elif place.kind == "method" and isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute):
            rest = [file.code(arg).rstrip(", ") for arg in call.args if arg.keyword and arg.keyword.value != "device"]
            if not any(call in file.ancestors(other.node) for other in places):
                yield Swap(call, f"{file.code(call.func.value)}.to({', '.join([device, *rest])})")


def _has_torch(file: File, at: cst.CSTNode) -> bool:
    """Whether `torch` means torch there."""
    found = file.scopes.find("torch", at)
    return found is not None and all(b.kind == "import" and file.names.of_import(b.node) == "torch" for b in found[1])


def _leading_imports(file: File) -> list[cst.SimpleStatementLine]:
    """The imports at the top of the file, below its docstring."""
    found: list[cst.SimpleStatementLine] = []
    for statement in file.module.body:
        small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        if isinstance(statement, cst.SimpleStatementLine) and isinstance(small, (cst.Import, cst.ImportFrom)):
            found.append(statement)
        elif not (isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString)):
            break
    return found


def _is_free(file: File, name: str) -> bool:
    """Whether no variable, parameter or function of the file has this name."""
    return all(_is_member(file, node) for node in file.nodes(cst.Name) if node.value == name)


def _is_member(file: File, name: cst.Name) -> bool:
    """The name after a dot, or of a keyword argument: no variable."""
    parent = file.parent(name)
    if isinstance(parent, cst.Attribute):
        return parent.attr is name
    return isinstance(parent, cst.Arg) and parent.keyword is name
