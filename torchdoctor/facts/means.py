"""Whether a loss is known to be a mean over its batch, and nothing has divided or weighted it since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.events import Event
from torchdoctor.facts.origins import called_function, returned
from torchdoctor.facts.values import Attr, Const, Made, Named, Param, Result, Tensor

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

_DEPTH = 6


def is_mean(flow: Flow, backward: Event) -> bool:
    """Whether what the backward starts from is a loss averaged over one batch, as a loss function gives it, or a sum
    that begins with one."""
    node = backward.node
    if backward.file is not flow.file or not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
        return False
    loss: cst.BaseExpression = node.func.value
    if backward.by is not None:  # scaler.scale(loss).backward(), or scaled.backward()
        loss = _given(flow.file, loss) or loss
        if not (isinstance(loss, cst.Call) and loss.args):
            return False
        loss = loss.args[0].value
    return _is_mean(flow, flow.file, loss, _DEPTH)


def _is_mean(flow: Flow, file: File, node: cst.BaseExpression, depth: int) -> bool:
    if depth == 0:
        return False
    if isinstance(node, cst.Name):
        found = file.scopes.find(node.value, node)
        values = [b.value for b in found[1] if not _adds_to(node, b.value)] if found is not None else []
        return bool(values) and all(value is not None and _is_mean(flow, file, value, depth - 1) for value in values)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        return _is_mean(flow, file, node.left, depth - 1)
    if isinstance(node, cst.Attribute) and node.attr.value == "loss":
        value = flow.value(node.value) if file is flow.file else None
        return isinstance(value, Tensor) and bool(value.models)  # the output of a model that computes its own loss
    if not isinstance(node, cst.Call):
        return False
    if (function := called_function(file, node)) is not None:
        given = returned(*function)
        return bool(given) and all(_is_mean(flow, owner, value, depth - 1) for owner, value in given)
    return _is_mean_call(flow, node)


def _adds_to(name: cst.Name, value: cst.BaseExpression | None) -> bool:
    """`loss = loss + penalty`: what loss was before decides."""
    if not isinstance(value, cst.BinaryOperation) or not isinstance(value.operator, cst.Add):
        return False
    return isinstance(value.left, cst.Name) and value.left.value == name.value


def _is_mean_call(flow: Flow, call: cst.Call) -> bool:
    """A loss function with its default reduction; or a parameter that is called with a model's output."""
    for event in flow.events:
        if event.node is not call:
            continue
        if event.kind == "loss":
            made = event.on
            if isinstance(made, Made) and not made.name.startswith("torch.nn."):
                return False  # a criterion of the project may divide as it likes
            reduction = event.keywords.get("reduction")
            if isinstance(made, Made):
                reduction = made.argument(None, "reduction") or reduction
                if made.argument(None, "size_average", "reduce") is not None:
                    return False
            return reduction is None or (isinstance(reduction, Const) and reduction.value in ("mean", "batchmean"))
        if event.kind == "call" and isinstance(event.on, (Param, Attr)):
            return any(_is_output(flow, value) for value in event.args)
    return False


def _is_output(flow: Flow, value: object) -> bool:
    if isinstance(value, Tensor):
        return bool(value.models)
    return (
        isinstance(value, Result)
        and isinstance(value.function, (Param, Attr))
        and not isinstance(value.function, Named)
    )


def _given(file: File, node: cst.BaseExpression) -> cst.BaseExpression | None:
    """What a name was given, where it is given something only once."""
    if not isinstance(node, cst.Name):
        return None
    found = file.scopes.find(node.value, node)
    return found[1][0].value if found is not None and len(found[1]) == 1 else None
