"""Finds attention with dropout that does not follow the mode: scaled_dot_product_attention has no mode of its own.

Silent where the rate is zero, depends on `training` in any way that can be followed, or is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_call
from torchdoctor.facts.classes import receiver_name
from torchdoctor.facts.file import File
from torchdoctor.facts.mode_switch import follows_mode, module_around, runs_in_training_only
from torchdoctor.facts.origins import calls_of


@on_call("torch.nn.functional.scaled_dot_product_attention")
def check(file: File, call: cst.Call) -> Iterator[Found]:
    rate = file.argument(call, 4, "dropout_p")
    if rate is None or follows_mode(file, rate) is not False or runs_in_training_only(file, call):
        return
    around = module_around(file, call)
    if around is None and not _called_from_module(file, call):
        return
    code = file.code(rate)
    shown = f"`dropout_p={code}`" if len(code) < 60 and "\n" not in code else "its dropout"
    text = f"`scaled_dot_product_attention` drops weights in evaluation too: {shown} does not depend on `training`"
    receiver = receiver_name(around[1]) if around is not None else None
    swaps = (Swap(rate, f"{_operand(file, rate)} if {receiver}.training else 0.0"),) if receiver is not None else ()
    yield Found(rate, text, marks=((call.func, "has no mode of its own"),), swaps=swaps)


def _called_from_module(file: File, call: cst.Call) -> bool:
    function = file.function(call)
    callers = calls_of(file, function) if function is not None else ()
    return any(module_around(file, c) is not None and not runs_in_training_only(file, c) for c in callers)


def _operand(file: File, node: cst.BaseExpression) -> str:
    code = file.code(node)
    return f"({code})" if isinstance(node, (cst.IfExp, cst.Lambda, cst.NamedExpr)) and not node.lpar else code
