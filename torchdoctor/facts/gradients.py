"""Where a gradient is asked for, and where one is taken: of which tensors."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.tree import own_nodes
from torchdoctor.facts.values import Known, Made, Sequence, Tensor, Value, const

_WRAPPERS = frozenset({"torch.nn.Parameter", "torch.nn.parameter.Parameter", "torch.autograd.Variable"})
_INTEGERS = frozenset({"int", "uint8", "int8", "int16", "int32", "int64", "bool"})
# Names that stand where a tensor may be made of integers.
_COUNTING = frozenset({
    "tensor", "as_tensor", "arange", "randint", "randperm", "full", "LongTensor", "IntTensor", "BoolTensor", "long",
    "int64", "int32", "int16", "int8", "uint8",
})  # fmt: skip
_COUNTING_METHODS = frozenset({"int", "bool", "short"})


def gradient_flows(file: File) -> list[Flow]:
    """The runs of the functions that take a gradient, or ask for one where integers are at hand."""
    bodies = {file.function(node) for node in _taking(file)}
    bodies |= {file.function(node) for node in _asking(file)} & {file.function(node) for node in _counting(file)}
    ordered = sorted(bodies, key=lambda body: -1 if body is None else file.tree.order[body])
    return [flow for body in ordered for flow in file.flows.of(body or file.module)]


def _taking(file: File) -> list[cst.Call]:
    return [*file.calls("torch.autograd.grad"), *file.calls_by_method.get("backward", ())]


def _asking(file: File) -> Iterator[cst.CSTNode]:
    """The places where a gradient is asked for, by their text."""
    for name in file.mentions.get("requires_grad", ()):
        above = file.parent(name)
        if isinstance(above, cst.Arg) and _is_true(above.value):
            yield name
        elif isinstance(above, cst.Attribute) and isinstance(target := file.parent(above), cst.AssignTarget):
            statement = file.parent(target)
            if isinstance(statement, cst.Assign) and _is_true(statement.value):
                yield name
    for call in file.calls_by_method.get("requires_grad_", ()):
        if not call.args or _is_true(call.args[0].value):
            yield call
    around = {above for name in _counting(file) for above in file.ancestors(name)}
    for call in file.calls(*_WRAPPERS):
        if call in around or isinstance(file.argument(call, 0, "data"), cst.Name):
            yield call


def _is_true(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Name) and node.value == "True"


def _counting(file: File) -> Iterator[cst.Name]:
    """The places where the text speaks of integers."""
    for word in _COUNTING:
        yield from file.mentions.get(word, ())
    for word in _COUNTING_METHODS:
        for name in file.mentions.get(word, ()):
            if isinstance(file.parent(name), cst.Attribute):
                yield name


def asked_for(file: File, flow: Flow) -> Iterator[tuple[cst.CSTNode, Tensor]]:
    """The places that ask for a gradient of a tensor, and the tensor (before it is asked)."""
    for node in own_nodes(flow.node.body if not isinstance(flow.node, cst.Module) else flow.node):
        value: Value | None = None
        if isinstance(node, cst.Call):
            value = _asked_by_call(file, flow, node)
        elif isinstance(node, cst.Assign) and flow.value(node.value) == const(True):
            targets = [t.target for t in node.targets if isinstance(t.target, cst.Attribute)]
            value = next((flow.value(t.value) for t in targets if t.attr.value == "requires_grad"), None)
        if isinstance(value, Tensor):
            yield node, value


def _asked_by_call(file: File, flow: Flow, node: cst.Call) -> Value | None:
    if isinstance(node.func, cst.Attribute) and node.func.attr.value == "requires_grad_":
        given = file.argument(node, 0, "requires_grad")
        return flow.value(node.func.value) if given is None or flow.value(given) == const(True) else None
    name = file.name(node.func)
    wrapper = name in _WRAPPERS
    given = file.argument(node, 1 if wrapper else None, "requires_grad")
    if given is None:
        asked = wrapper and name != "torch.autograd.Variable" and not file.has_star(node)
    else:
        asked = flow.value(given) == const(True)
    if not asked:
        return None
    data = file.argument(node, 0, "data") if wrapper else node
    return flow.value(data) if data is not None else None


def taken_of(flow: Flow) -> Iterator[tuple[Event, Tensor, cst.BaseExpression | None]]:
    """The events that take a gradient, each tensor that must have one, and the expression of it."""
    for event in flow.of("autograd_grad", "backward"):
        if event.kind == "backward":
            if isinstance(event.on, Tensor) and event.by is None:
                yield event, event.on, receiver(event.node)
            continue
        inputs = event.argument(1, "inputs")
        expression = event.file.argument(event.node, 1, "inputs") if isinstance(event.node, cst.Call) else None
        for value, part in _each(inputs, expression):
            if isinstance(value, Tensor):
                yield event, value, part


def receiver(node: cst.CSTNode) -> cst.BaseExpression | None:
    """x of a call `x.method(...)`."""
    return node.func.value if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) else None


def _each(
    value: Value | None, expression: cst.BaseExpression | None
) -> Iterator[tuple[Value | None, cst.BaseExpression | None]]:
    """A value, or the items of a tuple or list of them."""
    listed = isinstance(value, Sequence) or (isinstance(value, Made) and value.name == "builtins.list")
    if not listed:
        yield value, expression
        return
    items = value.items if isinstance(value, Sequence) else value.args if isinstance(value, Made) else ()
    parts = expression.elements if isinstance(expression, (cst.Tuple, cst.List)) else ()
    for place, item in enumerate(items):
        yield item, parts[place].value if len(parts) == len(items) else expression


def integers(tensor: Tensor) -> Known[str] | None:
    """The tensor's dtype, where it is one of integers or truth values."""
    return tensor.dtype if tensor.dtype is not None and tensor.dtype.value in _INTEGERS else None


def never_required(
    flow: Flow, event: Event, tensor: Tensor, expression: cst.BaseExpression | None
) -> Known[str] | None:
    """The reason, where a tensor that a gradient is taken of was made of data alone, and never asked for one.

    Only variables are followed when they ask later; where anything else is taken of, the code around asks for none.
    """
    if tensor.models or tensor.grad is None or tensor.grad.value != "plain":
        return None
    if not isinstance(tensor.grad.because, cst.Call):
        return None
    if not (event.kind == "autograd_grad" and isinstance(expression, cst.Name)) and _asks_nearby(event):
        return None
    written = (e.on == tensor and e.args[:1] == (const("requires_grad"),) for e in flow.of("write"))
    return None if any(written) else tensor.grad


def _asks_nearby(event: Event) -> bool:
    """Whether the function, or the class, that an event is in speaks of requiring gradients at all."""
    file = event.file
    around = file.enclosing(event.node, cst.ClassDef) or file.function(event.node) or file.module
    names = (*file.mentions.get("requires_grad", ()), *file.mentions.get("requires_grad_", ()))
    return any(around in file.ancestors(name) for name in names)
