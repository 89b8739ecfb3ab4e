"""Tensors made of data: numbers, lists, arrays and other tensors."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape
from torchdoctor.facts.torch_api.arguments import NotKnown, Use
from torchdoctor.facts.torch_api.dtypes import device_of
from torchdoctor.facts.torch_api.gradients import cut, of_same
from torchdoctor.facts.torch_api.memory import fresh, kept_or_same, unordered
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.torch_api.rows import Row, attempt, computed, effect
from torchdoctor.facts.torch_api.rules import (
    fixed,
    given_dtype,
    given_or_same_dtype,
    same_scale,
    shape_of,
    sizes,
)
from torchdoctor.facts.values import Array, Const, Known, Made, Sequence, Tensor, Value

_DEEPEST = 6


def device(use: Use) -> Known[str] | None:
    """The ``device`` that is asked for; the CPU where none is."""
    if not use.has("device"):
        return Known("cpu", use.node)
    name = device_of(use.value("device"))
    return Known(name, use.node) if name is not None else None


def device_or_same(use: Use) -> Known[str] | None:
    """The ``device`` that is asked for; else the input's."""
    return device(use) if use.has("device") else use.tensor().device


def from_data(use: Use) -> Value:
    """`torch.tensor(data)` copies: no gradient comes through."""
    data = use.value("data")
    shape = attempt(_nested_shape, use)
    tensor = as_tensor(data) if data is not None else None
    return computed(
        use,
        shape=lambda use: shape,
        memory=fresh if tensor is None else unordered,
        grad=_copied_grad,
        dtype=_data_dtype,
        device=device if tensor is None else lambda use: device(use) if use.has("device") else None,
    )


def _nested_shape(use: Use) -> Shape | None:
    data = use.value("data")
    if data is None:
        return None
    if isinstance(data, Tensor):
        return shape_of(data)
    return _shape_of_data(use, data, _DEEPEST)


def _shape_of_data(use: Use, data: Value, depth: int) -> Shape:
    """The shape of numbers and of lists of numbers. Raises NotKnown for anything else."""
    if isinstance(data, Const) and data.kind in (int, float, bool, complex):
        return ()
    if isinstance(data, Array) and data.shape is not None:
        return data.shape
    items = use.items(data)
    if not depth or (not items and data != Sequence(())):
        raise NotKnown
    shapes = {_shape_of_data(use, item, depth - 1) for item in items}
    if len(shapes) > 1:
        raise NotKnown
    return (len(items), *(shapes.pop() if shapes else ()))


def _copied_grad(use: Use) -> Known[str] | None:
    if use.flag("requires_grad"):
        return Known("leaf", use.node)
    return cut(use)


def _data_dtype(use: Use) -> Known[str] | None:
    if use.has("dtype"):
        return given_dtype(use)
    data = use.value("data")
    if isinstance(data, Tensor):
        return data.dtype
    if isinstance(data, Array):
        return Known(data.dtype, use.node) if data.dtype is not None else None
    kinds = _kinds(use, data, _DEEPEST) if data is not None else set()
    if not kinds or not kinds <= {int, float, bool}:
        return None
    return Known("float" if float in kinds else "int64" if int in kinds else "bool", use.node)


def _kinds(use: Use, data: Value, depth: int) -> set[type]:
    if isinstance(data, Const):
        return {data.kind}
    items = use.items(data)
    if not depth or not items:
        raise NotKnown
    return set().union(*(_kinds(use, item, depth - 1) for item in items))


def as_tensor_of_data(use: Use) -> Value:
    """`as_tensor` gives a tensor itself, and copies numbers."""
    data = use.value("data")
    if isinstance(data, Tensor):
        use.given["input"] = use.given.pop("data")
        if use.has("dtype") or use.has("device"):
            dtype, place = given_or_same_dtype, device_or_same
            return computed(use, memory=unordered, grad=lambda use: None, dtype=dtype, device=place)
        return computed(use, memory=kept_or_same, grad=of_same, scale=same_scale)
    if isinstance(data, (Sequence, Const, Made, Array)):
        return from_data(use)
    return computed(use, shape=lambda use: None, memory=unordered, grad=lambda use: None, dtype=None, device=None)


def from_numpy(use: Use) -> Value:
    """An array has no graph."""
    shape = attempt(_nested_shape, use)
    return computed(use, shape=lambda use: shape, memory=unordered, grad=cut, dtype=_data_dtype, device=fixed("cpu"))


def parameter(use: Use) -> Value | None:
    """`nn.Parameter(data)`: the data as a leaf."""
    data = use.given.get("data")
    tensor = as_tensor(data) if data is not None else None
    if tensor is None:
        return None
    flag = attempt(lambda use: use.flag("requires_grad", True), use)
    grad = None if flag is None else Known("leaf" if flag else "plain", use.node)
    return tensor.but(source=use.node, of=None, grad=grad, views=data)


def legacy(name: str, dtype: str) -> Row:
    """`torch.FloatTensor(sizes)` or of data."""

    def make(use: Use) -> Value:
        given = use.rest
        data = (
            len(given) == 1 and not use.arguments.starred and not (isinstance(given[0], Const) and given[0].kind is int)
        )
        shape = attempt(lambda use: _data_or_sizes(use, given[0]) if data else sizes()(use), use)
        return computed(use, shape=lambda use: shape, memory=fresh, grad=cut, dtype=fixed(dtype), device=fixed("cpu"))

    return effect(f"torch.{name}", "*size", make)


def _data_or_sizes(use: Use, given: Value) -> Shape | None:
    """`torch.Tensor(x.size())` has these sizes, `torch.Tensor((3, 4))` two elements; of a name it is not known."""
    written = use.node.args[0].value if isinstance(use.node, cst.Call) else None
    if isinstance(given, Sequence) and not isinstance(written, (cst.Tuple, cst.List)):
        attribute = written.func if isinstance(written, cst.Call) and not written.args else written
        asked = isinstance(attribute, cst.Attribute) and attribute.attr.value in ("size", "shape")
        return tuple(map(s.dim, given.items)) if asked else None
    return _shape_of_data(use, given, _DEEPEST)


def new_tensor(use: Use) -> Value:
    """`new_tensor(data)`: of the receiver's dtype, on its device."""
    model = use.tensor()
    del use.given["input"]
    result = computed(use, shape=_nested_shape, memory=unordered, grad=_copied_grad, dtype=None, device=None)
    if use.has("dtype"):
        return result
    return result.but(dtype=model.dtype, device=model.device if not use.has("device") else None)
