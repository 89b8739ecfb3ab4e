"""Weights that are kept by reference while training goes on, and used later.

Silent for copies, for what is saved or loaded at once, for a model that each pass of the loop makes anew, and where no
training follows.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.joins import options
from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.snapshots import Kept, comes_again, copied, is_used_as_object, kept
from torchdoctor.facts.staleness import Staleness, is_improvement

_OTHERS = frozenset({"optimizer", "scheduler", "scaler", "loader", "sampler", "dataset", "metric"})


@on_file(words=["state_dict", "named_parameters", "backward"])
def check(file: File, _: File) -> Iterator[Found]:
    for found in kept(file):
        function = file.enclosing(found.statement, cst.FunctionDef, cst.ClassDef)
        use = _stale_use(file, function or file.module, found) if not isinstance(function, cst.ClassDef) else None
        if use is not None:
            swap = copied(file, found.alias)
            yield Found(
                found.statement,
                _message(file, found),
                marks=((use, "used here, after more training"),) if use is not found.statement else (),
                swaps=(Swap(*swap),) if swap is not None else (),
            )


def _stale_use(file: File, function: cst.CSTNode, found: Kept) -> cst.CSTNode | None:
    """A use of what is kept that comes after more training, in any context that the function is called in."""
    whole = found.alias.node is found.alias.module  # `best = model`, which says nothing by itself
    better = is_improvement(file, found.statement)
    if not better and (whole or not comes_again(file, found)):
        return None
    if whole and not is_used_as_object(file, found.alias.module):
        return None
    if found.alias.on_cpu and _is_on_gpu(file, found):
        return None
    for flow in file.flows.of(function):
        kinds = {flow.kind(unwrapped(option)) for option in options(flow.value(found.alias.module))}
        if kinds == {"module"} or (not kinds & _OTHERS and not whole):
            facts = Staleness(flow, found)
            if (use := facts.use() or (facts.later_use() if better else None)) is not None:
                return use
    return None


def _is_on_gpu(file: File, found: Kept) -> bool:
    """Whether the model is plainly moved to a GPU: then `.cpu()` copies."""
    for call in (*file.calls_by_method.get("cuda", ()), *file.calls_by_method.get("to", ())):
        assert isinstance(call.func, cst.Attribute)
        device = file.constant(call.args[0].value) if call.args else "cuda"
        if call.func.value.deep_equals(found.alias.module) and str(device).startswith("cuda"):
            return True
    return False


def _message(file: File, found: Kept) -> str:
    holder, module = file.code(found.holder), file.code(found.alias.module)
    if found.alias.node is found.alias.module:
        return f"`{holder}` is `{module}` itself: training goes on to change it"
    why = " (on the CPU nothing here copies them)" if found.alias.on_cpu else ""
    return f"`{holder}` keeps the tensors of `{module}` themselves{why}: training goes on to overwrite them"
