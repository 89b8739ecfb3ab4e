"""What `torch.tensor` and its kin are given to copy: a tensor, or a list that holds tensors."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.values import Element, Made, Sequence, Size, Tensor, Value

COPYING = frozenset({"tensor", "as_tensor", "new_tensor", "FloatTensor", "DoubleTensor", "Tensor"})
_ADDERS = {"append": 0, "appendleft": 0, "insert": 1}


def held(flow: Flow, data: Value | None) -> Iterator[Value]:
    """The items of a tuple or list: those it was made with, and what the file is seen to append."""
    if isinstance(data, Sequence):
        yield from data.items
    elif isinstance(data, Made) and data.name == "builtins.list":
        yield from data.args
        yield from (value for _, value in data.keywords)
        owner = next((file for file in (flow.file, *flow.callers.values()) if file.holds(data.call)), None)
        if owner is not None:
            yield from _appended(owner, flow, data)


def _appended(file: File, flow: Flow, data: Made) -> Iterator[Value]:
    calls = [(call, place) for name, place in _ADDERS.items() for call in file.calls_by_method.get(name, ())]
    for seen in dict.fromkeys((flow, *file.flows.all_contexts())) if calls else ():
        for call, place in calls:
            assert isinstance(call.func, cst.Attribute)
            if seen.values.get(call.func.value) == data and len(call.args) > place:
                value = seen.values.get(call.args[place].value)
                if value is not None:
                    yield value


def in_graph(value: Value) -> bool:
    """Whether a value is a tensor that is surely in a graph."""
    return isinstance(value, Tensor) and value.grad is not None and value.grad.value in ("attached", "leaf")


def has_several(value: Value) -> bool:
    """Whether a value is a tensor of more than one element: by the numbers, or in a batch."""
    dims = value.shape.value if isinstance(value, Tensor) and value.shape is not None else ()
    if 0 in dims or None in dims:
        return False
    return any(
        (isinstance(dim, int) and dim > 1) or (isinstance(dim, Size) and isinstance(dim.of, Element)) for dim in dims
    )


def copies_graph_items(flow: Flow, call: cst.CSTNode) -> bool:
    """Whether a call makes a tensor of a list that holds tensors in a graph, in any context of its function."""
    if not isinstance(call, cst.Call) or not call.args:
        return False
    called = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    if not isinstance(called, cst.Name) or called.value not in COPYING:
        return False
    data = call.args[0].value
    function = flow.file.function(call) if flow.file.holds(call) else None
    flows = (flow, *(flow.file.flows.contexts(function) if function is not None else ()))
    return any(in_graph(item) for one in flows for item in held(one, one.values.get(data)))
