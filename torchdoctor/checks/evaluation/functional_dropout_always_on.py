"""Finds functional dropout in a module's methods, or in functions that they call, that is not told the mode.

Silent where `training` is passed, where the mode decides whether the call is reached or how much it drops, and
outside of modules.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_call
from torchdoctor.facts.classes import receiver_name
from torchdoctor.facts.file import File
from torchdoctor.facts.mode_switch import follows_mode, module_around, runs_in_training_only
from torchdoctor.facts.origins import calls_of

_F = "torch.nn.functional"


# The other functional dropouts (alpha_dropout, feature_alpha_dropout) are off by default.
@on_call(f"{_F}.dropout", f"{_F}.dropout1d", f"{_F}.dropout2d", f"{_F}.dropout3d")
def check(file: File, call: cst.Call) -> Iterator[Found]:
    if file.has_star(call) or file.argument(call, 2, "training") is not None or not call.args:
        return
    rate = file.argument(call, 1, "p")
    if rate is not None and follows_mode(file, rate) is not False:
        return
    around = module_around(file, call)
    caller = None if around is not None else _caller(file, call)
    if (around is None and caller is None) or runs_in_training_only(file, call):
        return
    shown = file.code(call.func)
    text = f"`{shown}` drops {_share(file, rate)} in evaluation too: `training` is not passed and is True by default"
    marks = ((caller, "called from a module here"),) if caller is not None else ()
    yield Found(call, text, marks=marks, swaps=_told(file, call, around[1]) if around is not None else ())


def _share(file: File, rate: cst.BaseExpression | None) -> str:
    """How much is dropped, as the code says it."""
    if rate is None:
        return "half of the values"
    constant = file.constant(rate)
    if isinstance(constant, (int, float)):
        return f"{constant:.0%} of the values"
    code = file.code(rate)
    return f"`{code}` of the values" if len(code) < 40 and "\n" not in code else "values"


def _caller(file: File, call: cst.Call) -> cst.Call | None:
    """A call, in a module's method, of the plain function that holds this call; None where only training reaches it."""
    function = file.function(call)
    if function is None or file.enclosing(function, cst.ClassDef) is not None:
        return None
    for caller in calls_of(file, function):
        if module_around(file, caller) is not None and not runs_in_training_only(file, caller):
            return caller
    return None


def _told(file: File, call: cst.Call, method: cst.FunctionDef) -> tuple[Swap, ...]:
    receiver = receiver_name(method)
    last = call.args[-1].value
    if receiver is None or last.lpar:
        return ()
    return (Swap(last, f"{file.code(last)}, training={receiver}.training"),) if "\n" not in file.code(last) else ()
