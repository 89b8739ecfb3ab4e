"""What is known of a value where branches meet: of either, what both say."""

from __future__ import annotations

from typing import Any

from torchdoctor.facts.values import UNKNOWN, Array, Const, Dim, Known, Made, OneOf, Sequence, Tensor, Unknown, Value

_HOLDING = (Tensor, Array, Made, Sequence)  # values of which more is known than makes them equal


def options(value: Value) -> frozenset[Value]:
    """The values it may be: itself, or those of a OneOf."""
    return value.options if isinstance(value, OneOf) else frozenset((value,))


def join(a: Value, b: Value) -> Value:
    """What is known when either may be: of two tensors the facts they share, of others a OneOf of a few."""
    if a is b:
        return a
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _join_tensors(a, b)
    if a == b:
        return _join_made(a, b) if isinstance(a, Made) and isinstance(b, Made) else a
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return UNKNOWN
    if isinstance(a, Sequence) and isinstance(b, Sequence) and len(a.items) == len(b.items):
        return Sequence(tuple(map(join, a.items, b.items)))
    either = options(a) | options(b)
    return OneOf(either) if len(either) <= 4 else UNKNOWN


def tensor_with(value: Value | None, attribute: str) -> Tensor | None:
    """The tensor that a value must be where ``attribute`` is read of it: of `loss = 0` and the sum that a loop makes
    of it, only the sum has a `backward`."""
    if not isinstance(value, OneOf):
        return None
    left = [one for one in value.options if not (isinstance(one, Const) and not hasattr(one.value, attribute))]
    if len(left) == len(value.options) or not all(isinstance(one, Tensor) for one in left):
        return None
    found: Value | None = None
    for one in sorted(left, key=repr):
        found = one if found is None else join(found, one)
    return found if isinstance(found, Tensor) else None


def _join_made(a: Made, b: Made) -> Made:
    """One thing that is made in one place, with what is known of its arguments either time."""
    if exact(a) == exact(b):
        return a
    if len(a.args) != len(b.args) or [name for name, _ in a.keywords] != [name for name, _ in b.keywords]:
        return Made(a.name, a.call, (UNKNOWN,))
    keywords = tuple((name, join(x, y)) for (name, x), (_, y) in zip(a.keywords, b.keywords, strict=True))
    return Made(a.name, a.call, tuple(map(join, a.args, b.args)), keywords)


def exact(value: Value) -> object:
    """The value with all that is known of it, which equality leaves out: it is one thing, but seen at another time."""
    if not isinstance(value, _HOLDING):
        return value
    if isinstance(value, Tensor):
        return (
            value, value.shape, value.layout, value.contiguous, value.grad, value.scale, value.dtype, value.device,
            value.models, value.views, value.tail,
        )  # fmt: skip
    if isinstance(value, Array):
        return value, value.shape, value.dtype
    if isinstance(value, Made) and (value.args or value.keywords):
        return value, tuple(map(exact, value.args)), tuple((name, exact(one)) for name, one in value.keywords)
    return tuple(map(exact, value.items)) if isinstance(value, Sequence) else value


def _join_tensors(a: Tensor, b: Tensor) -> Tensor:
    def same(x: Known[Any] | None, y: Known[Any] | None) -> Known[Any] | None:
        return x if x is not None and y is not None and x.value == y.value else None

    shape = same(a.shape, b.shape)
    if shape is None and a.shape is not None and b.shape is not None and len(a.shape.value) == len(b.shape.value):
        dims = tuple(x if x == y else None for x, y in zip(a.shape.value, b.shape.value, strict=True))
        shape = Known(dims, a.shape.because)
    tail = None
    if shape is None and a.ending is not None and b.ending is not None:
        tail = _same_ends(a.ending, b.ending)
    return Tensor(
        source=a.source,
        of=a.of if a == b else None,
        shape=shape,
        layout=same(a.layout, b.layout),
        contiguous=same(a.contiguous, b.contiguous),
        grad=same(a.grad, b.grad),
        scale=same(a.scale, b.scale),
        dtype=same(a.dtype, b.dtype),
        device=same(a.device, b.device),
        models=a.models | b.models,
        views=a.views if a.views == b.views else None,
        tail=tail,
    )


def _same_ends(a: Known[tuple[Dim, ...]], b: Known[tuple[Dim, ...]]) -> Known[tuple[Dim, ...]] | None:
    """The last dimensions, up to the first of which two shapes differ."""
    count = 0
    for x, y in zip(reversed(a.value), reversed(b.value), strict=False):
        if x is None or x != y:
            break
        count += 1
    return Known(a.value[-count:], a.because) if count else None
