"""Copies of a tensor, casts, moves between devices, and methods that write into it or ask about it."""

from __future__ import annotations

from torchdoctor.facts import sizes as s
from torchdoctor.facts.tensor import numel, placed, size
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.dtypes import CASTS, device_of, dtype_of, legacy_dtype_of
from torchdoctor.facts.torch_api.gradients import cut, of_input, of_same, through
from torchdoctor.facts.torch_api.memory import fresh, kept, kept_or_same, unordered
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.torch_api.rows import Row, computed, effect
from torchdoctor.facts.torch_api.rules import DISCRETE, FLOATS, same_scale, shape_of
from torchdoctor.facts.torch_api.views import channels_last
from torchdoctor.facts.values import Const, Known, Named, Sequence, Shape, Tensor, Value, const

# -- copies -----------------------------------------------------------------------------------------------------------

_NO_TENSORS = frozenset(
    {f"builtins.{name}" for name in ("int", "float", "complex", "bool", "str", "bytes", "list", "tuple", "dict", "set")}
    | {"numpy.ndarray"}
)


def _clone(use: Use) -> Value:
    return _formatted(use, computed(use, memory=kept, scale=same_scale))


def _contiguous(use: Use) -> Value:
    """`contiguous()` gives the tensor itself where it is contiguous already."""
    tensor = use.tensor()
    if use.has("memory_format"):
        return _formatted(use, _same_elements(use))
    result = computed(use, memory=fresh, grad=of_same, scale=same_scale)
    if tensor.contiguous is not None and tensor.contiguous.value:
        return result.but(layout=tensor.layout, contiguous=tensor.contiguous, views=use.given["input"])
    return result


def _formatted(use: Use, result: Tensor) -> Tensor:
    """The result with the layout that ``memory_format`` asks for."""
    if not use.has("memory_format"):
        return result
    asked = use.value("memory_format")
    name = asked.name if isinstance(asked, Named) else None
    shape = shape_of(result)
    if name == "torch.preserve_format":
        return result
    if name == "torch.contiguous_format":
        return fresh(use, shape).but(
            grad=result.grad, dtype=result.dtype, scale=result.scale, device=result.device, models=result.models
        )
    if name == "torch.channels_last" and shape is not None and len(shape) == 4:
        return placed(result, shape, channels_last(shape), use.node)
    return result.but(layout=None, contiguous=None)


def _asked(use: Use) -> tuple[str | None, str | None, bool]:
    """The dtype and device that `to` is asked for, and whether all that it is asked for is known."""
    dtype = device = None
    sure = True
    for name in ("target", "second", "dtype", "device", "other"):
        value = use.given.get(name)
        if value is None or (isinstance(value, Const) and value.kind in (bool, type(None))):
            continue
        other = value if isinstance(value, Tensor) else None
        if other is not None:
            dtype = other.dtype.value if other.dtype is not None else None
            device = other.device.value if other.device is not None else None
            sure = dtype is not None
        elif found := dtype_of(value):
            dtype = found
        elif place := device_of(value):
            device = place
        elif name == "device":
            device = None
        else:
            sure = False
    return dtype, device, sure and not use.arguments.starred


def _to(use: Use) -> Value:
    """`to` casts, moves, does both, or gives the tensor itself."""
    dtype, device, sure = _asked(use)
    tensor = use.tensor()
    if any(isinstance(value, Tensor) and value.dtype is None for name, value in use.given.items() if name != "input"):
        return computed(use, memory=unordered, grad=lambda use: None, dtype=None, scale=same_scale, device=None)
    result = _cast(use, dtype if sure else None, keep=dtype is None and sure)
    moved = any(name in use.given for name in ("target", "device", "other"))
    place = Known(device, use.node) if device is not None else None if moved and dtype is None else tensor.device
    return _formatted(use, result.but(device=place))


def _cast(use: Use, dtype: str | None, *, keep: bool = False) -> Tensor:
    """A copy as another dtype, or the tensor itself where it has it already."""
    was = use.tensor().dtype
    now = was if keep else Known(dtype, use.node) if dtype is not None else None
    differs = was is not None and now is not None and was.value != now.value and was.value not in ("float", "int")
    return computed(
        use,
        memory=kept if differs else kept_or_same,
        grad=cut if dtype in DISCRETE else of_input if differs else of_same,
        dtype=lambda use: now,
        scale=same_scale,
    )


def _casting(dtype: str) -> Row:
    name = next(name for name, cast in CASTS.items() if cast == dtype)
    return effect(f".{name}", "input", lambda use: _formatted(use, _cast(use, dtype)), "computed")


def _type(use: Use) -> Value | None:
    """`type(dtype)`; without an argument a string."""
    if not use.has("dtype"):
        return None
    asked = use.value("dtype")
    return _cast(use, dtype_of(asked) or legacy_dtype_of(asked))


def _type_as(use: Use) -> Value:
    other = use.tensor("other")
    if other.dtype is None:  # may hold integers
        return computed(use, memory=kept_or_same, grad=lambda use: None, dtype=None, scale=same_scale)
    return _cast(use, other.dtype.value).but(device=other.device)


def _moving(device: str) -> Row:
    def move(use: Use) -> Value:
        result = _same_elements(use)
        return _formatted(use, result.but(device=Known(device, use.node)))

    return effect(f".{device}", "input device", move, "computed")


def _same_elements(use: Use) -> Tensor:
    """The tensor itself, or a copy of it."""
    return computed(use, memory=kept_or_same, grad=of_same, scale=same_scale)


# -- in place ---------------------------------------------------------------------------------------------------------


def _requires_grad(use: Use) -> Value:
    """`requires_grad_()` makes a leaf of data, and leaves what is in a graph already."""
    tensor = use.tensor()
    if not use.flag("requires_grad", True):
        return tensor.but(grad=Known("plain", use.node))
    data = tensor.grad is not None and tensor.grad.value in ("plain", "cut", "leaf")
    return tensor.but(grad=Known("leaf", use.node)) if data else tensor


def _detached(use: Use) -> Value:
    return use.tensor().but(grad=cut(use))


def _written(use: Use) -> Value:
    """Other elements in the same place: what is known of shape, layout and dtype stays."""
    tensor = use.tensor()
    return tensor.but(grad=tensor.grad if _is_off(use) else through(use), scale=None)


def _is_off(use: Use) -> bool:
    return use.arguments.grad is not None and not use.arguments.grad.value


# -- questions --------------------------------------------------------------------------------------------------------


def _size(use: Use) -> Value | None:
    """`size()` gives all sizes, `size(dim)` one."""
    tensor = use.tensor()
    if use.value("dim") is None:
        return shape_value(use.given["input"], tensor)
    found = size(tensor, use.number("dim"))
    return s.value(found) if found is not None else None


def shape_value(of: Value, tensor: Tensor) -> Value:
    """`x.shape`: the sizes one by one where the rank is known."""
    if tensor.shape is None or None in tensor.shape.value:
        return Shape(of)
    return Sequence(tuple(s.value(dim) for dim in tensor.shape.value if dim is not None))


def _rank(use: Use) -> Value | None:
    rank = use.tensor().rank
    return const(rank) if rank is not None else None


def _numel(use: Use) -> Value | None:
    found = numel(use.tensor())
    return s.value(found) if found is not None else None


def _length(use: Use) -> Value | None:
    """`len(x)` of a tensor, or of a tuple whose items are known."""
    given = use.given.get("input")
    if isinstance(given, Sequence):
        return const(len(given.items))
    if isinstance(given, Shape):
        given = given.of
        rank = tensor.rank if (tensor := as_tensor(given)) is not None else None
        return const(rank) if rank is not None else None
    if not isinstance(given, Tensor):
        return None
    found = size(given, 0)
    return s.value(found) if found is not None and given.rank != 0 else None


def _as_int(use: Use) -> Value | None:
    """`int(n)` of a size is the size."""
    given = use.given.get("input")
    found = s.dim(given) if given is not None else None
    return given if found is not None and not isinstance(given, Const) else None


def _is_floating_point(use: Use) -> Value | None:
    dtype = use.tensor().dtype
    return const(dtype.value in FLOATS) if dtype is not None and dtype.value in DISCRETE | FLOATS else None


def _is_contiguous(use: Use) -> Value | None:
    known = use.tensor().contiguous
    return const(True) if known is not None and known.value and not use.has("memory_format") else None


def _is_instance(use: Use) -> Value | None:
    """`isinstance(x, torch.Tensor)`, and that it is no number, of what is known for more than its methods."""
    given, kind = use.given.get("input"), use.given.get("kind")
    kinds = kind.items if isinstance(kind, Sequence) else (kind,)
    names = {one.name for one in kinds if isinstance(one, Named)}
    if not isinstance(given, Tensor) or not all(isinstance(one, Named) for one in kinds):
        return None
    if not (given.models or given.dtype or given.device or (given.grad and given.grad.value != "cut")):
        return None
    return const(True) if "torch.Tensor" in names else const(False) if names <= _NO_TENSORS else None


ROWS: tuple[Row, ...] = (
    effect("clone", "input", _clone, "computed"),
    effect(".contiguous", "input", _contiguous, "computed"),
    effect(".to", "input target second", _to, "computed"),
    *(_casting(dtype) for dtype in CASTS.values()),
    effect(".type", "input dtype", _type, "computed"),
    effect(".type_as", "input other", _type_as, "computed"),
    _moving("cpu"),
    _moving("cuda"),
    effect(".pin_memory .share_memory_ .as_subclass", "input", _same_elements, "computed"),
    effect(".requires_grad_", "input requires_grad", _requires_grad),
    effect("detach_", "input", _detached),
    effect(
        ".zero_ .fill_ .normal_ .uniform_ .random_ .bernoulli_ .exponential_ .log_normal_ .geometric_"
        " .copy_ .cauchy_ .fill_diagonal_",
        "input src",
        _written,
    ),
    effect(".size", "input dim", _size),
    effect(".dim .ndimension", "input", _rank),
    effect("numel .nelement", "input", _numel),
    effect("builtins.len", "input", _length),
    effect("builtins.int", "input", _as_int),
    effect("is_floating_point", "input", _is_floating_point),
    effect("torch.is_tensor", "input", lambda use: const(True) if isinstance(use.given.get("input"), Tensor) else None),
    effect("builtins.isinstance", "input kind", _is_instance),
    effect(".is_contiguous", "input memory_format", _is_contiguous),
)
