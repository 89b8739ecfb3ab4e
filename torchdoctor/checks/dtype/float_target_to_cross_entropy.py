"""Finds targets of cross entropy and nll_loss that are neither class indices nor probabilities of the scores' shape.

Float class indices, one-hot integers, int32 and bool indices. Probabilities of the shape of the scores are in order for
cross entropy, and so is a target whose rank is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.ancestry import made_by
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, judged, reasons
from torchdoctor.facts.torch_api.wanted_dtypes import is_discrete, is_float

_NAMES = frozenset({"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss"})
_KEEPING = frozenset({"to", "cuda", "long", "detach"})  # what leaves a one-hot tensor one
_NARROW = frozenset({"int8", "int16", "int32", "bool"})


@on_file(words=_NAMES)
def check(file: File, _: File) -> Iterator[Found]:
    for verdict in judged(file, _NAMES, _judge, _NAMES):
        use, says = verdict.operation, verdict.says
        if may_fail(use.file, use.node) or may_fail(file, verdict.node):
            continue
        target, given = use.tensor("target"), use.expression("target")
        assert target is not None
        what = f"`{short(use.file, given)}`" if given is not None else "the target"
        swappable = isinstance(given, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) and not verdict.elsewhere
        yield Found(
            verdict.node,
            f"{what} {says} `{_callee(use)}`",
            marks=reasons(verdict, (target.dtype, "made so here")),
            swaps=(Swap(given, _mended(file, given, str(says))),) if given is not None and swappable else (),
        )


def _callee(use: Operation) -> str:
    return short(use.file, use.node.func) if isinstance(use.node, cst.Call) else use.name


def _mended(file: File, given: cst.BaseExpression, says: str) -> str:
    """The target as class indices: without the float() that spoilt them, or cast."""
    if "one-hot" in says:
        if isinstance(given, cst.Call) and (inner := file.argument(given, 0, "input")) is not None:
            return file.code(inner)
        return f"{file.code(given)}.float()"
    if "own shape" in says:
        return f"{file.code(given)}.float()"
    if isinstance(given, cst.Call) and isinstance(given.func, cst.Attribute) and given.func.attr.value == "float":
        return f"{file.code(given.func.value)}.long()"
    return f"{file.code(given)}.long()"


def _judge(use: Operation) -> str | None:
    scores, target = use.tensor("input"), use.tensor("target")
    if scores is None or target is None or target.dtype is None:
        return None
    given = use.expression("target")
    if is_discrete(target) and given is not None and made_by(use.flow, given, "torch.nn.functional.one_hot", _KEEPING):
        return "is one-hot integers, not class indices, for"
    if (
        is_discrete(target)
        and target.shape is not None
        and len(target.shape.value) > 1
        and target.shape == scores.shape
    ):
        return f"is {target.dtype.value} of the scores' own shape, neither class indices nor probabilities, for"
    if target.dtype.value in _NARROW and target.rank is not None and scores.rank == target.rank + 1:
        return f"is {target.dtype.value}, not int64, as class indices for"
    if not is_float(target) or target.rank is None:
        return None
    indices = scores.rank is not None and scores.rank == target.rank + 1
    if indices or (use.name in ("nll_loss", "NLLLoss") and (scores.rank is not None or target.rank == 1)):
        return "holds floats as class indices for"
    return None
