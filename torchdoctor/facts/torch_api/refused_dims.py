"""Dimensions that a tensor does not have, and sizes that its elements cannot be put into."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import dim_of
from torchdoctor.facts.refusal import Refusal, count, shape_text, size_text
from torchdoctor.facts.tensor import numel
from torchdoctor.facts.torch_api.arguments import NotKnown, Use
from torchdoctor.facts.torch_api.refusals import Rule
from torchdoctor.facts.torch_api.refused_layers import causes, known
from torchdoctor.facts.unequal import never_equal
from torchdoctor.facts.values import Dim, Tensor

Rank = Callable[[int], int]
_RULE = "dim-out-of-range"


def _out_of_range(tensor: Tensor, dims: Sequence[int], rank: int) -> Refusal | None:
    """``rank`` is the number of dimensions to choose from: more than the tensor has, where one is put in."""
    assert tensor.shape is not None
    for dim in dims:
        if dim_of(dim, max(rank, 1)) is None:
            shape = tensor.shape.value
            says = f"asks for dim {dim} of a tensor of {count(len(shape), 'dim')}, {shape_text(shape)}"
            return Refusal(_RULE, says, causes(tensor))
    return None


def dims(*arguments: str, more: int = 0, default: int | None = None) -> Rule:
    """Each of these arguments is a dimension, or several; ``more`` dimensions than the tensor's to choose from."""

    def refused(use: Use) -> Refusal | None:
        tensor = use.tensor()
        rank = tensor.rank
        if rank is None or tensor.shape is None:
            return None
        for argument in arguments:
            asked = _asked(use, argument, default)
            if (found := _out_of_range(tensor, asked, rank + more)) is not None:
                return found
        return None

    return refused


def _asked(use: Use, argument: str, default: int | None) -> tuple[int, ...]:
    """The dimensions that an argument names; none where it is not known."""
    try:
        found = use.dims(argument) if argument != "dims" or use.given.get("dims") is not None else None
        if found is None and argument == "dims" and use.rest:
            sizes = use.sizes("dims")
            found = tuple(dim for dim in sizes if isinstance(dim, int))
    except NotKnown:
        return ()
    if found is None:
        return () if default is None else (default,)
    return tuple(dim for dim in found if not isinstance(dim, bool))


def _permuted(use: Use) -> Refusal | None:
    tensor, order = use.tensor(), use.sizes("dims")
    if tensor.shape is None:
        return None
    shape = tensor.shape.value
    places = [dim for dim in order if isinstance(dim, int)]
    if len(order) != len(shape):
        says = f"puts {count(len(order), 'dim')} in order, of a tensor of {len(shape)}, {shape_text(shape)}"
        return Refusal(_RULE, says, causes(tensor))
    if (found := _out_of_range(tensor, places, len(shape))) is not None:
        return found
    if len({dim % len(shape) for dim in places}) < len(places):
        return Refusal(_RULE, f"names a dim twice, of a tensor of {count(len(shape), 'dim')}", causes(tensor))
    return None


def _turned(use: Use) -> Refusal | None:
    shape = known(use)
    if len(shape) <= 2:
        return None
    says = f"takes 2 dims at most and gets a tensor of {len(shape)}, {shape_text(shape)}"
    return Refusal("wrong-rank-input", says, causes(use.tensor()))


def _repeated(use: Use) -> Refusal | None:
    shape, times = known(use), use.sizes("repeats")
    if len(times) >= len(shape):
        return None
    says = f"repeats {count(len(times), 'dim')} of a tensor of {len(shape)}, {shape_text(shape)}"
    return Refusal(_RULE, says, causes(use.tensor()))


# -- other sizes ------------------------------------------------------------------------------------------------------


def _impossible(tensor: Tensor, elements: Dim, target: Sequence[Dim]) -> Refusal | None:
    """So many elements have to fit the sizes, of which one may be -1: whatever is left."""
    missing = sum(isinstance(dim, int) and dim == -1 for dim in target)
    if missing > 1:
        return Refusal("impossible-reshape", f"leaves {missing} sizes to be worked out", causes(tensor))
    if any(isinstance(dim, int) and dim < -1 for dim in target) or elements == 0 or 0 in target:
        return None
    rest = s.product(dim for dim in target if dim != -1)
    if missing:
        unfit = isinstance(elements, int) and isinstance(rest, int) and rest > 0 and elements % rest != 0
    else:
        unfit = never_equal(elements, rest)
    if not unfit or tensor.shape is None:
        return None
    into = shape_text(tuple(target))
    says = f"puts the {size_text(elements)} elements of {shape_text(tensor.shape.value)} into {into}"
    more = f", {size_text(rest)}" if not missing and isinstance(rest, int) and len(target) > 1 else ""
    return Refusal("impossible-reshape", says + more, causes(tensor))


def _reshaped(use: Use) -> Refusal | None:
    target = use.sizes("size")
    if not target or any(dim is None for dim in target):
        return None
    if len(target) == 1 and not isinstance(target[0], int) and len(use.rest) == 1:
        return None  # perhaps a tuple, or a dtype
    return _impossible(use.tensor(), numel(use.tensor()), target)


def _unflattened(use: Use) -> Refusal | None:
    tensor = use.tensor()
    into = use.sizes("unflattened_size" if "unflattened_size" in use.given else "sizes")
    shape, dim = known(use), use.number("dim")
    if (found := _out_of_range(tensor, (dim,), len(shape))) is not None:
        return found
    place = dim_of(dim, len(shape))
    size = shape[place] if place is not None else None
    found = _impossible(tensor, size, into) if into and None not in into else None
    if found is None or not found.says.startswith("puts"):
        return found
    says = f"splits the {size_text(size)} entries of dim {dim} of {shape_text(shape)} into {shape_text(into)}"
    return Refusal(found.rule, says, found.causes)


def _expanded(use: Use) -> Refusal | None:
    shape, target = known(use), use.sizes("size")
    if len(target) == 1 and not isinstance(target[0], int):
        return None  # perhaps a tuple
    tensor = use.tensor()
    if len(target) < len(shape):
        says = f"expands a tensor of {count(len(shape), 'dim')}, {shape_text(shape)}, to {len(target)}"
        return Refusal("operands-do-not-broadcast", says, causes(tensor))
    for was, now in zip(reversed(shape), reversed(target), strict=False):
        if isinstance(was, int) and isinstance(now, int) and was != 1 and now not in (-1, was):
            says = f"expands {was} entries to {now}, of a tensor of the shape {shape_text(shape)}"
            return Refusal("operands-do-not-broadcast", says, causes(tensor))
    return None


def _either(names: str) -> list[str]:
    return [full for name in names.split() for full in (f"torch.{name}", f".{name}")]


def _with_dim(use: Use) -> Refusal | None:
    """`std(unbiased)`, `max(other)`: the second argument need not be a dimension."""
    given = use.given.get("dim")
    return None if isinstance(given, Tensor) else dims("dim")(use)


FUNCTIONS: dict[str, Rule] = {
    **dict.fromkeys(
        _either(
            "sum nansum prod mean nanmean logsumexp amax amin all any argmax argmin count_nonzero std var norm quantile"
            " median nanmedian mode kthvalue cummax cummin topk sort argsort cumsum cumprod logcumsumexp softmax"
            " log_softmax max min squeeze select narrow chunk split unbind gather index_select scatter scatter_add"
            " index_fill"
        ),
        _with_dim,
    ),
    **dict.fromkeys(
        [f"torch.nn.functional.{name}" for name in ("softmax", "log_softmax", "softmin", "glu")], dims("dim")
    ),
    "torch.nn.functional.normalize": dims("dim", default=1),
    ".size": dims("dim"),
    **dict.fromkeys(_either("flip"), dims("dims")),
    **dict.fromkeys(_either("transpose swapaxes swapdims"), dims("dim0", "dim1")),
    **dict.fromkeys(_either("movedim moveaxis"), dims("source", "destination")),
    **dict.fromkeys(_either("unsqueeze"), dims("dim", more=1)),
    **dict.fromkeys(_either("flatten"), dims("start_dim", "end_dim")),
    **dict.fromkeys(_either("permute"), _permuted),
    **dict.fromkeys(_either("t"), _turned),
    ".repeat": _repeated,
    **dict.fromkeys([*_either("reshape"), ".view"], _reshaped),
    **dict.fromkeys(_either("unflatten"), _unflattened),
    **dict.fromkeys([".expand", "torch.broadcast_to", ".broadcast_to"], _expanded),
}
MODULES: dict[str, Rule] = {
    **{f"torch.nn.{name}": dims("dim") for name in ("Softmax", "Softmin", "LogSoftmax", "GLU")},
    "torch.nn.Flatten": dims("start_dim", "end_dim"),
    "torch.nn.Unflatten": _unflattened,
}
