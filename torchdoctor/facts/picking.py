"""Where the best class of scores is picked: that tells which dimension holds the classes."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.operations import Operation
from torchdoctor.facts.values import Const, Tensor

_PICKS = frozenset({"argmax", "max", "topk"})


def is_picked(use: Operation, tensor: Tensor, rank: int) -> bool:
    """Whether the best class of the same scores, or of the result, is taken over the last dimension."""
    flow = use.flow
    mine = [tensor, flow.values.get(use.node)]
    for name in _PICKS:
        for call in flow.file.calls_by_method.get(name, ()):
            if call not in flow.values or not isinstance(call.func, cst.Attribute):
                continue
            of_torch = flow.file.name(call.func) is not None
            given = flow.file.argument(call, 0, "input") if of_torch else call.func.value
            asked = flow.file.argument(call, int(of_torch) + int(name == "topk"), "dim")
            dim = flow.values.get(asked) if asked is not None else None
            if given is not None and flow.values.get(given) in mine and isinstance(dim, Const):
                if dim.value in (-1, rank - 1):
                    return True
    return False
