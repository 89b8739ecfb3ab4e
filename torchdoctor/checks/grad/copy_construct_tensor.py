"""Finds `torch.tensor(t)` of what is a tensor already.

What is in a graph is left to the rules of graphs that are cut where the file runs backward, and so is a copy that is to
require grad.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, judged, reasons
from torchdoctor.facts.torchs_own import is_torchs
from torchdoctor.facts.values import Known, Tensor

_NAMES = frozenset({"tensor", "new_tensor"})


@on_file(words=("tensor",))
def check(file: File, _: File) -> Iterator[Found]:
    if not any(
        isinstance(file.parent(name), (cst.Attribute, cst.Call, cst.ImportAlias))
        for name in file.mentions.get("tensor", ())
    ):
        return
    for verdict in judged(file, _NAMES, _judge, _NAMES):
        use, tensor, given = verdict.operation, verdict.says, verdict.operation.expression("data")
        assert isinstance(tensor, Tensor)
        what = f"`{short(use.file, given)}`" if given is not None else "its argument"
        yield Found(
            verdict.node,
            f"{what} is a tensor already, and `{short(use.file, use.node)}` copies it with a warning",
            marks=reasons(verdict, (Known("", tensor.source), "made here")),
            swaps=_cloned(file, use, given) if not verdict.elsewhere else (),
        )


def _judge(use: Operation) -> Tensor | None:
    given, leaf = use.value("data"), use.value("requires_grad")
    if leaf is not None or (isinstance(given, Tensor) and _is_in_graph(given) and _runs_backward(use.file)):
        return None
    return given if isinstance(given, Tensor) and not use.use.arguments.starred and _is_sure(use, given) else None


def _is_in_graph(tensor: Tensor) -> bool:
    return tensor.grad is not None and tensor.grad.value in ("attached", "leaf")


def _runs_backward(file: File) -> bool:
    return "backward" in file.calls_by_method


def _is_sure(use: Operation, tensor: Tensor) -> bool:
    """Whether it is known for more than what is done with it: an array has `argmax` too, also under no_grad."""
    grad = tensor.grad if tensor.grad is None or tensor.grad.value != "cut" or tensor.models else None
    if tensor.device is not None or grad is not None:
        return True
    given = use.expression("data")
    return tensor.dtype is not None and (given is None or is_torchs(use.flow, given))


def _cloned(file: File, use: Operation, given: cst.BaseExpression | None) -> tuple[Swap, ...]:
    plain = isinstance(use.node, cst.Call) and len(use.node.args) == 1 and use.name == "tensor"
    if not plain or not isinstance(given, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)):
        return ()
    return (Swap(use.node, f"{file.code(given)}.detach().clone()"),)
