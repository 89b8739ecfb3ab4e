"""Finds integer targets of binary cross entropy and of the Huber loss, whose targets are floats as their inputs are."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, judged, reasons
from torchdoctor.facts.torch_api.wanted_dtypes import is_discrete
from torchdoctor.facts.values import Tensor

_RAISE = frozenset({
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "BCELoss", "BCEWithLogitsLoss",
})  # fmt: skip
_RAISE_IN_BACKWARD = frozenset({"huber_loss", "HuberLoss"})
_NAMES = _RAISE | _RAISE_IN_BACKWARD


@on_file(words=_NAMES)
def check(file: File, _: File) -> Iterator[Found]:
    for verdict in judged(file, _NAMES, _judge, _NAMES):
        use, target = verdict.operation, verdict.says
        if may_fail(use.file, use.node) or may_fail(file, verdict.node):
            continue
        assert isinstance(target, Tensor) and target.dtype is not None
        given = use.expression("target")
        what = f"`{short(use.file, given)}`" if given is not None else "the target"
        call = short(use.file, use.node.func) if isinstance(use.node, cst.Call) else use.name
        when = "" if use.name in _RAISE else " in backward"
        swappable = isinstance(given, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) and not verdict.elsewhere
        yield Found(
            verdict.node,
            f"{what} is {target.dtype.value}, and `{call}` wants a float target{when}",
            marks=reasons(verdict, (target.dtype, f"made {target.dtype.value} here")),
            swaps=(Swap(given, f"{file.code(given)}.float()"),) if given is not None and swappable else (),
        )


def _judge(use: Operation) -> Tensor | None:
    target, scores = use.tensor("target"), use.tensor("input")
    if not is_discrete(target) or scores is None or is_discrete(scores):
        return None
    if use.name in _RAISE_IN_BACKWARD and (scores.grad is None or scores.grad.value not in ("attached", "leaf")):
        return None
    return target
