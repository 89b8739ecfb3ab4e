"""Values seen as tensors."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.kinds import kinds_of
from torchdoctor.facts.tensor import with_layout
from torchdoctor.facts.values import (
    Arithmetic,
    Array,
    Attr,
    Element,
    Free,
    Item,
    Known,
    Made,
    Method,
    Named,
    Param,
    Result,
    Scaled,
    Self,
    Tensor,
    Value,
)

# What these libraries give is no tensor: arrays, frames, images.
_ARRAYS = ("numpy.", "scipy.", "cv2.", "pandas.", "PIL.", "skimage.", "sklearn.", "jax.", "tensorflow.", "math.")
_DEPTH = 6
_UNTOLD = (Param, Element, Result, Attr, Item, Free, Scaled, Arithmetic)  # what may be a tensor


def as_tensor(value: Value) -> Tensor | None:
    """The value as a tensor, where it is one or may be one; nothing is claimed of what it is otherwise.

    What a function is given and what a loader yields is taken to be contiguous; a loader's data asks for no gradient.
    """
    return as_array(value) if isinstance(value, Tensor) or not is_array(value) else None


def as_array(value: Value) -> Tensor | None:
    """The same for what may be an array of another library as well: it has a shape."""
    if isinstance(value, Tensor):
        return with_layout(value)
    if not isinstance(value, _UNTOLD):
        return None
    source = _source(value)
    if source is None:
        return None
    if isinstance(value, Array):
        shape = Known(value.shape, source) if value.shape is not None else None
        return Tensor(source, of=value, shape=shape)
    contiguous = Known(True, source) if isinstance(value, (Param, Element)) else None
    loaded = isinstance(value, Element) and isinstance(value.of, Made) and "loader" in kinds_of(value.of.name)
    return Tensor(source, of=value, contiguous=contiguous, grad=Known("plain", source) if loaded else None)


def is_array(value: Value, depth: int = _DEPTH) -> bool:
    """Whether another library made it: by a function, or by a method of what its function made."""
    while depth > 0:
        if isinstance(value, Result):
            value = value.function
        elif isinstance(value, (Attr, Item, Element, Method)):
            value = value.of
        elif isinstance(value, Named):
            return value.name.startswith(_ARRAYS)
        else:
            return isinstance(value, Arithmetic) and any(is_array(one, depth - 1) for one in value.operands)
        depth -= 1
    return False


def _source(value: Value) -> cst.CSTNode | None:
    """A node that the value comes from."""
    if isinstance(value, Param):
        return value.function
    if isinstance(value, Element):
        return value.loop
    if isinstance(value, (Result, Made)):
        return value.call
    if isinstance(value, Free):
        return value.scope
    if isinstance(value, Self):
        return value.owner
    if isinstance(value, Tensor):
        return value.source
    if isinstance(value, (Attr, Item, Scaled)):
        return _source(value.of)
    if isinstance(value, Arithmetic):
        return next((source for one in value.operands if (source := _source(one)) is not None), None)
    return None
