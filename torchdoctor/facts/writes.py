"""Where in the files of a run a tensor is written to in place, by the operation that the graph has recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.finding import Span

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

# The names under which autograd records operators that write in place.
_OPERATORS: dict[type[cst.CSTNode], str] = {
    cst.AddAssign: "Add", cst.SubtractAssign: "Sub", cst.MultiplyAssign: "Mul", cst.DivideAssign: "Div",
    cst.PowerAssign: "Pow", cst.ModuloAssign: "Remainder",
}  # fmt: skip
_SLICES = "CopySlices"


def written(files: list[File], names: tuple[str, ...], writers: tuple[str, ...]) -> Span | None:
    """The one place that may have done it: ``names`` are the tensor's, ``writers`` autograd's words ("Add").

    Where nothing tells the places apart that may have, None.
    """
    found = [(file, node, target, writer) for file in files for node, target, writer in _writes(file)]
    if writers:
        found = [one for one in found if one[3] in writers or _SLICES in writers]
    named = [one for one in found if _first(one[2]) in names or one[0].code(one[2]) in names]
    for chosen in (named, found):
        if len(chosen) == 1:
            file, node = chosen[0][:2]
            return file.locate([node])[node]
    return None


def stepped(files: list[File], optimizers: tuple[str, ...]) -> Span | None:
    """The one place where one of these optimizers takes its step, by itself or through a scaler."""
    found = []
    for file in files:
        for call in file.nodes(cst.Call):
            if isinstance(call.func, cst.Attribute) and call.func.attr.value == "step":
                given = call.args[0].value if call.args else call.func.value
                if file.code(given).removeprefix("self.") in {name.removeprefix("self.") for name in optimizers}:
                    found.append((file, call))
    return found[0][0].locate([found[0][1]])[found[0][1]] if len(found) == 1 else None


def _writes(file: File) -> Iterator[tuple[cst.CSTNode, cst.BaseExpression, str]]:
    """Each write in place: its node, what is written to, and the operation in autograd's words."""
    for augmented in file.nodes(cst.AugAssign):
        sliced = isinstance(augmented.target, cst.Subscript)
        yield augmented, augmented.target, _SLICES if sliced else _OPERATORS.get(type(augmented.operator), "")
    for assign in file.nodes(cst.Assign):
        for target in assign.targets:
            if isinstance(target.target, cst.Subscript):
                yield assign, target.target, _SLICES
    for call in file.nodes(cst.Call):
        name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
        if name.endswith("_") and not name.startswith("_") and isinstance(call.func, cst.Attribute):
            plain = file.name(call.func) is not None and bool(call.args)  # torch.relu_(x)
            yield call, call.args[0].value if plain else call.func.value, _word(name)
        elif any(arg.keyword is not None and arg.keyword.value == "inplace" and _is_true(arg) for arg in call.args):
            word = (file.name(call.func) or name).rpartition(".")[2]
            yield call, call.args[0].value, _word(word)


def _is_true(arg: cst.Arg) -> bool:
    return isinstance(arg.value, cst.Name) and arg.value.value == "True"


def _word(method: str) -> str:
    """ "masked_fill_" is MaskedFill in the graph, "ReLU" and "relu_" are Relu."""
    plain = method.rstrip("_")
    return "Relu" if plain == "ReLU" else "".join(part[:1].upper() + part[1:] for part in plain.split("_"))


def _first(node: cst.BaseExpression) -> str:
    while isinstance(node, (cst.Subscript, cst.Attribute, cst.Call)):
        node = node.func if isinstance(node, cst.Call) else node.value
    return node.value if isinstance(node, cst.Name) else ""
