"""Finds gradients asked of tensors that cannot have one: of integers, or of data that never required a gradient.

Silent where the dtype or the tensor's origin is not known, and where the failure is expected (`pytest.raises`, `try`).
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.gradients import asked_for, gradient_flows, integers, never_required, taken_of
from torchdoctor.facts.losses import quoted
from torchdoctor.facts.tree import within


@on_file(words=("requires_grad", "requires_grad_", "Parameter", "Variable", "grad", "backward"))
def check(file: File, _: File) -> Iterator[Found]:
    told: set[cst.CSTNode] = set()
    for flow in gradient_flows(file):
        for found in list(_asked(file, flow)) or _taken(file, flow):  # what asks in vain, explains what fails later
            if found.node not in told and found.node in file.tree.order and not may_fail(file, found.node):
                told.add(found.node)
                yield found


def _asked(file: File, flow: Flow) -> Iterator[Found]:
    """`requires_grad=True` and its like, on integers."""
    for node, tensor in asked_for(file, flow):
        dtype = integers(tensor)
        if dtype is not None:
            message = f"{quoted(file, node)} asks for a gradient of {dtype.value} values, and only floats have one"
            yield Found(node, message, swaps=tuple(_floats(file, node)))


def _taken(file: File, flow: Flow) -> Iterator[Found]:
    """`autograd.grad(y, x)` and `y.backward()`, where x or y has no gradient."""
    for event, tensor, expression in taken_of(flow):
        call = "autograd.grad" if event.kind == "autograd_grad" else "backward"
        name = quoted(event.file, expression) if expression is not None else "the tensor"
        if (dtype := integers(tensor)) is not None:
            why, because = f"{name} holds {dtype.value}, which has no gradient", dtype.because
        elif (plain := never_required(flow, event, tensor, expression)) is not None:
            why, because = f"{name} was never told to require a gradient", plain.because
        else:
            continue
        marks = ((because, "made here"),) if because in file.tree.order and because is not event.node else ()
        yield Found(event.node, f"`{call}` runs on a tensor without a gradient: {why}", marks=marks)


def _floats(file: File, node: cst.CSTNode) -> Iterator[Swap]:
    """`torch.tensor([1, 2], requires_grad=True)`: the numbers written as floats."""
    if not isinstance(node, cst.Call) or file.name(node.func) != "torch.tensor":
        return
    data = file.argument(node, 0, "data")
    parts = [] if data is None else [part for part in within(data) if not isinstance(part, cst.List | cst.Element)]
    numbers = [part for part in parts if isinstance(part, cst.Integer)]
    if file.argument(node, None, "dtype") is None and all(number.value.isdecimal() for number in numbers):
        yield from (Swap(number, f"{number.value}.0") for number in numbers)
