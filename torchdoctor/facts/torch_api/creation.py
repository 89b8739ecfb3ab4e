"""Functions that make tensors from nothing, from numbers, or like others."""

from __future__ import annotations

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.dtypes import TENSOR_CLASSES
from torchdoctor.facts.torch_api.from_data import (
    as_tensor_of_data,
    device,
    device_or_same,
    from_data,
    from_numpy,
    legacy,
    new_tensor,
    parameter,
)
from torchdoctor.facts.torch_api.gradients import created, cut
from torchdoctor.facts.torch_api.memory import fresh, fresh_if_input_contiguous, kept, unordered
from torchdoctor.facts.torch_api.rows import Row, computed, effect, row
from torchdoctor.facts.torch_api.rules import (
    NameRule,
    ShapeRule,
    fixed,
    given_dtype,
    given_or_same_dtype,
    shape_of,
    sizes,
)
from torchdoctor.facts.values import Const, Dim, Known, Tensor, Value


def factory(names: str, parameters: str, shape: ShapeRule, dtype: NameRule = given_dtype) -> Row:
    """A new tensor of given sizes."""
    return row(names, parameters, shape=shape, memory=_ordered, grad=created, dtype=dtype, device=device)


def like(names: str, parameters: str = "input") -> Row:
    """A new tensor like another one."""
    return row(names, parameters, memory=_like, grad=created, dtype=given_or_same_dtype, device=device_or_same)


def _ordered(use: Use, shape: Shape | None) -> Tensor:
    return (unordered if use.has("memory_format") else fresh)(use, shape)


def _like(use: Use, shape: Shape | None) -> Tensor:
    return (unordered if use.has("memory_format") else kept)(use, shape)


def of_same_kind(names: str, parameters: str) -> Row:
    """A new tensor of given sizes, of the input's dtype and on its device."""
    return row(
        names,
        parameters,
        shape=sizes(),
        memory=_ordered,
        grad=created,
        dtype=given_or_same_dtype,
        device=device_or_same,
    )


# -- numbers in a row -------------------------------------------------------------------------------------------------


def _range(use: Use) -> tuple[Dim, Dim, Dim]:
    if "end" in use.given:
        return use.size("start"), use.size("end"), use.size("step", 1)
    return 0, use.size("start"), use.size("step", 1)


def _arange(use: Use) -> Shape:
    start, end, step = _range(use)
    if step != 1:
        known = isinstance(start, int) and isinstance(end, int) and isinstance(step, int) and step != 0
        return (len(range(start, end, step)) if known else None,)  # type: ignore[arg-type]
    if use.arguments.starred:
        return (None,)
    length = s.difference(end, start)
    return (max(length, 0) if isinstance(length, int) else length if start == 0 else None,)


def _arange_dtype(use: Use) -> Known[str] | None:
    """Integers give int64, a float among them floats."""
    if use.has("dtype"):
        return given_dtype(use)
    kinds = [value.kind if isinstance(value, Const) else type(value) for value in _limits(use)]
    if float in kinds:
        return Known("float", use.node)
    return Known("int64", use.node) if kinds and all(kind is int for kind in kinds) else None


def _limits(use: Use) -> list[Value]:
    return [value for name in ("start", "end", "step") if (value := use.value(name)) is not None]


def _square(use: Use) -> Shape:
    rows = use.size("n")
    return rows, use.size("m", rows)


def _one_hot(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    classes = use.size("num_classes", -1)
    return None if shape is None else (*shape, None if classes == -1 else classes)


def _diag(use: Use) -> Shape | None:
    """`diag` makes a matrix of a vector and a vector of a matrix."""
    shape = shape_of(use.tensor())
    if shape is None or use.number("diagonal", 0) != 0:
        return None
    if len(shape) == 1:
        return shape[0], shape[0]
    return (shape[0] if s.same(shape[0], shape[1]) else None,) if len(shape) == 2 else None


def _samples(use: Use) -> Shape | None:
    """`multinomial`: so many samples for each row."""
    shape = shape_of(use.tensor())
    return None if shape is None else (*shape[:-1], use.size("num_samples"))


def _normal(use: Use) -> Shape | None:
    """`torch.normal(mean, std, size)`, or of tensors."""
    if "size" in use.given:
        return sizes()(use)
    mean = use.value("mean")
    return shape_of(mean) if isinstance(mean, Tensor) and isinstance(use.value("std"), Const) else None


def _or_int64(use: Use) -> Known[str] | None:
    return given_dtype(use) if use.has("dtype") else Known("int64", use.node)


def _of_fill(use: Use) -> Known[str] | None:
    """`full` takes the kind of number it is filled with."""
    if use.has("dtype"):
        return given_dtype(use)
    kind = type(use.constant("fill_value"))
    name = {float: "float", int: "int64", bool: "bool"}.get(kind)
    return Known(name, use.node) if name is not None else None


def _randint(use: Use) -> Value:
    """`randint(high, size)` or `randint(low, high, size)`."""
    if "size" not in use.given and "high" in use.given:
        use.given["size"] = use.given.pop("high")
    return computed(use, shape=sizes(), memory=fresh, grad=created, dtype=_or_int64, device=device)


def _vector(name: str) -> ShapeRule:
    return lambda use: (use.size(name),)


ROWS: tuple[Row, ...] = (
    factory("torch.zeros torch.ones torch.empty torch.rand torch.randn", "*size", sizes()),
    factory("torch.full", "size fill_value", sizes(), _of_fill),
    factory("torch.arange", "start end step", _arange, _arange_dtype),
    factory("torch.linspace torch.logspace", "start end steps", _vector("steps")),
    factory("torch.eye", "n m", _square),
    factory("torch.randperm", "n", _vector("n"), _or_int64),
    factory("torch.hann_window torch.hamming_window torch.blackman_window", "window_length", _vector("window_length")),
    factory("torch.tril_indices torch.triu_indices", "row col offset", lambda use: (2, None), _or_int64),
    effect("torch.randint", "low high size", _randint, "computed"),
    row("torch.normal", "mean std size", shape=_normal, memory=unordered, grad=lambda use: None, dtype=None),
    like("torch.zeros_like torch.ones_like torch.empty_like torch.rand_like torch.randn_like"),
    like("torch.full_like", "input fill_value"),
    like("torch.randint_like", "input low high"),
    of_same_kind(".new_zeros .new_ones .new_empty", "input *size"),
    of_same_kind(".new_full", "input size fill_value"),
    effect("torch.tensor", "data", from_data, "computed"),
    effect(".new_tensor", "input data", new_tensor),
    effect("torch.as_tensor torch.asarray", "data dtype device", as_tensor_of_data, "computed"),
    effect("torch.from_numpy", "data", from_numpy, "computed"),
    effect("torch.nn.Parameter", "data requires_grad", parameter),
    *(legacy(name, dtype) for name, dtype in TENSOR_CLASSES.items()),
    legacy("Tensor", "float"),
    row("F.one_hot", "input num_classes", shape=_one_hot, memory=fresh, grad=cut, dtype=fixed("int64")),
    row("diag", "input diagonal", shape=_diag, memory=unordered),
    row("diag_embed", "input offset dim1 dim2", shape=lambda use: None, memory=unordered),
    row("bernoulli", "input p", memory=fresh_if_input_contiguous),
    row("multinomial", "input num_samples", shape=_samples, memory=fresh, grad=cut, dtype=fixed("int64")),
)
