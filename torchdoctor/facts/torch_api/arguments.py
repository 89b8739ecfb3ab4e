"""What a call passes, and what each argument is known to be once it is bound to torch's name for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any

import libcst as cst

from torchdoctor.facts import sizes as s
from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.joins import join
from torchdoctor.facts.refusal import Refusal
from torchdoctor.facts.tensor import size, with_layout
from torchdoctor.facts.torch_api.operands import as_array, as_tensor
from torchdoctor.facts.values import (
    UNKNOWN,
    Arithmetic,
    Attr,
    Const,
    Dim,
    Element,
    Item,
    Known,
    Made,
    Named,
    OneOf,
    Sequence,
    Shape,
    Tensor,
    Unknown,
    Value,
)


@fixed
class Arguments:
    """What a call passes: ``node`` is the call, ``values`` the positional arguments (a method's receiver first).

    ``starred``: *args or **kwargs were passed, so what is not seen may be given all the same. ``grad`` is the grad
    mode, Known(False) where it is off. ``nodes`` are the argument expressions, where ``node`` is not the call itself.
    ``refuse`` is told where torch refuses; ``forward`` calls a module that is not torch's own.
    """

    node: cst.CSTNode
    values: tuple[Value, ...]
    keywords: Mapping[str, Value]
    starred: bool = False
    grad: Known[bool] | None = None
    nodes: tuple[cst.CSTNode, ...] = ()
    refuse: Callable[[Refusal], None] | None = None
    forward: Callable[[Made, Value], Value | None] | None = None

    def of_module(self, starred: bool, nodes: tuple[cst.CSTNode, ...]) -> Arguments:
        """The same, with what is told of the arguments that its module was made with."""
        return Arguments(self.node, self.values, self.keywords, starred, self.grad, nodes, self.refuse, self.forward)


class NotKnown(Exception):
    """An argument is not known well enough: the fact that asked for it is not known either."""


# Names that torch takes from numpy's users as well as its own.
_ALSO = {
    "axis": "dim", "keepdims": "keepdim", "x": "input", "x2": "other", "axes": "dims", "axis0": "dim0", "axis1": "dim1",
    "tensor": "input", "self": "input", "src": "input", "tgt": "input", "split_size_or_sections": "split_size",
    "split_sizes": "split_size", "query": "input", "shape": "size",
}  # fmt: skip
# What methods of tensors take besides, whether their row names it or not.
_OPTIONS = frozenset({
    "out", "dtype", "device", "layout", "requires_grad", "pin_memory", "memory_format", "non_blocking", "copy",
    "generator", "alpha", "value", "inplace",
})  # fmt: skip


def takes(parameters: tuple[str, ...], keyword: str) -> bool:
    """Whether a method of a tensor with these parameters may be given this keyword."""
    return keyword in parameters or f"*{keyword}" in parameters or keyword in _ALSO or keyword in _OPTIONS


# Arguments that hold integers or truth values, and so no gradient.
_INTEGERS = frozenset({"mask", "condition", "index", "indices", "key_padding_mask", "boundaries", "sorted_sequence"})


class Use:
    """One use of a row: its arguments by name.

    ``rest`` are the positional arguments that a parameter with a star takes (`*sizes`). ``of`` tells results apart that
    come from one node.
    """

    def __init__(self, arguments: Arguments, parameters: tuple[str, ...], made: Made | None = None) -> None:
        self.arguments = arguments
        self.made = made
        self.of: Value | None = None
        self._operands: list[Tensor] | None = None
        self.given: dict[str, Value] = {}
        self.rest: tuple[Value, ...] = ()
        self.bind(parameters, arguments.values, arguments.keywords)

    def bind(self, parameters: tuple[str, ...], values: tuple[Value, ...], keywords: Mapping[str, Value]) -> None:
        """Bind arguments to parameters; what is bound already stays."""
        for place, parameter in enumerate(parameters):
            if parameter.startswith("*"):
                self.rest = values[place:]
                break
            if place < len(values):
                self.given.setdefault(parameter, values[place])
        for keyword, value in keywords.items():
            self.given.setdefault(keyword if keyword in parameters else _ALSO.get(keyword, keyword), value)

    @property
    def node(self) -> cst.CSTNode:
        return self.arguments.node

    # -- one argument -------------------------------------------------------------------------------------------------

    def value(self, name: str) -> Value | None:
        """The argument; None where it is not given. Raises NotKnown where that cannot be told."""
        found = self.given.get(name)
        if found is None and self.arguments.starred:
            raise NotKnown(name)
        return found

    def has(self, name: str) -> bool:
        """Whether an argument other than None is given."""
        found = self.value(name)
        if found is None or isinstance(found, (Const, Tensor, Sequence, Made, Named)):
            return found is not None and not (isinstance(found, Const) and found.value is None)
        raise NotKnown(name)

    def constant(self, name: str, default: Any = None) -> Any:
        """The argument as a Python constant, tuples and lists of them included."""
        found = self.value(name)
        return default if found is None else self.plain(found)

    def number(self, name: str, default: int | None = None) -> int:
        """The argument as an int."""
        found = self.constant(name, default)
        if not isinstance(found, int) or isinstance(found, bool):
            raise NotKnown(name)
        return found

    def flag(self, name: str, default: bool = False) -> bool:
        """The argument as a bool."""
        return bool(self.constant(name, default))

    def dims(self, name: str) -> tuple[int, ...] | None:
        """One dimension or several; None where it is not given or is None."""
        found = self.constant(name)
        if found is None:
            return None
        dims = (found,) if isinstance(found, int) else found
        if not isinstance(dims, tuple) or not all(isinstance(dim, int) for dim in dims):
            raise NotKnown(name)
        return dims

    def size(self, name: str, default: Dim = None) -> Dim:
        """The argument as a size, which may be a symbol."""
        found = self.value(name)
        return default if found is None else s.dim(found)

    def sizes(self, name: str) -> tuple[Dim, ...]:
        """Sizes given one by one, or together as a tuple, list or torch.Size."""
        given = self.given.get(name)
        values = self.rest if given is None else (given,)
        if self.arguments.starred:
            raise NotKnown(name)
        if len(values) == 1 and (together := self._dims_of(values[0])) is not None:
            return together
        if not values or (len(values) == 1 and not _is_one_number(values[0])):
            raise NotKnown(name)  # perhaps a tuple
        return tuple(map(s.dim, values))

    # -- tensors ------------------------------------------------------------------------------------------------------

    def tensor(self, name: str = "input") -> Tensor:
        """The argument as a tensor. Raises NotKnown where it is none."""
        found = self.value(name)
        tensor = as_tensor(found) if found is not None else None
        if tensor is None:
            raise NotKnown(name)
        return with_layout(tensor)

    def tensors(self, name: str) -> tuple[Tensor, ...]:
        """A tuple or list of tensors, all of whose items are known. Raises NotKnown elsewhere."""
        tensors = [as_tensor(value) for value in self.items(self.value(name))]
        if not tensors or None in tensors:
            raise NotKnown(name)
        return tuple(with_layout(tensor) for tensor in tensors if tensor is not None)

    def operands(self) -> list[Tensor]:
        """Every argument that is a tensor or may be one, those of tuples and lists too, but for indices and masks."""
        if self._operands is None:
            given = [value for name, value in self.given.items() if name not in _INTEGERS]
            self._operands = [tensor for value in (*given, *self.rest) for tensor in self._tensors_in(value)]
        return self._operands

    def _tensors_in(self, value: Value) -> Iterator[Tensor]:
        items = self.items(value) if isinstance(value, (Sequence, Made)) else ()
        for item in items:
            yield from self._tensors_in(item)
        if (tensor := as_array(value)) is not None:
            yield with_layout(tensor)
        elif isinstance(value, OneOf):
            tensors = [tensor for option in value.options for tensor in self._tensors_in(option)]
            if tensors:
                yield reduce(_either, tensors) if len(tensors) == len(value.options) else Tensor(self.node)
        elif isinstance(value, (Unknown, Attr, Item, Element)) or (
            isinstance(value, Made) and not items and value.name == "builtins.list"
        ):
            yield Tensor(self.node)  # perhaps a tensor, perhaps several: nothing is known of it

    # -- tuples and lists ---------------------------------------------------------------------------------------------

    def items(self, value: Value | None) -> tuple[Value, ...]:
        """What a tuple or list holds; () where that is not known.

        A list may have been changed since it was written, so only one that stands in the call itself counts.
        """
        if isinstance(value, Sequence):
            return value.items
        if isinstance(value, Made) and value.name == "builtins.list" and value.call in self._expressions():
            return value.args
        return ()

    def _expressions(self) -> list[cst.CSTNode]:
        """The argument expressions as written, and the items of those that are tuples or lists."""
        found = list(self.arguments.nodes)
        if isinstance(self.node, cst.Call):
            found += [arg.value for arg in self.node.args]
        elif isinstance(self.node, cst.Subscript):
            found += [part.slice.value for part in self.node.slice if isinstance(part.slice, cst.Index)]
        for expression in found:  # grows while it is read
            if isinstance(expression, (cst.Tuple, cst.List)):
                found += [element.value for element in expression.elements]
        return found

    def plain(self, value: Value) -> Any:
        """The Python constant that a value is, tuples and lists of constants included. Raises NotKnown."""
        if isinstance(value, Const):
            return value.value
        items = self.items(value)
        if not items:
            raise NotKnown
        return tuple(map(self.plain, items))

    def _dims_of(self, value: Value) -> tuple[Dim, ...] | None:
        """The sizes that a tuple, list or torch.Size holds; None where it is none of these."""
        if isinstance(value, Shape):
            tensor = as_array(value.of)
            if tensor is None or tensor.rank is None:
                raise NotKnown
            return tuple(size(tensor, dim) for dim in range(tensor.rank))
        if not isinstance(value, (Sequence, Made)):
            return None
        items = self.items(value)
        if (not items and value != Sequence(())) or UNKNOWN in items:  # UNKNOWN may stand for several
            raise NotKnown
        return tuple(map(s.dim, items))


def _is_one_number(value: Value) -> bool:
    """Whether a value is a number and no tuple: `a + b` may be either."""
    if isinstance(value, Arithmetic):
        return value.operator in ("-", "//", "%", "/") or any(map(_is_one_number, value.operands))
    return isinstance(value, Const) or s.is_whole(value)


def _either(a: Tensor, b: Tensor) -> Tensor:
    """What is known of a tensor that is one of two."""
    both = join(a, b)
    assert isinstance(both, Tensor)
    return both
