"""How each row of the table is called in the tests: arguments for every function and method, drawn in pairs.

A recipe takes a Draw and gives the positional arguments, and behind them a dict of keyword arguments where there are
any. Recipes are found by any name of their row; of two for one name the later counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.facts.torch_tensors import Both, Draw
from torchdoctor.facts.values import Named, Sequence

Recipe = Callable[[Draw], list[Any]]
RECIPES: dict[str, Recipe] = {}
DTYPES = ("float32", "float64", "int64", "bool")


def recipe(names: str) -> Callable[[Recipe], Recipe]:
    """Registers a recipe for the rows of these names."""

    def register(function: Recipe) -> Recipe:
        for name in names.split():
            RECIPES[name] = function
        return function

    return register


def split_keywords(arguments: list[Any]) -> tuple[list[Both], dict[str, Both]]:
    """What a recipe gives, parted into positional and keyword arguments."""
    if arguments and isinstance(arguments[-1], dict):
        return arguments[:-1], arguments[-1]
    return arguments, {}


def dtype(draw: Draw, *names: str) -> Both:
    name = draw.one(*(names or DTYPES))
    return Both(getattr(torch, name), Named(f"torch.{name}"))


def keywords(draw: Draw, **choices: Any) -> dict[str, Both]:
    """Some of these keyword arguments; each choice is a tuple of constants to draw from, or a pair."""
    return {
        name: choice if isinstance(choice, Both) else draw.const(draw.one(*choice))
        for name, choice in choices.items()
        if draw.chance(40)
    }


def broadcastable(draw: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts with this one."""
    shape = tuple(1 if draw.chance(25) else size for size in shape)
    return shape[draw.number(0, len(shape)) :] if draw.chance(40) else shape


# -- element by element ----------------------------------------------------------------------------------------------


@recipe(
    ".abs .positive .acos .log .exp .sigmoid .isnan .relu torch.nn.functional.softsign torch.nn.functional.logsigmoid"
    " torch.nn.functional.silu .angle .detach .clone .ravel .t .trace .det .pin_memory .cpu .cov .fliplr .nonzero"
    " .detach_ .zero_ .dim .numel .size .contiguous .is_contiguous torch.argwhere .bernoulli .diag_embed"
    " .inverse torch.linalg.eigvalsh .svd torch.linalg.svd .qr torch.linalg.eigh .pinverse .aminmax .adjoint"
    " torch.celu torch.zeros_like torch.nn.functional.gelu torch.nn.functional.softplus"
)
def one_tensor(draw: Draw) -> list[Any]:
    return [draw.tensor()]


@recipe(".round .bitwise_not")
def one_of_any_dtype(draw: Draw) -> list[Any]:
    return [draw.any_dtype()]


RECIPES["torch.complex"] = RECIPES["torch.polar"] = lambda draw: [
    first := draw.tensor(dtype=torch.float32),
    draw.tensor(broadcastable(draw, tuple(first.real.shape)), dtype=torch.float32),
]


@recipe(".conj .is_floating_point torch.is_tensor .unique")
def one_of_any(draw: Draw) -> list[Any]:
    return [draw.any_dtype()]


@recipe("torch.fft.fft torch.fft.rfft torch.fft.fftshift")
def signal(draw: Draw) -> list[Any]:
    return [draw.tensor(ranks=(2, 4), dtype=torch.float32)]


@recipe(".rot90")
def rot90(draw: Draw) -> list[Any]:
    return [draw.tensor(ranks=(2, 4)), draw.const(draw.one(1, 2))]


@recipe("torch.nn.utils.rnn.pad_sequence")
def pad_sequence(draw: Draw) -> list[Any]:
    return [
        draw.tuple([draw.tensor((length, 2), dtype=torch.float32) for length in (2, 3)]),
        draw.const(draw.chance(50)),
    ]


@recipe(".logit")
def unit(draw: Draw) -> list[Any]:
    return [draw.tensor(values="unit")]


@recipe("torch.nn.functional.elu torch.nn.functional.leaky_relu")
def with_slope(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.const(0.2)]


@recipe("torch.nn.functional.hardtanh")
def with_bounds(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.const(-1.0), draw.const(0.5)]


@recipe("torch.nn.functional.threshold torch.threshold")
def with_threshold(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.const(0.1), draw.const(2.0)]


@recipe(".hardshrink")
def with_lambda(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.const(0.3)]


@recipe(".prelu")
def with_weight(draw: Draw) -> list[Any]:
    return [draw.tensor(dtype=torch.float32, ranks=(1, 4)), draw.tensor((1,), dtype=torch.float32)]


@recipe("torch.nn.functional.rrelu")
def rrelu(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.const(0.1), draw.const(0.3), draw.const(draw.chance(50))]


@recipe("torch.nn.functional.dropout torch.dropout")
def dropout(draw: Draw) -> list[Any]:
    return [draw.tensor(ranks=(2, 5)), draw.const(draw.one(0.5, 0.0)), draw.const(draw.chance(50))]


@recipe(".add .mul .div .atan2 .eq")
def two_tensors(draw: Draw) -> list[Any]:
    first = draw.tensor()
    if draw.chance(30):
        return [first, draw.const(draw.one(2, 0.5))]
    shape = first.real.shape if draw.chance(40) else broadcastable(draw, tuple(first.real.shape))
    return [first, draw.tensor(tuple(shape))]


@recipe(".bitwise_and")
def two_integers(draw: Draw) -> list[Any]:
    kind = draw.one(torch.int64, torch.bool)
    first = draw.tensor(dtype=kind)
    return [first, draw.tensor(broadcastable(draw, tuple(first.real.shape)), dtype=kind)]


@recipe(".pow")
def power(draw: Draw) -> list[Any]:
    first = draw.tensor(values="unit")
    return [first, draw.const(2) if draw.chance(50) else draw.tensor(broadcastable(draw, tuple(first.real.shape)))]


@recipe(".clamp")
def clamp(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.const(draw.one(0, 0.25, -1.0)), draw.const(draw.one(1, 0.5))]


@recipe(".clamp_min .clamp_max")
def clamp_one(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.const(0.5)]


@recipe(".lerp")
def lerp(draw: Draw) -> list[Any]:
    first = draw.tensor(dtype=torch.float32)
    shape = tuple(first.real.shape)
    end = draw.tensor(broadcastable(draw, shape), dtype=torch.float32)
    return [first, end, draw.const(0.3) if draw.chance(50) else draw.tensor(shape, dtype=torch.float32)]


@recipe(".addcmul")
def addcmul(draw: Draw) -> list[Any]:
    first = draw.tensor(dtype=torch.float32)
    shape = tuple(first.real.shape)
    rest = [draw.tensor(broadcastable(draw, shape), dtype=torch.float32) for _ in range(2)]
    return [first, *rest, {"value": draw.const(0.5)}]


@recipe("torch.where")
def where(draw: Draw) -> list[Any]:
    shape = draw.shape()
    mask = draw.tensor(broadcastable(draw, shape), dtype=torch.bool)
    first = draw.tensor(shape) if draw.chance(60) else draw.const(1.0)
    return [mask, first, draw.const(0.0) if draw.chance(50) else draw.tensor(broadcastable(draw, shape))]


@recipe(".where")
def where_method(draw: Draw) -> list[Any]:
    mask, *rest = where(draw)
    rest[0] = rest[0] if isinstance(rest[0].real, torch.Tensor) else draw.tensor()
    return [rest[0], mask, rest[1]]


# -- views -----------------------------------------------------------------------------------------------------------


@recipe(".transpose")
def transpose(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    return [tensor, draw.dim(tensor), draw.dim(tensor)]


def order(draw: Draw, rank: int) -> list[int]:
    return [dim - rank if draw.chance(30) else dim for dim in draw.order(rank)]


@recipe(".permute")
def permute(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 5))
    dims = order(draw, tensor.real.dim())
    return [tensor, draw.tuple(dims)]


@recipe(".movedim")
def movedim(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 5))
    if draw.chance(50):
        return [tensor, draw.dim(tensor), draw.dim(tensor)]
    count = draw.number(1, tensor.real.dim())
    return [tensor, *(draw.tuple(order(draw, tensor.real.dim())[:count]) for _ in range(2))]


def other_shape(draw: Draw, shape: tuple[int, ...]) -> list[Any]:
    """Sizes of as many elements: dims split, merged, ones put in and taken out; perhaps one -1."""
    sizes: list[int] = []
    for size in shape:
        if size == 1 and draw.chance(50):
            continue
        if size == 4 and draw.chance(50):
            sizes += [2, 2]
        elif sizes and draw.chance(35):
            sizes[-1] *= size
        else:
            sizes.append(size)
        if draw.chance(15):
            sizes.append(1)
    if not sizes:
        sizes = list(shape)
    result = [draw.size(size) for size in sizes]
    if result and 0 not in shape and draw.chance(30):
        result[draw.number(0, len(result) - 1)] = draw.const(-1)
    return result


@recipe(".view .reshape")
def view(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    sizes = other_shape(draw, tuple(tensor.real.shape))
    return [tensor, draw.tuple(sizes)]


@recipe(".view_as .reshape_as")
def view_as(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    sizes = [size.real for size in other_shape(draw, tuple(tensor.real.shape)) if size.real != -1]
    return [tensor, draw.tensor(tuple(sizes))]


@recipe(".flatten")
def flatten(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    return [tensor] if draw.chance(30) else [tensor, draw.dim(tensor), draw.dim(tensor)]


@recipe(".unflatten")
def unflatten(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 4))
    dim = draw.dim(tensor)
    size = tensor.real.shape[dim.real]
    parts = [draw.size(2), draw.const(-1)] if size % 2 == 0 and size else [draw.size(size), draw.const(1)]
    return [tensor, dim, draw.tuple(parts)]


@recipe(".expand")
def expand(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(0, 4))
    sizes = [
        draw.size(draw.one(2, 3)) if size == 1 else draw.const(-1) if draw.chance(50) else draw.size(size)
        for size in tensor.real.shape
    ]
    front = [draw.size(draw.one(2, 3)) for _ in range(draw.number(0, 1))]
    return [tensor, draw.tuple([*front, *sizes])]


@recipe(".expand_as")
def expand_as(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(0, 4))
    return [tensor, draw.tensor(tuple(3 if size == 1 else size for size in tensor.real.shape))]


@recipe(".unsqueeze")
def unsqueeze(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    return [tensor, draw.dim(tensor, extra=1)]


@recipe(".squeeze")
def squeeze(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    if draw.chance(40):
        return [tensor]
    return [tensor, draw.dim(tensor) if draw.chance(70) or not tensor.real.dim() else draw.dims(tensor)]


@recipe(".select")
def select(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 5), full=True)
    dim = draw.dim(tensor)
    size = tensor.real.shape[dim.real]
    return [tensor, dim, draw.const(draw.number(-size, size - 1))]


@recipe(".narrow")
def narrow(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 5))
    dim = draw.dim(tensor)
    size = tensor.real.shape[dim.real]
    start = draw.number(0, size)
    return [tensor, dim, draw.const(start), draw.size(draw.number(0, size - start))]


@recipe(".diagonal")
def diagonal(draw: Draw) -> list[Any]:
    return [
        draw.tensor(ranks=(2, 4)),
        draw.const(draw.one(0, 0, 1)),
        draw.const(draw.one(0, -2)),
        draw.const(draw.one(1, -1)),
    ]


@recipe(".unfold")
def unfold(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 4), full=True)
    return [tensor, draw.dim(tensor), draw.const(draw.one(1, 2)), draw.const(draw.one(1, 2))]


@recipe("torch.view_as_real")
def view_as_real(draw: Draw) -> list[Any]:
    tensor = draw.tensor(dtype=torch.float32)
    real = tensor.real.detach().to(torch.complex64)
    return [draw.described(real, "plain")]


@recipe("torch.view_as_complex")
def view_as_complex(draw: Draw) -> list[Any]:
    return [draw.tensor((*draw.shape(0, 3), 2), dtype=torch.float32)]


# -- along dimensions ------------------------------------------------------------------------------------------------


@recipe(".mean .logsumexp .all .std .nanmean")
def reduced(draw: Draw) -> list[Any]:
    tensor = draw.tensor(full=True)
    if draw.chance(25):
        return [tensor, {"keepdim": draw.const(True)}] if draw.chance(0) else [tensor]
    dims = draw.dim(tensor) if draw.chance(60) or not tensor.real.dim() else draw.dims(tensor)
    return [tensor, dims] if draw.chance(50) else [tensor, {"dim": dims, "keepdim": draw.const(draw.chance(50))}]


RECIPES[".logsumexp"] = lambda draw: _with_dim(draw)


def _with_dim(draw: Draw) -> list[Any]:
    tensor = draw.tensor(full=True)
    return [tensor, draw.dim(tensor), *([draw.const(draw.chance(50))] if draw.chance(50) else [])]


@recipe(".sum")
def summed(draw: Draw) -> list[Any]:
    tensor = draw.any_dtype()
    if draw.chance(30):
        return [tensor]
    dim = draw.dim(tensor)
    more = keywords(draw, keepdim=(True, False), dtype=dtype(draw, "float64", "int64"))
    return [tensor, dim, more]


@recipe(".argmax .count_nonzero .cummax .sort .argsort .cumsum .logcumsumexp .kthvalue .mode .median .max .topk")
def along(draw: Draw) -> list[Any]:
    tensor = draw.tensor(full=True)
    return [tensor, draw.dim(tensor)]


RECIPES[".kthvalue"] = lambda draw: _with_k(draw)
RECIPES[".topk"] = lambda draw: _with_k(draw)


def _with_k(draw: Draw) -> list[Any]:
    tensor = draw.tensor(full=True)
    dim = draw.dim(tensor)
    size = tensor.real.shape[dim.real] if tensor.real.dim() else 1
    return [tensor, draw.size(draw.number(1, size)), dim]


RECIPES[".max"] = lambda draw: _largest(draw)
RECIPES[".median"] = lambda draw: _largest(draw, two=False)


def _largest(draw: Draw, *, two: bool = True) -> list[Any]:
    tensor = draw.tensor(full=True)
    if draw.chance(30):
        return [tensor]
    if two and draw.chance(30):
        return [tensor, draw.tensor(broadcastable(draw, tuple(tensor.real.shape)))]
    return [tensor, {"dim": draw.dim(tensor), "keepdim": draw.const(draw.chance(50))}]


@recipe(".norm")
def norm(draw: Draw) -> list[Any]:
    tensor = draw.tensor(full=True)
    return [tensor, draw.const(2), draw.dim(tensor), draw.const(draw.chance(50))]


@recipe("torch.linalg.norm")
def vector_norm(draw: Draw) -> list[Any]:
    tensor = draw.tensor(full=True, ranks=(1, 4))
    return [tensor, draw.const(2), draw.dim(tensor), draw.const(draw.chance(50))]


@recipe(".quantile")
def quantile(draw: Draw) -> list[Any]:
    tensor = draw.tensor(full=True, dtype=torch.float32)
    q = draw.const(0.5) if draw.chance(60) else draw.tensor((2,), dtype=torch.float32, values="unit")
    return [tensor, q, draw.dim(tensor), draw.const(draw.chance(50))]


@recipe(".dist torch.nn.functional.cosine_similarity torch.nn.functional.pairwise_distance .cross .dot .inner")
def same_shape(draw: Draw) -> list[Any]:
    first = draw.tensor(dtype=torch.float32, ranks=(1, 4))
    return [first, draw.tensor(tuple(first.real.shape), dtype=torch.float32)]


RECIPES[".dot"] = lambda draw: [draw.tensor((3,), dtype=torch.float32), draw.tensor((3,), dtype=torch.float32)]
RECIPES[".cross"] = lambda draw: [
    draw.tensor((2, 3), dtype=torch.float32),
    draw.tensor((draw.one(1, 2), 3), dtype=torch.float32),
]


@recipe("torch.std_mean")
def std_mean(draw: Draw) -> list[Any]:
    tensor = draw.tensor(full=True)
    return [tensor, draw.dim(tensor), {"keepdim": draw.const(draw.chance(50))}]


RECIPES[".aminmax"] = lambda draw: [tensor := draw.tensor(full=True), {"dim": draw.dim(tensor)}]


@recipe(".softmax .log_softmax")
def softmax(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    return [tensor, draw.dim(tensor)]


@recipe("torch.nn.functional.softmax torch.nn.functional.log_softmax torch.nn.functional.gumbel_softmax")
def softmax_function(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    return [tensor, {"dim": draw.dim(tensor)}]


@recipe("torch.nn.functional.normalize")
def normalize(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 5))
    return [tensor, {"dim": draw.dim(tensor)}]


@recipe(".flip")
def flip(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 5))
    return [tensor, draw.dims(tensor)]


@recipe(".roll")
def roll(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 4))
    return [tensor, draw.const(1), draw.dim(tensor)]


@recipe(".diff")
def diff(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 4), full=True)
    return [tensor, draw.const(draw.one(1, 2)), draw.dim(tensor)]


@recipe(".renorm")
def renorm(draw: Draw) -> list[Any]:
    return [draw.tensor(ranks=(2, 4)), draw.const(2), draw.const(0), draw.const(1.0)]


@recipe(".tril")
def tril(draw: Draw) -> list[Any]:
    return [draw.tensor(ranks=(2, 4)), draw.const(draw.one(0, 1, -1))]


@recipe(".histc")
def histc(draw: Draw) -> list[Any]:
    return [draw.tensor(dtype=torch.float32), draw.size(5), draw.const(0), draw.const(1)]


@recipe(".bincount")
def bincount(draw: Draw) -> list[Any]:
    return [draw.tensor((draw.number(0, 4),), dtype=torch.int64)]


# -- together and apart ----------------------------------------------------------------------------------------------


def several(draw: Draw, *, cat: bool, ranks: tuple[int, int] = (1, 5)) -> tuple[Both, Both]:
    first = draw.tensor(ranks=ranks, dtype=torch.float32)
    dim = draw.dim(first, extra=0 if cat else 1)
    tensors = [first]
    if draw.chance(30):  # of one layout, which torch may keep
        return draw.tuple([first, draw.described(first.real.detach().clone(), "plain")]), dim
    for _ in range(draw.number(0, 2)):
        shape = list(first.real.shape)
        if cat and shape:
            shape[dim.real] = draw.one(1, 2, 3)
        tensors.append(draw.tensor(tuple(shape), dtype=torch.float32))
    return draw.tuple(tensors), dim


@recipe("torch.cat")
def cat(draw: Draw) -> list[Any]:
    tensors, dim = several(draw, cat=True)
    return [tensors, dim]


@recipe("torch.stack")
def stack(draw: Draw) -> list[Any]:
    tensors, dim = several(draw, cat=False, ranks=(0, 4))
    return [tensors, dim]


@recipe("torch.vstack torch.hstack")
def vstack(draw: Draw) -> list[Any]:
    shape = draw.shape(1, 3)
    return [draw.tuple([draw.tensor(shape, dtype=torch.float32) for _ in range(2)])]


@recipe("torch.block_diag")
def vectors(draw: Draw) -> list[Any]:
    return [draw.tensor((draw.one(2, 3, 1),), dtype=torch.float32) for _ in range(draw.number(1, 3))]


RECIPES["torch.broadcast_tensors"] = lambda draw: [
    first := draw.tensor(),
    draw.tensor(broadcastable(draw, tuple(first.real.shape))),
]
RECIPES["torch.meshgrid"] = lambda draw: [*vectors(draw), {"indexing": draw.const(draw.one("ij", "xy"))}]


@recipe(".repeat .tile")
def repeat(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(0, 4))
    return [tensor, draw.tuple([draw.size(draw.one(1, 2)) for _ in range(tensor.real.dim() + draw.number(0, 1))])]


@recipe(".repeat_interleave")
def repeat_interleave(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    return [tensor, draw.const(2)] if draw.chance(30) else [tensor, draw.const(2), draw.dim(tensor)]


@recipe(".chunk")
def chunk(draw: Draw) -> list[Any]:
    tensor = draw.tensor((*draw.shape(0, 2), 4, *draw.shape(0, 2)))
    dim = next(place for place, size in enumerate(tensor.real.shape) if size == 4)
    return [tensor, draw.const(2), draw.const(dim)]


@recipe(".split")
def split(draw: Draw) -> list[Any]:
    tensor = draw.tensor((*draw.shape(0, 2), draw.one(4, 3), *draw.shape(0, 2)))
    dim = draw.dim(tensor)
    size = tensor.real.shape[dim.real]
    if draw.chance(40) and size > 1:
        return [tensor, draw.tuple([draw.size(1), draw.size(size - 1)]), dim]
    return [tensor, draw.size(draw.one(2, 1)), dim]


@recipe(".split_with_sizes")
def split_with_sizes(draw: Draw) -> list[Any]:
    tensor = draw.tensor((4, *draw.shape(0, 3)))
    return [tensor, draw.tuple([draw.size(1), draw.size(3)]), draw.const(0)]


@recipe(".unbind")
def unbind(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 4))
    return [tensor, draw.dim(tensor)]


# -- copies and casts ------------------------------------------------------------------------------------------------


def format_(draw: Draw) -> dict[str, Both]:
    name = draw.one("contiguous_format", "preserve_format", "channels_last")
    return {"memory_format": Both(getattr(torch, name), Named(f"torch.{name}"))} if draw.chance(30) else {}


RECIPES[".clone"] = lambda draw: [draw.tensor(), format_(draw)]
RECIPES[".contiguous"] = lambda draw: [draw.tensor()]


@recipe(".to")
def to(draw: Draw) -> list[Any]:
    tensor = draw.any_dtype()
    how = draw.one("dtype", "device", "both", "other", "keyword")
    cpu = draw.const("cpu")
    if how == "device":
        return [tensor, cpu]
    if how == "both":
        return [tensor, cpu, dtype(draw)]
    if how == "other":
        return [tensor, draw.any_dtype()]
    return [tensor, dtype(draw)] if how == "dtype" else [tensor, {"dtype": dtype(draw), "device": cpu}]


for _cast in ("float", "double", "half", "bfloat16", "long", "int", "short", "char", "byte", "bool"):
    RECIPES[f".{_cast}"] = lambda draw: [draw.any_dtype()]


@recipe(".type")
def type_(draw: Draw) -> list[Any]:
    return [draw.any_dtype(), dtype(draw)]


@recipe(".type_as")
def type_as(draw: Draw) -> list[Any]:
    return [draw.any_dtype(), draw.any_dtype()]


@recipe(".requires_grad_")
def requires_grad_(draw: Draw) -> list[Any]:
    return [draw.tensor(), *([draw.const(draw.chance(50))] if draw.chance(30) else [])]


if torch.cuda.is_available():
    RECIPES[".cuda"] = one_tensor
RECIPES[".size"] = lambda draw: [tensor := draw.tensor(ranks=(1, 5)), draw.dim(tensor)]
RECIPES["builtins.len"] = lambda draw: [draw.tensor(ranks=(1, 4))]
RECIPES["builtins.int"] = lambda draw: [draw.size(3)]


@recipe("builtins.isinstance")
def isinstance_(draw: Draw) -> list[Any]:
    """One class, or several that are alternatives."""
    kinds = {
        "torch.Tensor": torch.Tensor,
        "builtins.int": int,
        "builtins.str": str,
        "torch.nn.Parameter": torch.nn.Parameter,
    }
    names = [draw.one(*kinds) for _ in range(draw.number(1, 2))]
    both = [Both(kinds[name], Named(name)) for name in names]
    several = Both(tuple(one.real for one in both), Sequence(tuple(one.value for one in both)))
    return [draw.any_dtype(), both[0] if len(both) == 1 else several]


# -- creation --------------------------------------------------------------------------------------------------------


def sizes(draw: Draw) -> list[Both]:
    return [draw.size(draw.one(2, 3, 1, 0)) for _ in range(draw.number(0, 3))]


def made_with(draw: Draw) -> dict[str, Both]:
    return keywords(draw, dtype=dtype(draw, "float32", "float64"), device=("cpu",), requires_grad=(True, False))


@recipe("torch.zeros")
def zeros(draw: Draw) -> list[Any]:
    shape = sizes(draw)
    return [*([draw.tuple(shape)] if draw.chance(50) or not shape else shape), made_with(draw)]


@recipe("torch.full")
def full(draw: Draw) -> list[Any]:
    return [draw.tuple(sizes(draw)), draw.const(draw.one(1, 0.5, True)), keywords(draw, dtype=dtype(draw))]


@recipe("torch.arange")
def arange(draw: Draw) -> list[Any]:
    how = draw.number(0, 3)
    if how == 0:
        return [draw.size(draw.number(0, 4))]
    if how == 1:
        return [draw.const(1), draw.const(draw.one(4, 1)), draw.const(draw.one(1, 2))]
    if how == 2:
        return [draw.const(0), draw.const(2.5), draw.const(0.5)]
    return [draw.const(0), draw.size(3), keywords(draw, dtype=dtype(draw, "float32", "int64"))]


@recipe("torch.linspace")
def linspace(draw: Draw) -> list[Any]:
    return [draw.const(0), draw.const(1), draw.size(3)]


@recipe("torch.eye")
def eye(draw: Draw) -> list[Any]:
    return [draw.size(3), *([draw.size(2)] if draw.chance(50) else [])]


@recipe("torch.randperm torch.hann_window")
def count(draw: Draw) -> list[Any]:
    return [draw.size(draw.number(0, 4))]


@recipe("torch.tril_indices")
def tril_indices(draw: Draw) -> list[Any]:
    return [draw.const(3), draw.const(2)]


@recipe("torch.randint")
def randint(draw: Draw) -> list[Any]:
    bounds = [draw.const(0), draw.const(5)] if draw.chance(50) else [draw.const(5)]
    return [*bounds, draw.tuple(sizes(draw))]


@recipe("torch.normal")
def normal(draw: Draw) -> list[Any]:
    return [draw.const(0.0), draw.const(1.0), draw.tuple(sizes(draw))]


RECIPES["torch.zeros_like"] = lambda draw: [draw.tensor(), made_with(draw)]


@recipe("torch.full_like torch.randint_like")
def full_like(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.const(3)]


@recipe(".new_zeros")
def new_zeros(draw: Draw) -> list[Any]:
    return [draw.any_dtype(), draw.tuple(sizes(draw))]


@recipe(".new_full")
def new_full(draw: Draw) -> list[Any]:
    return [draw.any_dtype(), draw.tuple(sizes(draw)), draw.const(1)]


def data(draw: Draw, depth: int = 2) -> Both:
    kind = draw.one(0.5, 1, True)
    if depth == 0 or draw.chance(30):
        return draw.const(kind)
    return draw.tuple([draw.const(kind)] * draw.number(1, 3))


@recipe("torch.tensor torch.as_tensor torch.scalar_tensor")
def tensor_of_data(draw: Draw) -> list[Any]:
    return [data(draw), keywords(draw, dtype=dtype(draw))]


RECIPES["torch.scalar_tensor"] = lambda draw: [draw.const(draw.one(1.0, 2.0)), keywords(draw, dtype=dtype(draw))]
RECIPES["torch.as_tensor"] = lambda draw: [
    data(draw) if draw.chance(50) else draw.tensor(),
    keywords(draw, dtype=dtype(draw)),
]


@recipe(".new_tensor")
def new_tensor(draw: Draw) -> list[Any]:
    return [draw.tensor(), data(draw)]


@recipe("torch.from_numpy")
def from_numpy(draw: Draw) -> list[Any]:
    array = torch.randn(2, 3).numpy()
    return [Both(array, Named("array"))]


@recipe("torch.nn.Parameter")
def parameter(draw: Draw) -> list[Any]:
    return [draw.tensor(), *([draw.const(draw.chance(50))] if draw.chance(30) else [])]


@recipe("torch.nn.functional.one_hot")
def one_hot(draw: Draw) -> list[Any]:
    return [draw.tensor(dtype=torch.int64), draw.size(draw.one(2, 5))]


@recipe(".diag")
def diag(draw: Draw) -> list[Any]:
    return [draw.tensor(ranks=(1, 2))]


RECIPES[".bernoulli"] = unit


@recipe(".multinomial")
def multinomial(draw: Draw) -> list[Any]:
    return [draw.tensor((*draw.one((), (2,)), 3), values="unit"), draw.size(2)]


for _legacy in ("", "Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"):
    RECIPES[f"torch.{_legacy}Tensor"] = lambda draw: (
        [draw.const(2), draw.const(3)] if draw.chance(50) else [draw.tuple([1, 0, 1])]
    )


# -- picking ---------------------------------------------------------------------------------------------------------


def index_for(draw: Draw, shape: tuple[int, ...]) -> Both:
    return draw.tensor(shape, dtype=torch.int64, values="index")


@recipe(".gather .scatter .scatter_reduce")
def gather(draw: Draw) -> list[Any]:
    tensor = draw.tensor((2, *draw.shape(0, 3)), dtype=torch.float32)
    return [tensor, draw.const(0), index_for(draw, (2, *tensor.real.shape[1:]))]


RECIPES[".scatter"] = lambda draw: [*gather(draw)[:3], draw.const(1.0)]
RECIPES[".scatter_reduce"] = lambda draw: [
    *(a := gather(draw)),
    draw.tensor(tuple(a[2].real.shape), dtype=torch.float32),
    draw.const("sum"),
]


@recipe(".take")
def take(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 3)), index_for(draw, draw.shape(0, 2))]


@recipe(".take_along_dim")
def take_along_dim(draw: Draw) -> list[Any]:
    tensor = draw.tensor((2, 3))
    return [tensor, index_for(draw, (2, 1)), draw.const(1)]


@recipe(".index_select")
def index_select(draw: Draw) -> list[Any]:
    tensor = draw.tensor((2, *draw.shape(0, 3)))
    return [tensor, draw.const(0), index_for(draw, (draw.number(0, 3),))]


@recipe(".masked_fill")
def masked_fill(draw: Draw) -> list[Any]:
    tensor = draw.tensor()
    return [tensor, draw.tensor(broadcastable(draw, tuple(tensor.real.shape)), dtype=torch.bool), draw.const(0.0)]


@recipe(".masked_select")
def masked_select(draw: Draw) -> list[Any]:
    return masked_fill(draw)[:2]


@recipe(".masked_scatter")
def masked_scatter(draw: Draw) -> list[Any]:
    tensor = draw.tensor(dtype=torch.float32)
    mask = draw.tensor(tuple(tensor.real.shape), dtype=torch.bool)
    return [tensor, mask, draw.tensor((*tensor.real.shape, 1), dtype=torch.float32)]


@recipe(".index_add")
def index_add(draw: Draw) -> list[Any]:
    tensor = draw.tensor((2, *draw.shape(0, 3)), dtype=torch.float32)
    return [tensor, draw.const(0), index_for(draw, (2,)), draw.tensor(tuple(tensor.real.shape), dtype=torch.float32)]


@recipe(".index_fill")
def index_fill(draw: Draw) -> list[Any]:
    return [draw.tensor((2, *draw.shape(0, 3))), draw.const(0), index_for(draw, (1,)), draw.const(1.0)]


@recipe(".index_put")
def index_put(draw: Draw) -> list[Any]:
    tensor = draw.tensor((2, *draw.shape(0, 3)), dtype=torch.float32)
    return [tensor, draw.tuple([index_for(draw, (1,))]), draw.tensor((1,), dtype=torch.float32)]


@recipe("torch.bucketize")
def bucketize(draw: Draw) -> list[Any]:
    return [draw.tensor(dtype=torch.float32), draw.described(torch.tensor([0.0, 1.0]), "plain")]


@recipe("torch.searchsorted")
def searchsorted(draw: Draw) -> list[Any]:
    return [draw.described(torch.tensor([0.0, 1.0]), "plain"), draw.tensor(dtype=torch.float32)]


@recipe("torch.isin")
def isin(draw: Draw) -> list[Any]:
    return [draw.tensor(), draw.tensor((2,))]


# -- products --------------------------------------------------------------------------------------------------------


@recipe(".matmul")
def matmul(draw: Draw) -> list[Any]:
    inner = draw.one(2, 3, 1, 0)
    left = (*draw.one((), (2,), (3, 2), (1, 2)), *draw.one((), (2,), (4,)), inner)
    right = draw.one((inner,), (inner, 3), (2, inner, 4), (3, 2, inner, 1))
    return [draw.tensor(left, dtype=torch.float32), draw.tensor(right, dtype=torch.float32)]


@recipe(".mm")
def mm(draw: Draw) -> list[Any]:
    a, b, c = (draw.one(2, 3, 1, 0) for _ in range(3))
    return [draw.tensor((a, b), dtype=torch.float32), draw.tensor((b, c), dtype=torch.float32)]


@recipe(".mv")
def mv(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 3), dtype=torch.float32), draw.tensor((3,), dtype=torch.float32)]


@recipe(".bmm")
def bmm(draw: Draw) -> list[Any]:
    a, b, c, d = (draw.one(2, 3, 1, 0) for _ in range(4))
    return [draw.tensor((a, b, c), dtype=torch.float32), draw.tensor((a, c, d), dtype=torch.float32)]


@recipe(".outer")
def outer(draw: Draw) -> list[Any]:
    return [draw.tensor((2,), dtype=torch.float32), draw.tensor((3,), dtype=torch.float32)]


@recipe(".addmm")
def addmm(draw: Draw) -> list[Any]:
    return [
        draw.tensor(draw.one((2, 4), (4,), (1, 4)), dtype=torch.float32),
        draw.tensor((2, 3), dtype=torch.float32),
        draw.tensor((3, 4), dtype=torch.float32),
    ]


@recipe(".baddbmm")
def baddbmm(draw: Draw) -> list[Any]:
    return [
        draw.tensor(draw.one((2, 3, 4), (4,), (1, 3, 4)), dtype=torch.float32),
        draw.tensor((2, 3, 5), dtype=torch.float32),
        draw.tensor((2, 5, 4), dtype=torch.float32),
    ]


@recipe(".addmv")
def addmv(draw: Draw) -> list[Any]:
    return [draw.tensor((2,), dtype=torch.float32), *mv(draw)]


@recipe(".addr")
def addr(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 3), dtype=torch.float32), *outer(draw)]


@recipe("torch.nn.functional.linear")
def linear(draw: Draw) -> list[Any]:
    tensor = draw.tensor((*draw.shape(0, 3), 3), dtype=torch.float32)
    bias = [draw.tensor((4,), dtype=torch.float32)] if draw.chance(50) else []
    return [tensor, draw.tensor((4, 3), dtype=torch.float32), *bias]


@recipe("torch.einsum")
def einsum(draw: Draw) -> list[Any]:
    equation, shapes = draw.one(
        ("bij,bjk->bik", ((2, 3, 4), (2, 4, 2))),
        ("ij,j->i", ((2, 3), (3,))),
        ("ij->ji", ((2, 3),)),
        ("bhqd, bhkd -> bhqk", ((2, 1, 3, 4), (2, 1, 2, 4))),
        ("i,j->", ((2,), (3,))),
        ("...i,i->...", ((2, 3), (3,))),
    )
    return [draw.const(equation), *(draw.tensor(shape, dtype=torch.float32) for shape in shapes)]


@recipe("torch.tensordot")
def tensordot(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 3), dtype=torch.float32), draw.tensor((3, 4), dtype=torch.float32), draw.const(1)]


@recipe("torch.chain_matmul")
def chain(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 3), dtype=torch.float32), draw.tensor((3, 4), dtype=torch.float32)]


@recipe("torch.cdist")
def cdist(draw: Draw) -> list[Any]:
    batch = draw.one((), (2,), (2, 1))
    return [draw.tensor((*batch, 3, 4), dtype=torch.float32), draw.tensor((*batch, 2, 4), dtype=torch.float32)]


@recipe("torch.nn.functional.bilinear")
def bilinear(draw: Draw) -> list[Any]:
    shapes = ((2, 3), (2, 4), (5, 3, 4))
    return [draw.tensor(shape, dtype=torch.float32) for shape in shapes]


@recipe("torch.nn.functional.scaled_dot_product_attention")
def attention(draw: Draw) -> list[Any]:
    batch = draw.one((2,), (2, 3))
    return [draw.tensor((*batch, length, 4), dtype=torch.float32) for length in (3, 5, 5)]


@recipe(".matrix_power")
def matrix_power(draw: Draw) -> list[Any]:
    return [draw.tensor((3, 3), dtype=torch.float32), draw.const(2)]


def square(draw: Draw) -> list[Any]:
    return [draw.tensor((*draw.one((), (2,)), 3, 3), dtype=torch.float32)]


for _name in (
    ".inverse",
    "torch.linalg.eigvalsh",
    ".svd",
    "torch.linalg.svd",
    ".qr",
    "torch.linalg.eigh",
    ".pinverse",
    ".det",
):
    RECIPES[_name] = square
RECIPES[".trace"] = lambda draw: [draw.tensor(ranks=(2, 2))]
RECIPES[".adjoint"] = lambda draw: [draw.tensor(ranks=(2, 4))]
RECIPES[".fliplr"] = lambda draw: [draw.tensor(ranks=(2, 4))]
RECIPES[".cov"] = lambda draw: [draw.tensor(ranks=(1, 2), full=True)]


@recipe("torch.linalg.solve")
def solve(draw: Draw) -> list[Any]:
    return [draw.tensor((3, 3), dtype=torch.float32), draw.tensor((3, 2), dtype=torch.float32)]


# -- neural ----------------------------------------------------------------------------------------------------------


def image(draw: Draw, rank: int, channels: int = 4, *, size: tuple[int, ...] = (6, 7, 8)) -> Both:
    batch = draw.one((2,), (1,), ())
    return in_order(draw, draw.tensor((*batch, channels, *(draw.one(*size) for _ in range(rank))), dtype=torch.float32))


def in_order(draw: Draw, tensor: Both) -> Both:
    """A contiguous tensor with the strides that every new one has: dimensions of size one can have others."""
    if not tensor.real.is_contiguous():
        return tensor
    plain = torch.empty(tensor.real.shape, dtype=tensor.real.dtype).copy_(tensor.real.detach())
    return draw.described(plain, "plain")


def setting(draw: Draw, rank: int, *options: int) -> Both:
    if draw.chance(40):
        return draw.tuple([draw.one(*options) for _ in range(rank)])
    return draw.const(draw.one(*options))


def convolution(rank: int) -> Recipe:
    def arguments(draw: Draw) -> list[Any]:
        groups = draw.one(1, 2)
        weight = draw.tensor((6, 4 // groups, *(draw.one(1, 2, 3) for _ in range(rank))), dtype=torch.float32)
        weight = draw.described(torch.randn(weight.real.shape), "plain")
        more = keywords(
            draw,
            stride=setting(draw, rank, 1, 2),
            padding=setting(draw, rank, 0, 1),
            dilation=setting(draw, rank, 1, 2),
        )
        return [image(draw, rank), weight, {**more, "groups": draw.const(groups)}]

    return arguments


def transposed(rank: int) -> Recipe:
    def arguments(draw: Draw) -> list[Any]:
        weight = draw.described(torch.randn(4, 3, *(draw.one(1, 2, 3) for _ in range(rank))), "plain")
        more = keywords(
            draw,
            stride=setting(draw, rank, 2, 3),
            padding=setting(draw, rank, 0, 1),
            dilation=setting(draw, rank, 1, 2),
        )
        return [image(draw, rank), weight, more]

    return arguments


def pool(rank: int, *, maximum: bool) -> Recipe:
    def arguments(draw: Draw) -> list[Any]:
        more = keywords(
            draw, stride=setting(draw, rank, 1, 2), padding=setting(draw, rank, 0, 1), ceil_mode=(True, False)
        )
        if maximum:
            more |= keywords(draw, dilation=setting(draw, rank, 1, 2), return_indices=(True, False))
        return [image(draw, rank), setting(draw, rank, 2, 3), more]

    return arguments


for _rank in (1, 2, 3):
    RECIPES[f"torch.conv{_rank}d"] = convolution(_rank)
    RECIPES[f"torch.conv_transpose{_rank}d"] = transposed(_rank)
    RECIPES[f"torch.nn.functional.max_pool{_rank}d"] = pool(_rank, maximum=True)
    RECIPES[f"torch.nn.functional.avg_pool{_rank}d"] = pool(_rank, maximum=False)
    for _kind in ("avg", "max"):
        RECIPES[f"torch.nn.functional.adaptive_{_kind}_pool{_rank}d"] = lambda draw, rank=_rank: [
            image(draw, rank),
            setting(draw, rank, 1, 2, 3),
        ]
for _rank in (1, 2):
    RECIPES[f"torch.nn.functional.lp_pool{_rank}d"] = lambda draw, rank=_rank: [
        image(draw, rank),
        draw.const(2.0),
        draw.const(2),
        keywords(draw, stride=(1, 2), ceil_mode=(True, False)),
    ]


def vector(draw: Draw, size: int) -> Both:
    return draw.tensor((size,), dtype=torch.float32)


@recipe("torch.nn.functional.batch_norm")
def batch_norm(draw: Draw) -> list[Any]:
    tensor = draw.tensor((2, 3, *draw.shape(0, 2)), dtype=torch.float32)
    plain = [draw.described(torch.ones(3), "plain") for _ in range(2)]
    weights = [vector(draw, 3), vector(draw, 3)] if draw.chance(50) else []
    return [tensor, *plain, *weights]


@recipe("torch.nn.functional.instance_norm")
def instance_norm(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 3, 4, *draw.one((), (5,))), dtype=torch.float32)]


@recipe("torch.nn.functional.layer_norm torch.nn.functional.rms_norm")
def layer_norm(draw: Draw) -> list[Any]:
    tensor = draw.tensor((*draw.shape(0, 3), 4), dtype=torch.float32)
    return [tensor, draw.tuple([4]), *([vector(draw, 4)] if draw.chance(50) else [])]


@recipe("torch.nn.functional.group_norm")
def group_norm(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 4, *draw.shape(0, 3)), dtype=torch.float32), draw.const(2)]


@recipe("torch.nn.functional.local_response_norm")
def local_response_norm(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 4, 3, *draw.one((), (2,))), dtype=torch.float32), draw.const(2)]


@recipe("torch.nn.functional.embedding")
def embedding(draw: Draw) -> list[Any]:
    return [draw.tensor(dtype=torch.int64, values="index"), draw.tensor((3, 4), dtype=torch.float32)]


@recipe("torch.nn.functional.pad")
def pad(draw: Draw) -> list[Any]:
    tensor = draw.tensor(ranks=(1, 4), dtype=draw.one(torch.float32, torch.int64))
    pairs = draw.number(1, tensor.real.dim())
    return [tensor, draw.tuple([draw.size(draw.one(0, 1, 2)) for _ in range(2 * pairs)])]


@recipe("torch.nn.functional.interpolate")
def interpolate(draw: Draw) -> list[Any]:
    tensor = draw.tensor(
        (2, 3, *(draw.one(2, 3, 4) for _ in range(draw.number(1, 3)))), dtype=draw.one(torch.float32, torch.uint8)
    )
    if draw.chance(50):
        return [tensor, {"size": draw.const(draw.one(3, 5))}]
    return [tensor, {"scale_factor": draw.const(draw.one(2, 2.0, 1.5, 0.5))}]


@recipe("torch.nn.functional.pixel_shuffle torch.pixel_shuffle")
def pixel_shuffle(draw: Draw) -> list[Any]:
    return [draw.tensor((*draw.one((), (2,)), 4, 3, 2), dtype=draw.one(torch.float32, torch.int64)), draw.const(2)]


@recipe("torch.nn.functional.pixel_unshuffle torch.pixel_unshuffle")
def pixel_unshuffle(draw: Draw) -> list[Any]:
    return [draw.tensor((*draw.one((), (2,)), 3, 4, 2), dtype=draw.one(torch.float32, torch.int64)), draw.const(2)]


@recipe("torch.nn.functional.channel_shuffle")
def channel_shuffle(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 4, 3, 2), dtype=torch.float32), draw.const(2)]


@recipe("torch.nn.functional.glu")
def glu(draw: Draw) -> list[Any]:
    tensor = draw.tensor((*draw.shape(0, 3), 4), dtype=torch.float32)
    return [tensor] if draw.chance(50) else [tensor, draw.const(-1)]


@recipe("torch.nn.functional.unfold")
def blocks(draw: Draw) -> list[Any]:
    more = keywords(
        draw, stride=setting(draw, 2, 1, 2), padding=setting(draw, 2, 0, 1), dilation=setting(draw, 2, 1, 2)
    )
    return [image(draw, 2), setting(draw, 2, 1, 2), more]


@recipe("torch.nn.functional.fold")
def fold(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 12, 4), dtype=torch.float32), draw.const(4), draw.const(2), {"stride": draw.const(2)}]


@recipe("torch.nn.functional.grid_sample")
def grid_sample(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 3, 4, 5), dtype=torch.float32), draw.tensor((2, 3, 2, 2), dtype=torch.float32)]


@recipe("torch.nn.functional.affine_grid")
def affine_grid(draw: Draw) -> list[Any]:
    return [draw.tensor((2, 2, 3), dtype=torch.float32), draw.tuple([2, 3, draw.size(4), draw.size(5)])]


# -- losses ----------------------------------------------------------------------------------------------------------


def reduction(draw: Draw) -> dict[str, Both]:
    return keywords(draw, reduction=("none", "mean", "sum"))


@recipe("torch.nn.functional.cross_entropy torch.nn.functional.nll_loss")
def classes(draw: Draw) -> list[Any]:
    space = draw.one((), (4,), (4, 5))
    tensor = draw.tensor((2, 3, *space), dtype=torch.float32)
    return [tensor, draw.tensor((2, *space), dtype=torch.int64, values="index"), reduction(draw)]


@recipe(
    "torch.nn.functional.mse_loss torch.nn.functional.smooth_l1_loss torch.nn.functional.huber_loss"
    " torch.nn.functional.kl_div torch.nn.functional.poisson_nll_loss"
)
def regression(draw: Draw) -> list[Any]:
    tensor = draw.tensor(dtype=torch.float32)
    shape = tuple(tensor.real.shape)
    target = draw.tensor(shape if draw.chance(70) else broadcastable(draw, shape), dtype=torch.float32)
    return [tensor, target, reduction(draw)]


RECIPES["torch.nn.functional.smooth_l1_loss"] = RECIPES["torch.nn.functional.huber_loss"] = regression


@recipe("torch.nn.functional.binary_cross_entropy torch.nn.functional.binary_cross_entropy_with_logits")
def binary(draw: Draw) -> list[Any]:
    tensor = draw.tensor(dtype=torch.float32, values="unit")
    return [tensor, draw.tensor(tuple(tensor.real.shape), dtype=torch.float32, values="index"), reduction(draw)]


@recipe("torch.nn.functional.gaussian_nll_loss")
def gaussian(draw: Draw) -> list[Any]:
    tensor = draw.tensor((2, 3), dtype=torch.float32)
    return [
        tensor,
        draw.tensor((2, 3), dtype=torch.float32),
        draw.tensor((2, 3), dtype=torch.float32, values="unit"),
        reduction(draw),
    ]


@recipe("torch.nn.functional.hinge_embedding_loss torch.nn.functional.soft_margin_loss")
def signs(draw: Draw) -> list[Any]:
    tensor = draw.tensor(dtype=torch.float32)
    return [tensor, draw.tensor(tuple(tensor.real.shape), dtype=torch.float32), reduction(draw)]


@recipe("torch.nn.functional.multi_margin_loss")
def multi_margin(draw: Draw) -> list[Any]:
    return [
        draw.tensor((2, 3), dtype=torch.float32),
        draw.tensor((2,), dtype=torch.int64, values="index"),
        reduction(draw),
    ]


@recipe("torch.nn.functional.multilabel_margin_loss")
def multilabel_margin(draw: Draw) -> list[Any]:
    return [
        draw.tensor((2, 3), dtype=torch.float32),
        draw.tensor((2, 3), dtype=torch.int64, values="index"),
        reduction(draw),
    ]


@recipe("torch.nn.functional.multilabel_soft_margin_loss")
def multilabel_soft(draw: Draw) -> list[Any]:
    return [
        draw.tensor((2, 3), dtype=torch.float32),
        draw.tensor((2, 3), dtype=torch.float32, values="index"),
        reduction(draw),
    ]


@recipe("torch.nn.functional.margin_ranking_loss")
def ranking(draw: Draw) -> list[Any]:
    return [*(draw.tensor((3,), dtype=torch.float32) for _ in range(3)), reduction(draw)]


@recipe("torch.nn.functional.cosine_embedding_loss")
def cosine(draw: Draw) -> list[Any]:
    return [
        *(draw.tensor((2, 3), dtype=torch.float32) for _ in range(2)),
        draw.described(torch.ones(2), "plain"),
        reduction(draw),
    ]


@recipe("torch.nn.functional.triplet_margin_loss")
def triplet(draw: Draw) -> list[Any]:
    return [*(draw.tensor((2, 3), dtype=torch.float32) for _ in range(3)), reduction(draw)]


@recipe("torch.nn.functional.ctc_loss")
def ctc(draw: Draw) -> list[Any]:
    lengths = [draw.described(torch.tensor(numbers), "plain") for numbers in ([5, 5], [2, 2])]
    return [
        draw.tensor((5, 2, 3), dtype=torch.float32),
        draw.described(torch.ones(2, 2, dtype=torch.int64), "plain"),
        *lengths,
    ]
