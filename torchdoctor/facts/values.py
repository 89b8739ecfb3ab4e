"""What an expression can be known to be. Plain, frozen, comparable data: two equal values are the same thing.

A value that is not known is still *some* thing: a parameter, an attribute of something, the result of a call. So the
same unknown object is recognised wherever it goes, and two different ones are never taken for each other.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Generic, TypeVar

import libcst as cst

from torchdoctor.facts.axis import Axis
from torchdoctor.facts.fixed import fixed

T = TypeVar("T")


class Value:
    """Any value. Equality is identity of the thing as far as it is known."""

    __slots__ = ("_hash",)  # worked out once: values are looked up by what they hold, and hold others


@fixed
class Unknown(Value):
    """Nothing is known, not even that it is the same thing as before."""


UNKNOWN = Unknown()


@fixed
class Const(Value):
    """A Python constant: number, string, bytes, bool, None, Ellipsis.

    ``assumed``: a default, for which the user may put something else; it decides no branch.
    """

    value: Any
    kind: type = field(default=object)  # keeps 1, 1.0 and True apart
    assumed: bool = False


def const(value: Any) -> Const:
    return Const(value, type(value))


@fixed
class Named(Value):
    """A function, class or module with a full name: torch.relu, pkg.train_one_epoch, builtins.len."""

    name: str


@fixed
class Method(Value):
    """A bound method or other attribute that is called on its receiver: `optimizer.step`."""

    of: Value
    name: str


@fixed
class Made(Value):
    """An object made by calling a class of known full name; told apart by the node that made it.

    Lists and dicts are made too: "builtins.list" with its items as ``args``, "builtins.dict" with ``keywords``.
    """

    name: str
    call: cst.CSTNode = field(repr=False)
    args: tuple[Value, ...] = field(default=(), compare=False)
    keywords: tuple[tuple[str, Value], ...] = field(default=(), compare=False)

    def argument(self, position: int | None, *names: str) -> Value | None:
        """The constructor's argument at that position or of that keyword; None where it was not given."""
        for name, value in self.keywords:
            if name in names:
                return value
        return self.args[position] if position is not None and position < len(self.args) else None


@fixed
class Self(Value):
    """The instance that a method of this class runs on; ``name`` is the class's full name."""

    owner: cst.ClassDef = field(repr=False)
    name: str = ""


@fixed
class Param(Value):
    """A parameter of a function that nothing more is known of.

    ``given``: the call that gives it something unknown; another call may give it something else.
    """

    function: cst.CSTNode = field(repr=False)
    name: str
    given: cst.CSTNode | None = field(default=None, repr=False)


@fixed
class Free(Value):
    """A name that the function reads from outside: a global or a variable of an enclosing function."""

    scope: cst.CSTNode = field(repr=False)
    name: str


@fixed
class Attr(Value):
    """An attribute of a thing: `args.device`, `self.model`."""

    of: Value
    name: str


@fixed
class Item(Value):
    """`of[key]` of a thing, key being a constant where it is known."""

    of: Value
    key: Any


@fixed
class Element(Value):
    """What a loop takes from an iterable, anew each time; ``place`` is its position when unpacked (-1: whole)."""

    of: Value
    loop: cst.CSTNode = field(repr=False)
    place: int = -1


@fixed
class Result(Value):
    """What a call that is not understood gives back; ``place`` is the position when it is unpacked (-1: whole)."""

    call: cst.CSTNode = field(repr=False)
    function: Value
    place: int = -1


@fixed
class Array(Result):
    """What a function of NumPy gives: a result of which sizes and dtype are known, or may be."""

    shape: tuple[Dim, ...] | None = field(default=None, compare=False)
    dtype: str | None = field(default=None, compare=False)


@fixed
class Size(Value):
    """The size of a tensor of unknown shape in one dimension: `x.size(0)`, `x.shape[-1]`."""

    of: Value
    dim: int


@fixed
class Shape(Value):
    """`x.shape` or `x.size()` of a tensor whose rank is not known."""

    of: Value


@fixed
class Arithmetic(Value):
    """A number computed from others that are not all known: `b * n`, `c // heads`."""

    operator: str
    operands: tuple[Value, ...]


@fixed
class Sequence(Value):
    """A tuple (or torch.Size) with its items in order."""

    items: tuple[Value, ...]


@fixed
class Fields(Sequence):
    """A tuple whose items have names as well: what `x.max(dim=1)` gives."""

    names: tuple[str, ...] = ()


@fixed
class Function(Value):
    """A lambda or a function of the project that is at hand as a node, with the names of the function around it."""

    node: cst.CSTNode = field(repr=False)
    name: str = ""


@fixed
class Scaled(Value):
    """`scaler.scale(loss)`: the loss, multiplied for mixed precision."""

    of: Value
    scaler: Value


@fixed
class OneOf(Value):
    """One of a few values, by which branch was taken."""

    options: frozenset[Value]


@fixed
class Known(Generic[T]):
    """A fact and its reason: the node that made it so."""

    value: T
    because: cst.CSTNode = field(compare=False, repr=False)


Dim = int | Value | None  # a number, a symbol that equals itself, or not known


@fixed
class Tensor(Value):
    """A tensor, and for each fact either what is known and why, or None.

    ``shape``: a Dim for each dimension (so a shape without known sizes still tells the rank).
    ``tail``: the sizes of the last dimensions where the rank is not known: 20 features come out of `Linear(10, 20)`.
    ``layout``: an Axis for each dimension where the order in memory is known.
    ``contiguous``: True where it is known to be, with unknown rank too; False where it is known not to be.
    ``grad``: "attached" (in a graph that reaches parameters or inputs that require gradients), "cut" (was attached or
    could have been, until ``because``), "leaf" (a leaf that requires grad), "plain" (data: no gradient asked for).
    ``scale``: "logits", "probabilities", "log-probabilities", "unit" (in [0, 1], not a distribution).
    ``dtype``: "float32", "int64", "bool" ..., or the families "float" and "int" where only that is known.
    ``device``: "cpu", "cuda", "meta".
    ``source``: the node of the expression that made this tensor; with ``of`` the identity of it.
    ``models``: the modules whose forward it was computed with. ``views``: the value whose storage it shares.
    """

    source: cst.CSTNode = field(repr=False)
    of: Value | None = None
    shape: Known[tuple[Dim, ...]] | None = field(default=None, compare=False)
    layout: Known[tuple[Axis, ...]] | None = field(default=None, compare=False)
    contiguous: Known[bool] | None = field(default=None, compare=False)
    grad: Known[str] | None = field(default=None, compare=False)
    scale: Known[str] | None = field(default=None, compare=False)
    dtype: Known[str] | None = field(default=None, compare=False)
    device: Known[str] | None = field(default=None, compare=False)
    models: frozenset[Value] = field(default=frozenset(), compare=False)
    views: Value | None = field(default=None, compare=False)
    tail: Known[tuple[Dim, ...]] | None = field(default=None, compare=False)

    @property
    def rank(self) -> int | None:
        """The number of dimensions, where it is known."""
        if self.shape is not None:
            return len(self.shape.value)
        return len(self.layout.value) if self.layout is not None else None

    def but(self, **facts: Any) -> Tensor:
        """The same tensor with some facts replaced; another shape has no ``tail`` of the old one."""
        if "shape" in facts:
            facts.setdefault("tail", None)
        new = facts.get
        return Tensor(
            new("source", self.source), new("of", self.of), new("shape", self.shape), new("layout", self.layout),
            new("contiguous", self.contiguous), new("grad", self.grad), new("scale", self.scale),
            new("dtype", self.dtype), new("device", self.device), new("models", self.models),
            new("views", self.views), new("tail", self.tail),
        )  # fmt: skip

    @property
    def ending(self) -> Known[tuple[Dim, ...]] | None:
        """The sizes of the last dimensions as far as they are known: of all where the rank is."""
        return self.shape if self.shape is not None else self.tail
