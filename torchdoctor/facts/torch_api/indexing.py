"""Subscripts, and functions that pick elements by index or by mask."""

from __future__ import annotations

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape, dim_of
from torchdoctor.facts.tensor import narrowed, scattered, selected, size, unsqueezed
from torchdoctor.facts.torch_api.arguments import Arguments, NotKnown, Use
from torchdoctor.facts.torch_api.gradients import cut
from torchdoctor.facts.torch_api.memory import fresh, fresh_if_input_contiguous, kept, unordered
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.torch_api.rows import Row, computed, effect, row, seeing
from torchdoctor.facts.torch_api.rules import broadcast_shapes, fixed, of_maps, same_scale, shape_of, unknown_sizes
from torchdoctor.facts.torch_api.slices import Key, Slice, bound, consumes, is_absent, left_as_it_is, length_of
from torchdoctor.facts.values import Const, Dim, Sequence, Tensor, Value
from torchdoctor.facts.values import Shape as ShapeOf


def indexed(of: Value, keys: tuple[Key, ...], arguments: Arguments) -> Value | None:
    """`of[keys]` of a tensor, of a shape, or of a tuple that is cut."""
    if isinstance(of, (ShapeOf, Sequence)):
        return _item(of, keys[0]) if len(keys) == 1 else None
    if len(keys) == 1 and isinstance(keys[0], Sequence):
        keys = keys[0].items
    use = Use(arguments, ("input",))
    use.given["input"] = of
    try:
        tensor = use.tensor()
        if all(isinstance(key, (Const, Slice)) or s.is_whole(key) for key in keys):
            seen = _basic(tensor, keys, use)
            if seen is not None and seen.shape is None:
                seen = seen.but(tail=left_as_it_is(tensor, keys))
            return seeing(use, seen) if seen is not None else None
        return _advanced(use, tensor, keys)
    except NotKnown:
        return None


def _item(of: ShapeOf | Sequence, key: Key) -> Value | None:
    """`x.shape[0]`, `x.shape[:2]`."""
    if isinstance(key, Slice):
        return _cut(of, key) if isinstance(of, Sequence) else None
    if not isinstance(key, Const) or key.kind is not int:
        return None
    if isinstance(of, Sequence):
        return of.items[key.value] if -len(of.items) <= key.value < len(of.items) else None
    tensor = as_tensor(of.of)
    found = size(tensor, key.value) if tensor is not None else None
    return s.value(found) if found is not None else None


def _cut(of: Sequence, key: Slice) -> Sequence | None:
    bounds: list[int | None] = []
    for part in (key.lower, key.upper, key.step):
        edge = bound(part)
        if not is_absent(part) and not isinstance(edge, int):
            return None
        bounds.append(edge if isinstance(edge, int) else None)
    return None if bounds[2] == 0 else Sequence(of.items[slice(*bounds)])


# -- numbers, slices, None and Ellipsis: a view ------------------------------------------------------------------------


def _basic(tensor: Tensor, keys: tuple[Key, ...], use: Use) -> Tensor | None:
    """Take the keys one by one; ``at`` is the dimension that the next one is for."""
    at = 0
    left = sum(consumes(key) for key in keys)
    for key in keys:
        result: Tensor | None
        if isinstance(key, Const) and key.value is Ellipsis:
            if tensor.rank is None:
                return scattered(tensor, None, use.node) if left or len(keys) > 1 else tensor
            at = tensor.rank - left
            continue
        if isinstance(key, Const) and key.value is None:
            result = unsqueezed(tensor, at, use.node)
            at += 1
        elif isinstance(key, Slice):
            result = sliced(tensor, at, key, use)
            at += 1
            left -= 1
        else:
            if isinstance(key, Const) and key.kind is not int:
                return None  # a mask of one bool, or a name of a field
            result = selected(tensor, at, s.dim(key), use.node)
            left -= 1
        if result is None:
            return None
        tensor = result
    return tensor


def sliced(tensor: Tensor, dim: int, key: Slice, use: Use) -> Tensor | None:
    """One dimension cut by a slice; None where torch refuses."""
    step = 1 if is_absent(key.step) else bound(key.step)
    if step == 1 and is_absent(key.upper) and (is_absent(key.lower) or bound(key.lower) == 0):
        return tensor
    place = dim_of(dim, tensor.rank) if tensor.rank is not None else dim
    if place is None:
        return None
    size = tensor.shape.value[place] if tensor.shape is not None else None
    length, shorter = length_of(size, key)
    return narrowed(tensor, dim, length, shorter, use.node, step=step if isinstance(step, int) else None)


# -- tensors and lists: a copy -----------------------------------------------------------------------------------------


def _advanced(use: Use, tensor: Tensor, keys: tuple[Key, ...]) -> Value | None:
    """Indices and masks pick entries, in the order of memory where all of it is in order."""
    picking = [key for key in keys if isinstance(key, Value) and not isinstance(key, Const) and not s.is_whole(key)]
    lists = [bool(use.items(key)) for key in picking]
    tensors = [as_tensor(key) for key in picking]
    if any(one is None and not listed for one, listed in zip(tensors, lists, strict=True)):
        return None
    ordered = all(listed or _in_order(one) for one, listed in zip(tensors, lists, strict=True))
    contiguous = tensor.contiguous is not None and tensor.contiguous.value and ordered
    return computed(
        use,
        shape=lambda use: _picked(use, tensor, keys),
        memory=fresh if contiguous else unordered,
        scale=same_scale,
    )


def _in_order(index: Tensor | None) -> bool:
    """Whether an index is sure to be contiguous and no number (which would make a view)."""
    return bool(index is not None and index.rank and index.contiguous is not None and index.contiguous.value)


def _picked(use: Use, tensor: Tensor, keys: tuple[Key, ...]) -> Shape | None:
    """The shape of the indices, in the place of the first where they stand side by side, else in front."""
    if tensor.shape is None:
        return None
    left = list(tensor.shape.value)
    dims: list[Dim] = []
    found: list[tuple[int, Shape]] = []  # where each index stands in dims, and its shape
    for key in _spread(use, keys, len(left)):
        if isinstance(key, Slice):
            dims.append(length_of(left.pop(0), key)[0])
        elif isinstance(key, Const) and key.value is None:
            dims.append(1)
        elif isinstance(key, Const) or s.is_whole(key):
            left.pop(0)
        else:
            taken, shape = _index(use, key)
            del left[:taken]
            if shape != ():  # a number in a tensor is a number
                found.append((len(dims), shape))
    common = broadcast_shapes(shape for _, shape in found)
    if common is None:
        return None
    at = found[0][0] if len({place for place, _ in found}) == 1 else 0
    return (*dims[:at], *common, *dims[at:], *left)


def _spread(use: Use, keys: tuple[Key, ...], rank: int) -> list[Key]:
    """The keys with an Ellipsis written out. Raises NotKnown where there are too many."""
    taken = 0
    for key in keys:
        if isinstance(key, Slice) or s.is_whole(key):
            taken += 1
        elif not isinstance(key, Const):
            taken += _index(use, key)[0]
    if taken > rank:
        raise NotKnown
    spread: list[Key] = []
    for key in keys:
        if isinstance(key, Const) and key.value is Ellipsis:
            spread.extend([Slice()] * (rank - taken))
        else:
            spread.append(key)
    return spread


def _index(use: Use, key: Key) -> tuple[int, Shape]:
    """How many dimensions an index stands for, and its shape. Raises NotKnown."""
    assert not isinstance(key, Slice)
    items = use.items(key)
    if items:
        kinds = {item.kind if isinstance(item, Const) else None for item in items}
        if kinds in ({int}, {bool}):
            return 1, (len(items) if kinds == {int} else None,)
        raise NotKnown
    index = as_tensor(key)
    if index is None or index.dtype is None or index.shape is None:
        raise NotKnown
    if index.dtype.value == "bool":
        return len(index.shape.value), (None,)
    if index.dtype.value in ("int32", "int64"):
        return 1, index.shape.value
    raise NotKnown


# -- functions --------------------------------------------------------------------------------------------------------


def _index_shape(use: Use) -> Shape | None:
    return shape_of(use.tensor("index"))


def _selected(use: Use) -> Shape | None:
    """`index_select`: as many entries of ``dim`` as there are indices."""
    shape = shape_of(use.tensor())
    dim = dim_of(use.number("dim"), len(shape)) if shape is not None else None
    index = shape_of(use.tensor("index"))
    if shape is None or dim is None:
        return None
    return (*shape[:dim], index[0] if index else None, *shape[dim + 1 :])


def _masked(use: Use) -> Shape | None:
    """`masked_fill`: the input and the mask are broadcast."""
    return broadcast_shapes(of_maps([shape_of(use.tensor()), shape_of(use.tensor("mask"))]))


def _found(use: Use) -> Shape:
    """`nonzero`: a row of indices for each element found."""
    return None, use.tensor().rank


def _nonzero(use: Use) -> Value | None:
    """`nonzero(as_tuple=True)` gives a tuple of indices."""
    if use.flag("as_tuple"):
        return None
    return computed(use, shape=_found, memory=unordered, grad=cut, dtype=fixed("int64"))


def _searched(use: Use) -> Shape | None:
    return shape_of(use.tensor("values")) if "values" in use.given else None


ROWS: tuple[Row, ...] = (
    row("gather", "input dim index", shape=_index_shape, memory=fresh),
    row("take", "input index", shape=_index_shape, memory=unordered),
    row("take_along_dim", "input indices dim", shape=lambda use: None, memory=unordered),
    row("index_select", "input dim index", shape=_selected, memory=fresh, scale=same_scale),
    row("masked_fill", "input mask value", shape=_masked, memory=fresh),
    row("masked_select", "input mask", shape=unknown_sizes(1), memory=fresh, scale=None),
    row("masked_scatter", "input mask source", shape=_masked, memory=unordered),
    row("scatter scatter_add", "input dim index src", memory=fresh),
    row("scatter_reduce", "input dim index src reduce", memory=fresh),
    row("index_add index_copy", "input dim index source", memory=fresh_if_input_contiguous),
    row("index_fill", "input dim index value"),
    row("index_put", "input indices values", memory=kept),
    effect("nonzero", "input", _nonzero),
    row("torch.argwhere", shape=_found, memory=unordered, grad=cut, dtype=fixed("int64")),
    row("torch.bucketize", "input boundaries", memory=fresh_if_input_contiguous, grad=cut, dtype=None),
    row("torch.searchsorted", "sorted_sequence values", shape=_searched, memory=unordered, grad=cut, dtype=None),
    row("torch.isin", "input test_elements", memory=fresh_if_input_contiguous, grad=cut, dtype=fixed("bool")),
)
