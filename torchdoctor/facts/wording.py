"""Values in words, for people: what an expression is known to be, fact by fact, each with the node that made it so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from torchdoctor.facts import sizes
from torchdoctor.facts.containers import ANY
from torchdoctor.facts.torch_api.table import table
from torchdoctor.facts.values import (
    Arithmetic,
    Attr,
    Const,
    Dim,
    Element,
    Free,
    Function,
    Item,
    Known,
    Made,
    Method,
    Named,
    OneOf,
    Param,
    Result,
    Scaled,
    Self,
    Sequence,
    Shape,
    Size,
    Tensor,
    Value,
)

TENSOR_FACTS = ("shape", "layout", "dtype", "device", "grad", "scale")
_GRAD = {
    "attached": "attached: in the graph of parameters or inputs that require grad",
    "cut": "cut: out of the graph, backward does not pass here",
    "leaf": "leaf that requires grad",
    "plain": "plain: data, no gradient asked for",
}
_LONGEST = 8  # items of a list or tuple that are named one by one
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known: ``text`` for people, ``data`` for programs, ``because`` the node that made it so."""

    name: str
    text: str
    data: Any = field(compare=False)
    because: cst.CSTNode | None = field(default=None, repr=False)


def facts_of(value: Value) -> Iterator[Fact]:
    """What is known of a tensor, or of a thing that was made, beyond its kind."""
    if isinstance(value, Tensor):
        yield from _of_tensor(value)
    elif isinstance(value, Made):
        yield Fact("made", constructor(value), _arguments(value), value.call)
    elif isinstance(value, Self):
        yield Fact("class", value.name, value.name, value.owner)
    elif isinstance(value, OneOf):
        options = sorted(map(words, value.options))
        yield Fact("one of", ", or ".join(options), options)


def _of_tensor(tensor: Tensor) -> Iterator[Fact]:
    if tensor.shape is not None:
        dims = tensor.shape.value
        data = {"rank": len(dims), "dims": [_dim(dim) for dim in dims]}
        yield Fact("shape", shape(dims), data, tensor.shape.because)
    elif tensor.rank is not None and tensor.layout is not None:
        yield Fact("shape", f"rank {tensor.rank}", {"rank": tensor.rank, "dims": None}, tensor.layout.because)
    if tensor.contiguous is not None or tensor.layout is not None:
        yield _layout(tensor)
    for name, known in (("dtype", tensor.dtype), ("device", tensor.device)):
        if known is not None:
            yield Fact(name, known.value, known.value, known.because)
    if tensor.grad is not None:
        yield Fact("grad", _GRAD.get(tensor.grad.value, tensor.grad.value), tensor.grad.value, tensor.grad.because)
    if tensor.scale is not None:
        yield Fact("scale", tensor.scale.value, tensor.scale.value, tensor.scale.because)
    if tensor.models:
        models = sorted(map(words, tensor.models))
        yield Fact("computed with", ", ".join(models), models)
    if tensor.views is not None:
        yield Fact("shares memory with", words(tensor.views), words(tensor.views))


def shape(dims: tuple[Dim, ...]) -> str:
    """ "(x.shape[0], 512, ?)"; the comma of a tuple of one stays."""
    inner = ", ".join(map(sizes.text, dims))
    return f"({inner},)" if len(dims) == 1 else f"({inner})"


def _dim(dim: Dim) -> int | str | None:
    return dim if isinstance(dim, int) or dim is None else sizes.text(dim)


def _layout(tensor: Tensor) -> Fact:
    """Whether the elements lie in order, and if not, what each dim does."""
    known: Known[Any] | None = tensor.contiguous if tensor.contiguous is not None else tensor.layout
    assert known is not None
    contiguous = tensor.contiguous.value if tensor.contiguous is not None else None
    said = {True: "contiguous", False: "not contiguous", None: "perhaps not contiguous"}[contiguous]
    axes = tensor.layout.value if tensor.layout is not None else ()
    odd = [f"dim {dim} repeated (stride 0)" for dim, axis in enumerate(axes) if axis.repeated]
    odd += [f"dim {dim} with gaps" for dim, axis in enumerate(axes) if axis.filled is False]
    placed = sorted((axis.place, dim) for dim, axis in enumerate(axes) if axis.place is not None)
    order = [dim for _, dim in placed]
    if order != sorted(order):
        odd.insert(0, f"dims in memory, outermost first: {', '.join(map(str, order))}")
    text = f"{said} ({'; '.join(odd)})" if odd and not contiguous else said
    return Fact("layout", text, {"contiguous": contiguous, "order": order, "notes": odd}, known.because)


def constructor(made: Made) -> str:
    """ "Linear(in_features=784, out_features=10)": the class and what it was given, by name where torch names it."""
    inner = ", ".join(f"{name}={given}" if name else given for name, given in _arguments(made))
    return f"{made.name}({inner})"


def _arguments(made: Made, depth: int = _DEEPEST) -> list[tuple[str, str]]:
    row = table().modules.get(made.name)
    names = row.made_with if row is not None else ()
    given = [(names[i] if i < len(names) else "", words(value, depth - 1)) for i, value in enumerate(made.args)]
    return [*given, *(("any" if name == ANY else name, words(value, depth - 1)) for name, value in made.keywords)]


def words(value: Value, depth: int = _DEEPEST) -> str:
    """A value in a few words."""
    if isinstance(value, Const):
        return repr(value.value) if len(repr(value.value)) <= 60 else f"{repr(value.value)[:57]}..."
    if isinstance(value, Named):
        return value.name
    if isinstance(value, Tensor):
        return f"tensor {shape(value.shape.value)}" if value.shape is not None else "a tensor"
    if isinstance(value, Made):
        return _made(value, depth)
    if isinstance(value, Sequence):
        return f"({', '.join(_few(value.items, depth))})"
    if isinstance(value, OneOf):
        return " or ".join(sorted(words(option, depth - 1) for option in value.options))
    if isinstance(value, (Size, Arithmetic)):
        return sizes.text(value)
    if isinstance(value, Shape):
        return f"the shape of {words(value.of, depth - 1)}, of unknown rank"
    return _itself(value, depth)


def _itself(value: Value, depth: int) -> str:
    """A thing that is known only as itself."""
    if isinstance(value, Self):
        return f"self of {value.name}"
    if isinstance(value, (Param, Free)):
        return value.name
    if isinstance(value, (Attr, Method)):
        of = "self" if isinstance(value.of, Self) else words(value.of, depth - 1) if depth > 0 else "..."
        return f"{of}.{value.name}"
    if isinstance(value, Item):
        return f"{words(value.of, depth - 1)}[{'?' if value.key is None else repr(value.key)}]"
    if isinstance(value, Element):
        place = f", item {value.place}" if value.place >= 0 else ""
        return f"what the loop takes from {words(value.of, depth - 1)}{place}"
    if isinstance(value, Result):
        place = f", item {value.place}" if value.place >= 0 else ""
        return f"what {words(value.function, depth - 1)} gives{place}"
    if isinstance(value, Function):
        return "a function"
    if isinstance(value, Scaled):
        return f"{words(value.of, depth - 1)}, scaled for mixed precision"
    return "not known"


def _made(value: Made, depth: int) -> str:
    short = value.name.rpartition(".")[2]
    if value.name in ("builtins.list", "builtins.set"):
        return f"[{', '.join(_few(value.args, depth))}]" if value.args and depth > 0 else f"a {short}"
    if value.name == "builtins.dict":
        return f"a dict of {', '.join(name for name, _ in value.keywords[:_LONGEST])}" if value.keywords else "a dict"
    if depth <= 0:
        return f"{short}(...)"
    inner = ", ".join(f"{name}={given}" if name else given for name, given in _arguments(value, depth)[:_LONGEST])
    return f"{short}({inner})"


def _few(values: tuple[Value, ...], depth: int) -> list[str]:
    if depth <= 0:
        return ["..."]
    shown = [words(value, depth - 1) for value in values[:_LONGEST]]
    return [*shown, "..."] if len(values) > _LONGEST else shown


# Kinds of values for people, where the engine has no kind of its own.
_KINDS: tuple[tuple[type[Value], str], ...] = (
    (Const, "constant"),
    (Sequence, "tuple"),
    (Size, "number"),
    (Arithmetic, "number"),
    (Shape, "shape"),
    (Function, "function"),
    (Method, "method"),
    (Named, "name"),
    (Scaled, "tensor"),
    (Self, "object"),
)
_CONTAINERS = {"builtins.list": "list", "builtins.set": "set", "builtins.dict": "dict"}


def kind_in_words(value: Value, kind: str | None) -> str | None:
    """What sort of thing a value is; ``kind`` is what the flow knows of that. None where it is not known."""
    if isinstance(value, OneOf):
        kinds = {kind_in_words(option, kind) for option in value.options}
        return kinds.pop() if len(kinds) == 1 else kind
    if kind is not None:
        return kind
    if isinstance(value, Made):
        return _CONTAINERS.get(value.name, "object")
    return next((word for of, word in _KINDS if isinstance(value, of)), None)
