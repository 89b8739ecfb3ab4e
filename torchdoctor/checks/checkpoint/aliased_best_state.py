"""Weights that are kept by reference while training goes on, and used later.

Silent for copies, for what is saved or loaded at once, for a model that each pass of the loop makes anew, and where no
training follows.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.snapshots import Kept, copied, kept
from torchdoctor.facts.staleness import Staleness

_OTHERS = frozenset({"optimizer", "scheduler", "scaler", "loader", "sampler", "dataset", "metric"})


@on_file(words=["state_dict", "named_parameters", "backward"])
def check(file: File, _: File) -> Iterator[Found]:
    for function in (file.module, *file.nodes(cst.FunctionDef)):
        for found in kept(file, function):
            flow = _flow(file, function, found)
            use = _stale_use(file, flow, found) if flow is not None else None
            if use is not None:
                swap = copied(file, found.alias)
                yield Found(
                    found.statement,
                    _message(file, found),
                    marks=((use, "used here, after more training"),) if use is not found.statement else (),
                    swaps=(Swap(*swap),) if swap is not None else (),
                )


def _flow(file: File, function: cst.CSTNode, found: Kept) -> Flow | None:
    """The run in which what is kept is known to be a module's, or at least nothing else."""
    for flow in file.flows.of(function):
        kind = flow.kind(unwrapped(flow.value(found.alias.module)))
        if kind == "module" or (kind not in _OTHERS and found.alias.node is not found.alias.module):
            return flow
    return None


def _stale_use(file: File, flow: Flow, found: Kept) -> cst.CSTNode | None:
    facts = Staleness(flow, found)
    if found.alias.on_cpu and _is_on_gpu(file, found):
        return None
    better = facts.is_improvement()
    if found.alias.node is found.alias.module and not better:
        return None  # `best = model` says nothing by itself
    return facts.use() or (facts.later_use() if better else None)


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
