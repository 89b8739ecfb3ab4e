"""Finds `.numpy()` of tensors that require grad, or that lie on a GPU.

A model's output counts where the way here is in sight: a script, a function whose callers are known, or one that calls
backward itself; and where nothing in the file freezes parameters.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.layout import short
from torchdoctor.facts.torch_api.rules import DISCRETE
from torchdoctor.facts.values import Known, Made, Self, Tensor


@on_file(words=("numpy",))
def check(file: File, _: File) -> Iterator[Found]:
    calls = [
        call
        for call in file.calls_by_method.get("numpy", ())
        if not call.args and isinstance(call.func, cst.Attribute) and not may_fail(file, call)
    ]
    functions = dict.fromkeys(file.function(call) or file.module for call in calls)
    told = set()
    for flow in (flow for function in functions for flow in file.flows.of(function)):
        for call in calls:
            assert isinstance(call.func, cst.Attribute)
            tensor = flow.values.get(call.func.value)
            if call in told or not isinstance(tensor, Tensor) or (fault := _fault(flow, tensor)) is None:
                continue
            told.add(call)
            known, says, before = fault
            there = file.holds(known.because) and known.because is not call.func.value
            yield Found(
                call,
                f"`{short(file, call.func.value)}` {says}",
                marks=((known.because, "since here", file),) if there else (),
                swaps=(Swap(call.func.value, f"{file.code(call.func.value)}.{before}"),),
            )


def _fault(flow: Flow, tensor: Tensor) -> tuple[Known[str], str, str] | None:
    """What keeps a tensor from being an array, why, and what helps."""
    grad, device, dtype = tensor.grad, tensor.device, tensor.dtype
    discrete = dtype is not None and dtype.value in DISCRETE
    if grad is not None and not discrete and _is_required(flow, tensor, grad.value):
        detached = "detach()" if device and device.value == "cpu" else "detach().cpu()"
        return grad, "requires grad, and `numpy` refuses it", detached
    if device is not None and device.value == "cuda":
        return device, "is on the GPU, and `numpy` refuses it", "cpu()"
    return None


def _is_required(flow: Flow, tensor: Tensor, grad: str) -> bool:
    if grad not in ("attached", "leaf"):
        return False
    if grad == "leaf" or not tensor.models:
        return True
    if _freezes(flow.file) or _is_held(flow):
        return False
    if flow.of("backward"):
        return True
    # A module that is only handed in may have no parameters: a conversion, a metric.
    in_sight = all(isinstance(model, (Made, Self)) for model in tensor.models)
    return flow.function is None or (flow.known_callers and in_sight)


def _is_held(flow: Flow) -> bool:
    """Whether Lightning calls the method, or what calls it: then it may hold gradients off."""
    facts = flow.file.classes.enclosing(flow.node)
    return facts is not None and "lightning" in facts.kinds and not flow.of("backward")


def _freezes(file: File) -> bool:
    """Whether anything is told not to require grad: perhaps the model."""
    if any(call.args for call in file.calls_by_method.get("requires_grad_", ())):
        return True
    above = (file.parent(file.parent(name) or name) for name in file.mentions.get("requires_grad", ()))
    return any(isinstance(node, cst.AssignTarget) for node in above)
